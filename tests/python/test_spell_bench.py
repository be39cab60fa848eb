"""The race of spells runs, and both engines make the same rows.

Add here: what must hold for the benchmark's figures to mean anything. Keep out: the figures.
"""

from __future__ import annotations

import pytest

from orchestration.bench import spell_delta, spells
from orchestration.errors import LifecourseError
from orchestration.settings import load


def test_both_engines_and_a_delta_make_the_same_spells_and_months():
    """run() itself refuses when counts and sums differ; 400 persons cut every slice."""
    figures = spells.run(load(), 400, growth=True, sessions=2)
    assert figures["service_rows"] == 4000
    assert 0 < figures["steps"]["spell"]["rows"] < 4000
    assert figures["steps"]["person_month"]["rows"] > figures["steps"]["spell"]["rows"]
    assert figures["growth"]["persons"] == [40, 400]
    assert figures["delta"]["touched_persons"] == 4
    rewritten = figures["delta"]["rows_rewritten"]
    assert 0 < rewritten < figures["steps"]["person_month"]["rows"] / 10


def test_a_delta_that_leaves_a_stale_row_is_void(monkeypatch):
    monkeypatch.setattr(spell_delta, "_touched_only", lambda *_: 0)
    with pytest.raises(LifecourseError, match="disagree on spell"):
        spells.run(load(), 400, sessions=2)


def test_service_rows_are_sorted_and_the_same_for_one_seed():
    rows = spells.service_rows(50, seed=3)
    keys = ["person_id", "program_code", "start_date"]
    assert rows.equals(rows.sort_by([(key, "ascending") for key in keys]))
    assert rows.equals(spells.service_rows(50, seed=3))
    assert not rows.equals(spells.service_rows(50, seed=4))
