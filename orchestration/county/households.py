"""Where households live, when they move, and so where each person lives.

Every month some households move. Movers, newcomers and new households share out the
dwellings that movers leave and some vacant ones, the poorer households taking the dwellings
in the poorer tracts. So an address has one household at a time, and another one later.
Add here: another reason to move. Keep out: who belongs to which household (population.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.places import Addresses
from orchestration.county.population import Households, People, Stays
from orchestration.county.timeline import OPEN, Window, age_on, month_of, month_start


@dataclass
class Residence:
    """Person x household x address spells (half-open), sorted by person and start."""

    person: np.ndarray
    household: np.ndarray
    address: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def row_at(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The row in force for each person on each day; -1 where the person lives elsewhere."""
        row = self.last_row(who, on)
        on = np.broadcast_to(np.asarray(on, dtype=np.int64), row.shape)
        return np.where((row >= 0) & (on < self.end[row]), row, -1)

    def last_row(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The latest row that began by that day (in force or over); -1 where there is none."""
        key = self.person * (4 * OPEN) + self.start
        want = np.asarray(who, dtype=np.int64) * (4 * OPEN) + on
        row = np.searchsorted(key, want, side="right") - 1
        return np.where((row >= 0) & (self.person[row] == who), row, -1)

    def known_row(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The row in force, else the last one, else the person's first; -1 where never."""
        row = self.last_row(who, on)
        first = np.searchsorted(self.person, who)
        first = np.minimum(first, len(self.person) - 1)
        has = self.person[first] == who
        return np.where(row >= 0, row, np.where(has, first, -1))


def clip_to_life(people: People, houses: Households, stays: Stays) -> Stays:
    """Stays cut to the person's life and the household's time in the county."""
    start = np.maximum.reduce(
        [stays.start, people.dob[stays.person], houses.exists_from[stays.household]]
    )
    end = np.minimum.reduce(
        [stays.end, people.dod[stays.person], houses.exists_until[stays.household]]
    )
    keep = start < end
    return Stays(stays.person[keep], stays.household[keep], start[keep], end[keep])


def settle(
    houses: Households, stays: Stays, addresses: Addresses, window: Window, rng
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every household its dwellings: (household, address, first day), by household, day."""
    n = len(houses)
    begin = np.full(n, OPEN)
    np.minimum.at(begin, stays.household, stays.start)
    finish = np.zeros(n, dtype=np.int64)
    np.maximum.at(finish, stays.household, stays.end)
    finish = np.minimum(finish, window.end)
    lived = begin < finish
    homes = addresses.homes
    free = np.ones(homes, dtype=bool)
    free[homes - addresses.new_homes :] = False
    place = np.full(n, -1)
    poverty = addresses.poverty[:homes] / 65.0
    out: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    first_month = int(month_of(np.array([window.history]))[0])
    last_month = int(month_of(np.array([window.end - 1]))[0])
    begin_month = np.where(lived, month_of(np.minimum(begin, window.end)), -1)
    end_month = np.where(lived, month_of(finish), -1)
    starts = month_start(np.arange(first_month, last_month + 2))
    # 7 % of the best off and 22 % of the poorest households move in a year
    hazard = (0.07 + 0.15 * houses.need) / 12
    for k, month in enumerate(range(first_month, last_month + 1)):
        if month == window.first + 2:
            free[homes - addresses.new_homes :] = True
        new = np.flatnonzero(begin_month == month)
        here = (place >= 0) & (begin_month < month) & (end_month > month)
        movers = np.flatnonzero(here & (rng.random(n) < hazard))
        ending = np.flatnonzero((end_month == month) & (place >= 0))
        vacated = place[movers]
        wanted = len(new) + len(movers) // 3 + 5
        vacant = np.flatnonzero(free)
        vacant = vacant[rng.permutation(len(vacant))[:wanted]]
        pool = np.concatenate([vacated, vacant])
        takers = np.concatenate([movers, new])
        pool = pool[rng.permutation(len(pool))[: len(takers)]]
        pool = pool[np.argsort(poverty[pool] + rng.normal(0, 0.22, len(pool)), kind="stable")]
        rank = np.argsort(houses.need[takers] + rng.normal(0, 0.22, len(takers)), kind="stable")
        takers = takers[rank]
        span = int(starts[k + 1] - starts[k])
        days = starts[k] + rng.integers(0, span, len(takers))
        days = np.where(begin_month[takers] == month, begin[takers], days)
        changed = place[takers] != pool
        out.append((takers[changed], pool[changed], days[changed]))
        free[vacated] = True
        place[takers] = pool
        free[pool] = False
        gone = place[ending]
        free[gone] = True
        place[ending] = -1
    household, address, day = (np.concatenate(x) for x in zip(*out, strict=True))
    order = np.lexsort((day, household))
    return household[order], address[order], day[order]


def to_care_homes(
    people: People, houses: Households, stays: Stays, addresses: Addresses, dwellings,
    window: Window, rng,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """A fifth of the people of 82 and over who live alone moved to a nursing home."""
    household, address, day = dwellings
    size = np.bincount(stays.household, minlength=len(houses))
    old = (age_on(people.dob[stays.person], window.start) >= 82) & (size[stays.household] == 1)
    rows = np.flatnonzero(old & (stays.end > window.start - 3 * 365))
    rows = rows[rng.random(len(rows)) < 0.2]
    last = np.minimum(stays.end[rows], window.end)
    when = last - rng.integers(20, 900, len(rows))
    rows, when = rows[when > stays.start[rows]], when[when > stays.start[rows]]
    cares = np.array([v for k, v in addresses.named.items() if k.startswith("care home")])
    moved = stays.household[rows]
    after = np.full(len(houses), OPEN)
    after[moved] = when
    keep = day < after[household]
    household = np.concatenate([household[keep], moved])
    address = np.concatenate([address[keep], cares[rng.integers(0, len(cares), len(moved))]])
    day = np.concatenate([day[keep], when])
    order = np.lexsort((day, household))
    return household[order], address[order], day[order]


def residence(stays: Stays, dwellings, households: int) -> Residence:
    """Persons' address spells: stays cut at each move of the household."""
    household, address, day = dwellings
    until = np.full(len(day), OPEN)
    same = household[1:] == household[:-1]
    until[:-1] = np.where(same, day[1:], OPEN)
    low = np.searchsorted(household, np.arange(households), side="left")
    count = np.bincount(household, minlength=households)
    times = count[stays.household]
    row = np.repeat(np.arange(len(stays.person)), times)
    within = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    spell = low[stays.household][row] + within
    # the first dwelling also covers the days before it (a household begins on its first day)
    begin = np.where(within == 0, 0, day[spell])
    start = np.maximum(stays.start[row], begin)
    end = np.minimum(stays.end[row], until[spell])
    keep = start < end
    person = stays.person[row][keep]
    start, end = start[keep], end[keep]
    order = np.lexsort((start, person))
    return Residence(
        person=person[order],
        household=stays.household[row][keep][order],
        address=address[spell][keep][order],
        start=start[order],
        end=end[order],
    )
