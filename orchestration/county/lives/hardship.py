"""Getting by: visits to food pantries and calls for help, in the months of the window.

Adults of poor households, some of them often and most never; a few who are not poor. Each
visit and each call is a day; there is no entry and no exit, as the nonprofits see it.
Add here: another kind of contact with a nonprofit. Keep out: names and files (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.timeline import age_on, month_start
from orchestration.county.world import World


@dataclass
class Contacts:
    """One row per contact, by person and day. place: a number in [0, 1) that says where."""

    person: np.ndarray
    day: np.ndarray
    place: np.ndarray


def pantry(world: World) -> Contacts:
    """Visits to food pantries: about 500 a month in a county of 20,000."""
    return _contacts(world, "pantry", monthly=0.03, steep=4.0, spread=0.25)


def calls(world: World) -> Contacts:
    """Calls to the helpline: about 250 a month in a county of 20,000."""
    return _contacts(world, "helpline", monthly=0.015, steep=3.0, spread=0.4)


def _contacts(world: World, name: str, *, monthly: float, steep: float, spread: float) -> Contacts:
    """monthly: contacts per inhabitant; steep: how much need counts; spread: the shape of the
    gamma by which persons of equal need differ (the smaller, the more come again and again)."""
    people, window = world.people, world.window
    rng = world.stream(name)
    everyone = np.arange(len(people))
    starts = month_start(np.arange(window.first, window.first + window.months + 1))
    adult = age_on(people.dob, window.start + 30 * window.months // 2) >= 18
    rate = np.where(adult, np.exp(steep * (world.need(everyone) - 1)), 0.0)
    rate *= rng.gamma(spread, 1 / spread, len(people))
    rate *= monthly * world.persons / rate.sum()
    rate = np.minimum(rate, 4.0)
    who, day = [], []
    for i in range(window.months):
        begin, end = int(starts[i]), int(starts[i + 1])
        number = rng.poisson(rate)
        person = np.repeat(everyone, np.minimum(number, 4))
        on = rng.integers(begin, end, len(person))
        here = world.resident(person, on)
        who.append(person[here])
        day.append(on[here])
    person, on = np.concatenate(who), np.concatenate(day)
    order = np.lexsort((on, person))
    person, on = person[order], on[order]
    # nobody is served twice on a day
    once = np.r_[True, (person[1:] != person[:-1]) | (on[1:] != on[:-1])] if len(on) else on == 0
    person, on = person[once], on[once]
    return Contacts(person, on, rng.random(len(person)))
