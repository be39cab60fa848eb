"""The year of an agency: phases of a period, and which accepted loads a load is compared with.

Add here: another choice of loads for a comparison. Keep out: rules on figures (test_stability).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from orchestration import warehouse
from orchestration.errors import UsageError
from orchestration.landing import ensure_staging, load_contracts
from orchestration.landing.calendars import ORDINARY, REST, TURN, Calendar, calendar, month_number
from orchestration.landing.contracts import Contract
from orchestration.quality import comparison, suites
from orchestration.settings import Settings, load

SCHOOL = Calendar(turns=frozenset({6, 9}), rests=frozenset({7, 8}), first_holds_more=True)


def _wrong(name: str, why: str) -> UsageError:
    return UsageError(f"{name} {why}")


@pytest.mark.parametrize(
    ("period", "phase"),
    [
        ("2025-03", ORDINARY),
        ("2025-09", TURN),
        ("202509", TURN),
        ("2025-07-14", REST),
        ("2025Q3", TURN),
        ("2025-W31", ORDINARY),
        ("2025", ORDINARY),
    ],
)
def test_the_phase_of_a_period(period: str, phase: str) -> None:
    assert SCHOOL.phase(period) == phase


def test_a_year_turns_between_periods_that_are_no_neighbours() -> None:
    assert SCHOOL.turns_between("2025-05", "2025-10")
    assert not SCHOOL.turns_between("2025-09", "2026-05")
    assert SCHOOL.turns_between("2020-01", "2026-01")
    assert not SCHOOL.turns_between("2025", "2026")
    assert month_number("2025-13") is None


@pytest.mark.parametrize(
    "value",
    [
        {"turns": [9]},
        {"turns": [13], "because": "no such month"},
        {"turns": 9, "because": "no list"},
        {"turn": [9], "because": "no such key"},
        {"columns": "exit_date", "because": "no list"},
    ],
)
def test_a_calendar_that_is_wrong_is_refused(value: object) -> None:
    with pytest.raises(UsageError):
        calendar(value, _wrong)


def test_every_column_that_a_shipped_calendar_names_is_one_of_its_file() -> None:
    named = [c for c in load_contracts(load().contracts) if c.calendar.columns]
    assert named
    for contract in named:
        assert contract.calendar.because
        known = {column.name for table in contract.tables for column in table.columns}
        assert contract.calendar.columns <= known


# --- which loads are compared ----------------------------------------------------------------


@pytest.fixture(scope="module")
def connection(fresh_settings: Callable[[str], Settings]) -> Iterator[psycopg.Connection]:
    with warehouse.connect(fresh_settings("calendar")) as connection:
        warehouse.ensure_bookkeeping(connection)
        ensure_staging(connection, ())
        connection.commit()
        yield connection


@pytest.fixture
def contract(connection: psycopg.Connection) -> Iterator[Contract]:
    connection.rollback()
    found = next(
        c for c in load_contracts(load().contracts) if (c.agency, c.file) == ("k12", "absences")
    )
    yield replace(found, calendar=SCHOOL)
    connection.rollback()


def _loads(
    connection: psycopg.Connection, periods: list[str], status: str = "accepted"
) -> dict[str, int]:
    """Loads of k12/absences with a figure each, by period, in order of delivery."""
    made = {}
    for period in periods:
        made[period] = connection.execute(
            "insert into quality.load (agency, file, period, delivery, scope, path, sha256, bytes, "
            "row_count, publish_set, delivery_type, status, gate_status, is_current) values "
            "('k12', 'absences', %(p)s, %(p)s, %(p)s, %(p)s, md5(%(p)s || %(s)s), 1, 1, 'absences',"
            " 'original', %(s)s, case %(s)s when 'accepted' then 'passed' else 'failed' end, "
            "%(s)s = 'accepted') returning load_id",
            {"p": period, "s": status},
        ).fetchone()[0]
        connection.execute(
            "insert into quality.metric_history "
            "(load_id, table_name, metric, column_name, slice, value) "
            "values (%s, 'absences', 'rows', '', '', 1)",
            [made[period]],
        )
    return made


def _months(first: int, count: int) -> list[str]:
    return [f"{(first + n) // 12}-{(first + n) % 12 + 1:02d}" for n in range(count)]


def test_within_a_year_like_is_compared_with_like(
    connection: psycopg.Connection, contract: Contract
) -> None:
    of = _loads(connection, _months(2025 * 12, 11))  # January to November
    november = comparison.compare(connection, contract, of["2025-11"])
    assert november.compared_with == [of["2025-10"], of["2025-09"]]
    ordinary = ["2025-10", "2025-05", "2025-04", "2025-03", "2025-02"]
    assert november.earlier == [of[p] for p in ordinary]
    assert november.phase == ORDINARY and november.experienced and november.steps == 1
    march = comparison.compare(connection, contract, of["2025-03"])
    assert (march.accepted, march.compared_with) == (1, [of["2025-02"]])


def test_a_turn_is_compared_with_the_year_before_it_and_moves_as_earlier_turns_did(
    connection: psycopg.Connection, contract: Contract
) -> None:
    of = _loads(connection, _months(2025 * 12, 21))  # to September of the year after
    first = comparison.compare(connection, contract, of["2025-09"])
    assert first.phase == TURN and not first.experienced
    assert first.compared_with == [of["2025-06"], of["2025-05"], of["2025-04"]]
    assert first.steps == 1  # the months between were holidays
    second = comparison.compare(connection, contract, of["2026-09"])
    assert second.experienced and second.earlier == second.season == [of["2025-09"]]
    assert comparison.compare(connection, contract, of["2026-07"]).phase == REST


def test_after_a_turn_that_was_not_accepted_the_next_load_turns(
    connection: psycopg.Connection, contract: Contract
) -> None:
    of = _loads(connection, _months(2025 * 12, 6))
    of |= _loads(connection, ["2025-09"], status="held") | _loads(connection, ["2025-10"])
    october = comparison.compare(connection, contract, of["2025-10"])
    assert october.phase == TURN and october.compared_with[0] == of["2025-06"]
    assert october.steps == 2


@pytest.mark.parametrize("experienced", [True, False])
def test_in_a_first_turn_only_what_turns_is_left_out(
    connection: psycopg.Connection, contract: Contract, experienced: bool
) -> None:
    contract = replace(
        contract, calendar=replace(SCHOOL, columns=frozenset({"attendance_event_date"}))
    )
    of = _loads(connection, _months(2025 * 12, 21 if experienced else 9))
    like = comparison.compare(connection, contract, of["2026-09" if experienced else "2025-09"])
    by_type = {rule.type: rule for rule in suites.rules(contract)}
    shapes = by_type["expect_shapes_near_history"]
    kwargs = dict(shapes.kwargs)
    assert comparison.arguments(shapes, kwargs, contract, like) is None
    assert ("attendance_event_date" in kwargs["columns"]) is experienced
    assert kwargs["limit"] == shapes.kwargs["limit"]
    turnover = by_type["expect_turnover_near_history"]
    kwargs = dict(turnover.kwargs)
    assert comparison.arguments(turnover, kwargs, contract, like) is None
    assert (kwargs["limit"] > turnover.kwargs["limit"]) is not experienced
    rows = by_type["expect_row_count_near_history"]
    kwargs = dict(rows.kwargs)
    assert comparison.arguments(rows, kwargs, contract, like) is None
    assert kwargs["limit"] == suites.MOST_ROWS_IN_A_TURN
