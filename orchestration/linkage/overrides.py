"""What stewards decided: pairs of source records that are one person, or are not.

Kept in linkage.override and obeyed by every run until withdrawn or expired. Add here: a kind
of decision. Keep out: the desk where decisions are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError

if TYPE_CHECKING:
    import duckdb
    import numpy
    import psycopg
    import pyarrow

_KEY = ("left_source_system", "left_source_person_key", "right_source_system",
        "right_source_person_key")  # fmt: skip


# SQL over linkage.override: the decision is obeyed.
IN_FORCE = (
    "withdrawn_at is null and (expires_on is null or expires_on >= current_date)"
    " and (approved_by is not null or not needs_approval)"
)


def read(connection: psycopg.Connection) -> pyarrow.Table:
    """Decisions in force: override_id, kind (must_link, cannot_link) and the two source keys."""
    return _decisions(
        connection.execute(
            f"select override_id, kind, {', '.join(_KEY)} from linkage.override"
            f" where {IN_FORCE} order by override_id"
        ).fetchall()
    )


def none() -> pyarrow.Table:
    """No decision at all, in the shape of `read`."""
    return _decisions([])


def _decisions(rows: list[tuple]) -> pyarrow.Table:
    import pyarrow

    columns = list(zip(*rows, strict=True)) or [()] * 6
    return pyarrow.table(
        {
            "override_id": pyarrow.array(columns[0], pyarrow.int64()),
            **{
                name: pyarrow.array(values, pyarrow.string())
                for name, values in zip(("kind", *_KEY), columns[1:], strict=True)
            },
        }
    )


def supposing(
    decisions: pyarrow.Table, kind: str, left: tuple[str, str], right: tuple[str, str]
) -> pyarrow.Table:
    """The decisions and one more, as number 0, that nobody has made yet."""
    import pyarrow

    return pyarrow.concat_tables([decisions, _decisions([(0, kind, *left, *right)])])


def keys_of(connection: psycopg.Connection, override_ids: list[int]) -> set[tuple[str, str]]:
    """The source keys these decisions are about."""
    found: set[tuple[str, str]] = set()
    for left_system, left_key, right_system, right_key in connection.execute(
        f"select {', '.join(_KEY)} from linkage.override where override_id = any(%s)",
        [override_ids],
    ):
        found |= {(left_system, left_key), (right_system, right_key)}
    return found


def prepare(duck: duckdb.DuckDBPyConnection, decisions: pyarrow.Table) -> None:
    """Make table `decided` (override_id, kind, l, r): first rids of the two keys. Decisions
    about records that are not delivered now wait."""
    duck.register("_decisions", decisions)
    duck.execute(
        """
        create or replace table decided as
        with named as (
            select source_system, source_person_key, min(rid) as rid
            from record
            where (source_system, source_person_key) in (
                select (left_source_system, left_source_person_key) from _decisions
                union all
                select (right_source_system, right_source_person_key) from _decisions
            )
            group by source_system, source_person_key
        )
        select override_id, kind, l.rid as l, r.rid as r
        from _decisions
        join named as l
            on l.source_system = left_source_system and l.source_person_key = left_source_person_key
        join named as r
            on r.source_system = right_source_system
            and r.source_person_key = right_source_person_key
        order by override_id
        """
    )
    duck.unregister("_decisions")


def must_link(duck: duckdb.DuckDBPyConnection) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Pairs of rids a steward joined."""
    found = duck.execute("select l, r from decided where kind = 'must_link'").fetchnumpy()
    return found["l"], found["r"]


def kept_apart(duck: duckdb.DuckDBPyConnection, label: numpy.ndarray) -> numpy.ndarray:
    """Labels (per rid) that hold both records of a pair a steward parted."""
    found = duck.execute("select l, r from decided where kind = 'cannot_link'").fetchnumpy()
    return label[found["l"]][label[found["l"]] == label[found["r"]]]


def demand_consistent(duck: duckdb.DuckDBPyConnection, label: numpy.ndarray) -> None:
    """Raise LifecourseError when a parted pair is still in one node: joined by decision too."""
    found = duck.execute(
        "select override_id, l, r from decided where kind = 'cannot_link'"
    ).fetchnumpy()
    wrong = found["override_id"][label[found["l"]] == label[found["r"]]]
    if len(wrong):
        raise LifecourseError(
            "Linkage decisions contradict each other: override "
            f"{', '.join(str(number) for number in sorted(wrong.tolist()))} parts records that "
            "other overrides, or one source key, join; withdraw one side in linkage.override."
        )


def veto(duck: duckdb.DuckDBPyConnection) -> None:
    """Veto the parted pairs of nodes in table `scored`."""
    duck.execute(
        """
        update scored set veto = 'steward', namesake = false
        from (
            select least(a.node, b.node) as left_node, greatest(a.node, b.node) as right_node
            from decided
            join component_of as a on a.rid = decided.l
            join component_of as b on b.rid = decided.r
            where kind = 'cannot_link'
        ) as parted
        where scored.l = left_node and scored.r = right_node
        """
    )
