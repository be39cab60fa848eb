"""The gates as Dagster sees them: one asset check per rule.

A failed critical rule blocks what is downstream in the same run; the publish statement in
the database blocks it in every other. Add here: nothing per rule; rules live under
expectations/.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of these functions.
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from orchestration import intake
from orchestration.assets.deliveries import candidate_key
from orchestration.intake import FileSet
from orchestration.resources import Installation

if TYPE_CHECKING:
    from orchestration.quality.gate import CheckResult, GateReport, RuleSpec


_WORST_LAST = ("not_applicable", "passed", "failed", "error")


def check_name(rule_id: str) -> str:
    """benefits.case_members.codes_listed -> codes_listed; the asset names the rest."""
    return re.sub(r"\W+", "_", rule_id.split(".", 2)[-1])


def _spec(rule: "RuleSpec", asset: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=check_name(rule.rule_id),
        asset=asset,
        blocking=rule.severity == "critical",
        description=rule.description,
        metadata={"dimension": rule.dimension, "severity": rule.severity},
    )


def _result(result: "CheckResult", asset: dg.AssetKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check_name(result.rule_id),
        asset_key=asset,
        passed=result.status in ("passed", "not_applicable"),
        severity=dg.AssetCheckSeverity.ERROR
        if result.severity == "critical"
        else dg.AssetCheckSeverity.WARN,
        description=result.message,
        metadata={
            "status": result.status,
            "dimension": result.dimension,
            "observed": result.observed or "",
            "threshold": result.threshold or "",
        },
    )


def _missing(rule: "RuleSpec", asset: dg.AssetKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check_name(rule.rule_id),
        asset_key=asset,
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description="The file was not part of this delivery.",
        metadata={"status": "not_applicable"},
    )


def _verdicts(
    rules: Iterable[tuple["RuleSpec", dg.AssetKey]], reports: Iterable["GateReport"]
) -> Iterator[dg.AssetCheckResult]:
    """One result for each rule that Dagster was told of; Dagster waits for every one."""
    # A delivery may hold several periods of one file: the worst of them is shown.
    results = {
        result.rule_id: result
        for result in sorted(
            (result for report in reports for result in report.results),
            key=lambda result: _WORST_LAST.index(result.status),
        )
    }
    for rule, asset in rules:
        result = results.get(rule.rule_id)
        yield _result(result, asset) if result else _missing(rule, asset)


def delivery_gate(file_set: FileSet) -> dg.AssetChecksDefinition:
    """Great Expectations' verdict on the candidates of one set, rule by rule."""
    from orchestration.quality import gate

    rules = [
        (rule, candidate_key(file_set.agency, rule.table))
        for contract in file_set.contracts
        for rule in gate.specs(contract)
    ]

    @dg.multi_asset_check(
        name=f"gate__{file_set.key}", specs=[_spec(rule, asset) for rule, asset in rules]
    )
    def check(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> Iterator[dg.AssetCheckResult]:
        reports = intake.gate(
            installation.settings, file_set, context.run.tags["dagster/partition"]
        )
        yield from _verdicts(rules, reports)

    return check


def core_gate(existing: Iterable[dg.AssetKey]) -> dg.AssetChecksDefinition:
    """The second gate: the linked core, before any panel or mart is built on it.

    existing: the asset keys dbt defines, so that a rule on a table that is gone is an error
    at definition time.
    """
    from orchestration.quality import core_gate as library

    keys = set(existing)
    rules = [(rule, dg.AssetKey(["core", rule.table])) for rule in library.specs()]
    unknown = sorted({rule.table for rule, asset in rules if asset not in keys})
    if unknown:
        raise dg.DagsterInvalidDefinitionError(
            f"expectations/core has rules for {', '.join(unknown)}, which no model builds."
        )

    @dg.multi_asset_check(name="gate__core", specs=[_spec(rule, asset) for rule, asset in rules])
    def check(installation: Installation) -> Iterator[dg.AssetCheckResult]:
        from orchestration import release

        report = library.run_core_gate(installation.settings, schema_suffix=release.ASIDE)
        yield from _verdicts(rules, [report])

    return check
