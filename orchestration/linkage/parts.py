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

from collections import Counter, defaultdict
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
from orchestration.linkage.encoding import Fields, distinct, encode

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
    found = engine.run(duck, model, say)
    found, by_encoding = encoded_records.link(
        encoded_records.read(connection), table, found, encoded_records.decisions(duck)
    )
    keys = BlockKeys(encode(duck), model.profile.blocks)
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

    connection.execute(_SCOPE)
    with connection.cursor().copy("copy fresh from stdin") as copy:
        copy.write("".join(f"{identity_record_id}\n" for identity_record_id in changed.new))
    connection.execute("analyze fresh")
    known = [row[0] for row in connection.execute("select ssn from linkage.placeholder_number")]
    fresh = records.read(connection, only=_IS_FRESH)
    _seed(connection, changed, decisions, _crowded_now(connection, fresh, known))

    # whom do the new records share a safe key with: those regions change as well
    records.prepare(duck, fresh, placeholders=known)
    keys = BlockKeys(encode(duck), model.profile.blocks)
    _widen(connection, _nodes_of(connection, keys.safe[1]), is_near=True)

    # whom could those meet: every node that shares a block with one of them
    caps = keys.caps(int(model.thresholds["block_cap"]))
    own = _keyed_nodes(connection, "scope join linkage.block_key using (node_id)")["key"]
    asked = distinct(numpy.concatenate([own, *(keys.of_block(name)[1] for name in keys.blocks)]))
    proposing, met = _blocks_of(connection, asked, caps)
    _widen(connection, met, is_near=False)

    connection.execute(_KEPT)
    table = records.read(connection, only=_IN_SCOPE)
    say(
        f"linkage: {len(changed.new):,} new and {len(changed.gone):,} gone identity records reach "
        f"{table.num_rows:,}"
    )
    records.prepare(duck, table, placeholders=known)
    overrides.prepare(duck, decisions)
    old_node, old_region, is_near, sizes = _remembered(connection, table)
    keys = BlockKeys(encode(duck), model.profile.blocks)
    inside = numpy.setdiff1d(_shared_inside(keys, old_region), asked, assume_unique=True)
    proposing = numpy.union1d(proposing, _blocks_of(connection, inside, caps)[0])
    newest = max(filter(None, (last["newest_birth_year"], _newest_birth_year(duck))), default=None)
    total = last["records"] + len(changed.new) - len(changed.gone)
    found = engine.run(
        duck,
        model,
        say,
        around=engine.Around(total, newest, lambda fields: _kept(fields, keys.blocks, proposing)),
    )
    region = outcome.regions(duck, found, keys, edge=model.thresholds["edge"])
    return _told(connection, duck, found, region, keys, old_node, is_near, sizes, newest)


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
# What is asked for is a small share of tables that are in memory and have an index for it:
# without the first two lines the planner reads them whole, a dozen times in a run (2026-11-26).
_SCOPE = """
set local random_page_cost = 1.1;
set local enable_seqscan = off;
create temporary table scope (node_id integer primary key, region_id integer, is_near boolean)
    on commit drop;
create temporary table fresh (identity_record_id text primary key) on commit drop;
"""
# Psycopg takes longer over a row than the server, so many rows come in a few messages: one for
# each slice of the nodes, because a message holds at most 1 GB.
_SLICES = 64
_IS_FRESH = "identity_record_id in (select identity_record_id from fresh)"
# kept: identity records of the nodes of the scope, as the last run saw them.
_KEPT = """
create temporary table kept on commit drop as
    select identity_record_id, node_id, region_id, is_near
    from linkage.variant join scope using (node_id);
analyze kept;
"""
_IN_SCOPE = (
    "identity_record_id in (select identity_record_id from fresh union all"
    " select identity_record_id from kept)"
)


def _seed(
    connection: psycopg.Connection,
    changed: Changes,
    decisions: pyarrow.Table,
    crowded: set[tuple[str, str]],
) -> None:
    """Put the regions of every changed or crowded source key into the scope."""
    keys = changed.keys | crowded
    for decision in decisions.to_pylist():
        sides = {
            (decision[f"{side}_source_system"], decision[f"{side}_source_person_key"])
            for side in ("left", "right")
        }
        # a decision that waited for one of the two
        if sides & keys:
            keys |= sides
    connection.execute(
        "create temporary table seed (source_system text, source_person_key text) on commit drop"
    )
    with connection.cursor().copy("copy seed from stdin") as copy:
        for key in sorted(keys):
            copy.write_row(key)
    connection.execute("analyze seed")
    _take_regions(
        connection,
        "select node_id from seed join linkage.source_record"
        " using (source_system, source_person_key) join linkage.variant using (record_number)",
        is_near=True,
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


def _shared_inside(keys: BlockKeys, old_region: numpy.ndarray) -> numpy.ndarray:
    """Keys that two records of one region share, sorted: they tied the region together before,
    and may again."""
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
    return distinct(numpy.concatenate(found))


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
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, dict[int, int]]:
    """Per record its node and region of the last run, 0 for a new one, and is it near; and how
    many records each node of the scope had."""
    import numpy

    slices = connection.execute(
        "select string_agg(concat_ws(' ', identity_record_id, node_id, region_id, is_near::int),"
        f" chr(10)) from kept group by node_id % {_SLICES}"
    )
    words = " ".join(content.replace("\n", " ") for (content,) in slices).split()
    kept = numpy.array([words[1::4], words[2::4], words[3::4]], dtype="int64").T
    sizes = Counter(kept[:, 0].tolist())
    # a record that no run has seen stands in the last row
    kept = numpy.vstack([kept, [0, 0, 1]])
    place = {identity_record_id: at for at, identity_record_id in enumerate(words[::4])}
    own = table["identity_record_id"].to_pylist()
    of = kept[numpy.array([place.get(name, -1) for name in own], dtype="int64")]
    return of[:, 0], of[:, 1], of[:, 2] == 1, sizes


def _told(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    found: engine.Clusters,
    region: numpy.ndarray,
    keys: BlockKeys,
    old_node: numpy.ndarray,
    is_near: numpy.ndarray,
    sizes: dict[int, int],
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
    before = numpy.array([sizes.get(node, 0) for node in highest.tolist()])
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
    vanished = numpy.setdiff1d(numpy.array(sorted(sizes), dtype="int64"), node_id[~is_new])
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
    _copy_numbers(connection, "asked", distinct(keys))
    connection.execute("analyze asked")


def _copy_numbers(connection: psycopg.Connection, table: str, numbers: numpy.ndarray) -> None:
    import pyarrow

    from orchestration.linkage.store import copy_table

    column = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum = 1", [table]
    ).fetchone()[0]
    copy_table(connection, table, pyarrow.table({column: numbers}))
