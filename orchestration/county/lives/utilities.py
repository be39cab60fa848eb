"""Electricity: who holds the account of which dwelling, when, and what is owed.

Three dwellings of four are customers of the one utility that delivers. Usually an adult of the
household holds the account, sometimes the landlord, who lives elsewhere. An account begins and
ends with the household's stay in the dwelling, so a premise has one account after another.
Add here: another fact of an account. Keep out: layout and errors (agencies/utility.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.timeline import OPEN, age_on
from orchestration.county.world import World


@dataclass
class Accounts:
    """One row per account, by premise and day. holder: a person; address: the premise; start,
    end: half-open days (OPEN while it goes on); need: of the household that lives there."""

    holder: np.ndarray
    address: np.ndarray
    start: np.ndarray
    end: np.ndarray
    need: np.ndarray


def history(world: World) -> Accounts:
    """All accounts that were open within a year before the window, or in it."""
    people, window, stays = world.people, world.window, world.residence
    rng = world.stream("utilities")
    home = world.addresses.use[stays.address] == "R"
    adult = age_on(people.dob[stays.person], np.maximum(stays.start, window.history)) >= 18
    rows = np.flatnonzero(home & adult & (stays.end > window.start - 365))
    # of the adults of one household in one dwelling the one with the lowest draw
    draw = world.uniform("account holder", stays.person[rows], stays.household[rows])
    order = np.lexsort((draw, stays.address[rows], stays.household[rows]))
    rows = rows[order]
    same = np.r_[
        False,
        (stays.household[rows][1:] == stays.household[rows][:-1])
        & (stays.address[rows][1:] == stays.address[rows][:-1]),
    ]
    group = np.cumsum(~same) - 1
    lead = rows[~same]
    start = np.full(len(lead), OPEN)
    end = np.zeros(len(lead), dtype=np.int64)
    np.minimum.at(start, group, stays.start[rows])
    np.maximum.at(end, group, stays.end[rows])
    customer = world.uniform("utility customer", stays.address[lead]) < 0.75
    inside = customer & (start < window.end) & (start < end)
    lead, start, end = lead[inside], start[inside], end[inside]
    holder, address = stays.person[lead].copy(), stays.address[lead]
    need = world.need(holder)
    # landlords: few persons, well off, each with several premises
    owners = np.flatnonzero(
        (age_on(people.dob, window.start) >= 35) & world.resident(np.arange(len(people)),
                                                                  window.start)
    )  # fmt: skip
    owners = owners[np.argsort(world.need(owners), kind="stable")][: max(3, world.persons // 400)]
    let = world.uniform("let", address) < 0.08
    which = (world.uniform("landlord", address) * len(owners)).astype(np.int64)
    holder[let] = owners[which[let]]
    # nobody takes an account on a day before birth or after death; the account is wound up
    end = np.minimum(end, people.dod[holder] + rng.integers(5, 90, len(holder)))
    end = np.where(end < window.end, end, OPEN)
    keep = start < end
    columns = (holder, address, start, end, need)
    order = np.lexsort((start[keep], address[keep]))
    return Accounts(*(c[keep][order] for c in columns))
