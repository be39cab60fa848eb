"""What is current: now, and as of any earlier load.

A row is current unless a later delivery closed it: a whole one of its scope, or a delivery of
changes that holds its key. Which of two deliveries is later is a matter of their folders, not
of their arrival; so any order of arrival ends in the same rows. Loads are closed by comparing
quality.load with itself (quality.current_load), rows are entered in quality.superseded_row
when they are published, each once. Nothing is deleted.

As of a load means: as the publication of that load left it. In SQL
`set lifecourse.as_of = '42'`, for a command LIFECOURSE_AS_OF=42: every _current view then
shows the rows that were current when load 42 had been published, and until which delivery
they were known to hold.
Add here: what closes a row. Keep out: the tables of an agency (staging), moving rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestration.landing.contracts import PLACEHOLDER, SPAN, Contract, Table
from orchestration.landing.delivery_types import ALL, CHANGES, REPLACING

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

# as_of(): the publication that the session looks at; the last one there can be by default. The
# readers of a _current view need no right of their own on the register.
DDL = f"""
create table if not exists quality.superseded_row (
    load_id integer not null,
    table_name text not null,
    row_number integer not null,
    by_load_id integer not null,
    primary key (load_id, table_name, row_number)
);

create or replace function quality.as_of() returns bigint
language plpgsql stable parallel safe security definer set search_path = pg_catalog as $$
declare
    asked text := nullif(current_setting('lifecourse.as_of', true), '');
    found_publication bigint;
begin
    if asked is null then
        return 9223372036854775807;
    end if;
    select publication into found_publication from quality.load
    where load_id = asked::integer and status = 'accepted';
    if found_publication is null then
        raise exception 'load % was never published, so nothing is as of it', asked;
    end if;
    return found_publication;
end
$$;

create or replace view quality.current_load as
select
    load.load_id, load.agency, load.file, load.period, load.scope, load.delivery,
    load.delivery_order, load.delivery_type, load.sha256, load.received_at, load.publication
from quality.load as load
where
    load.status = 'accepted'
    and load.publication <= (select quality.as_of())
    and not exists (
        select from quality.load as later
        where
            later.agency = load.agency and later.file = load.file
            and later.status = 'accepted'
            and later.publication <= (select quality.as_of())
            and later.delivery_type in {REPLACING}
            and later.scope in ('{ALL}', load.scope)
            and (later.delivery_order, later.load_id) > (load.delivery_order, load.load_id)
    )
"""

# Rows marked as deleted are closed by their own load.
DELETED = """
insert into quality.superseded_row
select _load_id, {name}, _row_number, _load_id from {parent}
where _load_id = {load_id} and {column} = any({values})
on conflict do nothing
"""

# What `changes` holds closes the rows of the same key in `loads`, which come before it.
CHANGED = """
insert into quality.superseded_row
select row._load_id, {name}, row._row_number, {changes}
from {parent} as row
where
    row._load_id = any({loads})
    and ({key}) in (select {key} from {parent} where _load_id = {changes})
    and ({scope} = '*' or row._load_id <> all({of_all_periods}) or {period} = {scope})
    and not exists (
        select from quality.superseded_row as known
        where known.load_id = row._load_id and known.table_name = {name}
            and known.row_number = row._row_number
    )
on conflict do nothing
"""

# Rows set aside (quality.quarantined_row) of earlier loads in this one's scope are settled: by a
# whole delivery all of them, by one of changes those whose key it holds.
SETTLED = """
update quality.quarantined_row as q set settled_by_load_id = {load_id}
from quality.load as new, quality.load as old
where
    new.load_id = {load_id} and old.load_id = q.load_id and old.load_id <> new.load_id
    and old.agency = new.agency and old.file = new.file
    and q.table_name = {name} and q.settled_by_load_id is null
    and (old.delivery_order, old.load_id) < (new.delivery_order, new.load_id)
    and (new.scope in ('*', old.scope) or old.scope = '*' and not {whole})
    and ({whole} or {held})
"""
HELD = """
exists (
    select from {parent} as p inner join quarantine.raw_row as raw
        on raw.load_id = q.load_id and raw.table_name = q.table_name
        and raw.row_number = q.row_number
    where p._load_id = {load_id} and ({key}) = ({raw_key})
)
"""


def rules(contract: Contract) -> dict[str, dict[str, Any]]:
    """Of each table of a contract, how single rows are replaced, as kept with each load.

    {table: {"key": [column], "row_period": template or None, "deleted": [column, [value]] or
    None}}. Kept, because publishing knows no contracts and a contract may change after.
    """
    deleted = contract.deleted_when
    return {
        table.name: {
            "key": list(table.key),
            "row_period": contract.row_period,
            "deleted": [deleted[0], list(deleted[1])] if deleted else None,
        }
        for table in contract.tables
    }


def row_period(template: str) -> sql.Composable:
    """The SQL of a contract's rowPeriod: {year}Q{quarter} is "year" || 'Q' || "quarter"."""
    from psycopg import sql

    parts: list[sql.Composable] = []
    end = 0
    for place in PLACEHOLDER.finditer(template):
        if place.start() > end:
            parts.append(sql.Literal(template[end : place.start()]))
        column: sql.Composable = sql.Identifier(place[1])
        if place[2] and (span := SPAN.fullmatch(place[2])):
            first, last = int(span[1]), int(span[2])
            column = sql.SQL("substr({}, {}, {})").format(column, first, last - first + 1)
        parts.append(column)
        end = place.end()
    if end < len(template):
        parts.append(sql.Literal(template[end:]))
    return sql.SQL("({})").format(sql.SQL(" || ").join(parts))


def current_rows(contract: Contract, table: Table, parent: sql.Composable) -> sql.Composable:
    """The rows of one load `l` of quality.current_load that no later delivery closed."""
    from psycopg import sql

    period = sql.SQL("")
    if contract.delivery_kind == "increment" and contract.row_period is not None:
        period = sql.SQL(
            # Of a load of all periods: but those that were delivered by themselves later.
            " and (l.scope <> {all} or {period} is null or {period} <> all (array("
            "select later.scope from quality.load as later"
            " where later.agency = l.agency and later.file = l.file"
            " and later.status = 'accepted' and later.publication <= (select quality.as_of())"
            " and later.delivery_type = any({replacing})"
            " and (later.delivery_order, later.load_id) > (l.delivery_order, l.load_id))))"
        ).format(
            all=sql.Literal(ALL),
            period=row_period(contract.row_period),
            replacing=sql.Literal(list(REPLACING)),
        )
    # `offset 0` keeps the planner from flattening this into a join over all loads: so each
    # current load reads its own partition and no other (2026-11-23).
    return sql.SQL(
        "select * from {parent} as p where p._load_id = l.load_id and not exists ("
        "select from quality.superseded_row as s join quality.load as by"
        " on by.load_id = s.by_load_id and by.publication <= (select quality.as_of())"
        " where s.load_id = l.load_id and s.table_name = {name}"
        " and s.row_number = p._row_number){period} offset 0"
    ).format(parent=parent, name=sql.Literal(table.name), period=period)


def supersede(connection: psycopg.Connection, load_id: int, parents: Mapping[str, str]) -> None:
    """Enter the rows that a load closes, and those of its own that are closed already.

    parents: {table: schema} of its staging tables. To be called in the publishing transaction,
    once the load is accepted and attached.
    """
    found = connection.execute(
        "select agency, file, scope, delivery_type, delivery_order, by_key from quality.load "
        "where load_id = %s",
        (load_id,),
    ).fetchone()
    assert found is not None
    agency, file, scope, delivery_type, order, by_key = found
    others = connection.execute(
        "select c.load_id, c.scope, c.delivery_type, "
        "(c.delivery_order, c.load_id) > (%(order)s, %(load_id)s), l.by_key "
        "from quality.current_load as c inner join quality.load as l using (load_id) "
        "where c.agency = %(agency)s and c.file = %(file)s and c.load_id <> %(load_id)s "
        # the latest first: a row is closed once, by the first change that was published
        "order by c.delivery_order desc, c.load_id desc",
        {"agency": agency, "file": file, "load_id": load_id, "order": order},
    ).fetchall()
    for table, rule in (by_key or {}).items():
        _settle(connection, parents, table, rule, load_id, whole=delivery_type in REPLACING)
        if rule["deleted"] is not None:
            _enter_deleted(connection, parents, table, rule, load_id)
        if delivery_type in CHANGES:
            before = [
                (other, other_scope)
                for other, other_scope, _, is_later, _ in others
                if not is_later and _overlap(scope, other_scope)
            ]
            _enter_changed(connection, parents, table, rule, (load_id, scope), before)
        for other, other_scope, other_type, is_later, other_by_key in others:
            other_rule = (other_by_key or {}).get(table)
            if is_later and other_type in CHANGES and other_rule and _overlap(scope, other_scope):
                _enter_changed(
                    connection, parents, table, other_rule, (other, other_scope), [(load_id, scope)]
                )


def _settle(
    connection: psycopg.Connection,
    parents: Mapping[str, str],
    table: str,
    rule: Mapping[str, Any],
    load_id: int,
    *,
    whole: bool,
) -> None:
    """Settle the rows set aside that this load replaces; what they held is deleted."""
    from psycopg import sql

    names = [sql.Identifier(name) for name in rule["key"]]
    held = sql.SQL(HELD).format(
        parent=sql.Identifier(parents[table], table),
        load_id=sql.Literal(load_id),
        key=sql.SQL(", ").join(sql.SQL("p.{}").format(name) for name in names),
        raw_key=sql.SQL(", ").join(
            sql.SQL("raw.content ->> {}").format(sql.Literal(name)) for name in rule["key"]
        ),
    )
    connection.execute(
        sql.SQL(SETTLED).format(
            load_id=sql.Literal(load_id),
            name=sql.Literal(table),
            whole=sql.Literal(whole),
            held=held if names and not whole else sql.SQL("false"),
        )
    )
    connection.execute(
        "delete from quarantine.raw_row using quality.quarantined_row as q "
        "where q.settled_by_load_id = %s and raw_row.load_id = q.load_id "
        "and raw_row.table_name = q.table_name and raw_row.row_number = q.row_number",
        (load_id,),
    )


def _overlap(one: str, other: str) -> bool:
    return one == other or ALL in (one, other)


def _enter_deleted(
    connection: psycopg.Connection,
    parents: Mapping[str, str],
    table: str,
    rule: Mapping[str, Any],
    load_id: int,
) -> None:
    from psycopg import sql

    column, values = rule["deleted"]
    connection.execute(
        sql.SQL(DELETED).format(
            name=sql.Literal(table),
            parent=sql.Identifier(parents[table], table),
            load_id=sql.Literal(load_id),
            column=sql.Identifier(column),
            values=sql.Literal(values),
        )
    )


def _enter_changed(
    connection: psycopg.Connection,
    parents: Mapping[str, str],
    table: str,
    rule: Mapping[str, Any],
    changes: tuple[int, str],
    loads: list[tuple[int, str]],
) -> None:
    from psycopg import sql

    if not loads:
        return
    template = rule["row_period"]
    connection.execute(
        sql.SQL(CHANGED).format(
            name=sql.Literal(table),
            parent=sql.Identifier(parents[table], table),
            key=sql.SQL(", ").join(map(sql.Identifier, rule["key"])),
            changes=sql.Literal(changes[0]),
            scope=sql.Literal(changes[1]),
            loads=sql.Literal([load_id for load_id, _ in loads]),
            of_all_periods=sql.Literal([load_id for load_id, scope in loads if scope == ALL]),
            period=row_period(template) if template else sql.SQL("null"),
        )
    )
