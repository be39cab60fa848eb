"""Medicaid: who is covered from which day to which, and on what ground.

Children's, parents' and other adults' coverage follow the income of the household, each with
a threshold of its own; recipients of SSI are covered as such; a newborn is covered from the day
of birth when the mother is. Coverage begins on the first of a month and ends with one, or with
death. About 2 % of families lose it in a month and half of them come back.
The histories begin 24 months before the first delivery.
Add here: another ground of eligibility. Keep out: ids, retroactive approval and files
(agencies/medicaid.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells, ssi
from orchestration.county.lives.assistance import take_up
from orchestration.county.timeline import OPEN, age_on, month_start
from orchestration.county.world import World

MONTHS_BEFORE = 24
NONE, NEWBORN, CHILD, PREGNANT, PARENT, ADULT, AGED, SSI = range(8)


@dataclass
class Coverage:
    """Stretches of coverage on one ground (half-open days), by person and start.

    end is OPEN when not over at the last delivery. ground: NEWBORN .. SSI.
    """

    person: np.ndarray
    start: np.ndarray
    end: np.ndarray
    ground: np.ndarray

    def covered(self, who: np.ndarray, on: np.ndarray) -> np.ndarray:
        """Whether each person is covered on each day."""
        key = self.person * (4 * OPEN) + self.start
        row = np.searchsorted(key, who * (4 * OPEN) + on, side="right") - 1
        return (row >= 0) & (self.person[row] == who) & (on < self.end[row])


def history(world: World) -> Coverage:
    """All stretches since 24 months before the first delivery. Needs lives["ssi"]."""
    people, res, window = world.people, world.residence, world.window
    months = np.arange(window.first - MONTHS_BEFORE, window.first + window.months)
    days = month_start(months).tolist()
    n = len(people)
    families = _families(world, days)
    takes = world.uniform("medicaid take-up", np.arange(n)) < 0.94
    # the mother of a child born from three months before to nine months after the month
    due = np.where((people.mother >= 0) & (people.dob > window.history), people.dob, -OPEN)
    rolls = world.lives["ssi"]
    on_rolls = np.flatnonzero(np.isin(rolls.status, (ssi.PAID, ssi.NO_PAYMENT, ssi.SUSPENDED)))
    ground_now = np.zeros(n, dtype=np.int8)
    since = np.zeros(n, dtype=np.int64)
    found: list[tuple[np.ndarray, ...]] = []

    def leave(changed: np.ndarray, day: int) -> None:
        rows = np.flatnonzero(changed & (ground_now > NONE))
        found.append((rows, since[rows], np.full(len(rows), day), ground_now[rows].copy()))

    for m, day in enumerate(days):
        rows = np.flatnonzero((res.start <= day) & (res.end > day))
        who, household = res.person[rows], res.household[rows]
        age = age_on(people.dob[who], day)
        expecting = np.zeros(n, dtype=bool)
        expecting[people.mother[(due > day - 92) & (due <= day + 270)]] = True
        parents = np.zeros(len(world.houses), dtype=bool)
        parents[household[age < 19]] = True
        on = families[:, m, :]
        own = np.select(
            [age < 1, age < 19, expecting[who] & on[household, 0], age >= 65, parents[household]],
            [NEWBORN, CHILD, PREGNANT, AGED, PARENT], ADULT,
        )  # fmt: skip
        chain = np.select([own <= PREGNANT, own == AGED, own == PARENT], [0, 3, 1], 2)
        now = np.zeros(n, dtype=np.int8)
        covered = on[household, chain] & takes[who]
        now[who[covered]] = own[covered]
        paid = on_rolls[rolls.month[on_rolls] == months[m]]
        now[rolls.person[paid]] = SSI
        now[people.dod <= day] = NONE
        changed = now != ground_now
        leave(changed, day)
        since[changed] = day
        ground_now[changed] = now[changed]
    leave(np.ones(n, dtype=bool), OPEN)
    person, start, end, ground = (np.concatenate(c) for c in zip(*found, strict=True))
    # born since the month before: covered from the day of birth
    dob = people.dob[person]
    start = np.where((start - dob < 32) & (start >= dob), dob, start)
    end = np.minimum(end, people.dod[person] + 1)
    order = np.lexsort((start, person))
    return Coverage(person[order], start[order], end[order], ground[order].astype(np.int64))


def _families(world: World, days: list[int]) -> np.ndarray:
    """Whether children, parents, other adults and the old of a household qualify, by month.

    households x months x 4. The thresholds are ours; with the need of World they cover about
    two children in five and one adult in seven.
    """
    res, need = world.residence, world.houses.need
    rng = world.stream("medicaid")
    exists = np.zeros((len(need), len(days)), dtype=bool)
    for m, day in enumerate(days):
        exists[res.household[(res.start <= day) & (res.end > day)], m] = True
    levels = ((0.42, 0.40, 0.88), (0.56, 0.40, 0.82), (0.60, 0.40, 0.66), (0.68, 0.32, 0.60))
    chains = [
        take_up(np.clip((need - low) / width, 0, 1) * top, 0.02, exists, rng)
        for low, width, top in levels
    ]
    return np.stack(chains, axis=2)


def spells(rows: Coverage) -> Spells:
    """Unbroken coverage, whatever the ground."""
    new = np.r_[True, (rows.person[1:] != rows.person[:-1]) | (rows.start[1:] > rows.end[:-1])]
    first = np.flatnonzero(new)
    last = np.r_[first[1:] - 1, len(rows.person) - 1]
    end = rows.end[last]
    return Spells(
        rows.person[first], np.full(len(first), "medicaid"), rows.start[first],
        np.where(end < OPEN, end - 1, OPEN),
    )  # fmt: skip
