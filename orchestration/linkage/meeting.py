"""Whom new records could meet: which nodes say something new, and who is worth comparing with them.

Works on records at hand and on what scope.py read of the last run; asks no server. Add here: a
reason why two nodes need no comparison, or why they do. Keep out: SQL, clustering, ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.linkage import bounds, collapse, nodes
from orchestration.linkage.block_keys import BlockKeys
from orchestration.linkage.encoding import counting, distinct, encode, is_in, mix, starts

if TYPE_CHECKING:
    import duckdb
    import numpy
    import pyarrow

    from orchestration.linkage.encoding import Fields
    from orchestration.linkage.model import Model


@dataclass(frozen=True)
class News:
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


def news(
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    near: pyarrow.Table,
    seeds: numpy.ndarray,
    sizes: tuple[numpy.ndarray, numpy.ndarray],
) -> News:
    """Collapse the near records, table `record`, and see which nodes say something new.

    A node that says what it said weighs what it weighed against every other: of its keys only
    those are asked that new records bring, which is two in five (2026-11-26). The seeds speak
    anew in any case: a number of theirs may be nobody's now. near: as records.read gives them, with
    node_id; sizes: scope.sizes.
    """
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    fields = encode(duck)
    keys = BlockKeys(fields, model.profile.blocks, remembers=True)
    node, _ = collapse.nodes(duck, fields)
    old_node = near["node_id"].to_numpy()
    is_fresh = old_node == 0
    is_new, known_as = kept_nodes(node, old_node, sizes)

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
    of, key = new_keys(keys, node, numbers, altered[node] | is_fresh)
    is_block = ~keys.is_safe(key)
    of, key = of[is_block], key[is_block]
    asks = numpy.zeros(len(is_new), dtype=bool)
    asks[of] = True
    places, told = sketches(model, fields, keys, node, numbers, asks)
    return News(
        asked=key[starts(key)],
        asking=(numpy.searchsorted(places, of), key),
        told=told,
        altered=known_as[altered & ~is_new],
        home=numpy.where(is_new, 0, known_as)[node],
        keys=keys,
    )


def sketches(
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


def worth_meeting(
    model: Model, news: News, having: numpy.ndarray, told: numpy.ndarray
) -> numpy.ndarray:
    """Of the nodes that have a key that is asked, those who could weigh anything against who asks:
    the engine would not compare the others (bounds.py). Half of all records that were read for a
    hundredth of a million came from nodes that could not (2026-11-26). having: key and node_id;
    told: node_id and sketch of every node in it, ascending."""
    import numpy

    if model.rescoring is not None:
        return distinct(having["node_id"])
    asking, key = news.asking
    begin = numpy.searchsorted(key, having["key"], "left")
    times = numpy.searchsorted(key, having["key"], "right") - begin
    one = asking[numpy.repeat(begin, times) + counting(times)]
    pairs = distinct((one << 32) | numpy.repeat(having["node_id"], times))
    one, other = pairs >> 32, pairs & 0xFFFFFFFF
    known = bounds.Nodes.unpacked(numpy.concatenate([news.told, told["sketch"]]))
    place = len(news.told) + numpy.searchsorted(told["node_id"], other)
    return distinct(other[bounds.may_matter_among(known, model, one, place)])


def kept_nodes(
    node: numpy.ndarray, old_node: numpy.ndarray, sizes: tuple[numpy.ndarray, numpy.ndarray]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Per node: is it new, and the greatest id that its records had. A node that lost nothing
    stays the same when records come to it. old_node: by record, the id of its node in the last
    run, 0 for none; sizes: those ids, ascending, and how many records each had."""
    import numpy

    count = int(node.max(initial=-1)) + 1
    kept = old_node > 0
    lowest = numpy.full(count, numpy.iinfo("int64").max)
    highest = numpy.zeros(count, dtype="int64")
    numpy.minimum.at(lowest, node[kept], old_node[kept])
    numpy.maximum.at(highest, node, old_node)
    held = numpy.bincount(node[kept], minlength=count)
    known, size = (numpy.append(0, values) for values in sizes)
    before = size[numpy.searchsorted(known, highest)]
    return ~((lowest == highest) & (held == before)), highest


def under_their_caps(
    keys: numpy.ndarray, having: numpy.ndarray, caps: list[int]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Of `keys`, ascending, those that may propose, and of `having` (key, node_id) the rows of
    those: a key that more nodes have than its cap (BlockKeys.caps) proposes nothing.

    Counted here and not by the server, to which it was a third of a run on a part (2026-11-26)."""
    import numpy

    place = numpy.searchsorted(keys, having["key"])
    may = numpy.bincount(place, minlength=len(keys)) <= numpy.array(caps)[keys & BlockKeys.MASK]
    return keys[may], having[may[place]]


def shared_blocks(
    keys: BlockKeys, home: numpy.ndarray
) -> dict[str, tuple[numpy.ndarray, numpy.ndarray]]:
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


def kept_rows(
    shared: dict[str, tuple[numpy.ndarray, numpy.ndarray]], proposing: numpy.ndarray
) -> Callable:
    """`kept` of candidates.pairs: rows with a key that two nodes have (shared_blocks) and that may
    propose. proposing: keys, ascending."""
    import numpy

    def kept(name: str, rid: numpy.ndarray) -> numpy.ndarray:
        row, key = shared[name]
        may = numpy.zeros(len(rid), dtype=bool)
        may[row[is_in(key, proposing)]] = True
        return may

    return kept


def new_keys(
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
    is_more = ~is_in(mix(of, key), has)
    of, key = of[is_more], key[is_more]
    of = node_id[of]
    order = numpy.lexsort((of, key))
    of, key = of[order], key[order]
    first = numpy.ones(len(key), dtype=bool)
    first[1:] = (key[1:] != key[:-1]) | (of[1:] != of[:-1])
    return of[first], key[first]
