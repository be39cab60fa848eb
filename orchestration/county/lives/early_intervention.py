"""Early intervention for children under three, and home visits to families with a baby.

Part C: a child is referred, evaluated, and if eligible has a plan (IFSP) from its day until the
day before the third birthday or an earlier exit. Home visits: mothers in need enrol around the
birth and stay until they stop or the child is two; the child takes part from its birth.
Histories begin four years before the first delivery.
Add here: another fact of a referral or a visit. Keep out: ids and files (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.timeline import OPEN, birthday
from orchestration.county.world import World

YEARS_BEFORE = 4
# why a child leaves, as the federal exit report asks, shares of those who leave at three
_AT_THREE = np.array(["2", "4", "5", "6"])
_AT_THREE_SHARES = np.array([0.58, 0.12, 0.10, 0.20])
_EARLIER = np.array(["1", "8", "9", "10"])
_EARLIER_SHARES = np.array([0.30, 0.12, 0.38, 0.20])


@dataclass
class Referrals:
    """One row per referral, by child and day; days are OPEN where it never came to that.

    eligible: E, N, or U where the evaluation was not finished. exit_reason: 1 plan completed,
    2 to preschool special education, 4 and 5 not eligible for it (with and without a referral),
    6 not determined, 7 died, 8 moved away, 9 withdrawn, 10 could not be reached.
    """

    person: np.ndarray
    referred: np.ndarray
    evaluated: np.ndarray
    eligible: np.ndarray
    plan: np.ndarray
    exit: np.ndarray
    exit_reason: np.ndarray


@dataclass
class Visited:
    """One row per family with home visits: mother, firstborn of that birth, half-open days."""

    mother: np.ndarray
    child: np.ndarray
    start: np.ndarray
    end: np.ndarray


@dataclass
class EarlyIntervention:
    referrals: Referrals
    visited: Visited


def begins(world: World) -> int:
    """The first day of the histories."""
    return world.window.start - YEARS_BEFORE * 365


def history(world: World) -> EarlyIntervention:
    """Referrals and home-visited families of the last four years and the window."""
    return EarlyIntervention(_referrals(world), _visited(world))


def _referrals(world: World) -> Referrals:
    people, window = world.people, world.window
    rng = world.stream("early intervention")
    kids = np.flatnonzero((people.dob > begins(world) - 3 * 365) & (people.dob < window.end))
    need = world.need(kids)
    # one in eight is referred before three, twins and the poorest oftener
    chance = 0.085 + 0.08 * need**2 + 0.12 * (people.birth_order[kids] > 0)
    kids = kids[rng.random(len(kids)) < chance]
    n = len(kids)
    referred = people.dob[kids] + 20 + (rng.beta(1.9, 1.2, n) * 1000).astype(np.int64)
    # one in nine who was turned away or lost is referred again
    again = np.flatnonzero(rng.random(n) < 0.05)
    kids = np.r_[kids, kids[again]]
    referred = np.r_[referred, referred[again] + rng.integers(90, 300, len(again))]
    third = birthday(people.dob[kids], 3)
    fits = (referred >= begins(world)) & (referred < np.minimum(window.end, third - 45))
    fits &= world.resident(kids, referred) & (people.dod[kids] > referred)
    kids, referred, third = kids[fits], referred[fits], third[fits]
    order = np.lexsort((referred, kids))
    kids, referred, third = kids[order], referred[order], third[order]
    n = len(kids)
    late = rng.random(n) < 0.09
    evaluated = referred + np.where(late, rng.integers(46, 120, n), rng.integers(8, 42, n))
    draw = rng.random(n)
    eligible = np.select([draw < 0.66, draw < 0.90], ["E", "N"], "U")
    again = np.r_[False, kids[1:] == kids[:-1]][:n]
    first_of_two = np.r_[kids[1:] == kids[:-1], False][:n]
    # who is referred again had not been found eligible
    eligible = np.where(first_of_two & (eligible == "E"), "N", eligible)
    eligible = np.where(again & (eligible == "U"), "E", eligible)
    evaluated = np.where(eligible == "U", OPEN, evaluated)
    plan = np.where(
        (eligible == "E") & (rng.random(n) < 0.94), evaluated + rng.integers(0, 12, n), OPEN
    )
    plan = np.where(plan < third - 10, plan, OPEN)
    last = third - 1
    early = rng.random(n) < 0.33
    span = np.maximum(last - plan, 1)
    exit_ = np.where(early, plan + (rng.random(n) * span).astype(np.int64), last)
    reason = np.where(early, rng.choice(_EARLIER, n, p=_EARLIER_SHARES),
                      rng.choice(_AT_THREE, n, p=_AT_THREE_SHARES))  # fmt: skip
    died = people.dod[kids] <= exit_
    exit_ = np.where(died, people.dod[kids], exit_)
    reason = np.where(died, "7", reason)
    has = plan < OPEN
    exit_ = np.where(has, np.maximum(exit_, np.minimum(plan, OPEN)), OPEN)
    return Referrals(kids, referred, evaluated, eligible, plan, exit_, np.where(has, reason, ""))


def _visited(world: World) -> Visited:
    people, window = world.people, world.window
    rng = world.stream("home visits")
    kids = np.flatnonzero(
        (people.dob > begins(world) - 365) & (people.dob < window.end + 120)
        & (people.mother >= 0) & (people.birth_order != 2)
    )  # fmt: skip
    mother = people.mother[kids]
    share = np.clip((world.need(kids) - 0.45) / 0.55, 0, 1) * 0.34
    takes = rng.random(len(kids)) < share
    kids, mother = kids[takes], mother[takes]
    n = len(kids)
    start = people.dob[kids] + rng.integers(-130, 75, n)
    stays = np.maximum(rng.exponential(430, n), 10).astype(np.int64)
    end = np.minimum(start + stays, birthday(people.dob[kids], 2))
    end = np.minimum(end, np.minimum(people.dod[kids], people.dod[mother]))
    fits = (start >= begins(world)) & (start < window.end) & (end > start + 5)
    fits &= world.resident(mother, start)
    kids, mother, start, end = (x[fits] for x in (kids, mother, start, end))
    # a mother is in the program with one child at a time
    order = np.lexsort((start, mother))
    kids, mother, start, end = (x[order] for x in (kids, mother, start, end))
    follows = np.r_[False, (mother[1:] == mother[:-1]) & (start[1:] < end[:-1])][: len(mother)]
    return Visited(mother[~follows], kids[~follows], start[~follows], end[~follows])


def spells(world: World, rows: EarlyIntervention) -> Spells:
    """Plans of early intervention; home visits of the mother, and of the child from birth."""
    r, v, end = rows.referrals, rows.visited, world.window.end
    has = (r.plan < end) & (r.plan < OPEN)
    last = np.where(r.exit[has] < end, r.exit[has], OPEN)
    born = np.maximum(v.start, world.people.dob[v.child])
    there = (born < v.end) & (born < end)
    over = np.where(v.end - 1 < end, v.end - 1, OPEN)
    return Spells(
        np.concatenate([r.person[has], v.mother, v.child[there]]),
        np.repeat(["early_intervention", "home_visiting"],
                  [int(has.sum()), len(v.mother) + int(there.sum())]),
        np.concatenate([r.plan[has], v.start, born[there]]),
        np.concatenate([last, over, over[there]]),
    )  # fmt: skip
