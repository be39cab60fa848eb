"""The tables a contract asks for: a staging table, its partitions, and its _current view.

    staging_<agency>.<table>               every published load, one list partition each
    staging_<agency>.<table>_current       the rows that are current; all that dbt reads
    candidate_<agency>.<table>_l<load_id>  one load before it is published

Which rows are current, and as of which load, is the business of superseding.
All contract columns are text; typing is done once, in models/staging.
Add here: a column that landing itself adds to each row. Keep out: moving rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.landing import registry, superseding
from orchestration.landing.contracts import Contract, Table
from orchestration.landing.delivery_types import ALL

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

# What the view adds, before the contract's columns: a new column of the contract can then be
# appended to a view that models already read (create or replace allows nothing else).
VIEW_COLUMNS = ("_load_id", "_row_number", "_period", "_delivery", "_received_at")


def candidate_schema(agency: str) -> str:
    return f"candidate_{agency}"


def staging_schema(agency: str) -> str:
    return f"staging_{agency}"


def candidate_table(table: str, load_id: int) -> str:
    """The name of the candidate table, and later of the partition, of one load."""
    return f"{table}_l{load_id}"


def ensure_staging(connection: psycopg.Connection, contracts: Iterable[Contract]) -> None:
    """Create what is missing for these contracts. Idempotent; nothing is ever dropped.

    Needs warehouse.ensure_bookkeeping to have run. A column new in a contract is added to the
    staging table (null in older loads), to waiting candidates and, at the end, to the view; a
    column gone from a contract stays, for the older loads.
    """
    from psycopg import sql

    contracts = list(contracts)
    with registry.committed(connection):
        registry.once(connection, "quality.seen_file", registry.DDL)
        registry.once(connection, "quality.current_load", superseding.DDL)
        there = _columns(connection)
        views = _views(connection)
        schemas = {row[0] for row in connection.execute("select nspname from pg_namespace")}
        statements: list[sql.Composable] = []
        for agency in sorted({contract.agency for contract in contracts}):
            for schema in (candidate_schema(agency), staging_schema(agency)):
                if schema not in schemas:
                    statements.append(
                        sql.SQL("create schema if not exists {}").format(sql.Identifier(schema))
                    )
        for contract in contracts:
            for table in contract.tables:
                statements += _table_statements(contract, table, there, views)
        if statements:
            connection.execute(sql.SQL(";\n").join(statements))


def create_candidate(
    connection: psycopg.Connection, agency: str, table: str, load_id: int
) -> sql.Identifier:
    """An empty candidate table, shaped to be attached; an older one of this load goes."""
    from psycopg import sql

    candidate = sql.Identifier(candidate_schema(agency), candidate_table(table, load_id))
    connection.execute(
        sql.SQL(
            "drop table if exists {candidate};"
            # A vacuum of rows that are judged meanwhile costs as much as a rule, and publishing
            # waits a second until it gives way (2026-11-26); publishing puts it on again.
            "create table {candidate} (like {parent}) with (autovacuum_enabled = off);"
            # The check lets ATTACH PARTITION skip its scan of the table.
            "alter table {candidate} alter column _load_id set default {load_id},"
            " add check (_load_id = {load_id})"
        ).format(
            candidate=candidate,
            parent=sql.Identifier(staging_schema(agency), table),
            load_id=sql.Literal(load_id),
        )
    )
    return candidate


def candidates(connection: psycopg.Connection) -> list[tuple[str, str, str, int]]:
    """Every candidate table: (schema, name, table it is meant for, load_id)."""
    rows = connection.execute(
        r"select n.nspname, c.relname, m.part[1], m.part[2]::integer from pg_class as c "
        r"join pg_namespace as n on n.oid = c.relnamespace, "
        r"regexp_match(c.relname, '^(.*)_l(\d{1,9})$') as m (part) "
        r"where c.relkind = 'r' and n.nspname like 'candidate\_%' and m.part is not null "
        r"order by 1, 2"
    ).fetchall()
    return [tuple(row) for row in rows]


def _columns(connection: psycopg.Connection) -> dict[tuple[str, str], list[str]]:
    """Columns in order of every table and view in the agencies' schemas."""
    rows = connection.execute(
        r"select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum) "
        r"from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
        r"join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
        r"where c.relkind in ('r', 'p', 'v') and not c.relispartition and ("
        r"n.nspname like 'staging\_%' or n.nspname like 'candidate\_%') group by 1, 2"
    ).fetchall()
    return {(schema, name): columns for schema, name, columns in rows}


def _views(connection: psycopg.Connection) -> dict[tuple[str, str], str]:
    """The fingerprint of every view's definition, kept as its comment."""
    rows = connection.execute(
        r"select n.nspname, c.relname, obj_description(c.oid, 'pg_class') from pg_class as c "
        r"join pg_namespace as n on n.oid = c.relnamespace "
        r"where c.relkind = 'v' and n.nspname like 'staging\_%'"
    ).fetchall()
    return {(schema, name): comment for schema, name, comment in rows}


def _table_statements(
    contract: Contract,
    table: Table,
    there: dict[tuple[str, str], list[str]],
    views: dict[tuple[str, str], str],
) -> list[sql.Composable]:
    from psycopg import sql

    agency, schema = contract.agency, staging_schema(contract.agency)
    parent = sql.Identifier(schema, table.name)
    names = [column.name for column in table.columns]
    columns = there.get((schema, table.name))
    statements: list[sql.Composable] = []
    if columns is None:
        statements.append(
            sql.SQL(
                "create table {} ({}, _load_id integer not null, _row_number integer not null)"
                " partition by list (_load_id)"
            ).format(
                parent,
                sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(n)) for n in names),
            )
        )
        kept = names
    else:
        new = [name for name in names if name not in columns]
        kept = [name for name in columns if not name.startswith("_")] + new
        waiting = [
            sql.Identifier(candidate_schema(agency), name)
            for s, name in there
            if s == candidate_schema(agency) and name.rpartition("_l")[0] == table.name
        ]
        for target in [parent, *waiting] if new else []:
            added = [
                sql.SQL("add column if not exists {} text").format(sql.Identifier(name))
                for name in new
            ]
            statements.append(
                sql.SQL("alter table {} {}").format(target, sql.SQL(", ").join(added))
            )
    before = there.get((schema, f"{table.name}_current"))
    if before is not None:
        shown = before[len(VIEW_COLUMNS) :]
        kept = shown + [name for name in kept if name not in shown]
    view = sql.Identifier(schema, f"{table.name}_current")
    definition = _current_view(contract, table, view, parent, kept)
    fingerprint = hashlib.md5(definition.as_string().encode()).hexdigest()
    if views.get((schema, f"{table.name}_current")) != fingerprint:
        comment = sql.SQL("comment on view {} is {}").format(view, sql.Literal(fingerprint))
        statements += [definition, comment]
    return statements


def _current_view(
    contract: Contract, table: Table, view: sql.Composable, parent: sql.Composable, kept: list[str]
) -> sql.Composable:
    from psycopg import sql

    period: sql.Composable = sql.SQL("l.period")
    if contract.row_period is not None:
        period = sql.SQL(
            "case l.scope when {} then coalesce({}, l.period) else l.period end"
        ).format(sql.Literal(ALL), superseding.row_period(contract.row_period))
    return sql.SQL(
        "create or replace view {view} as select d._load_id, d._row_number,"
        " {period} as _period, known.delivery as _delivery, l.received_at as _received_at,"
        " {columns} from quality.current_load as l"
        # The same content delivered again is no new load, and an incremental delivery holds
        # only what has changed: the other rows are as of that later delivery.
        ' cross join lateral (select max(same.delivery collate "C") as delivery'
        " from quality.load as same where same.agency = l.agency and same.file = l.file"
        " and (same.load_id = l.load_id or same.publication <= (select quality.as_of()) and ("
        " same.status = 'duplicate' and same.scope = l.scope and same.sha256 = l.sha256"
        " or same.status = 'accepted' and same.delivery_type = 'incremental'"
        " and same.scope in ({all}, l.scope) and (same.delivery_order, same.load_id)"
        " > (l.delivery_order, l.load_id)))) as known"
        " cross join lateral ({rows}) as d"
        " where l.agency = {agency} and l.file = {file}"
    ).format(
        view=view,
        period=period,
        columns=sql.SQL(", ").join(sql.SQL("d.{}").format(sql.Identifier(n)) for n in kept),
        all=sql.Literal(ALL),
        rows=superseding.current_rows(contract, table, parent),
        agency=sql.Literal(contract.agency),
        file=sql.Literal(contract.file),
    )
