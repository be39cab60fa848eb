"""Expectation types on a load's figures beside those of accepted loads before it.

Each judges stored figures only (quality.metric_history), so that a rule about stability costs
no scan. A figure that has moved away from the latest loads is judged once more against the
same period a year before, where there is one: what comes every year is a season.
Importing this module imports Great Expectations. Add here: a rule about how high a figure is.
Keep out: how far it moved from load to load (movement_types), figures (history), which loads are
compared (comparison), what chance does (chance), limits (_policy.yml).
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from orchestration.quality import chance
from orchestration.quality.expectation_types import _Ours, _share
from orchestration.quality.history import NOT_LISTED

# Loads before whose histograms are read.
TELLING = 6

# Half of what a load has more or less, and twice as much as the whole: the part to ask for first
# (2026-11-26).
_EXPLAINS = 0.5
_MORE_THAN_THE_WHOLE = 2.0

Verdict = tuple[bool, Any, dict[str, Any]]
Key = tuple[str, str, str]  # metric, column, slice


class FiguresOfLoads(TableMetricProvider):
    """The stored figures of this load and of others: {load_id: {key: value or histogram}}."""

    metric_name = "lifecourse.figures_of_loads"
    value_keys = ("table_name", "load_ids", "shapes_of")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict,
        metric_value_kwargs: dict,
        metrics: dict,
        runtime_configuration: dict,
    ) -> dict[int, dict[Key, Any]]:
        load_ids = [int(load_id) for load_id in metric_value_kwargs["load_ids"]]
        near = [int(load_id) for load_id in metric_value_kwargs["shapes_of"]]
        query = sa.text(
            "select load_id, metric, column_name, slice, value, bins "
            "from quality.metric_history "
            "where table_name = :table_name and load_id in :load_ids "
            "and (bins is null or load_id in :near)"
        ).bindparams(
            sa.bindparam("table_name", metric_value_kwargs["table_name"]),
            sa.bindparam("load_ids", load_ids, expanding=True),
            sa.bindparam("near", near, expanding=True),
        )
        figures: dict[int, dict[Key, Any]] = {i: {} for i in load_ids}
        for load_id, metric, column, code, value, bins in execution_engine.execute_query(query):
            figures[load_id][(metric, column, code)] = value if bins is None else bins
        return figures


class _NearHistory(_Ours):
    """Compares the figures of `load_id` with those of `compared_with`, latest first.

    latest_only: compare with the latest load alone (a snapshot replaces it), not with the
    mean. season: the load of the same period a year before, if any; season_limit: its limit,
    where it is another. earlier: accepted loads that tell how figures move. steps: periods
    since the latest of compared_with. turn: the year of the agency turns. noise: standard
    errors by which a figure may move with nothing wrong. How these loads are chosen:
    comparison.Comparison.
    """

    table_name: str
    load_id: int
    compared_with: list[int]
    season: list[int] = []  # noqa: RUF012 - a pydantic field, copied per instance
    earlier: list[int] = []  # noqa: RUF012 - a pydantic field, copied per instance
    season_limit: float | None = None
    steps: int = 1
    turn: bool = False
    latest_only: bool = False
    limit: float
    noise: float = 0.0
    columns: list[str] = []  # noqa: RUF012 - a pydantic field, copied per instance

    metric: ClassVar[str] = FiguresOfLoads.metric_name
    success_keys: ClassVar[tuple[str, ...]] = (
        "table_name",
        "load_id",
        "compared_with",
        "season",
        "earlier",
        "season_limit",
        "steps",
        "turn",
        "latest_only",
        "limit",
        "noise",
        "columns",
    )

    def value_kwargs(self) -> dict[str, Any]:
        near = dict.fromkeys(
            [self.load_id, *self.compared_with, *self.season, *self.earlier[:TELLING]]
        )
        loads = dict.fromkeys([*near, *self.earlier])
        return {
            "table_name": self.table_name,
            "load_ids": list(loads),
            "shapes_of": list(near),
        }

    def references(self) -> list[int]:
        return self.compared_with[:1] if self.latest_only else self.compared_with

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        """The verdict when compared with these loads, and with how `told` moved."""
        raise NotImplementedError

    def judge(self, figures: dict) -> Verdict:
        met, observed, found = self.against(figures, self.references(), self.earlier, self.limit)
        if met or not self.season:
            return met, observed, found
        limit = self.limit if self.season_limit is None else self.season_limit
        seasonal = self.against(figures, self.season, self.season, limit)
        if seasonal[0] or "columns" not in found:
            return seasonal if seasonal[0] else (met, observed, found)
        # A column fails only where it differs from both.
        both = {c: f for c, f in found["columns"].items() if c in seasonal[2]["columns"]}
        return not both, len(both), {**found, "columns": both}

    def mean(self, figures: dict, loads: list[int], key: Key) -> float:
        return sum(figures[i].get(key, 0.0) for i in loads) / len(loads)

    def rows(self, figures: dict, loads: list[int]) -> tuple[float, float]:
        """Rows now, and in the loads compared with."""
        key = ("rows", "", "")
        return figures[self.load_id].get(key, 0.0), self.mean(figures, loads, key)

    def dispersion(self, figures: dict) -> float:
        """How many rows count as one: see chance.dispersion."""
        return chance.dispersion(self._counts(figures), self.cluster(figures))

    def cluster(self, figures: dict) -> float:
        """Rows that share an id, in the latest load before: of several ids the one most shared."""
        latest = figures[self.compared_with[0]] if self.compared_with else {}
        return max((v for (metric, *_), v in latest.items() if metric == "cluster"), default=1.0)

    def _counts(self, figures: dict) -> list[float]:
        loads = dict.fromkeys([*self.compared_with, *self.earlier])
        return [figures[i].get(("rows", "", ""), 0.0) for i in loads]


class ExpectRowCountNearHistory(_NearHistory):
    """`limit` is a share of the rows before; a count of few rows moves by itself."""

    def allowed(self, figures: dict, loads: list[int], limit: float) -> float:
        """By how many rows a load may differ from these before."""
        _, before = self.rows(figures, loads)
        by_chance = chance.count_limit(
            before, self.noise, self.dispersion(figures), 0 if self.latest_only else len(loads)
        )
        return max(limit * before, by_chance)

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        now, before = self.rows(figures, loads)
        allowed = self.allowed(figures, loads, limit)
        met = abs(now - before) <= allowed
        parts = {} if met else self.parts_that_explain(figures, loads)
        figure = {"rows": now, "before": before, "allowed": allowed, "loads": len(loads)}
        return met, now, {**figure, "parts": parts}

    def parts_that_explain(self, figures: dict, loads: list[int]) -> dict[str, float]:
        """Columns of which one part (a school, a provider) moved so much that the whole did:
        {column: its share of the difference}. A part that moved no more than all others, such as
        the only county of a file, explains nothing."""
        now, before = self.rows(figures, loads)
        if not before or now == before:
            return {}
        found: dict[str, float] = {}
        for key in {k for i in (self.load_id, *loads) for k in figures[i] if k[0] == "slice_rows"}:
            part, usual = figures[self.load_id].get(key, 0.0), self.mean(figures, loads, key)
            share = (part - usual) / (now - before)
            is_other = (
                abs(part - usual) * before >= _MORE_THAN_THE_WHOLE * abs(now - before) * usual
            )
            if share >= _EXPLAINS and is_other:
                found[key[1]] = max(share, found.get(key[1], 0.0))
        return found


class ExpectMissingSharesNearHistory(_NearHistory):
    """`limit` is the growth of a column's share of empty fields, 0.05 = five points."""

    def shares(
        self, figures: dict, loads: list[int], column: str, limit: float
    ) -> tuple[float, float, float] | None:
        """(empty share now, before, the growth allowed); None where there is no history."""
        rows, rows_before = self.rows(figures, loads)
        key = ("missing", column, "")
        missing = figures[self.load_id].get(key)
        # A column that is new in the contract has no history.
        known = any(key in figures[i] for i in loads)
        if missing is None or not known or not rows or not rows_before:
            return None
        before = self.mean(figures, loads, key)
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        by_chance = chance.share_limit(missing, rows, before, rows_before, self.noise, cluster)
        return missing / rows, before / rows_before, max(limit, by_chance)

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        rows, _ = self.rows(figures, loads)
        failing = {}
        for column in self.columns:
            shares = self.shares(figures, loads, column, limit)
            if shares and shares[0] - shares[1] > shares[2]:
                failing[column] = {"now": shares[0], "before": shares[1]}
        return not failing, len(failing), {"rows": rows, "columns": failing}


class ExpectCodeSharesNearHistory(_NearHistory):
    """`limit` is the total variation distance between the shares of a column's codes."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing = {}
        largest = 0.0
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        for column in self.columns:
            codes = {
                code
                for load in [self.load_id, *loads]
                for metric, name, code in figures[load]
                if metric == "code_rows" and name == column
            }
            keys = {c: ("code_rows", column, c) for c in codes}
            now = {c: figures[self.load_id].get(k, 0.0) for c, k in keys.items()}
            before = {c: self.mean(figures, loads, k) for c, k in keys.items()}
            if not sum(now.values()) or not sum(before.values()):
                continue
            moved = chance.distance(now, before)
            largest = max(largest, moved)
            by_chance = chance.distance_limit(now, before, self.noise, cluster)
            if moved > max(limit, by_chance):
                failing[column] = moved
        return not failing, largest, {"columns": failing, "largest": largest}


class ExpectCodesToBeStillPresent(_NearHistory):
    """`limit` is the mean number of rows a code must have had to be missed."""

    def judge(self, figures: dict) -> Verdict:
        rows, _ = self.rows(figures, self.compared_with)
        loads = self.compared_with
        limit = self.limit * min(self.cluster(figures), chance.MOST_DISPERSION)
        gone = []
        for metric, column, code in figures[loads[0]]:
            if metric != "code_rows" or column not in self.columns or code == NOT_LISTED:
                continue
            key = (metric, column, code)
            counts = [figures[i].get(key, 0.0) for i in loads]
            if figures[self.load_id].get(key) or not all(counts):
                continue
            # What was not there in the season before either is the calendar's doing.
            seasonal = any(not figures[i].get(key) for i in self.season)
            if not seasonal and sum(counts) / len(counts) >= limit:
                gone.append([column, code])
        gone.sort()
        return not gone, len(gone), {"rows": rows, "gone": gone, "loads": len(loads)}


class ExpectIdsToBeCarriedOver(_NearHistory):
    """`limit` is the share of the records of the snapshot before that must still be there.

    Of a snapshot that rolls only earlier records of the periods that it still holds are looked
    for (history.carried_over).
    """

    def judge(self, figures: dict) -> Verdict:
        before = figures[self.load_id].get(("previous_keys", "", ""), 0.0)
        carried = figures[self.load_id].get(("carried_over_keys", "", ""), 0.0)
        gone = before - carried
        expected = (1 - self.limit**self.steps) * before
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        by_chance = expected + chance.count_limit(expected, self.noise, cluster)
        # Of a handful of records even chance never takes all.
        allowed = max(expected, min(by_chance, before / 2))
        return (
            gone <= allowed,
            _share(carried, before) if before else None,
            {"before": before, "gone": gone, "allowed": allowed},
        )


class ExpectDistinctIdsNearHistory(_NearHistory):
    """`limit` is the relative change of distinct ids per row, for each column."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        rows, rows_before = self.rows(figures, loads)
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        failing = {}
        for column in self.columns:
            key = ("distinct", column, "")
            now = figures[self.load_id].get(key, 0.0)
            before = self.mean(figures, loads, key)
            if not rows or not rows_before or not before:
                continue
            change = (now / rows) / (before / rows_before) - 1
            by_chance = self.noise * (cluster * (1 / rows + 1 / rows_before)) ** 0.5
            if abs(change) > max(limit, by_chance):
                failing[column] = {"now": now, "before": before, "change": change}
        return not failing, len(failing), {"rows": rows, "columns": failing}
