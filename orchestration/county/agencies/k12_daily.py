"""Daily attendance of the public schools: absences as events, discipline, calendar, submissions.

Only absences are reported: a day of membership without one was attended, if the school has
reported its month. absences_YYYY-MM.csv holds what the schools sent in during a month (the first
delivery everything since August), submissions.csv when each school reported each month.
Quirks: every month a school reports a month late, which reads as perfect attendance; absences that
are corrected a month later, to excused or to present; half days; students whose id was changed.

Codes. attendance_status: ExcusedAbsence, UnexcusedAbsence, Present (takes an absence back).
absent_category: ILL illness, FAM family, MED medical, SKP skipping, UNK unknown, DIS disciplinary.
action: ISS and OSS, suspension in and out of school. behavior: DISR disruption, FIGHT, ATTN
attendance, SUBST substances, OTHR. Add here: tardies. Keep out: enrolments (k12.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import attendance as life
from orchestration.county.lives import school
from orchestration.county.timeline import OPEN, dates, month_of, month_start
from orchestration.county.world import World

_CATEGORIES = ("ILL", "FAM", "MED", "SKP", "UNK", "DIS")
_STATUSES = ("ExcusedAbsence", "UnexcusedAbsence", "Present")
_BEHAVIORS = ("DISR", "FIGHT", "ATTN", "SUBST", "OTHR")


def deliver(
    world: World, desk: Desk, i: int, student: Callable[[np.ndarray], Coded],
    school_ids: np.ndarray, districts: tuple[str, ...],
) -> None:  # fmt: skip
    """Write the daily files of delivery i. student: rows of the enrolments -> their ids."""
    window = world.window
    as_of, folder, month = window.as_of(i), window.folder(i), window.first + i
    lived: life.Attendance = world.lives["attendance"]
    rows: school.Enrolments = world.lives["school"]
    missed = lived.absences
    sent = lived.reported[rows.school[missed.row], month_of(missed.on) - lived.first_month]
    sent = np.maximum(sent, window.first)
    new = np.flatnonzero(sent == month)
    again = np.flatnonzero((sent + 1 == month) & (missed.becomes > 0) & (missed.on <= as_of))
    at = np.concatenate([new, again])
    corrected = np.repeat([False, True], [len(new), len(again)])
    category = missed.category[at]
    excused = np.isin(category, (*life.EXCUSED, life.DISCIPLINE))
    status = np.where(excused, 0, 1)
    status = np.where(corrected, np.where(missed.becomes[at] == 1, 0, 2), status)
    category = np.where(corrected & (missed.becomes[at] == 1), life.ILLNESS, category)
    order = np.lexsort((missed.row[at], missed.on[at]))
    at, status, category = at[order], status[order], category[order]
    row = missed.row[at]
    columns = {
        "student_id": student(row),
        "school_id": Coded(rows.school[row], school_ids),
        "attendance_event_date": dates(missed.on[at]),
        "attendance_status": Coded(status, _STATUSES),
        "absent_category": Coded(category, _CATEGORIES).where(status < 2),
        "attendance_event_duration_day": Coded(missed.half[at].astype(np.int64), ("1.0", "0.5")),
    }
    desk.put("k12", folder, f"absences_{folder}.csv", columns)
    desk.record("k12", columns["student_id"], rows.person[row])
    _discipline(desk, folder, as_of, lived.discipline, rows, student, school_ids)
    _calendar(desk, folder, as_of, districts)
    _submissions(desk, folder, as_of, month, world, lived, school_ids)


def _discipline(desk: Desk, folder, as_of, acts: life.Discipline, rows, student, school_ids):
    """Every action since the first school year on record, with a key of incident and pupil."""
    shown = np.flatnonzero(acts.on <= as_of)
    row = acts.row[shown]
    columns = {
        "incident_id": coded(np.char.add("D", digits(acts.incident[shown] + 1, 7))),
        "student_id": student(row),
        "school_id": Coded(rows.school[row], school_ids),
        "incident_date": dates(acts.on[shown]),
        "behavior": Coded(acts.behavior[shown], _BEHAVIORS),
        "action": Coded(acts.action[shown], ("ISS", "OSS")),
        "action_start_date": dates(acts.begins[shown]),
        "action_duration_days": coded(life.half_text(acts.half_days[shown])),
    }
    # one pupil stands once on an incident
    key = acts.incident[shown] * (int(rows.person.max()) + 1) + rows.person[row]
    _, once = np.unique(key, return_index=True)
    once = np.sort(once)
    desk.put("k12", folder, "discipline_actions.csv", {k: v[once] for k, v in columns.items()})
    desk.record("k12", columns["student_id"][once], rows.person[row][once])


def _calendar(desk: Desk, folder: str, as_of: int, districts: tuple[str, ...]) -> None:
    current = school.school_year(as_of)
    days = np.concatenate([school.session_days(y) for y in (current - 1, current)])
    year = life.spring(days)
    n = len(districts)
    columns = {
        "district_id": Coded(np.repeat(np.arange(n), len(days)), districts),
        "school_year": np.tile(year, n),
        "session_date": dates(np.tile(days, n)),
    }
    desk.put("k12", folder, "calendar.csv", columns)


def _submissions(desk: Desk, folder, as_of, month, world, lived, school_ids) -> None:
    """Per school and month of the school years on record: days of session, day reported."""
    plan = school.schools(world)
    current = school.school_year(as_of)
    both = [life.months_of_session(y) for y in (current - 1, current)]
    months, count = (np.concatenate(c) for c in zip(*both, strict=True))
    known = (months <= month) & (months >= lived.first_month)
    months, count = months[known], count[known]
    open_ = np.flatnonzero(plan.closed > as_of)
    at = np.repeat(open_, len(months))
    which = np.tile(np.arange(len(months)), len(open_))
    sent = lived.reported[at, months[which] - lived.first_month]
    # on the last day of the month in which it came in
    day = month_start(sent + 1) - 1
    columns = {
        "school_id": Coded(at, school_ids),
        "report_month": Coded(which, [life.label(int(m)) for m in months]),
        "days_in_session": count[which],
        "submitted_date": dates(np.where(sent <= month, day, OPEN)),
    }
    desk.put("k12", folder, "submissions.csv", columns)
