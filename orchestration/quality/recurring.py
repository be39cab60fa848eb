"""What comes again within a load or from the load before: texts, and rows that are twins.

Given names, streets and titles are drawn from a stock that changes slowly, so most texts of a
column were in the load before; those of another column were not. Rows that are alike but for
their id are few, until a join multiplies them.
Add here: another sign of a column or a row that should not be there. Keep out: rows sent again
(repeats), limits (_policy.yml), rules (recurrence_types).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestration.quality.shapes import FEWEST, SAMPLE
from orchestration.quality.turnover import ids_of
from orchestration.quality.typed import literal, quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Column, Table

Figure = tuple[str, str, str, float]


def texts_of(table: Table) -> list[str]:
    """Columns of free text: no codes, no pattern, no numbers, not of the key."""
    return [c.name for c in table.columns if _is_text(c)]


def texts(
    connection: psycopg.Connection, table: Table, relation: str, before: str, rows: int,
    rows_before: int,
) -> list[Figure]:  # fmt: skip
    """By column of free text: texts_compared, filled fields of a sample of this load, and
    texts_known, those of them whose text the column also has in a sample of the load before.

    relation, before: SQL for FROM that yields the rows of this load and of the one before. Only
    hashes of the texts are compared, and only the counts are kept.
    """
    names = texts_of(table)
    if not names or rows < FEWEST:
        return []
    pairs = ", ".join(f"({literal(n)}, hashtext({quote(n)}))" for n in names)

    # The offset keeps PostgreSQL from hashing the texts of rows that are left out.
    def sample(of: str, number: int) -> str:
        return (
            f"select one.name, one.text from (select {', '.join(map(quote, names))} from {of} "
            f"where _row_number % {max(1, number // SAMPLE)} = 0 offset 0) as few "
            f"cross join lateral (values {pairs}) as one (name, text) where one.text is not null"
        )

    found: list[Figure] = []
    for name, compared, known in connection.execute(
        f"with now as (select name, text, count(*) as n from ({sample(relation, rows)}) as s "  # type: ignore[arg-type]
        f"group by 1, 2), earlier as (select distinct name, text from "
        f"({sample(before, rows_before)}) as s) "
        "select name, sum(now.n), coalesce(sum(now.n) filter (where earlier.text is not null), 0) "
        "from now left join earlier using (name, text) group by 1"
    ):
        found += [("texts_compared", name, "", compared), ("texts_known", name, "", known)]
    return found


def twins(connection: psycopg.Connection, table: Table, relation: str, rows: int) -> list[Figure]:
    """twins: the share of rows, ids of the key aside, that are there once more than needed.

    Of a large load only rows with some values of one column, so that twins stay together. Empty
    where the key has no id, or nothing stands beside it that could differ.
    """
    ids = ids_of(table)
    rest = [c.name for c in table.columns if c.name not in ids]
    by = next((c.name for c in table.columns if c.name in rest and not c.codes), None)
    if not ids or by is None or rows < FEWEST:
        return []
    every = max(1, rows // SAMPLE)
    cut = f"where hashtext({quote(by)}) % {every} = 0" if every > 1 else ""
    row = f"hashtextextended(row({', '.join(map(quote, rest))})::text, 0)"
    told = connection.execute(
        f"select count(*), count(distinct {row}) from {relation} {cut}"  # type: ignore[arg-type]
    ).fetchone()
    assert told is not None
    return [("twins", "", "", 1 - told[1] / told[0])] if told[0] >= FEWEST else []


# Numbers given to one person or case are no stock of words: new records bring new ones.
_NUMBER = re.compile(r"(?:id|_no|number|numbr|ssn|phone|fein)$", re.IGNORECASE)


def _is_text(c: Column) -> bool:
    return (
        c.logical_type == "string"
        and c.codes is None
        and not c.pattern
        and c.key_position is None
        and not _NUMBER.search(c.name)
    )
