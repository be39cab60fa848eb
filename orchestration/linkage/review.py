"""What a steward should look at: doubtful pairs and persons that hang together by one link.

Read from the evidence of the last run; a decision goes to linkage.override and every later run
obeys it. Add here: a reason to look at a link. Keep out: what a decision does (overrides.py).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

# Odds between 1 to 8 and 8 to 1 either way are a close call: about one in nine is wrong at the
# edge of the band, and a steward's hour is best spent there. 2026-11-23.
CLOSE_CALL = 3.0
# Each side of a bridge holds this many groups of records or more; a link to a single group is
# an ordinary link.
LEAST_SIDE = 2
KINDS = ("must_link", "cannot_link")

_SIDES = "left_source_system, left_source_person_key, right_source_system, right_source_person_key"
_EDGE = f"{_SIDES}, edge.match_weight, evidence, decision, doubt"


def queue(settings: Settings, *, limit: int | None = 200) -> list[dict]:
    """Links that wait for a steward, most doubtful first.

    Each: kind ('pair' or 'bridge'), reason, person_ids (one, or two that might be one), left
    and right (source_system, source_person_key), match_weight (log2 odds), evidence (what each
    comparison adds to it), doubt. A bridge also has `records`: how many groups of records hang
    on either side. Pairs with a decision in force are left out. Holds source keys, which for
    wages are numbers and names: for stewards only.

    Raises LifecourseError before the first run.
    """
    with warehouse.connect(settings) as connection:
        if not connection.execute("select to_regclass('linkage.edge')").fetchone()[0]:
            raise LifecourseError("Nothing is linked yet; run the pipeline first (lifecourse run).")
        found = [*_bridges(connection), *_pairs(connection)]
    return found if limit is None else found[:limit]


def decide(
    settings: Settings,
    kind: str,
    left: tuple[str, str],
    right: tuple[str, str],
    *,
    reason: str,
    steward: str,
    approved_by: str | None = None,
) -> int:
    """Record that two source records are one person (must_link) or are not (cannot_link).

    The next run obeys it. Returns the override_id. Raises UsageError for another kind, an
    empty reason or steward, one record twice, or a record that no run has linked.
    """
    if kind not in KINDS:
        raise UsageError(f"A decision is one of {', '.join(KINDS)}.")
    if not reason.strip() or not steward.strip():
        raise UsageError("A decision needs a reason and a steward.")
    if tuple(left) == tuple(right):
        raise UsageError("A decision needs two different records.")
    with warehouse.connect(settings) as connection:
        known = connection.execute(
            "select count(*) from linkage.crosswalk where closed_run_id is null"
            " and (source_system, source_person_key) in ((%s, %s), (%s, %s))",
            [*left, *right],
        ).fetchone()[0]
        if known != 2:
            raise UsageError(
                "One of the two records carries no person id now; take both from the review queue."
            )
        return connection.execute(
            "insert into linkage.override (kind, left_source_system, left_source_person_key,"
            " right_source_system, right_source_person_key, reason, steward, approved_by)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) returning override_id",
            [kind, *left, *right, reason, steward, approved_by],
        ).fetchone()[0]


def _pairs(connection: psycopg.Connection) -> list[dict]:
    rows = connection.execute(
        f"""
        select {_EDGE}, l.person_id, r.person_id
        from linkage.edge
        join linkage.crosswalk as l on l.closed_run_id is null
            and l.source_system = left_source_system
            and l.source_person_key = left_source_person_key
        join linkage.crosswalk as r on r.closed_run_id is null
            and r.source_system = right_source_system
            and r.source_person_key = right_source_person_key
        where decision <> 'vetoed' and not {_decided("edge")}
            and (
                abs(edge.match_weight) <= {CLOSE_CALL}
                or (decision = 'not linked' and edge.match_weight > {CLOSE_CALL})
            )
        order by abs(edge.match_weight), {_SIDES}
        """
    ).fetchall()
    return [_item("pair", _reason(row), sorted({row[8], row[9]}), row) for row in rows]


def _reason(row: tuple) -> str:
    weight, decision, doubt = row[4], row[6], row[7]
    if decision == "linked":
        return "linked on little evidence"
    if doubt:
        return f"not linked for a doubt ({doubt})"
    if weight > CLOSE_CALL:
        return "not linked because of the records around it"
    return "not linked by little"


def _decided(edge: str) -> str:
    """SQL: a decision about this very pair is in force."""
    one, other = "left", "right"
    sides = " or ".join(
        " and ".join(
            f"override.{a}_{field} = {edge}.{b}_{field}"
            for a, b in ((one, first), (other, second))
            for field in ("source_system", "source_person_key")
        )
        for first, second in ((one, other), (other, one))
    )
    return (
        "exists (select from linkage.override where withdrawn_at is null"
        f" and (expires_on is null or expires_on >= current_date) and ({sides}))"
    )


def _bridges(connection: psycopg.Connection) -> list[dict]:
    """Links without which a person would fall into two groups of several records each."""
    links: dict[int, list[tuple]] = defaultdict(list)
    for row in connection.execute(
        f"select {_EDGE}, person_id from linkage.edge join linkage.crosswalk"
        " on closed_run_id is null and source_system = left_source_system"
        " and source_person_key = left_source_person_key"
        f" where decision = 'linked' and edge.match_weight >= 0 and not {_decided('edge')}"
        f" order by {_SIDES}"
    ):
        links[row[8]].append(row)
    found = []
    for person, rows in links.items():
        # every side needs LEAST_SIDE vertices, which need an edge each
        if len(rows) < 2 * LEAST_SIDE - 1:
            continue
        edges = [((row[0], row[1]), (row[2], row[3])) for row in rows]
        for at, sides in bridges(edges):
            if min(sides) >= LEAST_SIDE:
                item = _item("bridge", "the only link between two groups", [person], rows[at])
                found.append({**item, "records": sides})
    return sorted(found, key=lambda item: (item["match_weight"], item["left"], item["right"]))


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


def _item(kind: str, reason: str, person_ids: list[int], row: tuple) -> dict:
    return {
        "kind": kind,
        "reason": reason,
        "person_ids": person_ids,
        "left": (row[0], row[1]),
        "right": (row[2], row[3]),
        "match_weight": row[4],
        "evidence": row[5],
        "doubt": row[7],
    }
