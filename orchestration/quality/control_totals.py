"""Control totals: what the agency says its file adds up to, beside what it does.

A manifest's line may state `totals`, a mapping of number columns to their sums; its rows, bytes
and sha256 are the loader's to compare. A figure that the agency publishes elsewhere may stand
with the contract's rules: `published: {period: {rows: 1203, amount: 4711.50}}` in the entry that
changes the rule control_totals, with a `limit` for how far the file may be off.
Add here: another place where a total is stated. Keep out: the comparison (expectation_types).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from orchestration.errors import UsageError

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Table

TYPE = "expect_totals_to_agree"
ROWS = "rows"


def columns_of(table: Table) -> list[str]:
    """The columns that can be added up."""
    return [
        c.name for c in table.columns if c.logical_type in ("integer", "number") and not c.codes
    ]


def stated(
    connection: psycopg.Connection, kwargs: dict[str, Any], table: Table, load_id: int, period: str
) -> str | None:
    """Put the totals of this load into the kwargs of the rule; returns why there are none."""
    published = kwargs.pop("published", {}).get(period, {})
    found = {name: (str(total), "the published figure") for name, total in published.items()}
    [text] = connection.execute(
        "select manifest from quality.load where load_id = %s", [load_id]
    ).fetchone() or [None]
    totals = _of_manifest(text)
    known = {*columns_of(table), ROWS}
    # A file of several tables names each column of all of them once.
    found |= {n: (str(t), "the manifest") for n, t in totals.items() if n in known}
    if not found:
        return "neither a manifest nor a published figure states a total"
    kwargs["totals"] = {name: total for name, (total, _) in found.items()}
    kwargs["stated_by"] = {name: by for name, (_, by) in found.items()}
    return None


def check_published(where: str, rule_id: str, published: object, columns: list[str]) -> None:
    """Raises UsageError when `published` of a contract's rule is not a mapping of periods to
    totals of columns that can be added up."""
    known = {*columns, ROWS}
    if not isinstance(published, Mapping) or not all(
        isinstance(period, str)
        and isinstance(totals, Mapping)
        and totals
        and all(name in known and _is_number(total) for name, total in totals.items())
        for period, totals in published.items()
    ):
        raise UsageError(
            f"{where}: rule {rule_id}: published maps a quoted period to the totals of some of "
            f"{', '.join(sorted(known))}."
        )


def _of_manifest(text: str | None) -> dict[str, str]:
    try:
        entry = json.loads(text) if text else {}
    except ValueError:  # the sentence that says why the manifest was of no use
        return {}
    totals = entry.get("totals") if isinstance(entry, dict) else None
    if not isinstance(totals, dict):
        return {}
    return {str(name): str(total) for name, total in totals.items() if _is_number(total)}


def _is_number(total: object) -> bool:
    if isinstance(total, bool) or total is None:
        return False
    try:
        return Decimal(str(total)).is_finite()
    except InvalidOperation:
        return False
