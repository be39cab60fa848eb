"""What a gate costs beside three queries written by hand that answer the same sixty questions.

A table of thirty text columns, as landing leaves it, and sixty rules on it: Great Expectations
judges each, and the three queries count what the rules ask for (fifty-eight counts in one scan
and two keys). Own database on the configured server, dropped at the end.
Add here: a figure about the cost of judging. Keep out: what a rule decides (tests).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.quality import engine
from orchestration.quality.suites import RuleSpec
from orchestration.quality.typed import NUMBER, date_pattern, literal, quote
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

SCHEMA, TABLE = "candidate_bench", "wide_l1"
# Ten columns of codes, ten of dates and ten of amounts; the first of each kind is half a key.
CODES = tuple(f"code_{number:02d}" for number in range(1, 11))
DATES = tuple(f"day_{number:02d}" for number in range(1, 11))
AMOUNTS = tuple(f"amount_{number:02d}" for number in range(1, 11))
LISTED = ("A", "B", "C", "D", "E", "F")
KEYS = (("row_key",), ("row_key", "code_02", "day_02"))


def run(
    settings: Settings,
    rows: int = 1_000_000,
    *,
    rounds: int = 3,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Judge a table of so many rows, and ask the same by hand, turn and turn about.

    Returns {"rows", "columns", "expectations", "rounds", "by_hand_seconds", "gate_seconds",
    "ratio"}: medians over the rounds, wall time, the first round of each (imports, cold cache)
    left out. Raises UsageError for fewer than 1,000 rows or no round, LifecourseError when the
    two do not agree on how many rows break the rules.
    """
    from psycopg import sql

    if rows < 1_000 or rounds < 1:
        raise UsageError("The cost of a gate needs 1,000 rows and one round or more.")
    say = progress or (lambda text: None)
    name = f"lifecourse_bench_{int(time.time())}"
    own = urlsplit(warehouse.url(settings))._replace(path=f"/{name}").geturl()
    with warehouse.connect(settings, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            return _measure(replace(settings, database_url=own), rows, rounds, say)
        finally:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )


def _measure(
    settings: Settings, rows: int, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    prepared = [(rule, rule.kwargs) for rule in rules()]
    by_hand: list[float] = []
    gate: list[float] = []
    with warehouse.connect(settings, autocommit=True) as connection, engine.kept_open(settings):
        say(f"bench: {rows:,} rows of {len(columns())} columns")
        _make(connection, rows)
        for number in range(rounds + 1):
            say(f"bench: round {number} of {rounds}, by hand")
            started = time.perf_counter()
            counted = _by_hand(connection)
            by_hand.append(time.perf_counter() - started)
            say(f"bench: round {number} of {rounds}, the gate")
            started = time.perf_counter()
            validation = engine.validate(settings, "bench", engine.Rows(SCHEMA, TABLE), prepared)
            gate.append(time.perf_counter() - started)
            judged = [_failing(outcome) for outcome in validation.outcomes]
            if judged != counted:
                raise LifecourseError(
                    "The gate and the queries by hand disagree on the rows that break a rule; "
                    "this is a fault of the benchmark or of a rule's type."
                )
    hand_seconds, gate_seconds = statistics.median(by_hand[1:]), statistics.median(gate[1:])
    return {
        "rows": rows,
        "columns": len(columns()),
        "expectations": len(prepared),
        "rounds": rounds,
        "by_hand_seconds": round(hand_seconds, 3),
        "gate_seconds": round(gate_seconds, 3),
        "ratio": round(gate_seconds / hand_seconds, 2),
    }


def columns() -> tuple[str, ...]:
    return ("row_key", *CODES, *DATES, *AMOUNTS[:9])


def rules() -> list[RuleSpec]:
    """Sixty: each column filled (30), codes listed (10), dates written as dates (10), amounts
    read as numbers (8), and two keys unique."""
    found = [
        _rule("required", name, "expect_required_columns_to_be_filled", {"columns": [name]})
        for name in columns()
    ]
    found += [
        _rule("codes", name, "expect_codes_to_be_listed", {"codes": {name: list(LISTED)}})
        for name in CODES
    ]
    day = date_pattern("%Y-%m-%d")
    found += [
        _rule("format", name, "expect_formats_to_hold", {"formats": {name: pattern}})
        for names, pattern in ((DATES, day), (AMOUNTS[:8], NUMBER))
        for name in names
    ]
    found += [
        _rule("key", f"{len(key)}_columns", "expect_key_to_be_unique", {"columns": list(key)})
        for key in KEYS
    ]
    return found


def _rule(kind: str, of: str, expectation: str, kwargs: dict[str, Any]) -> RuleSpec:
    return RuleSpec(
        rule_id=f"bench.wide.{kind}_{of}",
        agency="bench",
        file="wide",
        table="wide",
        type=expectation,
        kwargs=kwargs,
        dimension="correctness",
        severity="warning",
        says=f"{kind} {of}.",
        why="A benchmark.",
        fix="Nothing.",
        because="A benchmark.",
        calibrated="2026-11-25, from nothing",
        origin="file",
    )


def _make(connection: psycopg.Connection, rows: int) -> None:
    """The table; a few rows in a thousand break each rule but those of the keys."""

    def text(number: int, name: str) -> str:
        turn = f"(i * {2 * number + 7}) % 997"
        if name == "row_key":
            return "'K' || i"
        if name in CODES:
            return (
                f"case {turn} when 0 then null when 1 then 'Z' else chr(65 + i * {number} % 6) end"
            )
        if name in DATES:
            day = f"to_char(date '2000-01-01' + i * {number} % 9000, 'YYYY-MM-DD')"
            return f"case {turn} when 0 then null when 1 then '2001-02-30' else {day} end"
        amount = f"(i * {number} % 100000) / 100.0"
        return f"case {turn} when 0 then null when 1 then 'none' else ({amount})::text end"

    selected = ", ".join(
        f"{text(number, name)} as {quote(name)}" for number, name in enumerate(columns(), start=1)
    )
    connection.execute(f"create schema {SCHEMA}")
    connection.execute(
        f"create table {SCHEMA}.{TABLE} as "  # type: ignore[arg-type]
        f"select {selected} from generate_series(1, {int(rows)}) as i"
    )
    connection.execute(f"vacuum analyze {SCHEMA}.{TABLE}")  # type: ignore[arg-type]


def _by_hand(connection: psycopg.Connection) -> list[int]:
    """What rules() count, in their order: one query of aggregates, two of group by."""
    listed = ", ".join(map(literal, LISTED))
    day, number = (literal(f"^(?:{p})$") for p in (date_pattern("%Y-%m-%d"), NUMBER))
    conditions = [f"{quote(name)} is null" for name in columns()]
    conditions += [f"{quote(name)} not in ({listed})" for name in CODES]
    conditions += [f"{quote(name)} !~ {day}" for name in DATES]
    conditions += [f"{quote(name)} !~ {number}" for name in AMOUNTS[:8]]
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in conditions)
    found = list(
        connection.execute(
            f"select {counts} from {SCHEMA}.{TABLE}"  # type: ignore[arg-type]
        ).fetchone()
    )
    for key in KEYS:
        names = ", ".join(map(quote, key))
        found += connection.execute(
            "select coalesce(sum(n) filter (where n > 1), 0)::bigint from "  # type: ignore[arg-type]
            f"(select count(*) as n from {SCHEMA}.{TABLE} group by {names}) as keys"
        ).fetchone()
    return found


def _failing(outcome: engine.Outcome) -> int:
    if outcome.error:
        raise LifecourseError(f"Rule {outcome.rule.rule_id} could not be judged: {outcome.error}.")
    return int(outcome.result["observed_value"])
