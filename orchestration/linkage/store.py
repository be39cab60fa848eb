"""What the last run left in schema `linkage`, and the one transaction that writes the next.

Add here: a read or a write of a run. Keep out: tables (schema.py), decisions about anybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from orchestration.linkage import schema
from orchestration.linkage.identifiers import FIRST_PERSON_ID

if TYPE_CHECKING:
    import numpy
    import psycopg
    import pyarrow

    from orchestration.linkage.identifiers import Assignment

Key = tuple[str, str]
# Rows of numbers in one message to the server.
_AT_ONCE = 1_000_000
# Psycopg takes longer over a row than the server, so many numbers come in a few messages: in one
# for each slice of the rows, because a message holds at most 1 GB. Slicing takes the server half
# as long again (2026-11-26), so fewer rows than this, of 16 bytes at most, come in one.
_SLICES = 64
_IN_ONE_SLICE = 30_000_000
# How PostgreSQL sends a type, and as what numpy reads it.
_SENT = {"integer": ("int4send", ">i4"), "bigint": ("int8send", ">i8")}
# What table crosswalk tells of a source record besides its key.
TOLD = ("person_id", "method", "rule", "match_weight", "model_version")


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
    merged_into: where merged ids went; told: of the keys that were asked for and have an id, what
    the crosswalk tells of them (TOLD)."""

    person: dict[Key, int]
    closed: dict[Key, int]
    former: dict[Key, list[int]]
    active: set[int]
    merged_into: dict[int, int]
    next_id: int
    told: dict[Key, tuple] = field(default_factory=dict)

    def person_of(self, key: Key) -> int:
        """The id a record carries, or carried when last delivered and still in use; else 0."""
        person = self.person.get(key) or self.closed.get(key, 0)
        while person in self.merged_into:
            person = self.merged_into[person]
        return person if person in self.active else 0


@dataclass(frozen=True)
class Run:
    """The row of linkage.run to write. source_records: delivered now; persons: in use."""

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
    newest_birth_year: int | None
    is_partial: bool
    recomputed: int


@dataclass(frozen=True)
class Written:
    """What a run writes; of a partial run, about the records it looked at.

    sources: one row per source record (key, method, rule, match_weight, identity_hash, person_id),
    differs: which of those are not told yet; vacated: source keys that are no longer delivered, or
    went to another person, of a partial run alone; gone: identity record ids that are no more;
    vanished: node ids that are; altered: kept ones whose evidence is worked out anew; variants:
    identity_record_id, key, node_id of added records; nodes: node_id, region_id, first_variant,
    is_linkable, is_new; block_keys: (node id, key) that nodes did not have; sketches: node ids, and
    what bounds.Nodes.packed makes of those nodes, of new and altered ones; edges: outcome.edges;
    causes: what each of assigned.events is put down to.
    """

    sources: pyarrow.Table
    differs: numpy.ndarray
    vacated: set[Key]
    gone: list[str]
    vanished: list[int]
    altered: list[int]
    variants: pyarrow.Table
    nodes: pyarrow.Table
    block_keys: tuple[numpy.ndarray, numpy.ndarray]
    sketches: tuple[numpy.ndarray, numpy.ndarray]
    edges: pyarrow.Table
    placeholders: list[str]
    assigned: Assignment
    causes: list[str]


def state(connection: psycopg.Connection, keys: set[Key] | None = None) -> State:
    """Read what the last run left; of `keys` only, where they are given."""
    only = ""
    if keys is not None:
        copy_keys(connection, "wanted_key", keys)
        only = " join wanted_key using (source_system, source_person_key)"
    told: dict[Key, tuple] = {}
    person: dict[Key, int] = {}
    closed: dict[Key, int] = {}
    former: dict[Key, list[int]] = {}
    rows = connection.execute(
        "select opened_run_id, person_id, source_system, source_person_key, closed_run_id is null"
        + (f", {', '.join(TOLD[1:])}" if only else "")
        + f" from linkage.crosswalk{only}"
    ).fetchall()
    ended = []
    for row in rows:
        _, person_id, system, key, is_open, *more = row
        if is_open:
            person[system, key] = person_id
            told[system, key] = (person_id, *more)
        else:
            ended.append(row)
    # the last of several is the newest; sorted here, which costs the server ten times as much
    ended.sort(key=itemgetter(0, 1))
    for _, person_id, system, key, *_ in ended:
        closed[system, key] = person_id
        former.setdefault((system, key), []).append(person_id)
    active: set[int] = set()
    merged_into: dict[int, int] = {}
    asked: set[int] | None = None
    if keys is not None:
        connection.execute("drop table wanted_key")
        asked = {*person.values(), *closed.values(), *(p for ids in former.values() for p in ids)}
    seen: set[int] = set()
    while asked is None or asked:
        for person_id, status, into in connection.execute(
            "select person_id, status, merged_into from linkage.person"
            " where %(asked)s::bigint[] is null or person_id = any(%(asked)s)",
            {"asked": None if asked is None else sorted(asked)},
        ):
            if status == "active":
                active.add(person_id)
            elif status == "merged":
                merged_into[person_id] = into
        if asked is None:
            break
        # where a merged id went may have gone on
        seen |= asked
        asked = set(merged_into.values()) - seen
    newest = connection.execute(
        "select coalesce(max(person_id), %s) from linkage.person", [FIRST_PERSON_ID - 1]
    ).fetchone()[0]
    return State(person, closed, former, active, merged_into, newest + 1, told)


def write(connection: psycopg.Connection, run: Run, written: Written) -> None:
    """Write one run inside the caller's transaction."""
    columns = list(Run.__dataclass_fields__)
    connection.execute(
        f"insert into linkage.run ({', '.join(columns)})"
        f" values ({', '.join(['%s'] * len(columns))})",
        [getattr(run, column) for column in columns],
    )
    _write_persons(connection, run, written.assigned)
    _write_sources(connection, run, written)
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


def _write_sources(connection: psycopg.Connection, run: Run, written: Written) -> None:
    """Tables source_record and crosswalk."""
    import pyarrow

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
    rows = written.sources.select(columns).filter(pyarrow.array(written.differs))
    copy_table(connection, "incoming", rows)
    connection.execute("analyze incoming")
    values = {"run": run.run_id, "load": run.as_of_load, "model": run.model_version}
    same_source = _same_key("incoming", "source_record")
    same_record = _same_key("incoming", "crosswalk")
    # what a partial run did not look at stays as it is
    of_source, of_record = "true", "true"
    if run.is_partial:
        copy_keys(connection, "vacated", written.vacated)
        of_source, of_record = (
            f"(({table}.source_system, {table}.source_person_key) in (select * from vacated))"
            for table in ("source_record", "crosswalk")
        )
    connection.execute(
        "update linkage.source_record set gone_run_id = %(run)s where gone_run_id is null"
        f" and {of_source} and not exists (select from incoming where {same_source})",
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
        f" where closed_run_id is null and {of_record} and not exists (select from incoming"
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


def _same_key(one: str, other: str) -> str:
    return (
        f"{one}.source_system = {other}.source_system"
        f" and {one}.source_person_key = {other}.source_person_key"
    )


def _write_nodes(connection: psycopg.Connection, run: Run, written: Written) -> None:
    """Tables variant, node, node_sketch, edge, placeholder_number and those of block keys."""
    import numpy

    connection.execute(
        "create temporary table incoming_variant (identity_record_id text, source_system text,"
        " source_person_key text, node_id integer) on commit drop;"
        "create temporary table incoming_node (node_id integer, region_id integer,"
        " first_variant text, is_linkable boolean, is_new boolean) on commit drop"
    )
    copy_table(connection, "incoming_variant", written.variants)
    copy_table(connection, "incoming_node", written.nodes)
    connection.execute("analyze incoming_variant; analyze incoming_node")
    if run.is_partial:
        # records that nodes may no longer go by; what waits for review goes by them (review.py)
        connection.execute(
            "create temporary table replaced on commit drop as"
            " select first_record from linkage.node where node_id = any(%s) or node_id in"
            " (select node_id from incoming_node where not is_new)",
            [written.vanished],
        )
        gone = {
            "gone": written.gone,
            "vanished": written.vanished,
            "changed": written.vanished + written.altered,
        }
        connection.execute(
            "delete from linkage.variant where identity_record_id = any(%(gone)s)"
            " or node_id = any(%(vanished)s)",
            gone,
        )
        # evidence about a pair that was looked at afresh
        connection.execute(
            "delete from linkage.edge where left_node = any(%(changed)s)"
            " or right_node = any(%(changed)s)"
            " or left_node in (select node_id from incoming_node where not is_new)"
            " and right_node in (select node_id from incoming_node where not is_new)",
            gone,
        )
        connection.execute("delete from linkage.node where node_id = any(%(vanished)s)", gone)
        copy_numbers(
            connection,
            "linkage.vanished_node",
            node_id=numpy.array(written.vanished, dtype="int32"),
        )
        connection.execute("delete from linkage.node_sketch where node_id = any(%(changed)s)", gone)
    else:
        connection.execute(
            "truncate linkage.variant, linkage.node, linkage.edge, linkage.block_key,"
            " linkage.later_block_key, linkage.vanished_node, linkage.node_sketch,"
            " linkage.placeholder_number;"
            "drop index linkage.block_key_by_key"
        )
    connection.execute(
        "insert into linkage.variant (identity_record_id, record_number, node_id)"
        " select identity_record_id, record_number, node_id from incoming_variant"
        " join linkage.source_record using (source_system, source_person_key)"
    )
    connection.execute(
        "insert into linkage.node (node_id, region_id, first_record, is_linkable)"
        " select incoming_node.node_id, region_id, record_number, is_linkable from incoming_node"
        " join linkage.variant on identity_record_id = first_variant where is_new"
    )
    if run.is_partial:
        connection.execute(
            "update linkage.node set region_id = incoming_node.region_id,"
            " first_record = record_number, is_linkable = incoming_node.is_linkable"
            " from incoming_node join linkage.variant on identity_record_id = first_variant"
            " where node.node_id = incoming_node.node_id and (node.region_id, first_record,"
            " node.is_linkable) is distinct from"
            " (incoming_node.region_id, record_number, incoming_node.is_linkable)"
        )
    node, key = written.block_keys
    keys = "linkage.later_block_key" if run.is_partial else "linkage.block_key"
    copy_numbers(connection, keys, key=key, node_id=node.astype("int32"))
    connection.execute(schema.BLOCK_KEY_INDEX)  # nothing to do after a run on a part
    node, sketch = written.sketches
    whole = sketch.view(f"V{sketch.dtype.itemsize}")
    copy_numbers(connection, "linkage.node_sketch", node_id=node.astype("int32"), sketch=whole)
    edges = _with_constants(written.edges, model_version=run.model_version, run_id=run.run_id)
    if run.is_partial:
        # a pair of a new node and one outside the part may be kept from before
        connection.execute(
            "create temporary table incoming_edge (like linkage.edge) on commit drop"
        )
        copy_table(connection, "incoming_edge", edges)
        connection.execute(
            "delete from linkage.edge using incoming_edge where"
            " edge.left_node = incoming_edge.left_node"
            " and edge.right_node = incoming_edge.right_node;"
            "insert into linkage.edge select * from incoming_edge"
        )
    else:
        copy_table(connection, "linkage.edge", edges)
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into linkage.placeholder_number values (%s) on conflict do nothing",
            [(number,) for number in written.placeholders],
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


def copy_keys(connection: psycopg.Connection, table: str, keys: set[Key]) -> None:
    """Make temporary table `table` (source_system, source_person_key)."""
    import pyarrow

    columns = list(zip(*keys, strict=True)) or [(), ()]
    names = ("source_system", "source_person_key")
    connection.execute(
        f"create temporary table {table} ({names[0]} text, {names[1]} text) on commit drop"
    )
    rows = {
        name: pyarrow.array(values, pyarrow.string())
        for name, values in zip(names, columns, strict=True)
    }
    # in order, so that looking them up one after the other goes through an index once
    ordered = pyarrow.table(rows).sort_by([(name, "ascending") for name in names])
    copy_table(connection, table, ordered)
    connection.execute(f"analyze {table}")


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


def copy_numbers(connection: psycopg.Connection, table: str, **columns: numpy.ndarray) -> None:
    """COPY numbers, none of them missing, into the columns of the same names: int32 into an
    integer, int64 into a bigint, bytes of one size (void) into a bytea. In PostgreSQL's binary
    format, which neither side has to write out or read (its documentation of COPY, "Binary
    Format")."""
    import numpy

    row = [("fields", ">i2")]
    for name, values in columns.items():
        row += [(f"{name} size", ">i4"), (name, values.dtype.newbyteorder(">"))]
    rows = numpy.empty(len(next(iter(columns.values()))), dtype=row)
    rows["fields"] = len(columns)
    for name, values in columns.items():
        rows[f"{name} size"], rows[name] = values.itemsize, values
    with connection.cursor().copy(
        f"copy {table} ({', '.join(columns)}) from stdin (format binary)"
    ) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for begin in range(0, len(rows), _AT_ONCE):
            copy.write(rows[begin : begin + _AT_ONCE].tobytes())
        copy.write(b"\xff\xff")


def numbers(
    connection: psycopg.Connection,
    source: str,
    *,
    facts: str | None = None,
    rows: int | None = None,
    **columns: str | numpy.dtype,
) -> numpy.ndarray | tuple[numpy.ndarray, list[tuple]]:
    """Numbers that the server has, none of them missing, as int64 and in no order.

    source: SQL of the rows. columns: name -> type (integer, bigint) of each, or the numpy dtype of
    what a bytea holds; several come as the columns of a structured array, the last is a number.
    facts: SQL of aggregates, of which there is a row for each slice of the rows. rows: how many
    there are about, where that is known.
    """
    import numpy

    as_sent = {name: _SENT.get(kind, ("", kind)) for name, kind in columns.items()}
    sent = " || ".join(f"{function}({name})" for name, (function, _) in as_sent.items())
    *_, last = columns
    sliced = "" if rows is not None and rows < _IN_ONE_SLICE else f"group by {last} & {_SLICES - 1}"
    slices = (
        connection.cursor(binary=True)
        .execute(
            f"select string_agg({sent}, ''::bytea){f', {facts}' if facts else ''}"
            f" from {source} {sliced}"
        )
        .fetchall()
    )
    row = numpy.dtype([(name, kind) for name, (_, kind) in as_sent.items()])
    found = numpy.frombuffer(b"".join(content or b"" for content, *_ in slices), row)
    found = found.astype(
        [(name, "i8" if kind in _SENT else kind) for name, kind in columns.items()]
    )
    if len(columns) == 1:
        found = found[last]
    return (found, [told for _, *told in slices]) if facts else found


def _with_constants(rows: pyarrow.Table, **constants: object) -> pyarrow.Table:
    import pyarrow

    for name, value in constants.items():
        rows = rows.append_column(name, pyarrow.array([value] * rows.num_rows))
    return rows
