"""The rows behind a failed rule, for the few who may see them.

Great Expectations only judges (its samples would carry people's values into results, docs and
logs); the rows are asked for here, when someone with the right looks, and stored nowhere.
Add here: where the rows of a load are. Keep out: which rows break a rule (expectation_types),
who may look (the desk, which also logs it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.errors import UsageError
from orchestration.quality import gate, suites
from orchestration.quality.landed import relation_of
from orchestration.quality.typed import quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract

# Enough to see a pattern on one screen; the agency has the file itself. 2026-11-25.
MOST_ROWS = 50


@dataclass(frozen=True)
class FailingRows:
    """columns: the key and the columns the rule reads. rows: their text. more: rows not shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    more: int


def failing_rows(
    connection: psycopg.Connection, contract: Contract, load_id: int, rule_id: str
) -> FailingRows | None:
    """The rows that break a rule; None for a rule about the file as a whole.

    Raises UsageError for an unknown rule or when the load's rows are gone.
    """
    rule = next((r for r in suites.rules(contract) if r.rule_id == rule_id), None)
    if rule is None:
        raise UsageError(f"{contract.agency}/{contract.file} has no rule {rule_id}.")
    table = next(t for t in contract.tables if t.name == rule.table)
    relation = relation_of(connection, contract, table.name, load_id)
    if relation is None:
        raise UsageError(f"The rows of load {load_id} are gone; only its figures are kept.")
    kwargs = dict(rule.kwargs)
    if rule.needs_history or (
        rule.type == "expect_rows_to_have_a_parent"
        and gate.parent_relation(kwargs, connection, contract, load_id)
    ):
        return None
    suite = suites.build_suite(rule_id, [(rule, kwargs)])
    breaks = getattr(suite.expectations[0], "failing_rows", lambda: _native(rule.type, kwargs))()
    if breaks is None:
        return None
    known = [column.name for column in table.columns]
    read = set(gate.words_of(rule)) & set(known)
    shown = [*table.key, *(name for name in known if name in read and name not in table.key)]
    shown = shown or known
    typed = "".join(
        f", {sql} as {quote(name)}" for name, sql in kwargs.get("companions", {}).items()
    )
    columns = ", ".join(map(quote, shown))
    batch = f"with batch as (select *{typed} from {relation} offset 0)"
    count = connection.execute(
        f"{batch} select count(*) from batch where {breaks}"  # type: ignore[arg-type]
    ).fetchone()[0]
    rows = connection.execute(
        f"{batch} select {columns} from batch where {breaks} "  # type: ignore[arg-type]
        f"order by {columns} limit {MOST_ROWS}"
    ).fetchall()
    return FailingRows(tuple(shown), tuple(rows), count - len(rows))


def set_aside_rows(
    connection: psycopg.Connection, contract: Contract, load_id: int, rule_id: str
) -> FailingRows:
    """The rows set aside for a rule, as delivered; for the few who may see them."""
    found = connection.execute(
        "select q.table_name, q.row_number, q.column_names, raw.content, q.is_footer "
        "from quality.quarantined_row as q "
        "inner join quarantine.raw_row as raw using (load_id, table_name, row_number) "
        "where q.load_id = %s and %s = any(q.rule_ids) order by 1, 2",
        [load_id, rule_id],
    ).fetchall()
    keys = {table.name: table.key for table in contract.tables}
    shown = [*dict.fromkeys(n for t, _, names, *_ in found for n in (*keys[t], *names))]
    if any(is_footer for *_, is_footer in found):
        shown.append("line")
    rows = tuple(
        (str(row_number), *(content.get(name) for name in shown))
        for _, row_number, _, content, _ in found[:MOST_ROWS]
    )
    return FailingRows(("row", *shown), rows, max(0, len(found) - MOST_ROWS))


def _native(kind: str, kwargs: dict) -> str | None:
    """The same of Great Expectations' own types that a contract's file may use."""
    column = quote(str(kwargs.get("column", "")))
    if kind == "expect_column_values_to_not_be_null":
        return f"{column} is null"
    if kind == "expect_column_values_to_be_null":
        return f"{column} is not null"
    if kind == "expect_column_values_to_be_unique":
        return f"{column} in (select {column} from batch group by 1 having count(*) > 1)"
    return None
