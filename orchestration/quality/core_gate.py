"""The second gate: the linked core, judged as a whole before panels and marts are built on it.

dbt's own tests hold keys, foreign keys and accepted values of core; the rules here, under
expectations/core/<table>.yml, ask whether the whole is plausible: lives in order, links as
many as usual, nothing gone since the last release. Add here: what a core rule may refer to.
Keep out: rules, and any check that dbt already makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.quality import engine, messages, results, suites
from orchestration.quality.results import CheckResult, GateReport
from orchestration.quality.suites import RuleSpec
from orchestration.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    import psycopg

__all__ = ["CheckResult", "GateReport", "RuleSpec", "run_core_gate", "specs"]

AGENCY = "core"
FOLDER = PROJECT_ROOT / "expectations" / "core"


def specs(folder: Path = FOLDER) -> list[RuleSpec]:
    """The rules on core, table by table, without a database and without Great Expectations.

    Raises UsageError naming the file and the rule that is wrong.
    """
    found: dict[str, RuleSpec] = {}
    for path in sorted(folder.glob("*.yml")):
        where = f"expectations/core/{path.name}"
        content = suites.read_yaml(path)
        if set(content) != {"table", "expectations"} or content["table"] != path.stem:
            raise UsageError(f"{where} must hold `table: {path.stem}` and `expectations`, no more.")
        for entry in content["expectations"] or []:
            rule = _rule(where, path.stem, entry)
            if rule.rule_id in found:
                raise UsageError(f"{where}: rule {rule.rule_id} is there twice; rename one.")
            found[rule.rule_id] = rule
    return list(found.values())


def _rule(where: str, table: str, entry: Mapping[str, Any]) -> RuleSpec:
    rule_id = suites.check_written(where, entry, {"batch", "rows_are"})
    if not rule_id.startswith(f"core.{table}."):
        raise UsageError(f"{where}: rule {rule_id} must begin with core.{table}.")
    if entry["type"] == "expect_rows_to_have_a_parent":
        raise UsageError(f"{where}: rule {rule_id}: foreign keys of core are tested by dbt.")
    batch = entry.get("batch")
    if batch is not None and ":" in batch:
        raise UsageError(f"{where}: rule {rule_id}: write cast(a as b) instead of a colon.")
    if batch is not None and entry["type"] not in suites.RUN_ON_QUERIES:
        raise UsageError(
            f"{where}: rule {rule_id}: a rule with a batch takes one of "
            f"{', '.join(sorted(suites.RUN_ON_QUERIES))}."
        )
    return RuleSpec(
        rule_id=rule_id,
        agency=AGENCY,
        file=table,
        table=table,
        type=entry["type"],
        kwargs=suites.check_kwargs(
            where, rule_id, entry, {**suites.TYPES, **suites.TYPES_ON_NUMBERS}
        ),
        dimension=entry["dimension"],
        severity=entry["severity"],
        says=suites.sentence(entry["says"]),
        why=suites.sentence(entry["why"]),
        fix=suites.sentence(entry["fix"]),
        because=entry["because"],
        calibrated=suites.calibrated(where, rule_id, entry),
        origin="file",
        batch=batch,
        rows_are=entry.get("rows_are", "rows"),
    )


@dataclass(frozen=True)
class _Schemas:
    """core: the build under the gate; released: what readers see now."""

    core: str
    released: str = "core"

    def fill(self, sql: str) -> str:
        return sql.replace("{core}", self.core).replace("{released}", self.released)


def run_core_gate(settings: Settings, *, schema_suffix: str = "") -> GateReport:
    """Judge the core tables and write the verdict to quality.check_result (agency `core`).

    schema_suffix: of the schemas that were built aside (`core__next`); empty for the released
    ones. Rules that compare with the last release are not applicable while there is none.
    Raises LifecourseError when a table with rules has not been built.
    """
    try:
        with warehouse.connect(settings) as connection:
            return _run(settings, connection, _Schemas(f"core{schema_suffix}"))
    finally:
        engine.release(settings)


def _run(settings: Settings, connection: psycopg.Connection, schemas: _Schemas) -> GateReport:
    rules = specs()
    verdicts: dict[str, CheckResult] = {}
    documents: dict[str, dict[str, Any]] = {}
    for table in dict.fromkeys(rule.table for rule in rules):
        if not _exists(connection, f"{schemas.core}.{table}"):
            raise LifecourseError(
                f"{schemas.core}.{table} has rules but has not been built; build core first."
            )
    by_batch: dict[tuple[str, str], list[RuleSpec]] = {}
    for rule in rules:
        reason = _not_applicable(connection, rule, schemas)
        if reason:
            verdicts[rule.rule_id] = messages.not_applicable(_subject(rule), rule, reason)
            continue
        batch = schemas.fill(rule.batch or "")
        by_batch.setdefault((rule.table, batch), []).append(rule)
    for (table, batch), members in by_batch.items():
        validation = engine.validate(
            settings,
            f"{AGENCY}.{table}",
            engine.Rows(schemas.core, table, batch),
            [(rule, _filled(rule.kwargs, schemas)) for rule in members],
        )
        for outcome in validation.outcomes:
            verdicts[outcome.rule.rule_id] = messages.result(_subject(outcome.rule), outcome)
        _merge(documents, table, validation.document)
    report = GateReport(None, [verdicts[rule.rule_id] for rule in rules])
    results.save(
        connection,
        load_id=None,
        agency=AGENCY,
        file_of={rule.table: rule.file for rule in rules},
        period=None,
        results=report.results,
        documents=documents,
    )
    connection.commit()
    return report


def _subject(rule: RuleSpec) -> str:
    return f"core/{rule.table}"


def _exists(connection: psycopg.Connection, relation: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [relation]).fetchone()
    return bool(row and row[0])


def _not_applicable(
    connection: psycopg.Connection, rule: RuleSpec, schemas: _Schemas
) -> str | None:
    if "{released}" not in (rule.batch or ""):
        return None
    if schemas.core == schemas.released:
        return "this is the released core itself; there is no other to compare with"
    if not _exists(connection, f"{schemas.released}.{rule.table}"):
        return "no release to compare with yet"
    return None


def _filled(kwargs: Mapping[str, Any], schemas: _Schemas) -> dict[str, Any]:
    return {
        key: schemas.fill(value) if isinstance(value, str) else value
        for key, value in kwargs.items()
    }


def _merge(documents: dict[str, dict[str, Any]], table: str, document: dict[str, Any]) -> None:
    """Several batches of one table make one document."""
    if table not in documents:
        documents[table] = document
        return
    whole = documents[table]
    whole["success"] = whole["success"] and document["success"]
    whole["results"] += document["results"]
    met = sum(result["success"] for result in whole["results"])
    whole["statistics"] = {
        "evaluated_expectations": len(whole["results"]),
        "successful_expectations": met,
        "unsuccessful_expectations": len(whole["results"]) - met,
        "success_percent": 100 * met / len(whole["results"]),
    }
