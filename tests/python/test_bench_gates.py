"""The study of the gate: good deliveries pass, faults are found, and the table says so.

Add here: what the study must count. Keep out: single rules (test_stability, test_quality).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.bench import gates
from orchestration.bench.gate_faults import FAULTS
from orchestration.bench.gate_file_faults import FILE_FAULTS
from orchestration.bench.gates_table import table
from orchestration.errors import UsageError
from orchestration.settings import Settings


@pytest.fixture(scope="module")
def figures(fresh_settings: Callable[[str], Settings]) -> dict[str, Any]:
    return gates.run(
        fresh_settings("bench_gates"),
        persons=4_000,
        months=5,
        seed=11,
        most=24,
        agencies=frozenset({"benefits"}),
    )


def test_good_deliveries_pass_and_most_faults_do_not(figures: dict[str, Any]) -> None:
    assert figures["deliveries"] == 2 * 5  # case members and consents, of five months
    assert (figures["false_holds"], figures["held"]) == (0.0, [])
    assert figures["trials"] >= 12 and figures["material"] >= 8
    assert figures["detection"] >= 0.8, figures["missed"]
    assert figures["named"] >= 0.8, figures["not_named"]


def test_what_was_not_found_is_listed(figures: dict[str, Any]) -> None:
    found = sum(kind["found"] for kind in figures["kinds"])
    assert figures["material"] - found == len(figures["missed"])
    assert found - sum(kind["named"] for kind in figures["kinds"]) == len(figures["not_named"])
    lines = list(table(figures))
    assert any(line.startswith("detection ") for line in lines)
    assert len(lines) >= len(figures["kinds"]) + 4


def test_there_are_sixty_kinds_each_with_a_name_of_its_own() -> None:
    kinds = [fault.kind for fault in FAULTS] + list(FILE_FAULTS)
    assert len(kinds) == len(set(kinds)) >= 60


def test_a_study_needs_a_history(fresh_settings: Callable[[str], Settings]) -> None:
    with pytest.raises(UsageError, match="more than 3 months"):
        gates.run(fresh_settings("bench_gates_short"), months=2)
