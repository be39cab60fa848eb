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

    from orchestration.linkage.linking import LinkageReport
    from orchestration.settings import Settings

__all__ = ["decide", "explain", "link", "report", "review_queue", "score", "train"]


def link(
    settings: Settings,
    progress: Callable[[str], None] | None = None,
    *,
    model_path: Path | None = None,
) -> LinkageReport:
    """Give every source record a person id; see linking.link."""
    from orchestration.linkage import linking

    return linking.link(settings, progress, model_path=model_path)


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


def explain(settings: Settings, person_id: int) -> dict:
    """A person's records and links as sums of log-odds; see explaining.explain."""
    from orchestration.linkage import explaining

    return explaining.explain(settings, person_id)


def review_queue(settings: Settings, *, limit: int | None = 200) -> list[dict]:
    """Doubtful pairs and bridges with their evidence; see review.queue."""
    from orchestration.linkage import review

    return review.queue(settings, limit=limit)


def decide(
    settings: Settings,
    kind: str,
    left: tuple[str, str],
    right: tuple[str, str],
    *,
    reason: str,
    steward: str,
    approved_by: str | None = None,
) -> int:
    """Record a steward's decision about two source records; see review.decide."""
    from orchestration.linkage import review

    return review.decide(
        settings, kind, left, right, reason=reason, steward=steward, approved_by=approved_by
    )


def report(settings: Settings, out: Path, *, truth_dir: Path | None = None) -> dict:
    """Write the quality report of the last run into folder `out`; see quality.report."""
    from orchestration.linkage import quality

    return quality.report(settings, out, truth_dir=truth_dir)
