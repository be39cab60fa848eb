"""Which source records are one person: link, score, train, explain.

records -> collapse -> nodes -> candidates -> model (Splink) -> clusters -> identifiers ->
store; `engine` runs the middle, `linking` the whole. Only `scoring` and a training that is
given labels read a truth.
Add here: what the rest of the project may call. Keep out: the work itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from orchestration.linkage.linking import LinkageReport
    from orchestration.linkage.store import Key
    from orchestration.settings import Settings

__all__ = [
    "approve",
    "decide",
    "decisions",
    "explain",
    "keys_of",
    "link",
    "preview",
    "report",
    "review_queue",
    "score",
    "train",
    "withdraw",
]


def link(
    settings: Settings,
    progress: Callable[[str], None] | None = None,
    *,
    model_path: Path | None = None,
    full: bool = False,
) -> LinkageReport:
    """Give every source record a person id; see linking.link."""
    from orchestration.linkage import linking

    return linking.link(settings, progress, model_path=model_path, full=full)


def score(settings: Settings, truth_dir: Path) -> dict:
    """Pairwise precision, recall and F1 against a truth; see scoring.score."""
    from orchestration.linkage import scoring

    return scoring.score(settings, truth_dir)


def train(
    settings: Settings,
    out: Path,
    *,
    trained_on: str = "the records in the warehouse",
    seed: int = 1,
    truth: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Estimate a model from the warehouse's records and write it to `out`; see training.train."""
    from orchestration.linkage import training

    training.train_from_warehouse(
        settings, out, trained_on=trained_on, seed=seed, truth=truth, progress=progress
    )


def explain(settings: Settings, person_id: int, *, identified: bool = False) -> dict:
    """A person's records and links as sums of log-odds; see explaining.explain."""
    from orchestration.linkage import explaining

    return explaining.explain(settings, person_id, identified=identified)


def preview(
    settings: Settings,
    progress: Callable[[str], None] | None = None,
    *,
    supposed: tuple[str, Key, Key] | None = None,
    full: bool = False,
) -> list[dict]:
    """Merges, splits and moves of the next run, with their spells; see previewing.preview."""
    from orchestration.linkage import previewing

    return previewing.preview(settings, progress, supposed=supposed, full=full)


def review_queue(settings: Settings, *, limit: int | None = 200) -> list[dict]:
    """Doubtful pairs and bridges with their evidence; see review.queue."""
    from orchestration.linkage import review

    return review.queue(settings, limit=limit)


def keys_of(settings: Settings, *record_numbers: int) -> list[Key]:
    """The source keys behind record numbers; see deciding.keys_of."""
    from orchestration.linkage import deciding

    return deciding.keys_of(settings, *record_numbers)


def decide(
    settings: Settings,
    kind: str,
    left: Key,
    right: Key,
    *,
    reason: str,
    steward: str,
    approved_by: str | None = None,
    expires_on: date | None = None,
) -> dict:
    """Record a steward's decision about two source records; see deciding.decide."""
    from orchestration.linkage import deciding

    return deciding.decide(
        settings,
        kind,
        left,
        right,
        reason=reason,
        steward=steward,
        approved_by=approved_by,
        expires_on=expires_on,
    )


def decisions(settings: Settings) -> list[dict]:
    """Every decision and its state; see deciding.decisions."""
    from orchestration.linkage import deciding

    return deciding.decisions(settings)


def approve(settings: Settings, override_id: int, *, approver: str) -> None:
    """A second person agrees to a decision; see deciding.approve."""
    from orchestration.linkage import deciding

    deciding.approve(settings, override_id, approver=approver)


def withdraw(settings: Settings, override_id: int, *, steward: str, reason: str) -> None:
    """Take a decision back; see deciding.withdraw."""
    from orchestration.linkage import deciding

    deciding.withdraw(settings, override_id, steward=steward, reason=reason)


def report(settings: Settings, out: Path, *, truth_dir: Path | None = None) -> dict:
    """Write the quality report of the last run into folder `out`; see quality.report."""
    from orchestration.linkage import quality

    return quality.report(settings, out, truth_dir=truth_dir)
