"""What comes again: texts, twins and parts of a load; and warnings that are broken far too often.

Add here: a rule of recurrence_types, or of escalation. Keep out: other rules on history
(test_stability), the gate as a whole (test_quality).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from orchestration import warehouse
from orchestration.landing import load_contracts
from orchestration.landing.contracts import Contract
from orchestration.quality import gate, messages, recurring, slices
from orchestration.quality.comparison import Comparison
from orchestration.quality.escalation import escalated
from orchestration.quality.suites import RuleSpec
from orchestration.settings import Settings, load

NOW, PAST = 9, [8, 7, 6]


def _rule(name: str, **kwargs: Any) -> Any:
    from orchestration.quality import movement_types, recurrence_types, stability_types

    homes = (recurrence_types, movement_types, stability_types)
    home = next(home for home in homes if hasattr(home, name))
    given = {
        "table_name": "visits",
        "load_id": NOW,
        "compared_with": PAST,
        "earlier": PAST,
        "limit": 0.15,
        "noise": 4.0,
    }
    return getattr(home, name)(**{**given, **kwargs})


def _figures(now: dict, before: dict) -> dict[int, dict]:
    rows = {("rows", "", ""): 1000.0}
    return {NOW: rows | now} | dict.fromkeys(PAST, rows | before)


def _texts(known: float) -> dict:
    return {("texts_compared", "name", ""): 1000.0, ("texts_known", "name", ""): known}


def test_names_of_another_column_are_seen() -> None:
    rule = _rule("ExpectTextsToBeKnown", columns=["name"])
    assert rule.judge(_figures(_texts(900), _texts(950)))[0]
    met, _, found = rule.judge(_figures(_texts(600), _texts(950)))
    assert not met and list(found["columns"]) == ["name"]
    # texts that are others every time tell nothing
    assert rule.judge(_figures(_texts(0), _texts(0)))[0]
    figures = _figures(_texts(600), _texts(950))
    figures[PAST[2]] = figures[NOW]  # it happened before
    assert rule.judge(figures)[0]


def test_rows_that_multiply_under_new_ids_are_seen() -> None:
    rule = _rule("ExpectRowsToHaveFewTwins", limit=0.10)
    key = ("twins", "", "")
    assert rule.judge(_figures({key: 0.07}, {key: 0.02}))[0]
    assert not rule.judge(_figures({key: 0.30}, {key: 0.02}))[0]
    assert rule.judge(_figures({key: 0.30}, {}))[0]


def _parts(**rows: float) -> dict:
    return {("slice_rows", "school", name): n for name, n in rows.items()}


def test_a_part_that_was_always_there_is_missed() -> None:
    rule = _rule("ExpectPartsToBeStillPresent", columns=["school"], limit=0.08)
    before = _parts(a=700, b=200, c=50)
    assert rule.judge(_figures(_parts(a=700, b=200), before))[0]  # c is small
    met, _, found = rule.judge(_figures(_parts(a=700, c=50), before))
    assert not met and list(found["columns"]["school"]["gone"]) == ["b"]
    figures = _figures(_parts(a=700, c=50), before)
    figures[PAST[1]] = {("rows", "", ""): 800.0} | _parts(a=700, c=50)
    assert rule.judge(figures)[0]  # it stayed away before
    assert rule.judge(_figures({}, before))[0]  # no part at all is another rule's
    assert rule.judge({NOW: figures[NOW], **{i: figures[i] for i in PAST[:2]}, 6: {}})[0]


def test_a_part_that_lost_half_of_its_rows_is_warned_of() -> None:
    rule = _rule("ExpectPartsNearHistory", columns=["school"], limit=0.5)
    before = _parts(a=700, b=300)
    assert rule.judge(_figures(_parts(a=750, b=250), before))[0]
    met, _, found = rule.judge(_figures(_parts(a=950, b=50), before))
    assert not met and list(found["columns"]["school"]["moved"]) == ["b"]
    # when the whole file has half the rows, each part may
    halved = _figures(_parts(a=350, b=150), before)
    halved[NOW]["rows", "", ""] = 500.0
    assert rule.judge(halved)[0]


def test_rows_that_are_missing_name_the_part_they_are_missing_from() -> None:
    rule = _rule("ExpectRowCountNearHistory", limit=0.2)
    only = {("slice_rows", "county", "here"): 1000.0}
    before = _parts(a=600, b=400) | only
    figures = _figures(_parts(a=600), before)
    figures[NOW]["rows", "", ""] = 600.0
    figures[NOW]["slice_rows", "county", "here"] = 600.0
    met, _, found = rule.judge(figures)
    assert not met and found["parts"] == {"school": 1.0}
    # where every part has lost as much, none explains it
    figures = _figures(_parts(a=300, b=200) | {("slice_rows", "county", "here"): 500.0}, before)
    figures[NOW]["rows", "", ""] = 500.0
    met, _, found = rule.judge(figures)
    assert not met and not found["parts"]


def test_amounts_above_every_load_before_are_seen_below_the_limit() -> None:
    rule = _rule("ExpectShapesNearHistory", columns=["amount"])
    shape, moved = ("shape", "amount", "size"), {("moved", "amount", "size"): 0.0}
    before = {shape: {"0": 400, "10": 300, "12": 300}} | moved
    larger = {shape: {"0": 400, "10": 300, "12": 250, "14": 50}} | moved
    assert rule.judge(_figures(larger, before))[0]
    in_cents = {shape: {"0": 400, "10": 300, "12": 250, "25": 50}} | moved
    met, _, found = rule.judge(_figures(in_cents, before))
    assert not met and found["columns"]["amount"]["kind"] == "beyond"
    minus = {shape: {"0": 400, "10": 300, "12": 250, "-25": 50}} | moved
    assert rule.judge(_figures(minus, before))[0]


# --- figures of real tables ----------------------------------------------------------------


@pytest.fixture(scope="module")
def connection(fresh_settings: Callable[[str], Settings]) -> Iterator[psycopg.Connection]:
    with warehouse.connect(fresh_settings("recurrence")) as connection:
        warehouse.ensure_bookkeeping(connection)
        connection.commit()
        yield connection


@pytest.fixture(scope="module")
def contract() -> Contract:
    return next(
        c for c in load_contracts(load().contracts) if (c.agency, c.file) == ("courts", "evictions")
    )


def _table(connection: psycopg.Connection, contract: Contract, name: str, where: str) -> str:
    columns = [c.name for c in contract.tables[0].columns]
    connection.execute(
        f"create temp table {name} (_row_number int, {', '.join(c + ' text' for c in columns)})"
    )
    connection.execute(
        f"insert into {name} (_row_number, case_no, party_no, plaintiff_name, defendant_name, "
        "property_city, filed_date) select n, 'C' || n, '1', 'OWNER ' || n % 9, 'NAME ' || n % 70, "
        f"'CITY ' || n % 4, n from generate_series(1, 400) as n where {where}"
    )
    return name


def test_texts_twins_and_parts_are_counted_and_hold_no_value(
    connection: psycopg.Connection, contract: Contract
) -> None:
    table = contract.tables[0]
    before = _table(connection, contract, "before", "n <= 200")
    now = _table(connection, contract, "now", "n > 200")
    connection.execute(
        "update now set plaintiff_name = defendant_name, defendant_name = plaintiff_name "
        "where _row_number > 300"
    )
    told = recurring.texts(connection, table, now, before, 200, 200)
    found = {(metric, column): value for metric, column, _, value in told}
    assert found["texts_compared", "plaintiff_name"] == 200
    assert found["texts_known", "plaintiff_name"] == found["texts_known", "defendant_name"] == 100
    assert ("texts_known", "property_unit") not in found  # empty throughout
    assert "case_no" not in recurring.texts_of(table)

    assert recurring.twins(connection, table, now, 200) == [("twins", "", "", 0.0)]
    connection.execute(
        "insert into now select * from now where _row_number % 2 = 0; "
        "update now set case_no = case_no || '-2' where ctid in (select max(ctid) from now "
        "group by _row_number having count(*) > 1)"
    )
    [(_, _, _, share)] = recurring.twins(connection, table, now, 300)
    assert share == pytest.approx(1 / 3)

    parts = slices.figures(connection, table, before, 200)
    assert sorted(n for _, column, _, n in parts if column == "property_city") == [50] * 4
    assert not any("CITY" in part for _, _, part, _ in parts)
    hashes = [part for _, column, part, _ in parts if column == "property_city"]
    names = slices.names_of(connection, before, "property_city", hashes)
    assert sorted(names.values()) == ["CITY 0", "CITY 1", "CITY 2", "CITY 3"]
    assert not {"case_no", "defendant_name", "property_street"} & {*slices.columns_of(table)}


# --- escalation ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arrears() -> RuleSpec:
    """A shipped rule that warns."""
    utility = next(
        c for c in load_contracts(load().contracts) if (c.agency, c.file) == ("utility", "accounts")
    )
    return next(r for r in gate.specs(utility) if r.rule_id.endswith(".arrears_plausible"))


@pytest.mark.parametrize(
    ("breaking", "past", "severity"),
    [
        (5, [1, 2, 0], "warning"),  # near what was
        (90, [1, 2, 0], "critical"),  # far beyond all of them
        (90, [1, 60, 0], "warning"),  # it swings
        (90, [1, 2], "warning"),  # two loads tell too little
    ],
)
def test_a_warning_far_beyond_every_accepted_load_holds(
    connection: psycopg.Connection,
    arrears: RuleSpec,
    breaking: int,
    past: list[int],
    severity: str,
) -> None:
    ids = []
    for rows in [breaking, *past]:
        [load_id] = connection.execute(
            "insert into quality.load (agency, file, period, delivery, path, sha256, bytes) "
            "values ('utility', 'accounts', '2025-01', '2025-01', md5(random()::text), "
            "md5(random()::text), 1) returning load_id"
        ).fetchone()
        ids.append(load_id)
        for metric, value in (("breaking", rows), ("asked", 1000)):
            connection.execute(
                "insert into quality.metric_history values (%s, %s, %s, '', %s, %s)",
                [load_id, arrears.table, metric, "arrears_plausible", value],
            )
    like = Comparison(ids[0], "2025-05", "original", "ordinary", ids[1:], ids[1:], [], 3, True, 1)
    failed = messages.verdict("utility/accounts 2025-05", arrears, "failed", "Not so.")
    told = escalated(connection, like, arrears, failed)
    assert told.severity == severity and told.blocks == (severity == "critical")
    assert ("accepted deliveries" in told.message) == (severity == "critical")
    passed = messages.verdict("utility/accounts 2025-05", arrears, "passed", "So.")
    assert escalated(connection, like, arrears, passed) == passed
    connection.rollback()
