"""The gates on a real PostgreSQL: rules, verdicts, history, core, Data Docs, no one's values."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestration import landing, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.landing.contracts import Column, Contract
from orchestration.quality import (
    comparison,
    core_gate,
    decisions,
    engine,
    gate,
    history,
    suites,
    typed,
)
from orchestration.quality.data_docs import build_data_docs
from orchestration.quality.gate import CheckResult, GateReport
from orchestration.settings import PROJECT_ROOT, Settings

EXPECTATIONS = PROJECT_ROOT / "expectations"

# A person nobody else in the tests is called. In every identifying column of every row that
# breaks a rule; if any of it shows up anywhere, a gate has leaked a value.
CANARY = {
    "name": "ZYXWELLA QUIMBLEWORTH",
    "ssn": "987650123",
    "birth_date": "1911-11-11",
    "person_no": "PCANARY7731",
}

VISIT_COLUMNS = ("month", "person_no", "name", "ssn", "birth_date", "program", "amount", "note")
PEOPLE_COLUMNS = ("person_no", "name", "year")


def _column(name: str, **more: Any) -> dict[str, Any]:
    role = "identifier" if name in ("person_no", "name", "ssn", "birth_date") else "content"
    return {
        "name": name,
        "logicalType": "string",
        "classification": "protected",
        "customProperties": [{"property": "role", "value": role}],
        **more,
    }


def _codes(*codes: str) -> list[dict[str, Any]]:
    return [{"metric": "invalidValues", "arguments": {"validValues": codes}, "mustBe": 0}]


def _key(position: int) -> dict[str, Any]:
    return {"required": True, "primaryKey": True, "primaryKeyPosition": position}


COLUMNS = {
    "visits": [
        _column("month", logicalTypeOptions={"pattern": r"20\d{2}-[01]\d"}, **_key(1)),
        _column("person_no", **_key(2)),
        _column("name"),
        _column("ssn"),
        _column("birth_date", logicalType="date", logicalTypeOptions={"format": "%Y-%m-%d"}),
        _column("program", required=True, quality=_codes("SNAP", "TANF", "WIC")),
        _column("amount", logicalType="integer"),
        _column("note"),
    ],
    "people": [
        _column("person_no", **_key(1)),
        _column("name"),
        _column("year", required=True, quality=_codes("2024", "2025", "2026")),
    ],
}


def _rule(rule_id: str, **changes: Any) -> dict[str, Any]:
    """A written rule that is right in every respect but those named."""
    entry = {
        "id": rule_id,
        "type": "expect_rows_to_satisfy",
        "kwargs": {"condition": "amount_as_number >= 0"},
        "says": "Amounts are not negative.",
        "dimension": "accuracy",
        "severity": "warning",
        "why": "A test.",
        "fix": "Nothing.",
        "because": "A test.",
        "calibrated": {"on": "2026-11-23", "from": "nothing"},
    }
    entry.update(changes)
    return {key: value for key, value in entry.items() if value is not None}


def _contract(
    folder: Path, file: str, expectations: Iterable[dict[str, Any]] = (), **properties: str
) -> Contract:
    """The contract of `visits` (an increment by month) or `people` (a snapshot)."""
    visits = file == "visits"
    roles = ("data_owner", "data_steward", "data_custodian")
    custom = {
        "accessClass": "protected",
        "legalAuthority": "a test",
        "fileFormat": "csv",
        "filePattern": r"visits_(?P<period>20\d{2}-\d{2})\.csv" if visits else r"people\.csv",
        "deliveryKind": "increment" if visits else "snapshot",
        "rowsOptional": True,
        "publishSet": "demo",
        **properties,
    }
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"demo.{file}",
        "version": "1.0.0",
        "status": "active",
        "domain": "economic_security",
        "description": {"purpose": "Rows for tests."},
        "team": {"members": [{"role": role, "name": role} for role in roles]},
        "slaProperties": [
            {"property": "frequency", "value": "monthly"},
            {"property": "retention", "value": "1 year"},
        ],
        "customProperties": [{"property": k, "value": v} for k, v in custom.items()],
        "schema": [{"name": file, "description": "Rows for tests.", "properties": COLUMNS[file]}],
    }
    path = folder / "expectations" / "demo" / f"{file}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    # JSON is YAML.
    path.write_text(json.dumps({"contract": contract, "expectations": list(expectations)}))
    return landing.load_contract(path)


def _visits(month: str, rows: int = 300, seed: int = 0) -> list[dict[str, str]]:
    """Rows without a fault; a third of them TANF."""
    rng = random.Random(f"{month}{seed}")
    return [
        {
            "month": month,
            "person_no": f"P{number:05d}",
            "name": f"PERSON {number}",
            "ssn": f"{rng.randrange(10**8, 8 * 10**8)}",
            "birth_date": f"19{rng.randrange(40, 99)}-0{rng.randrange(1, 10)}-1{rng.randrange(10)}",
            "program": ("SNAP", "TANF", "WIC")[number % 3],
            "amount": str(rng.randrange(10, 900)),
            "note": "seen" if number % 2 else "",
        }
        for number in range(rows)
    ]


def _people(rows: int = 300, year: str = "2025") -> list[dict[str, str]]:
    return [
        {"person_no": f"P{number:05d}", "name": f"PERSON {number}", "year": year}
        for number in range(rows)
    ]


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("quality")


@pytest.fixture
def desk(settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    """An empty warehouse and a deliveries folder."""
    with warehouse.connect(settings) as connection:
        for schema in (
            "quality",
            "candidate_demo",
            "staging_demo",
            "core",
            "core__next",
            "identity",
            "linkage",
            "quarantine",
            "stg",
        ):
            connection.execute(f"drop schema if exists {schema} cascade")
        connection.commit()
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, ())
        yield Desk(settings, connection, tmp_path)


class Desk:
    """Delivers, gates and publishes as a run does."""

    def __init__(self, settings: Settings, connection: psycopg.Connection, folder: Path) -> None:
        self.settings, self.connection, self.folder = settings, connection, folder

    def load(self, contract: Contract, delivery: str, rows: list[dict[str, str]]) -> int:
        """Deliver one file and load its candidate; returns the load id."""
        visits = contract.file == "visits"
        name = f"visits_{delivery[:7]}.csv" if visits else "people.csv"
        path = self.folder / "deliveries" / "demo" / delivery / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, VISIT_COLUMNS if visits else PEOPLE_COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        landing.ensure_staging(self.connection, [contract])
        (found,) = landing.discover(
            self.folder / "deliveries", [contract], agency="demo", delivery=delivery
        )
        registration = landing.register(self.connection, found)
        landing.load_candidate(self.connection, found, registration.load_id)
        self.connection.commit()
        shutil.rmtree(self.folder / "deliveries")
        return registration.load_id

    def gate(self, contract: Contract, load_id: int) -> GateReport:
        return gate.run_gate(self.settings, contract, load_id)

    def accept(self, contract: Contract, delivery: str, rows: list[dict[str, str]]) -> GateReport:
        load_id = self.load(contract, delivery, rows)
        report = self.gate(contract, load_id)
        assert report.passed, [r.message for r in report.results if r.blocks]
        landing.publish(self.connection, [load_id])
        self.connection.commit()
        return report

    def judge(
        self, contract: Contract, delivery: str, rows: list[dict[str, str]]
    ) -> dict[str, CheckResult]:
        """Load and gate; {short rule name: result}."""
        report = self.gate(contract, self.load(contract, delivery, rows))
        return {result.rule_id.rsplit(".", 1)[-1]: result for result in report.results}


# --- rules, without a database -------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "expect_rows_to_satisfy"}, "needs an id"),
        (_rule("demo.people.elsewhere"), "must begin with demo.visits."),
        (_rule("demo.visits.a", why=None), "lacks why"),
        (_rule("demo.visits.a", calibrated=None), "lacks calibrated"),
        (_rule("demo.visits.a", because=None), "lacks because"),
        (_rule("demo.visits.a", calibrated={"on": "soon", "from": "x"}), "must be a date"),
        (_rule("demo.visits.a", dimension="beauty"), "dimension must be one of"),
        (_rule("demo.visits.a", severity="fatal"), "severity must be one of"),
        (_rule("demo.visits.a", colour="red"), "does not know colour"),
        (_rule("demo.visits.a", table="people"), "needs table: one of visits"),
        (_rule("demo.visits.a", type="expect_magic"), "which the gate does not run"),
        (_rule("demo.visits.a", kwargs={"condition": "true", "mostly": 1.2}), "mostly must be"),
        (_rule("demo.visits.a", kwargs={"where": "true"}), "lacks condition"),
        (
            _rule(
                "demo.visits.a",
                type="expect_column_values_to_not_be_null",
                kwargs={"column": "shoe_size"},
            ),
            "names the column shoe_size",
        ),
        (
            _rule(
                "demo.visits.a",
                type="expect_column_pair_values_a_to_be_greater_than_b",
                kwargs={"column_A": "birth_date_as_date", "column_B": "birth_date"},
            ),
            "write the rule as expect_rows_to_satisfy",
        ),
        (
            _rule(
                "demo.visits.a",
                type="expect_column_mean_to_be_between",
                kwargs={"column": "amount", "min_value": 0},
            ),
            "needs a column of numbers",
        ),
        (
            {
                "id": "demo.visits.codes_near_history",
                "except": ["name"],
                "because": "x",
                "calibrated": {"on": "2026-11-23", "from": "x"},
            },
            "excepts name, which it does not cover",
        ),
        ({"id": "demo.visits.rows_near_history", "limit": 0.5}, "lacks because, calibrated"),
        (
            {
                "id": "demo.visits.rows_near_history",
                "limit": -1,
                "because": "x",
                "calibrated": {"on": "2026-11-23", "from": "x"},
            },
            "limit must be a number",
        ),
    ],
)
def test_a_wrong_rule_is_named_with_its_file(
    tmp_path: Path, entry: dict[str, Any], said: str
) -> None:
    contract = _contract(tmp_path, "visits", [entry])
    with pytest.raises(UsageError) as raised:
        gate.specs(contract)
    assert "expectations/demo/visits.yml" in str(raised.value)
    assert str(entry.get("id", "")) in str(raised.value)
    assert said in str(raised.value)


def test_a_rule_written_twice_is_refused(tmp_path: Path) -> None:
    contract = _contract(tmp_path, "visits", [_rule("demo.visits.a"), _rule("demo.visits.a")])
    with pytest.raises(UsageError, match=r"demo\.visits\.a is there twice"):
        gate.specs(contract)


def test_great_expectations_refusal_is_worded(tmp_path: Path) -> None:
    rule = _rule(
        "demo.visits.a",
        type="expect_table_row_count_to_be_between",
        kwargs={"min_value": 5, "max_value": 1},
    )
    spec = gate.specs(_contract(tmp_path, "visits", [rule]))[-1]
    with pytest.raises(UsageError, match=r"demo/visits\.yml: rule demo\.visits\.a"):
        suites.build_suite("x", [(spec, spec.kwargs)])


def test_structure_is_derived_and_a_file_may_change_it(tmp_path: Path) -> None:
    plain = {r.rule_id.rsplit(".", 1)[-1]: r for r in gate.specs(_contract(tmp_path, "visits"))}
    assert plain["required_filled"].kwargs["columns"] == ["month", "person_no", "program"]
    assert plain["key_unique"].kwargs["columns"] == ["month", "person_no"]
    assert plain["codes_listed"].kwargs["codes"] == {"program": ["SNAP", "TANF", "WIC"]}
    # the ids because a spreadsheet rounds them
    assert set(plain["formats_hold"].kwargs["formats"]) == {
        *("month", "birth_date", "amount"),
        *("person_no", "ssn"),
    }
    assert plain["ids_near_history"].kwargs["columns"] == ["person_no"]
    assert "ids_carried_over" not in plain

    reason = {"because": "A test.", "calibrated": {"on": "2026-11-23", "from": "nothing"}}
    changed = {
        r.rule_id.rsplit(".", 1)[-1]: r
        for r in gate.specs(
            _contract(
                tmp_path,
                "visits",
                [
                    {"id": "demo.visits.rows_near_history", "limit": 0.5, **reason},
                    {"id": "demo.visits.codes_near_history", "skip": True, **reason},
                    {
                        "id": "demo.visits.missing_near_history",
                        "except": ["note"],
                        "severity": "warning",
                        **reason,
                    },
                ],
            )
        )
    }
    assert changed["rows_near_history"].kwargs["limit"] == 0.5
    assert "codes_near_history" not in changed
    assert "note" not in changed["missing_near_history"].kwargs["columns"]
    assert changed["missing_near_history"].severity == "warning"


def test_every_shipped_rule_is_whole_and_great_expectations_takes_it() -> None:
    contracts = landing.load_contracts(EXPECTATIONS)
    rules = [rule for contract in contracts for rule in gate.specs(contract)] + core_gate.specs()
    assert len({rule.rule_id for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.dimension in suites.DIMENSIONS, rule.rule_id
        assert rule.severity in suites.SEVERITIES, rule.rule_id
        for text in (rule.says, rule.why, rule.fix):
            assert text.endswith((".", "?", "!")) and len(text) > 10, rule.rule_id
        assert len(rule.because) > 10, rule.rule_id
        day, ground = rule.calibrated.split(", from ", 1)
        assert date.fromisoformat(day) <= date.today() and ground, rule.rule_id
    filled = []
    for rule in rules:
        kwargs = dict(rule.kwargs)
        if rule.needs_history:
            kwargs |= {"table_name": "t", "load_id": 3, "compared_with": [2, 1]}
        if rule.type == "expect_rows_to_have_a_parent":
            kwargs["relation"] = "t"
        filled.append((rule, kwargs))
    assert len(suites.build_suite("all", filled).expectations) == len(rules)


def test_reading_rules_does_not_import_great_expectations() -> None:
    code = (
        "import sys; from orchestration import landing; from orchestration.quality import gate;"
        "from orchestration.quality import core_gate; from orchestration.settings import load;"
        "[gate.specs(c) for c in landing.load_contracts(load().contracts)]; core_gate.specs();"
        "print('great_expectations' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT_ROOT, check=True
    )
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("date_format", "good", "bad"),
    [
        ("%Y-%m-%d", ["2024-02-29", "2000-02-29", "2025-12-31"], ["2025-02-29", "1900-02-29"]),
        ("%Y-%m-%d", ["0001-01-01"], ["2025-04-31", "2025-13-01", "2025-1-1", "20250101", ""]),
        ("%m/%d/%Y", ["02/29/2024"], ["29/02/2024", "02/30/2024", "99/99/9999"]),
        ("%Y%m%d", ["20251231"], ["20251232", "2025-12-31"]),
        ("%Y-%m-%d %H:%M", ["2025-01-01 23:59"], ["2025-01-01 24:00", "2025-01-01"]),
        ("%Y-%m", ["2025-12"], ["2025-00", "2025-13"]),
    ],
)
def test_date_formats_take_calendar_days_only(
    settings: Settings, date_format: str, good: list[str], bad: list[str]
) -> None:
    pattern = f"^(?:{typed.date_pattern(date_format)})$"
    with warehouse.connect(settings) as connection:
        for text, expected in [(t, True) for t in good] + [(t, False) for t in bad]:
            seen = connection.execute("select %s ~ %s", [text, pattern]).fetchone()
            assert seen == (expected,), text
            assert bool(re.match(pattern, text)) is expected, text


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("1.11E+08", False),
        ("4E+15", False),
        ("1.11E8", False),
        ("7E7427838000", True),  # twelve hexadecimal digits
        ("1E13C4", True),
        ("10E1", True),  # a rounded number has one digit before its point
    ],
)
def test_an_id_is_taken_for_a_rounded_number_only_when_it_can_be_one(
    text: str, is_id: bool
) -> None:
    column = Column(
        name="child_id", header="CHILD", logical_type="string", date_format=None, required=True,
        key_position=1, codes=None, pattern=None, role="identifier", classification="confidential",
        start=None, end=None, description="",
    )  # fmt: skip
    pattern = typed.id_pattern(column, ("child_id",))
    assert pattern
    assert bool(re.fullmatch(pattern, text)) == is_id


def test_an_unknown_date_directive_is_refused() -> None:
    with pytest.raises(UsageError, match="%j"):
        typed.date_pattern("%Y%j")


# --- one load ------------------------------------------------------------------------------


def test_a_good_delivery_passes_and_stability_needs_two_before_it(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    for month, expected in (("2025-01", "not_applicable"), ("2025-02", "not_applicable")):
        report = desk.accept(contract, month, _visits(month))
        statuses = {r.rule_id: r.status for r in report.results}
        assert {s for i, s in statuses.items() if i.endswith("_history")} == {expected}
        assert statuses["demo.visits.codes_still_present"] == expected
        assert statuses["demo.visits.key_unique"] == "passed"
    report = desk.accept(contract, "2025-03", _visits("2025-03", rows=310))
    # Nobody stated a total.
    assert {r.rule_id for r in report.results if r.status != "passed"} == {
        "demo.visits.control_totals"
    }
    assert report.gate_status == "passed"
    rows = desk.connection.execute(
        "select count(*), count(distinct rule_id), min(period) from quality.check_result "
        "where load_id = %s",
        [report.load_id],
    ).fetchone()
    assert rows == (len(report.results), len(report.results), "2025-03")


def test_each_structural_rule_fails_on_its_own_fault(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    rows = _visits("2025-01")
    rows[0]["program"] = ""
    rows[1]["program"] = "GRANT"
    rows[2]["birth_date"] = "2025-02-30"
    rows[3]["amount"] = "12,50"
    rows[4]["month"] = "January"
    rows += [dict(rows[9]), dict(rows[9])]
    found = desk.judge(contract, "2025-01", rows)
    subject = "demo/visits 2025-01: "
    # five rows in all, each rule alone would let its rows be set aside
    more = " More than 1 % of rows break such rules, so none is set aside."
    assert found["required_filled"].message == (
        f"{subject}Required columns are empty: program in 1 of 302 rows; limit 0 rows.{more}"
    )
    assert found["codes_listed"].message == (
        f"{subject}Codes outside their list: program in 1 of 302 rows; limit 0 rows.{more}"
    )
    assert found["key_unique"].message == (
        f"{subject}3 of 302 rows repeat the key month, person_no; each key must be one row."
    )
    formats = found["formats_hold"]
    assert formats.status == "failed"
    assert set(formats.column.split(", ")) == {"birth_date", "amount", "month"}
    assert all(found[name].blocks for name in ("required_filled", "codes_listed", "key_unique"))
    status = desk.connection.execute("select gate_status from quality.load").fetchone()
    assert status == ("failed",)


def test_a_bad_month_fails_for_what_is_bad_about_it(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    for month in ("2025-01", "2025-02", "2025-03"):
        desk.accept(contract, month, _visits(month))
    rows = [r for r in _visits("2025-04")[:225] if r["program"] != "TANF"]
    for row in rows:
        row["note"] = ""
    found = desk.judge(contract, "2025-04", rows + rows[:6])
    assert found["rows_near_history"].message == (
        "demo/visits 2025-04: 156 rows where the last 3 accepted deliveries had 300 on average "
        "(-48 %); limit ±28 %."
    )
    assert found["codes_still_present"].message == (
        "demo/visits 2025-04: program TANF was in each of the last 3 accepted deliveries and is "
        "missing (0 of 156 rows)."
    )
    assert found["missing_near_history"].column == "note"
    assert "note is empty in 100 % of rows where it was in 50 %" in (
        found["missing_near_history"].message
    )
    assert found["codes_near_history"].column == "program"
    assert found["codes_near_history"].blocks
    assert found["key_unique"].status == "failed"
    assert found["ids_near_history"].status == "passed"


def test_ids_that_collapse_are_seen(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    for month in ("2025-01", "2025-02"):
        desk.accept(contract, month, _visits(month))
    rows = _visits("2025-03")
    for number, row in enumerate(rows):
        row["person_no"] = f"P{number % 150:05d}"
    found = desk.judge(contract, "2025-03", rows)
    assert found["ids_near_history"].status == "failed"
    assert "person_no has 150 different values in 300 rows, -50 % per row" in (
        found["ids_near_history"].message
    )


def test_a_resubmission_is_compared_with_the_periods_before_its_own(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    for month, rows in (("2025-01", 300), ("2025-02", 300), ("2025-03", 340), ("2025-04", 380)):
        desk.accept(contract, month, _visits(month, rows=rows))
    load_id = desk.load(contract, "2025-03_r1", _visits("2025-03", rows=310))
    assert [
        period
        for (period,) in desk.connection.execute(
            "select period from quality.load where load_id = any(%s) order by period",
            [comparison.compare(desk.connection, contract, load_id).compared_with],
        )
    ] == ["2025-01", "2025-02"]


def test_a_file_that_arrives_with_its_header_only(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    first = desk.judge(contract, "2025-01", [])
    assert {r.status for r in first.values()} == {"not_applicable"}
    for month in ("2025-02", "2025-03"):
        desk.accept(contract, month, _visits(month))
    found = desk.judge(contract, "2025-04", [])
    assert found["rows_near_history"].blocks
    assert "0 rows where the last 2 accepted deliveries had 300" in (
        found["rows_near_history"].message
    )
    assert {r.status for n, r in found.items() if n != "rows_near_history"} == {"not_applicable"}


def test_a_snapshot_must_hold_what_the_one_before_held(desk: Desk) -> None:
    contract = _contract(desk.folder, "people", rowPeriod="{year}")
    desk.accept(contract, "2025-01", _people())
    desk.accept(contract, "2025-02", _people(305))
    renumbered = [{**row, "person_no": f"Q{row['person_no']}"} for row in _people(305)[:40]]
    found = desk.judge(contract, "2025-03", renumbered + _people(305)[40:])
    assert found["ids_carried_over"].blocks
    assert "40 of the 305 records of the last accepted delivery are not in this one (13 %)" in (
        found["ids_carried_over"].message
    )
    # A year that left the file takes its records with it, and that is not missed.
    next_year = [
        {**row, "person_no": f"R{row['person_no']}", "year": "2026"} for row in _people(305)
    ]
    assert desk.judge(contract, "2025-04", next_year)["ids_carried_over"].status == "passed"


def test_parents_are_looked_up_in_the_same_delivery_then_in_staging(desk: Desk) -> None:
    rule = _rule(
        "demo.visits.person_is_known",
        type="expect_rows_to_have_a_parent",
        kwargs={"columns": ["person_no"], "parent": "people"},
        severity="critical",
        says="Every visit is of a person in the list.",
    )
    visits, people = _contract(desk.folder, "visits", [rule]), _contract(desk.folder, "people")
    name = "person_is_known"
    assert desk.judge(visits, "2025-01", _visits("2025-01"))[name].status == "not_applicable"
    desk.load(people, "2025-02", _people(290))
    assert "Not so in 10 of 300 rows" in (
        desk.judge(visits, "2025-02", _visits("2025-02"))[name].message
    )
    desk.accept(people, "2025-03", _people(295))
    assert "Not so in 5 of 300 rows" in (
        desk.judge(visits, "2025-04", _visits("2025-04"))[name].message
    )


# --- errors --------------------------------------------------------------------------------


def test_a_rule_whose_sql_fails_is_an_error_and_tells_no_value(desk: Desk) -> None:
    rules = [
        _rule("demo.visits.no_such_column", kwargs={"condition": "shoe_size > 3"}),
        _rule("demo.visits.breaks_on_a_row", kwargs={"condition": "cast(name as integer) > 3"}),
        _rule("demo.visits.still_judged"),
    ]
    contract = _contract(desk.folder, "visits", rules)
    rows = _visits("2025-01")
    for row in rows:
        row["name"] = CANARY["name"]
    load_id = desk.load(contract, "2025-01", rows)
    report = desk.gate(contract, load_id)
    found = {r.rule_id.rsplit(".", 1)[-1]: r for r in report.results}
    assert found["no_such_column"].status == found["breaks_on_a_row"].status == "error"
    assert 'column "shoe_size" does not exist' in found["no_such_column"].message
    assert "InvalidTextRepresentation" in found["breaks_on_a_row"].message
    assert found["still_judged"].status == found["key_unique"].status == "passed"
    assert report.passed and report.gate_status == "passed"
    _assert_no_canary(desk, "")

    critical = _contract(desk.folder, "visits", [{**rules[0], "severity": "critical"}])
    report = desk.gate(critical, load_id)
    assert not report.passed and report.gate_status == "error"
    assert desk.connection.execute("select gate_status from quality.load").fetchone() == ("error",)
    with pytest.raises(LifecourseError, match="may not be published"):
        landing.publish(desk.connection, [load_id])


def test_rules_on_rows_are_counted_in_one_scan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they say what each says by itself: a `where` stays with its rule."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from orchestration.quality import expectation_types

    share = {"condition": "program = 'TANF'", "where": "amount_as_number > 400", "max_value": 0.2}
    whole = {"columns": [], "condition": "min(month) = max(month)"}
    rules = [
        _rule("demo.visits.amounts", kwargs={"condition": "amount_as_number < 500"}),
        _rule(
            "demo.visits.guarded",
            kwargs={"where": "note ~ '^[0-9]+$'", "condition": "cast(note as integer) > 3"},
        ),
        _rule("demo.visits.share", type="expect_share_to_be_between", kwargs=share),
        _rule("demo.visits.one_month", type="expect_groups_to_satisfy", kwargs=whole),
    ]
    rules += [
        {
            "id": f"demo.visits.{name}",
            "set_aside": 0,
            "because": "Each row counts.",
            "calibrated": {"on": "2026-11-25", "from": "this test"},
        }
        for name in ("required_filled", "codes_listed", "formats_hold")
    ]
    contract = _contract(desk.folder, "visits", rules)
    rows = _visits("2025-01")
    rows[0] |= {"month": "2025-02", "program": "", "birth_date": "2025-02-30"}
    rows[1] |= {"program": "XYZ", "amount": "1.5"}
    for number, row in enumerate(rows):
        row["note"] = str(number % 7) if number % 2 else "seen"
    load_id = desk.load(contract, "2025-01", rows)
    statements: list[str] = []

    def seen(conn, cursor, statement, *_):
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", seen)
    try:
        together = desk.gate(contract, load_id).results
        scans = [s for s in statements if f"visits_l{load_id}" in s and "count(" in s]
        statements.clear()
        monkeypatch.setattr(expectation_types, "_scan", lambda batch, asked: {})
        alone = desk.gate(contract, load_id).results
        scans_alone = [s for s in statements if f"visits_l{load_id}" in s and "count(" in s]
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
    assert together == alone
    assert len(scans) == 2, "one for the rules on rows, one for the groups of the key"
    assert len(scans_alone) == 7
    found = {r.rule_id.rsplit(".", 1)[-1]: r for r in together}
    assert {n: found[n].observed for n in ("required_filled", "codes_listed", "formats_hold")} == {
        "required_filled": "1 fields",
        "codes_listed": "1 fields",
        "formats_hold": "2 fields",
    }
    assert "group" in found["one_month"].message and found["one_month"].status == "failed"
    assert found["guarded"].status == "failed" and found["share"].status == "failed"


def test_the_scan_of_the_rules_may_run_in_several_processes(desk: Desk) -> None:
    """With rows behind `offset 0`, a number, PostgreSQL takes one."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

    from orchestration.quality import expectation_types

    contract = _contract(desk.folder, "visits")
    load_id = desk.load(contract, "2025-01", _visits("2025-01"))
    companions = typed.companions(contract.tables[0].columns)
    batch = sa.select(sa.text("*")).select_from(sa.text(f"candidate_demo.visits_l{load_id}"))
    query = expectation_types._select(
        {"low": "count(*) filter (where amount_as_number < 500)"},
        expectation_types._typed(batch.subquery(), companions),
        None,
    ).compile(dialect=postgresql.dialect())
    for name in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"):
        desk.connection.execute(f"set local {name} = 0")
    plan = desk.connection.execute(f"explain {str(query).replace('%%', '%')}").fetchall()
    assert any("Parallel Seq Scan" in line for (line,) in plan), plan


def test_long_code_lists_are_counted_as_short_ones_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = _contract(desk.folder, "visits")
    rows = _visits("2025-01")
    rows[0]["program"], rows[1]["program"] = "XYZ", ""
    load_id = desk.load(contract, "2025-01", rows)
    relation = f"candidate_demo.visits_l{load_id}"
    table = contract.tables[0]
    by_filter = history.figures(desk.connection, contract, table, relation)
    monkeypatch.setattr(history, "MOST_FILTERS", 0)
    assert sorted(history.figures(desk.connection, contract, table, relation)) == sorted(by_filter)
    codes = {code: n for metric, _, code, n in by_filter if metric == "code_rows"}
    assert codes == {"SNAP": 99, "TANF": 99, "WIC": 100, history.NOT_LISTED: 1}


def test_a_load_that_is_not_there(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    with pytest.raises(LifecourseError, match="no load 77 of demo/visits"):
        desk.gate(contract, 77)
    load_id = desk.load(contract, "2025-01", _visits("2025-01"))
    desk.connection.execute(f"drop table candidate_demo.visits_l{load_id}")
    desk.connection.commit()
    with pytest.raises(LifecourseError, match="no candidate table"):
        desk.gate(contract, load_id)


def test_every_type_a_person_may_write_runs(desk: Desk) -> None:
    kwargs: dict[str, dict[str, Any]] = {
        "expect_column_values_to_be_null": {"column": "note"},
        "expect_column_values_to_be_in_set": {"column": "program", "value_set": ["SNAP"]},
        "expect_column_values_to_not_be_in_set": {"column": "ssn", "value_set": ["000000000"]},
        "expect_column_values_to_match_regex": {"column": "ssn", "regex": "^(?:[0-9]{9})$"},
        "expect_column_values_to_not_match_regex": {"column": "ssn", "regex": "^9"},
        "expect_column_value_lengths_to_equal": {"column": "ssn", "value": 9},
        "expect_column_value_lengths_to_be_between": {"column": "name", "min_value": 2},
        "expect_column_pair_values_a_to_be_greater_than_b": {
            "column_A": "name",
            "column_B": "month",
            "ignore_row_if": "either_value_is_missing",
        },
        "expect_column_pair_values_to_be_equal": {"column_A": "month", "column_B": "month"},
        "expect_compound_columns_to_be_unique": {"column_list": ["month", "person_no"]},
        "expect_select_column_values_to_be_unique_within_record": {
            "column_list": ["name", "person_no"]
        },
        "expect_column_proportion_of_unique_values_to_be_between": {
            "column": "person_no",
            "min_value": 0.9,
        },
        "expect_column_unique_value_count_to_be_between": {"column": "program", "max_value": 3},
        "expect_table_row_count_to_be_between": {"min_value": 1},
        "unexpected_rows_expectation": {
            "unexpected_rows_query": "select name from {batch} where amount is null"
        },
        "expect_rows_to_satisfy": {"condition": "amount_as_number > 0", "where": "note <> ''"},
        "expect_share_to_be_between": {"condition": "program = 'TANF'", "max_value": 0.5},
        "expect_groups_to_satisfy": {"columns": ["person_no"], "condition": "count(*) = 1"},
    }
    for column_type in ("not_be_null", "be_unique"):
        kwargs[f"expect_column_values_to_{column_type}"] = {"column": "person_no"}
    assert set(kwargs) | {"expect_rows_to_have_a_parent"} == set(suites.TYPES)
    rules = [
        _rule(f"demo.visits.rule_{number}", type=name, kwargs=value, says="It holds.")
        for number, (name, value) in enumerate(kwargs.items())
    ]
    found = desk.judge(
        _contract(desk.folder, "visits", rules), "2025-01", _visits("2025-01")
    ).values()
    written = [r for r in found if r.rule_id.rsplit(".", 1)[-1].startswith("rule_")]
    assert {r.expectation_type: r.message for r in written if r.status == "error"} == {}
    failed = {r.expectation_type: r.message for r in written if r.status == "failed"}
    assert set(failed) == {"expect_column_values_to_be_null", "expect_column_values_to_be_in_set"}
    assert failed["expect_column_values_to_be_null"] == (
        "demo/visits 2025-01: It holds. Not so in 150 of 300 rows (50 %); allowed 0 rows."
    )


def test_gating_again_replaces_the_verdict_and_no_connection_stays(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    load_id = desk.load(contract, "2025-01", _visits("2025-01"))
    first, second = desk.gate(contract, load_id), desk.gate(contract, load_id)
    assert [r.message for r in first.results] == [r.message for r in second.results]
    counted = desk.connection.execute(
        "select (select count(*) from quality.check_result),"
        " (select count(*) from quality.validation),"
        " (select count(*) from quality.metric_history where metric = 'rows')"
    ).fetchone()
    assert counted == (len(first.results), 1, 1)
    # A backend is listed until it has seen that its client is gone; what a transaction has once
    # looked up of them stays as it was.
    until = time.monotonic() + 5
    while others := desk.connection.execute(
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() "
        "and backend_type = 'client backend'"
    ).fetchone()[0]:
        desk.connection.execute("select pg_stat_clear_snapshot()")
        assert time.monotonic() < until, others


def test_a_published_load_without_figures_gets_them(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    report = desk.accept(contract, "2025-01", _visits("2025-01"))
    figures = (
        "select metric, column_name, slice, value from quality.metric_history order by 1, 2, 3"
    )
    gated = desk.connection.execute(figures).fetchall()
    assert ("rows", "", "", 300.0) in gated
    assert ("code_rows", "program", "TANF", 100.0) in gated
    assert ("missing", "note", "", 150.0) in gated
    desk.connection.execute("delete from quality.metric_history")
    history.record(desk.connection, contract, report.load_id)
    assert desk.connection.execute(figures).fetchall() == gated
    history.record(desk.connection, contract, report.load_id)
    assert desk.connection.execute(figures).fetchall() == gated


# --- core ----------------------------------------------------------------------------------


def _build_core(connection: psycopg.Connection, schema: str, persons: int) -> None:
    """Core tables with the columns the rules read, and nothing wrong with them."""
    connection.execute(
        f"""
        drop schema if exists {schema} cascade;
        create schema {schema};
        create table {schema}.person as
            select 100000000 + n as person_id, 1 + n % 3 as n_agencies,
                1 + n % 4 as n_source_persons, true as is_linkable,
                n % 5 = 0 as is_deceased, case when n % 2 = 0 then 'F' else 'M' end as sex,
                case when n % 3 = 0 then 'B' else 'W' end as race_ethnicity,
                date '1990-01-01' + cast(n % 300 as integer) * 30 as birth_month,
                case when n % 5 = 0 then date '2025-02-01' + cast(n % 20 as integer) end
                    as death_date
            from generate_series(1, {persons}) as n;
        create table {schema}.spell as
            select p.person_id, program_id, 1 as spell_number, 1 as n_source_spells,
                0 as gap_days_bridged, 30 as grace_days, 90 as duration_days,
                person_id % 5 = 0 as is_right_censored,
                date '2025-01-01' as start_date, date '2025-03-31' as last_observed_day
            from {schema}.person as p
            cross join (values ('snap'), ('tanf'), ('jail')) as programs (program_id);
        create table {schema}.event as
            select person_id, 'birth' as event_type, 'vital' as source_system, 0 as age_months,
                birth_month as event_date
            from {schema}.person;
        create table {schema}.residence_spell as
            select person_id, '10003000200' as place_id, false as is_end_assumed,
                date '2025-01-01' as start_date
            from {schema}.person;
        create table {schema}.household_membership as
            select 'h' || person_id / 3 as household_id, person_id, 'benefits' as source_system,
                'case' as basis, person_id % 3 = 0 as is_head, date '2025-01-01' as start_date,
                date '2025-03-31' as last_observed_day
            from {schema}.person;
        create table {schema}.source_coverage as
            select source_system, subject, date '2024-01-01' as coverage_start,
                date '2025-05-31' as coverage_end
            from (values ('benefits', 'snap'), ('vital', 'deaths')) as t (source_system, subject);
        """  # type: ignore[arg-type]
    )
    connection.execute(
        f"""
        create schema if not exists linkage;
        drop table if exists linkage.crosswalk;
        create table linkage.crosswalk as
            select unnest(array['benefits', 'hmis', 'k12', 'jail', 'wages', 'vital_child',
                'vital_mother', 'vital_father', 'vital_death', 'medicaid', 'clinic'])
                as source_system,
                cast(person_id as text) as source_person_key, person_id,
                null::integer as valid_to_load
            from {schema}.person;
        create schema if not exists identity;
        drop table if exists identity.identity_record;
        create table identity.identity_record as
            select source_system, source_person_key, birth_month as birth_date,
                'day' as birth_date_precision, sex
            from linkage.crosswalk inner join {schema}.person using (person_id)
            where source_system in ('benefits', 'k12', 'jail');
        create schema if not exists stg;
        drop table if exists stg.stg_medicaid__eligibles, stg.stg_clinic__patients;
        create table stg.stg_medicaid__eligibles as
            select cast(person_id as text) as source_msis_id, death_date + 3 as death_date
            from {schema}.person;
        create table stg.stg_clinic__patients as
            select cast(person_id as text) as source_patient_id, death_date
            from {schema}.person;
        """  # type: ignore[arg-type]
    )
    connection.commit()


def test_core_is_judged_alone_first_and_against_the_release_later(desk: Desk) -> None:
    with pytest.raises(LifecourseError, match="build core first"):
        core_gate.run_core_gate(desk.settings, schema_suffix="__next")
    _build_core(desk.connection, "core__next", 900)
    first = core_gate.run_core_gate(desk.settings, schema_suffix="__next")
    assert [r.message for r in first.results if r.status in ("failed", "error")] == []
    waiting = {r.rule_id for r in first.results if r.status == "not_applicable"}
    compared = {r.rule_id for r in core_gate.specs() if "{released}" in (r.batch or "")}
    assert waiting == compared and compared

    desk.connection.execute("alter schema core__next rename to core")
    _build_core(desk.connection, "core__next", 905)
    again = core_gate.run_core_gate(desk.settings, schema_suffix="__next")
    assert again.passed and {r.status for r in again.results} == {"passed"}

    desk.connection.execute("delete from core__next.spell where program_id = 'tanf'")
    desk.connection.execute(
        "update core__next.spell set duration_days = -3 where person_id % 7 = 0"
    )
    desk.connection.commit()
    bad = core_gate.run_core_gate(desk.settings, schema_suffix="__next")
    failed = {r.rule_id for r in bad.results if r.blocks}
    assert not bad.passed
    assert failed == {"core.spell.lasts_a_day_or_more", "core.spell.programs_keep_their_spells"}
    kept = desk.connection.execute(
        "select count(*), count(*) filter (where load_id is not null) from quality.check_result"
    ).fetchone()
    assert kept == (3 * len(bad.results), 0)


def _fails_by(desk: Desk, change: str) -> set[str]:
    """The rules that fail once this has happened to a core without a fault."""
    _build_core(desk.connection, "core__next", 900)
    desk.connection.execute(change)  # type: ignore[arg-type]
    desk.connection.commit()
    report = core_gate.run_core_gate(desk.settings, schema_suffix="__next")
    assert not [r.message for r in report.results if r.status == "error"]
    return {r.rule_id for r in report.results if r.status == "failed"}


def test_sources_that_disagree_on_linked_persons_are_held(desk: Desk) -> None:
    records = "update identity.identity_record set {} where source_system = 'k12'"
    assert _fails_by(desk, records.format("birth_date = birth_date + 1")) == {
        "core.person.birth_dates_agree"
    }
    exchanged = "sex = case sex when 'F' then 'M' else 'F' end"
    assert _fails_by(desk, records.format(exchanged)) == {"core.person.sexes_agree"}
    alive = "update stg.stg_medicaid__eligibles set death_date = date '2024-06-01'"
    assert _fails_by(desk, alive) == {"core.person.deaths_agree"}


def test_a_group_that_is_no_longer_linked_is_held(desk: Desk) -> None:
    _build_core(desk.connection, "core", 900)
    alone = "update core__next.person set n_agencies = 1 where sex = 'F' and n_agencies = 2"
    failed = _fails_by(desk, alone)
    assert "core.person.groups_are_linked_as_before" in failed


# --- no one's values -----------------------------------------------------------------------


def _assert_no_canary(desk: Desk, *texts: str) -> None:
    stored = [
        row[0]
        for table in ("check_result", "validation", "metric_history", "load")
        for row in desk.connection.execute(
            "select coalesce(string_agg(cast(to_jsonb(t) as text), ' '), '') "
            f"from quality.{table} as t"
        )
    ]
    assert all(stored)
    for text in (*stored, *texts):
        for what, value in CANARY.items():
            assert value not in text, what
            assert value.split()[-1].lower() not in text.lower(), what


def test_no_value_of_a_failing_row_is_told_anywhere(
    desk: Desk, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Rows that break every kind of rule, with the canary in every column they can carry."""
    rules = [
        _rule(
            "demo.visits.ssn_not_a_canary",
            type="expect_column_values_to_not_match_regex",
            kwargs={"column": "ssn", "regex": "^98"},
        ),
        _rule(
            "demo.visits.names_are_short",
            type="expect_column_value_lengths_to_be_between",
            kwargs={"column": "name", "max_value": 12},
        ),
        _rule(
            "demo.visits.names_come_once",
            type="expect_column_values_to_be_unique",
            kwargs={"column": "name"},
        ),
        _rule(
            "demo.visits.keys_come_once",
            type="expect_compound_columns_to_be_unique",
            kwargs={"column_list": ["person_no", "birth_date"]},
        ),
        _rule(
            "demo.visits.not_born_then",
            type="unexpected_rows_expectation",
            kwargs={
                "unexpected_rows_query": "select name, ssn, birth_date from {batch} "
                "where birth_date < '1912'"
            },
        ),
        _rule(
            "demo.visits.name_and_ssn_differ",
            type="expect_column_pair_values_to_be_equal",
            kwargs={"column_A": "name", "column_B": "ssn"},
        ),
        _rule("demo.visits.sql_that_breaks", kwargs={"condition": "cast(name as integer) > 3"}),
        _rule("demo.visits.amounts", kwargs={"condition": "name = 'NOBODY'"}),
        _rule(
            "demo.visits.one_per_person",
            type="expect_groups_to_satisfy",
            kwargs={"columns": ["person_no", "name"], "condition": "count(*) = 1"},
        ),
        _rule(
            "demo.visits.person_is_known",
            type="expect_rows_to_have_a_parent",
            kwargs={"columns": ["person_no"], "parent": "people"},
        ),
    ]
    contract, people = _contract(desk.folder, "visits", rules), _contract(desk.folder, "people")
    desk.accept(people, "2025-01", _people())
    for month in ("2025-01", "2025-02"):
        rows = _visits(month)
        load_id = desk.load(contract, month, rows)
        desk.gate(contract, load_id)
        landing.hold(desk.connection, [load_id])
        here = replace(desk.settings, root=desk.folder)
        decision = decisions.release(
            here, load_id, steward="steward one", reason="A test of what is shown."
        )
        if not decision.in_force:
            decisions.approve(here, decision.disposition_id, approver="steward two")
    rows = _visits("2025-03", rows=100)
    for row in rows[:40]:
        row.update(CANARY)
        # Shifted columns: a name where a code, a number and a month belong.
        row["program"], row["amount"], row["note"] = CANARY["name"], CANARY["name"], CANARY["ssn"]
    rows[7]["month"] = CANARY["name"]
    load_id = desk.load(contract, "2025-03", rows)
    with caplog.at_level("DEBUG"):
        report = desk.gate(contract, load_id)
    landing.hold(desk.connection, [load_id], reason="Held by 6 critical rule(s).")
    assert {r.status for r in report.results} >= {"failed", "error"}
    assert sum(r.status == "failed" for r in report.results) >= 12
    printed = capfd.readouterr()
    pages = [
        path.read_text()
        for path in build_data_docs(desk.settings).parent.rglob("*")
        if path.is_file()
    ]
    assert len(pages) >= 4
    _assert_no_canary(
        desk,
        repr(report),
        printed.out,
        printed.err,
        caplog.text,
        *pages,
        *[f"{rule!r}" for rule in gate.specs(contract)],
    )


# --- Data Docs -----------------------------------------------------------------------------


def test_data_docs_open_without_a_network(desk: Desk) -> None:
    written = _rule("demo.visits.amounts_not_negative", severity="critical")
    contract = _contract(desk.folder, "visits", [written])
    for month in ("2025-01", "2025-02"):
        desk.accept(contract, month, _visits(month))
    rows = _visits("2025-03", rows=100)
    for row in rows[:9]:
        row["amount"] = "-1"
    held = desk.load(contract, "2025-03", rows)
    desk.gate(contract, held)
    landing.hold(desk.connection, [held], reason="Held by 2 critical rules.")
    _build_core(desk.connection, "core__next", 300)
    core_gate.run_core_gate(desk.settings, schema_suffix="__next")

    index = build_data_docs(desk.settings)
    assert index == desk.settings.docs / "data_docs" / "index.html"
    pages = {
        path.relative_to(index.parent).as_posix(): path for path in index.parent.rglob("*.html")
    }
    assert {"demo/visits.html", f"demo/visits.held-{held}.html", "core/spell.html"} <= set(pages)
    for name, path in pages.items():
        text = path.read_text()
        # Nothing is fetched: no address, no file beside the page, nothing imported.
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\(|<img|src=", text), name
        links = set(re.findall(r'href="([^"]+)"', text)) - {"data:,"}
        assert all((path.parent / link).resolve().is_file() for link in links), name
    page = pages[f"demo/visits.held-{held}.html"].read_text()
    first_row = page.split("<tbody>")[1].split("</tr>")[0]
    for shown in (
        'class="chip failed">failed<',
        "100 rows where the last 2 accepted deliveries had 300",
        "critical",
        "stability",
        "Half a file looks like half the people leaving a program.",
        "Ask the agency whether the extract was cut short",
    ):
        assert shown in first_row
    listed = index.read_text()
    # On the list of held files nothing else says which rule it was.
    for shown in ("Held by 2", "100 rows where", "Amounts are not negative. Not so in 9 of 100"):
        assert shown in listed

    before = index.stat().st_mtime_ns
    assert build_data_docs(desk.settings).stat().st_mtime_ns == before
    desk.accept(contract, "2025-04", _visits("2025-04"))
    assert "2025-04" in build_data_docs(desk.settings).read_text()


def test_superseded_validations_go_and_held_ones_stay(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    for month in ("2025-01", "2025-02"):
        desk.accept(contract, month, _visits(month))
    held = desk.load(contract, "2025-03", _visits("2025-03", rows=100))
    desk.gate(contract, held)
    landing.hold(desk.connection, [held], reason="Held.")
    for month in ("2025-04", "2025-05"):
        desk.accept(contract, month, _visits(month))
    kept = desk.connection.execute(
        "select l.period, l.status from quality.validation v join quality.load l using (load_id) "
        "order by 1"
    ).fetchall()
    assert kept == [("2025-03", "held"), ("2025-04", "accepted"), ("2025-05", "accepted")]


def test_the_engine_is_one_context_per_process(desk: Desk) -> None:
    contract = _contract(desk.folder, "visits")
    desk.accept(contract, "2025-01", _visits("2025-01"))
    held = len(engine._assets)
    desk.accept(contract, "2025-02", _visits("2025-02"))
    assert len(engine._assets) == held


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "  needs: 2\n",
            "",
            "needs history, escalation, decisions, timeliness, structure and stability",
        ),
        ("    limit: 0.20\n", "    limits: 0.20\n", "rows_near_history does not know limits"),
        ("    severity: critical\n", "    severity: high\n", "severity must be one of"),
        ("stability:\n", "stability: [\n", "not valid YAML"),
    ],
)
def test_a_wrong_policy_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "_policy.yml"
    text = suites.POLICY.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=r"_policy\.yml") as raised:
        suites.policy(path)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "core.person.a"}, "must begin with core.spell."),
        ({"batch": "select a::date from {core}.spell"}, "instead of a colon"),
        (
            {
                "batch": "select 1 as n",
                "type": "expect_column_values_to_not_be_null",
                "kwargs": {"column": "n"},
            },
            "a rule with a batch takes one of",
        ),
        (
            {
                "type": "expect_rows_to_have_a_parent",
                "kwargs": {"columns": ["person_id"], "parent": "person"},
            },
            "tested by dbt",
        ),
        ({"fix": None}, "lacks fix"),
    ],
)
def test_a_wrong_core_rule_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    rule = _rule("core.spell.a", **{"kwargs": {"condition": "true"}, **changes})
    (tmp_path / "spell.yml").write_text(json.dumps({"table": "spell", "expectations": [rule]}))
    with pytest.raises(UsageError, match=r"expectations/core/spell\.yml") as raised:
        core_gate.specs(tmp_path)
    assert said in str(raised.value)


# --- control totals ------------------------------------------------------------------------


def _with_manifest(desk: Desk, load_id: int, **totals: Any) -> None:
    desk.connection.execute(
        "update quality.load set manifest = %s where load_id = %s",
        [json.dumps({"name": "visits.csv", "totals": totals}), load_id],
    )
    desk.connection.commit()


def test_the_totals_of_a_manifest_are_a_rule_of_their_own(desk: Desk) -> None:
    visits = _contract(desk.folder, "visits")
    rows = _visits("2025-01")
    whole = sum(int(row["amount"]) for row in rows)
    load_id = desk.load(visits, "2025-01", rows)

    def judge(**totals: Any) -> CheckResult:
        _with_manifest(desk, load_id, **totals)
        [found] = [
            r for r in desk.gate(visits, load_id).results if r.rule_id.endswith("control_totals")
        ]
        return found

    assert judge().status == "not_applicable"
    assert judge(amount=f"{whole}.00").status == "passed"
    wrong = judge(amount=whole * 2)
    assert (wrong.status, wrong.column, wrong.blocks) == ("failed", "amount", True)
    assert "The sum of amount is -50 % off what the manifest says" in wrong.message
    assert str(whole) not in wrong.message
    assert judge(note="no number", shoe_size=3).status == "not_applicable"


def test_a_total_is_of_the_file_as_it_was_sent(desk: Desk) -> None:
    visits = _contract(desk.folder, "visits")
    rows = _visits("2025-01")
    whole = sum(int(row["amount"]) for row in rows)
    rows[0]["program"] = "ABC"  # set aside
    load_id = desk.load(visits, "2025-01", rows)
    _with_manifest(desk, load_id, amount=whole)
    report = desk.gate(visits, load_id)
    aside = desk.connection.execute(
        "select agency, file, period, row_number, rule_id, column_names, is_settled "
        "from quality.failed_record"
    ).fetchall()
    broken = "demo.visits.codes_listed"
    assert aside == [("demo", "visits", "2025-01", 1, broken, ["program"], False)]
    assert report.passed
    assert {r.status for r in report.results if r.rule_id.endswith("control_totals")} == {"passed"}


def test_a_published_figure_has_its_period_and_its_limit(desk: Desk) -> None:
    reason = {"because": "x", "calibrated": {"on": "2026-11-25", "from": "x"}}
    entry = {"id": "demo.visits.control_totals", "limit": 0.01, **reason}
    visits = _contract(desk.folder, "visits", [{**entry, "published": {"2025-01": {"rows": 302}}}])
    found = desk.judge(visits, "2025-01", _visits("2025-01"))
    assert found["control_totals"].status == "passed"
    found = desk.judge(visits, "2025-02", _visits("2025-02"))
    assert found["control_totals"].status == "not_applicable"
    visits = _contract(desk.folder, "visits", [{**entry, "published": {"2025-03": {"rows": 330}}}])
    found = desk.judge(visits, "2025-03", _visits("2025-03"))
    assert found["control_totals"].status == "failed"
    assert "The number of rows is -9.1 % off what the published figure says" in (
        found["control_totals"].message
    )
    for wrong in ({"2025-01": {"name": 3}}, {"2025-01": {}}, {"2025-01": {"rows": "many"}}, []):
        with pytest.raises(UsageError, match="published maps a quoted period"):
            gate.specs(_contract(desk.folder, "visits", [{**entry, "published": wrong}]))
