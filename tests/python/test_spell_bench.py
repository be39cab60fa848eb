"""The race of spells runs, and both engines make the same rows.

Add here: what must hold for the benchmark's figures to mean anything. Keep out: the figures.
"""

from __future__ import annotations

from orchestration.bench import spells
from orchestration.settings import load


def test_both_engines_make_the_same_spells_and_months():
    """run() itself refuses when counts and sums differ; 400 persons cut every slice."""
    figures = spells.run(load(), 400, sessions=2)
    assert figures["service_rows"] == 4000
    assert 0 < figures["steps"]["spell"]["rows"] < 4000
    assert figures["steps"]["person_month"]["rows"] > figures["steps"]["spell"]["rows"]


def test_service_rows_are_sorted_and_the_same_for_one_seed():
    rows = spells.service_rows(50, seed=3)
    keys = ["person_id", "program_code", "start_date"]
    assert rows.equals(rows.sort_by([(key, "ascending") for key in keys]))
    assert rows.equals(spells.service_rows(50, seed=3))
    assert not rows.equals(spells.service_rows(50, seed=4))
