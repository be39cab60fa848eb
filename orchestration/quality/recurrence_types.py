"""Expectation types on what comes again: texts, rows that are twins, and the parts of a file.

Importing this module imports Great Expectations. Add here: a rule on a figure of recurring or
slices. Keep out: the figures themselves, which loads are compared (comparison), limits
(_policy.yml).
"""

from __future__ import annotations

from typing import Any

from orchestration.quality import chance
from orchestration.quality.shapes import SAMPLE
from orchestration.quality.stability_types import Verdict, _NearHistory


class ExpectTextsToBeKnown(_NearHistory):
    """`limit` is by how much the share of texts that the load before did not have may exceed
    the most of the loads before. What swung between those may swing as much again."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing = {}
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        rows = 0.0
        for column in self.columns:
            now = _new_texts(figures[self.load_id], column)
            ids = dict.fromkeys([*self.compared_with, *told])
            past = [t for i in ids if (t := _new_texts(figures[i], column))]
            if now is None or len(past) < 2:
                continue
            shares = [new / compared for new, compared in past]
            rows = max(rows, now[1])
            by_chance = chance.share_limit(*now, *max(past, key=lambda p: p[0] / p[1]), self.noise,
                                           cluster)  # fmt: skip
            more = now[0] / now[1] - max(shares)
            if more > max(limit, by_chance) + max(shares) - min(shares):
                failing[column] = {"now": now[0] / now[1], "before": sum(shares) / len(shares)}
        return not failing, len(failing), {"rows": rows, "columns": failing}


def _new_texts(figures: dict, column: str) -> tuple[float, float] | None:
    """Texts that the load before did not have, and all that were compared."""
    compared = figures.get(("texts_compared", column, ""))
    if not compared:
        return None
    return compared - figures.get(("texts_known", column, ""), 0.0), compared


class ExpectRowsToHaveFewTwins(_NearHistory):
    """`limit` is by how much the share of rows that are alike but for their ids may exceed the
    most of the loads before."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        key = ("twins", "", "")
        now = figures[self.load_id].get(key)
        ids = dict.fromkeys([*self.compared_with, *told])
        past = [figures[i][key] for i in ids if key in figures[i]]
        if now is None or len(past) < 2:
            return True, None, {"now": now or 0.0, "before": 0.0}
        rows, _ = self.rows(figures, loads)
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        by_chance = chance.count_limit(max(past) * rows, self.noise, cluster) / rows
        met = now - max(past) <= max(limit, by_chance) + max(past) - min(past)
        return met, now, {"now": now, "before": sum(past) / len(past)}


class _Parts(_NearHistory):
    """Rows by part: see slices."""

    def parts(self, figures: dict, loads: list[int], column: str) -> dict[str, tuple[float, ...]]:
        """Rows of each part that every one of these loads has: {part: (rows now, before ...)}."""
        keys = {k for k in figures[loads[0]] if k[0] == "slice_rows" and k[1] == column}
        found = {k: [figures[i].get(k, 0.0) for i in loads] for k in keys}
        return {
            k[2]: (figures[self.load_id].get(k, 0.0), *counts)
            for k, counts in found.items()
            if all(counts)
        }

    def knows(self, figures: dict, load: int, column: str) -> bool:
        """Whether the parts of a column were counted in a load."""
        return any(k[0] == "slice_rows" and k[1] == column for k in figures[load])


class ExpectPartsToBeStillPresent(_Parts):
    """`limit` is the share of rows that a part must have had in each load before to be missed."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing: dict[str, Any] = {}
        for column in self.columns:
            # A column of too many parts is not counted, and an empty one is another rule's.
            if not self.knows(figures, self.load_id, column):
                continue
            gone = {}
            ever = [i for i in dict.fromkeys([*loads, *told]) if self.knows(figures, i, column)]
            if len(ever) < _TELL:
                continue
            for part, (now, *before) in self.parts(figures, loads, column).items():
                wholes = [figures[i].get(("rows", "", ""), 0.0) for i in loads]
                shares = [n / whole for n, whole in zip(before, wholes, strict=True) if whole]
                # One that stayed away before may do so again.
                always = all(figures[i].get(("slice_rows", column, part)) for i in ever)
                if not now and always and min(before) >= _FEWEST and min(shares) >= limit:
                    gone[part] = min(shares)
            if gone:
                failing[column] = {"gone": gone}
        return not failing, len(failing), {"columns": failing, "loads": len(loads)}


class ExpectPartsNearHistory(_Parts):
    """`limit` is the share by which the rows of a part may differ from those before, relative to
    them and to how the whole load moved."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing: dict[str, Any] = {}
        rows, rows_before = self.rows(figures, loads)
        if not rows or not rows_before:
            return True, 0, {"columns": failing, "loads": len(loads)}
        scale = rows / rows_before
        for column in self.columns:
            if not self.knows(figures, self.load_id, column):
                continue
            own = figures[self.load_id].get(("own_cluster", column, ""), 1.0)
            cluster = min(max(self.cluster(figures), own), chance.MOST_DISPERSION)
            # Counts of a sample, reckoned up.
            cluster *= max(1.0, min(rows, rows_before) / SAMPLE)
            moved = {}
            for part, (now, *before) in self.parts(figures, loads, column).items():
                expected = scale * sum(before) / len(before)
                allowed = max(
                    limit * expected, chance.count_limit(expected, self.noise, cluster, len(loads))
                )
                if abs(now - expected) > allowed:
                    moved[part] = (now - expected) / expected
            if moved:
                failing[column] = {"moved": moved}
        return not failing, len(failing), {"columns": failing, "loads": len(loads)}


# Loads that must all have had a part, so that it counts as always there: a quarter (2026-11-25).
_TELL = 3
# Rows of a part that is missed when it is gone; the same as of a fault that matters (2026-11-25).
_FEWEST = 30
