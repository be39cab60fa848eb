"""Teachers of the public schools: staff, sections with their teacher of record, rosters, absences.

staff.csv and sections.csv are whole; rosters_YYYY-MM.csv counts who sits in which section on the
first of October and of March; staff_absences_YYYY-MM.csv is the month (the first delivery
everything since August). Quirks: a teacher of record who changes during the year, rosters that
miss whoever came after the count, half days, the staff number of a colleague never reused.

Codes. position: TCH. sex: F, M. subject: HR homeroom, ELA, MATH, SCI. reason: SICK, PERS personal,
PROF professional duty. Add here: other staff. Keep out: students (k12.py, k12_daily.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import attendance, school
from orchestration.county.lives import classes as life
from orchestration.county.records import Habits, numbers, title, write_down
from orchestration.county.timeline import OPEN, dates, month_of, month_start
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.006, nickname=0.03, middle_blank=0.3, middle_initial=0.6,
                 suffix_kept=0.7, dob_digit=0.002, day_month_swap=0.002, ssn_digit=0.003,
                 ssn_borrowed=0.0, old_surname=0.03)  # fmt: skip
_COUNTS = (10, 3)


def prepare(world: World) -> dict:
    """What does not change from delivery to delivery."""
    rows: life.Classes = world.lives["classes"]
    n = len(rows.teacher)
    one = write_down(world, rows.teacher, rows.hired, _HABITS, "k12 staff")
    section = np.char.add(
        np.char.add(digits(rows.section_year, 4), "-"),
        digits(np.arange(len(rows.section_year)), 7),
    )
    last4 = np.array([v[-4:] for v in one.ssn.tolist()], dtype=object)
    return {
        "staff_id": coded(np.char.add("T", numbers(world, "k12 staff", n, 10**5, 10**6))),
        "first_name": coded(title(one.first)), "middle_name": coded(title(one.middle)),
        "last_name": coded(title(one.last)), "suffix": coded(title(one.suffix)),
        "birth_date": dates(one.dob), "sex": coded(one.sex), "ssn_last4": coded(last4),
        "section_id": coded(section),
    }  # fmt: skip


def deliver(
    world: World, desk: Desk, i: int, made: dict, student: Callable[[np.ndarray], Coded],
    school_ids: np.ndarray,
) -> None:  # fmt: skip
    """Write the staff files of delivery i. student: rows of the enrolments -> their ids."""
    window = world.window
    as_of, folder, month = window.as_of(i), window.folder(i), window.first + i
    rows: life.Classes = world.lives["classes"]
    here = np.flatnonzero(rows.hired <= as_of)
    columns = {
        "staff_id": made["staff_id"][here],
        **{k: made[k][here] for k in ("first_name", "middle_name", "last_name", "suffix",
                                      "birth_date", "sex", "ssn_last4")},
        "position": Coded(np.zeros(len(here), dtype=np.int64), ("TCH",)),
        "school_id": Coded(rows.at_school[here], school_ids),
        "hire_date": dates(rows.hired[here]),
        # the last day of employment
        "exit_date": dates(np.where(rows.left[here] <= as_of, rows.left[here] - 1, OPEN)),
    }  # fmt: skip
    desk.put("k12", folder, "staff.csv", columns)
    desk.record("k12_staff", columns["staff_id"], rows.teacher[here])
    current = school.school_year(as_of)
    year = rows.section_year[rows.taught]
    shown = np.flatnonzero((year >= current - 1) & (year <= current) & (rows.taught_from <= as_of)
                           & (rows.hired[rows.taught_by] <= as_of))  # fmt: skip
    at = rows.taught[shown]
    over = np.where(rows.taught_until[shown] <= as_of, rows.taught_until[shown] - 1, OPEN)
    grades = ("PK", "KG", *(f"{g:02d}" for g in range(1, 13)))
    columns = {
        "section_id": made["section_id"][at],
        "school_id": Coded(rows.section_school[at], school_ids),
        "school_year": rows.section_year[at],
        "subject": Coded(rows.section_subject[at], [s[0] for s in life.SUBJECTS]),
        "grade_level": Coded(rows.section_grade[at] + 1, grades),
        "staff_id": made["staff_id"][rows.taught_by[shown]],
        "assignment_start_date": dates(rows.taught_from[shown]),
        "assignment_end_date": dates(over),
    }
    desk.put("k12", folder, "sections.csv", columns)
    for counted in _counts(window.first, month, i == 0):
        _roster(world, desk, folder, counted, rows, made, student)
    sent = np.maximum(month_of(rows.missed_on), window.first)
    shown = np.flatnonzero(sent == month)
    by = rows.missed_by[shown]
    columns = {
        "staff_id": made["staff_id"][by],
        "absence_date": dates(rows.missed_on[shown]),
        "absence_fraction": Coded(rows.missed_half[shown].astype(np.int64), ("1.0", "0.5")),
        "reason": Coded(rows.missed_why[shown], ("SICK", "PERS", "PROF")),
    }
    desk.put("k12", folder, f"staff_absences_{folder}.csv", columns)


def _counts(first: int, month: int, backlog: bool) -> list[int]:
    """The counts that a delivery hands over: its own month's, and at first the one before."""
    own = [month] if month % 12 + 1 in _COUNTS else []
    if backlog and not own:
        own = [next(m for m in range(first, first - 13, -1) if m % 12 + 1 in _COUNTS)]
    return own


def _roster(world: World, desk: Desk, folder, counted: int, rows, made, student) -> None:
    enrolled: school.Enrolments = world.lives["school"]
    on = int(month_start(np.array([counted]))[0])
    row = rows.seat_row
    there = np.flatnonzero(
        (enrolled.year[row] == school.school_year(on)) & (enrolled.entry[row] <= on)
        & (enrolled.true_exit[row] >= on)
    )  # fmt: skip
    section = rows.seat_section[there]
    columns = {
        "section_id": made["section_id"][section],
        "student_id": student(row[there]),
        "count_date": dates(np.full(len(there), on)),
    }
    # a pupil of two schools sits in two homerooms, never twice in one section
    key = section * (int(enrolled.person.max()) + 1) + enrolled.person[row[there]]
    _, once = np.unique(key, return_index=True)
    name = f"rosters_{attendance.label(counted)}.csv"
    desk.put("k12", folder, name, {k: v[once] for k, v in columns.items()})
    desk.record("k12", columns["student_id"][once], enrolled.person[row[there]][once])
