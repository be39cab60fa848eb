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

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestration.linkage import (
    clusters,
    encoded_records,
    engine,
    outcome,
    overrides,
    records,
    store,
)
from orchestration.linkage.block_keys import BlockKeys
from orchestration.linkage.encoding import distinct, encode, starts

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
    is_added: per record, is it not kept with its node yet. vanished: node ids that are no more;
    grown: those that records were added to; block_keys: (node id, key) that were not kept.
    newest_birth_year, placeholders: of all records, so far as known. looked_at: records the
    engine was given. by_encoding: where records that are encodings went, and why.
    """

    found: engine.Clusters
    region: numpy.ndarray
    node_id: numpy.ndarray
    is_touched: numpy.ndarray
    is_new: numpy.ndarray
    is_added: numpy.ndarray
    vanished: numpy.ndarray
    grown: numpy.ndarray
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
    fields = encode(duck)
    found = engine.run(duck, model, say, fields=fields)
    found, by_encoding = encoded_records.link(
        encoded_records.read(connection), table, found, encoded_records.decisions(duck)
    )
    keys = BlockKeys(fields, model.profile.blocks)
    region = outcome.regions(duck, found, keys, edge=model.thresholds["edge"])
    count = len(region)
    node_id = numpy.arange(1, count + 1, dtype="int64")
    is_new = numpy.ones(count, dtype=bool)
    is_added = numpy.ones(len(found.node), dtype=bool)
    none = numpy.empty(0, dtype="int64")
    return Part(
        found=found,
        region=region,
        node_id=node_id,
        is_touched=is_new,
        is_new=is_new,
        is_added=is_added,
        vanished=none,
        grown=none,
        block_keys=_block_keys(keys, found.node, node_id, is_added),
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
    import pyarrow

    connection.execute(_SCOPE)
    known = [row[0] for row in connection.execute("select ssn from linkage.placeholder_number")]
    fresh = records.read(connection, "fresh")
    seeds = _seed_nodes(connection, changed, decisions, _crowded_now(connection, fresh, known))

    # whom do the new records share a safe key with: those regions change as well
    records.prepare(duck, fresh, placeholders=known)
    keys = BlockKeys(encode(duck), model.profile.blocks)
    sharing = _nodes_of(connection, keys.safe[1])
    _widen(connection, numpy.union1d(seeds, sharing), is_near=True)

    # whom could those meet: every node that shares a block with one of them; who shares a safe key
    # with a node stands in its region
    caps = keys.caps(int(model.thresholds["block_cap"]))
    own = _keyed_nodes(connection, "scope join linkage.block_key using (node_id)")["key"]
    own = own[~keys.is_safe(own)]
    asked = distinct(numpy.concatenate([own, *(keys.of_block(name)[1] for name in keys.blocks)]))
    proposing, met = _blocks_of(connection, asked, caps)
    _widen(connection, met, is_near=False)

    connection.execute(_KEPT)
    more = {"node_id": pyarrow.int64(), "is_near": pyarrow.int8()}
    table = records.read(connection, _IN_SCOPE, more=more)
    say(
        f"linkage: {len(changed.new):,} new and {len(changed.gone):,} gone identity records reach "
        f"{table.num_rows:,}"
    )
    records.prepare(duck, table, placeholders=known)
    overrides.prepare(duck, decisions)
    old_node = table["node_id"].fill_null(0).to_numpy()
    is_near = table["is_near"].to_numpy() == 1
    fields = encode(duck)
    keys = BlockKeys(fields, model.profile.blocks, remembers=True)
    shared = numpy.setdiff1d(_shared(keys, old_node), asked, assume_unique=True)
    proposing = numpy.union1d(proposing, _blocks_of(connection, shared, caps)[0])
    newest = max(filter(None, (last["newest_birth_year"], _newest_birth_year(duck))), default=None)
    total = last["records"] + len(changed.new) - len(changed.gone)
    found = engine.run(
        duck,
        model,
        say,
        around=engine.Around(total, newest, _kept(keys, proposing)),
        fields=fields,
    )
    region = outcome.regions(duck, found, keys, edge=model.thresholds["edge"])
    return _told(connection, duck, found, region, keys, old_node, is_near, newest)


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
# about, or share a safe key with such.
# What is asked for is a small share of tables that are in memory and have an index for it:
# without the first two lines the planner reads them whole, a dozen times in a run (2026-11-26).
_SCOPE = """
set local random_page_cost = 1.1;
set local enable_seqscan = off;
create temporary table scope (node_id integer primary key, region_id integer, is_near boolean)
    on commit drop;
"""
# Psycopg takes longer over a row than the server, so many rows come in a few messages: one for
# each slice of the nodes, because a message holds at most 1 GB.
_SLICES = 64
# kept: identity records of the nodes of the scope, as the last run saw them.
_KEPT = """
create temporary table kept on commit drop as
    select identity_record_id, node_id, is_near
    from linkage.variant join scope using (node_id);
analyze kept;
"""
# Those that are there still, and the new ones (changes.find).
_IN_SCOPE = (
    f"(select {', '.join(records.COLUMNS)}, node_id, is_near::integer from {records.SOURCE}"
    " join kept using (identity_record_id)"
    f" union all select {', '.join(records.COLUMNS)}, null, 1 from fresh) as looked_at"
)


def _seed_nodes(
    connection: psycopg.Connection,
    changed: Changes,
    decisions: pyarrow.Table,
    crowded: set[tuple[str, str]],
) -> numpy.ndarray:
    """The nodes of every changed or crowded source key."""
    keys = changed.keys | crowded
    for decision in decisions.to_pylist():
        sides = {
            (decision[f"{side}_source_system"], decision[f"{side}_source_person_key"])
            for side in ("left", "right")
        }
        # a decision that waited for one of the two
        if sides & keys:
            keys |= sides
    store.copy_keys(connection, "seed", keys)
    return _numbers(
        connection,
        "select distinct node_id from seed join linkage.source_record"
        " using (source_system, source_person_key) join linkage.variant using (record_number)",
    )


def _crowded_now(
    connection: psycopg.Connection, fresh: pyarrow.Table, known: list[str]
) -> set[tuple[str, str]]:
    """Source keys of every record with a number that new records may have made nobody's."""
    delivered = sorted({*fresh["ssn"].to_pylist()} - {None, *known})
    rows = connection.execute(
        f"select ssn, first_name, source_system, source_person_key from {records.SOURCE}"
        " where ssn = any(%s)",
        [delivered],
    ).fetchall()
    names: dict[str, set[str]] = defaultdict(set)
    for ssn, first_name, _, _ in rows:
        if first_name is not None:
            names[ssn].add(first_name)
    return {
        (system, key) for ssn, _, system, key in rows if len(names[ssn]) > records.MAX_NAMES_PER_SSN
    }


def _widen(connection: psycopg.Connection, nodes: numpy.ndarray, *, is_near: bool) -> None:
    """Add the whole regions of nodes to the scope."""
    connection.execute("create temporary table met (node_id integer) on commit drop")
    store.copy_numbers(connection, "met", node_id=nodes.astype("int32"))
    connection.execute(
        f"""
        analyze met;
        insert into scope (node_id, region_id, is_near)
        select node_id, region_id, {is_near} from linkage.node
        where region_id in (
            select region_id from linkage.node where node_id in (select node_id from met)
        )
        on conflict (node_id) do nothing;
        drop table met;
        analyze scope
        """
    )


def _nodes_of(connection: psycopg.Connection, keys: numpy.ndarray) -> numpy.ndarray:
    """Nodes that have one of the keys."""
    _ask(connection, keys)
    found = _numbers(
        connection, "select distinct node_id from asked join linkage.block_key using (key)"
    )
    connection.execute("drop table asked")
    return found


def _numbers(connection: psycopg.Connection, query: str) -> numpy.ndarray:
    """The numbers that `query` finds (column node_id, an integer, never null), in no order."""
    import numpy

    content = (
        connection.cursor(binary=True)
        .execute(f"select string_agg(int4send(node_id), ''::bytea) from ({query}) as found")
        .fetchone()[0]
    )
    return numpy.frombuffer(content or b"", ">i4").astype("int64")


def _blocks_of(
    connection: psycopg.Connection, keys: numpy.ndarray, caps: list[int]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Of `keys`, sorted, those that may propose, and the nodes that have one of them: a key that
    more nodes have than its cap (BlockKeys.caps) proposes nothing.

    Counted here and not by the server, to which it was a third of a run on a part (2026-11-26)."""
    import numpy

    _ask(connection, keys)
    having = _keyed_nodes(connection, "asked join linkage.block_key using (key)")
    connection.execute("drop table asked")
    place = numpy.searchsorted(keys, having["key"])
    may = numpy.bincount(place, minlength=len(keys)) <= numpy.array(caps)[keys & BlockKeys.MASK]
    return keys[may], distinct(having["node"][may[place]])


def _keyed_nodes(connection: psycopg.Connection, rows: str) -> numpy.ndarray:
    """key and node of `rows` (SQL that has key, a bigint, and node_id, an integer, never null)."""
    import numpy

    slices = connection.cursor(binary=True).execute(
        f"select string_agg(int8send(key) || int4send(node_id), ''::bytea) from {rows}"
        f" group by node_id % {_SLICES}"
    )
    row = numpy.dtype([("key", ">i8"), ("node", ">i4")])
    found = numpy.frombuffer(b"".join(content for (content,) in slices), row)
    return found.astype([(name, "i8") for name in row.names])


def _shared(keys: BlockKeys, old_node: numpy.ndarray) -> numpy.ndarray:
    """Blocks that two nodes share, sorted; a record without one (0) stands for itself. Nodes of
    whom nothing new came near do not fall apart, so what their records share proposes nothing."""
    import numpy

    own = numpy.where(old_node > 0, old_node, -1 - numpy.arange(len(old_node)))
    found = [numpy.empty(0, dtype="int64")]
    for name in keys.blocks:
        rid, key = keys.of_block(name)
        order = numpy.argsort(key)
        key, node = key[order], own[rid[order]]
        start = starts(key)
        if len(start):
            lowest, highest = (
                extreme.reduceat(node, start) for extreme in (numpy.minimum, numpy.maximum)
            )
            found.append(key[start][lowest < highest])
    return distinct(numpy.concatenate(found))


def _kept(keys: BlockKeys, proposing: numpy.ndarray) -> Callable:
    """`kept` of candidates.pairs: rows whose key may propose."""
    import numpy

    def kept(name: str, rid: numpy.ndarray) -> numpy.ndarray:
        _, key = keys.of_block(name)
        at = numpy.minimum(numpy.searchsorted(proposing, key), max(0, len(proposing) - 1))
        return proposing[at] == key if len(proposing) else numpy.zeros(len(key), dtype=bool)

    return kept


def _told(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    found: engine.Clusters,
    region: numpy.ndarray,
    keys: BlockKeys,
    old_node: numpy.ndarray,
    is_near: numpy.ndarray,
    newest_birth_year: int | None,
) -> Part:
    """Compare the nodes with those of the last run: which are new, which are no more, and which
    regions anything happened in. A node that lost nothing stays the same when records come to
    it."""
    import numpy

    count = len(region)
    kept = old_node > 0
    lowest = numpy.full(count, numpy.iinfo("int64").max)
    highest = numpy.zeros(count, dtype="int64")
    numpy.minimum.at(lowest, found.node[kept], old_node[kept])
    numpy.maximum.at(highest, found.node, old_node)
    held = numpy.bincount(found.node[kept], minlength=count)
    # by node of the scope, and of none (0), how many records it had
    scope, size = numpy.unique(
        numpy.append(_numbers(connection, "select node_id from kept"), 0), return_counts=True
    )
    size[0] = 0
    before = size[numpy.searchsorted(scope, highest)]
    is_new = ~((lowest == highest) & (held == before))
    is_added = is_new[found.node] | ~kept
    has_grown = ~is_new
    has_grown &= numpy.bincount(found.node, minlength=count) > held

    near = numpy.zeros(count, dtype=bool)
    near[found.node[is_near]] = True
    regions_touched = numpy.zeros(int(region.max(initial=-1)) + 1, dtype=bool)
    regions_touched[region[near | is_new]] = True
    is_touched = regions_touched[region]

    node_id = highest.copy()
    first = connection.execute("select coalesce(max(node_id), 0) + 1 from linkage.node").fetchone()
    node_id[is_new] = numpy.arange(first[0], first[0] + int(is_new.sum()))
    vanished = numpy.setdiff1d(scope[1:], node_id[~is_new])
    return Part(
        found=found,
        region=region,
        node_id=node_id,
        is_touched=is_touched,
        is_new=is_new,
        is_added=is_added,
        vanished=vanished,
        grown=node_id[has_grown],
        block_keys=_block_keys(keys, found.node, node_id, is_added),
        newest_birth_year=newest_birth_year,
        placeholders=_placeholders(duck),
        looked_at=len(found.node),
        is_whole=False,
    )


def _block_keys(
    keys: BlockKeys, node: numpy.ndarray, node_id: numpy.ndarray, is_added: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(node id, key) of the records that were added, each once, in the order of keys, where no
    other record of the node has the key already."""
    import numpy

    rid, key = keys.every()
    changes = numpy.zeros(len(node_id), dtype=bool)
    changes[node[is_added]] = True
    wanted = changes[node[rid]]
    rid, key = rid[wanted], key[wanted]
    of, is_kept = node_id[node[rid]], ~is_added[rid]
    order = numpy.lexsort((~is_kept, of, key))
    of, key, is_kept = of[order], key[order], is_kept[order]
    first = numpy.ones(len(key), dtype=bool)
    first[1:] = (key[1:] != key[:-1]) | (of[1:] != of[:-1])
    first &= ~is_kept
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
    connection.execute("create temporary table asked (key bigint) on commit drop")
    store.copy_numbers(connection, "asked", key=distinct(keys))
    connection.execute("analyze asked")
