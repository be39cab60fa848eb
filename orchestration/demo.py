"""The demonstration: a county, the main job, a bad delivery, and what it did not change.

Add here: what a newcomer should see in the first three minutes. Keep out: anything the
real job needs.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration import pipeline, server, summary, timeliness, warehouse
from orchestration.errors import UsageError
from orchestration.progress import say
from orchestration.settings import Settings

SEED = 2026


@dataclass(frozen=True)
class DemoResult:
    summary: dict[str, Any]
    score: dict[str, Any]
    held: list[dict[str, Any]]
    untouched: bool
    look_next: dict[str, str]
    exit_code: int

    @property
    def held_sentence(self) -> str:
        return "; ".join(
            f"{row['agency']}/{row['file']} {row['delivery']} by "
            f"{sum(rule['severity'] == 'critical' for rule in row['failed_rules'])} critical rules"
            for row in self.held
        )

    @property
    def untouched_sentence(self) -> str:
        tables = len(self.summary["tables"])
        if self.untouched:
            return f"the rows of all {tables} published tables are the same before and after"
        return "NOT so: a published table changed although its delivery was held"


def run(
    settings: Settings, *, persons: int, months: int, echo: Callable[[str], None]
) -> DemoResult:
    """Run the demonstration; a second run finds everything done and only reports.

    Raises UsageError when the warehouse holds deliveries of another origin.
    """
    if settings.database_url is None:
        server.start(settings, keep=True)
        echo("warehouse is up")
    settings.make_folders()
    county = settings.home / "demo"
    _refuse_real_warehouse(settings, county)
    _ensure_county(county, persons, months, echo)
    observed = county / "observed"

    card = json.loads((county / "county.json").read_text())
    last_good = max(path.name for path in observed.glob("*/*") if path.name < card["bad_delivery"])
    with warehouse.connect(settings) as connection:
        # Otherwise the county, whose months are past, would be late with everything.
        timeliness.set_clock(connection, timeliness.last_day(card["bad_delivery"]))
    first = pipeline.run(settings, observed, through=last_good, echo=echo)
    if not first.accepted and not first.built:
        echo(
            f"nothing new: {first.known} files were loaded before; nothing is loaded twice, and "
            "every person keeps the same id"
        )
    before = summary.summary(settings)["tables"]
    second = pipeline.run(settings, observed, echo=echo)
    facts = summary.summary(settings)
    held = [row for row in summary.deliveries(settings) if row["status"] == "held"]

    say("scoring the linkage")
    from orchestration import linkage

    score = linkage.score(settings, county / "truth")
    pages = (
        pipeline.make_docs(settings)
        if first.built or second.held
        else pipeline.existing_docs(settings)
    )
    untouched = before == facts["tables"]
    expected = not first.held and not first.rejected and len(held) == 1 and untouched
    return DemoResult(
        summary=facts,
        score=score,
        held=held,
        untouched=untouched,
        look_next={
            "warehouse": f"{_address(settings)}   ({_command()} psql; {_command()} down stops it)",
            **{name: str(path) for name, path in pages.items()},
            "deliveries": f"{_command()} deliveries",
            "Dagster UI": "make ui",
        },
        exit_code=0 if expected else 1,
    )


def reset(settings: Settings) -> None:
    """Stop the demo's warehouse and delete it with everything the demo made.

    Raises UsageError, and deletes nothing, when it holds files that are not the demo's.
    """
    if settings.database_url:
        raise UsageError(
            "LIFECOURSE_DATABASE_URL names a server of your own; unset it to delete the demo."
        )
    if (settings.home / "postgres").exists():
        _refuse_real_warehouse(settings, settings.home / "demo")
        server.remove(settings)
    for name in ("demo", "dagster", "docs", "logs", "dbt"):
        shutil.rmtree(settings.home / name, ignore_errors=True)


def _command() -> str:
    """How this shell calls lifecourse: by its name only where that is on PATH."""
    return "lifecourse" if shutil.which("lifecourse") else os.path.relpath(sys.argv[0])


def _address(settings: Settings) -> str:
    if settings.database_url:
        return "the server of LIFECOURSE_DATABASE_URL"
    return str(server.status(settings)["url"])


def _refuse_real_warehouse(settings: Settings, county: Path) -> None:
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        places = [row[0] for row in connection.execute("select path from quality.load")]
    other = sum(not (county / "observed" / place).exists() for place in places)
    if other:
        raise UsageError(
            f"This warehouse holds {other} files that are not the demo's; run the demo with "
            "LIFECOURSE_HOME set to an empty folder and without LIFECOURSE_DATABASE_URL."
        )


def _ensure_county(county: Path, persons: int, months: int, echo: Callable[[str], None]) -> None:
    wanted = {"persons": persons, "months": months, "seed": SEED}
    card = county / "county.json"
    if card.exists():
        made = json.loads(card.read_text())
        if all(made.get(name) == value for name, value in wanted.items()):
            return
        raise UsageError(
            f"The demo's county in {county} was made with other settings; run `make clean-demo` "
            "first."
        )
    from orchestration import county as library

    say("making the county", stage=True)
    library.generate(county, **wanted, progress=say)
    echo(f"county of {persons:,} persons: {months} monthly deliveries and a bad one")
