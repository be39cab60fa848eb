"""Head Start and Early Head Start: enrolments of this program year and the two before.

enrollments.csv, a snapshot in title case; a program year is written 2024-2025. attendance_days
are those up to the day of the extract.
Quirks: a child gets a new id when it goes from Early Head Start to Head Start; a change of center
is an exit and an entry on the day after; children who were enrolled and never came, with no day
of attendance; exits at the end of the year entered weeks later; birth dates of a few who were
enrolled before the birth certificate was seen.

Codes. program_type: HS, EHS. sex: F, M, X. race_ethnicity: 1 American Indian or Alaska Native,
2 Asian, 3 Black, 4 Hispanic, 5 White, 6 Pacific Islander, 7 two or more. eligibility: INC income,
PUB public assistance, HML homeless, FST foster care, OVR over income. exit_reason: C end of the
program year, T transfer to another center, W withdrew, N never attended. has_iep: Y, N.
Add here: health screenings. Keep out: state pre-kindergarten (k12.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import digits, ranks
from orchestration.county.delivery import Columns, Desk
from orchestration.county.lives import head_start as life
from orchestration.county.records import Habits, address_lines, entered, numbers, open_ledger, title
from orchestration.county.timeline import OPEN, dates, month_of
from orchestration.county.world import World

_RACE = np.array(["5", "3", "2", "1", "6", "4", "7"])
_HABITS = Habits(name_typo=0.013, nickname=0.03, middle_blank=0.4, middle_initial=0.2,
                 suffix_kept=0.5, day_month_swap=0.005, ssn_blank=1, accents=0.2)  # fmt: skip
_NAMES = np.array(["Ferris Street", "Old Mill", "Northgate", "Harbor", "Juniper", "Westside",
                   "Valley", "Lakeview", "Garden", "Union Hall"])  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write enrollments.csv of every delivery."""
    window = world.window
    rows: life.Enrolments = world.lives["head_start"]
    who, at = np.unique(rows.person, return_index=True)
    ledger = open_ledger(world, who, rows.entry[at], _HABITS, "head start", twice=0.01)
    record = ledger.record(rows.person, rows.entry)
    m = len(ledger.person)
    # one number for each record and program
    number = digits(numbers(world, "head start", 2 * m, 10**5, 10**8).astype(np.int64), 8)
    ids = np.char.add("HS", number)[record * 2 + rows.early]
    rng = world.stream("head start records")
    known = entered(np.where(rows.leaves == "C", rows.exit + 10, rows.exit), rng, days=4, late=0.03)
    no_sex = rng.random(m) < 0.004
    iep = world.uniform("early special education", rows.person) < 0.12
    address = world.address_at(rows.person, rows.entry)
    lines = [title(c) for c in address_lines(world, rows.person, address, "head start")]
    zip_ = world.addresses.zip[np.maximum(address, 0)]
    eligibility = _eligibility(world, rows)
    names = np.array([f"{_NAMES[k % len(_NAMES)]} Head Start Center{_again(k)}"
                      for k in range(life.centers(world))])  # fmt: skip
    years = np.array([f"{y}-{y + 1}" for y in range(1970, 2200)])
    rate = 0.80 + 0.16 * world.uniform("head start attendance", rows.person)
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        current = life.program_year(as_of)
        shown = np.flatnonzero((rows.entry <= as_of) & (rows.year >= current - 2))
        one = ledger.identity(i).take(record[shown])
        gone = (rows.exit[shown] <= as_of) & (known[shown] <= as_of)
        until = np.minimum(rows.exit[shown], as_of)
        # five days of seven, less holidays
        days = np.floor((until - rows.entry[shown] + 1) * (5 / 7) * 0.93 * rate[shown])
        days = np.where(rows.real[shown], np.maximum(days, 1), 0).astype(np.int64)
        sex = np.where(no_sex[record[shown]], "X", one.sex)
        columns: Columns = {
            "program_year": years[rows.year[shown] - 1970],
            "program_type": np.where(rows.early[shown], "EHS", "HS"),
            "center_id": np.char.add("C", digits(rows.center[shown] + 1, 4)),
            "center_name": names[rows.center[shown]],
            "child_id": ids[shown],
            "first_name": title(one.first),
            "middle_name": title(one.middle),
            "last_name": title(one.last),
            "suffix": title(one.suffix),
            "birth_date": dates(one.dob),
            "sex": sex,
            "race_ethnicity": _RACE[world.people.race[rows.person[shown]]],
            "home_street": lines[0][shown],
            "home_unit": lines[1][shown],
            "home_city": lines[2][shown],
            "home_zip": zip_[shown],
            "eligibility": eligibility[shown],
            "has_iep": np.where(iep[shown], "Y", "N"),
            "entry_date": dates(rows.entry[shown]),
            "exit_date": dates(np.where(gone, rows.exit[shown], OPEN)),
            "exit_reason": np.where(gone, rows.leaves[shown], ""),
            "attendance_days": days,
        }
        order = np.lexsort((rows.entry[shown], ranks(columns["child_id"]), rows.year[shown]))
        desk.put("head_start", folder, "enrollments.csv", {k: v[order] for k, v in columns.items()})
        desk.record("head_start", ids[shown], rows.person[shown])


def _again(k: int) -> str:
    """The name of a center that has the name of another."""
    return f" {k // len(_NAMES) + 1}" if k >= len(_NAMES) else ""


def _eligibility(world: World, rows: life.Enrolments) -> np.ndarray:
    """Why a child was taken, at its entry."""
    care = world.lives["child_welfare"].removals
    key = care.person * (4 * OPEN) + care.start
    at = np.searchsorted(key, rows.person * (4 * OPEN) + rows.entry, side="right") - 1
    at = np.maximum(at, 0)
    foster = np.zeros(len(rows.person), dtype=bool)
    if len(key):
        foster = (care.person[at] == rows.person) & (care.end[at] > rows.entry)
    homeless = np.isin(rows.person, world.lives["homelessness"].person)
    tanf = world.lives["assistance"].tanf
    month = month_of(rows.entry)
    helped = np.isin(rows.person * 10_000 + month, tanf.person * 10_000 + tanf.month)
    over = world.uniform("over income", rows.person) < 0.07
    return np.select([foster, homeless, helped, over], ["FST", "HML", "PUB", "OVR"], "INC")
