"""Which records a run has to look at: all of them, or those that something new could reach.

A region (outcome.regions) is nodes that could come to depend on each other. A run on a part takes
the regions of whatever is new, changed, gone or decided about, finds by kept block keys whom
those could meet, takes their regions whole, and hands the lot to the engine. What it answers is
what a run on everything would answer there, with these exceptions, which only a full run mends:
a block that grew past its cap goes on proposing what it proposed before, and one that shrank
below it proposes nothing; a number that is nobody's stays so; how rare a name must be for an
only namesake is asked for the records at hand only.

Add here: a reason to look at a record. Keep out: clustering (engine.py), ids, writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestration.linkage import (
    clusters,
    encoded_records,
    engine,
    outcome,
    overrides,
    records,
)
from orchestration.linkage.block_keys import BlockKeys
from orchestration.linkage.encoding import Fields, encode

if TYPE_CHECKING:
    import duckdb
    import numpy
    import psycopg
    import pyarrow

    from orchestration.linkage.changes import Changes
    from orchestration.linkage.model import Model
    from orchestration.linkage.store import Key

# A part of more of all records than this costs as much as all of them. 2026-11-25.
LARGEST_PART = 0.3


@dataclass(frozen=True)
class Part:
    """What the engine said of the records it looked at, and what of it has to be written.

    found: per record; region, node_id, is_touched, is_new: per node of found its region, the id
    it is kept under, whether anything near it changed, and whether it has to be written anew.
    vanished: node ids that are no more; block_keys: (node id, key) of the new ones.
    newest_birth_year, placeholders: of all records, so far as known. looked_at: records the
    engine was given. by_encoding: where records that are encodings went, and why.
    """

    found: engine.Clusters
    region: numpy.ndarray
    node_id: numpy.ndarray
    is_touched: numpy.ndarray
    is_new: numpy.ndarray
    vanished: numpy.ndarray
    block_keys: tuple[numpy.ndarray, numpy.ndarray]
    newest_birth_year: int | None
    placeholders: list[str]
    looked_at: int
    is_whole: bool
    by_encoding: dict[Key, encoded_records.Link] = field(default_factory=dict)


def everything(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    decisions: pyarrow.Table,
    say: Callable[[str], None],
) -> Part:
    """Look at every record."""
    import numpy

    table = records.read(connection)
    say(f"linkage: reading {table.num_rows:,} identity records")
    records.prepare(duck, table)
    overrides.prepare(duck, decisions)
    found = engine.run(duck, model, say)
    found, by_encoding = encoded_records.link(
        encoded_records.read(connection), table, found, encoded_records.decisions(duck)
    )
    keys = BlockKeys(encode(duck), model.profile.blocks)
    region = outcome.regions(duck, found, keys, edge=model.thresholds["edge"])
    count = len(region)
    node_id = numpy.arange(1, count + 1, dtype="int64")
    is_new = numpy.ones(count, dtype=bool)
    return Part(
        found=found,
        region=region,
        node_id=node_id,
        is_touched=is_new,
        is_new=is_new,
        vanished=numpy.empty(0, dtype="int64"),
        block_keys=_block_keys(keys, found.node, node_id, is_new),
        newest_birth_year=_newest_birth_year(duck),
        placeholders=_placeholders(duck),
        looked_at=table.num_rows,
        is_whole=True,
        by_encoding=by_encoding,
    )


def touched(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    decisions: pyarrow.Table,
    changed: Changes,
    last: dict,
    say: Callable[[str], None],
) -> Part:
    """Look at what is new, changed, gone or decided about, and at whom that could reach."""
    import numpy

    connection.execute(_SCOPE)
    known = [row[0] for row in connection.execute("select ssn from linkage.placeholder_number")]
    _seed(connection, changed, decisions, known)

    # whom do the new records share a safe key with: those regions change as well
    records.prepare(duck, records.read(connection, only=_IS_FRESH), placeholders=known)
    keys = BlockKeys(encode(duck), model.profile.blocks)
    _widen(connection, _nodes_of(connection, keys.safe[1]), is_near=True)

    # whom could those meet: every node that shares a block with one of them
    caps = keys.caps(int(model.thresholds["block_cap"]))
    asked = [key for _, key in (keys.of_block(name) for name in keys.blocks)]
    proposing, met = _blocks_of(connection, numpy.concatenate(asked), caps, and_of_scope=True)
    _widen(connection, met, is_near=False)

    table = records.read(connection, only=_IN_SCOPE)
    say(
        f"linkage: {len(changed.new):,} new and {len(changed.gone):,} gone identity records reach "
        f"{table.num_rows:,}"
    )
    records.prepare(duck, table, placeholders=known)
    overrides.prepare(duck, decisions)
    old_node, old_region, is_near = _remembered(connection, table)
    keys = BlockKeys(encode(duck), model.profile.blocks)
    proposing = numpy.union1d(proposing, _shared_inside(connection, keys, old_region, caps))
    newest = max(filter(None, (last["newest_birth_year"], _newest_birth_year(duck))), default=None)
    total = last["records"] + len(changed.new) - len(changed.gone)
    found = engine.run(
        duck,
        model,
        say,
        around=engine.Around(total, newest, lambda fields: _kept(fields, keys.blocks, proposing)),
    )
    region = outcome.regions(duck, found, keys, edge=model.thresholds["edge"])
    return _told(connection, duck, found, region, keys, old_node, is_near, newest, table.num_rows)


def tied(part: Part, node: numpy.ndarray, group: list[int]) -> Part:
    """The part with the nodes of one group (a person left as they are) in one region."""
    import numpy

    _, head, of = numpy.unique(group, return_index=True, return_inverse=True)
    count = len(part.region)
    _, first = numpy.unique(part.region, return_index=True)
    return replace(
        part,
        region=clusters.components(
            numpy.concatenate([node[head][of], first[part.region]]),
            numpy.concatenate([node, numpy.arange(count)]),
            count,
        ),
    )


# scope: nodes to look at, is_near for those whose records are new, changed, gone or decided
# about, or share a safe key with such; fresh: identity records that no run has seen.
_SCOPE = """
create temporary table scope (node_id integer primary key, region_id integer, is_near boolean)
    on commit drop;
create temporary table fresh (identity_record_id text primary key) on commit drop;
"""
_IS_FRESH = "identity_record_id in (select identity_record_id from fresh)"
_IN_SCOPE = (
    "identity_record_id in (select identity_record_id from fresh union all"
    " select identity_record_id from linkage.variant join scope using (node_id))"
)


def _seed(
    connection: psycopg.Connection,
    changed: Changes,
    decisions: pyarrow.Table,
    known: list[str],
) -> None:
    """Put the new records and the regions of every changed source key into the scope."""
    with connection.cursor().copy("copy fresh from stdin") as copy:
        for identity_record_id in changed.new:
            copy.write_row((identity_record_id,))
    keys = set(changed.keys)
    for decision in decisions.to_pylist():
        sides = {
            (decision[f"{side}_source_system"], decision[f"{side}_source_person_key"])
            for side in ("left", "right")
        }
        # a decision that waited for one of the two
        if sides & keys:
            keys |= sides
    keys |= _crowded_now(connection, known)
    connection.execute(
        "create temporary table seed (source_system text, source_person_key text) on commit drop"
    )
    with connection.cursor().copy("copy seed from stdin") as copy:
        for key in sorted(keys):
            copy.write_row(key)
    connection.execute("analyze seed; analyze fresh")
    _take_regions(
        connection,
        "select node_id from seed join linkage.source_record"
        " using (source_system, source_person_key) join linkage.variant using (record_number)",
        is_near=True,
    )


def _crowded_now(connection: psycopg.Connection, known: list[str]) -> set[tuple[str, str]]:
    """Source keys of every record with a number that new records may have made nobody's."""
    return set(
        connection.execute(
            f"""
            with delivered as (
                select distinct ssn from {records.SOURCE} join fresh using (identity_record_id)
                where ssn is not null and ssn <> all(%s)
            ),
            crowded as (
                select ssn from {records.SOURCE} join delivered using (ssn)
                group by ssn having count(distinct first_name) > {records.MAX_NAMES_PER_SSN}
            )
            select distinct source_system, source_person_key
            from {records.SOURCE} join crowded using (ssn)
            """,
            [known],
        ).fetchall()
    )


def _take_regions(connection: psycopg.Connection, nodes: str, *, is_near: bool) -> None:
    """Add the whole regions of nodes (a query of node_id) to the scope."""
    connection.execute(
        f"""
        insert into scope (node_id, region_id, is_near)
        select node_id, region_id, {is_near} from linkage.node
        where region_id in (
            select region_id from linkage.node where node_id in ({nodes})
        )
        on conflict (node_id) do nothing
        """
    )


def _widen(connection: psycopg.Connection, nodes: numpy.ndarray, *, is_near: bool) -> None:
    connection.execute("create temporary table met (node_id integer) on commit drop")
    _copy_numbers(connection, "met", nodes)
    connection.execute("analyze met")
    _take_regions(connection, "select node_id from met", is_near=is_near)
    connection.execute("drop table met; analyze scope")


def _nodes_of(connection: psycopg.Connection, keys: numpy.ndarray) -> numpy.ndarray:
    """Nodes that have one of the keys."""
    import numpy

    _ask(connection, keys)
    rows = connection.execute(
        "select distinct node_id from asked join linkage.block_key using (key)"
    ).fetchall()
    connection.execute("drop table asked")
    return numpy.array([row[0] for row in rows], dtype="int64")


def _blocks_of(
    connection: psycopg.Connection,
    keys: numpy.ndarray,
    caps: list[int],
    *,
    and_of_scope: bool = False,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The keys that may propose, sorted, and the nodes that have one of them: a key that more
    nodes have than its cap (BlockKeys.caps) proposes nothing. and_of_scope: of `keys` and those
    of the scope.

    Counted here and not by the server, to which it was a third of a run on a part (2026-11-26)."""
    import numpy

    if and_of_scope:
        own = _keyed_nodes(connection, "scope join linkage.block_key using (node_id)")
        keys = numpy.concatenate([keys, own["key"]])
    keys = numpy.unique(keys)
    _ask(connection, keys)
    having = _keyed_nodes(connection, "asked join linkage.block_key using (key)")
    connection.execute("drop table asked")
    place = numpy.searchsorted(keys, having["key"])
    may = numpy.bincount(place, minlength=len(keys)) <= numpy.array(caps)[keys & BlockKeys.MASK]
    return keys[may], numpy.unique(having["node"][may[place]]).astype("int64")


def _keyed_nodes(connection: psycopg.Connection, rows: str) -> numpy.ndarray:
    """key and node of `rows` (SQL that has key, a bigint, and node_id, an integer, never null)."""
    import numpy

    content = bytearray()
    query = f"copy (select key, node_id from {rows}) to stdout (format binary)"
    with connection.cursor().copy(query) as copy:
        for block in copy:
            content += block
    # PostgreSQL's binary COPY: a head of 19 bytes; a row is its number of fields, and of each the
    # length and the value; -1 fields end it
    row = numpy.dtype(
        [("fields", ">i2"), ("long", ">i4"), ("key", ">i8"), ("short", ">i4"), ("node", ">i4")]
    )
    found = numpy.frombuffer(content, row, (len(content) - 21) // row.itemsize, offset=19)
    return found.astype([(name, "i8") for name in row.names])


def _shared_inside(
    connection: psycopg.Connection, keys: BlockKeys, old_region: numpy.ndarray, caps: list[int]
) -> numpy.ndarray:
    """Keys that two records of one region share and that no more nodes have than may: they
    tied the region together before, and may again."""
    import numpy

    found = [numpy.empty(0, dtype="int64")]
    for name in keys.blocks:
        rid, key = keys.of_block(name)
        region = old_region[rid]
        rid, key, region = rid[region > 0], key[region > 0], region[region > 0]
        order = numpy.lexsort((key, region))
        key, region = key[order], region[order]
        same = (key[1:] == key[:-1]) & (region[1:] == region[:-1])
        found.append(key[1:][same])
    return _blocks_of(connection, numpy.unique(numpy.concatenate(found)), caps)[0]


def _kept(fields: Fields, blocks: Iterable[str], proposing: numpy.ndarray) -> Callable:
    """`kept` of candidates.pairs: rows whose key may propose."""
    import numpy

    keys = BlockKeys(fields, blocks)

    def kept(name: str, rid: numpy.ndarray) -> numpy.ndarray:
        _, key = keys.of_block(name)
        at = numpy.minimum(numpy.searchsorted(proposing, key), max(0, len(proposing) - 1))
        return proposing[at] == key if len(proposing) else numpy.zeros(len(key), dtype=bool)

    return kept


def _remembered(
    connection: psycopg.Connection, table: pyarrow.Table
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Per record its node and region of the last run, 0 for a new one, and is it near."""
    import numpy

    of = {
        identity_record_id: told
        for identity_record_id, *told in connection.execute(
            "select identity_record_id, node_id, region_id, is_near"
            " from linkage.variant join scope using (node_id)"
        )
    }
    nothing = (0, 0, True)
    told = [of.get(own, nothing) for own in table["identity_record_id"].to_pylist()]
    columns = list(zip(*told, strict=True)) or [(), (), ()]
    return (
        numpy.array(columns[0], dtype="int64"),
        numpy.array(columns[1], dtype="int64"),
        numpy.array(columns[2], dtype=bool),
    )


def _told(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    found: engine.Clusters,
    region: numpy.ndarray,
    keys: BlockKeys,
    old_node: numpy.ndarray,
    is_near: numpy.ndarray,
    newest_birth_year: int | None,
    looked_at: int,
) -> Part:
    """Compare the nodes with those of the last run: which are new, which are no more, and which
    regions anything happened in."""
    import numpy

    count = len(region)
    sizes = dict(
        connection.execute(
            "select node_id, count(*) from linkage.variant join scope using (node_id)"
            " group by node_id"
        ).fetchall()
    )
    lowest = numpy.full(count, numpy.iinfo("int64").max)
    highest = numpy.zeros(count, dtype="int64")
    numpy.minimum.at(lowest, found.node, old_node)
    numpy.maximum.at(highest, found.node, old_node)
    held = numpy.bincount(found.node, minlength=count)
    before = numpy.array([sizes.get(node, 0) for node in highest.tolist()])
    is_new = ~((lowest == highest) & (lowest > 0) & (held == before))

    near = numpy.zeros(count, dtype=bool)
    near[found.node[is_near]] = True
    regions_touched = numpy.zeros(int(region.max(initial=-1)) + 1, dtype=bool)
    regions_touched[region[near | is_new]] = True
    is_touched = regions_touched[region]

    node_id = highest.copy()
    first = connection.execute("select coalesce(max(node_id), 0) + 1 from linkage.node").fetchone()
    node_id[is_new] = numpy.arange(first[0], first[0] + int(is_new.sum()))
    vanished = numpy.setdiff1d(numpy.array(sorted(sizes), dtype="int64"), node_id[~is_new])
    return Part(
        found=found,
        region=region,
        node_id=node_id,
        is_touched=is_touched,
        is_new=is_new,
        vanished=vanished,
        block_keys=_block_keys(keys, found.node, node_id, is_new),
        newest_birth_year=newest_birth_year,
        placeholders=_placeholders(duck),
        looked_at=looked_at,
        is_whole=False,
    )


def _block_keys(
    keys: BlockKeys, node: numpy.ndarray, node_id: numpy.ndarray, is_new: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(node id, key) of every new node, each once, in the order of keys."""
    import numpy

    rid, key = keys.every()
    of = node[rid]
    of, key = node_id[of[is_new[of]]], key[is_new[of]]
    order = numpy.lexsort((of, key))
    of, key = of[order], key[order]
    first = numpy.ones(len(key), dtype=bool)
    first[1:] = (key[1:] != key[:-1]) | (of[1:] != of[:-1])
    return of[first], key[first]


def _newest_birth_year(duck: duckdb.DuckDBPyConnection) -> int | None:
    return duck.execute(
        "select max(nullif(yr, -1)) from record where source_system = 'vital_child'"
    ).fetchall()[0][0]


def _placeholders(duck: duckdb.DuckDBPyConnection) -> list[str]:
    rows = duck.execute("select shared from placeholder order by shared").fetchall()
    return [row[0] for row in rows]


def _ask(connection: psycopg.Connection, keys: numpy.ndarray) -> None:
    """Make table `asked` (key) of the distinct keys."""
    import numpy

    connection.execute("create temporary table asked (key bigint) on commit drop")
    _copy_numbers(connection, "asked", numpy.unique(keys))
    connection.execute("analyze asked")


def _copy_numbers(connection: psycopg.Connection, table: str, numbers: numpy.ndarray) -> None:
    import pyarrow

    from orchestration.linkage.store import copy_table

    column = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum = 1", [table]
    ).fetchone()[0]
    copy_table(connection, table, pyarrow.table({column: numbers}))
