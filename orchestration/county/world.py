"""The fictional county as it truly was: people, places, who lived where.

Every agency looks at the same World and writes down what it saw. Add here: a look-up that
more than one agency needs. Keep out: errors (records.py, noise.py) and layouts (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from orchestration.county import households, places, population
from orchestration.county.places import Addresses
from orchestration.county.population import Households, People, Pools
from orchestration.county.randomness import hashed_uniform, stream
from orchestration.county.timeline import OPEN, Window


@dataclass
class World:
    """Everything true, and one choice of the county: hmis_csv, the fiscal year of the homeless
    services' format ("2026" or "2024"). `lives` maps a program's name to its history (lives.py).
    """

    seed: int
    window: Window
    people: People
    houses: Households
    residence: households.Residence
    addresses: Addresses
    pools: Pools
    persons: int
    lives: dict = field(default_factory=dict)
    hmis_csv: str = "2026"

    def stream(self, name: str) -> np.random.Generator:
        """The random numbers of one part of the county."""
        return stream(self.seed, name)

    def uniform(self, salt: str, *keys: np.ndarray) -> np.ndarray:
        """Numbers in [0, 1) that belong to the things numbered by `keys`."""
        return hashed_uniform(f"{self.seed}/{salt}", *keys)

    def address_at(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The address on a day, else the last one known before, else the first; -1 if none."""
        row = self.residence.known_row(who, on)
        return np.where(row >= 0, self.residence.address[row], -1)

    def resident(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """Whether the person lived in the county on that day."""
        return self.residence.row_at(who, on) >= 0

    def household_at(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The household on a day; -1 where the person lives elsewhere."""
        row = self.residence.row_at(who, on)
        return np.where(row >= 0, self.residence.household[row], -1)

    def need(self, who: np.ndarray) -> np.ndarray:
        """Need (0 best off .. 1 poorest) of the person's household, with a personal part."""
        home = self.people.home[who]
        base = np.where(home >= 0, self.houses.need[home], 0.5)
        own = self.uniform("need", who)
        return np.clip(0.85 * base + 0.15 * own, 0, 1)


def institutions(persons: int) -> list[tuple[str, str]]:
    """The addresses that are no homes: schools, shelters, care homes, the jail."""
    scale = persons / 20_000
    schools = max(6, round(13 * scale))
    return (
        [(f"school {i}", "I") for i in range(schools)]
        + [(f"shelter {i}", "G") for i in range(max(4, round(6 * scale)))]
        + [(f"care home {i}", "G") for i in range(max(2, round(2 * scale)))]
        + [("jail", "I"), ("hospital", "I"), ("courthouse", "I")]
    )


def build(window: Window, persons: int, seed: int) -> World:
    """People, homes and moves, before any program touches them."""
    people, houses, stays, pools = population.build(window, persons, stream(seed, "people"))
    stays = households.clip_to_life(people, houses, stays)
    rng = stream(seed, "homes")
    # most households at one time, and 6 % of dwellings vacant
    starts = np.full(len(houses), OPEN)
    np.minimum.at(starts, stays.household, stays.start)
    ends = np.zeros(len(houses), dtype=np.int64)
    np.maximum.at(ends, stays.household, stays.end)
    probe = np.arange(window.history, window.end + 31, 30)
    most = max(int(((starts <= d) & (ends > d)).sum()) for d in probe.tolist())
    addresses = places.build(round(most * 1.06) + 40, pools.streets, institutions(persons), rng)
    dwellings = households.settle(houses, stays, addresses, window, rng)
    dwellings = households.to_care_homes(people, houses, stays, addresses, dwellings, window, rng)
    residence = households.residence(stays, dwellings, len(houses))
    return World(seed, window, people, houses, residence, addresses, pools, persons)
