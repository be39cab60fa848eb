"""The spell macros against a brute-force day set, on random spells.

The macros are compiled by dbt for the real adapter and run on a real PostgreSQL. The oracle
knows nothing of windows: it lists the days. Add here: a property of a spell macro. Keep out:
what the models do with spells (unit tests beside the models).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration import warehouse
from orchestration.settings import PROJECT_ROOT, Settings

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
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
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


def _compile(project: Settings, tmp: Path, inline: str) -> str:
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(
        [
            *("compile", "--quiet", "--inline", inline),
            *("--project-dir", str(project.root), "--profiles-dir", str(tmp)),
            *("--target-path", str(tmp / "target"), "--log-path", str(tmp / "logs")),
        ]
    )
    assert result.success, result.exception
    return result.result.results[0].node.compiled_code


@pytest.fixture(scope="module")
def collapse(
    fresh_settings: Callable[[str], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[dict[int, tuple[list[Spell], int]]], dict[int, list[Collapsed]]]]:
    """Run collapse_spells on many persons at once: {person: (spells, grace)}."""
    project = fresh_settings("spell_oracle")
    tmp = tmp_path_factory.mktemp("dbt")
    (tmp / "profiles.yml").write_bytes((PROJECT_ROOT / "profiles.example.yml").read_bytes())
    with pytest.MonkeyPatch.context() as environment:
        for name, value in warehouse.environment(project).items():
            environment.setenv(name, value)
        environment.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        query = _compile(
            project,
            tmp,
            "{{ collapse_spells('oracle_spell', ['person_id', 'grace_days'], "
            "grace_days='grace_days') }}",
        )
    with warehouse.connect(project) as connection:
        connection.execute(
            "create temporary table oracle_spell (person_id int, grace_days int, "
            "start_date date, end_date_excl date)"
        )

        def run(cases: dict[int, tuple[list[Spell], int]]) -> dict[int, list[Collapsed]]:
            connection.execute("truncate oracle_spell")
            with connection.cursor().copy("copy oracle_spell from stdin") as copy:
                for person, (spells, grace) in cases.items():
                    for start, end in spells:
                        copy.write_row(
                            (person, grace, *(EPOCH + dt.timedelta(day) for day in (start, end)))
                        )
            found: dict[int, list[Collapsed]] = {person: [] for person in cases}
            rows = connection.execute(
                "select person_id, spell_number, start_date, end_date_excl, n_source_spells, "
                f"gap_days_bridged from ({query}) as collapsed order by person_id, spell_number"
            )
            for person, number, start, end, n_source, bridged in rows:
                assert number == len(found[person]) + 1, "spells are numbered from 1 in order"
                found[person].append(((start - EPOCH).days, (end - EPOCH).days, n_source, bridged))
            return found

        yield run


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
    days = {day for start, end in spells for day in range(start, end)}
    assert sum(end - start - bridged for start, end, _, bridged in once) == len(days)
    assert days <= {day for start, end, _, _ in once for day in range(start, end)}
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
