"""The spell macros against a brute-force day set, on random spells.

The macros are compiled by dbt for the real adapter and run on a real PostgreSQL, and the same
text on DuckDB. The oracle knows nothing of windows: it lists the days. Add here: a property of
a spell macro. Keep out: what the models do with spells (unit tests beside the models).
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration import dbt, warehouse
from orchestration.settings import Settings

EPOCH = dt.date(2020, 1, 1)
Spell = tuple[int, int]  # [start, end) in days after EPOCH
Collapsed = tuple[int, int, int, int]  # start, end, n_source_spells, gap_days_bridged

SPELLS = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 25)).map(lambda s: (s[0], s[0] + s[1])),
    min_size=1,
    max_size=9,
)
GRACE = st.sampled_from([0, 1, 2, 7, 30])
# function-scoped fixtures are not used; the database is a module's
PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def oracle(spells: list[Spell], grace: int) -> list[Collapsed]:
    """Collapse by listing every day that is covered."""
    days = sorted({day for start, end in spells for day in range(start, end)})
    runs: list[list[int]] = []
    for day in days:
        if runs and day - runs[-1][-1] - 1 <= grace:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [
        (
            run[0],
            run[-1] + 1,
            sum(run[0] <= start <= run[-1] for start, _ in spells),
            run[-1] + 1 - run[0] - len(run),
        )
        for run in runs
    ]


MACROS = {
    "collapse": "{{ collapse_spells('left_spell', ['person_id', 'grace_days'], "
    "grace_days='grace_days') }}",
    "union": "{{ union_spells('left_spell', 'right_spell', ['person_id']) }}",
    "intersect": "{{ intersect_spells('left_spell', 'right_spell', ['person_id']) }}",
    "subtract": "{{ subtract_spells('left_spell', 'right_spell', ['person_id']) }}",
    "combine": "{{ combine_spells('left_spell', ['person_id'], {'n_active': '1 = 1'}) }}",
    "sequence": "{{ sequence_spells('disjoint_spell', ['person_id']) }}",
    "months": "{{ spell_months('left_spell') }}",
    **{
        f"normalise_{name}": "select {{ normalise_end('start_date', 'end_date', "
        + flag
        + ") }} as found from one"
        for name, flag in (("inclusive", "true"), ("exclusive", "false"))
    },
    **{
        policy: "{{ resolve_overlaps('left_spell', ['person_id'], '" + policy + "', 'spell_key') }}"
        for policy in ("allow", "truncate_previous", "merge", "priority")
    },
}
COLUMNS = "person_id int, grace_days int, spell_key int, priority int, " + (
    "start_date date, end_date_excl date"
)


class Engine:
    """The compiled macros on one engine; `load` fills a table, `run` reads a macro's select."""

    def __init__(self, execute: Callable, sql: dict[str, str]) -> None:
        self._execute, self._sql = execute, sql
        for table in ("left_spell", "right_spell", "disjoint_spell"):
            execute(f"create temporary table {table} ({COLUMNS})")

    def load(self, table: str, cases: dict[int, list[Spell]], grace: dict[int, int]) -> None:
        rows = [
            f"({person}, {grace.get(person, 0)}, {key}, {key}, "
            f"date '{EPOCH + dt.timedelta(start)}', date '{EPOCH + dt.timedelta(end)}')"
            for person, spells in cases.items()
            for key, (start, end) in enumerate(spells)
        ]
        self._execute(f"delete from {table}")
        if rows:
            self._execute(f"insert into {table} values {', '.join(rows)}")

    def run(self, macro: str, columns: str, **names: str) -> list[tuple]:
        sql = self._sql[macro]
        for old, new in names.items():
            sql = sql.replace(old, new)
        return self._execute(
            f"select person_id, {columns} from ({sql}) as found order by person_id, start_date"
        ).fetchall()

    def scalar(self, macro: str, start: dt.date, end: dt.date | None) -> dt.date | None:
        stop = "null" if end is None else f"date '{end}'"
        one = f"(select date '{start}' as start_date, cast({stop} as date) as end_date) as one"
        return self._execute(self._sql[macro].replace("from one", f"from {one}")).fetchone()[0]


@pytest.fixture(scope="module", params=["postgres", "duckdb"])
def engine(
    request: pytest.FixtureRequest, compiled: tuple[Settings, dict[str, str]]
) -> Iterator[Engine]:
    """PostgreSQL is the warehouse; DuckDB runs the same text, so it is no dialect of one engine."""
    project, sql = compiled
    if request.param == "postgres":
        with warehouse.connect(project) as connection:
            yield Engine(connection.execute, sql)
    else:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute(
                "create table ref_month as select month_start, "
                "cast(month_start + interval 1 month as date) as next_month_start from "
                "(select unnest(generate_series(date '2019-01-01', date '2021-12-01', "
                "interval 1 month))::date as month_start)"
            )
            yield Engine(connection.execute, sql)


@pytest.fixture(scope="module")
def compiled(
    fresh_settings: Callable[[str], Settings],
) -> tuple[Settings, dict[str, str]]:
    project = fresh_settings("spell_oracle")
    sql = dbt.compile_sql(project, MACROS)
    sql["months"] = re.sub(r'"[^"]+"\."[^"]+"\."ref_month"', "ref_month", sql["months"])
    with warehouse.connect(project) as connection:
        connection.execute(
            "create table ref_month as select month_start, "
            "cast(month_start + interval '1 month' as date) as next_month_start from "
            "(select cast(generate_series(date '2019-01-01', date '2021-12-01', "
            "interval '1 month') as date) as month_start) as months"
        )
    return project, sql


@pytest.fixture(scope="module")
def collapse(
    engine: Engine,
) -> Callable[[dict[int, tuple[list[Spell], int]]], dict[int, list[Collapsed]]]:
    """Run collapse_spells on many persons at once: {person: (spells, grace)}."""

    def run(cases: dict[int, tuple[list[Spell], int]]) -> dict[int, list[Collapsed]]:
        engine.load(
            "left_spell",
            {person: spells for person, (spells, _) in cases.items()},
            {person: grace for person, (_, grace) in cases.items()},
        )
        found: dict[int, list[Collapsed]] = {person: [] for person in cases}
        for person, number, start, end, n_source, bridged in engine.run(
            "collapse", "spell_number, start_date, end_date_excl, n_source_spells, gap_days_bridged"
        ):
            assert number == len(found[person]) + 1, "spells are numbered from 1 in order"
            found[person].append(((start - EPOCH).days, (end - EPOCH).days, n_source, bridged))
        return found

    return run


def days(spells: Iterable[Spell]) -> set[int]:
    return {day for start, end in spells for day in range(start, end)}


def test_thousands_of_random_persons_match_the_day_set(collapse):
    rng = np.random.default_rng(20261123)
    cases = {}
    for person in range(4000):
        starts = rng.integers(0, 150, size=rng.integers(1, 12))
        # short spells leave gaps near every grace; long ones nest
        lengths = np.where(
            rng.random(len(starts)) < 0.8,
            rng.integers(1, 12, size=len(starts)),
            rng.integers(12, 80, size=len(starts)),
        )
        spells = [(int(s), int(s + n)) for s, n in zip(starts, lengths, strict=True)]
        cases[person] = (spells, int(rng.choice([0, 1, 2, 7, 30])))
    found = collapse(cases)
    wrong = [p for p, (spells, grace) in cases.items() if found[p] != oracle(spells, grace)]
    assert not wrong, f"{len(wrong)} of {len(cases)}, first: {cases[wrong[0]]}"


@pytest.mark.parametrize("grace", [0, 1, 7, 30])
def test_a_gap_of_grace_days_is_joined_and_one_day_more_is_not(collapse, grace):
    found = collapse(
        {
            1: ([(0, 10), (10 + grace, 20 + grace)], grace),
            2: ([(0, 10), (10 + grace + 1, 20 + grace)], grace),
        }
    )
    assert found[1] == [(0, 20 + grace, 2, grace)]
    assert found[2] == [(0, 10, 1, 0), (10 + grace + 1, 20 + grace, 1, 0)]


def test_a_nested_spell_does_not_end_the_one_around_it(collapse):
    found = collapse({1: ([(0, 60), (10, 20), (61, 70)], 0), 2: ([(0, 60), (10, 20), (60, 70)], 0)})
    assert found[1] == [(0, 60, 2, 0), (61, 70, 1, 0)]
    assert found[2] == [(0, 70, 3, 0)]


@PROPERTY
@given(spells=SPELLS, grace=GRACE)
@example(spells=[(0, 1)], grace=0)
@example(spells=[(0, 5), (0, 5), (5, 6)], grace=0)
def test_collapse_matches_the_day_set(collapse, spells, grace):
    assert collapse({1: (spells, grace)})[1] == oracle(spells, grace)


@PROPERTY
@given(spells=SPELLS, grace=GRACE)
def test_collapse_is_idempotent_disjoint_and_keeps_every_day(collapse, spells, grace):
    once = collapse({1: (spells, grace)})[1]
    again = collapse({1: ([(start, end) for start, end, _, _ in once], grace)})[1]
    assert [spell[:2] for spell in again] == [spell[:2] for spell in once]
    assert all(left[1] + grace < right[0] for left, right in pairwise(once)), (
        "two spells stand nearer than the grace"
    )
    covered = days(spells)
    assert sum(end - start - bridged for start, end, _, bridged in once) == len(covered)
    assert covered <= days((start, end) for start, end, _, _ in once)
    assert sum(n_source for _, _, n_source, _ in once) == len(spells)


@PROPERTY
@given(spells=SPELLS, grace=GRACE, data=st.data())
def test_collapse_depends_on_neither_order_nor_duplicates(collapse, spells, grace, data):
    shuffled = data.draw(st.permutations(spells))
    doubled = spells + data.draw(st.lists(st.sampled_from(spells), max_size=4))
    found = collapse({1: (spells, grace), 2: (shuffled, grace), 3: (doubled, grace)})
    assert found[1] == found[2]
    assert [spell[:2] for spell in found[1]] == [spell[:2] for spell in found[3]]


@PROPERTY
@given(spells=SPELLS, graces=st.tuples(GRACE, GRACE).map(sorted))
def test_a_longer_grace_only_joins_spells_of_a_shorter_one(collapse, spells, graces):
    found = collapse({1: (spells, graces[0]), 2: (spells, graces[1])})
    for start, end, _, _ in found[1]:
        assert any(outer[0] <= start and end <= outer[1] for outer in found[2])


def random_cases(seed: int, persons: int = 1500) -> dict[int, list[Spell]]:
    """Spells that overlap, nest, touch and repeat; every tenth person has none."""
    rng = np.random.default_rng(seed)
    cases = {}
    for person in range(persons):
        starts = rng.integers(0, 100, size=0 if person % 10 == 9 else rng.integers(1, 8))
        lengths = rng.integers(1, 30, size=len(starts))
        cases[person] = [(int(s), int(s + n)) for s, n in zip(starts, lengths, strict=True)]
    return cases


def spells_found(rows: list[tuple]) -> dict[int, list[Spell]]:
    found: dict[int, list[Spell]] = {}
    for person, start, end in rows:
        found.setdefault(person, []).append(((start - EPOCH).days, (end - EPOCH).days))
    return found


def test_union_intersection_and_difference_are_those_of_the_days(engine):
    left, right = random_cases(1), random_cases(2)
    engine.load("left_spell", left, {})
    engine.load("right_spell", right, {})
    expected = {
        "union": lambda a, b: a | b,
        "intersect": lambda a, b: a & b,
        "subtract": lambda a, b: a - b,
    }
    totals = {}
    for macro, of_days in expected.items():
        found = spells_found(engine.run(macro, "start_date, end_date_excl"))
        for person in left:
            spells = found.get(person, [])
            assert days(spells) == of_days(days(left[person]), days(right[person])), (macro, person)
            assert all(a[1] < b[0] for a, b in pairwise(spells)), "disjoint, and not even touching"
        totals[macro] = sum(end - start for spells in found.values() for start, end in spells)
    both = sum(len(days(cases[p])) for cases in (left, right) for p in left)
    assert totals["union"] == both - totals["intersect"]


def test_combine_counts_what_is_active_on_every_day(engine):
    cases = random_cases(3)
    engine.load("left_spell", cases, {})
    found: dict[int, Counter] = {person: Counter() for person in cases}
    last: dict[int, tuple] = {}
    for person, start, end, n_active in engine.run(
        "combine", "start_date, end_date_excl, n_active"
    ):
        found[person].update(
            dict.fromkeys(range((start - EPOCH).days, (end - EPOCH).days), n_active)
        )
        assert last.get(person) != (start, n_active), "a cut where nothing changes"
        last[person] = (end, n_active)
    for person, spells in cases.items():
        assert found[person] == Counter(day for start, end in spells for day in range(start, end))


def test_overlap_policies_say_whose_a_day_is(engine):
    cases = random_cases(4)
    engine.load("left_spell", cases, {})
    found = {
        policy: engine.run(policy, "spell_key, start_date, end_date_excl")
        for policy in ("allow", "truncate_previous", "merge", "priority")
    }

    def owners(policy: str) -> dict[int, dict[int, set[int]]]:
        whose: dict[int, dict[int, set[int]]] = {person: {} for person in cases}
        for person, key, start, end in found[policy]:
            for day in range((start - EPOCH).days, (end - EPOCH).days):
                whose[person].setdefault(day, set()).add(key)
        return whose

    allow, truncated, priority = owners("allow"), owners("truncate_previous"), owners("priority")
    for person, spells in cases.items():
        by_day = {
            day: {key for key, (start, end) in enumerate(spells) if start <= day < end}
            for day in days(spells)
        }
        assert allow[person] == by_day
        assert priority[person] == {day: {min(keys)} for day, keys in by_day.items()}
        expected: dict[int, set[int]] = {}
        for day in range(140):
            begun = [(start, end, key) for key, (start, end) in enumerate(spells) if start <= day]
            if begun and max(begun)[1] > day:
                expected[day] = {max(begun)[2]}
        assert truncated[person] == expected
    merged = spells_found([(person, start, end) for person, _, start, end in found["merge"]])
    assert merged == {p: [s[:2] for s in oracle(c, 0)] for p, c in cases.items() if c}


def test_sequence_numbers_disjoint_spells_and_measures_the_gaps(engine):
    cases = {p: [s[:2] for s in oracle(spells, 0)] for p, spells in random_cases(5, 300).items()}
    engine.load("disjoint_spell", cases, {})
    found: dict[int, list[tuple]] = {}
    for person, *row in engine.run(
        "sequence", "sequence_number, gap_days_before, start_date, next_start_date"
    ):
        found.setdefault(person, []).append(tuple(row))
    for person, spells in cases.items():
        day = [EPOCH + dt.timedelta(start) for start, _ in spells]
        assert found.get(person, []) == [
            (
                n + 1,
                None if n == 0 else spells[n][0] - spells[n - 1][1],
                day[n],
                day[n + 1] if n + 1 < len(spells) else None,
            )
            for n in range(len(spells))
        ]


def test_person_months_are_the_days_of_each_month(engine):
    cases = random_cases(6, 400)
    engine.load("left_spell", cases, {})
    rows = engine.run("months", "start_date, spell_key, month, days_active, is_active_on_last_day")
    found = {(p, key, month): (n, bool(last)) for p, _, key, month, n, last in rows}
    expected: dict[tuple, tuple] = {}
    for person, spells in cases.items():
        for key, spell in enumerate(spells):
            dates = [EPOCH + dt.timedelta(day) for day in sorted(days([spell]))]
            for month, n in Counter(date.replace(day=1) for date in dates).items():
                end = (month + dt.timedelta(32)).replace(day=1) - dt.timedelta(1)
                expected[person, key, month] = (n, end in dates)
    assert found == expected


@pytest.mark.parametrize(
    ("end", "inclusive", "exclusive"),
    [(None, None, None), (0, 1, 1), (3, 4, 3), (-2, 0, 0)],
    ids=["open", "one day", "three days later", "before its start"],
)
def test_a_delivered_end_becomes_half_open(engine, end, inclusive, exclusive):
    def day(number: int | None) -> dt.date | None:
        return None if number is None else EPOCH + dt.timedelta(number)

    assert engine.scalar("normalise_inclusive", EPOCH, day(end)) == day(inclusive)
    assert engine.scalar("normalise_exclusive", EPOCH, day(end)) == day(exclusive)
