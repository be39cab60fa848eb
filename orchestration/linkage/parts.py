"""Which records a run has to look at: all of them, or those that something new could reach.

A region (outcome.regions) is nodes that could come to depend on each other. A run on a part takes
the regions of whatever is new, changed, gone or decided about, finds by kept block keys whom
those who say something new could meet, leaves out whom kept sketches show to be far from them,
takes the regions of the rest whole, and hands the lot to the engine. What it answers is
what a run on everything would answer there, with these exceptions, which only a full run mends:
a block that grew past its cap goes on proposing what it proposed before, and one that shrank
below it proposes nothing; a number that is nobody's stays so; how rare a name must be for an
only namesake is asked for the records at hand only, and of the population there is then.

Add here: a reason to look at a record. Keep out: clustering (engine.py), ids, writing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestration.linkage import (
    bounds,
    clusters,
    collapse,
    encoded_records,
    engine,
    nodes,
    outcome,
    overrides,
    records,
    store,
)
from orchestration.linkage.block_keys import BlockKeys
from orchestration.linkage.encoding import counting, distinct, encode, mix, starts

if TYPE_CHECKING:
    import duckdb
    import numpy
    import psycopg
    import pyarrow

    from orchestration.linkage.changes import Changes
    from orchestration.linkage.encoding import Fields
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
    altered: those kept ones that say something else; block_keys: (node id, key) that were not kept;
    sketches: ids and bounds.Nodes.packed of nodes that are new or altered.
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
    altered: numpy.ndarray
    block_keys: tuple[numpy.ndarray, numpy.ndarray]
    sketches: tuple[numpy.ndarray, numpy.ndarray]
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
        altered=none,
        block_keys=_block_keys(keys, found.node, node_id, is_added),
        sketches=_sketches(model, fields, keys, found.node, node_id, is_new),
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
    fresh = records.read(connection, "fresh")
    seeds = _seed_nodes(connection, changed, decisions, _crowded_now(connection, fresh, known))

    # whom do the new records share a safe key with: those regions change as well
    records.prepare(duck, fresh, placeholders=known)
    sharing = _having(connection, BlockKeys(encode(duck), model.profile.blocks).safe[1])
    _widen(connection, numpy.union1d(seeds, sharing["node_id"]), is_near=True)
    near = records.together(
        _kept_records(connection, is_near=True), _placed(fresh, node_id=0, is_near=1)
    )

    # whom could those meet who say something new: every node that shares a block with them
    records.prepare(duck, near, placeholders=known)
    overrides.prepare(duck, decisions)
    news = _news(connection, duck, model, near, seeds)
    caps = news.keys.caps(int(model.thresholds["block_cap"]))
    proposing, having = _blocks_of(connection, news.asked, caps)
    having = having[~_is_in(having["node_id"], distinct(near["node_id"].to_numpy()))]
    _widen(connection, _worth_meeting(connection, model, news, having), is_near=False)
    far = _kept_records(connection, is_near=False)
    table = records.together(
        near.append_column("home", [news.home]), far.append_column("home", far["node_id"])
    )
    say(
        f"linkage: {len(changed.new):,} new and {len(changed.gone):,} gone identity records reach "
        f"{table.num_rows:,}"
    )
    records.prepare(duck, table, placeholders=known)
    overrides.prepare(duck, decisions)
    fields = encode(duck)
    keys = BlockKeys(fields, model.profile.blocks, remembers=True)
    shared = _shared(keys, table["home"].to_numpy())
    further = distinct(numpy.concatenate([key for _, key in shared.values()]))
    further = numpy.setdiff1d(further, news.asked, assume_unique=True)
    proposing = numpy.union1d(proposing, _blocks_of(connection, further, caps)[0])
    newest = max(filter(None, (last["newest_birth_year"], _newest_birth_year(duck))), default=None)
    total = last["records"] + len(changed.new) - len(changed.gone)
    found = engine.run(
        duck,
        model,
        say,
        around=engine.Around(total, newest, _kept(shared, proposing)),
        fields=fields,
    )
    region = outcome.regions(duck, found, keys, edge=model.thresholds["edge"])
    return _told(connection, duck, model, fields, found, region, keys, table, news.altered, newest)


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
# without the first two lines the planner reads them whole, a dozen times in a run. A worker takes
# longer to begin than its share of a scan, and statistics of a temporary table, of which sizes are
# all that matters here, were a thirtieth of a run (2026-11-26).
# kept: identity records of the nodes of the scope, as the last run saw them.
_SCOPE = """
set local random_page_cost = 1.1;
set local enable_seqscan = off;
set local max_parallel_workers_per_gather = 0;
set local default_statistics_target = 10;
create temporary table scope (node_id integer primary key, region_id integer, is_near boolean)
    on commit drop;
create temporary table kept (identity_record_id text, node_id integer, is_near boolean)
    on commit drop;
"""


def _kept_records(connection: psycopg.Connection, *, is_near: bool) -> pyarrow.Table:
    """The records that are there still of those nodes of the scope that are near, or of the
    others, with node_id and is_near."""
    import pyarrow

    connection.execute(
        "insert into kept select identity_record_id, node_id, is_near"
        f" from linkage.variant join scope using (node_id) where is_near = {is_near};"
        "analyze kept"
    )
    return records.read(
        connection,
        f"(select {', '.join(records.COLUMNS)}, node_id, is_near::integer from {records.SOURCE}"
        f" join kept using (identity_record_id) where is_near = {is_near}) as looked_at",
        more={"node_id": pyarrow.int64(), "is_near": pyarrow.int8()},
    )


def _placed(table: pyarrow.Table, *, node_id: int, is_near: int) -> pyarrow.Table:
    """The table with node_id and is_near, as _kept_records has them."""
    import pyarrow

    for name, value, kind in (
        ("node_id", node_id, pyarrow.int64()),
        ("is_near", is_near, pyarrow.int8()),
    ):
        table = table.append_column(name, pyarrow.repeat(pyarrow.scalar(value, kind), len(table)))
    return table


@dataclass(frozen=True)
class _News:
    """What the near records have to say. asked: block keys, ascending, by which they could meet
    somebody they did not meet before; asking: (place in told, key) of who asks, in the order of
    keys; told: sketches of those nodes (bounds.py); altered: ids of kept nodes that say something
    else than before; home: by rid, the id of the node that the record is of, or came to; 0 where
    that is a new one; keys: of the near records."""

    asked: numpy.ndarray
    asking: tuple[numpy.ndarray, numpy.ndarray]
    told: numpy.ndarray
    altered: numpy.ndarray
    home: numpy.ndarray
    keys: BlockKeys


def _news(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    near: pyarrow.Table,
    seeds: numpy.ndarray,
) -> _News:
    """Collapse the near records, table `record`, and see which nodes say something new.

    A node that says what it said weighs what it weighed against every other: of its keys only
    those are asked that new records bring, which is two in five (2026-11-26). The seeds speak
    anew in any case: a number of theirs may be nobody's now.
    """
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    fields = encode(duck)
    keys = BlockKeys(fields, model.profile.blocks, remembers=True)
    node, _ = collapse.nodes(duck, fields)
    old_node = near["node_id"].to_numpy()
    is_fresh = old_node == 0
    is_new, known_as = _kept_nodes(connection, node, old_node)

    has_grown = ~is_new
    has_grown &= numpy.bincount(node[is_fresh], minlength=len(is_new)) > 0
    grown = numpy.flatnonzero(has_grown)
    before = numpy.where(is_fresh, len(is_new), node)
    altered = is_new | numpy.isin(known_as, seeds)
    altered[grown] |= nodes.differing(
        nodes.consensus(fields, before, grown), nodes.consensus(fields, node, grown)
    )
    certifies = compute.is_in(near["source_system"], pyarrow.array(nodes.CERTIFYING))
    altered[node[is_fresh & certifies.to_numpy()]] = True

    numbers = numpy.arange(len(is_new))
    of, key = _block_keys(keys, node, numbers, altered[node] | is_fresh)
    is_block = ~keys.is_safe(key)
    of, key = of[is_block], key[is_block]
    asks = numpy.zeros(len(is_new), dtype=bool)
    asks[of] = True
    places, told = _sketches(model, fields, keys, node, numbers, asks)
    return _News(
        asked=key[starts(key)],
        asking=(numpy.searchsorted(places, of), key),
        told=told,
        altered=known_as[altered & ~is_new],
        home=numpy.where(is_new, 0, known_as)[node],
        keys=keys,
    )


def _sketches(
    model: Model,
    fields: Fields,
    keys: BlockKeys,
    node: numpy.ndarray,
    node_id: numpy.ndarray,
    wanted: numpy.ndarray,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Id and sketch of the wanted nodes."""
    import numpy

    wanted = numpy.flatnonzero(wanted)
    known = nodes.consensus(fields, node, wanted)
    return node_id[wanted], bounds.Nodes.of(fields, known, model, stable=keys.stable).packed()


def _worth_meeting(
    connection: psycopg.Connection, model: Model, news: _News, having: numpy.ndarray
) -> numpy.ndarray:
    """Of the nodes that have a key that is asked, those who could weigh anything against who asks:
    the engine would not compare the others (bounds.py). Half of all records that were read for a
    hundredth of a million came from nodes that could not (2026-11-26). having: key, node_id."""
    import numpy

    if model.rescoring is not None:
        return distinct(having["node_id"])
    asking, key = news.asking
    begin = numpy.searchsorted(key, having["key"], "left")
    times = numpy.searchsorted(key, having["key"], "right") - begin
    one = asking[numpy.repeat(begin, times) + counting(times)]
    pairs = distinct((one << 32) | numpy.repeat(having["node_id"], times))
    one, other = pairs >> 32, pairs & 0xFFFFFFFF

    met = distinct(other)
    _copy_met(connection, met)
    found = store.numbers(
        connection,
        "met join linkage.node_sketch using (node_id)",
        sketch=news.told.dtype,
        node_id="integer",
    )
    connection.execute("drop table met")
    found = found[numpy.argsort(found["node_id"])]
    known = bounds.Nodes.unpacked(numpy.concatenate([news.told, found["sketch"]]))
    place = len(news.told) + numpy.searchsorted(found["node_id"], other)
    return distinct(other[bounds.may_matter_among(known, model, one, place)])


def _kept_nodes(
    connection: psycopg.Connection, node: numpy.ndarray, old_node: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Per node: is it new, and the greatest id that its records had. A node that lost nothing
    stays the same when records come to it. old_node: by record, the id of its node in `kept`, 0
    for none."""
    import numpy

    count = int(node.max(initial=-1)) + 1
    kept = old_node > 0
    lowest = numpy.full(count, numpy.iinfo("int64").max)
    highest = numpy.zeros(count, dtype="int64")
    numpy.minimum.at(lowest, node[kept], old_node[kept])
    numpy.maximum.at(highest, node, old_node)
    held = numpy.bincount(node[kept], minlength=count)
    # by node of the scope, and of none (0), how many records it had
    scope, size = numpy.unique(
        numpy.append(store.numbers(connection, "kept", node_id="integer"), 0), return_counts=True
    )
    size[0] = 0
    before = size[numpy.searchsorted(scope, highest)]
    return ~((lowest == highest) & (held == before)), highest


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
    return distinct(
        store.numbers(
            connection,
            "seed join linkage.source_record using (source_system, source_person_key)"
            " join linkage.variant using (record_number)",
            node_id="integer",
        )
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
    _copy_met(connection, nodes)
    connection.execute(
        f"""
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


def _copy_met(connection: psycopg.Connection, nodes: numpy.ndarray) -> None:
    """Make table `met` (node_id)."""
    connection.execute("create temporary table met (node_id integer) on commit drop")
    store.copy_numbers(connection, "met", node_id=nodes.astype("int32"))
    connection.execute("analyze met")


def _blocks_of(
    connection: psycopg.Connection, keys: numpy.ndarray, caps: list[int]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Of `keys`, sorted, those that may propose, and (key, node_id) of the nodes that have one of
    them: a key that more nodes have than its cap (BlockKeys.caps) proposes nothing.

    Counted here and not by the server, to which it was a third of a run on a part (2026-11-26)."""
    import numpy

    having = _having(connection, keys)
    place = numpy.searchsorted(keys, having["key"])
    may = numpy.bincount(place, minlength=len(keys)) <= numpy.array(caps)[keys & BlockKeys.MASK]
    return keys[may], having[may[place]]


def _shared(keys: BlockKeys, home: numpy.ndarray) -> dict[str, tuple[numpy.ndarray, numpy.ndarray]]:
    """Per block the rows (places in BlockKeys.of_block) whose key two nodes have, and that key,
    ascending; a record of a new node (0) stands for itself. Nodes of whom nothing new came near do
    not fall apart, so what their records share proposes nothing."""
    import numpy

    own = numpy.where(home > 0, home, -1 - numpy.arange(len(home)))
    found = {}
    for name in keys.blocks:
        rid, key = keys.of_block(name)
        order = numpy.argsort(key)
        key, node = key[order], own[rid[order]]
        start = starts(key)
        if len(start):
            lowest, highest = (
                extreme.reduceat(node, start) for extreme in (numpy.minimum, numpy.maximum)
            )
            size = numpy.diff(numpy.append(start, len(key)))
            several = numpy.repeat(lowest < highest, size)
            order, key = order[several], key[several]
        found[name] = order, key
    return found


def _is_in(values: numpy.ndarray, known: numpy.ndarray) -> numpy.ndarray:
    """Which values are among the known ones, which are ascending."""
    import numpy

    if not len(known):
        return numpy.zeros(len(values), dtype=bool)
    return known[numpy.minimum(numpy.searchsorted(known, values), len(known) - 1)] == values


def _kept(
    shared: dict[str, tuple[numpy.ndarray, numpy.ndarray]], proposing: numpy.ndarray
) -> Callable:
    """`kept` of candidates.pairs: rows with a key that two nodes have (_shared) and that may
    propose. proposing: keys, ascending."""
    import numpy

    def kept(name: str, rid: numpy.ndarray) -> numpy.ndarray:
        row, key = shared[name]
        may = numpy.zeros(len(rid), dtype=bool)
        may[row[_is_in(key, proposing)]] = True
        return may

    return kept


def _told(
    connection: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    fields: Fields,
    found: engine.Clusters,
    region: numpy.ndarray,
    keys: BlockKeys,
    table: pyarrow.Table,
    altered: numpy.ndarray,
    newest_birth_year: int | None,
) -> Part:
    """Compare the nodes with those of the last run: which are new, which are no more, and which
    regions anything happened in."""
    import numpy

    old_node = table["node_id"].to_numpy()
    is_near = table["is_near"].to_numpy() == 1
    is_new, node_id = _kept_nodes(connection, found.node, old_node)
    is_added = is_new[found.node] | (old_node == 0)

    near = is_new.copy()
    near[found.node[is_near]] = True
    regions_touched = numpy.zeros(int(region.max(initial=-1)) + 1, dtype=bool)
    regions_touched[region[near]] = True

    # no number twice: keys of nodes that vanished are still there
    first = connection.execute(
        "select greatest(coalesce((select max(node_id) from linkage.node), 0),"
        " coalesce((select max(node_id) from linkage.vanished_node), 0)) + 1"
    ).fetchone()
    node_id[is_new] = numpy.arange(first[0], first[0] + int(is_new.sum()))
    scope = store.numbers(connection, "scope", node_id="integer")
    altered = numpy.intersect1d(altered, node_id[~is_new])
    speaks = is_new | numpy.isin(node_id, altered)
    return Part(
        found=found,
        region=region,
        node_id=node_id,
        is_touched=regions_touched[region],
        is_new=is_new,
        is_added=is_added,
        vanished=numpy.setdiff1d(scope, node_id[~is_new]),
        altered=altered,
        block_keys=_block_keys(keys, found.node, node_id, is_added),
        sketches=_sketches(model, fields, keys, found.node, node_id, speaks),
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

    changes = numpy.zeros(len(node_id), dtype=bool)
    changes[node[is_added]] = True
    rid, key = keys.every()
    wanted = changes[node][rid]
    rid, key = rid[wanted], key[wanted]
    of, added = node[rid], is_added[rid]
    has = distinct(mix(of[~added], key[~added]))
    of, key = of[added], key[added]
    is_more = ~_is_in(mix(of, key), has)
    of, key = of[is_more], key[is_more]
    of = node_id[of]
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


def _having(connection: psycopg.Connection, keys: numpy.ndarray) -> numpy.ndarray:
    """key and node_id of every node that has one of `keys`."""
    connection.execute("create temporary table asked (key bigint) on commit drop")
    store.copy_numbers(connection, "asked", key=distinct(keys))
    connection.execute("analyze asked")
    having = store.numbers(
        connection,
        # a join each: of both tables together the server reads every row
        "(select key, node_id from asked join linkage.block_key using (key) union all"
        " select key, node_id from asked join linkage.later_block_key using (key)) as found"
        " where node_id not in (select node_id from linkage.vanished_node)",
        key="bigint",
        node_id="integer",
    )
    connection.execute("drop table asked")
    return having
