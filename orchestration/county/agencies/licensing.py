"""The child care licensing office: licensed providers and their quality ratings. No persons.

providers.csv  every licence of the last years, open or closed, with places by age group
ratings.csv    ratings of the quality system (STARS) with their effective dates

Snapshots. Relatives and neighbours who need no licence are in neither.
Quirks: after a move or a change of owner a provider gets another provider_id, and
previous_provider_id says which it had; the places of a home are shared between the age groups, so
capacity_total is less than their sum; the end of a rating that was replaced often stays open
(12/31/9999), so that two ratings are in force at once; a licence renewed late seems to have
lapsed.

Codes. facility_type: CTR centre, FCC family child care home, GRP group home. status: OPEN, CLOSED.
accepts_subsidy: Y, N. rating: 1 to 5 stars.
Add here: inspections. Keep out: places that are free (vacancy.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.columns import digits
from orchestration.county.delivery import Columns, Desk
from orchestration.county.lives import child_care as life
from orchestration.county.places import COUNTY_CODE
from orchestration.county.records import numbers, title
from orchestration.county.timeline import OPEN, dates
from orchestration.county.world import World

_TYPE = np.array(["CTR", "FCC", "GRP"])
_NAMES = np.array(
    ["Little Acorns", "Bright Path", "Sunny Steps", "Rosewood", "First Friends", "Kite Hill",
     "Small Wonders", "Maple Lane", "Blue Heron", "Growing Tree", "Lantern", "Meadowlark",
     "Stepping Stones", "Puddle Jumpers", "Harvest Moon", "Cozy Corner"]
)  # fmt: skip
_OPEN_RATING = "12/31/9999"


@dataclass
class Licences:
    """One row per licence, by provider and start; provider is a row of life.Providers.

    ids: the provider_id of the licence; fein: the employer number of its holder, 000000000 for
    most homes; stars: the rating in force by month is `rating(rows, on)`.
    """

    provider: np.ndarray
    ids: np.ndarray
    fein: np.ndarray
    start: np.ndarray
    end: np.ndarray
    rated: np.ndarray
    rated_from: np.ndarray
    stars: np.ndarray

    def at(self, provider: np.ndarray, on: np.ndarray) -> np.ndarray:
        """The licence of each provider on each day (the last begun by then); -1: unlicensed."""
        key = self.provider * (4 * OPEN) + self.start
        row = np.searchsorted(key, provider * (4 * OPEN) + on, side="right") - 1
        row = np.where((row >= 0) & (self.provider[row] == provider), row, -1)
        # asked for a day before the first licence: the first
        first = np.searchsorted(self.provider, provider)
        known = (first < len(self.provider)) & (
            self.provider[np.minimum(first, len(self.provider) - 1)] == provider
        )
        return np.where(row >= 0, row, np.where(known, first, -1))

    def rating(self, licence: np.ndarray, on: np.ndarray) -> np.ndarray:
        """Stars of each licence on each day; 0 where not rated."""
        key = self.rated * (4 * OPEN) + self.rated_from
        row = np.searchsorted(key, licence * (4 * OPEN) + on, side="right") - 1
        row = np.maximum(row, 0)
        return np.where((self.rated[row] == licence) & (self.rated_from[row] <= on),
                        self.stars[row], 0)  # fmt: skip


def licences(world: World) -> Licences:
    """All licences; the same for every agency that asks."""
    p: life.Providers = world.lives["child_care"].providers
    rng = world.stream("licences")
    licensed = np.flatnonzero(p.kind != life.EXEMPT)
    again = licensed[p.relicensed[licensed] < OPEN]
    provider = np.r_[licensed, again]
    start = np.r_[p.opened[licensed], p.relicensed[again]]
    end = np.r_[np.minimum(p.closed[licensed], p.relicensed[licensed]), p.closed[again]]
    order = np.lexsort((start, provider))
    provider, start, end = provider[order], start[order], end[order]
    n = len(provider)
    number = numbers(world, "child care provider", n, 10**4, 10**6)
    fein = digits(numbers(world, "child care fein", n, 10**8, 10**9).astype(np.int64), 9)
    fein = np.where((p.kind[provider] == life.HOME) & (rng.random(n) < 0.8), "000000000", fein)
    # half of the homes and four in five centres are rated, and again every two to three years
    rated = np.flatnonzero(rng.random(n) < np.where(p.kind[provider] == life.HOME, 0.5, 0.82))
    times = 1 + (np.minimum(end[rated], world.window.end) - start[rated] > 900).astype(int) * (
        1 + (rng.random(len(rated)) < 0.4)
    )
    row = np.repeat(rated, times)
    k = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    back = np.maximum(start[row] + 60, world.window.start - 1500) + k * 760
    since = np.minimum(back + rng.integers(0, 200, len(row)), world.window.end - 5)
    base = rng.choice([1, 2, 3, 4, 5], len(provider), p=[0.12, 0.22, 0.3, 0.22, 0.14])
    stars = np.clip(base[row] + k * (rng.random(len(row)) < 0.5), 1, 5)
    # Ratings that the window's end pushes onto one day are one, the last.
    again = np.r_[(row[1:] == row[:-1]) & (since[1:] <= since[:-1]), False]
    fits = (since < end[row]) & ~again
    order = np.lexsort((since[fits], row[fits]))
    return Licences(
        provider=provider, ids=np.char.add("CC", digits(number.astype(np.int64), 8)), fein=fein,
        start=start, end=end, rated=row[fits][order], rated_from=since[fits][order],
        stars=stars[fits][order],
    )  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write providers.csv and ratings.csv of every delivery."""
    table = _Office(world)
    window = world.window
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        desk.put("licensing", folder, "providers.csv", table.providers(as_of))
        desk.put("licensing", folder, "ratings.csv", table.ratings(as_of))


class _Office:
    """What does not change from delivery to delivery."""

    def __init__(self, world: World):
        self.world = world
        self.p: life.Providers = world.lives["child_care"].providers
        self.held = licences(world)
        rng = world.stream("licensing office")
        n, owner = len(self.held.provider), self.held.provider
        kind = self.p.kind[owner]
        words = np.array(["Early Learning Center", "Family Child Care", "Group Child Care"])
        name = np.char.add(np.char.add(_NAMES[owner % len(_NAMES)], " "), words[kind])
        again = owner // len(_NAMES)
        self.name = np.where(again > 0, np.char.add(name, np.char.add(" ", again.astype("U4"))),
                             name)  # fmt: skip
        self.kind = _TYPE[kind]
        follows = np.r_[False, owner[1:] == owner[:-1]]
        self.previous = np.where(follows, np.r_[[""], self.held.ids[:-1]], "")
        self.subsidy = np.where(rng.random(n) < 0.8, "Y", "N")
        self.opens = np.array(["06:00", "06:30", "07:00"])[rng.integers(0, 3, n)]
        self.closes = np.array(["17:30", "18:00", "18:30", "23:30"])[
            np.minimum(rng.integers(0, 13, n) // 4, 3)
        ]
        self.late = np.where(rng.random(n) < 0.05, rng.integers(5, 60, n), 0)
        m = len(self.held.rated)
        self.left_open = rng.random(m) < 0.35
        last = np.r_[self.held.rated[1:] != self.held.rated[:-1], np.ones(min(m, 1), dtype=bool)]
        following = np.r_[self.held.rated_from[1:], OPEN][:m]
        self.replaced = np.where(last, OPEN, following)

    def providers(self, as_of: int) -> Columns:
        """providers.csv: licences that began by then and did not end two years before."""
        p, held = self.p, self.held
        at = np.flatnonzero((held.start <= as_of) & (held.end > as_of - 730))
        owner = held.provider[at]
        a, address = self.world.addresses, p.address[owner]
        gone = held.end[at] <= as_of
        # licences run for a year from their own day on
        years = (np.minimum(as_of, np.where(gone, held.end[at], as_of)) - held.start[at]) // 365
        renewed = held.start[at] + years * 365
        expires = renewed + 364 - np.where(years > 0, self.late[at], 0)
        capacity = p.capacity[owner]
        columns = {
            "provider_id": held.ids[at],
            "previous_provider_id": self.previous[at],
            "fein": held.fein[at],
            "facility_name": self.name[at],
            "facility_type": self.kind[at],
            "status": np.where(gone, "CLOSED", "OPEN"),
            "street": title(a.line[address]),
            "city": title(a.city[address]),
            "zip": a.zip[address],
            "county_fips": np.full(len(at), "10" + COUNTY_CODE),
            "tract_geoid": a.geoid[address],
            "capacity_infant": capacity[:, life.INFANT],
            "capacity_toddler": capacity[:, life.TODDLER],
            "capacity_preschool": capacity[:, life.PRESCHOOL],
            "capacity_school_age": capacity[:, life.SCHOOL_AGE],
            "capacity_total": p.total[owner],
            "accepts_subsidy": self.subsidy[at],
            "opens_at": self.opens[at],
            "closes_at": self.closes[at],
            "license_start": dates(held.start[at], "us"),
            "license_expires": dates(expires, "us"),
            "closed_date": dates(np.where(gone, held.end[at], OPEN), "us"),
        }
        order = np.argsort(columns["provider_id"], kind="stable")
        return {k: v[order] for k, v in columns.items()}

    def ratings(self, as_of: int) -> Columns:
        """ratings.csv: of the licences in providers.csv."""
        held = self.held
        shown = (held.start <= as_of) & (held.end > as_of - 730)
        at = np.flatnonzero((held.rated_from <= as_of) & shown[held.rated])
        closed = (self.replaced[at] <= as_of) & ~self.left_open[at]
        return {
            "provider_id": held.ids[held.rated[at]],
            "rating": held.stars[at],
            "effective_date": dates(held.rated_from[at], "us"),
            "end_date": np.where(
                closed, dates(np.where(closed, self.replaced[at] - 1, OPEN), "us"), _OPEN_RATING
            ),
        }
