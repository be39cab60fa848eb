"""The gate of one load: its candidate tables, judged rule by rule, before anyone sees them.

Add here: what a rule needs to know of its load (rows, history, the other files of its set).
Keep out: rules (suites), wording (messages), and publishing, which asks the database whether
the gate was passed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestration import warehouse
from orchestration.errors import LifecourseError
from orchestration.landing.contracts import Contract, Table
from orchestration.landing.delivery_types import CHANGES
from orchestration.quality import (
    causes,
    comparison,
    control_totals,
    decisions,
    engine,
    escalation,
    history,
    landed,
    messages,
    quarantine,
    recurring,
    repeats,
    results,
    shapes,
    slices,
    suites,
    turnover,
    typed,
)
from orchestration.quality.results import CheckResult, GateReport
from orchestration.quality.suites import RuleSpec
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

    from orchestration.quality.comparison import Comparison

__all__ = ["CheckResult", "GateReport", "RuleSpec", "run_gate", "specs"]


def specs(contract: Contract) -> list[RuleSpec]:
    """The rules of one file, without a database and without Great Expectations.

    Raises UsageError naming the file and the rule that is wrong.
    """
    return list(suites.rules(contract))


def run_gate(settings: Settings, contract: Contract, load_id: int) -> GateReport:
    """Judge one load and write the verdict.

    Reads candidate_<agency>.<table>_l<load_id>, which must be committed. Writes
    quality.check_result, quality.metric_history and quality.validation, and sets gate_status
    of the load, in one transaction; a second gate on the same load replaces the first.
    Raises LifecourseError when the load or a candidate table is not there.
    """
    try:
        with warehouse.session(settings) as connection:
            return _run(settings, connection, contract, load_id)
    finally:
        engine.release(settings)


def _run(
    settings: Settings, connection: psycopg.Connection, contract: Contract, load_id: int
) -> GateReport:
    by_table: dict[str, list[RuleSpec]] = {table.name: [] for table in contract.tables}
    for rule in suites.rules(contract):
        by_table[rule.table].append(rule)
    verdicts: list[CheckResult] = []
    documents: dict[str, dict[str, Any]] = {}
    load = comparison.compare(connection, contract, load_id)
    suspended = decisions.suspended(connection, contract.agency, contract.file)
    quarantine.put_back(connection, contract, load_id)
    for table in contract.tables:
        of_table = by_table[table.name]
        rows = _remember(connection, contract, table, load)
        # Great Expectations reads the figures through a connection of its own.
        connection.commit()
        found, document = _judge(settings, connection, contract, table, load, rows, of_table)
        found = [_with_causes(connection, contract, table, load, verdict) for verdict in found]
        aside = _set_aside(connection, contract, table, load, of_table, found, suspended)
        if aside:
            rows = _remember(connection, contract, table, load)
            connection.commit()
            whole = found
            found, document = _judge(settings, connection, contract, table, load, rows, of_table)
            # Totals are of the file as it was sent.
            found = [
                before if now.expectation_type == control_totals.TYPE else now
                for before, now in zip(whole, found, strict=True)
            ]
        verdicts += [
            escalation.escalated(connection, load, rule, quarantine.worded(verdict, rule, aside))
            for verdict, rule in zip(found, of_table, strict=True)
        ]
        if document is not None:
            documents[table.name] = document
    verdicts = [results.suspend(v, suspended.get(v.rule_id)) for v in verdicts]
    report = GateReport(load_id, verdicts)
    results.save(
        connection,
        load_id=load_id,
        agency=contract.agency,
        file_of={table.name: contract.file for table in contract.tables},
        period=load.period,
        results=verdicts,
        documents=documents,
    )
    connection.execute(
        "update quality.load set gate_status = %s where load_id = %s",
        [report.gate_status, load_id],
    )
    connection.commit()
    return report


def _with_causes(
    connection: psycopg.Connection,
    contract: Contract,
    table: Table,
    load: Comparison,
    verdict: CheckResult,
) -> CheckResult:
    if verdict.expectation_type != "expect_formats_to_hold" or verdict.status != "failed":
        return verdict
    columns = (verdict.column or "").split(", ")
    said = causes.causes(connection, _candidate(contract, table, load), table, columns)
    return replace(verdict, message=f"{verdict.message} {said}") if said else verdict


def _set_aside(
    connection: psycopg.Connection,
    contract: Contract,
    table: Table,
    load: Comparison,
    rules: list[RuleSpec],
    found: list[CheckResult],
    suspended: Mapping[str, str],
) -> dict[str, int]:
    """Set aside the rows behind failed rules, where these allow it: {rule_id: rows}."""
    broken = []
    for rule, verdict in zip(rules, found, strict=True):
        if verdict.status != "failed" or not verdict.blocks or rule.rule_id in suspended:
            continue
        if not rule.set_aside:
            continue
        kwargs = dict(rule.kwargs)
        if rule.type == "expect_rows_to_have_a_parent":
            parent_relation(kwargs, connection, contract, load.load_id)
        broken.append(replace(rule, kwargs=kwargs))
    return quarantine.set_aside(connection, contract, table, load.load_id, broken)


def _candidate(contract: Contract, table: Table, load: Comparison) -> str:
    return f"candidate_{contract.agency}.{typed.quote(f'{table.name}_l{load.load_id}')}"


def _remember(
    connection: psycopg.Connection, contract: Contract, table: Table, load: Comparison
) -> int:
    """Store the figures of a candidate table; returns its rows."""
    import psycopg

    relation = _candidate(contract, table, load)
    try:
        found = history.figures(connection, contract, table, relation)
        found += history.carried_over(connection, contract, table, relation, load.delivery_type)
        count = int(found[0][3])
        looked_at = shapes.sampled(connection, relation, count)
        shaped = shapes.figures(connection, contract, table, looked_at, count, load.period)
        latest = load.compared_with
        found += shaped + shapes.moved(connection, table, shaped, latest)
        found += slices.figures(connection, table, looked_at, count)
        found += recurring.twins(connection, table, relation, count)
        if latest and load.delivery_type not in CHANGES:
            before = landed.relation_of(connection, contract, table.name, latest[0])
            if before and count:
                found += turnover.figures(connection, contract, table, relation, before, count)
                found += repeats.figures(
                    connection, contract, table, relation, before, count, shaped
                )
                earlier = history.rows_of(connection, table, latest[0])
                found += recurring.texts(connection, table, looked_at, before, count, earlier)
    except psycopg.errors.UndefinedTable as error:
        raise LifecourseError(
            f"Load {load.load_id} of {contract.agency}/{contract.file} has no candidate table "
            f"{table.name}; load the file again."
        ) from error
    history.store(connection, load.load_id, table, found)
    return int(found[0][3])


def _judge(
    settings: Settings,
    connection: psycopg.Connection,
    contract: Contract,
    table: Table,
    load: Comparison,
    rows: int,
    rules: list[RuleSpec],
) -> tuple[list[CheckResult], dict[str, Any] | None]:
    """The verdict on each rule of one table, in order, and the validation document."""
    part = f" {table.name}" if len(contract.tables) > 1 else ""
    subject = f"{contract.agency}/{contract.file}{part} {load.period}"
    verdicts: dict[str, CheckResult] = {}
    prepared: list[tuple[RuleSpec, Mapping[str, Any]]] = []
    for rule in rules:
        kwargs = dict(rule.kwargs)
        reason = None
        if rule.needs_history:
            reason = comparison.arguments(rule, kwargs, contract, load)
        if not rows and reason is None:
            reason = _empty(rule, connection, table, load)
        if reason is None and rule.type == control_totals.TYPE:
            reason = control_totals.stated(connection, kwargs, table, load.load_id, load.period)
        if reason is None and rule.type == "expect_rows_to_have_a_parent":
            reason = parent_relation(kwargs, connection, contract, load.load_id)
        if reason is None:
            prepared.append((rule, kwargs))
        else:
            verdicts[rule.rule_id] = messages.not_applicable(subject, rule, reason)
    document = None
    if prepared:
        validation = engine.validate(
            settings,
            f"{contract.agency}.{contract.file}.{table.name}",
            engine.Rows(f"candidate_{contract.agency}", f"{table.name}_l{load.load_id}"),
            [(rule, _with_table(rule, kwargs, table, load)) for rule, kwargs in prepared],
        )
        document = validation.document
        escalation.remember(connection, load.load_id, table.name, validation.outcomes)
        for outcome in validation.outcomes:
            verdict = messages.result(subject, outcome)
            if outcome.rule.type == slices.STILL_PRESENT and outcome.met is False:
                said = _parts_gone(connection, contract, table, load, outcome)
                verdict = replace(verdict, message=f"{verdict.message} {said}")
            verdicts[outcome.rule.rule_id] = verdict
    return [verdicts[rule.rule_id] for rule in rules], document


def _parts_gone(
    connection: psycopg.Connection,
    contract: Contract,
    table: Table,
    load: Comparison,
    outcome: engine.Outcome,
) -> str:
    """Which parts are missing, by the names that the last accepted load has for them."""
    before = landed.relation_of(connection, contract, table.name, load.compared_with[0])
    if before is None:
        return ""
    said = []
    for column, found in outcome.result["figures"]["columns"].items():
        names = slices.names_of(connection, before, column, found["gone"])
        said.append(f"Missing of {column}: {', '.join(sorted(names.values()))}.")
    return " ".join(said)


def _with_table(
    rule: RuleSpec, kwargs: Mapping[str, Any], table: Table, load: Comparison
) -> Mapping[str, Any]:
    if not rule.needs_history:
        return kwargs
    return {**kwargs, "table_name": table.name, "load_id": load.load_id}


def _empty(
    rule: RuleSpec, connection: psycopg.Connection, table: Table, load: Comparison
) -> str | None:
    """Why a rule does not apply to a table without rows; None where it does.

    The number of rows is judged all the same when there were rows before: a file that arrives
    with its header only is the largest drop of all. So are totals that somebody states.
    """
    if rule.type == control_totals.TYPE:
        return None
    if rule.type == "expect_row_count_near_history":
        had_rows = connection.execute(
            "select 1 from quality.metric_history where load_id = any(%s) and table_name = %s "
            "and metric = 'rows' and value > 0",
            [load.compared_with, table.name],
        ).fetchone()
        if had_rows:
            return None
    return "the file holds no row of this table"


def words_of(rule: RuleSpec) -> set[str]:
    """Every name that a rule's kwargs use: its columns are among them."""
    found = set(
        re.findall(r"\w+", repr({k: v for k, v in rule.kwargs.items() if k != "companions"}))
    )
    return found | set(re.findall(r"\w+", " ".join(rule.kwargs.get("companions", {}).values())))


def parent_relation(
    kwargs: dict[str, Any], connection: psycopg.Connection, contract: Contract, load_id: int
) -> str | None:
    """Put the table to look the parents up in into kwargs: this delivery's candidate, else
    staging. Returns why there is none, or None."""
    parent = kwargs["parent"]
    waiting = connection.execute(
        """
        select format('candidate_%%s.%%I', agency, %(parent)s || '_l' || load_id)
        from quality.load
        where agency = %(agency)s
          and delivery = (select delivery from quality.load where load_id = %(load_id)s)
          and (status = 'received' or load_id = %(load_id)s)
          and to_regclass(
              format('candidate_%%s.%%I', agency, %(parent)s || '_l' || load_id)) is not null
        order by load_id desc limit 1
        """,
        {
            "agency": contract.agency,
            "parent": parent,
            "load_id": load_id,
        },
    ).fetchone()
    if waiting:
        kwargs["relation"] = waiting[0]
        return None
    current = f"staging_{contract.agency}.{typed.quote(f'{parent}_current')}"
    exists = connection.execute("select to_regclass(%s)", [current]).fetchone()
    accepted = (
        exists
        and exists[0]
        and connection.execute(
            f"select 1 from {current} limit 1"  # type: ignore[arg-type]
        ).fetchone()
    )
    if not accepted:
        return f"no accepted {parent} to look up in"
    kwargs["relation"] = current
    return None
