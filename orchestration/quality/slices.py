"""The parts that a load is made of: rows by provider, school, project, district or place.

A provider whose system was down is missing as a whole, which the number of rows hardly shows.
What names a part is kept as a few digits of its hash, because a column that has slipped holds
something else than parts. Add here: what else makes a part. Keep out: limits (_policy.yml) and
rules (recurrence_types); parts that the contract lists as codes (history).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.quality.shapes import FEWEST, SAMPLE
from orchestration.quality.typed import literal, quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Column, Table

Figure = tuple[str, str, str, float]

# Names that contracts give to who serves, and to where.
_PART = re.compile(
    r"(?:^|_)(?:provider|school|district|project|organi[sz]ation|facility|program|site|agency|"
    r"employer|office|court|county|city|zip|tract)"
    r"(?:_(?:id|no|code|name|geoid|fips|state_id|account_no))*$",
    re.IGNORECASE,
)
STILL_PRESENT = "expect_parts_to_be_still_present"
# More different values are no parts that anyone watches one by one (2026-11-25).
MOST_PARTS = 200


def columns_of(table: Table) -> list[str]:
    """The columns that name a part of the load; never one that identifies a person."""
    return [c.name for c in table.columns if _names_a_part(c)]


def figures(connection: psycopg.Connection, table: Table, relation: str, rows: int) -> list[Figure]:
    """slice_rows of each part: (metric, column, hash of its name, rows). Counted in a sample and
    reckoned up to the load. Columns of more than MOST_PARTS parts are left out. relation: SQL for
    FROM that yields the load's rows, or shapes.sampled()'s of them."""
    names = columns_of(table)
    if not names or rows < FEWEST:
        return []
    every = max(1, rows // SAMPLE)
    pairs = ", ".join(f"({literal(n)}, {quote(n)})" for n in names)
    # The offset keeps PostgreSQL from pairing names and columns of rows that are left out.
    sample = (
        f"(select {', '.join(map(quote, names))} from {relation} "
        f"where _row_number % {every} = 0 offset 0) as sample"
    )
    told: dict[str, list[Figure]] = {}
    for name, part, count in connection.execute(
        f"select one.name, {_hash('one.part')}, count(*) from {sample} "  # type: ignore[arg-type]
        f"cross join lateral (values {pairs}) as one (name, part) "
        "where one.part is not null group by 1, 2"
    ):
        told.setdefault(name, []).append(("slice_rows", name, part, count * every))
    return [f for parts in told.values() if len(parts) <= MOST_PARTS for f in parts]


def names_of(
    connection: psycopg.Connection, relation: str, column: str, hashes: Iterable[str]
) -> dict[str, str]:
    """What parts with these hashes are called: {hash: name}. relation: SQL for FROM that yields
    the rows of an accepted load, in which these parts have many rows: they are no person's."""
    name = quote(column)
    return dict(
        connection.execute(
            f"select {_hash(name)}, min({name}) from {relation} "  # type: ignore[arg-type]
            f"where {_hash(name)} = any(%s) group by 1",
            [list(hashes)],
        ).fetchall()
    )


def _hash(text: str) -> str:
    return f"left(md5({text}), 8)"


def _names_a_part(c: Column) -> bool:
    return (
        c.role != "identifier"
        and c.logical_type == "string"
        and c.codes is None
        and bool(_PART.search(c.name))
    )
