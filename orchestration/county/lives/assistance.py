"""Food and cash assistance: which household is on SNAP or TANF in which month, and who in it.

Take-up depends on need and lasts: about 3 % of cases close in a month, others open, and some
lapse for a single month at recertification. The histories begin 24 months before the first
delivery. Add here: another monthly benefit. Keep out: case numbers and files (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells, runs
from orchestration.county.population import HEAD, PARTNER, SPOUSE, UNRELATED
from orchestration.county.timeline import age_on, month_start
from orchestration.county.world import World

MONTHS_BEFORE = 24


@dataclass
class Participation:
    """One row per person and month; month is a month number, household the case's.

    suspended: the case was open but paid nothing in that month.
    """

    person: np.ndarray
    household: np.ndarray
    month: np.ndarray
    suspended: np.ndarray


@dataclass
class Assistance:
    """snap and tanf: participation of persons, by month."""

    snap: Participation
    tanf: Participation


def take_up(propensity, exit_rate, exists, rng) -> np.ndarray:
    """Case on or off, households x months: a two-state chain at its long-run level."""
    n, months = exists.shape
    p = np.clip(propensity, 0, 0.97)
    entry = exit_rate * p / (1 - p)
    on = np.zeros((n, months), dtype=bool)
    state = rng.random(n) < p
    for m in range(months):
        if m:
            move = rng.random(n)
            state = np.where(state, move >= exit_rate, move < entry)
            # a household that is new to the county applies soon
            fresh = exists[:, m] & ~exists[:, m - 1]
            state = np.where(fresh, move < p, state)
        on[:, m] = state & exists[:, m]
    return on


def history(world: World) -> Assistance:
    """Participation of every month from 24 months before the first delivery to the last one."""
    people, res, window = world.people, world.residence, world.window
    rng = world.stream("assistance")
    n = len(world.houses)
    months = np.arange(window.first - MONTHS_BEFORE, window.first + window.months)
    days = month_start(months)
    members = []
    exists = np.zeros((n, len(months)), dtype=bool)
    minors = np.zeros((n, len(months)), dtype=np.int16)
    adults = np.zeros((n, len(months)), dtype=np.int16)
    for m, first in enumerate(days.tolist()):
        rows = np.flatnonzero((res.start <= first) & (res.end > first))
        who, household = res.person[rows], res.household[rows]
        age = age_on(people.dob[who], first)
        family = (people.relation[who] != UNRELATED) | (age < 18)
        who, household, age = who[family], household[family], age[family]
        exists[household, m] = True
        minors[:, m] = np.bincount(household, weights=age < 18, minlength=n)
        adults[:, m] = np.bincount(household, weights=age >= 18, minlength=n)
        members.append((who, household, age))
    need = world.houses.need
    kids = minors.max(axis=1) > 0
    snap = np.clip((need - 0.66) / 0.34, 0, 1) * 0.60 + 0.08 * ((need > 0.45) & kids)
    snap_on = take_up(snap, 0.028, exists, rng)
    # one-month lapses at recertification
    lapse = snap_on[:, 1:-1] & snap_on[:, :-2] & snap_on[:, 2:]
    lapse &= rng.random(lapse.shape) < 0.006
    snap_on[:, 1:-1] &= ~lapse
    lone = kids & (adults.max(axis=1) <= 1)
    cash = np.where(kids, np.clip((need - 0.72) / 0.28, 0, 1) * np.where(lone, 0.36, 0.17), 0)
    tanf_on = take_up(cash, 0.05, exists, rng) & snap_on & (minors > 0)
    child_only = world.uniform("child only", np.arange(n)) < 0.3

    def collect(on: np.ndarray, cash_aid: bool) -> Participation:
        columns = ([], [], [])
        for m, (who, household, age) in enumerate(members):
            pick = on[household, m]
            if cash_aid:
                parent = np.isin(people.relation[who], (HEAD, SPOUSE, PARTNER))
                pick &= (age < 18) | (parent & ~child_only[household])
            rows = np.flatnonzero(pick)
            columns[0].append(who[rows])
            columns[1].append(household[rows])
            columns[2].append(np.full(len(rows), months[m]))
        who, household, month = (np.concatenate(c) for c in columns)
        paid = world.uniform(f"suspended {cash_aid}", household, month) >= 0.012
        return Participation(who, household, month, ~paid)

    return Assistance(snap=collect(snap_on, False), tanf=collect(tanf_on, True))


def spells(world: World, rows: Assistance) -> Spells:
    """Unbroken runs of paid months, first day of the first through last day of the last month.

    A run that reaches the last delivered month is not over.
    """
    from orchestration.county.timeline import OPEN

    out = []
    last = world.window.first + world.window.months - 1
    for program, part in (("snap", rows.snap), ("tanf", rows.tanf)):
        paid = ~part.suspended
        person, begin, end = runs(part.person[paid], part.month[paid])
        last_day = np.where(end >= last, OPEN, month_start(end + 1) - 1)
        out.append((person, np.full(len(person), program), month_start(begin), last_day))
    return Spells(*(np.concatenate(c) for c in zip(*out, strict=True)))
