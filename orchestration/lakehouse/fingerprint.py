"""Did two engines make the same table? One query a table, one row of figures.

The same figures in two dialects: PostgreSQL's and Spark's. Add here: a type, a dialect.
Keep out: running the query. Imports nothing but the standard library: spark.py runs where the
project's own libraries are not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

KINDS = {
    "text": "text",
    "boolean": "boolean",
    "date": "date",
    "integer": "number",
    "bigint": "number",
    "smallint": "number",
    "numeric": "number",
    "timestamp without time zone": "instant",
}


def query(table: str, columns: Sequence[tuple[str, str]], keys: Sequence[str], dialect: str) -> str:
    """The fingerprint of a table as one row.

    table: schema.name. columns: (name, kind) with kind one of KINDS' values, in order. keys: the
    columns of its grain. dialect: postgres or spark. Columns of the row: n_rows; key_min and
    key_max, of the keys' md5; rows_hash, the sum over all rows of 32 bits of the hash of the whole
    row, so the order of rows does not matter and one changed value shows; then for each column the
    count of values and its sum (numbers; days since 1970 for dates; true values; 32 bits of each
    text's hash). Raises KeyError for another dialect.
    """
    words = _DIALECTS[dialect]
    kinds = dict(columns)
    key = f"md5({_joined([(name, kinds[name]) for name in keys], words)})"
    figures = [
        "count(*) as n_rows",
        f"min({key}) as key_min",
        f"max({key}) as key_max",
        f"{_total(words['bits'].format(_joined(columns, words)))} as rows_hash",
    ]
    for name, kind in columns:
        figures.append(f"count({name}) as {name}__n")
        figures.append(f"{_total(_value(name, kind, words))} as {name}__sum")
    return f"select {', '.join(figures)} from {table}"


def figures(row: Mapping[str, object]) -> dict[str, str]:
    """A fingerprint as text that is the same on both sides: decimals without exponent."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else str(value)
        for name, value in row.items()
    }


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The figures that are not the same in both, by name; a column's name tells where to look."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


_DIALECTS = {
    "postgres": {
        "bits": "('x' || substr(md5({}), 1, 8))::bit(32)::bigint",
        "days": "({} - date '1970-01-01')",
        "seconds": "extract(epoch from {})",
        "text": "text",
    },
    "spark": {
        "bits": "cast(conv(substr(md5({}), 1, 8), 16, 10) as bigint)",
        "days": "datediff({}, date'1970-01-01')",
        "seconds": "timestampdiff(second, timestamp_ntz'1970-01-01 00:00:00', {})",
        "text": "string",
    },
}


def _joined(columns: Sequence[tuple[str, str]], words: Mapping[str, str]) -> str:
    texts = (
        # How many digits a computed number shows is the engine's own; four are compared.
        f"cast({name} as numeric(38, 4))" if kind == "number" else name
        for name, kind in columns
    )
    return (
        "concat_ws('|', "
        + ", ".join(f"coalesce(cast({text} as {words['text']}), '~')" for text in texts)
        + ")"
    )


def _value(name: str, kind: str, words: Mapping[str, str]) -> str:
    if kind == "text":
        return words["bits"].format(name)
    if kind == "date":
        return words["days"].format(name)
    if kind == "instant":
        return words["seconds"].format(name)
    if kind == "boolean":
        return f"case when {name} then 1 else 0 end"
    return name


def _total(expression: str) -> str:
    return f"cast(coalesce(sum(cast({expression} as numeric(38, 4))), 0) as numeric(38, 4))"
