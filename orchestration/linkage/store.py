"""Schema `linkage` in the warehouse: what is kept, and the one transaction that writes it.

Add here: a table or column linkage keeps. Keep out: decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.linkage.identifiers import FIRST_PERSON_ID

if TYPE_CHECKING:
    import psycopg
    import pyarrow

    from orchestration.linkage.identifiers import Assignment
    from orchestration.linkage.linking import LinkageReport

# Source keys of wage files hold numbers and names: this schema is as private as `identity`.
SCHEMA = """
create schema if not exists linkage;

create table if not exists linkage.run (
    run_id integer primary key,
    inputs_hash text not null,
    config_hash text not null,
    model_version text not null,
    as_of_load integer not null,
    records integer not null,
    source_records integer not null,
    persons integer not null,
    nodes integer not null,
    pairs bigint not null,
    components_cut integer not null,
    finished_at timestamptz not null default now()
);

create table if not exists linkage.person (
    person_id bigint primary key,
    status text not null check (status in ('active', 'merged', 'retired')),
    merged_into bigint references linkage.person (person_id),
    created_run_id integer not null references linkage.run (run_id),
    created_load_id integer not null,
    ended_run_id integer references linkage.run (run_id),
    check ((status = 'merged') = (merged_into is not null)),
    check ((status = 'active') = (ended_run_id is null))
);

create table if not exists linkage.crosswalk (
    source_system text not null,
    source_person_key text not null,
    person_id bigint not null references linkage.person (person_id),
    method text not null check (method in
        ('exact', 'probabilistic', 'steward', 'single', 'unlinkable')),
    rule text not null,
    match_weight double precision,
    model_version text not null,
    valid_from_load integer not null,
    valid_to_load integer,
    opened_run_id integer not null references linkage.run (run_id),
    closed_run_id integer references linkage.run (run_id),
    primary key (source_system, source_person_key, opened_run_id),
    check ((valid_to_load is null) = (closed_run_id is null))
);
create unique index if not exists crosswalk_one_open
    on linkage.crosswalk (source_system, source_person_key) where closed_run_id is null;
create index if not exists crosswalk_by_person on linkage.crosswalk (person_id);

create table if not exists linkage.source_record (
    source_system text not null,
    source_person_key text not null,
    identity_hash text not null,
    primary key (source_system, source_person_key)
);

create table if not exists linkage.override (
    override_id bigint generated always as identity primary key,
    kind text not null check (kind in ('must_link', 'cannot_link')),
    left_source_system text not null,
    left_source_person_key text not null,
    right_source_system text not null,
    right_source_person_key text not null,
    reason text not null check (btrim(reason) <> ''),
    steward text not null check (btrim(steward) <> ''),
    approved_by text,
    created_at timestamptz not null default now(),
    expires_on date,
    withdrawn_at timestamptz,
    check ((left_source_system, left_source_person_key)
        <> (right_source_system, right_source_person_key))
);

create table if not exists linkage.edge (
    left_source_system text not null,
    left_source_person_key text not null,
    left_identity_record_id text not null,
    right_source_system text not null,
    right_source_person_key text not null,
    right_identity_record_id text not null,
    match_weight double precision not null,
    evidence jsonb not null,
    decision text not null check (decision in ('linked', 'not linked', 'vetoed')),
    veto text,
    doubt text,
    model_version text not null,
    run_id integer not null references linkage.run (run_id),
    check ((decision = 'vetoed') = (veto is not null))
);
create index if not exists edge_by_left
    on linkage.edge (left_source_system, left_source_person_key);
create index if not exists edge_by_right
    on linkage.edge (right_source_system, right_source_person_key);

create table if not exists linkage.person_event (
    event_id bigint primary key,
    run_id integer not null references linkage.run (run_id),
    load_id integer not null,
    event_type text not null check (event_type in
        ('create', 'merge', 'split', 'move', 'retire', 'restore')),
    from_person_id bigint references linkage.person (person_id),
    to_person_id bigint references linkage.person (person_id),
    record_count integer not null,
    occurred_at timestamptz not null default now()
);
"""


def ensure(connection: psycopg.Connection) -> None:
    """Create schema `linkage` and its tables where they are missing. Idempotent."""
    connection.execute(SCHEMA)


def last_run(connection: psycopg.Connection) -> dict | None:
    """The newest run as a dict, None before the first."""
    from psycopg.rows import dict_row

    return (
        connection.cursor(row_factory=dict_row)
        .execute("select * from linkage.run order by run_id desc limit 1")
        .fetchone()
    )


def lock(connection: psycopg.Connection) -> None:
    """One writer at a time until the transaction ends; readers go on reading."""
    connection.execute("lock table linkage.run in share row exclusive mode")


@dataclass(frozen=True)
class State:
    """What the last run left. person: open id per source record key; closed: the last id of
    keys that are no longer delivered; former: ids a key had earlier; active: ids in use;
    merged_into: where merged ids went; identity_hash: per key, of the variants last seen."""

    person: dict[tuple[str, str], int]
    closed: dict[tuple[str, str], int]
    former: dict[tuple[str, str], list[int]]
    active: set[int]
    merged_into: dict[int, int]
    identity_hash: dict[tuple[str, str], str]
    next_id: int

    def person_of(self, key: tuple[str, str]) -> int:
        """The id a record carries, or carried when last delivered and still in use; else 0."""
        person = self.person.get(key) or self.closed.get(key, 0)
        while person in self.merged_into:
            person = self.merged_into[person]
        return person if person in self.active else 0


@dataclass(frozen=True)
class Run:
    """The row of linkage.run to write; `report` holds its counts."""

    run_id: int
    inputs_hash: str
    config_hash: str
    model_version: str
    as_of_load: int
    report: LinkageReport


def state(connection: psycopg.Connection) -> State:
    """Read what the last run left."""
    person: dict[tuple[str, str], int] = {}
    closed: dict[tuple[str, str], int] = {}
    former: dict[tuple[str, str], list[int]] = {}
    for system, key, person_id, is_open in connection.execute(
        "select source_system, source_person_key, person_id, closed_run_id is null"
        " from linkage.crosswalk order by opened_run_id, person_id"
    ):
        if is_open:
            person[system, key] = person_id
        else:
            closed[system, key] = person_id
            former.setdefault((system, key), []).append(person_id)
    active: set[int] = set()
    merged_into: dict[int, int] = {}
    newest = FIRST_PERSON_ID - 1
    for person_id, status, into in connection.execute(
        "select person_id, status, merged_into from linkage.person"
    ):
        newest = max(newest, person_id)
        if status == "active":
            active.add(person_id)
        elif status == "merged":
            merged_into[person_id] = into
    hashes = {
        (system, key): identity_hash
        for system, key, identity_hash in connection.execute(
            "select source_system, source_person_key, identity_hash from linkage.source_record"
        )
    }
    return State(person, closed, former, active, merged_into, hashes, newest + 1)


def write(
    connection: psycopg.Connection,
    *,
    run: Run,
    sources: pyarrow.Table,
    assigned: Assignment,
    edges: pyarrow.Table,
) -> None:
    """Write one run inside the caller's transaction.

    sources: one row per source record with its person_id, method, rule, match_weight and
    identity_hash; edges: the columns of linkage.edge up to doubt.
    """
    report = run.report
    connection.execute(
        "insert into linkage.run (run_id, inputs_hash, config_hash, model_version, as_of_load,"
        " records, source_records, persons, nodes, pairs, components_cut)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            run.run_id,
            run.inputs_hash,
            run.config_hash,
            run.model_version,
            run.as_of_load,
            report.records,
            report.source_records,
            report.persons,
            report.nodes,
            report.pairs,
            report.components_cut,
        ],
    )
    _write_persons(connection, run, assigned)
    _write_crosswalk(connection, run, sources)
    connection.execute("truncate linkage.edge")
    copy_table(
        connection,
        "linkage.edge",
        _with_constants(edges, model_version=run.model_version, run_id=run.run_id),
    )
    first = connection.execute(
        "select coalesce(max(event_id), 0) + 1 from linkage.person_event"
    ).fetchone()[0]
    with connection.cursor().copy(
        "copy linkage.person_event (event_id, run_id, load_id, event_type, from_person_id,"
        " to_person_id, record_count) from stdin"
    ) as copy:
        for number, event in enumerate(assigned.events, start=first):
            copy.write_row(
                (
                    number,
                    run.run_id,
                    run.as_of_load,
                    event.kind,
                    event.from_person,
                    event.to_person,
                    event.records,
                )
            )


def _write_persons(connection: psycopg.Connection, run: Run, assigned: Assignment) -> None:
    with connection.cursor().copy(
        "copy linkage.person (person_id, status, created_run_id, created_load_id) from stdin"
    ) as copy:
        for person_id in assigned.created:
            copy.write_row((person_id, "active", run.run_id, run.as_of_load))
    connection.execute(
        "update linkage.person set status = 'active', merged_into = null, ended_run_id = null"
        " where person_id = any(%s)",
        [assigned.restored],
    )
    connection.execute(
        "update linkage.person set status = 'retired', ended_run_id = %s where person_id = any(%s)",
        [run.run_id, assigned.retired],
    )
    connection.execute(
        "update linkage.person set status = 'merged', merged_into = pair.into_id,"
        " ended_run_id = %s from unnest(%s::bigint[], %s::bigint[]) as pair (from_id, into_id)"
        " where person_id = pair.from_id",
        [run.run_id, list(assigned.merged), list(assigned.merged.values())],
    )


def _write_crosswalk(connection: psycopg.Connection, run: Run, sources: pyarrow.Table) -> None:
    columns = [
        "source_system",
        "source_person_key",
        "person_id",
        "method",
        "rule",
        "match_weight",
        "identity_hash",
    ]
    connection.execute(
        "create temporary table incoming (source_system text, source_person_key text,"
        " person_id bigint, method text, rule text, match_weight double precision,"
        " identity_hash text) on commit drop"
    )
    copy_table(connection, "incoming", sources.select(columns))
    connection.execute("analyze incoming")
    values = {"run": run.run_id, "load": run.as_of_load, "model": run.model_version}
    same_record = (
        "incoming.source_system = crosswalk.source_system"
        " and incoming.source_person_key = crosswalk.source_person_key"
    )
    # a record that went to another person, or is no longer delivered
    connection.execute(
        "update linkage.crosswalk set valid_to_load = %(load)s, closed_run_id = %(run)s"
        " where closed_run_id is null and not exists (select from incoming"
        f" where {same_record} and incoming.person_id = crosswalk.person_id)",
        values,
    )
    # the same person on other evidence: the row stays, the evidence is the newest
    connection.execute(
        "update linkage.crosswalk set method = incoming.method, rule = incoming.rule,"
        " match_weight = incoming.match_weight, model_version = %(model)s from incoming"
        f" where closed_run_id is null and {same_record} and (crosswalk.method, crosswalk.rule,"
        " crosswalk.match_weight, crosswalk.model_version) is distinct from"
        " (incoming.method, incoming.rule, incoming.match_weight, %(model)s)",
        values,
    )
    connection.execute(
        "insert into linkage.crosswalk (source_system, source_person_key, person_id, method,"
        " rule, match_weight, model_version, valid_from_load, opened_run_id)"
        " select source_system, source_person_key, person_id, method, rule, match_weight,"
        " %(model)s, %(load)s, %(run)s from incoming where not exists (select"
        f" from linkage.crosswalk where closed_run_id is null and {same_record})"
        ' order by source_system collate "C", source_person_key collate "C"',
        values,
    )
    connection.execute("truncate linkage.source_record")
    connection.execute(
        "insert into linkage.source_record"
        " select source_system, source_person_key, identity_hash from incoming"
    )


def copy_table(connection: psycopg.Connection, table: str, rows: pyarrow.Table) -> None:
    """COPY an Arrow table into the columns of the same names."""
    import io

    from pyarrow import csv

    buffer = io.BytesIO()
    csv.write_csv(rows, buffer, csv.WriteOptions(include_header=False, quoting_style="needed"))
    with connection.cursor().copy(
        f"copy {table} ({', '.join(rows.column_names)}) from stdin (format csv)"
    ) as copy:
        copy.write(buffer.getvalue())


def _with_constants(rows: pyarrow.Table, **constants: object) -> pyarrow.Table:
    import pyarrow

    for name, value in constants.items():
        rows = rows.append_column(name, pyarrow.array([value] * rows.num_rows))
    return rows
