"""What was due when: real files taken in, and the view judged on one day after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest

from orchestration import landing, timeliness, warehouse
from orchestration.landing.contracts import Contract
from orchestration.quality import suites
from orchestration.settings import PROJECT_ROOT, Settings

HEADER = (
    "school_id,school_name,district_id,district_name,level,street,city,zip,open_date,close_date"
)


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("timeliness")


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection]:
    with warehouse.connect(settings) as connection:
        for schema in ("quality", "candidate_k12", "staging_k12"):
            connection.execute(f"drop schema if exists {schema} cascade")
        warehouse.ensure_bookkeeping(connection)
        connection.commit()
        yield connection


def contract(frequency: str, **fields: object) -> Contract:
    """The directory of schools as a file of this rhythm, delivered by period."""
    schools = landing.load_contract(PROJECT_ROOT / "expectations" / "k12" / "schools.yml")
    terms = {
        "file_pattern": r"schools_(?P<period>[0-9A-Z-]+)\.csv",
        "delivery_kind": "increment",
        "delivery_type": "original",
    }
    return replace(schools, frequency=frequency, **{**terms, **fields})  # type: ignore[arg-type]


def take(
    connection: psycopg.Connection, folder: Path, contract: Contract, place: str, *, hold=False
) -> None:
    """Deliver a file of one school, different in each place, and publish or hold it."""
    path = folder / "k12" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}\n0001,North {place},D1,One,ES,,Newark,19711,1990-09-01,\n")
    landing.ensure_staging(connection, [contract])
    timeliness.ensure(connection, [contract])
    connection.commit()
    (file,) = (f for f in landing.discover(folder, [contract]) if f.place == f"k12/{place}")
    load_id = landing.register(connection, file).load_id
    landing.load_candidate(connection, file, load_id)
    if hold:
        landing.hold(connection, [load_id], reason="Held by 1 critical rule.")
    else:
        connection.execute(
            "update quality.load set gate_status = 'passed' where load_id = %s", [load_id]
        )
        connection.commit()
        landing.publish(connection, [load_id])
    connection.commit()


def owed(connection: psycopg.Connection, today: str) -> list[tuple[str, str, str, int]]:
    rows = timeliness.read(connection, today=date.fromisoformat(today))
    return sorted((r["period"], str(r["due_on"]), r["state"], r["days_late"]) for r in rows)


def test_a_month_is_next_then_due_then_late_until_it_comes(connection, tmp_path):
    monthly = contract("monthly")
    grace, because = suites.policy().grace["monthly"]
    assert grace == 15 and because
    take(connection, tmp_path, monthly, "2025-01/schools_2025-01.csv")
    assert owed(connection, "2025-02-10") == [("2025-02", "2025-03-15", "next", 0)]
    assert owed(connection, "2025-03-15") == [
        ("2025-02", "2025-03-15", "due", 0),
        ("2025-03", "2025-04-15", "next", 0),
    ]
    late = ("2025-02", "2025-03-15", "late", 32)
    april = [("2025-03", "2025-04-15", "late", 1), ("2025-04", "2025-05-15", "next", 0)]
    assert owed(connection, "2025-04-16") == [late, *april]
    # a later month does not make good one that never came
    take(connection, tmp_path, monthly, "2025-03/schools_2025-03.csv")
    assert owed(connection, "2025-04-16") == [late, april[1]]
    take(connection, tmp_path, monthly, "2025-03/schools_2025-02.csv")
    assert owed(connection, "2025-04-16") == [april[1]]


def test_what_is_held_has_come(connection, tmp_path):
    monthly = contract("monthly")
    take(connection, tmp_path, monthly, "2025-01/schools_2025-01.csv")
    take(connection, tmp_path, monthly, "2025-02/schools_2025-02.csv", hold=True)
    assert owed(connection, "2025-03-20")[0] == ("2025-02", "2025-03-15", "waiting", 0)
    assert timeliness.read(connection, today=date(2025, 3, 20), late_only=True) == []


def test_a_whole_file_makes_good_those_before_it(connection, tmp_path):
    whole = contract(
        "monthly",
        file_pattern=r"schools\.csv",
        delivery_kind="snapshot",
        delivery_type="full_replacement",
    )
    take(connection, tmp_path, whole, "2025-01/schools.csv")
    assert owed(connection, "2025-05-01") == [("2025-02", "2025-03-15", "late", 47)]
    take(connection, tmp_path, whole, "2025-04/schools.csv")
    assert owed(connection, "2025-05-01") == [("2025-05", "2025-06-15", "next", 0)]


@pytest.mark.parametrize(
    ("frequency", "first", "today", "expected"),
    [
        ("daily", "2025-02-27", "2025-03-01", ("2025-02-28", "2025-03-02", "due", 0)),
        ("weekly", "2025-W01", "2025-01-13", ("2025-W02", "2025-01-16", "due", 0)),
        ("quarterly", "2024Q4", "2025-05-20", ("2025Q1", "2025-05-15", "late", 5)),
        ("twice a year", "202409", "2025-05-20", ("2025-03", "2025-05-15", "late", 5)),
        ("yearly", "2023", "2025-03-31", ("2024", "2025-03-31", "due", 0)),
    ],
)
def test_each_rhythm_counts_in_its_own_periods(
    connection, tmp_path, frequency, first, today, expected
):
    take(connection, tmp_path, contract(frequency), f"2025-01/schools_{first}.csv")
    assert owed(connection, today)[0] == expected


def test_a_calendar_of_terms_is_not_late_by_a_month(connection, tmp_path):
    """Counts of October and March are five and seven months apart."""
    terms = contract("twice a year", latency=(75, "The terms differ."))
    for period in ("2024-10", "2025-03", "2025-10"):
        take(connection, tmp_path, terms, f"2025-11/schools_{period}.csv")
    assert owed(connection, "2025-11-25") == [("2026-04", "2026-07-14", "next", 0)]


def test_the_contract_says_when_and_how_late(connection, tmp_path):
    grace = (3, "The agency closes on the third.")
    own = contract("monthly", latency=grace, first_day=date(2025, 1, 1), last_day=date(2025, 3, 31))
    landing.ensure_staging(connection, [own])
    timeliness.ensure(connection, [own])
    connection.commit()
    # nothing has ever come: owed from the first day that the contract names
    assert owed(connection, "2025-02-05")[0] == ("2025-01", "2025-02-03", "late", 2)
    assert [row[0] for row in owed(connection, "2025-12-01")] == ["2025-01", "2025-02", "2025-03"]
    (row, *_) = timeliness.read(connection, today=date(2025, 2, 5))
    assert (row["grace_days"], row["grace_because"]) == grace
    timeliness.ensure(connection, [replace(own, frequency="when changed")])
    assert owed(connection, "2025-12-01") == []


def test_the_clock_of_fictional_data_stands(connection, tmp_path):
    take(connection, tmp_path, contract("monthly"), "2025-01/schools_2025-01.csv")
    timeliness.set_clock(connection, date(2025, 3, 17))
    (late,) = timeliness.read(connection, late_only=True)
    assert (late["period"], late["days_late"], late["as_of"]) == ("2025-02", 2, date(2025, 3, 17))
    assert timeliness.summed_up([late]) == ["k12/schools 2025-02: 2 days late (due 2025-03-15)"]
