"""What the last run left in schema `linkage`, and the one transaction that writes the next.

Add here: a read or a write of a run. Keep out: tables (schema.py), decisions about anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.linkage.identifiers import FIRST_PERSON_ID

if TYPE_CHECKING:
    import psycopg
    import pyarrow

    from orchestration.linkage.identifiers import Assignment

Key = tuple[str, str]


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
    merged_into: where merged ids went."""

    person: dict[Key, int]
    closed: dict[Key, int]
    former: dict[Key, list[int]]
    active: set[int]
    merged_into: dict[int, int]
    next_id: int

    def person_of(self, key: Key) -> int:
        """The id a record carries, or carried when last delivered and still in use; else 0."""
        person = self.person.get(key) or self.closed.get(key, 0)
        while person in self.merged_into:
            person = self.merged_into[person]
        return person if person in self.active else 0


@dataclass(frozen=True)
class Run:
    """The row of linkage.run to write."""

    run_id: int
    inputs_hash: str
    config_hash: str
    model_version: str
    as_of_load: int
    records: int
    source_records: int
    persons: int
    nodes: int
    pairs: int
    components_cut: int
    override_ids: list[int]


@dataclass(frozen=True)
class Written:
    """The tables a run writes. sources: one row per source record (key, node, method, rule,
    match_weight, identity_hash, person_id); variants: identity_record_id, key, node_id; nodes:
    node_id, region_id, first_variant, is_linkable; edges: outcome.edges; causes: what each of
    assigned.events is put down to."""

    sources: pyarrow.Table
    variants: pyarrow.Table
    nodes: pyarrow.Table
    edges: pyarrow.Table
    assigned: Assignment
    causes: list[str]


def state(connection: psycopg.Connection) -> State:
    """Read what the last run left."""
    person: dict[Key, int] = {}
    closed: dict[Key, int] = {}
    former: dict[Key, list[int]] = {}
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
    return State(person, closed, former, active, merged_into, newest + 1)


def write(connection: psycopg.Connection, run: Run, written: Written) -> None:
    """Write one run inside the caller's transaction."""
    columns = list(Run.__dataclass_fields__)
    connection.execute(
        f"insert into linkage.run ({', '.join(columns)})"
        f" values ({', '.join(['%s'] * len(columns))})",
        [getattr(run, column) for column in columns],
    )
    _write_persons(connection, run, written.assigned)
    _write_sources(connection, run, written.sources)
    _write_nodes(connection, run, written)
    _write_events(connection, run, written)


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


def _write_sources(connection: psycopg.Connection, run: Run, sources: pyarrow.Table) -> None:
    """Tables source_record and crosswalk."""
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
    same_source = (
        "incoming.source_system = source_record.source_system"
        " and incoming.source_person_key = source_record.source_person_key"
    )
    same_record = same_source.replace("source_record.", "crosswalk.")
    connection.execute(
        "update linkage.source_record set gone_run_id = %(run)s where gone_run_id is null"
        f" and not exists (select from incoming where {same_source})",
        values,
    )
    connection.execute(
        "update linkage.source_record set identity_hash = incoming.identity_hash,"
        f" gone_run_id = null from incoming where {same_source} and"
        " (source_record.identity_hash <> incoming.identity_hash or gone_run_id is not null)",
    )
    connection.execute(
        "insert into linkage.source_record (record_number, source_system, source_person_key,"
        " identity_hash, first_load_id)"
        " select (select coalesce(max(record_number), 0) from linkage.source_record)"
        " + row_number() over ("
        'order by source_system collate "C", source_person_key collate "C"),'
        " source_system, source_person_key, identity_hash, %(load)s from incoming"
        f" where not exists (select from linkage.source_record where {same_source})",
        values,
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


def _write_nodes(connection: psycopg.Connection, run: Run, written: Written) -> None:
    """Tables variant, node and edge."""
    connection.execute("truncate linkage.variant, linkage.node, linkage.edge")
    connection.execute(
        "create temporary table incoming_variant (identity_record_id text, source_system text,"
        " source_person_key text, node_id integer) on commit drop"
    )
    copy_table(connection, "incoming_variant", written.variants)
    connection.execute("analyze incoming_variant")
    connection.execute(
        "insert into linkage.variant (identity_record_id, record_number, node_id)"
        " select identity_record_id, record_number, node_id from incoming_variant"
        " join linkage.source_record using (source_system, source_person_key)"
    )
    connection.execute(
        "create temporary table incoming_node (node_id integer, region_id integer,"
        " first_variant text, is_linkable boolean) on commit drop"
    )
    copy_table(connection, "incoming_node", written.nodes)
    connection.execute(
        "insert into linkage.node (node_id, region_id, first_record, is_linkable)"
        " select incoming_node.node_id, region_id, record_number, is_linkable from incoming_node"
        " join linkage.variant on identity_record_id = first_variant"
    )
    copy_table(
        connection,
        "linkage.edge",
        _with_constants(written.edges, model_version=run.model_version, run_id=run.run_id),
    )


def _write_events(connection: psycopg.Connection, run: Run, written: Written) -> None:
    first = connection.execute(
        "select coalesce(max(event_id), 0) + 1 from linkage.person_event"
    ).fetchone()[0]
    with connection.cursor().copy(
        "copy linkage.person_event (event_id, run_id, load_id, event_type, from_person_id,"
        " to_person_id, record_count, cause) from stdin"
    ) as copy:
        told = zip(written.assigned.events, written.causes, strict=True)
        for number, (event, cause) in enumerate(told, start=first):
            copy.write_row(
                (
                    number,
                    run.run_id,
                    run.as_of_load,
                    event.kind,
                    event.from_person,
                    event.to_person,
                    event.records,
                    cause,
                )
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
