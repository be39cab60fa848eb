"""Adult protection: older and disabled adults whose maltreatment was reported.

Twelve in 1,000 persons of 60 and over a year are reported, more the older they are and where they
live alone; of younger adults only the disabled. Some are reported again. Histories begin on
1 January two years before the first delivery. These are events, there is nothing to stay in.
Add here: services. Keep out: ids and files (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.timeline import age_on, day
from orchestration.county.world import World

TYPES = np.array(["SELF", "NEGL", "FINX", "EMOT", "PHYS", "ABAN", "SEXA", "OTHR"])
_SHARES = np.array([0.42, 0.18, 0.16, 0.10, 0.07, 0.02, 0.015, 0.035])


@dataclass
class Investigations:
    """One row per investigation and maltreatment, by day received; finding SUB, UNS, INC, OTH."""

    investigation: np.ndarray
    person: np.ndarray
    received: np.ndarray
    closed: np.ndarray
    kind: np.ndarray
    finding: np.ndarray


def begins(world: World) -> int:
    """The first day of the histories."""
    return day(world.window.year - 2, 1, 1)


def history(world: World) -> Investigations:
    """All investigations since begins()."""
    people, window = world.people, world.window
    rng = world.stream("adult protection")
    low = begins(world)
    years = (window.end - low) / 365.25
    everyone = np.arange(len(people))
    age = age_on(people.dob, low + 200)
    size = np.bincount(people.home[people.home >= 0], minlength=len(world.houses))
    alone = (people.home >= 0) & (size[people.home] == 1)
    disabled = world.uniform("disabled adult", everyone) < 0.03
    rate = np.select([age >= 80, age >= 60, (age >= 18) & disabled], [0.021, 0.010, 0.035], 0.0)
    rate = rate * np.where(alone, 1.6, 0.8) * (0.6 + 0.8 * world.need(everyone))
    times = rng.poisson(rate * years * rng.gamma(0.7, 1 / 0.7, len(people)))
    person = np.repeat(everyone, np.minimum(times, 8))
    received = low + (rng.random(len(person)) * (window.end - low)).astype(np.int64)
    here = world.resident(person, received) & (people.dod[person] > received)
    person, received = person[here], received[here]
    order = np.lexsort((person, received))
    person, received = person[order], received[order]
    n = len(person)
    closed = received + rng.integers(12, 100, n)
    finding = rng.choice(["SUB", "UNS", "INC", "OTH"], n, p=[0.33, 0.45, 0.14, 0.08])
    kind = rng.choice(TYPES, (n, 2), p=_SHARES)
    two = (rng.random(n) < 0.22) & (kind[:, 0] != kind[:, 1])
    row = np.r_[np.arange(n), np.flatnonzero(two)]
    which = np.r_[np.zeros(n, dtype=int), np.ones(int(two.sum()), dtype=int)]
    order = np.lexsort((which, row))
    row, which = row[order], which[order]
    second = np.where(rng.random(len(row)) < 0.5, finding[row], "UNS")
    return Investigations(
        row, person[row], received[row], closed[row], kind[row, which],
        np.where(which == 0, finding[row], second),
    )  # fmt: skip
