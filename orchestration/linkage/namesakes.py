"""A second look at clusters that share nothing but a name, because they could share no more.

A wage record has a number and no birth date, a school record a birth date and no number; the
first pass rightly never links them. Where each is the other's only namesake and the name is
rare enough for the population, they are one person. Add here: a rule for such pairs. Keep
out: pairs with a date or a number in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import numpy

# The youngest age at which a child may work for wages outside a farm or family business
# (Fair Labor Standards Act, 29 CFR 570.2): a wage record is nobody's who is younger.
YOUNGEST_WORKER = 14


def merge(
    duck: duckdb.DuckDBPyConnection,
    cluster: numpy.ndarray,
    *,
    least_weight: float,
    newest_birth_year: int | None = None,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Join clusters that are each other's only namesakes.

    Mostly two; a third joins where it may be either: wages with a number, a school's record with
    a birth date and a pantry's with neither. Returns the new cluster per node and the joined
    pairs, one row (into, from) of labels each.

    cluster: cluster label per node. least_weight: match weight a pair must have. Reads tables
    `scored`, `node`, `member`; two clusters that both know a birth date, or both a number, are
    never joined: that comparison was made before. newest_birth_year: of a birth certificate
    outside the records at hand, where those are a part.
    """
    import numpy
    import pyarrow

    from orchestration.linkage.clusters import components

    duck.register(
        "_incoming",
        pyarrow.table({"node_id": numpy.arange(len(cluster), dtype="int32"), "cluster": cluster}),
    )
    duck.execute("create or replace table cluster_of_node as select * from _incoming")
    duck.unregister("_incoming")
    found = duck.execute(
        f"""
        with newest as (
            select greatest(max(nullif(yr, -1)), {newest_birth_year or "null"}::integer) as year
            from member where source_system = 'vital_child'
        ),
        known as (
            select
                cluster,
                bool_or(yr is not null) as has_date,
                bool_or(ssn4 is not null) as has_number,
                max(yr::integer) as birth_year
            from node join cluster_of_node using (node_id) group by cluster
        ),
        worker as (
            select distinct cluster from member
            join cluster_of_node on member.node = cluster_of_node.node_id
            where source_system = 'wages'
        ),
        proposed as (
            select
                least(a.cluster, b.cluster) as l,
                greatest(a.cluster, b.cluster) as r,
                max(match_weight) as match_weight
            from scored
            join cluster_of_node as a on a.node_id = scored.l
            join cluster_of_node as b on b.node_id = scored.r
            where namesake and a.cluster <> b.cluster
            group by all
        ),
        parted as (
            select a.cluster as one, b.cluster as other from decided
            join component_of as left_record on left_record.rid = decided.l
            join component_of as right_record on right_record.rid = decided.r
            join cluster_of_node as a on a.node_id = left_record.node
            join cluster_of_node as b on b.node_id = right_record.node
            where kind = 'cannot_link'
        ),
        possible as (
            select proposed.* from proposed
            anti join parted on (one = l and other = r) or (one = r and other = l)
            join known as a on a.cluster = l
            join known as b on b.cluster = r
            cross join newest
            where not (a.has_date and b.has_date)
                and not (a.has_number and b.has_number)
                and not coalesce(
                    (l in (from worker) or r in (from worker))
                    and newest.year - coalesce(a.birth_year, b.birth_year) < {YOUNGEST_WORKER},
                    false
                )
        )
        select l, r, match_weight >= {least_weight} as likely from possible order by l, r
        """
    ).fetchnumpy()
    left, right, likely = found["l"], found["r"], found["likely"]
    group = components(left, right, len(cluster))
    # a group is one person's when each of it may be each other one of it
    members = numpy.bincount(group)
    pairs = numpy.bincount(group[left[likely]], minlength=len(members))
    proposed = numpy.bincount(group[left], minlength=len(members))
    whole = (pairs == proposed) & (pairs == members * (members - 1) // 2)
    first = numpy.full(len(members), len(cluster))
    numpy.minimum.at(first, group[left], left)
    own = whole[group[left]] & (left == first[group[left]])
    into = dict(zip(right[own].tolist(), left[own].tolist(), strict=True))
    merged = numpy.array([into.get(label, label) for label in cluster.tolist()], dtype="int64")
    return merged, numpy.column_stack([left[own], right[own]])
