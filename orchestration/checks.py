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
from orchestration.assets.deliveries import candidate_key, staging_key
from orchestration.intake import FileSet
from orchestration.landing.contracts import Contract
from orchestration.resources import Installation, build_of

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
        # A warning that escalates comes as an error, and only errors block.
        blocking=rule.severity == "critical" or rule.escalates,
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


def lateness(contracts: Iterable[Contract]) -> dg.AssetChecksDefinition:
    """Whether each file has come by the day its contract allows; what is late blocks nothing.

    Asset checks rather than Dagster's freshness policies: those go by when a table was written,
    and a month that was delivered late is not fresh the day it comes, nor is one that is replayed.
    """
    from orchestration.timeliness import RHYTHMS

    assets = {
        (contract.agency, contract.file): staging_key(contract.agency, contract.tables[0].name)
        for contract in contracts
        if contract.frequency in RHYTHMS and contract.access_class != "unavailable"
    }

    @dg.multi_asset_check(
        name="lateness",
        specs=[
            dg.AssetCheckSpec("on_time", asset=asset, description="No period of it is late.")
            for asset in assets.values()
        ],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> Iterator[dg.AssetCheckResult]:
        from orchestration import notify, timeliness

        settings = installation.settings
        owed: dict[tuple[str, str], list[dict]] = {key: [] for key in assets}
        for row in timeliness.expected(settings):
            if (row["agency"], row["file"]) in owed:
                owed[row["agency"], row["file"]].append(row)
        for key, rows in owed.items():
            if dg.AssetCheckKey(assets[key], "on_time") not in context.selected_asset_check_keys:
                continue
            late = [row for row in rows if row["days_late"]]
            yield dg.AssetCheckResult(
                check_name="on_time",
                asset_key=assets[key],
                passed=not late,
                severity=dg.AssetCheckSeverity.WARN,
                description=next(iter(timeliness.summed_up(late)), "Nothing of it is late."),
                metadata={
                    "days_late": max((row["days_late"] for row in rows), default=0),
                    "late": [row["period"] for row in late],
                    "next": next(
                        (f"{r['period']} due {r['due_on']}" for r in rows if not r["days_late"]), ""
                    ),
                },
            )
        notify.send_quietly(settings, context.log.info)

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
    def check(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> Iterator[dg.AssetCheckResult]:
        from orchestration import builds, release

        report = library.run_core_gate(installation.settings, schema_suffix=release.ASIDE)
        if report.passed:
            builds.done(installation.settings, build_of(context.run), "core_gate")
        yield from _verdicts(rules, [report])

    return check
