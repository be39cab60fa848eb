"""Rules on the figures of loads: what moves a figure, what a season excuses, what a usual
movement excuses.

Add here: a rule of stability_types, on figures made up or on a small real table. Keep out: the
gate as a whole (test_quality), chance itself (test_chance).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from orchestration import warehouse
from orchestration.landing import load_contracts
from orchestration.landing.contracts import Contract
from orchestration.quality import repeats, shapes, turnover
from orchestration.settings import Settings, load

NOW, LAST, BEFORE, YEAR_AGO = 4, 3, 2, 1
Figures = dict[int, dict[tuple[str, str, str], Any]]


def _rule(name: str, **kwargs: Any) -> Any:
    from orchestration.quality import movement_types, stability_types

    home = stability_types if hasattr(stability_types, name) else movement_types
    given = {
        "table_name": "visits",
        "load_id": NOW,
        "compared_with": [LAST, BEFORE],
        "earlier": [LAST, BEFORE],
        "limit": 0.15,
        "noise": 4.0,
    }
    return getattr(home, name)(**{**given, **kwargs})


def _figures(now: dict, before: dict, year_ago: dict | None = None) -> Figures:
    found = {NOW: now, LAST: before, BEFORE: before}
    return found | ({YEAR_AGO: year_ago} if year_ago else {})


def _shape(kind: str, **bins: int) -> dict:
    shape = {("shape", "amount", kind): dict(bins), ("moved", "amount", kind): 0.0}
    return shape | {("rows", "", ""): sum(bins.values())}


def test_a_column_of_another_size_is_named() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    before = _shape("size", a=500, b=500)
    assert rule.judge(_figures(_shape("size", a=470, b=530), before))[0]
    met, _, found = rule.judge(_figures(_shape("size", a=200, b=500, z=300), before))
    assert not met and list(found["columns"]) == ["amount"]


def test_what_a_column_does_every_time_is_no_news() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    figures = _figures(_shape("bucket", c=1000), _shape("bucket", b=1000))
    assert not rule.judge(figures)[0]
    figures[LAST] = {**figures[LAST], ("moved", "amount", "bucket"): 1.0}
    assert rule.judge(figures)[0]


def test_a_column_is_not_judged_before_two_loads_told_what_it_does() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    before = _shape("bucket", b=1000)
    assert not rule.judge(_figures(_shape("bucket", c=1000), before))[0]
    del before["moved", "amount", "bucket"]
    assert rule.judge(_figures(_shape("bucket", c=1000), before))[0]


def test_a_provider_that_goes_takes_its_rows_along() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    now, before = _shape("bucket", a=70, b=70), _shape("bucket", a=70, b=70, c=70)
    assert not rule.judge(_figures(now, before))[0]
    assert rule.judge(_figures(now | {("own_cluster", "amount", ""): 20.0}, before))[0]


@pytest.mark.parametrize(("calendar", "met"), [("stays", True), ("moves", False)])
def test_a_date_may_keep_its_place_in_the_calendar(calendar: str, met: bool) -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    before = _shape("lag", a=1000) | _shape("calendar", **{"2025-01": 1000})
    month = "2025-01" if calendar == "stays" else "2024-01"
    now = _shape("lag", b=1000) | {("shape", "amount", "calendar"): {month: 1000}}
    assert rule.judge(_figures(now, before))[0] is met


def test_a_column_that_was_new_every_time_must_be_new_again() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    always = _shape("bucket", a=1000) | {("same_value", "amount", ""): 0.0}
    now = always | {("same_value", "amount", ""): 1.0}
    met, _, found = rule.judge(_figures(now, always))
    assert not met and found["columns"]["amount"]["kind"] == "stuck"
    assert rule.judge(_figures(always, always))[0]
    assert rule.judge(_figures(now, now))[0]


def test_a_default_far_off_is_seen_whatever_the_dates_do_otherwise() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    before = _shape("calendar", **{"2025-02": 950, "1940s": 50})
    before |= {("moved", "amount", "calendar"): 0.7}
    assert rule.judge(_figures(_shape("calendar", **{"2025-03": 940, "1940s": 60}), before))[0]
    met, _, found = rule.judge(
        _figures(_shape("calendar", **{"2025-03": 800, "1900s": 200}), before)
    )
    assert not met and found["columns"]["amount"]["kind"] == "far"


def test_what_comes_every_year_is_a_season() -> None:
    before, now = {("rows", "", ""): 1000.0}, {("rows", "", ""): 300.0}
    plain = _rule("ExpectRowCountNearHistory", limit=0.2)
    assert not plain.judge(_figures(now, before))[0]
    seasonal = _rule("ExpectRowCountNearHistory", limit=0.2, season=[YEAR_AGO])
    assert seasonal.judge(_figures(now, before, {("rows", "", ""): 320.0}))[0]
    assert not seasonal.judge(_figures(now, before, {("rows", "", ""): 900.0}))[0]


def _ids(ids: int, before: int, kept: int) -> dict:
    return {
        ("ids", "person_no", ""): float(ids),
        ("previous_ids", "person_no", ""): float(before),
        ("kept_ids", "person_no", ""): float(kept),
    }


@pytest.mark.parametrize(
    ("kept", "kind"), [(950, None), (400, "new"), (1000, "changed")], ids=["usual", "anew", "stale"]
)
def test_the_coming_and_going_of_ids(kept: int, kind: str | None) -> None:
    rule = _rule("ExpectTurnoverNearHistory", columns=["person_no"])
    met, _, found = rule.judge(_figures(_ids(1000, 1000, kept), _ids(1000, 1000, 950)))
    assert met is (kind is None)
    if kind == "changed":
        assert found["columns"]["person_no"]["kind"] == "changed"


def test_restated_records_are_counted_by_column() -> None:
    rule = _rule("ExpectRecordsToBeKept", columns=["sex", "street"], limit=0.05)
    usual = {
        ("compared", "", ""): 1000.0,
        ("restated", "sex", ""): 1.0,
        ("restated", "street", ""): 30.0,
    }
    assert rule.judge(_figures(usual, usual))[0]
    met, _, found = rule.judge(_figures(usual | {("restated", "sex", ""): 200.0}, usual))
    assert not met and list(found["columns"]) == ["sex"]


def test_a_value_where_there_was_none_is_no_restatement() -> None:
    rule = _rule("ExpectRecordsToBeKept", columns=["exit_date"], limit=0.05)

    def ends(entered: float) -> dict:
        return {
            ("compared", "", ""): 1000.0,
            ("restated", "exit_date", ""): 1.0,
            ("completed", "exit_date", ""): entered,
        }

    assert rule.judge(_figures(ends(120.0), ends(5.0)))[0]
    met, _, found = rule.judge(_figures(ends(400.0), ends(5.0)))
    assert not met and found["columns"]["exit_date"]["kind"] == "completed"


def test_few_events_in_the_month_before_bring_many_new_ids() -> None:
    rule = _rule("ExpectTurnoverNearHistory", columns=["person_no"])
    usual = _ids(1000, 1000, 500)  # two draws of 1,000 from a population of 2,000
    assert rule.judge(_figures(_ids(1000, 400, 200), usual))[0]
    assert not rule.judge(_figures(_ids(1000, 400, 20), usual))[0]


def test_several_periods_bring_several_times_the_turnover() -> None:
    usual = _ids(1000, 1000, 900)
    after_three = _ids(1000, 1000, 700)
    assert not _rule("ExpectTurnoverNearHistory", columns=["person_no"], limit=0.1).judge(
        _figures(after_three, usual)
    )[0]
    assert _rule("ExpectTurnoverNearHistory", columns=["person_no"], limit=0.1, steps=3).judge(
        _figures(after_three, usual)
    )[0]


def test_the_rows_of_the_period_before_are_found_though_most_repeat_anyway() -> None:
    rule = _rule("ExpectRowsToBeNew", limit=0.85)

    def rows(repeated: float) -> dict:
        return {("rows_compared", "", ""): 1000.0, ("rows_repeated", "", ""): repeated}

    assert rule.judge(_figures(rows(930.0), rows(900.0)))[0]
    assert not rule.judge(_figures(rows(1000.0), rows(900.0)))[0]
    assert rule.judge(_figures(rows(1000.0), rows(999.0)))[0]


def test_rows_where_no_load_before_had_any_are_seen_below_the_limit() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"], earlier=[LAST, BEFORE, YEAR_AGO])
    swings = {
        LAST: _shape("size", a=7000, b=3000),
        BEFORE: _shape("size", a=4000, b=6000),
        YEAR_AGO: _shape("size", a=5000, b=5000),
    }
    for figures in swings.values():
        figures["moved", "amount", "size"] = 0.3
    within = _shape("size", a=4200, b=5800)
    assert rule.judge(swings | {NOW: within})[0]
    assert not rule.judge(swings | {NOW: _shape("size", a=4900, b=3900, z=1200)})[0]
    assert _rule(
        "ExpectShapesNearHistory", columns=["amount"], earlier=[LAST, BEFORE, YEAR_AGO], turn=True
    ).judge(swings | {NOW: _shape("size", a=4900, b=3900, z=1200)})[0]


def test_amounts_that_become_zero_are_seen_like_those_that_become_empty() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    before = _shape("size", **{"0": 8000, "12": 2000})
    assert rule.judge(_figures(_shape("size", **{"0": 8200, "12": 1800}), before))[0]
    met, _, found = rule.judge(_figures(_shape("size", **{"0": 9000, "12": 1000}), before))
    assert not met and found["columns"]["amount"]["kind"] == "zero"


def test_a_season_has_its_own_limit_in_a_turn() -> None:
    before, now = {("rows", "", ""): 1000.0}, {("rows", "", ""): 300.0}
    turn = _rule("ExpectRowCountNearHistory", limit=0.6, season_limit=0.2, season=[YEAR_AGO])
    assert not turn.judge(_figures(now, before, {("rows", "", ""): 600.0}))[0]
    assert turn.judge(_figures(now, before, {("rows", "", ""): 340.0}))[0]


# --- figures of real tables ----------------------------------------------------------------


@pytest.fixture(scope="module")
def connection(fresh_settings: Callable[[str], Settings]) -> Iterator[psycopg.Connection]:
    with warehouse.connect(fresh_settings("stability")) as connection:
        yield connection


@pytest.fixture(scope="module")
def contract() -> Contract:
    return next(
        c for c in load_contracts(load().contracts) if (c.agency, c.file) == ("courts", "evictions")
    )


def _table(connection: psycopg.Connection, contract: Contract, name: str, rows: int) -> None:
    columns = [c.name for c in contract.tables[0].columns]
    connection.execute(
        f"create table {name} (_row_number int, {', '.join(c + ' text' for c in columns)})"
    )
    connection.execute(
        f"insert into {name} (_row_number, case_no, party_no, amount_claimed, filed_date) "
        "select n, 'C' || n, '1', (n % 7 * 100 + 100)::text, '03/' || lpad((n % 28 + 1)::text, 2, "
        f"'0') || '/2025' from generate_series(1, {rows}) as n"
    )


def test_shapes_hold_buckets_and_no_value(
    connection: psycopg.Connection, contract: Contract
) -> None:
    _table(connection, contract, "shaped", 200)
    found = shapes.figures(connection, contract, contract.tables[0], "shaped", 200, "2025-03")
    by_key = {(column, kind): shape for _, column, kind, _, shape in found}
    assert sum(by_key["amount_claimed", "size"].values()) == 200
    assert set(by_key["filed_date", "calendar"]) == {"2025-03"}
    assert by_key["case_no", "length"] == {"2": 9, "3": 90, "4": 101}
    assert ("case_no", "bucket") in by_key and not any(
        bucket.startswith("C") for bucket in by_key["case_no", "bucket"]
    )
    few = shapes.figures(connection, contract, contract.tables[0], "shaped", 20, "2025-03")
    assert few == []


def test_turnover_counts_ids_and_restated_columns(
    connection: psycopg.Connection, contract: Contract
) -> None:
    _table(connection, contract, "earlier", 200)
    connection.execute("create table later as select * from earlier where _row_number > 20")
    connection.execute("update later set amount_claimed = '1' where _row_number > 170")
    connection.execute("update later set case_no = 'N' || case_no where _row_number <= 60")
    found = turnover.figures(connection, contract, contract.tables[0], "later", "earlier", 180)
    by_key = {(metric, column): value for metric, column, _, value in found}
    assert by_key["ids", "case_no"] == 180
    assert by_key["previous_ids", "case_no"] == 200
    assert by_key["kept_ids", "case_no"] == by_key["compared", ""] == 140
    assert by_key["restated", "amount_claimed"] == 30
    assert by_key["restated", "filed_date"] == by_key["completed", "filed_date"] == 0


def test_what_a_load_repeats_of_the_one_before(
    connection: psycopg.Connection, contract: Contract
) -> None:
    _table(connection, contract, "first", 200)
    connection.execute("update first set property_city = '2025-03'")
    connection.execute("create table again as select * from first")
    connection.execute("create table second as select * from first where _row_number > 150")
    connection.execute("update second set property_city = '2025-04'")
    table = contract.tables[0]
    by_period = replace(contract, delivery_kind="increment")
    for name, same, repeated in (("again", 1.0, 200), ("second", 0.0, 50)):
        shaped = shapes.figures(connection, by_period, table, name, 200, "2025-03")
        found = repeats.figures(connection, by_period, table, name, "first", 200, shaped)
        by_key = {(metric, column): value for metric, column, _, value in found}
        assert by_key["same_value", "property_city"] == same
        assert by_key["rows_repeated", ""] == by_key["rows_compared", ""] == repeated


# --- tiers ---------------------------------------------------------------------------------


def test_every_shipped_rule_has_its_tier_and_all_six_are_used() -> None:
    from orchestration.quality import core_gate, gate, tiers

    shipped = [r for c in load_contracts(load().contracts) for r in gate.specs(c)]
    shipped += core_gate.specs()
    assert {rule.tier for rule in shipped} == set(tiers.TIERS)
    by_type = {rule.type: rule.tier for rule in shipped}
    assert by_type["expect_key_to_be_unique"] == "case consistency"
    assert by_type["expect_rows_to_have_a_parent"] == "cross-file consistency"
    assert by_type["expect_turnover_near_history"] == "historical consistency"
    [one] = [r for r in shipped if r.rule_id == "food_bank.visits.pounds_plausible"]
    assert (one.tier, one.column) == ("record value", "pounds")
    [two] = [r for r in shipped if r.rule_id == "k12.sections.ends_after_it_begins"]
    assert two.tier == "record consistency"
    assert two.column == "assignment_start_date, assignment_end_date"
