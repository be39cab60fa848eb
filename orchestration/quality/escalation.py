"""A warning that is far beyond what any accepted load had holds the delivery.

A rule on rows that only warns does so because a few rows always break it. How many did is kept
of every load (metric `breaking`, and `asked` for the rows looked at). When many more do, and no
accepted load of a year was ever near, it is no slip any more: the result is critical.
Add here: which warnings can become critical. Keep out: severities of rules (suites), suspending
rules (results.suspend, decisions), limits (_policy.yml).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestration.quality import chance, suites
from orchestration.quality.messages import percent
from orchestration.quality.results import CheckResult
from orchestration.quality.suites import RuleSpec

if TYPE_CHECKING:
    import psycopg

    from orchestration.quality.comparison import Comparison
    from orchestration.quality.engine import Outcome


def remember(
    connection: psycopg.Connection, load_id: int, table: str, outcomes: Iterable[Outcome]
) -> None:
    """Keep how many rows break each warning. Does not commit."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into quality.metric_history (load_id, table_name, metric, slice, value) "
            "values (%s, %s, %s, %s, %s)",
            [
                (load_id, table, metric, _name(outcome.rule), float(value))
                for outcome in outcomes
                if outcome.rule.escalates and outcome.met is not None
                for metric, value in zip(("breaking", "asked"), _counts(outcome), strict=True)
            ],
        )


def escalated(
    connection: psycopg.Connection, load: Comparison, rule: RuleSpec, result: CheckResult
) -> CheckResult:
    """The result as critical when it is far beyond every accepted load; else as it is.

    At least `loads` accepted loads must tell, and the share of rows that break the rule must
    exceed the most of them by `far`, by what they swung, and by what chance does to so few.
    """
    if not rule.escalates or result.status != "failed" or result.severity != "warning":
        return result
    defaults = suites.policy().escalation
    shares = _shares(connection, load, rule)
    now = shares.pop(load.load_id, None)
    if now is None or len(shares) < defaults["loads"]:
        return result
    most, least = max(b / n for b, n in shares.values()), min(b / n for b, n in shares.values())
    breaking, asked = now
    by_chance = chance.count_limit(most * asked, suites.policy().noise, _TOGETHER) / asked
    if breaking / asked - most <= max(defaults["far"], by_chance) + most - least:
        return result
    said = (
        f"In none of {len(shares)} accepted deliveries were it more than {percent(most)}: so far "
        "beyond that a warning holds the delivery."
    )
    return replace(result, severity="critical", message=f"{result.message} {said}")


# Rows of one person or household that break a rule together, on average (2026-11-25).
_TOGETHER = 3.0


def _name(rule: RuleSpec) -> str:
    return rule.rule_id.rpartition(".")[2]


def _counts(outcome: Outcome) -> tuple[float, float]:
    figures: Mapping[str, Any] = outcome.result.get("figures", outcome.result)
    return figures["failing"], figures["rows"]


def _shares(
    connection: psycopg.Connection, load: Comparison, rule: RuleSpec
) -> dict[int, tuple[float, float]]:
    """(rows that break the rule, rows looked at) of this load and of accepted ones."""
    ids = [load.load_id, *dict.fromkeys([*load.compared_with, *load.earlier, *load.season])]
    return {
        load_id: (breaking, asked)
        for load_id, breaking, asked in connection.execute(
            "select b.load_id, b.value, a.value from quality.metric_history as b "
            "inner join quality.metric_history as a using (load_id, table_name, slice) "
            "where b.load_id = any(%s) and b.table_name = %s and b.slice = %s "
            "and b.metric = 'breaking' and a.metric = 'asked' and a.value > 0",
            [ids, rule.table, _name(rule)],
        )
    }
