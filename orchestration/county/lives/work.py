"""Jobs covered by unemployment insurance, and what they paid in each quarter.

About nine tenths of jobs are covered (not: federal, self-employed). The poorer the household,
the shorter the jobs. Histories begin two years before the first delivery.
Add here: another fact of a job. Keep out: the wage file (agencies/wages.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells, runs
from orchestration.county.timeline import age_on, month_start
from orchestration.county.world import World


@dataclass
class Work:
    """Wage lines: one per job and quarter. quarter = year * 4 + (0..3); wage in dollars.

    job numbers a person's stay with one employer; employers is how many there are.
    """

    person: np.ndarray
    job: np.ndarray
    employer: np.ndarray
    quarter: np.ndarray
    wage: np.ndarray
    employers: int


def quarter_start(quarter: np.ndarray) -> np.ndarray:
    """The first day of a quarter number."""
    quarter = np.asarray(quarter)
    return month_start((quarter // 4 - 1970) * 12 + quarter % 4 * 3)


def quarters(world: World) -> tuple[int, int]:
    """First and last quarter number of the histories."""
    first = (world.window.year - 1) * 4
    month = world.window.first + world.window.months - 1
    return first - 4, (month // 12 + 1970) * 4 + month % 12 // 3


def history(world: World) -> Work:
    """All wage lines from two years before the first delivery to its last quarter, by person."""
    people = world.people
    rng = world.stream("work")
    first, last = quarters(world)
    begin = int(quarter_start(np.array([first]))[0])
    grown = np.flatnonzero((people.dob < world.window.end - 15 * 365) & (people.dod > begin)
                           & (people.dob > begin - 78 * 365))  # fmt: skip
    need = world.need(grown)
    covered = world.uniform("covered", grown) < 0.9
    employers = max(12, round(world.persons / 35))
    size = 1.0 / (np.arange(employers) + 4.0) ** 0.85
    size = np.cumsum(size / size.sum())
    rank = world.uniform("employer order", np.arange(employers)).argsort(kind="stable")

    def hire(n: int) -> np.ndarray:
        return rank[np.minimum(np.searchsorted(size, rng.random(n)), employers - 1)]

    n = len(grown)
    leave_rate = 0.03 + 0.11 * need**2
    employed = np.zeros(n, dtype=bool)
    employer = np.full(n, -1)
    job = np.full(n, -1)
    jobs = 0
    level = np.exp(rng.normal(9.45, 0.38, n) - 0.75 * (need - 0.4))
    lines: list[tuple[np.ndarray, ...]] = []
    for quarter in range(first, last + 1):
        start = int(quarter_start(np.array([quarter]))[0])
        age = age_on(people.dob[grown], start + 45)
        here = world.resident(grown, start + 45)
        rate = np.select(
            [age < 16, age < 18, age < 20, age < 25, age < 55, age < 65, age < 75],
            [0.0, 0.10, 0.38, 0.78, 0.92, 0.74, 0.24],
            0.03,
        ) * (1 - 0.3 * need**2)
        rate = np.where(here & covered, np.clip(rate, 0, 0.97), 0.0)
        move = rng.random(n)
        if quarter == first:
            begins, ends = move < rate, np.zeros(n, dtype=bool)
        else:
            begins = ~employed & (move < leave_rate * rate / np.maximum(1 - rate, 0.03))
            ends = employed & ((move < leave_rate * (1 - rate) / 0.35) | (rate == 0))
        changes = employed & ~ends & (rng.random(n) < 0.03 + 0.04 * need)
        # the quarter in which a job ends still has a part of its wages
        part = np.where(
            ends, rng.uniform(0.08, 0.9, n), np.where(begins, rng.uniform(0.1, 1, n), 1)
        )
        pay = level * np.exp(rng.normal(0, 0.06, n)) * part * np.where(age < 20, 0.35, 1.0)
        paid = employed | begins
        rows = np.flatnonzero(paid & ~changes)
        new = np.flatnonzero(begins)
        employer[new] = hire(len(new))
        job[new] = jobs + np.arange(len(new))
        jobs += len(new)
        lines.append((grown[rows], job[rows].copy(), employer[rows].copy(),
                      np.full(len(rows), quarter), pay[rows]))  # fmt: skip
        rows = np.flatnonzero(changes)
        share = rng.uniform(0.15, 0.85, len(rows))
        lines.append((grown[rows], job[rows].copy(), employer[rows].copy(),
                      np.full(len(rows), quarter), pay[rows] * share))  # fmt: skip
        employer[rows] = hire(len(rows))
        job[rows] = jobs + np.arange(len(rows))
        jobs += len(rows)
        lines.append((grown[rows], job[rows].copy(), employer[rows].copy(),
                      np.full(len(rows), quarter), pay[rows] * (1 - share)))  # fmt: skip
        # second jobs of a quarter
        rows = np.flatnonzero(paid & (rng.random(n) < 0.045) & (age >= 18))
        extra = pay[rows] * rng.uniform(0.05, 0.4, len(rows))
        lines.append((grown[rows], jobs + np.arange(len(rows)), hire(len(rows)),
                      np.full(len(rows), quarter), extra))  # fmt: skip
        jobs += len(rows)
        employed = (employed & ~ends) | begins
        level = level * 1.006
    person, job, employer, quarter, wage = (np.concatenate(x) for x in zip(*lines, strict=True))
    wage = np.maximum(np.round(wage), 1).astype(np.int64)
    order = np.lexsort((job, quarter, person))
    return Work(person[order], job[order], employer[order], quarter[order], wage[order], employers)


def spells(world: World, rows: Work) -> Spells:
    """Unbroken runs of quarters with wages; a run that reaches the last quarter is not over."""
    from orchestration.county.timeline import OPEN

    person, begin, end = runs(rows.person, rows.quarter)
    last_day = np.where(end >= quarters(world)[1], OPEN, quarter_start(end + 1) - 1)
    return Spells(person, np.full(len(person), "employment"), quarter_start(begin), last_day)
