"""Rows set aside: the few rows of a load that break a rule, so that the rest may go on.

A rule with `set_aside` (expectations/_policy.yml, or the file's own entry) names the share of
rows that may break it. Up to there the rows leave the candidate table before the load is judged
for good; beyond, nothing is set aside and the rule holds the delivery. What was set aside is in
two tables: quality.quarantined_row says which row broke which rule in which columns, without a
value; quarantine.raw_row, in a schema of its own that only its owner may use, keeps the row
until it is settled. A row is settled by a later delivery that replaces it (superseding), or
goes back to where it came from when all its rules are suspended (decisions).
Add here: another way for rows to be set aside or to return. Keep out: which rows break a rule
(expectation_types), who may look at them (the desk).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestration.quality import suites
from orchestration.quality.landed import relation_of
from orchestration.quality.messages import number, percent
from orchestration.quality.results import CheckResult
from orchestration.quality.suites import RuleSpec
from orchestration.quality.typed import literal, quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract, Table


@dataclass(frozen=True)
class SetAside:
    """Rows of one load that broke one rule. column_names: where, over all of them."""

    table: str
    rule_id: str
    rows: int
    settled: int
    column_names: tuple[str, ...]

    @property
    def sentence(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{number(self.rows)} rows"
        where = f" in {', '.join(self.column_names)}" if self.column_names else ""
        settled = f"; {number(self.settled)} replaced by a later delivery" if self.settled else ""
        return f"{rows} of {self.table} by {self.rule_id}{where}{settled}."


def set_aside(
    connection: psycopg.Connection,
    contract: Contract,
    table: Table,
    load_id: int,
    rules: Iterable[RuleSpec],
) -> dict[str, int]:
    """Take the rows that break these rules out of the candidate table: {rule_id: rows}.

    Empty, and nothing done, when a rule is broken by more rows than it lets be set aside. To be
    called with the rules that failed; their kwargs must be final. Does not commit.
    """
    parts: list[tuple[str, str, str]] = []  # rule, column, SQL that is true for a broken row
    companions: dict[str, str] = {}
    limits: dict[str, float] = {}
    for rule in rules:
        [expectation] = suites.build_suite(rule.rule_id, [(rule, rule.kwargs)]).expectations
        companions |= rule.kwargs.get("companions", {})
        limits[rule.rule_id] = rule.set_aside or 0.0
        by_column = getattr(expectation, "conditions", dict)()
        breaks = by_column or {rule.column or "": expectation.failing_rows()}
        parts += [(rule.rule_id, column, sql) for column, sql in breaks.items() if sql]
    if not parts:
        return {}
    name = quote(f"{table.name}_l{load_id}")
    candidate = f"candidate_{contract.agency}.{name}"
    typed = "".join(f", {sql} as {quote(column)}" for column, sql in companions.items())
    of_rule = ", ".join(f"case when {sql} then {literal(rule)} end" for rule, _, sql in parts)
    of_column = ", ".join(
        f"case when {sql} then {literal(column)} end" for _, column, sql in parts if column
    )
    connection.execute("drop table if exists pg_temp.broken_row")
    connection.execute(
        f"""
        create temporary table broken_row on commit drop as
        with batch as (select *{typed} from {candidate} offset 0)
        select
            _row_number as row_number,
            array(
                select distinct rule from unnest(array[{of_rule}]::text[]) as rule
                where rule is not null order by rule
            ) as rule_ids,
            array_remove(array[{of_column}]::text[], null) as column_names
        from batch
        where {" or ".join(f"({sql})" for *_, sql in parts)}
        """  # type: ignore[arg-type]
    )
    [rows] = connection.execute(f"select count(*) from {candidate}").fetchone()  # type: ignore[arg-type,misc]
    found: dict[str, int] = dict(
        connection.execute(
            "select rule_id, count(*) from broken_row, unnest(rule_ids) as rule_id group by 1"
        ).fetchall()
    )
    [broken] = connection.execute("select count(*) from broken_row").fetchone()  # type: ignore[misc]
    within = all(count <= limits[rule_id] * rows for rule_id, count in found.items())
    if not found or not within or broken > max(limits.values()) * rows:
        return {}
    what = {"load_id": load_id, "table": table.name}
    connection.execute(
        "insert into quality.quarantined_row "
        "(load_id, table_name, row_number, rule_ids, column_names) "
        "select %(load_id)s, %(table)s, row_number, rule_ids, column_names from broken_row",
        what,
    )
    connection.execute(
        "insert into quarantine.raw_row (load_id, table_name, row_number, content) "  # type: ignore[arg-type]
        f"select %(load_id)s, %(table)s, _row_number, to_jsonb(c) from {candidate} as c "
        "where _row_number in (select row_number from broken_row)",
        what,
    )
    connection.execute(
        f"delete from {candidate} where _row_number in (select row_number from broken_row)"  # type: ignore[arg-type]
    )
    _count(connection, load_id, -broken)
    return found


def put_back(
    connection: psycopg.Connection,
    contract: Contract,
    load_id: int,
    suspended: Sequence[str] | None = None,
) -> int:
    """Rows set aside return to where the load's rows are; how many.

    suspended: only rows all of whose rules are among these; None for all, as before a load is
    judged anew. What the reader itself set aside, such as a footer, is no row and stays. Does
    not commit.
    """
    returned = 0
    for table in contract.tables:
        if not (relation := relation_of(connection, contract, table.name, load_id)):
            continue
        columns = ", ".join(
            quote(row[0])
            for row in connection.execute(
                "select attname from pg_attribute where attrelid = to_regclass(%s) "
                "and attnum > 0 and not attisdropped order by attnum",
                [relation],
            )
        )
        returned += connection.execute(
            f"""
            with back as (
                select raw.row_number, raw.content
                from quarantine.raw_row as raw
                inner join quality.quarantined_row as q using (load_id, table_name, row_number)
                where q.load_id = %(load_id)s and q.table_name = %(table)s and not q.is_footer
                    and (%(rules)s::text[] is null or q.rule_ids <@ %(rules)s::text[])
            ),
            gone as (
                delete from quality.quarantined_row where load_id = %(load_id)s
                    and table_name = %(table)s and row_number in (select row_number from back)
            )
            insert into {relation} ({columns})
            select {columns} from back,
                lateral jsonb_populate_record(null::{relation}, back.content)
            """,  # type: ignore[arg-type]
            {
                "load_id": load_id,
                "table": table.name,
                "rules": None if suspended is None else list(suspended),
            },
        ).rowcount
    _count(connection, load_id, returned)
    return returned


def return_suspended(
    connection: psycopg.Connection, contract: Contract, suspended: Sequence[str]
) -> int:
    """Rows of published loads whose rules are all suspended now go into staging; how many.

    They are then seen as of their own load: they were delivered with it. Does not commit.
    """
    loads = connection.execute(
        "select distinct l.load_id from quality.load as l "
        "inner join quality.quarantined_row as q using (load_id) "
        "where l.agency = %s and l.file = %s and l.status = 'accepted' "
        "and q.settled_by_load_id is null order by 1",
        [contract.agency, contract.file],
    ).fetchall()
    return sum(put_back(connection, contract, load_id, suspended) for (load_id,) in loads)


def summary(connection: psycopg.Connection, load_id: int) -> list[SetAside]:
    """What was set aside of a load, by table and rule, without a value."""
    return [
        SetAside(*row[:4], tuple(row[4]))
        for row in connection.execute(
            """
            select q.table_name, rule_id, count(distinct q.row_number),
                count(distinct q.row_number) filter (where q.settled_by_load_id is not null),
                coalesce(array_agg(distinct name) filter (where name is not null), '{}')
            from quality.quarantined_row as q
            cross join unnest(q.rule_ids) as rule_id
            left join lateral unnest(q.column_names) as name on true
            where q.load_id = %s group by 1, 2 order by 1, 2
            """,
            [load_id],
        )
    ]


def worded(result: CheckResult, rule: RuleSpec, found: dict[str, int]) -> CheckResult:
    """A verdict that says what was set aside, or that too much would have to be."""
    if rule.set_aside is None:
        return result
    limit = percent(rule.set_aside)
    if count := found.get(rule.rule_id):
        rows = "row that breaks it was" if count == 1 else "rows that break it were"
        said = f"{number(count)} {rows} set aside (limit {limit} of rows)."
        return replace(result, message=f"{result.message} {said}")
    if result.blocks and result.status == "failed":
        said = f"More than {limit} of rows break such rules, so none is set aside."
        return replace(result, message=f"{result.message} {said}")
    return result


def _count(connection: psycopg.Connection, load_id: int, rows: int) -> None:
    """quality.load.row_count is the number of rows that would be, or are, in staging."""
    connection.execute(
        "update quality.load set row_count = row_count + %s where load_id = %s", [rows, load_id]
    )
