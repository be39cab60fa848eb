"""How many records of each source linkage itself expects to have linked wrongly, or not at all.

From the match weights and nothing else: a weight w stands for odds of 2^w to 1 that two groups of
records are one person. Add here: another expectation that needs no truth. Keep out: rates against
a truth (scoring.py), and what a hidden number tells (hidden_numbers.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage.cells import LEAST_CELL

if TYPE_CHECKING:
    import psycopg

_Z = 1.959964  # two-sided 95 %

# wrong: no edge to another group of the person is better than the best one, so a group is wrong
# with that one's doubt. missed: it belongs elsewhere with the chance of its best edge to another
# person. A record that says too little to be compared is missed as surely as the others of its
# source are found in another one.
_EXPECTED = """
    with edges as (
        select left_node as node_id, right_node as other_id, match_weight, decision
        from linkage.edge
        union all
        select right_node, left_node, match_weight, decision from linkage.edge
    ),
    placed as (
        select
            record.source_system, record.source_person_key, crosswalk.person_id,
            min(variant.node_id) as node_id
        from linkage.variant as variant
        join linkage.source_record as record using (record_number)
        join linkage.crosswalk as crosswalk
            on record.source_system = crosswalk.source_system
            and record.source_person_key = crosswalk.source_person_key
            and crosswalk.closed_run_id is null
        group by record.source_system, record.source_person_key, crosswalk.person_id
    ),
    node_person as (select distinct on (node_id) node_id, person_id from placed),
    person_sources as (
        select person_id, count(distinct source_system) > 1 as is_known_twice
        from placed group by person_id
    ),
    best as (
        select
            edges.node_id,
            max(edges.match_weight) filter (where own.person_id = other.person_id) as inside,
            max(edges.match_weight) filter (
                where own.person_id <> other.person_id and edges.decision <> 'vetoed'
            ) as outside
        from edges
        join node_person as own on edges.node_id = own.node_id
        join node_person as other on edges.other_id = other.node_id
        group by edges.node_id
    ),
    judged as (
        select
            node_id,
            case when inside is not null
                then 1 / (1 + power(2.0, greatest(-60, least(60, inside)))) end as is_wrong,
            case when outside is not null
                then 1 / (1 + power(2.0, greatest(-60, least(60, -outside)))) end as is_missed
        from best
    ),
    linkable as (
        select placed.source_system, avg(is_known_twice::integer) as known_twice
        from placed join person_sources using (person_id) join linkage.node as node using (node_id)
        where node.is_linkable
        group by placed.source_system
    ),
    chances as (
        select
            placed.source_system,
            coalesce(judged.is_wrong, 0) as is_wrong,
            case
                when node.is_linkable then coalesce(judged.is_missed, 0)
                else coalesce(linkable.known_twice, 0)
            end as is_missed
        from placed
        join linkage.node as node using (node_id)
        left join judged using (node_id)
        left join linkable on placed.source_system = linkable.source_system
    )
    select
        source_system, count(*), sum(is_wrong), sum(is_wrong * (1 - is_wrong)),
        sum(is_missed), sum(is_missed * (1 - is_missed))
    from chances group by source_system order by source_system
"""


def by_source(connection: psycopg.Connection) -> dict[str, dict]:
    """{source: {"of", "wrong", "missed", "error"}} for sources of 11 records or more.

    of: source records of the last run. wrong: the share in percent that is expected to be linked
    to another's records; missed: to have records elsewhere that it should be with; error: either
    one. Each is {"share", "interval"}, the interval of 95 % by the normal approximation of a sum
    of independent chances, from 0 up. Groups of records that agree exactly count as right, which
    makes `wrong` too small where an agency copies another's.
    """
    expected = {}
    for source, records, wrong, wrong_spread, missed, missed_spread in connection.execute(
        _EXPECTED
    ).fetchall():
        if records < LEAST_CELL:
            continue
        expected[source] = {
            "of": records,
            "wrong": _share(float(wrong), float(wrong_spread), records),
            "missed": _share(float(missed), float(missed_spread), records),
            "error": _share(
                float(wrong) + float(missed), float(wrong_spread) + float(missed_spread), records
            ),
        }
    return expected


def _share(expected: float, spread: float, records: int) -> dict:
    half = _Z * spread**0.5
    return {
        "share": round(100 * expected / records, 2),
        "interval": [
            round(100 * max(0.0, expected - half) / records, 2),
            round(100 * min(float(records), expected + half) / records, 2),
        ],
    }
