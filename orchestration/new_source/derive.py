"""What follows from a contract: the dbt source, the staging model's columns, and how to check both.

One home for the rule that a contract's table `loans` of agency `library` is the source
library.loans on the view loans_current with the asset key ["staging_library", "loans"], read by
stg_library__loans. `lifecourse new-source` writes with it; tests/python/test_contract_drift.py
holds every source in the project to it.
Add here: a part of the dbt project that a contract decides. Keep out: reading samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestration.landing.contracts import Column, Contract, Table
from orchestration.landing.staging import VIEW_COLUMNS, staging_schema
from orchestration.new_source.columns import (
    MONTH_DASHED,
    MONTH_PLAIN,
    UUID,
    is_birth,
    is_name,
    is_ssn,
)
from orchestration.new_source.text import quoted

GROUPS = ("identifiers", "attributes", "measures", "flags", "dates", "delivery")
LAYOUTS = {"%Y-%m-%d": "yyyy-mm-dd", "%m/%d/%Y": "mm/dd/yyyy", "%Y%m%d": "yyyymmdd"}
# What landing's view and the house add to every model; a column of the file may not take them.
TAKEN = {"load_id", "line_number", "delivery", "received_at", "period"}
FLAGS = (("Y", "N"), ("1", "0"), ("T", "F"), ("true", "false"), ("Yes", "No"))
DOCUMENTED = {
    *("first_name", "middle_name", "last_name", "suffix", "maiden_name", "ssn", "ssn_last4"),
    *("street_address", "unit", "zip", "birth_date", "load_id", "delivery", "received_at"),
}


@dataclass(frozen=True)
class Staged:
    """One column of a staging model. conversion: how the text becomes a value (see _staged).

    column: the contract's column, None for what landing adds. remark: a comment above it.
    """

    name: str
    sql: str
    group: str
    conversion: str
    column: Column | None
    remark: str = ""


def model_name(contract: Contract, table: Table) -> str:
    return f"stg_{contract.agency}__{table.name}"


def source_table(contract: Contract, table: Table) -> dict[str, Any]:
    """What the dbt source of a staging table must say."""
    return {
        "name": table.name,
        "identifier": f"{table.name}_current",
        "asset_key": [staging_schema(contract.agency), table.name],
    }


def source(contract: Contract) -> dict[str, Any]:
    """What the dbt source of an agency must say."""
    return {
        "name": contract.agency,
        "schema": staging_schema(contract.agency),
        "owner": contract.owner,
        "contract": f"expectations/{contract.agency}",
        "loaded_at_field": "_received_at",
    }


def landed_columns(table: Table) -> set[str]:
    """Every column of the view that dbt reads: the contract's and those landing adds."""
    return {column.name for column in table.columns} | set(VIEW_COLUMNS)


def columns_read(compiled_sql: str, view: str, schema: str | None = None) -> set[str]:
    """The columns that a compiled staging model takes from its source `view` (of `schema`).

    A column counts when its select reads the CTE `source` (or another CTE that is a plain
    `select *` from a source) and no other alias is named before it.
    """
    import sqlglot
    from sqlglot import expressions as exp

    tree = sqlglot.parse_one(compiled_sql, dialect="postgres")
    imports = {
        cte.alias
        for cte in tree.find_all(exp.CTE)
        if cte.this.find(exp.Star)
        and any(t.name == view and schema in (None, t.db) for t in cte.find_all(exp.Table))
    }
    found: set[str] = set()
    for select in tree.find_all(exp.Select):
        origin = select.args.get("from_") or select.args.get("from")
        if origin is None or origin.this.name not in imports:
            continue
        alias = origin.this.alias_or_name
        alone = not select.args.get("joins")
        for column in select.find_all(exp.Column):
            # A correlated subquery has its own tables, whose columns carry their alias.
            if column.table == alias or (alone and not column.table):
                found.add(column.name)
        if not alone:
            inner = [c for c in select.find_all(exp.Column) if c.table == alias]
            found.update(c.name for c in inner)
    return found


# --- the source YAML


def render_source_table(contract: Contract, table: Table) -> str:
    """One entry below `tables:`."""
    says = source_table(contract, table)
    key = ", ".join(f'"{part}"' for part in says["asset_key"])
    return (
        f"      - name: {says['name']}\n"
        f"        identifier: {says['identifier']}\n"
        f"        description: {quoted(table.description or table.name)}\n"
        "        config:\n"
        "          meta:\n"
        "            dagster:\n"
        f"              asset_key: [{key}]\n"
    )


def render_sources(contract: Contract) -> str:
    """The whole _<agency>__sources.yml of an agency with one contract."""
    says = source(contract)
    return (
        "version: 2\n\n"
        "sources:\n"
        f"  - name: {says['name']}\n"
        f"    description: {quoted(contract.description)}\n"
        f"    schema: {says['schema']}\n"
        "    config:\n"
        "      meta:\n"
        f"        owner: {quoted(says['owner'])}\n"
        f"        rhythm: {quoted(contract.frequency)}\n"
        f"        contract: {says['contract']}\n"
        f"      loaded_at_field: {says['loaded_at_field']}\n"
        "      freshness:\n"
        "        warn_after: {count: 45, period: day}\n"
        "    tables:\n"
    ) + "".join(render_source_table(contract, table) for table in contract.tables)


# --- the staging model


def staged_columns(contract: Contract, table: Table) -> tuple[Staged, ...]:
    """The columns of the staging model in the order of the house, each landed column once."""
    by_line = not table.key
    staged = [Staged("load_id", "_load_id as load_id", "identifiers", "", None)] if by_line else []
    if by_line:
        staged.append(Staged("line_number", "_row_number as line_number", "identifiers", "", None))
    elif _needs_period(contract, table):
        staged.append(Staged("period", "_period as period", "identifiers", "", None))
    taken = set(TAKEN)
    if table.key and not _keeps_key(table):
        staged.append(_key_column(table))
        taken.add(staged[-1].name)
    for column in table.columns:
        one = _staged(column, table, taken)
        taken.add(one.name)
        staged.append(one)
    if not by_line:
        staged.append(Staged("load_id", "_load_id as load_id", "delivery", "", None))
    staged += [
        Staged("delivery", "_delivery as delivery", "delivery", "", None),
        Staged("received_at", "_received_at as received_at", "delivery", "", None),
    ]
    return tuple(sorted(staged, key=lambda one: GROUPS.index(one.group)))


def grain(contract: Contract, table: Table) -> list[str]:
    """The columns of the model that name a row: the contract's key, else load and line.

    An increment's periods stand beside each other, so its grain holds the period.
    """
    if not table.key:
        return ["load_id", "line_number"]
    period = ["period"] if _needs_period(contract, table) else []
    if not _keeps_key(table):
        return [*period, _key_column(table).name]
    by_column = {s.column.name: s.name for s in staged_columns(contract, table) if s.column}
    return [*period, *(by_column[name] for name in table.key)]


def _keeps_key(table: Table) -> bool:
    """Whether typing keeps every key column as it came.

    A placeholder number or a sentinel date becomes null, and then the key names no row any more.
    """
    key = [column for column in table.columns if column.key_position]
    return all(_staged(column, table, set()).conversion in ("text", "month") for column in key)


def _key_column(table: Table) -> Staged:
    """The key columns as delivered, parted by bars."""
    name = f"source_{table.name}_key"
    parts = ",\n".join(f"            coalesce(btrim({column}), '')" for column in table.key)
    sql = f"concat_ws(\n            '|',\n{parts}\n        ) as {name}"
    return Staged(name, sql, "identifiers", "key", None)


def _needs_period(contract: Contract, table: Table) -> bool:
    return contract.delivery_kind == "increment" and not any(
        column.key_position and column.pattern in (MONTH_DASHED, MONTH_PLAIN)
        for column in table.columns
    )


def _staged(column: Column, table: Table, taken: set[str]) -> Staged:
    name, text = column.name, f"{{{{ clean_text('{column.name}') }}}}"

    def one(wanted: str, expression: str, group: str, conversion: str, remark: str = "") -> Staged:
        alias = wanted
        while alias in taken:
            alias = f"delivered_{alias}" if alias == wanted else f"{alias}_2"
        sql = expression if expression == alias else f"{expression} as {alias}"
        return Staged(alias, sql, group, conversion, column, remark)

    if column.logical_type == "date":
        layout = LAYOUTS.get(column.date_format or "")
        wanted = name if re.search(r"date|(^|_)on$", name) else f"{name}_date"
        if layout is None:
            return one(
                wanted, text, "dates", "text", "confirm: clean_date does not know this layout yet"
            )
        kind = ", 'birth_date'" if is_birth(name) else ""
        sql = f"{{{{ clean_date('{name}', '{layout}'{kind}) }}}}"
        return one(wanted, sql, "dates", f"date {column.date_format}")
    if column.logical_type == "timestamp":
        wanted = name if name.endswith("_at") else f"{name}_at"
        if not (column.date_format or "").startswith("%Y-%m-%d"):
            return one(
                wanted, text, "dates", "text", "confirm: clean_timestamp does not know this layout"
            )
        written = f"'{name}'"
        if "T" in (column.date_format or ""):
            written = f"\"replace({name}, 'T', ' ')\""
        remark = ""
        if (column.date_format or "").endswith("Z"):
            remark = "confirm: the file's times are UTC and stay so here"
        sql = f"{{{{ clean_timestamp({written}) }}}}"
        return one(wanted, sql, "dates", "timestamp", remark)
    if column.pattern in (MONTH_DASHED, MONTH_PLAIN):
        layout = "" if column.pattern == MONTH_DASHED else ", 'yyyymm'"
        return one(name, f"{{{{ clean_month('{name}'{layout}) }}}}", "dates", "month")
    if is_ssn(name) and column.role == "identifier":
        return one(name, f"{{{{ clean_ssn('{name}') }}}}", "identifiers", "ssn")
    if re.search(r"(^|_)(zip|postal)", name):
        group = "identifiers"
        return one(name, f"{{{{ clean_zip('{name}') }}}}", group, "zip")
    if column.role == "identifier" or column.key_position or column.pattern == UUID:
        if is_name(name) or re.search(r"^unnamed_|street|address|unit|phone|email", name):
            return one(name, text, "identifiers", "text")
        wanted = f"source_{table.name}_id" if name == "id" else name
        if column.role == "identifier" or column.pattern == UUID:
            wanted = wanted if re.search(r"_(id|no|number|key)$", wanted) else f"{wanted}_id"
            wanted = wanted if wanted.startswith("source_") else f"source_{wanted}"
        expression = f"btrim({name})" if column.key_position else text
        return one(wanted, expression, "identifiers", "text")
    if column.codes is not None:
        flag = next((f for f in FLAGS if set(f) == set(column.codes)), None)
        if flag and column.role == "content":
            wanted = name if re.match(r"(is|has)_", name) else f"is_{name}"
            sql = f"case {name} when '{flag[0]}' then true when '{flag[1]}' then false end"
            return one(wanted, sql, "flags", f"flag {flag[0]}")
        wanted = name if re.search(r"(code|status|type)$", name) else f"{name}_code"
        return one(wanted, text, "attributes", "text")
    if column.logical_type == "integer":
        return one(name, f"{{{{ clean_integer('{name}') }}}}", "measures", "integer")
    if column.logical_type == "number":
        return one(name, f"{{{{ clean_decimal('{name}') }}}}", "measures", "number")
    return one(name, text, "attributes", "text")


def render_model_sql(contract: Contract, table: Table) -> str:
    """stg_<agency>__<table>.sql."""
    return (
        "with\n\n"
        "source as (\n\n"
        f"    select * from {{{{ source('{contract.agency}', '{table.name}') }}}}\n\n"
        "),\n\n"
        "renamed as (\n\n"
        "    select\n"
        + "\n".join(_select_list(contract, table))
        + "\n\n    from source\n\n)\n\nselect * from renamed\n"
    )


def _select_list(contract: Contract, table: Table) -> Iterator[str]:
    staged = staged_columns(contract, table)
    groups = [group for group in GROUPS if any(s.group == group for s in staged)]
    for number, group in enumerate(groups):
        if number:
            yield ""
        yield f"        -- {group}"
        for one in [s for s in staged if s.group == group]:
            if one.remark:
                yield f"        -- {one.remark}"
            comma = "" if one is staged[-1] else ","
            line = f"        {one.sql}{comma}"
            if len(line) > 100 and "\n" not in line:
                head, _, alias = one.sql.rpartition(" as ")
                yield f"        {head}"
                line = f"            as {alias}{comma}"
            yield line


def render_model_yaml(contract: Contract, table: Table, group: str | None) -> str:
    """One entry below `models:`: description, grain and its test, every column."""
    columns = ", ".join(grain(contract, table))
    sensitivity = "protected"
    if any(column.role == "identifier" for column in table.columns):
        sensitivity = "restricted"
    if contract.access_class == "open":
        sensitivity = "open"
    text = (
        f"  - name: {model_name(contract, table)}\n"
        f"    description: {quoted(table.grain or table.description)}\n"
        "    config:\n" + (f"      group: {group}\n" if group else "") + "      meta:\n"
        f"        grain: [{columns}]\n"
        f"        steward: {contract.agency}\n"
        f"        sensitivity: {sensitivity}\n"
        "    data_tests:\n"
        "      - unique_grain:\n"
        "          arguments:\n"
        f"            columns: [{columns}]\n"
        "    columns:\n"
    )
    for one in staged_columns(contract, table):
        text += f"      - name: {one.name}\n        description: {_described(one)}\n"
    return text


def _described(one: Staged) -> str:
    if one.name in DOCUMENTED:
        return f"'{{{{ doc(\"{one.name}\") }}}}'"
    added = {"line_number": "Line of the file.", "period": "Period that the file covers."}
    if one.conversion == "key":
        return quoted("The columns that name a row, as delivered, parted by bars.")
    if one.column is None:
        return added[one.name]
    return quoted(one.column.description or f"{one.column.header}, as delivered.")
