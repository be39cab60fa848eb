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

# Pairs this far below even odds are kept as evidence for review; the rest are not worth a row.
REVIEW_FROM = -5.0


def source_records(duck: duckdb.DuckDBPyConnection, found: engine.Clusters) -> pyarrow.Table:
    """One row per source record, in order of its first row: cluster, regions, method, evidence.

    A key whose variants ended in several clusters was used for several persons: its newest
    holder has it.
    """
    import numpy
    import pyarrow

    duck.register(
        "_incoming",
        pyarrow.table(
            {
                "rid": numpy.arange(len(found.node), dtype="int32"),
                "node": found.node.astype("int32"),
                "rule_number": found.rule.astype("int8"),
                "cluster": found.cluster.astype("int64"),
            }
        ),
    )
    duck.execute("create or replace table outcome as select * from _incoming")
    duck.unregister("_incoming")
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in collapse.rules())
    return duck.sql(
        f"""
        with variant as (select * from record join outcome using (rid)),
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
    duck: duckdb.DuckDBPyConnection, found: engine.Clusters, *, edge: float
) -> numpy.ndarray:
    """Per node the number of its region: nodes that could come to depend on each other.

    Tied together are nodes of a pair that is strong enough to join a component and not vetoed,
    of a pair of namesakes (whether one has another namesake decides about both), of one
    cluster, and of one source key. What changes in a region changes nobody outside it.
    """
    import numpy

    pairs = duck.execute(
        "select l, r from scored where (veto is null and weight >= ?) or namesake", [edge]
    ).fetchnumpy()
    chained = duck.execute(
        "select min(node) over of_key as l, node as r from record join outcome using (rid)"
        " window of_key as (partition by source_system, source_person_key)"
        " qualify l <> r"
    ).fetchnumpy()
    count = int(found.node.max(initial=-1)) + 1
    # a cluster by its first node, so that clusters joined by a rule of their own hold together
    first = numpy.zeros(count, dtype="int64")
    first[found.node] = found.cluster
    _, head, of = numpy.unique(first, return_index=True, return_inverse=True)
    return clusters.components(
        numpy.concatenate([pairs["l"], chained["l"], head[of]]),
        numpy.concatenate([pairs["r"], chained["r"], numpy.arange(count)]),
        count,
    )


def variants(duck: duckdb.DuckDBPyConnection) -> pyarrow.Table:
    """identity_record_id, key and node_id of every record."""
    return duck.sql(
        "select identity_record_id, source_system, source_person_key, node as node_id"
        " from record join outcome using (rid) order by rid"
    ).to_arrow_table()


def nodes(duck: duckdb.DuckDBPyConnection, region: numpy.ndarray) -> pyarrow.Table:
    """node_id, region_id, first_variant and is_linkable of every node."""
    import pyarrow

    table = duck.sql(
        "select node as node_id, min_by(identity_record_id, rid) as first_variant,"
        " bool_or(is_linkable) as is_linkable"
        " from record join outcome using (rid) group by node order by node"
    ).to_arrow_table()
    return table.append_column("region_id", pyarrow.array(region.astype("int32")))


def edges(
    duck: duckdb.DuckDBPyConnection, sources: pyarrow.Table, person: list[int]
) -> pyarrow.Table:
    """The evidence worth keeping: pairs inside one person, doubtful pairs, vetoed pairs."""
    import pyarrow

    duck.register(
        "_assigned",
        pyarrow.table(
            {
                "source_system": sources["source_system"],
                "source_person_key": sources["source_person_key"],
                "person_id": pyarrow.array(person, pyarrow.int64()),
            }
        ),
    )
    table = duck.sql(
        f"""
        with held as (
            select distinct on (node) node, person_id
            from record join outcome using (rid)
            join _assigned using (source_system, source_person_key)
            order by node, rid
        )
        select
            scored.l as left_node,
            scored.r as right_node,
            round(match_weight, 3) as match_weight,
            coalesce(evidence::varchar, '{{}}') as evidence,
            case
                when veto is not null then 'vetoed'
                when l.person_id = r.person_id then 'linked'
                else 'not linked'
            end as decision,
            veto,
            doubt
        from scored
        join held as l on l.node = scored.l
        join held as r on r.node = scored.r
        where l.person_id = r.person_id or match_weight >= {REVIEW_FROM}
        order by scored.l, scored.r
        """
    ).to_arrow_table()
    duck.unregister("_assigned")
    return table
