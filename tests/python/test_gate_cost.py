"""The race of the gate runs, and both sides count the same rows.

Add here: what must hold for the benchmark's figures to mean anything. Keep out: the figures.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.bench import gate_cost
from orchestration.errors import LifecourseError, UsageError
from orchestration.settings import Settings


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("gate_cost")


def test_the_gate_judges_sixty_rules_and_counts_what_the_queries_count(settings):
    """run() itself refuses when the counts differ."""
    figures = gate_cost.run(settings, 2_000, rounds=1)
    assert figures["expectations"] == 60 and figures["columns"] == 30
    assert figures["ratio"] > 0


def test_different_counts_are_refused(settings, monkeypatch):
    ours = gate_cost._by_hand
    monkeypatch.setattr(gate_cost, "_by_hand", lambda c: [ours(c)[0] + 1, *ours(c)[1:]])
    with pytest.raises(LifecourseError, match="disagree"):
        gate_cost.run(settings, 1_000, rounds=1)


def test_too_few_rows_are_refused(settings):
    with pytest.raises(UsageError):
        gate_cost.run(settings, 10)
