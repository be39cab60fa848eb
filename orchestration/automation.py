"""What starts by itself: a sensor on the deliveries folder, schedules by the contracts' rhythm.

All are stopped until someone turns them on in the UI (Automation). Every run they start is the
job run_pipeline, which does what `lifecourse run` does. Add here: a reason to start a run.
Keep out: what a run does (pipeline, pulling, timeliness).
"""

# No `from __future__ import annotations`: Dagster reads the annotations of these functions.
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from orchestration import settings as settings_module
from orchestration.jobs import LATENESS, RUN
from orchestration.landing.contracts import Contract
from orchestration.landing.discovery import PASSED_OVER
from orchestration.timeliness import RHYTHMS

SENSOR = "new_deliveries"
# A minute is soon enough for files that come by the day or month; two looks at the folder tell
# whether a file is still being written (2026-11-25).
LOOK_EVERY_SECONDS = 60
# Before the working day, after the exports of the night (2026-11-25).
EVERY_MORNING = "0 5 * * *"


def listing(deliveries: Path) -> str | None:
    """A hash of the names, sizes and times of all delivered files; None when there are none."""
    digest = hashlib.sha256()
    found = False
    for path in sorted(deliveries.rglob("*")):
        inside = path.relative_to(deliveries).parts
        if any(PASSED_OVER.fullmatch(part) for part in inside) or not path.is_file():
            continue
        found = True
        stat = path.stat()
        digest.update(f"{'/'.join(inside)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest() if found else None


@dg.sensor(name=SENSOR, job_name=RUN, minimum_interval_seconds=LOOK_EVERY_SECONDS)
def new_deliveries(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Takes in what is new in the deliveries folder, once no file of it changes any more."""
    folder = settings_module.load().deliveries
    if not folder.is_dir():
        return dg.SkipReason(f"There is no deliveries folder at {folder} yet.")
    found = listing(folder)
    last = json.loads(context.cursor or "{}")
    if found is None or found == last.get("taken"):
        return dg.SkipReason("Nothing new.")
    if found != last.get("seen"):
        # Not settled: judged again at the next look.
        return dg.SensorResult(
            skip_reason="Something new; it is taken in when it has stayed the same for a minute.",
            cursor=json.dumps({**last, "seen": found}),
        )
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=found)],
        cursor=json.dumps({"seen": found, "taken": found}),
    )


def schedules(contracts: Iterable[Contract]) -> list[dg.ScheduleDefinition]:
    """One for each rhythm that a contract has, and one that looks for what is late."""
    by_rhythm: dict[str, list[Contract]] = {}
    for contract in contracts:
        if contract.frequency in RHYTHMS and contract.access_class != "unavailable":
            by_rhythm.setdefault(contract.frequency, []).append(contract)
    return [
        *(_pull_when_owed(rhythm, by_rhythm[rhythm]) for rhythm in RHYTHMS if rhythm in by_rhythm),
        dg.ScheduleDefinition(
            name="lateness_each_morning",
            job_name=LATENESS,
            cron_schedule=EVERY_MORNING,
            description="Judges which deliveries are late, and tells the stewards.",
        ),
    ]


def _pull_when_owed(rhythm: str, contracts: list[Contract]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"pull_{re.sub(r'[^a-z]+', '_', rhythm)}",
        job_name=RUN,
        cron_schedule=EVERY_MORNING,
        description=f"Every morning, for {rhythm} files: pulls those whose period is over and "
        "which have not come, then takes them in. No run while nothing is owed.",
    )
    def pull_when_owed(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from orchestration import pulling, timeliness

        settings = settings_module.load()
        served = pulling.served(settings, contracts)
        if not served:
            return dg.SkipReason(f"No server is named for a {rhythm} file.")
        day = context.scheduled_execution_time.date()
        rows = timeliness.expected(settings, today=day)
        # A file that never came has no row: nobody knows since when it is owed.
        on_time = {f"{row['agency']}/{row['file']}" for row in rows} - {
            f"{row['agency']}/{row['file']}" for row in rows if row["state"] in ("due", "late")
        }
        wanted = sorted({f"{c.agency}/{c.file}" for c in served} - on_time)
        if not wanted:
            return dg.SkipReason(f"No {rhythm} file is owed.")
        return dg.RunRequest(
            run_key=f"{rhythm} {day}",
            run_config={"ops": {"take_in": {"config": {"pull": wanted}}}},
        )

    return pull_when_owed
