"""Why text is not written as its contract says: the slips that spreadsheets and exports make.

Asked only of columns that failed, and answered in counts.
Add here: a slip with a telling form. Keep out: whether a rule is met (expectation_types).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.quality.typed import ROUNDED, literal, quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Table

# logical types it befalls, POSIX regular expression of the whole text, what it looks like
SLIPS = (
    (
        ("string", "integer", "number"),
        ROUNDED,
        "numbers that a spreadsheet has rounded (1.11E+08); the digits are lost, so ask for the "
        "file as the system writes it",
    ),
    (
        ("date", "timestamp"),
        r"[1-6]\d{4}(\.\d+)?",
        "Excel's day numbers (45231); ask for the file as text, or format the column as a date",
    ),
    (("integer",), r"-?\d+\.0+", "whole numbers with a decimal point (12.0)"),
    (("date", "timestamp"), r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}.*", "dates in another order of parts"),
    (
        ("string", "integer", "number", "date", "timestamp", "boolean"),
        r"#(N/A|REF!|VALUE!|NAME\?|NUM!|DIV/0!|NULL!)",
        "errors of a spreadsheet's formulas (#N/A)",
    ),
)


def causes(
    connection: psycopg.Connection, relation: str, table: Table, columns: Iterable[str]
) -> str:
    """A sentence that names known slips in these columns, with counts; empty when there is none.

    relation: SQL for FROM that yields the load's rows.
    """
    types = {column.name: column.logical_type for column in table.columns}
    asked = [
        (name, says, f"count(*) filter (where {quote(name)} ~ {literal(f'^(?:{pattern})$')})")
        for name in columns
        for kinds, pattern, says in SLIPS
        if types.get(name) in kinds
    ]
    if not asked:
        return ""
    counts = connection.execute(
        f"select {', '.join(sql for *_, sql in asked)} from {relation}"  # type: ignore[arg-type]
    ).fetchone()
    found = [
        f"{count:,} in {name} look like {says}"
        for (name, says, _), count in zip(asked, counts or (), strict=True)
        if count
    ]
    return f"{'; '.join(found)}." if found else ""
