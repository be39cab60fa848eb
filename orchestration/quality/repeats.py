"""What a load repeats of the load before it: rows, and columns that hold one value throughout.

The last file sent again under a new period is well-formed, and of a caseload most of it would
be the same anyway. Rows tell: some always change, and none of them has.
Add here: another sign of a file sent again. Keep out: limits (_policy.yml), rules
(stability_types).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.quality.shapes import SAMPLE, Shape
from orchestration.quality.typed import quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract, Table

Figure = tuple[str, str, str, float]


def figures(
    connection: psycopg.Connection, contract: Contract, table: Table, relation: str,
    before: str, rows: int, shaped: Iterable[tuple[str, str, str, float, Shape | None]],
) -> list[Figure]:  # fmt: skip
    """`same_value` of each column of one value: 1 when the load before has that value alone,
    else 0. Of an increment also `rows_compared` and `rows_repeated`: a sample of its rows, and
    those that the load before holds too, columns of one value aside.

    relation, before: SQL for FROM that yields the rows of this load and of the one before.
    shaped: what shapes.figures found in this load; a column of one value has one bin.
    """
    maybe = dict.fromkeys(column for _, column, _, _, bins in shaped if bins and len(bins) == 1)
    now, then = (_ends(connection, list(maybe), place) for place in (relation, before))
    single = [n for n in maybe if now[n][0] is not None and now[n][0] == now[n][1]]
    found = [("same_value", n, "", float(now[n] == then[n])) for n in single]
    varied = [c.name for c in table.columns if c.name not in single]
    if contract.delivery_kind == "snapshot" or not varied:
        return found
    # A sample of keys rather than of rows, so that both loads are cut down to the same.
    by = next((n for n in table.key if n in varied), varied[0])
    every = max(1, rows // SAMPLE)
    cut = f"where hashtext({quote(by)}) % {every} = 0" if every > 1 else ""
    row = f"hashtextextended(row({', '.join(map(quote, varied))})::text, 0)"
    told = connection.execute(
        f"select count(*), count(earlier.row) from (select {row} as row from {relation} {cut}) "  # type: ignore[arg-type]
        f"as now left join (select distinct {row} as row from {before} {cut}) as earlier "
        "using (row)"
    ).fetchone()
    assert told is not None
    metrics = ("rows_compared", "rows_repeated")
    return found + [(metric, "", "", n) for metric, n in zip(metrics, told, strict=True)]


def _ends(
    connection: psycopg.Connection, names: list[str], relation: str
) -> dict[str, tuple[str | None, str | None]]:
    """The least and the greatest value of each column."""
    if not names:
        return {}
    wanted = ", ".join(f"min({quote(n)}), max({quote(n)})" for n in names)
    told = connection.execute(f"select {wanted} from {relation}").fetchone()  # type: ignore[arg-type]
    assert told is not None
    return {n: (told[2 * i], told[2 * i + 1]) for i, n in enumerate(names)}
