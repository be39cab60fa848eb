"""Renting: who holds a housing subsidy, and whom a landlord takes to court.

The poorer half of the households rent. A third of the poorest hold a voucher or live in public
housing, for years; one renting household in twenty is taken to court in a year, some again and
again, and one filing in six ends with the household put out on the day it moves.
Subsidies reach back seven years, filings to 1 January of the year before the first delivery.
Add here: waiting lists, code violations. Keep out: forms and files (agencies/housing, courts).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells, custody
from orchestration.county.timeline import OPEN, age_on
from orchestration.county.world import World

VOUCHER, PUBLIC = range(2)


@dataclass
class Dwellings:
    """A household at an address: half-open days, and its two eldest adults (-1 for none).

    Sorted by household and start.
    """

    household: np.ndarray
    address: np.ndarray
    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    second: np.ndarray


@dataclass
class Filings:
    """One row per eviction filing, by day. judgment as agencies/courts codes it, '' if undecided.

    writ and executed: the days on which a writ was issued and carried out, OPEN if never;
    sealed: the day from which the filing is sealed. first, second: the tenants named.
    """

    household: np.ndarray
    address: np.ndarray
    first: np.ndarray
    second: np.ndarray
    filed: np.ndarray
    judged: np.ndarray
    judgment: np.ndarray
    writ: np.ndarray
    executed: np.ndarray
    owed: np.ndarray
    sealed: np.ndarray


@dataclass
class Tenancies:
    """One row per subsidised household: admitted and ended are half-open days, OPEN if not over.

    kind: VOUCHER or PUBLIC; ported: came with a voucher from elsewhere.
    """

    household: np.ndarray
    kind: np.ndarray
    admitted: np.ndarray
    ended: np.ndarray
    ported: np.ndarray


@dataclass
class Renting:
    dwellings: Dwellings
    filings: Filings
    tenancies: Tenancies


def history(world: World) -> Renting:
    """Dwellings, filings and subsidised tenancies."""
    dwellings = _dwellings(world)
    tenancies = _tenancies(world, dwellings)
    return Renting(dwellings, _filings(world, dwellings), tenancies)


def _dwellings(world: World) -> Dwellings:
    res, people = world.residence, world.people
    # eldest first within a household's stay at an address
    order = np.lexsort((people.dob[res.person], res.start, res.address, res.household))
    household, address = res.household[order], res.address[order]
    new = np.r_[True, (household[1:] != household[:-1]) | (address[1:] != address[:-1])]
    group = np.cumsum(new) - 1
    count = int(group[-1]) + 1
    start, end = np.full(count, OPEN), np.zeros(count, dtype=np.int64)
    np.minimum.at(start, group, res.start[order])
    np.maximum.at(end, group, res.end[order])
    middle = np.minimum((start + np.minimum(end, world.window.end)) // 2, end - 1)
    person = res.person[order]
    grown = age_on(people.dob[person], middle[group]) >= 18
    rows = np.flatnonzero(grown)
    _, once = np.unique(group[rows] * len(people) + person[rows], return_index=True)
    rows = rows[once]
    rows = rows[np.lexsort((people.dob[person[rows]], group[rows]))]
    place = np.arange(len(rows)) - np.searchsorted(group[rows], group[rows])
    first, second = np.full(count, -1), np.full(count, -1)
    first[group[rows[place == 0]]] = person[rows[place == 0]]
    second[group[rows[place == 1]]] = person[rows[place == 1]]
    at = np.flatnonzero(new)
    out = Dwellings(household[at], address[at], start, end, first, second)
    keep = np.lexsort((out.start, out.household))
    keep = keep[world.addresses.use[out.address[keep]] == "R"]
    return Dwellings(*(column[keep] for column in vars(out).values()))


def rents(world: World, household: np.ndarray) -> np.ndarray:
    """Whether the household rents its home: the poorer, the likelier."""
    need = world.houses.need[household]
    return world.uniform("rents", household) < np.clip(1.35 * need - 0.15, 0.03, 0.97)


def _filings(world: World, homes: Dwellings) -> Filings:
    rng = world.stream("renting")
    low, high = custody.begins(world), world.window.end
    begin, end = np.maximum(homes.start, low), np.minimum(homes.end, high)
    need = world.houses.need[homes.household]
    open_to_it = (homes.first >= 0) & rents(world, homes.household) & (begin < end)
    years = np.maximum(end - begin, 0) / 365.25
    # one household in ten of those at risk is taken to court many times
    habit = np.where(world.uniform("serial", homes.household) < 0.1, 4.0, 0.65)
    rate = 0.085 * need * habit * years * open_to_it
    times = rng.poisson(rate)
    at = np.repeat(np.arange(len(times)), times)
    filed = begin[at] + (rng.random(len(at)) * (end - begin)[at]).astype(np.int64)
    n = len(at)
    # put out: those who move away soon after, one in three of them
    leaves = homes.end[at] - filed
    out_now = (leaves > 25) & (leaves < 150) & (homes.end[at] < high) & (rng.random(n) < 0.5)
    draw = rng.random(n)
    judgment = np.select(
        [out_now & (draw < 0.6), out_now, draw < 0.34, draw < 0.5, draw < 0.72],
        ["DF", "PP", "DD", "PP", "ST"], "DF",
    )  # fmt: skip
    judged = filed + 14 + rng.geometric(0.06, n)
    judged = np.where(out_now, np.minimum(judged, homes.end[at] - 8), judged)
    lost = np.isin(judgment, ("PP", "DF"))
    writ = np.where(lost & (out_now | (rng.random(n) < 0.45)), judged + rng.integers(5, 11, n),
                    OPEN)  # fmt: skip
    writ = np.where(out_now, np.minimum(writ, homes.end[at] - 1), writ)
    executed = np.where(out_now, homes.end[at], OPEN)
    # dismissed filings are sealed after some months, if the tenant asks
    sealed = np.where((judgment == "DD") & (rng.random(n) < 0.25),
                      judged + rng.integers(60, 240, n), OPEN)  # fmt: skip
    owed = np.round(np.exp(rng.normal(7.4, 0.5, n))).astype(np.int64)
    second = np.where(rng.random(n) < 0.8, homes.second[at], -1)
    columns = (homes.household[at], homes.address[at], homes.first[at], second, filed, judged,
               judgment, writ, executed, owed, sealed)  # fmt: skip
    order = np.argsort(filed, kind="stable")
    return Filings(*(c[order] for c in columns))


def _tenancies(world: World, homes: Dwellings) -> Tenancies:
    rng = world.stream("subsidies")
    window = world.window
    household, at = np.unique(homes.household, return_index=True)
    last = np.r_[at[1:] - 1, len(homes.household) - 1]
    need = world.houses.need[household]
    begin, end = homes.start[at], homes.end[last]
    adult = homes.first[at] >= 0
    chosen = adult & (rng.random(len(household)) < 0.36 * np.clip((need - 0.55) / 0.45, 0, 1))
    household, begin, end = household[chosen], begin[chosen], end[chosen]
    n = len(household)
    span = np.maximum(np.minimum(end, window.end) - begin, 1)
    admitted = begin + (rng.random(n) ** 1.6 * span).astype(np.int64)
    stay = (rng.exponential(2600, n)).astype(np.int64) + 60
    ended = np.minimum(admitted + stay, end)
    ended = np.where(ended < window.end, ended, OPEN)
    keep = (admitted < window.end) & (ended > admitted + 30)
    kind = np.where(rng.random(n) < 0.6, VOUCHER, PUBLIC)
    ported = (kind == VOUCHER) & (rng.random(n) < 0.08)
    return Tenancies(*(c[keep] for c in (household, kind, admitted, ended, ported)))


def members(world: World, rows: Tenancies) -> tuple[np.ndarray, ...]:
    """Who lived in a subsidised household during the subsidy: row of `rows`, person, from, until.

    Half-open days; moves of the whole household do not interrupt.
    """
    res = world.residence
    known = np.full(len(world.houses), -1)
    known[rows.household] = np.arange(len(rows.household))
    tenancy = known[res.household]
    start = np.maximum(res.start, rows.admitted[tenancy])
    end = np.minimum(res.end, rows.ended[tenancy])
    at = np.flatnonzero((tenancy >= 0) & (start < end))
    at = at[np.lexsort((start[at], res.person[at], tenancy[at]))]
    tenancy, person, start, end = tenancy[at], res.person[at], start[at], end[at]
    new = np.r_[True, (tenancy[1:] != tenancy[:-1]) | (person[1:] != person[:-1])
                | (start[1:] != end[:-1])]  # fmt: skip
    first = np.flatnonzero(new)
    last = np.r_[first[1:] - 1, len(at) - 1]
    return tenancy[first], person[first], start[first], end[last]


def spells(world: World, rows: Renting) -> Spells:
    """Each member's time in a subsidised household."""
    _, person, start, end = members(world, rows.tenancies)
    last = np.where(end < world.window.end, end - 1, OPEN)
    return Spells(person, np.full(len(person), "subsidized_tenancy"), start, last)
