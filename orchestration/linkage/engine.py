"""From prepared records to clusters: collapse, block, compare, veto, cluster.

Pure: it reads DuckDB's table `record` and a model and touches no warehouse. Add here: a step
of the pipeline. Keep out: reading, ids, writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

from orchestration.linkage import (
    bounds,
    candidates,
    clusters,
    collapse,
    comparisons,
    encoding,
    namesakes,
    nodes,
    overrides,
    profiles,
    records,
    rescoring,
    weights,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import numpy
    import pyarrow

    from orchestration.linkage import model

# Bumped by hand when the same records and model would cluster differently.
ENGINE_VERSION = 5


@dataclass(frozen=True)
class Clusters:
    """Per record (by rid): `node` it collapsed into, `rule` that collapsed it (an index into
    collapse.rules(), -1 for none), `cluster` and `component` it ended in (numbers of this run).

    pairs: pairs of nodes compared, of those that blocks proposed and bounds.py did not rule out;
    cut: components cut for their size; namesakes: clusters
    joined by namesakes.merge; vetoed: pairs per veto
    that outscored the edge threshold. Tables `scored` (weights.score_pairs) and `node` (nodes
    that were compared) stay in DuckDB.
    """

    node: numpy.ndarray
    rule: numpy.ndarray
    cluster: numpy.ndarray
    component: numpy.ndarray
    pairs: int
    cut: int
    namesakes: int
    vetoed: dict[str, int]


@dataclass(frozen=True)
class Around:
    """What a run on a part of the records must know of the rest (parts.py).

    records: how many there are in all; newest_birth_year: of a birth certificate among all;
    may_propose: the `kept` of candidates.pairs.
    """

    records: int
    newest_birth_year: int | None
    may_propose: Callable[[str, numpy.ndarray], numpy.ndarray]


def link_records(
    table: pyarrow.Table,
    with_model: model.Model,
    say: Callable[[str], None] | None = None,
    *,
    threads: int | None = None,
) -> Clusters:
    """Cluster identity records that lie in no warehouse and that no steward decided about.

    table: the columns of records.COLUMNS as text and `rid`, the row number (int32).
    threads: at most so many; None for DuckDB's default.
    """
    duck = memory(threads)
    try:
        records.prepare(duck, table)
        # what is read of it now is in DuckDB
        del table
        overrides.prepare(duck, overrides.none())
        return run(duck, with_model, say or (lambda text: None), explained=False)
    finally:
        duck.close()


def memory(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory that never writes a person's record to a temporary file."""
    import duckdb

    config = {"temp_directory": "", "autoinstall_known_extensions": False}
    return duckdb.connect(config={**config, "threads": threads} if threads else config)


def run(
    duck: duckdb.DuckDBPyConnection,
    with_model: model.Model,
    say: Callable[[str], None],
    *,
    features: bool = False,
    explained: bool = True,
    around: Around | None = None,
    fields: encoding.Fields | None = None,
) -> Clusters:
    """Cluster the records of table `record`, obeying table `decided`.

    fields: encoding.encode of them, where the caller has it. features: keep in table `scored`
    what rescoring learns from. explained: give it the evidence of its pairs (weights.explain).
    around: the records are a part, and this is known of the rest."""
    import numpy

    limits = with_model.thresholds
    profile = with_model.profile
    fields = fields or encoding.encode(duck)
    node, rule = collapse.nodes(duck, fields)
    count = int(node.max(initial=-1)) + 1
    left, right = candidates.pairs(
        fields,
        node,
        limits["block_cap"],
        profile.blocks,
        kept=around.may_propose if around else None,
    )
    proposed = len(left)
    known = nodes.consensus(fields, node, _of_pairs(left, right, count))
    may = numpy.ones(proposed, dtype=bool)
    if not features:
        may = bounds.may_matter(fields, known, with_model, left, right)
    unlikely = left[~may], right[~may]
    left, right = left[may], right[may]
    if len(unlikely[0]):
        known = known.only(_of_pairs(left, right, count))
    say(
        f"linkage: {len(node):,} records are {count:,} nodes, comparing {len(left):,} of "
        f"{proposed:,} pairs"
    )
    collapse.register(duck, "candidate", l=left, r=right)
    nodes.build(duck, fields, known, with_model.frequencies)
    told = {"features": features, "shares": explained}
    weights.score_pairs(duck, with_model, "candidate", "scored", **told)
    overrides.veto(duck)

    def score_further(pairs: str) -> None:
        weights.score_pairs(duck, with_model, pairs, "scored_later", **told)
        duck.execute("insert into scored select * from scored_later")
        overrides.veto(duck)

    left, right, weight, vetoed = scored(duck)
    component, cut = clusters.capped_components(
        left[~vetoed],
        right[~vetoed],
        weight[~vetoed],
        count,
        edge=limits["edge"],
        cap=limits["component_cap"],
    )

    # Average-linkage needs every pair inside a component, not only those that share a block.
    if _unscored_inside(duck, component):
        score_further("unscored")
        left, right, weight, vetoed = scored(duck)
    label = clusters.average_linkage(
        left,
        right,
        weight,
        vetoed,
        component,
        cut=limits["cluster"],
        unscored=with_model.prior,
        size=numpy.bincount(node, minlength=count) if profile.weighs_records else None,
    )
    # The same name is likelier to be another person's in a larger population.
    joined = numpy.empty((0, 2), dtype="int64")
    if profile.namesakes:
        population = around.records if around else len(node)
        growth = max(0.0, log2(max(1, population) / with_model.card["records"]))
        label, joined = namesakes.merge(
            duck,
            label,
            least_weight=limits["namesake"] + growth,
            newest_birth_year=around.newest_birth_year if around else None,
        )
        # labels of average_linkage are nodes, so they name the components they lie in
        ties = component[joined.astype("int64")]
        component = clusters.components(ties[:, 0], ties[:, 1], count)[component]
    if explained:
        # what speaks against is told of the pairs of one person, too
        inside = label[unlikely[0]] == label[unlikely[1]]
        if inside.any():
            one, other = (side[inside] for side in unlikely)
            collapse.register(duck, "ruled_out", l=one, r=other)
            duck.execute(
                "delete from ruled_out using scored"
                " where ruled_out.l = scored.l and ruled_out.r = scored.r"
            )
            score_further("ruled_out")
        weights.explain(duck, with_model, component)
    stopped = duck.execute(
        "select veto, count(*) from scored where veto is not null and match_weight >= ?"
        " group by veto order by veto",
        [limits["edge"]],
    ).fetchall()
    return Clusters(
        node=node,
        rule=rule,
        cluster=label[node],
        component=component[node],
        pairs=len(left),
        cut=cut,
        namesakes=len(joined),
        vetoed=dict(stopped),
    )


def rules() -> tuple:
    """Every rule a run follows besides the model; under others the same records may cluster
    differently."""
    return (
        ENGINE_VERSION,
        collapse.SAFE_KEYS,
        collapse.ONE_VALUE,
        collapse.DATE_PARTS_APART,
        collapse.FINGERPRINTED,
        collapse.MAX_VARIANTS,
        candidates.BLOCKS,
        candidates.CAPS,
        nodes.MAX_LIST,
        comparisons.FACTS,
        comparisons.VETOES,
        comparisons.DOUBTS,
        comparisons.MOST_DOUBTFUL,
        comparisons.NAMESAKE,
        [
            (p.name, p.vetoes, p.doubts, p.namesakes, p.blocks, p.weighs_records)
            for p in profiles.PROFILES.values()
        ],
        clusters.MOST_COPIES,
        rescoring.CLIPPED,
        records.NOT_A_FIRST_NAME,
        records.NOT_A_LAST_NAME,
        records.PARTICLES,
        records.MAX_NAMES_PER_SSN,
    )


def _of_pairs(left: numpy.ndarray, right: numpy.ndarray, count: int) -> numpy.ndarray:
    """The nodes, of `count`, that stand in a pair."""
    import numpy

    named = numpy.zeros(count, dtype=bool)
    named[left] = named[right] = True
    return numpy.flatnonzero(named)


def scored(
    duck: duckdb.DuckDBPyConnection,
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """(l, r, weight, is vetoed) of every pair of table `scored`, in order."""
    found = duck.execute(
        "select l, r, weight, veto is not null as vetoed from scored order by l, r"
    ).fetchnumpy()
    return found["l"], found["r"], found["weight"], found["vetoed"]


def _unscored_inside(duck: duckdb.DuckDBPyConnection, component: numpy.ndarray) -> int:
    """Make table `unscored` (l, r): pairs inside components of three or more without a score."""
    import numpy
    import pyarrow

    duck.register(
        "_incoming",
        pyarrow.table(
            {"node_id": numpy.arange(len(component), dtype="int32"), "component": component}
        ),
    )
    duck.execute("create or replace table component_of_node as select * from _incoming")
    duck.unregister("_incoming")
    duck.execute(
        """
        create or replace table unscored as
        with large as (
            select component from component_of_node group by component having count(*) > 2
        ),
        inside as (select * from component_of_node join large using (component))
        select l.node_id as l, r.node_id as r
        from inside as l
        join inside as r on l.component = r.component and l.node_id < r.node_id
        anti join scored on scored.l = l.node_id and scored.r = r.node_id
        """
    )
    return duck.execute("select count(*) from unscored").fetchall()[0][0]
