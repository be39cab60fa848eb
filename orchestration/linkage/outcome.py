"""What a clustering says of each source record, and the evidence it leaves behind.

Reads DuckDB's tables `record`, `node` and `scored`; touches no warehouse. Add here: something a
run tells of a record or of a pair. Keep out: ids (identifiers.py), writing (store.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage import clusters, collapse

if TYPE_CHECKING:
    import duckdb
    import numpy
    import pyarrow

    from orchestration.linkage import engine
    from orchestration.linkage.block_keys import BlockKeys
    from orchestration.linkage.parts import Part

# Pairs this far below even odds are kept as evidence for review; the rest are not worth a row.
REVIEW_FROM = -5.0


def source_records(duck: duckdb.DuckDBPyConnection, part: Part) -> pyarrow.Table:
    """One row per touched source record, in order of its first row: cluster, node, method,
    evidence.

    A key whose variants ended in several clusters was used for several persons: its newest
    holder has it.
    """
    import numpy
    import pyarrow

    found = part.found
    duck.register(
        "_incoming",
        pyarrow.table(
            {
                "rid": numpy.arange(len(found.node), dtype="int32"),
                "node": found.node.astype("int32"),
                "rule_number": found.rule.astype("int8"),
                "cluster": found.cluster.astype("int64"),
                "is_touched": part.is_touched[found.node],
                "is_added": part.is_added,
            }
        ),
    )
    duck.execute("create or replace table outcome as select * from _incoming")
    duck.unregister("_incoming")
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in collapse.rules())
    return duck.sql(
        f"""
        with variant as (select * from record join outcome using (rid) where is_touched),
        keyed as (
            select
                source_system, source_person_key, cluster,
                max(last_load_id) as newest,
                count(*) as variants,
                min(rid) as first_rid,
                min(node) as node,
                max(case when rule_number >= 1 then rule_number end) as rule_number,
                bool_or(is_linkable) as is_linkable
            from variant group by source_system, source_person_key, cluster
        ),
        holder as (
            select * from keyed
            qualify row_number() over (
                partition by source_system, source_person_key
                order by newest desc, variants desc, cluster
            ) = 1
        ),
        hashed as (
            select
                source_system, source_person_key,
                md5(string_agg(identity_record_id, '' order by identity_record_id))
                    as identity_hash,
                min(rid) as key_rid
            from variant group by source_system, source_person_key
        ),
        crowd as (
            select node, count(*) as keys
            from (select distinct node, source_system, source_person_key from variant)
            group by node
        ),
        gathering as (
            select cluster, count(*) as nodes
            from (select distinct cluster, node from variant) group by cluster
        ),
        best as (
            select
                node,
                max(match_weight) filter (doubt is null) as match_weight,
                max(match_weight) as doubtful_weight
            from (
                select l as node, r as other, match_weight, doubt from scored
                union all
                select r as node, l as other, match_weight, doubt from scored
            ) as edge
            join (select distinct node, cluster from variant) as own using (node)
            join (select distinct node as other, cluster from variant) as others
                using (other, cluster)
            group by node
        )
        select
            source_system,
            source_person_key,
            holder.cluster,
            holder.node,
            hashed.identity_hash,
            case
                when not holder.is_linkable then 'unlinkable'
                when crowd.keys > 1 and rule_number = 1 then 'steward'
                when crowd.keys > 1 and rule_number is not null then 'exact'
                when gathering.nodes > 1 then 'probabilistic'
                else 'single'
            end as method,
            case method
                when 'exact' then [{names}][rule_number + 1]
                when 'steward' then [{names}][rule_number + 1]
                when 'probabilistic' then
                    case when best.match_weight is null then 'only namesake'
                        else 'match weight' end
                when 'single' then 'no match'
                else 'too little known'
            end as rule,
            round(coalesce(best.match_weight, best.doubtful_weight), 3) as match_weight
        from holder
        join hashed using (source_system, source_person_key)
        join crowd using (node)
        join gathering using (cluster)
        left join best using (node)
        order by key_rid
        """
    ).to_arrow_table()


def regions(
    duck: duckdb.DuckDBPyConnection, found: engine.Clusters, keys: BlockKeys, *, edge: float
) -> numpy.ndarray:
    """Per node the number of its region: nodes that could come to depend on each other.

    Tied together are nodes of a pair that is strong enough to join a component and not vetoed,
    of a pair of namesakes (whether one has another namesake decides about both), of one
    cluster, of one source key, and of one safe key, whether its group agrees or not. What
    changes in a region changes nobody outside it.
    """
    import numpy

    pairs = duck.execute(
        "select l, r from scored where (veto is null and weight >= ?) or namesake", [edge]
    ).fetchnumpy()
    chained = duck.execute(
        """
        with keyed as (
            select node, min(node) over (partition by source_system, source_person_key) as first
            from record join component_of using (rid)
        )
        select distinct first, node from keyed where first <> node
        """
    ).fetchnumpy()
    rid, key = keys.safe
    rid = rid[numpy.argsort(key, kind="stable")]
    key = numpy.sort(key, kind="stable")
    same = key[1:] == key[:-1]
    count = int(found.node.max(initial=-1)) + 1
    # a cluster by its first node, so that clusters joined by a rule of their own hold together
    cluster = numpy.zeros(count, dtype="int64")
    cluster[found.node] = found.cluster
    _, head, of = numpy.unique(cluster, return_index=True, return_inverse=True)
    return clusters.components(
        numpy.concatenate([pairs["l"], chained["first"], found.node[rid[:-1][same]], head[of]]),
        numpy.concatenate(
            [pairs["r"], chained["node"], found.node[rid[1:][same]], numpy.arange(count)]
        ),
        count,
    )


def variants(duck: duckdb.DuckDBPyConnection, part: Part) -> pyarrow.Table:
    """identity_record_id, key and node_id of every record that was added to its node."""
    _kept_as(duck, part)
    return duck.sql(
        "select identity_record_id, source_system, source_person_key, node_id"
        " from record join outcome using (rid) join kept_as using (node)"
        " where is_added order by rid"
    ).to_arrow_table()


def nodes(duck: duckdb.DuckDBPyConnection, part: Part) -> pyarrow.Table:
    """node_id, region_id, first_variant, is_linkable and is_new of every touched node."""
    _kept_as(duck, part)
    return duck.sql(
        "select node_id, min(region_id) as region_id,"
        " min_by(identity_record_id, rid) as first_variant, bool_or(is_linkable) as is_linkable,"
        " bool_or(is_new) as is_new"
        " from record join outcome using (rid) join kept_as using (node)"
        " where kept_as.is_touched group by node_id order by node_id"
    ).to_arrow_table()


def edges(duck: duckdb.DuckDBPyConnection, part: Part, sources: pyarrow.Table) -> pyarrow.Table:
    """The evidence worth keeping about touched nodes: pairs inside one person, doubtful pairs,
    vetoed pairs. sources: the touched source records with their person_id; a node outside them
    is another person's."""
    _kept_as(duck, part)
    duck.register("_assigned", sources.select(["source_system", "source_person_key", "person_id"]))
    table = duck.sql(
        f"""
        with held as (
            select distinct on (node) node, person_id
            from record join outcome using (rid)
            join _assigned using (source_system, source_person_key)
            order by node, rid
        ),
        told as (
            select
                least(a.node_id, b.node_id) as left_node,
                greatest(a.node_id, b.node_id) as right_node,
                round(match_weight, 3) as match_weight,
                coalesce(evidence::varchar, '{{}}') as evidence,
                coalesce(l.person_id = r.person_id, false) as is_one,
                veto,
                doubt
            from scored
            join kept_as as a on a.node = scored.l
            join kept_as as b on b.node = scored.r
            left join held as l on l.node = scored.l
            left join held as r on r.node = scored.r
            where a.is_touched or b.is_touched
        )
        select
            left_node, right_node, match_weight, evidence,
            case when veto is not null then 'vetoed' when is_one then 'linked'
                else 'not linked' end as decision,
            veto, doubt
        from told
        where is_one or match_weight >= {REVIEW_FROM}
        order by left_node, right_node
        """
    ).to_arrow_table()
    duck.unregister("_assigned")
    return table


def _kept_as(duck: duckdb.DuckDBPyConnection, part: Part) -> None:
    """Make table `kept_as`: per node of the run the id it is kept under, and what of it is new.

    A region goes by the smallest id in it.
    """
    import numpy
    import pyarrow

    lowest = numpy.full(int(part.region.max(initial=-1)) + 1, numpy.iinfo("int64").max)
    numpy.minimum.at(lowest, part.region, part.node_id)
    duck.register(
        "_incoming",
        pyarrow.table(
            {
                "node": numpy.arange(len(part.node_id), dtype="int32"),
                "node_id": part.node_id,
                "region_id": lowest[part.region],
                "is_touched": part.is_touched,
                "is_new": part.is_new,
            }
        ),
    )
    duck.execute("create or replace table kept_as as select * from _incoming")
    duck.unregister("_incoming")
