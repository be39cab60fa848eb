"""Reading landed text as its type: the regular expressions and the safe casts.

Every agency column is landed as text. A rule on dates or numbers reads the companion column
`<column>_as_date`, `_as_timestamp` or `_as_number`, which is NULL where the text cannot be
read, so that a badly written value fails the format rule and never breaks another rule's SQL.
Add here: a type or a date directive that a contract needs. Keep out: rules.
"""

from __future__ import annotations

import re
from functools import lru_cache

from orchestration.errors import UsageError
from orchestration.landing.contracts import Column

INTEGER = r"-?\d+"
NUMBER = r"-?(?:\d+\.?\d*|\.\d+)"
BOOLEAN = r"(?:[01YNTF]|true|false|TRUE|FALSE)"

_COMPANIONS = {"date": "date", "timestamp": "timestamp", "integer": "number", "number": "number"}

_TIME = {"%H": r"(?:[01]\d|2[0-3])", "%M": r"[0-5]\d", "%S": r"[0-5]\d"}
_TEMPLATE = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH24", "%M": "MI", "%S": "SS"}
_LEAP = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
# Calendar days only: PostgreSQL's to_date raises on 30 February instead of giving NULL.
_DAYS = (
    {"%m": "(?:0[13578]|1[02])", "%d": r"(?:0[1-9]|[12]\d|3[01])", "%Y": r"\d{4}"},
    {"%m": "(?:0[469]|11)", "%d": r"(?:0[1-9]|[12]\d|30)", "%Y": r"\d{4}"},
    {"%m": "02", "%d": r"(?:0[1-9]|1\d|2[0-8])", "%Y": r"\d{4}"},
    {"%m": "02", "%d": "29", "%Y": _LEAP},
)


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


@lru_cache(maxsize=256)
def date_pattern(date_format: str) -> str:
    """The regular expression of a strftime format, matching real calendar days only.

    Knows %Y %m %d %H %M %S. Raises UsageError for any other directive.
    """
    parts = re.findall(r"%.|[^%]+", date_format)
    unknown = [p for p in parts if p[0] == "%" and p not in _TEMPLATE]
    if unknown:
        raise UsageError(
            f"The date format {date_format} uses {unknown[0]}; the gate can read "
            f"{', '.join(_TEMPLATE)}."
        )
    days = _DAYS if "%d" in parts else ({"%m": r"(?:0[1-9]|1[0-2])", "%Y": r"\d{4}"},)

    def written(day: dict[str, str]) -> str:
        return "".join({**_TIME, **day}[p] if p[0] == "%" else re.escape(p) for p in parts)

    return "(?:" + "|".join(written(day) for day in days) + ")"


# A spreadsheet has written a long number as 1.11E+08: its digits are lost and people merge. Its
# exponent has three digits at most: in an encrypted child id, 7E7427838000 is twelve hexadecimal
# digits, and two such in 165 rows held a small county's delivery (2026-11-26).
ROUNDED = r"\d(?:\.\d+)?[Ee]\+?\d{1,3}"
_NOT_ROUNDED = rf"(?!{ROUNDED}$).*"


def id_pattern(column: Column, key: tuple[str, ...]) -> str | None:
    """What an id that may be any text must not look like; None for what is no id."""
    if column.logical_type != "string" or column.codes:
        return None
    is_id = column.name in key or (
        column.role == "identifier" and column.name.endswith(("_id", "_no", "_number", "ssn"))
    )
    return _NOT_ROUNDED if is_id else None


def column_pattern(column: Column) -> str | None:
    """What a value of this column must look like as a whole, or None when anything goes.

    A type and a `pattern` of the contract must both hold; a code list says it all by itself.
    """
    if column.codes is not None:
        return None
    if column.logical_type in ("date", "timestamp") and column.date_format:
        typed = date_pattern(column.date_format)
    else:
        typed = {"integer": INTEGER, "number": NUMBER, "boolean": BOOLEAN}.get(column.logical_type)
    if typed and column.pattern:
        return f"(?=(?:{typed})$)(?:{column.pattern})"
    return typed or column.pattern


def companions(columns: tuple[Column, ...]) -> dict[str, str]:
    """The typed companion of each date and number column: {its name: its SQL expression}."""
    found: dict[str, str] = {}
    for column in columns:
        kind = _COMPANIONS.get(column.logical_type)
        if kind is None:
            continue
        text = quote(column.name)
        if kind == "number":
            pattern = INTEGER if column.logical_type == "integer" else NUMBER
            cast = f"cast({text} as numeric)"
        else:
            pattern = date_pattern(column.date_format or "%Y-%m-%d")
            # Letters between the parts are quoted: DDT24 would read TH as the ending of 24th.
            template = re.sub(
                "%.|[A-Za-z]+",
                lambda found: _TEMPLATE.get(found[0], f'"{found[0]}"'),
                column.date_format or "%Y-%m-%d",
            )
            cast = f"cast(to_timestamp({text}, {literal(template)}) as {kind})"
        condition = f"{text} ~ {literal(f'^(?:{pattern})$')}"
        found[f"{column.name}_as_{kind}"] = f"case when {condition} then {cast} end"
    return found


def used(companions: dict[str, str], *conditions: str | None) -> dict[str, str]:
    """The companions that these SQL conditions name."""
    words = set(re.findall(r"\w+", " ".join(c for c in conditions if c)))
    return {name: sql for name, sql in companions.items() if name in words}
