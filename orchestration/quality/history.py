"""The memory of the gate: figures of each load, in quality.metric_history.

Great Expectations keeps no history, so stability rules compare figures stored here. Figures
are written when a load is gated; only those of accepted loads are ever compared with.
Figures are counts: rows, empty fields by column, distinct ids, rows by code (codes of the
contract's lists only; anything else is counted under one name).
Add here: a figure a stability rule needs. Keep out: limits (expectations/_policy.yml).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.landing import superseding
from orchestration.landing.contracts import Contract, Table
from orchestration.landing.delivery_types import CHANGES
from orchestration.quality import recurring, shapes, slices, suites
from orchestration.quality.typed import literal, quote

if TYPE_CHECKING:
    import psycopg

NOT_LISTED = "(not listed)"
# Codes of a table that are counted in the scan of the other figures, at 0.03 s each and million
# rows; more of them are grouped in a scan of their own, at 0.4 s a column (2026-11-25).
MOST_FILTERS = 40

# metric, column, slice, value, and the histogram of a figure that has one
Figure = tuple[str, str, str, float] | tuple[str, str, str, float, dict[str, int] | None]


def record(connection: psycopg.Connection, contract: Contract, load_id: int) -> None:
    """Make sure an accepted load has its figures; computes them from staging if not.

    The gate has written them already, except for a load that was published by a steward's
    override before it was ever gated. Does not commit.
    """
    known = connection.execute(
        "select 1 from quality.metric_history where load_id = %s limit 1", [load_id]
    ).fetchone()
    if known:
        return
    period = _period(connection, load_id)
    for table in contract.tables:
        relation = f"staging_{contract.agency}.{quote(table.name)}"
        rows = f"(select * from {relation} where _load_id = {int(load_id)}) as published"
        found = figures(connection, contract, table, rows)
        count = int(found[0][3])
        found += shapes.figures(connection, contract, table, rows, count, period)
        found += slices.figures(connection, table, rows, count)
        found += recurring.twins(connection, table, rows, count)
        store(connection, load_id, table, found)


def rows_of(connection: psycopg.Connection, table: Table, load_id: int) -> int:
    """The rows that a table of a load had when it was judged."""
    found = connection.execute(
        "select value from quality.metric_history "
        "where load_id = %s and table_name = %s and metric = 'rows'",
        [load_id, table.name],
    ).fetchone()
    return int(found[0]) if found else 0


def _period(connection: psycopg.Connection, load_id: int) -> str:
    found = connection.execute("select period from quality.load where load_id = %s", [load_id])
    row = found.fetchone()
    return row[0] if row else ""


def figures(
    connection: psycopg.Connection, contract: Contract, table: Table, relation: str
) -> list[Figure]:
    """The figures of one table. relation: SQL for FROM that yields the load's rows."""
    distinct = _distinct_columns(contract, table)
    coded = {c.name: c.codes for c in table.columns if c.codes}
    by_filter = sum(map(len, coded.values())) <= MOST_FILTERS
    asked = [(name, code) for name, codes in coded.items() for code in codes if by_filter]
    counted = connection.execute(
        "select count(*)"  # type: ignore[arg-type]
        + "".join(f", count({quote(c.name)})" for c in table.columns)
        + "".join(f", count(distinct {quote(name)})" for name in distinct)
        + "".join(f", count(*) filter (where {quote(n)} = {literal(code)})" for n, code in asked)
        + f" from {relation}"
    ).fetchone()
    assert counted is not None
    values = iter(counted)
    rows = next(values)
    found: list[Figure] = [("rows", "", "", rows)]
    if not rows:
        return found
    filled = {c.name: next(values) for c in table.columns}
    found += [("missing", name, "", rows - n) for name, n in filled.items()]
    found += [("distinct", name, "", next(values)) for name in distinct]
    if not by_filter:
        return found + _code_rows(connection, table, relation)
    counts = {(name, code): next(values) for name, code in asked}
    for name, codes in coded.items():
        counts[name, NOT_LISTED] = filled[name] - sum(counts[name, code] for code in codes)
    return found + [("code_rows", name, code, n) for (name, code), n in counts.items() if n]


def _code_rows(connection: psycopg.Connection, table: Table, relation: str) -> list[Figure]:
    coded = {c.name: set(c.codes) for c in table.columns if c.codes}
    if not coded:
        return []
    pairs = ", ".join(f"({literal(name)}, {quote(name)})" for name in coded)
    counts: dict[tuple[str, str], int] = {}
    for name, code, count in connection.execute(
        f"select pair.name, pair.code, count(*) from {relation} "  # type: ignore[arg-type]
        f"cross join lateral (values {pairs}) as pair (name, code) "
        "where pair.code is not null group by 1, 2"
    ):
        # A value outside the list may be a person's, in a shifted column; it is never stored.
        listed = code if code in coded[name] else NOT_LISTED
        counts[name, listed] = counts.get((name, listed), 0) + count
    return [("code_rows", name, code, count) for (name, code), count in counts.items()]


def _distinct_columns(contract: Contract, table: Table) -> list[str]:
    """The columns whose distinct values the stability rule on ids counts."""
    names: list[str] = []
    for rule in suites.rules(contract):
        if rule.table == table.name and rule.type == "expect_distinct_ids_near_history":
            names += rule.kwargs["columns"]
    return names


def carried_over(
    connection: psycopg.Connection,
    contract: Contract,
    table: Table,
    relation: str,
    delivery_type: str,
) -> list[Figure]:
    """How many keys the current snapshot holds, and how many of them this load holds too."""
    current = f"staging_{contract.agency}.{quote(table.name + '_current')}"
    if contract.delivery_kind != "snapshot" or not table.key:
        return []
    # A delivery of changes is not meant to hold the records that stay as they are.
    if delivery_type in CHANGES:
        return []
    exists = connection.execute("select to_regclass(%s)", [current]).fetchone()
    if exists is None or exists[0] is None:
        return []
    keys = ", ".join(quote(name) for name in table.key)
    looked_for = f"select distinct {keys} from {current}"
    if contract.rolls:
        # a period that has left the file takes its records with it
        period = superseding.row_period(contract.row_period).as_string()
        looked_for += f" where {period} in (select {period} from {relation})"
    before, both = connection.execute(
        f"select count(*), count(now.here) from ({looked_for}) as before "  # type: ignore[arg-type]
        f"left join (select distinct {keys}, true as here from {relation}) as now using ({keys})"
    ).fetchone() or (0, 0)
    return [("previous_keys", "", "", before), ("carried_over_keys", "", "", both)]


def store(
    connection: psycopg.Connection, load_id: int, table: Table, found: Iterable[Figure]
) -> None:
    """Write the figures of one table of a load, in the place of earlier ones."""
    connection.execute(
        "delete from quality.metric_history where load_id = %s and table_name = %s",
        [load_id, table.name],
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy quality.metric_history "
            "(load_id, table_name, metric, column_name, slice, value, bins) from stdin"
        ) as copy,
    ):
        for metric, column, code, value, *shape in found:
            bins = json.dumps(shape[0]) if shape and shape[0] else None
            copy.write_row((load_id, table.name, metric, column, code, float(value), bins))
