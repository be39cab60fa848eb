"""What is current: now, and as of any earlier load.

A row is current unless a later delivery closed it: a whole one of its scope, or a delivery of
changes that holds its key. A rolling snapshot (Contract.rolls) is whole for the periods that its
rows are of: a school year that has left the file is not withdrawn, it stays as it was last told,
but for keys that stand in another period now. Which of two deliveries is later is a matter of
their folders, not of their arrival; so any order of arrival ends in the same rows. Loads are
closed by comparing quality.load with itself (quality.current_load), rows are entered in
quality.superseded_row when they are published, each once. Nothing is deleted.

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

# The whole deliveries after one that hold its scope.
LATER_WHOLE = f"""
            later.agency = load.agency and later.file = load.file
            and later.status = 'accepted'
            and later.publication <= (select quality.as_of())
            and later.delivery_type in {REPLACING}
            and later.scope in ('{ALL}', load.scope)
            and (later.delivery_order, later.load_id) > (load.delivery_order, load.load_id)
""".strip()

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

-- held_periods: of a contract that rolls, the periods that the rows of the load are of
alter table quality.load add column if not exists held_periods text[];

create or replace view quality.current_load as
select
    load.load_id, load.agency, load.file, load.period, load.scope, load.delivery,
    load.delivery_order, load.delivery_type, load.sha256, load.received_at, load.publication
from quality.load as load
where
    load.status = 'accepted'
    and load.publication <= (select quality.as_of())
    and (
        not exists (select from quality.load as later where {LATER_WHOLE})
        or exists (
            select from unnest(load.held_periods) as held (period)
            where not exists (
                select from quality.load as later
                where
                    {LATER_WHOLE}
                    and (
                        later.delivery_type = 'full_replacement'
                        or later.held_periods is null
                        or held.period = any(later.held_periods)
                    )
            )
        )
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
    and {outside}
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

    {table: {"key": [column], "row_period": template or None, "rolls": whether a snapshot is whole
    for the periods of its rows alone, "deleted": [column, [value]] or None}}. Kept, because
    publishing knows no contracts and a contract may change after.
    """
    deleted = contract.deleted_when
    return {
        table.name: {
            "key": list(table.key),
            "row_period": contract.row_period,
            "rolls": contract.rolls,
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
    if contract.row_period is not None:
        told_later = (
            " from quality.load as later"
            " where later.agency = l.agency and later.file = l.file"
            " and later.status = 'accepted' and later.publication <= (select quality.as_of())"
            " and later.delivery_type = any({replacing})"
            " and (later.delivery_order, later.load_id) > (l.delivery_order, l.load_id)"
        )
        period = sql.SQL(
            # Of a rolling snapshot: but the periods that a later one holds. Where there is one, a
            # row that tells no period is gone too.
            " and {period} <> all (array(select unnest(later.held_periods)" + told_later + "))"
            if contract.rolls
            # Of a load of all periods: but those that were delivered by themselves later.
            else " and (l.scope <> {all} or {period} is null or {period} <> all (array("
            "select later.scope" + told_later + ")))"
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


def note_periods(connection: psycopg.Connection, load_id: int, parents: Mapping[str, str]) -> None:
    """Keep which periods a load of a rolling snapshot holds. parents: as for supersede.

    To be called before supersede, for every load of the publication.
    """
    from psycopg import sql

    by_key = connection.execute(
        "select by_key from quality.load where load_id = %s", (load_id,)
    ).fetchone()[0]
    rolling = {t: rule for t, rule in (by_key or {}).items() if rule.get("rolls")}
    if not rolling:
        return
    held = sql.SQL(" union all ").join(
        sql.SQL("select {period} as period from {parent} where _load_id = {load_id}").format(
            period=row_period(rule["row_period"]),
            parent=sql.Identifier(parents[table], table),
            load_id=sql.Literal(load_id),
        )
        for table, rule in rolling.items()
    )
    connection.execute(
        sql.SQL(
            "update quality.load set held_periods = array(select distinct period from ({}) as held"
            " where period is not null order by 1) where load_id = {}"
        ).format(held, sql.Literal(load_id))
    )


def supersede(connection: psycopg.Connection, load_id: int, parents: Mapping[str, str]) -> None:
    """Enter the rows that a load closes, and those of its own that are closed already.

    parents: {table: schema} of its staging tables. To be called in the publishing transaction,
    once the load is accepted and attached.
    """
    found = connection.execute(
        "select agency, file, scope, delivery_type, delivery_order, by_key, held_periods "
        "from quality.load where load_id = %s",
        (load_id,),
    ).fetchone()
    assert found is not None
    agency, file, scope, delivery_type, order, by_key, held_periods = found
    others = connection.execute(
        "select l.load_id, l.scope, l.delivery_type, "
        "(l.delivery_order, l.load_id) > (%(order)s, %(load_id)s), l.by_key, l.held_periods "
        "from quality.load as l "
        "where l.agency = %(agency)s and l.file = %(file)s and l.load_id <> %(load_id)s "
        # Of a rolling snapshot one that is no longer current may still hold a key which, earlier,
        # stood under a period that it did not reach.
        "and l.status = 'accepted' and (l.held_periods is not null or exists ("
        "select from quality.current_load as c where c.load_id = l.load_id)) "
        # the latest first: a row is closed once, by the first change that was published
        "order by l.delivery_order desc, l.load_id desc",
        {"agency": agency, "file": file, "load_id": load_id, "order": order},
    ).fetchall()
    for table, rule in (by_key or {}).items():
        _settle(connection, parents, table, rule, load_id, whole=delivery_type in REPLACING)
        if rule["deleted"] is not None:
            _enter_deleted(connection, parents, table, rule, load_id)
        if delivery_type in CHANGES or _rolls(rule, delivery_type):
            before = [
                (other, other_scope)
                for other, other_scope, _, is_later, *_ in others
                if not is_later and _overlap(scope, other_scope)
            ]
            whole = held_periods if delivery_type in REPLACING else None
            _enter_changed(connection, parents, table, rule, (load_id, scope), before, whole)
        for other, other_scope, other_type, is_later, other_by_key, other_periods in others:
            other_rule = (other_by_key or {}).get(table)
            if not is_later or not other_rule or not _overlap(scope, other_scope):
                continue
            if other_type in CHANGES or _rolls(other_rule, other_type):
                whole = other_periods if other_type in REPLACING else None
                one = [(load_id, scope)]
                _enter_changed(
                    connection, parents, table, other_rule, (other, other_scope), one, whole
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


def _rolls(rule: Mapping[str, Any], delivery_type: str) -> bool:
    """Whether a whole delivery leaves rows of other periods as they are, but those of its keys."""
    return bool(rule.get("rolls") and rule["key"]) and delivery_type != "full_replacement"


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
    held_periods: list[str] | None = None,
) -> None:
    """held_periods: the periods of which the load is whole; their rows are closed as it is."""
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
            outside=sql.SQL("true")
            if held_periods is None
            else sql.SQL("{} <> all({}::text[])").format(
                row_period(template), sql.Literal(held_periods)
            ),
        )
    )
