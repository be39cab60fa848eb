"""Deliveries that are bad on purpose, so that the gate has something to hold.

A fault takes the columns of a good file and spoils them. Add here: another fault, or another
bad delivery in BAD. Keep out: the small errors every good file has (records.py, noise.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from orchestration.county.columns import Columns
from orchestration.county.delivery import Desk
from orchestration.county.world import World

Fault = Callable[[Columns, np.random.Generator], Columns]


def without(column: str, value: str) -> Fault:
    """A category that vanished: no row has `value` in `column`."""

    def fault(columns: Columns, rng: np.random.Generator) -> Columns:
        keep = columns[column] != value
        return {k: v[keep] for k, v in columns.items()}

    return fault


def only(share: float) -> Fault:
    """Missing rows: a random share of the rows is left."""

    def fault(columns: Columns, rng: np.random.Generator) -> Columns:
        n = len(next(iter(columns.values())))
        keep = np.sort(rng.permutation(n)[: round(n * share)])
        return {k: v[keep] for k, v in columns.items()}

    return fault


def repeated(share: float) -> Fault:
    """Duplicate keys: a random share of the rows stands in the file twice."""

    def fault(columns: Columns, rng: np.random.Generator) -> Columns:
        n = len(next(iter(columns.values())))
        again = rng.permutation(n)[: max(1, round(n * share))]
        rows = np.sort(np.concatenate([np.arange(n), again]))
        return {k: v[rows] for k, v in columns.items()}

    return fault


# the benefits file of the month after the last: TANF gone, half of the rows, 5 % keys twice
BAD = {"benefits": (without("program", "TANF"), only(0.5), repeated(0.05))}


def deliver(world: World, desk: Desk, agency: str, delivery: str, last: Columns) -> None:
    """Write the spoilt file of the delivery after the last good one, whose columns are `last`."""
    columns = dict(last)
    columns["report_month"] = np.full(len(last["report_month"]), delivery)
    issued = [f"{delivery[5:]}{v[2:6]}{delivery[:4]}" for v in last["issued_date"].tolist()]
    columns["issued_date"] = np.array(issued)
    spoilt = spoil(columns, BAD[agency], world.stream("faults"))
    desk.put(agency, delivery, f"case_members_{delivery}.csv", spoilt)


def spoil(columns: Columns, faults: tuple[Fault, ...], rng: np.random.Generator) -> Columns:
    """The columns after all faults."""
    for fault in faults:
        columns = fault(columns, rng)
    return columns
