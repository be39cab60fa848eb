"""Child support: cases of children whose parents live apart, orders and monthly payments.

The parent with whom the children live has a case, more often when poor; the other parent owes
from the day of the order until the youngest child is 18. Half pay most of it, a fifth nothing.
Of some children no father is known to the agency: a case without an order.
Add here: paternity tests, enforcement. Keep out: files (agencies/child_support.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.timeline import OPEN, birthday, month_of, month_start
from orchestration.county.world import World


@dataclass
class Cases:
    """One row per case. other: the parent who owes, -1 where not known to the agency.

    Half-open days: opened, closed; ordered is the day the order takes effect, OPEN if none;
    changed the day of its change to the amount `later`; amounts in dollars a month.
    """

    custodian: np.ndarray
    other: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    ordered: np.ndarray
    changed: np.ndarray
    amount: np.ndarray
    later: np.ndarray


@dataclass
class Support:
    """Cases, their children (row of cases, person, emancipated on that day), and payments.

    Payments: row of cases, month number, due, paid, and the arrears after it, in dollars.
    """

    cases: Cases
    child_case: np.ndarray
    child: np.ndarray
    emancipated: np.ndarray
    pay_case: np.ndarray
    pay_month: np.ndarray
    due: np.ndarray
    paid: np.ndarray
    arrears: np.ndarray


def history(world: World) -> Support:
    """Cases with a child under 18 at some time since a year before the first delivery."""
    people, window = world.people, world.window
    rng = world.stream("child support")
    child = np.flatnonzero(
        (people.mother >= 0) & (people.dob > window.start - 19 * 365)
        & (people.dob < window.end - 150) & (people.dod >= OPEN)
    )  # fmt: skip
    when = np.maximum(people.dob[child] + 120, window.start - 30)
    home = world.household_at(child, when)
    with_mother = world.household_at(people.mother[child], when) == home
    father = people.father[child]
    with_father = (father >= 0) & (world.household_at(np.maximum(father, 0), when) == home)
    here = (home >= 0) & (with_mother != with_father)
    child, with_mother, father = child[here], with_mother[here], father[here]
    custodian = np.where(with_mother, people.mother[child], father)
    other = np.where(with_mother, father, people.mother[child])
    alive = (other < 0) | (people.dod[np.maximum(other, 0)] >= OPEN)
    child, custodian, other = child[alive], custodian[alive], other[alive]
    pair = custodian * (len(people) + 1) + other + 1
    _, first, case = np.unique(pair, return_index=True, return_inverse=True)
    custodian, other = custodian[first], other[first]
    need = world.need(custodian)
    takes = rng.random(len(first)) < np.where(other >= 0, 0.25 + 0.6 * need, 0.10 + 0.35 * need)
    number = np.cumsum(takes) - 1
    keep = takes[case]
    child, case = child[keep], number[case[keep]]
    custodian, other = custodian[takes], other[takes]
    n = len(custodian)
    eldest, youngest = np.full(n, OPEN), np.full(n, -OPEN)
    np.minimum.at(eldest, case, people.dob[child])
    np.maximum.at(youngest, case, people.dob[child])
    grown = birthday(youngest, 18)
    # Nobody opens a case for children who have grown up.
    span = np.maximum(np.minimum(window.end, grown) - 60 - eldest, 30)
    opened = eldest + 60 + (rng.random(n) ** 1.3 * span).astype(np.int64)
    closed = np.minimum(grown + rng.integers(20, 200, n), OPEN)
    early = rng.random(n) < 0.12
    closed = np.where(early, np.minimum(opened + rng.integers(120, 2500, n), closed), closed)
    closed = np.where(closed < window.end, closed, OPEN)
    wait = rng.geometric(0.012, n) + 20
    ordered = np.where((other >= 0) & (rng.random(n) < 0.9), opened + wait, OPEN)
    ordered = np.where(ordered < np.minimum(closed, window.end) - 20, ordered, OPEN)
    amount = np.clip(np.exp(rng.normal(5.75, 0.45, n)), 50, 1500).astype(np.int64) // 5 * 5
    changed = np.where(
        (rng.random(n) < 0.25) & (ordered < OPEN), ordered + rng.integers(300, 1500, n), OPEN
    )
    changed = np.where(changed < np.minimum(closed, window.end), changed, OPEN)
    later = (amount * rng.uniform(0.6, 1.5, n)).astype(np.int64) // 5 * 5
    cases = Cases(custodian, other, opened, closed, ordered, changed, amount, later)
    ends = np.minimum(birthday(people.dob[child], 18), closed[case])
    return Support(cases, case, child, ends, *_payments(world, cases, grown, rng))


def _payments(world: World, cases: Cases, grown: np.ndarray, rng) -> tuple[np.ndarray, ...]:
    """Every month with money due, from the month after the order to the last delivery."""
    window = world.window
    last = window.first + window.months - 1
    begin = np.maximum(month_of(np.minimum(cases.ordered, window.end)) + 1, window.first - 12)
    stop = np.minimum(np.minimum(cases.closed, grown), window.end)
    end = np.minimum(month_of(stop) - (stop < window.end), last)
    times = np.where(cases.ordered < OPEN, np.maximum(end - begin + 1, 0), 0)
    case = np.repeat(np.arange(len(times)), times)
    place = np.arange(len(case)) - np.repeat(np.cumsum(times) - times, times)
    month = begin[case] + place
    due = np.where(month_start(month) >= cases.changed[case], cases.later[case],
                   cases.amount[case])  # fmt: skip
    payer = world.uniform("payer", np.arange(len(times)))
    habit = payer[case]
    draw = rng.random(len(case))
    share = np.select(
        [habit < 0.2, habit < 0.5],
        [np.where(draw < 0.06, 0.5, 0.0), np.where(draw < 0.45, rng.uniform(0.1, 0.9, len(case)),
                                                   np.where(draw < 0.6, 1.0, 0.0))],
        np.where(draw < 0.9, 1.0, np.where(draw < 0.95, 0.5, 0.0)),
    )  # fmt: skip
    paid = np.round(due * share).astype(np.int64)
    owed = np.cumsum(due - paid)
    start = np.cumsum(times) - times
    before = np.where(start > 0, owed[np.maximum(start - 1, 0)], 0) if len(owed) else start
    old = np.round(rng.exponential(900, len(times)) * (payer < 0.6))
    arrears = owed - before[case] + old[case].astype(np.int64)
    return case, month, due, paid, arrears


def spells(world: World, rows: Support) -> Spells:
    """Children on a case with an order, from the order to their 18th birthday or the closing."""
    start = rows.cases.ordered[rows.child_case]
    end = rows.emancipated
    start = np.maximum(start, world.people.dob[rows.child])
    keep = (start < OPEN) & (start < end)
    last = np.where(end[keep] < world.window.end, end[keep] - 1, OPEN)
    return Spells(rows.child[keep], np.full(int(keep.sum()), "child_support"), start[keep], last)
