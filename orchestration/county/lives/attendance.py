"""Days of school missed, and what pupils did that had consequences.

Absent on one day in eighteen, more with need, age and homelessness; an eighth of the absences are
half days. Incidents grow with grade and need; six in ten end with a suspension inside the school,
the others outside, and then the following days are missed.
Schools report a month's absences at its end; some a month late. Covers the current school year of
every delivery. Add here: tardiness. Keep out: ids and files (agencies/k12_daily.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import school
from orchestration.county.timeline import month_of, parts
from orchestration.county.world import World

ILLNESS, FAMILY, MEDICAL, SKIPPING, UNKNOWN, DISCIPLINE = range(6)
EXCUSED = (ILLNESS, FAMILY, MEDICAL)
IN_SCHOOL, OUT_OF_SCHOOL = range(2)


@dataclass
class Absences:
    """One row per pupil, school and day missed, by day. row: of the enrolments.

    half: half a day. Corrected in the month after it was reported: now EXCUSED with `becomes`
    1, present after all with 2, 0 for never.
    """

    row: np.ndarray
    on: np.ndarray
    category: np.ndarray
    half: np.ndarray
    becomes: np.ndarray


@dataclass
class Discipline:
    """One row per pupil and action, by day. incident numbers what happened: one or two pupils.

    days: length of the suspension in half days. action: IN_SCHOOL or OUT_OF_SCHOOL.
    """

    row: np.ndarray
    incident: np.ndarray
    on: np.ndarray
    begins: np.ndarray
    action: np.ndarray
    half_days: np.ndarray
    behavior: np.ndarray


@dataclass
class Attendance:
    """Absences, discipline, and the month number in which each school reported each month."""

    absences: Absences
    discipline: Discipline
    first_month: int
    reported: np.ndarray


def history(world: World) -> Attendance:
    """Absences and discipline of the school years that the deliveries show as current."""
    rows: school.Enrolments = world.lives["school"]
    window = world.window
    rng = world.stream("attendance")
    first, last = school.school_year(window.start), school.school_year(window.end - 1)
    absences, incidents = [], []
    for year in range(first, last + 1):
        days = school.session_days(year)
        real = np.flatnonzero(rows.real & (rows.year == year))
        begin = np.searchsorted(days, rows.entry[real])
        count = np.searchsorted(days, rows.true_exit[real], side="right") - begin
        real, begin, count = real[count > 0], begin[count > 0], count[count > 0]
        one, two = _year(world, rows, days, real, begin, count, rng)
        absences.append(one)
        incidents.append(two)
    columns = [np.concatenate(c) for c in zip(*absences, strict=True)]
    order = np.lexsort((columns[0], columns[1]))
    missed = Absences(*(c[order] for c in columns))
    columns = [np.concatenate(c) for c in zip(*incidents, strict=True)]
    order = np.lexsort((columns[0], columns[1]))
    row, on, begins, action, half_days, behavior = (c[order] for c in columns)
    # one incident in ten has a second pupil: the next one of the same school and day, or the next
    joined = np.r_[False, rng.random(max(len(row) - 1, 0)) < 0.1] if len(row) else row > 0
    joined &= rows.school[row] == np.r_[-1, rows.school[row][:-1]] if len(row) else joined
    on = np.where(joined, np.r_[0, on[:-1]] if len(on) else on, on)
    begins = np.where(joined, np.maximum(begins, on), begins)
    discipline = Discipline(row, np.cumsum(~joined) - 1, on, begins, action, half_days, behavior)
    low = int(month_of(np.array([school.first_day(first)]))[0])
    return Attendance(missed, discipline, low, _reported(world, low))


def _year(world: World, rows, days, real, begin, count, rng):
    person, grade = rows.person[real], rows.grade[real]
    homeless = np.isin(person, world.lives["homelessness"].person)
    need = world.need(person)
    own = world.uniform("absence", person)
    rate = 0.012 + 0.11 * own**2.2 + 0.05 * need**2 + 0.08 * homeless
    times = rng.binomial(count, np.clip(rate, 0, 0.6))
    at = np.repeat(np.arange(len(real)), times)
    place = (rng.random(len(at)) * count[at]).astype(np.int64)
    draw = rng.random(len(at))
    skips = np.clip(0.1 + 0.25 * need[at] + 0.02 * grade[at], 0, 0.6)
    category = np.select(
        [draw < skips * 0.6, draw < skips, draw < skips + 0.12, draw < skips + 0.2],
        [SKIPPING, UNKNOWN, FAMILY, MEDICAL], ILLNESS,
    )  # fmt: skip
    # discipline: per pupil and year
    trouble = (0.015 + 0.30 * need**3) * np.select([grade < 1, grade < 5], [0.05, 0.4], 1.2)
    trouble = trouble * count / len(days) * rng.gamma(0.6, 1 / 0.6, len(real))
    bad = np.repeat(np.arange(len(real)), rng.poisson(trouble))
    happened = (rng.random(len(bad)) * count[bad]).astype(np.int64)
    action = (rng.random(len(bad)) < 0.4).astype(np.int64)
    half_days = np.where(
        action == OUT_OF_SCHOOL, 2 * np.minimum(rng.geometric(0.4, len(bad)), 10),
        rng.integers(1, 7, len(bad)),
    )  # fmt: skip
    behavior = rng.integers(0, 5, len(bad))
    # the suspension begins on the next day of school
    starts = happened + 1
    inside = starts < count[bad]
    bad, happened, starts, action, half_days, behavior = (
        c[inside] for c in (bad, happened, starts, action, half_days, behavior)
    )
    outside = np.flatnonzero(action == OUT_OF_SCHOOL)
    length = np.minimum(half_days[outside] // 2, count[bad[outside]] - starts[outside])
    each = np.repeat(outside, length)
    nth = np.arange(len(each)) - np.repeat(np.cumsum(length) - length, length)
    at = np.concatenate([bad[each], at])
    place = np.concatenate([starts[each] + nth, place])
    category = np.concatenate([np.full(len(each), DISCIPLINE), category])
    # one absence a day; days of a suspension stand first
    _, once = np.unique(at * 1000 + place, return_index=True)
    at, place, category = at[once], place[once], category[once]
    half = (category != DISCIPLINE) & (rng.random(len(at)) < 0.12)
    draw = rng.random(len(at))
    becomes = np.where(np.isin(category, (SKIPPING, UNKNOWN)) & (draw < 0.02), 1,
                       np.where((category != DISCIPLINE) & (draw > 0.996), 2, 0))  # fmt: skip
    missed = (real[at], days[begin[at] + place], category, half, becomes)
    incidents = (real[bad], days[begin[bad] + happened], days[begin[bad] + starts], action,
                 half_days, behavior)  # fmt: skip
    return missed, incidents


def _reported(world: World, low: int) -> np.ndarray:
    """Month in which a school's month was reported: its own, or the one after (schools x months).

    One school is late every month, and of the others one in thirty.
    """
    window = world.window
    plan = school.schools(world)
    schools = len(plan.level)
    end = school.last_day(school.school_year(window.end - 1))
    months = np.arange(low, int(month_of(np.array([end]))[0]) + 2)
    at = np.repeat(np.arange(schools), len(months))
    when = np.tile(months, schools)
    late = world.uniform("reports late", at, when).reshape(schools, len(months))
    late[plan.shut] = 1.0  # has nothing to report
    slow = (late < 0.033) | (late == late.min(axis=0))
    # what was due before the first delivery is there by then
    return np.where(slow & (months >= window.first), months + 1, months)


def months_of_session(year: int) -> tuple[np.ndarray, np.ndarray]:
    """The months with school of a school year and their days of session."""
    return np.unique(month_of(school.session_days(year)), return_counts=True)


def half_text(half_days: np.ndarray) -> np.ndarray:
    """Half days as text: 0.5, 1.0, 1.5 ..."""
    table = np.array([f"{k // 2}.{'5' if k % 2 else '0'}" for k in range(200)])
    return table[half_days]


def label(month: int) -> str:
    """YYYY-MM of a month number."""
    return f"{month // 12 + 1970:04d}-{month % 12 + 1:02d}"


def spring(on: np.ndarray) -> np.ndarray:
    """The school year of each day."""
    year, month, _ = parts(on)
    return year + (month >= 8)
