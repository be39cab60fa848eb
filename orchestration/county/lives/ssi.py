"""Supplemental Security Income: who is on the rolls in which month, and what is paid.

Blind and disabled people of any age and poor people of 65 and over; 2 % of the county, near the
national share. Payments begin after the application and mostly go on for years; a month without
payment comes now and then (income counted late, an address lost). The histories begin 24 months
before the first delivery. Add here: another fact of a payment. Keep out: the federal file and
its codes (agencies/ssa.py), the Social Security retirement programme.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells, runs
from orchestration.county.timeline import OPEN, age_on, month_of, month_start
from orchestration.county.world import World

MONTHS_BEFORE = 24
AGED, BLIND, DISABLED, CHILD = range(4)
PAID, NO_PAYMENT, SUSPENDED, INCOME, DIED = range(5)
# the federal rate of an individual by calendar year, dollars (Social Security Administration,
# "SSI federal payment amounts"); other years take the nearest
_RATE = {2022: 841, 2023: 914, 2024: 943, 2025: 967, 2026: 994}


@dataclass
class Rolls:
    """One row per person and month on the rolls, by month and person.

    kind: AGED .. CHILD; status: PAID .. DIED; federal, state: whole dollars paid in the month.
    applied: day of the application. payee: the person paid on the recipient's behalf, or -1.
    """

    person: np.ndarray
    month: np.ndarray
    kind: np.ndarray
    status: np.ndarray
    federal: np.ndarray
    state: np.ndarray
    applied: np.ndarray
    payee: np.ndarray


def history(world: World) -> Rolls:
    """The rolls of every month from 24 months before the first delivery to the last one."""
    people, window = world.people, world.window
    rng = world.stream("ssi")
    who, kind = _eligible(world)
    n = len(who)
    first, last = window.first - MONTHS_BEFORE, window.first + window.months
    # claims opened over ten years and kept about eight on average: the rolls are in balance
    began = rng.integers(first - 120, last, n)
    ended = began + 2 + rng.geometric(1 / 96, n)
    adult_from = (
        month_of(people.dob[who]) + np.select([kind == AGED, kind == CHILD], [65, 0], 18) * 12
    )
    began = np.maximum(began, adult_from + 1)
    applied = month_start(began) - rng.integers(20, 210, n)
    applied = np.maximum(applied, people.dob[who] + 5)
    keep = (
        (began < ended) & (ended > first) & (began < last) & (people.dod[who] > month_start(began))
    )
    who, kind, began, ended, applied = (x[keep] for x in (who, kind, began, ended, applied))
    n = len(who)
    died = np.where(people.dod[who] < OPEN, month_of(np.minimum(people.dod[who], OPEN - 1)), OPEN)
    mother, spouse = people.mother[who], people.spouse[who]
    payee = np.where((kind == CHILD) & (mother >= 0), mother, -1)
    own = (kind == DISABLED) & (rng.random(n) < 0.18)
    payee = np.where(own & (payee < 0), np.where(spouse >= 0, spouse, mother), payee)
    share = np.where(rng.random(n) < 0.45, 1.0, np.clip(rng.beta(2, 1.3, n), 0.03, 1))
    supplement = np.where(rng.random(n) < 0.09, 140, 0)
    columns: list[list[np.ndarray]] = [[] for _ in range(5)]
    for month in range(first, last):
        day = int(month_start(np.array([month]))[0])
        # a record stays for three months after the last payment, with the reason
        shown = (
            (began <= month) & (month < np.minimum(ended, died + 1) + 3) & (people.dob[who] <= day)
        )
        shown &= world.resident(who, day) | (died <= month)
        rows = np.flatnonzero(shown)
        lapse = world.uniform("ssi lapse", who[rows], np.full(len(rows), month))
        status = np.select(
            [month > died[rows], month >= ended[rows], lapse < 0.012, lapse < 0.026],
            [DIED, INCOME, SUSPENDED, NO_PAYMENT], PAID,
        )  # fmt: skip
        paid = status == PAID
        year = int(np.clip(month // 12 + 1970, min(_RATE), max(_RATE)))
        federal = np.where(paid, np.maximum(np.round(_RATE[year] * share[rows]), 1), 0)
        values = (rows, np.full(len(rows), month), status, federal,
                  np.where(paid, supplement[rows], 0))  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column.append(value.astype(np.int64))
    row, month, status, federal, state = (np.concatenate(c) for c in columns)
    return Rolls(who[row], month, kind[row], status, federal, state, applied[row], payee[row])


def _eligible(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Persons who may be on the rolls at some time, and on which ground."""
    people, window = world.people, world.window
    everyone = np.arange(len(people))
    age = age_on(people.dob, window.start)
    need = world.need(everyone)
    draw = world.uniform("ssi ground", everyone)
    aged = (age >= 64) & (draw < 0.9 * np.clip((need - 0.6) / 0.4, 0, 1) ** 1.5)
    adult = (age >= 17) & (age < 65) & (draw < 0.17 * np.clip((need - 0.25) / 0.75, 0, 1) ** 2)
    child = (age < 17) & (draw < 0.13 * np.clip((need - 0.4) / 0.6, 0, 1) ** 2)
    chosen = np.flatnonzero((people.home >= 0) & (aged | adult | child))
    blind = world.uniform("blind", chosen) < 0.01
    kind = np.select([blind, aged[chosen], child[chosen]], [BLIND, AGED, CHILD], DISABLED)
    return chosen, kind


def spells(world: World, rolls: Rolls) -> Spells:
    """Unbroken runs of paid months; one that reaches the last delivered month is not over."""
    paid = rolls.status == PAID
    person, begin, end = runs(rolls.person[paid], rolls.month[paid])
    last = world.window.first + world.window.months - 1
    last_day = np.where(end >= last, OPEN, month_start(end + 1) - 1)
    return Spells(person, np.full(len(person), "ssi"), month_start(begin), last_day)
