"""What the desk shows, read from the warehouse: loads, rules, figures, differences.

Counts, column names and codes of the contracts' lists only; rows of people come from
quality.failing alone. Add here: a figure of a page. Keep out: markup (pages), deciding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.desk.charts import Chart, Point
from orchestration.quality import suites
from orchestration.quality.failing import relation_of
from orchestration.quality.messages import number, percent
from orchestration.quality.typed import quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract, Table
    from orchestration.quality.comparison import Comparison

# Two years of monthly loads fit one chart.
MOST_LOADS = 24
MOST_COLUMNS_DRAWN = 6
# A group smaller than this is shown as "under 11": the smallest count that the strictest of the
# usual publication rules (CMS cell size policy) lets be seen.
SMALLEST_GROUP = 11
_LOAD = (
    "load_id, agency, file, period, delivery, status, gate_status, reason, row_count, "
    "note, received_at, decided_at, sha256, bytes, path, publish_set, contract_version, is_current"
)


@dataclass(frozen=True)
class Difference:
    """This load beside the one before: shares of empty fields and of codes, and keys.

    columns: (column, empty share before, now). codes: (column, code, share before, now), those
    that moved by a point or more. keys: gone, new, in both; changed: (column, rows).
    """

    before: dict[str, Any]
    rows: tuple[float, float]
    columns: list[tuple[str, float, float]]
    codes: list[tuple[str, str, float, float]]
    keys: tuple[int, int, int] | None
    changed: list[tuple[str, int]]


def loads(
    connection: psycopg.Connection, *, status: str | None = None, agency: str | None = None
) -> list[dict[str, Any]]:
    """Loads, those that wait for a decision first, then the newest; failed rules counted."""
    return _dicts(
        connection,
        f"""
        select {_LOAD}, coalesce(failed.critical, 0) as critical,
            coalesce(failed.warning, 0) as warning
        from quality.load
        left join (
            select load_id, count(*) filter (where severity = 'critical') as critical,
                count(*) filter (where severity <> 'critical') as warning
            from quality.check_result where status in ('failed', 'error') group by load_id
        ) as failed using (load_id)
        where (%(status)s::text is null or status = %(status)s)
            and (%(agency)s::text is null or agency = %(agency)s)
        order by (status = 'held') desc, received_at desc, load_id desc limit 300
        """,
        {"status": status, "agency": agency},
    )


def agencies(connection: psycopg.Connection) -> list[str]:
    return [r[0] for r in connection.execute("select distinct agency from quality.load order by 1")]


def statuses(connection: psycopg.Connection) -> dict[str, int]:
    return dict(
        connection.execute("select status, count(*) from quality.load group by 1 order by 1")
    )


def load(connection: psycopg.Connection, load_id: int) -> dict[str, Any] | None:
    found = _dicts(connection, f"select {_LOAD} from quality.load where load_id = %s", [load_id])
    return found[0] if found else None


def results(connection: psycopg.Connection, load_id: int) -> list[dict[str, Any]]:
    """The rules of a load: what failed first, critical before warning."""
    return _dicts(
        connection,
        """
        select rule_id, table_name, column_name, dimension, severity, status, message, why, fix,
            observed, threshold
        from quality.check_result where load_id = %s
        order by array_position(array['error', 'failed', 'not_applicable', 'passed'], status),
            severity, check_result_id
        """,
        [load_id],
    )


def decisions(
    connection: psycopg.Connection, *, load_id: int | None = None
) -> list[dict[str, Any]]:
    """Decisions, newest first; of one load: those about it and about its file's rules."""
    return _dicts(
        connection,
        """
        select d.*, f.disposition_id is not null as in_force,
            d.withdrawn_at is null and d.needs_approval and d.approved_by is null as waits
        from quality.disposition as d
        left join quality.disposition_in_force as f using (disposition_id)
        where %(load)s::integer is null or %(load)s = any(d.load_ids) or (
            d.kind = 'override' and (d.agency, d.file) = (
                select agency, file from quality.load where load_id = %(load)s))
        order by waits desc, d.disposition_id desc limit 200
        """,
        {"load": load_id},
    )


def charts(connection: psycopg.Connection, contract: Contract, load_id: int) -> list[Chart]:
    """Rows, and the empty shares that moved most, over the loads compared with and this one."""
    from orchestration.quality import comparison

    order = _loads_before(connection, contract, load_id)
    like = comparison.compare(connection, contract, load_id)
    drawn: list[Chart] = []
    for table in contract.tables:
        seen = [*(i for i, _ in order), load_id, *like.compared_with, *like.earlier]
        figures = _figures(connection, table, seen)
        if not figures.get(load_id):
            continue
        drawn += _of_table(contract, table, load_id, order, figures, like)
    return drawn


def difference(
    connection: psycopg.Connection, contract: Contract, load_id: int
) -> dict[str, Difference]:
    """This load beside the accepted load before it, by table; empty without one."""
    order = _loads_before(connection, contract, load_id)[:-1]
    if not order:
        return {}
    earlier = order[-1][0]
    about = load(connection, earlier)
    assert about is not None
    found = {}
    for table in contract.tables:
        figures = _figures(connection, table, [earlier, load_id])
        old, new = figures.get(earlier, {}), figures.get(load_id, {})
        rows = (old.get(("rows", "", ""), 0.0), new.get(("rows", "", ""), 0.0))
        if not all(rows):
            continue
        columns = [
            (c.name, old.get(("missing", c.name, ""), 0) / rows[0],
             new.get(("missing", c.name, ""), 0) / rows[1])
            for c in table.columns
        ]  # fmt: skip
        coded = sorted({key for key in (*old, *new) if key[0] == "code_rows"})
        codes = [
            (column, code, old.get((m, column, code), 0) / rows[0],
             new.get((m, column, code), 0) / rows[1])
            for m, column, code in coded
        ]  # fmt: skip
        keys, changed = _keys(connection, contract, table, earlier, load_id)
        found[table.name] = Difference(
            about, rows, columns, [c for c in codes if abs(c[2] - c[3]) >= 0.01], keys, changed
        )
    return found


_IDENTITY = (
    "first_name", "middle_name", "last_name", "suffix", "maiden_name", "birth_date", "sex", "ssn",
    "ssn_last4", "address_key", "zip",
)  # fmt: skip


def identity(
    connection: psycopg.Connection, left: tuple[str, str], right: tuple[str, str]
) -> list[tuple[str, list[str], list[str], bool]]:
    """Two source records side by side: (field, values left, values right, whether they share one).

    Holds people's values: for those who may see them only.
    """
    sides = [
        _dicts(
            connection,
            f"select {', '.join(_IDENTITY)} from identity.identity_record "
            "where source_system = %s and source_person_key = %s order by 1, 2, 3",
            list(key),
        )
        for key in (left, right)
    ]
    rows = [("source", [left[0]], [right[0]], left[0] == right[0])]
    for field in _IDENTITY:
        one, other = (
            sorted({str(row[field]) for row in side if row[field] is not None}) for side in sides
        )
        if one or other:
            rows.append((field, one, other, bool(set(one) & set(other))))
    return rows


def group_columns(contract: Contract) -> list[tuple[Table, str]]:
    """(table, column): the coded columns about people that missingness can be split by."""
    return [
        (table, column.name)
        for table in contract.tables
        for column in table.columns
        if column.codes and column.role == "quasi_identifier"
    ]


def missing_by_group(
    connection: psycopg.Connection, contract: Contract, table: Table, column: str, load_id: int
) -> tuple[list[str], list[tuple[str, str, list[str]]]] | None:
    """(columns, rows of (group, its rows, empty shares)) of one load; None when its rows are gone.

    Groups are the codes of the contract's list, the empty and the unlisted; columns those that
    are empty somewhere. Shares of groups under SMALLEST_GROUP rows are not shown.
    """
    relation = relation_of(connection, contract, table.name, load_id)
    if relation is None:
        return None
    codes = next(c.codes for c in table.columns if c.name == column) or ()
    others = [c.name for c in table.columns if c.name != column]
    rows = connection.execute(
        f"select case when {quote(column)} is null then '(empty)' "  # type: ignore[arg-type]
        f"when {quote(column)} = any(%s) then {quote(column)} else '(not listed)' end, count(*)"
        + "".join(f", count(*) - count({quote(name)})" for name in others)
        + f" from {relation} group by 1 order by 1",
        [list(codes)],
    ).fetchall()
    shown = [i for i in range(len(others)) if any(row[2 + i] for row in rows)]
    return (
        [others[i] for i in shown],
        [
            (row[0], number(row[1]), [percent(row[2 + i] / row[1]) for i in shown])
            if row[1] >= SMALLEST_GROUP
            else (row[0], f"under {SMALLEST_GROUP}", ["" for _ in shown])
            for row in rows
        ],
    )


def _of_table(
    contract: Contract,
    table: Table,
    load_id: int,
    order: list[tuple[int, str]],
    figures: dict[int, dict[tuple[str, str, str], float]],
    like: Comparison,
) -> list[Chart]:
    name = f" of {table.name}" if len(contract.tables) > 1 else ""
    judged = {
        rule.type: _expectation(rule, table, load_id, contract, like)
        for rule in suites.rules(contract)
        if rule.table == table.name and rule.needs_history
    }
    rows = judged.get("expect_row_count_near_history")
    low = high = None
    if rows is not None:
        loads = rows.references()
        _, before = rows.rows(figures, loads)
        allowed = rows.allowed(figures, loads, rows.limit)
        low, high = max(0.0, before - allowed), before + allowed

    def points(share_of: str | None) -> list[Point]:
        found = []
        for number_, period in order:
            of = figures.get(number_, {})
            total = of.get(("rows", "", ""))
            if total is None or (share_of and not total):
                continue
            value = of.get(("missing", share_of, ""), 0.0) / total if share_of else total
            found.append(Point(period, value, number_ == load_id))
        return found

    drawn = [Chart(f"Rows{name}", points(None), low, high, lambda rows: number(round(rows)))]
    missing = judged.get("expect_missing_shares_near_history")
    if missing is None:
        return drawn
    moved = []
    for column in missing.columns:
        shares = missing.shares(figures, missing.references(), column, missing.limit)
        if shares and shares[0] != shares[1]:
            moved.append((abs(shares[0] - shares[1]), column, shares[1] + shares[2]))
    for _, column, limit in sorted(moved, reverse=True)[:MOST_COLUMNS_DRAWN]:
        drawn.append(
            Chart(f"Empty share of {column}", points(column), None, min(1.0, limit), percent)
        )
    return drawn


def _expectation(
    rule: suites.RuleSpec, table: Table, load_id: int, contract: Contract, like: Comparison
) -> Any:
    """The expectation of a stability rule as the gate judges this load; None where the rule does
    not apply."""
    from orchestration.quality import comparison

    kwargs = {**rule.kwargs, "table_name": table.name, "load_id": load_id}
    if comparison.arguments(rule, kwargs, contract, like) is not None:
        return None
    return suites.build_suite(rule.rule_id, [(rule, kwargs)]).expectations[0]


def _loads_before(
    connection: psycopg.Connection, contract: Contract, load_id: int
) -> list[tuple[int, str]]:
    """(load_id, period) of the accepted loads before this one and itself, oldest first."""
    from orchestration.quality import comparison

    earlier = comparison.earlier_loads(connection, contract, load_id, MOST_LOADS)
    this = connection.execute(
        "select load_id, period from quality.load where load_id = %s", [load_id]
    )
    return [*reversed(earlier), *this]


def _figures(
    connection: psycopg.Connection, table: Table, load_ids: Iterable[int]
) -> dict[int, dict[tuple[str, str, str], float]]:
    found: dict[int, dict[tuple[str, str, str], float]] = {i: {} for i in load_ids}
    for number_, metric, column, code, value in connection.execute(
        "select load_id, metric, column_name, slice, value from quality.metric_history "
        "where table_name = %s and load_id = any(%s) and bins is null",
        [table.name, list(found)],
    ):
        found[number_][metric, column, code] = value
    return found


def _keys(
    connection: psycopg.Connection, contract: Contract, table: Table, earlier: int, load_id: int
) -> tuple[tuple[int, int, int] | None, list[tuple[str, int]]]:
    """Keys gone, new and in both, and in how many of the last each column changed.

    Only where both loads say something about the same things: snapshots, and one period of an
    increment delivered again.
    """
    periods = connection.execute(
        "select count(distinct period) from quality.load where load_id = any(%s)",
        [[earlier, load_id]],
    ).fetchone()[0]
    if not table.key or (contract.delivery_kind != "snapshot" and periods > 1):
        return None, []
    old = relation_of(connection, contract, table.name, earlier)
    new = relation_of(connection, contract, table.name, load_id)
    if old is None or new is None:
        return None, []
    keys = " and ".join(f"old.{quote(k)} = new.{quote(k)}" for k in table.key)
    rest = [c.name for c in table.columns if c.key_position is None]
    first = quote(table.key[0])
    row = connection.execute(
        f"select count(*) filter (where new.{first} is null), "  # type: ignore[arg-type]
        f"count(*) filter (where old.{first} is null), "
        f"count(*) filter (where old.{first} is not null and new.{first} is not null)"
        + "".join(
            f", count(*) filter (where old.{first} is not null and new.{first} is not null "
            f"and old.{quote(name)} is distinct from new.{quote(name)})"
            for name in rest
        )
        + f" from {old} as old full join {new} as new on {keys}"
    ).fetchone()
    changed = sorted(
        ((name, n) for name, n in zip(rest, row[3:], strict=True) if n), key=lambda c: (-c[1], c[0])
    )
    return (row[0], row[1], row[2]), changed


def _dicts(connection: psycopg.Connection, query: str, values: Any = None) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    return connection.cursor(row_factory=dict_row).execute(query, values).fetchall()  # type: ignore[arg-type]
