"""What a steward should look at: doubtful pairs and persons that hang together by one link.

Found anew by every run from its evidence and kept in linkage.review_queue until a decision or a
later run closes it. Add here: a reason to look at a link. Keep out: what stewards decide
(deciding.py) and what a decision does (overrides.py).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.linkage import schema

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

# Odds between 1 to 8 and 8 to 1 either way are a close call: about one in nine is wrong at the
# edge of the band, and a steward's hour is best spent there. 2026-11-23.
CLOSE_CALL = 3.0
# Each side of a bridge holds this many groups of records or more; a link to a single group is
# an ordinary link.
LEAST_SIDE = 2


def queue(settings: Settings, *, limit: int | None = 200) -> list[dict]:
    """Links that wait for a steward: bridges, then pairs, most doubtful first.

    Each: item_id, kind ('pair' or 'bridge'), reason, person_ids (one, or two that might be
    one), left and right (record_number, source_system, source_person_key), match_weight (log2
    odds), evidence (what each comparison adds to it). A bridge also has `side_sizes`: how many
    groups of records hang on either side. Holds source keys, which for wages are numbers and
    names: for stewards only.

    Raises LifecourseError before the first run.
    """
    from psycopg.rows import dict_row

    with warehouse.connect(settings) as connection:
        schema.demand_run(connection)
        rows = (
            connection.cursor(row_factory=dict_row)
            .execute(
                """
                select
                    item_id, kind, queue.reason, person_ids, match_weight, evidence, side_sizes,
                    l.record_number as left_number, l.source_system as left_system,
                    l.source_person_key as left_key,
                    r.record_number as right_number, r.source_system as right_system,
                    r.source_person_key as right_key
                from linkage.review_queue as queue
                join linkage.source_record as l on l.record_number = left_record
                join linkage.source_record as r on r.record_number = right_record
                where closed_run_id is null and override_id is null
                order by kind, abs(match_weight), left_record, right_record
                limit %s
                """,
                [limit],
            )
            .fetchall()
        )
    for row in rows:
        for side in ("left", "right"):
            row[side] = tuple(row.pop(f"{side}_{part}") for part in ("number", "system", "key"))
    return rows


def refresh(connection: psycopg.Connection, run_id: int, *, partial: bool = False) -> None:
    """Bring the queue in line with the evidence that run `run_id` left.

    partial: only what is about the nodes in store's temporary table incoming_node, and about
    records in its table `replaced`, which nodes may no longer go by.
    """
    connection.execute(
        "create temporary table concerned on commit drop as"
        + (
            " select node_id, first_record from linkage.node join incoming_node using (node_id)"
            if partial
            else " select node_id, first_record from linkage.node"
        )
    )
    connection.execute("analyze concerned")
    either = ("left_node", "right_node")
    connection.execute(
        "create temporary table near on commit drop as "
        + (
            # two look-ups: a condition with "or" reads every edge there is
            " union ".join(
                f"select edge.* from linkage.edge join concerned on concerned.node_id = edge.{side}"
                for side in either
            )
            if partial
            else "select * from linkage.edge"
        )
    )
    connection.execute("analyze near")
    connection.execute(
        "create temporary table doubtful (kind text, left_record integer, right_record integer,"
        " person_ids bigint[], reason text, match_weight double precision, evidence jsonb,"
        " side_sizes integer[]) on commit drop"
    )
    if not partial:
        # All of them were filled in this transaction. Without statistics the planner took every
        # join for one row: four minutes for the 1,500 persons of a small county (2026-11-25). A
        # partial run changes a few rows of tables that a full run has counted; counting again
        # was a third of what it cost.
        connection.execute(
            "analyze linkage.node, linkage.variant, linkage.edge, linkage.source_record,"
            " linkage.crosswalk, linkage.override"
        )
    connection.execute(_JUDGED)
    connection.execute(_PAIRS)
    _bridges(connection)
    same = (
        "doubtful.kind = queue.kind and doubtful.left_record = queue.left_record"
        " and doubtful.right_record = queue.right_record"
    )
    is_open = "queue.closed_run_id is null and queue.override_id is null"
    no_longer = (
        "{} in (select first_record from replaced)"
        if partial
        else "not exists (select from linkage.node where first_record = {})"
    )
    connection.execute(
        "update linkage.review_queue as queue set closed_run_id = %s"
        f" where {is_open} and not exists (select from doubtful where {same})"
        " and (left_record in (select first_record from concerned)"
        " or right_record in (select first_record from concerned)"
        f" or {no_longer.format('left_record')} or {no_longer.format('right_record')})",
        [run_id],
    )
    connection.execute(
        "update linkage.review_queue as queue set person_ids = doubtful.person_ids,"
        " reason = doubtful.reason, match_weight = doubtful.match_weight,"
        " evidence = doubtful.evidence, side_sizes = doubtful.side_sizes"
        f" from doubtful where {is_open} and {same}"
    )
    connection.execute(
        "insert into linkage.review_queue (kind, left_record, right_record, person_ids, reason,"
        " match_weight, evidence, side_sizes, opened_run_id)"
        " select kind, left_record, right_record, person_ids, reason, match_weight, evidence,"
        " side_sizes, %s from doubtful where not exists"
        f" (select from linkage.review_queue as queue where {is_open} and {same})"
        " order by kind, abs(match_weight), left_record, right_record",
        [run_id],
    )


# An edge with the first record and the person of either node; pairs that a steward has decided
# about, or is about to with a second person, are not doubtful any more.
_JUDGED = """
create temporary table judged on commit drop as
    with held as (
        select node.node_id, node.first_record, crosswalk.person_id
        from linkage.node
        join linkage.source_record on source_record.record_number = node.first_record
        join linkage.crosswalk using (source_system, source_person_key)
        where crosswalk.closed_run_id is null
            and node.node_id in (select left_node from near union select right_node from near)
    ),
    decided as (
        select least(l.node_id, r.node_id) as left_node, greatest(l.node_id, r.node_id)
            as right_node
        from linkage.override
        join linkage.source_record as ls on ls.source_system = left_source_system
            and ls.source_person_key = left_source_person_key
        join linkage.source_record as rs on rs.source_system = right_source_system
            and rs.source_person_key = right_source_person_key
        join linkage.variant as l on l.record_number = ls.record_number
        join linkage.variant as r on r.record_number = rs.record_number
        where withdrawn_at is null and (expires_on is null or expires_on >= current_date)
    )
    select
        least(l.first_record, r.first_record) as left_record,
        greatest(l.first_record, r.first_record) as right_record,
        l.person_id as left_person, r.person_id as right_person,
        match_weight, evidence, decision, doubt
    from near
    join held as l on l.node_id = left_node
    join held as r on r.node_id = right_node
    where l.first_record <> r.first_record
        and not exists (
            select from decided where decided.left_node = near.left_node
            and decided.right_node = near.right_node
        );
analyze judged
"""
_PAIRS = f"""
insert into doubtful
select distinct on (left_record, right_record)
    'pair', left_record, right_record,
    case when left_person = right_person then array[left_person]
        else array[least(left_person, right_person), greatest(left_person, right_person)] end,
    case
        when decision = 'linked' then 'linked on little evidence'
        when doubt is not null then 'not linked for a doubt (' || doubt || ')'
        when match_weight > {CLOSE_CALL} then 'not linked because of the records around it'
        else 'not linked by little'
    end,
    match_weight, evidence, null
from judged
where decision <> 'vetoed' and (
    abs(match_weight) <= {CLOSE_CALL}
    or (decision = 'not linked' and match_weight > {CLOSE_CALL})
)
order by left_record, right_record, match_weight desc
"""


def _bridges(connection: psycopg.Connection) -> None:
    """Add the links without which a person would fall into two groups of several records."""
    links: dict[int, list[tuple]] = defaultdict(list)
    # every side needs LEAST_SIDE vertices, which need an edge each
    for person, *row in connection.execute(
        f"""
        with linked as (
            select * from judged where decision = 'linked' and match_weight >= 0
        ),
        large as (
            select left_person from linked group by left_person
            having count(*) >= {2 * LEAST_SIDE - 1}
        )
        select left_person, left_record, right_record, match_weight, evidence::text
        from linked join large using (left_person)
        order by left_person, left_record, right_record, match_weight desc
        """
    ):
        links[person].append(row)
    with connection.cursor().copy("copy doubtful from stdin") as copy:
        for person, rows in links.items():
            for at, sides in bridges([(row[0], row[1]) for row in rows]):
                if min(sides) >= LEAST_SIDE:
                    left, right, weight, evidence = rows[at]
                    reason = "the only link between two groups"
                    copy.write_row(
                        ("bridge", left, right, [person], reason, weight, evidence, list(sides))
                    )


def bridges(edges: list[tuple]) -> list[tuple[int, tuple[int, int]]]:
    """Positions of the edges whose removal parts the graph they lie in, each with the number
    of vertices on its two sides. Parallel edges are no bridges."""
    near: dict[object, list[tuple[object, int]]] = defaultdict(list)
    for number, (left, right) in enumerate(edges):
        near[left].append((right, number))
        near[right].append((left, number))
    entered: dict[object, int] = {}
    lowest: dict[object, int] = {}
    below: dict[object, int] = {}
    found: list[tuple[int, int, object]] = []
    total: dict[object, int] = {}
    for root in near:
        if root in entered:
            continue
        entered[root] = lowest[root] = len(entered)
        below[root] = 1
        stack = [(root, -1, iter(near[root]))]
        seen = [root]
        while stack:
            vertex, came_by, rest = stack[-1]
            for other, number in rest:
                if number == came_by:
                    continue
                if other in entered:
                    lowest[vertex] = min(lowest[vertex], entered[other])
                    continue
                entered[other] = lowest[other] = len(entered)
                below[other] = 1
                seen.append(other)
                stack.append((other, number, iter(near[other])))
                break
            else:
                stack.pop()
                if stack:
                    parent = stack[-1][0]
                    lowest[parent] = min(lowest[parent], lowest[vertex])
                    below[parent] += below[vertex]
                    if lowest[vertex] > entered[parent]:
                        found.append((came_by, below[vertex], root))
        total[root] = len(seen)
    return sorted((number, (side, total[root] - side)) for number, side, root in found)
