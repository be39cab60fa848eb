"""The study of the gate as lines for a terminal.

Add here: a line of it. Keep out: figures (gates).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def table(figures: dict[str, Any]) -> Iterator[str]:
    """False holds, then faults by kind, then what was missed."""
    yield (
        f"clean deliveries {figures['deliveries']:,} (and {figures['duplicates']:,} the same as "
        f"the last); false holds {_percent(figures['false_holds'])}"
    )
    for held in figures["held"]:
        yield f"  {held['status']} {held['place']}"
        for message in held["messages"]:
            yield f"    {message}"
    if "kinds" in figures:
        yield ""
        yield f"{'fault':44} {'material':>8} {'found':>6} {'named':>6} {'minor':>6} {'found':>6}"
        for kind in figures["kinds"]:
            yield (
                f"{kind['kind']:44} {kind['material']:>8} {kind['found']:>6} {kind['named']:>6} "
                f"{kind['minor']:>6} {kind['minor_found']:>6}"
            )
        yield ""
        yield (
            f"detection {_percent(figures['detection'])} of {figures['material']} material faults "
            f"({len(figures['kinds'])} kinds, {figures['trials']} trials); the right column named "
            f"in {_percent(figures['named'])} of those found"
        )
        for title in ("missed", "not_named", "not_tried"):
            for line in figures[title]:
                yield f"  {title.replace('_', ' ')}: {line}"
    yield f"{figures['seconds']:,} s"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share * 100:.1f} %"
