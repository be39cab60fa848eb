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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import UnusableEnvironment, UsageError

if TYPE_CHECKING:
    from orchestration.county.lives import Spells
    from orchestration.county.world import World

VERSION = "2"


@dataclass(frozen=True)
class CountySummary:
    """What was made. rows: data rows by agency; truth: rows by truth file; size: bytes of the
    delivered files; seconds: wall time; memory: bytes of the largest process at its peak; cpu:
    processor time of the world, the lives, each agency and the truth, in seconds."""

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
    size: int
    seconds: float
    memory: int
    cpu: dict[str, float]


def generate(
    out: Path,
    *,
    persons: int = 20_000,
    months: int = 6,
    seed: int = 2026,
    bad_delivery: bool = True,
    start: str = "2025-01",
    processes: int | None = None,
    hmis_csv: str = "2026",
    progress: Callable[[str], None] | None = None,
) -> CountySummary:
    """Write OUT/observed/<agency>/<delivery>/..., OUT/truth/*.csv and OUT/county.json.

    persons: how many live in the county when it starts (at least 500; the files also know those
    who died, left or came). months: monthly deliveries from `start` (YYYY-MM) on.
    hmis_csv: fiscal year of the homeless services' format; "2024" is handed over as hmis_2024.
    bad_delivery: also write the spoilt benefits file of the month after the last.
    processes: how many agencies write at a time (None: as suits size and machine); the bytes
    are the same. county.json is written last: a folder without its figures is not finished.
    Raises UsageError for arguments out of range and for an OUT that holds anything else,
    UnusableEnvironment when the disk is full. After any error nothing of the county is left.
    """
    began = time.perf_counter()
    out = Path(out)
    _check(out, persons, months, start)
    if processes is not None and processes < 1:
        raise UsageError(f"{processes} processes cannot work; ask for 1 or more.")
    if hmis_csv not in ("2024", "2026"):
        raise UsageError(f"There is no HMIS CSV format {hmis_csv!r} here; ask for 2024 or 2026.")
    say = progress or (lambda message: None)

    from orchestration.county import handover, timeline, truth, world

    window = timeline.window(start, months)
    bad = window.folder(months) if bad_delivery else None
    cpu: dict[str, float] = {}
    with _folder(out):
        say("people, families and homes")
        clock = time.process_time()
        county = world.build(window, persons, seed)
        county.hmis_csv = hmis_csv
        cpu["world"] = time.process_time() - clock
        say("school, work, assistance, homelessness, custody")
        spells = _live(county)
        cpu["lives"] = time.process_time() - clock - cpu["world"]
        count = handover.processes(persons, processes)
        handed = handover.run(county, out, bad, count, say)
        cpu.update({one.agency: one.cpu for one in handed})
        say("truth")
        clock = time.process_time()
        rows = truth.write(county, handed, spells, out)
        cpu["truth"] = time.process_time() - clock
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
        files=sum(h.files for h in handed),
        rows={h.agency: h.rows for h in handed},
        truth=rows,
        size=sum(h.size for h in handed),
        seconds=time.perf_counter() - began,
        memory=_peak_memory(),
        cpu={step: round(spent, 1) for step, spent in cpu.items()},
    )


def _live(county: World) -> list[Spells]:
    """Fill county.lives, in an order in which each finds what it needs; the true spells."""
    from orchestration.county.lives import (
        adult_protection,
        assistance,
        attendance,
        care,
        child_care,
        child_welfare,
        classes,
        coverage,
        custody,
        early_intervention,
        hardship,
        head_start,
        homelessness,
        justice,
        renting,
        school,
        ssi,
        support,
        utilities,
        work,
    )

    lives = county.lives
    lives["school"] = school.history(county)
    lives["assistance"] = assistance.history(county)
    lives["work"] = work.history(county)
    lives["homelessness"] = homelessness.history(county)
    lives["custody"] = custody.history(county)
    lives["child_welfare"] = child_welfare.history(county)
    lives["attendance"] = attendance.history(county)
    lives["classes"] = classes.history(county)
    lives["justice"] = justice.history(county)
    lives["renting"] = renting.history(county)
    lives["child_support"] = support.history(county)
    lives["child_care"] = child_care.history(county)
    lives["head_start"] = head_start.history(county)
    lives["early_intervention"] = early_intervention.history(county)
    lives["adult_protection"] = adult_protection.history(county)
    lives["pantry"] = hardship.pantry(county)
    lives["helpline"] = hardship.calls(county)
    lives["utilities"] = utilities.history(county)
    lives["ssi"] = ssi.history(county)
    lives["coverage"] = coverage.history(county)
    lives["care"] = care.history(county)
    return [
        school.spells(lives["school"]),
        assistance.spells(county, lives["assistance"]),
        work.spells(county, lives["work"]),
        homelessness.spells(lives["homelessness"]),
        custody.spells(lives["custody"]),
        child_welfare.spells(lives["child_welfare"]),
        renting.spells(county, lives["renting"]),
        support.spells(county, lives["child_support"]),
        child_care.spells(county, lives["child_care"]),
        head_start.spells(county, lives["head_start"]),
        early_intervention.spells(county, lives["early_intervention"]),
        ssi.spells(county, lives["ssi"]),
        coverage.spells(lives["coverage"]),
    ]


def _peak_memory() -> int:
    """Bytes of this process or of the largest one it forked, at its peak."""
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return unit * max(resource.getrusage(who).ru_maxrss for who in whose)


def _check(out: Path, persons: int, months: int, start: str) -> None:
    import re

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


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """OUT cleared of the county that was there before, and cleared again if making this one
    fails: a part of a county looks like a county whose agencies delivered nothing."""
    import errno

    there = out.is_dir()
    _clear(out)
    # county.json goes last when written and first when removed, and marks the folder as ours
    (out / "county.json").write_text("{}\n", encoding="utf-8")
    try:
        yield
    except BaseException as error:
        _clear(out)
        if not there:
            out.rmdir()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UnusableEnvironment(
                f"The disk of {out} is full and the unfinished county was removed; free space, "
                "or ask for fewer persons or months."
            ) from error
        raise


def _clear(out: Path) -> None:
    """Make the folder and remove a county from it: only observed/, truth/ and county.json."""
    import shutil

    out.mkdir(parents=True, exist_ok=True)
    for name in ("observed", "truth"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "county.json").unlink(missing_ok=True)
