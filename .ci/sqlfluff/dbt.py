"""What sqlfluff's jinja templater needs of dbt where a model calls it directly.

Only the shape matters: sqlfluff parses the result and runs nothing. Add here: a function of
dbt that a model calls. Keep out: anything that must be right; dbt renders what is run.
"""


def dateadd(datepart: str, interval: object, expression: str) -> str:
    return f"date_add({expression}, {interval})"


def date_trunc(datepart: str, expression: str) -> str:
    return f"date_trunc('{datepart}', {expression})"


def concat(fields: list[str]) -> str:
    return f"concat({', '.join(fields)})"


def type_string() -> str:
    return "text"
