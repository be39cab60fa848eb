"""True histories, one module per part of life: what happened, without any agency's errors.

Each module has `history(world)`, which gives a table of numpy columns, and `spells(...)` with
the true spells by program. Add here: another part of life (child care, health, child welfare).
Keep out: what an agency writes down about it (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Spells:
    """True spells: person, program, first day and last day (last_day OPEN when not over)."""

    person: np.ndarray
    program: np.ndarray
    start: np.ndarray
    last_day: np.ndarray


def runs(person: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unbroken runs of whole-number steps (months, quarters): person, first step, last step."""
    if not len(person):
        return person, step, step
    order = np.lexsort((step, person))
    person, step = person[order], step[order]
    keep = np.r_[True, (person[1:] != person[:-1]) | (step[1:] != step[:-1])]
    person, step = person[keep], step[keep]
    begin = np.r_[True, (person[1:] != person[:-1]) | (step[1:] != step[:-1] + 1)]
    first = np.flatnonzero(begin)
    last = np.r_[first[1:] - 1, len(person) - 1]
    return person[first], step[first], step[last]
