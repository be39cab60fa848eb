"""Teachers and their classes: who teaches which section, who sits in it, and teachers' sick days.

A post for every sixteen pupils of a school. One post in ten changes hands over the summer, one in
thirty during the year. Every pupil has a homeroom; from grade 6 on also English, mathematics and
science, each in another group. Teachers miss one day in seventeen.
Add here: aides, other staff. Keep out: ids and files (agencies/k12_staff.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import school
from orchestration.county.timeline import OPEN, age_on, day
from orchestration.county.world import World

SUBJECTS = (("HR", "Homeroom"), ("ELA", "English language arts"), ("MATH", "Mathematics"),
            ("SCI", "Science"))  # fmt: skip


@dataclass
class Classes:
    """teacher: person by staff row; hired, left: half-open days; post: school of the staff row.

    Sections: school, year, grade, subject; teaching: (section, staff row, from, until).
    seat: rows of (enrolment row, section). absences: (staff row, day, half a day, reason).
    """

    teacher: np.ndarray
    at_school: np.ndarray
    hired: np.ndarray
    left: np.ndarray
    section_school: np.ndarray
    section_year: np.ndarray
    section_grade: np.ndarray
    section_subject: np.ndarray
    taught: np.ndarray
    taught_by: np.ndarray
    taught_from: np.ndarray
    taught_until: np.ndarray
    seat_row: np.ndarray
    seat_section: np.ndarray
    missed_by: np.ndarray
    missed_on: np.ndarray
    missed_half: np.ndarray
    missed_why: np.ndarray


def history(world: World) -> Classes:
    """Classes of all school years on record, and absences since the first current one."""
    rows: school.Enrolments = world.lives["school"]
    rng = world.stream("classes")
    years = school.years(world)
    plan = school.schools(world)
    schools = len(plan.level)
    # posts: by the most pupils that a school had in a year
    real = np.flatnonzero(rows.real)
    size = np.zeros((schools, len(years)), dtype=np.int64)
    np.add.at(size, (rows.school[real], rows.year[real] - years[0]), 1)
    posts = np.ceil(size.max(axis=1) / 16).astype(np.int64)
    post_school = np.repeat(np.arange(schools), posts)
    n = len(post_school)
    # who holds a post when: it changes hands in summer or on a day of the year
    post, start = [np.arange(n)], [np.full(n, day(years[0] - 1, 8, 15))]
    for year in years:
        if year > years[0]:
            goes = np.flatnonzero(rng.random(n) < 0.1)
            post.append(goes)
            start.append(np.full(len(goes), day(year - 1, 8, 15)))
        within = np.flatnonzero(rng.random(n) < 0.033)
        days = school.session_days(year)
        post.append(within)
        start.append(days[rng.integers(20, len(days) - 20, len(within))])
    post, start = np.concatenate(post), np.concatenate(start)
    order = np.lexsort((start, post))
    post, start = post[order], start[order]
    until = np.where(np.r_[post[1:] == post[:-1], False], np.r_[start[1:], 0], OPEN)
    teacher = _people(world, len(post), rng)
    m = min(len(teacher), len(post))
    post, start, until = post[:m], start[:m], until[:m]
    earlier = np.where(start == day(years[0] - 1, 8, 15), rng.integers(0, 3650, m), 0)
    hired = np.maximum(start - earlier, birthday_23(world, teacher))
    section, seat_row, seat_section, subject = _seats(rows, real)
    school_of, year_of, grade_of = (
        rows_[section] for rows_ in (rows.school, rows.year, rows.grade)
    )
    # the posts of a school share out its sections
    begin = np.searchsorted(post_school, school_of)
    number = np.arange(len(section)) * 7919
    its_post = begin + number % np.maximum(posts[school_of], 1)
    taught = _taught(its_post, year_of, post, start, until)
    return Classes(
        teacher, post_school[post], hired, until, school_of, year_of, grade_of, subject, *taught,
        seat_row, seat_section, *_missed(world, start, until, rng),
    )  # fmt: skip


def birthday_23(world: World, who: np.ndarray) -> np.ndarray:
    """Nobody was hired before 23."""
    return world.people.dob[who] + 23 * 366


def _people(world: World, count: int, rng) -> np.ndarray:
    people, window = world.people, world.window
    everyone = np.arange(len(people))
    age = age_on(people.dob, window.start)
    fit = (age >= 24) & (age < 64) & (people.dod >= OPEN)
    fit &= world.resident(everyone, window.start - 400) & world.resident(everyone, window.start)
    weight = np.where(fit, (1.15 - world.need(everyone)) * np.where(people.sex == "F", 3, 1), 0)
    count = min(count, int(fit.sum()))
    return rng.choice(everyone, count, replace=False, p=weight / weight.sum())


def _seats(rows: school.Enrolments, real: np.ndarray):
    """Groups of 23 pupils of a school, year and grade, one grouping for each subject."""
    first, seat_row, seat_section, subjects, base = [], [], [], [], 0
    for k in range(len(SUBJECTS)):
        at = real if k == 0 else real[rows.grade[real] >= 6]
        mixed = (rows.person[at] * (2654435761 + 40503 * k)) % 1_000_003
        order = np.lexsort((mixed, rows.grade[at], rows.school[at], rows.year[at]))
        at = at[order]
        key = (rows.year[at] * 10_000 + rows.school[at]) * 20 + rows.grade[at] + 1
        place = np.arange(len(at)) - np.searchsorted(key, key)
        new = np.r_[True, (key[1:] != key[:-1]) | (place[1:] % 23 == 0)] if len(at) else key > 0
        number = np.cumsum(new) - 1 + base
        first.append(at[new])
        seat_row.append(at)
        seat_section.append(number)
        subjects.append(np.full(int(new.sum()), k))
        base += int(new.sum())
    return (*(np.concatenate(c) for c in (first, seat_row, seat_section, subjects)),)


def _taught(its_post, year_of, post, start, until):
    """Who taught each section: all holders of its post during its school year."""
    finish = {y: school.last_day(y) + 1 for y in np.unique(year_of).tolist()}
    opening = {y: school.first_day(y) for y in finish}
    begin = np.array([opening[y] for y in year_of.tolist()], dtype=np.int64)
    end = np.array([finish[y] for y in year_of.tolist()], dtype=np.int64)
    low = np.searchsorted(post, its_post)
    count = np.searchsorted(post, its_post, side="right") - low
    section = np.repeat(np.arange(len(its_post)), count)
    holder = low[section] + np.arange(len(section)) - np.repeat(np.cumsum(count) - count, count)
    a = np.maximum(start[holder], begin[section])
    b = np.minimum(until[holder], end[section])
    keep = a < b
    return section[keep], holder[keep], a[keep], b[keep]


def _missed(world: World, start, until, rng):
    window = world.window
    by, on = [], []
    for year in range(school.school_year(window.start), school.school_year(window.end - 1) + 1):
        days = school.session_days(year)
        low = np.searchsorted(days, start)
        count = np.maximum(np.searchsorted(days, until) - low, 0)
        own = world.uniform("sick days", np.arange(len(start)))
        times = rng.binomial(count, 0.02 + 0.09 * own**1.5)
        at = np.repeat(np.arange(len(start)), times)
        place = low[at] + (rng.random(len(at)) * count[at]).astype(np.int64)
        _, once = np.unique(at * 1000 + place, return_index=True)
        by.append(at[once])
        on.append(days[place[once]])
    by, on = np.concatenate(by), np.concatenate(on)
    order = np.lexsort((by, on))
    k = len(by)
    draw = rng.random(k)
    why = np.select([draw < 0.62, draw < 0.8], [0, 1], 2)
    return by[order], on[order], rng.random(k) < 0.2, why
