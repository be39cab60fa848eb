"""Child care: the providers of the county, and the children whose care is subsidised.

Centres, family homes, group homes, and relatives or neighbours who need no licence. A family with
need and a working parent may have care paid for by the month; children in foster care may have
it too, each as a family of one. Cases open and close quickly: about 7 % close in a month.
Histories of subsidies begin 12 months before the first delivery.
Add here: another fact of a provider or of paid care. Keep out: ids and files (agencies/), places
that report themselves free (agencies/vacancy.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells, runs
from orchestration.county.places import TRACTS
from orchestration.county.timeline import OPEN, age_on, month_start
from orchestration.county.world import World

CENTER, HOME, GROUP, EXEMPT = range(4)
# age groups of a licence, by completed months at their start; the last ends at 13 years
INFANT, TODDLER, PRESCHOOL, SCHOOL_AGE = range(4)
GROUP_FROM = np.array([0, 12, 36, 72])
OLDEST_MONTHS = 156
MONTHS_BEFORE = 12
# full-time price of a month by kind of provider and age group, dollars
_PRICE = np.array(
    [[1240, 1090, 940, 520], [860, 800, 740, 430], [910, 850, 780, 450], [520, 490, 470, 300]]
)


@dataclass
class Providers:
    """One row per provider. kind: CENTER .. EXEMPT; capacity: providers x age groups, and all.

    opened, closed: days (closed OPEN); relicensed: the day of a new licence under a new number
    (OPEN where never): a move or a change of owner.
    """

    kind: np.ndarray
    address: np.ndarray
    capacity: np.ndarray
    total: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    relicensed: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)


@dataclass
class Care:
    """One row per child, month and provider with paid care; month is a month number.

    family: the household, or for a child in foster care OPEN + the person. setting: 0, and 1 for
    a second provider. hours: of care given, 0 in a month that was paid and not used.
    """

    person: np.ndarray
    family: np.ndarray
    month: np.ndarray
    provider: np.ndarray
    setting: np.ndarray
    hours: np.ndarray
    paid: np.ndarray


@dataclass
class ChildCare:
    providers: Providers
    care: Care


def months_of_age(dob: np.ndarray, on: np.ndarray | int) -> np.ndarray:
    """Completed months of age on a day, counted by calendar month."""
    born = np.asarray(dob).astype("M8[D]").astype("M8[M]").astype(np.int64)
    now = np.asarray(on).astype("M8[D]").astype("M8[M]").astype(np.int64)
    return now - born


def age_group(months: np.ndarray) -> np.ndarray:
    """The age group (INFANT .. SCHOOL_AGE) of children that many months old."""
    return np.clip(np.searchsorted(GROUP_FROM, months, side="right") - 1, 0, 3)


def history(world: World) -> ChildCare:
    """Providers, and paid care from 12 months before the first delivery on."""
    providers = _providers(world)
    return ChildCare(providers, _care(world, providers))


def _providers(world: World) -> Providers:
    window = world.window
    rng = world.stream("child care providers")
    # one centre for about 1,300 persons; half of all licensed providers are family homes
    counts = [max(4, round(world.persons / 1300)), max(6, round(world.persons / 900)),
              max(2, round(world.persons / 5500)), max(6, round(world.persons / 1100))]  # fmt: skip
    kind = np.repeat(np.arange(4), counts)
    n = len(kind)
    houses = np.flatnonzero(world.addresses.unit[: world.addresses.homes] == "")
    address = rng.permutation(houses)[:n]
    size = rng.uniform(0.6, 1.5, n)
    center = np.rint(size[:, None] * np.array([12, 22, 40, 22]) * rng.uniform(0.6, 1.3, (n, 4)))
    # some centres take no infants, some no pupils
    center *= rng.random((n, 4)) < np.array([0.72, 0.9, 1.0, 0.6])
    home = np.where(rng.random((n, 4)) < 0.85, np.array([2, 4, 6, 4]), 0)
    group = np.array([4, 8, 12, 6])
    capacity = np.select(
        [(kind == CENTER)[:, None], (kind == HOME)[:, None], (kind == GROUP)[:, None]],
        [center, home, np.broadcast_to(group, (n, 4))], 0,
    ).astype(np.int64)  # fmt: skip
    capacity[kind == HOME, PRESCHOOL] = 6
    # in a home the age groups share its places: the whole is less than the sum
    total = np.select([kind == HOME, kind == GROUP], [6, 12], capacity.sum(axis=1))
    opened = window.start - rng.integers(200, 9000, n)
    late = rng.random(n) < 0.06
    opened[late] = window.start + (rng.random(n) * (window.end - window.start))[late].astype(int)
    closed = np.where(
        rng.random(n) < 0.04 * (2 + window.months / 12),
        window.start - 700 + (rng.random(n) * (window.end - window.start + 700)).astype(np.int64),
        OPEN,
    )
    closed = np.where(closed > opened + 90, closed, OPEN)
    relicensed = np.where(
        (rng.random(n) < 0.07 * (2 + window.months / 12)) & (kind != EXEMPT),
        window.start - 600 + (rng.random(n) * (window.end - window.start + 600)).astype(np.int64),
        OPEN,
    )
    fits = (relicensed > opened + 60) & (relicensed < closed - 60)
    relicensed = np.where(fits, relicensed, OPEN)
    # one that stays open of each kind, so that every child finds a place
    first = np.unique(kind, return_index=True)[1]
    opened[first], closed[first] = window.start - 4000, OPEN
    return Providers(kind, address, capacity, total, opened, closed, relicensed)


def _care(world: World, providers: Providers) -> Care:
    person, family, month = _children(world)
    first = month_start(month)
    months = months_of_age(world.people.dob[person], first)
    group = age_group(months)
    rng = world.stream("paid care")
    n = len(person)
    main = _choice(world, providers, person, month, first, "provider", 6 + 18)
    # one child in fourteen has a second provider for a quarter
    twice = np.flatnonzero(world.uniform("second provider", person, month // 3) < 0.07)
    other = _choice(world, providers, person[twice], month[twice], first[twice], "second", 9)
    differs = other != main[twice]
    twice, other = twice[differs], other[differs]
    row = np.r_[np.arange(n), twice]
    provider = np.r_[main, other]
    setting = np.r_[np.zeros(n, dtype=np.int64), np.ones(len(twice), dtype=np.int64)]
    summer = np.isin(month % 12, (5, 6, 7))
    full = np.where(group < SCHOOL_AGE, 168, np.where(summer, 150, 64))
    usual = full * (0.55 + 0.5 * world.uniform("care need", person))
    hours = usual[row] * np.where(setting == 1, 0.25, 1.0) * rng.uniform(0.85, 1.1, len(row))
    hours = np.maximum(np.rint(hours), 4).astype(np.int64)
    price = _PRICE[providers.kind[provider], group[row]]
    paid = np.maximum(np.rint(price * np.minimum(hours / full[row], 1.05)), 25).astype(np.int64)
    # paid by enrolment, not used: sick, moving, on holiday
    unused = rng.random(len(row)) < 0.018
    hours = np.where(unused, 0, hours)
    order = np.lexsort((setting, person[row], month[row]))
    columns = (person[row], family[row], month[row], provider, setting, hours, paid)
    return Care(*(column[order] for column in columns))


def _children(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Children with paid care in a month: person, family, month."""
    people, res, window = world.people, world.residence, world.window
    rng = world.stream("child care subsidy")
    months = np.arange(window.first - MONTHS_BEFORE, window.first + window.months)
    days = month_start(months)
    young = np.flatnonzero(people.dob[res.person] > days[0] - 13 * 366)
    kid, home = res.person[young], res.household[young]
    begin, end = res.start[young], res.end[young]
    need = world.houses.need
    working = np.zeros(len(world.houses), dtype=bool)
    at_work = people.home[np.unique(world.lives["work"].person)]
    working[at_work[at_work >= 0]] = True
    share = np.clip((need - 0.52) / 0.48, 0, 0.97) * np.where(working, 0.34, 0.08)
    # a two-state chain at its long-run level
    leave = 0.07
    enter = leave * share / (1 - share)
    on = rng.random(len(need)) < share
    uses = world.uniform("uses care", kid)
    rows = []
    for month, first in zip(months.tolist(), days.tolist(), strict=True):
        move = rng.random(len(need))
        on = np.where(on, move >= leave, move < enter)
        age = age_on(people.dob[kid], first)
        here = (begin <= first) & (end > first) & on[home] & (people.dob[kid] <= first)
        here &= uses < np.where(age < 6, 0.9, np.where(age < 13, 0.42, 0))
        at = np.flatnonzero(here)
        rows.append((kid[at], home[at], np.full(len(at), month)))
    care = world.lives["child_welfare"].removals
    some = world.uniform("care in foster care", care.person) < 0.35
    for month, first in zip(months.tolist(), days.tolist(), strict=True):
        age = age_on(people.dob[care.person], first)
        at = np.flatnonzero(some & (care.start <= first) & (care.end > first) & (age < 6))
        rows.append((care.person[at], OPEN + care.person[at], np.full(len(at), month)))
    person, family, month = (np.concatenate(x) for x in zip(*rows, strict=True))
    # a child in foster care is not also with its family: the foster case, listed last, counts
    key = person * 10_000 + month
    _, last = np.unique(key[::-1], return_index=True)
    keep = np.sort(len(key) - 1 - last)
    return person[keep], family[keep], month[keep]


def _choice(world: World, providers: Providers, person, month, first, salt: str, span: int):
    """A provider open on `first` near each child's home; another one every six months or more.

    Providers stand in order of their tracts, each as often as it has places, so that a step to
    the side is a provider nearby.
    """
    # a child keeps its provider for a spell that begins at its own month
    phase = (world.uniform(f"{salt} phase", person) * span).astype(np.int64)
    length = 6 + (world.uniform(f"{salt} length", person) * (span - 6)).astype(np.int64)
    spell = (month + phase) // length
    times = np.select(
        [providers.kind == CENTER, providers.kind == EXEMPT], [12, 2], 4
    )  # fmt: skip
    tract = world.addresses.tract[providers.address]
    by_tract = np.argsort(tract, kind="stable")
    line = np.repeat(by_tract, times[by_tract])
    address = world.address_at(person, first)
    home = np.where(address >= 0, world.addresses.tract[np.maximum(address, 0)], 0)
    chosen = np.full(len(person), -1)
    for attempt in range(6):
        left = chosen < 0
        if not left.any():
            break
        who = person[left]
        aside = world.uniform(f"{salt} {attempt}", who, spell[left]) - 0.5
        where = np.searchsorted(tract[line], home[left]) + aside * len(line) * 3 * (
            1 + attempt
        ) / len(TRACTS)
        pick = line[np.clip(np.rint(where), 0, len(line) - 1).astype(np.int64)]
        day = first[left]
        there = (providers.opened[pick] <= day) & (providers.closed[pick] > day + 31)
        chosen[left] = np.where(there, pick, -1)
    return np.where(chosen >= 0, chosen, 0)


def spells(world: World, rows: ChildCare) -> Spells:
    """Unbroken runs of months with paid care; one that reaches the last month is not over."""
    last = world.window.first + world.window.months - 1
    person, begin, end = runs(rows.care.person, rows.care.month)
    last_day = np.where(end >= last, OPEN, month_start(end + 1) - 1)
    # a month of birth is paid from its first day on; the child's time begins with its birth
    start = np.maximum(month_start(begin), world.people.dob[person])
    return Spells(person, np.full(len(person), "child_care_subsidy"), start, last_day)
