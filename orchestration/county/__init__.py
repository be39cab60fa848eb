"""The fictional county: a population, its true life courses, and what its agencies deliver.

A part of the product (demonstration, training, tests), not of the pipeline: nothing else reads
it. population, households, lives/ make what truly happened; records, noise and agencies/ turn
it into files with each agency's layout and errors; truth.py writes what only the scorer reads.
The same arguments give the same bytes. Add here: a new top-level step of generate().
Keep out: everything with a home above.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

VERSION = "1"


@dataclass(frozen=True)
class CountySummary:
    """What was made. rows: data rows by agency; truth: rows by truth file; seconds: wall time."""

    out: Path
    persons: int
    months: int
    seed: int
    first_delivery: str
    last_delivery: str
    bad_delivery: str | None
    files: int
    rows: dict[str, int]
    truth: dict[str, int]
    seconds: float


def generate(
    out: Path,
    *,
    persons: int = 20_000,
    months: int = 6,
    seed: int = 2026,
    bad_delivery: bool = True,
    start: str = "2025-01",
    progress: Callable[[str], None] | None = None,
) -> CountySummary:
    """Write OUT/observed/<agency>/<delivery>/..., OUT/truth/*.csv and OUT/county.json.

    persons: how many live in the county when it starts (at least 500; the files also know those
    who died, left or came). months: monthly deliveries from `start` (YYYY-MM) on.
    bad_delivery: also write the spoilt benefits file of the month after the last.
    Raises UsageError for arguments out of range and for an OUT that holds anything else.
    """
    began = time.perf_counter()
    out = Path(out)
    _check(out, persons, months, start)
    say = progress or (lambda message: None)

    import numpy as np

    from orchestration.county import agencies, faults, timeline, truth, world
    from orchestration.county.delivery import Desk
    from orchestration.county.lives import (
        assistance,
        child_care,
        child_welfare,
        custody,
        hardship,
        homelessness,
        school,
        utilities,
        work,
    )

    window = timeline.window(start, months)
    say("people, families and homes")
    county = world.build(window, persons, seed)
    say("school, work, assistance, homelessness, custody")
    lives = county.lives
    lives["school"] = school.history(county)
    lives["assistance"] = assistance.history(county)
    lives["work"] = work.history(county)
    lives["homelessness"] = homelessness.history(county)
    lives["custody"] = custody.history(county)
    lives["child_welfare"] = child_welfare.history(county)
    lives["child_care"] = child_care.history(county)
    lives["pantry"] = hardship.pantry(county)
    lives["helpline"] = hardship.calls(county)
    lives["utilities"] = utilities.history(county)
    spells = [
        school.spells(lives["school"]),
        assistance.spells(county, lives["assistance"]),
        work.spells(county, lives["work"]),
        homelessness.spells(lives["homelessness"]),
        custody.spells(lives["custody"]),
        child_welfare.spells(lives["child_welfare"]),
        child_care.spells(county, lives["child_care"]),
    ]
    _clear(out)
    desk = Desk(out)
    last = {}
    for name, deliver in agencies.ALL.items():
        say(f"files of {name}")
        last[name] = deliver(county, desk)
    bad = None
    if bad_delivery:
        year, month = divmod(window.first + months, 12)
        bad = f"{year + 1970:04d}-{month + 1:02d}"
        next_month = dict(last["benefits"])
        next_month["report_month"] = np.full(len(next_month["report_month"]), bad)
        issued = [f"{bad[5:]}{v[2:6]}{bad[:4]}" for v in next_month["issued_date"].tolist()]
        next_month["issued_date"] = np.array(issued)
        spoilt = faults.spoil(next_month, faults.BAD["benefits"], county.stream("faults"))
        desk.put("benefits", bad, f"case_members_{bad}.csv", spoilt)
    desk.close()
    say("truth")
    rows = truth.write(county, desk, spells, out)
    about = {
        "persons": persons,
        "months": months,
        "seed": seed,
        "start": start,
        "bad_delivery": bad,
        "version": VERSION,
    }
    (out / "county.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return CountySummary(
        out=out,
        persons=persons,
        months=months,
        seed=seed,
        first_delivery=window.folder(0),
        last_delivery=window.folder(months - 1),
        bad_delivery=f"benefits/{bad}" if bad else None,
        files=sum(len(f) for f in desk.files.values()),
        rows=desk.rows,
        truth=rows,
        seconds=time.perf_counter() - began,
    )


def _check(out: Path, persons: int, months: int, start: str) -> None:
    import re

    from orchestration.errors import UsageError

    if persons < 500:
        raise UsageError(f"A county of {persons} persons is too small; ask for at least 500.")
    if not 1 <= months <= 60:
        raise UsageError(f"{months} months cannot be delivered; ask for 1 to 60.")
    if not re.fullmatch(r"(199\d|20\d\d)-(0[1-9]|1[0-2])", start):
        raise UsageError(f"The first month {start!r} is not a month; write it as 2025-01.")
    if out.is_file():
        raise UsageError(f"{out} is a file; name a folder for the county.")
    if out.is_dir() and any(out.iterdir()) and not (out / "county.json").is_file():
        raise UsageError(
            f"The folder {out} holds something other than a county; name an empty folder."
        )


def _clear(out: Path) -> None:
    """Remove the county that was there before: only observed/, truth/ and county.json."""
    import shutil

    out.mkdir(parents=True, exist_ok=True)
    # county.json goes last when written and first when removed, and marks the folder as ours
    for name in ("observed", "truth"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "county.json").write_text("{}\n", encoding="utf-8")
