"""Which records a run has to look at: all of them, or those that something new could reach.

A region (outcome.regions) is nodes that could come to depend on each other. A run on a part takes
the regions of whatever is new, changed, gone or decided about, finds by kept block keys whom
those who say something new could meet, leaves out whom kept sketches show to be far from them,
takes the regions of the rest whole, and hands the lot to the engine. What it answers is
what a run on everything would answer there, with these exceptions, which only a full run mends:
a block that grew past its cap goes on proposing what it proposed before, and one that shrank
below it proposes nothing; a number that is nobody's stays so; how rare a name must be for an
only namesake is asked for the records at hand only, and of the population there is then.

Add here: a step between what is new and what the engine is given. Keep out: what is asked of the
server (scope.py), who is worth comparing (meeting.py), clustering (engine.py), ids, writing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestration.linkage import (
    clusters,
    encoded_records,
    engine,
    meeting,
    outcome,
    overrides,
    records,
    scope,
)
from orchestration.linkage.block_keys import BlockKeys
from orchestration.linkage.encoding import distinct, encode, is_in

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
        block_keys=meeting.new_keys(keys, found.node, node_id, is_added),
        sketches=meeting.sketches(model, fields, keys, found.node, node_id, is_new),
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

    scope.begin(connection)
    known = [row[0] for row in connection.execute("select ssn from linkage.placeholder_number")]
    fresh = records.read(connection, "fresh")
    seeds = scope.seeds(connection, changed, decisions, scope.crowded(connection, fresh, known))

    # whom do the new records share a safe key with: those regions change as well
    records.prepare(duck, fresh, placeholders=known)
    sharing = scope.having(connection, BlockKeys(encode(duck), model.profile.blocks).safe[1])
    scope.widen(connection, numpy.union1d(seeds, sharing["node_id"]), is_near=True)
    near = records.together(
        scope.kept_records(connection, is_near=True), scope.placed(fresh, node_id=0, is_near=1)
    )

    # whom could those meet who say something new: every node that shares a block with them
    records.prepare(duck, near, placeholders=known)
    overrides.prepare(duck, decisions)
    news = meeting.news(duck, model, near, seeds, scope.sizes(connection))
    caps = news.keys.caps(int(model.thresholds["block_cap"]))
    proposing, having = meeting.under_their_caps(
        news.asked, scope.having(connection, news.asked), caps
    )
    having = having[~is_in(having["node_id"], distinct(near["node_id"].to_numpy()))]
    told = scope.sketches(connection, distinct(having["node_id"]), news.told.dtype)
    scope.widen(connection, meeting.worth_meeting(model, news, having, told), is_near=False)
    far = scope.kept_records(connection, is_near=False)
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
    shared = meeting.shared_blocks(keys, table["home"].to_numpy())
    further = distinct(numpy.concatenate([key for _, key in shared.values()]))
    further = numpy.setdiff1d(further, news.asked, assume_unique=True)
    more, _ = meeting.under_their_caps(further, scope.having(connection, further), caps)
    proposing = numpy.union1d(proposing, more)
    newest = max(filter(None, (last["newest_birth_year"], _newest_birth_year(duck))), default=None)
    total = last["records"] + len(changed.new) - len(changed.gone)
    found = engine.run(
        duck,
        model,
        say,
        around=engine.Around(total, newest, meeting.kept_rows(shared, proposing)),
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
    is_new, node_id = meeting.kept_nodes(found.node, old_node, scope.sizes(connection))
    is_added = is_new[found.node] | (old_node == 0)

    near = is_new.copy()
    near[found.node[is_near]] = True
    regions_touched = numpy.zeros(int(region.max(initial=-1)) + 1, dtype=bool)
    regions_touched[region[near]] = True

    first = scope.next_node(connection)
    node_id[is_new] = numpy.arange(first, first + int(is_new.sum()))
    altered = numpy.intersect1d(altered, node_id[~is_new])
    speaks = is_new | numpy.isin(node_id, altered)
    return Part(
        found=found,
        region=region,
        node_id=node_id,
        is_touched=regions_touched[region],
        is_new=is_new,
        is_added=is_added,
        vanished=numpy.setdiff1d(scope.nodes(connection), node_id[~is_new]),
        altered=altered,
        block_keys=meeting.new_keys(keys, found.node, node_id, is_added),
        sketches=meeting.sketches(model, fields, keys, found.node, node_id, speaks),
        newest_birth_year=newest_birth_year,
        placeholders=_placeholders(duck),
        looked_at=len(found.node),
        is_whole=False,
    )


def _newest_birth_year(duck: duckdb.DuckDBPyConnection) -> int | None:
    return duck.execute(
        "select max(nullif(yr, -1)) from record where source_system = 'vital_child'"
    ).fetchall()[0][0]


def _placeholders(duck: duckdb.DuckDBPyConnection) -> list[str]:
    rows = duck.execute("select shared from placeholder order by shared").fetchall()
    return [row[0] for row in rows]
