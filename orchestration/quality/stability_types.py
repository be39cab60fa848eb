"""Expectation types on a load's figures beside those of accepted loads before it.

Each judges stored figures only (quality.metric_history), so that a rule about stability costs
no scan. A figure that has moved away from the latest loads is judged once more against the
same period a year before, where there is one: what comes every year is a season.
Importing this module imports Great Expectations. Add here: a rule about change over loads.
Keep out: figures (history, shapes), what chance does (chance), limits (_policy.yml).
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
    mean. season: the load of the same period a year before, if any. earlier: further loads
    before, which tell how a count moves. season_only: the file follows the year, so that the
    gate gives the season as compared_with; seasonal: the columns that do, in a file that does
    not. noise: standard errors by which a figure may move with
    nothing wrong.
    """

    table_name: str
    load_id: int
    compared_with: list[int]
    season: list[int] = []  # noqa: RUF012 - a pydantic field, copied per instance
    earlier: list[int] = []  # noqa: RUF012 - a pydantic field, copied per instance
    season_only: bool = False
    seasonal: list[str] = []  # noqa: RUF012 - a pydantic field, copied per instance
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
        "season_only",
        "seasonal",
        "latest_only",
        "limit",
        "noise",
        "columns",
    )

    def value_kwargs(self) -> dict[str, Any]:
        near = dict.fromkeys([self.load_id, *self.compared_with, *self.season])
        loads = dict.fromkeys([*near, *self.earlier])
        return {
            "table_name": self.table_name,
            "load_ids": list(loads),
            "shapes_of": list(near),
        }

    def references(self) -> list[int]:
        return self.compared_with[:1] if self.latest_only else self.compared_with

    def against(self, figures: dict, loads: list[int]) -> Verdict:
        """The verdict when compared with these loads."""
        raise NotImplementedError

    def judge(self, figures: dict) -> Verdict:
        met, observed, found = self.against(figures, self.references())
        if not met and self.seasonal and not self.season:
            left = {c: f for c, f in found["columns"].items() if c not in self.seasonal}
            return not left, len(left), {**found, "columns": left}
        if met or not self.season:
            return met, observed, found
        seasonal = self.against(figures, self.season)
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

    def most(self, figures: dict, key: Key) -> float | None:
        """The largest of a figure in the accepted loads before; None when none has it."""
        loads = [*self.compared_with, *self.earlier, *self.season]
        return max((figures[i][key] for i in loads if key in figures[i]), default=None)

    def cluster(self, figures: dict) -> float:
        """Rows that share an id, in the latest load before: of several ids the one most shared."""
        latest = figures[self.compared_with[0]] if self.compared_with else {}
        return max((v for (metric, *_), v in latest.items() if metric == "cluster"), default=1.0)

    def _counts(self, figures: dict) -> list[float]:
        loads = dict.fromkeys([*self.compared_with, *self.earlier])
        return [figures[i].get(("rows", "", ""), 0.0) for i in loads]


class ExpectRowCountNearHistory(_NearHistory):
    """`limit` is a share of the rows before; a count of few rows moves by itself."""

    def allowed(self, figures: dict, loads: list[int]) -> float:
        """By how many rows a load may differ from these before."""
        _, before = self.rows(figures, loads)
        by_chance = chance.count_limit(
            before, self.noise, self.dispersion(figures), 0 if self.latest_only else len(loads)
        )
        return max(self.limit * before, by_chance)

    def against(self, figures: dict, loads: list[int]) -> Verdict:
        now, before = self.rows(figures, loads)
        allowed = self.allowed(figures, loads)
        figure = {"rows": now, "before": before, "allowed": allowed, "loads": len(loads)}
        return abs(now - before) <= allowed, now, figure


class ExpectMissingSharesNearHistory(_NearHistory):
    """`limit` is the growth of a column's share of empty fields, 0.05 = five points."""

    def shares(
        self, figures: dict, loads: list[int], column: str
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
        return missing / rows, before / rows_before, max(self.limit, by_chance)

    def against(self, figures: dict, loads: list[int]) -> Verdict:
        rows, _ = self.rows(figures, loads)
        failing = {}
        for column in self.columns:
            shares = self.shares(figures, loads, column)
            if shares and shares[0] - shares[1] > shares[2]:
                failing[column] = {"now": shares[0], "before": shares[1]}
        return not failing, len(failing), {"rows": rows, "columns": failing}


class ExpectCodeSharesNearHistory(_NearHistory):
    """`limit` is the total variation distance between the shares of a column's codes."""

    def against(self, figures: dict, loads: list[int]) -> Verdict:
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
            if moved > max(self.limit, by_chance):
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

    `within` names columns, such as a school year: only earlier records whose value in them
    still occurs are looked for, so that what has left the window of the file is not missed.
    """

    within: list[str] = []  # noqa: RUF012 - a pydantic field, copied per instance
    success_keys: ClassVar[tuple[str, ...]] = (*_NearHistory.success_keys, "within")

    def judge(self, figures: dict) -> Verdict:
        before = figures[self.load_id].get(("previous_keys", "", ""), 0.0)
        carried = figures[self.load_id].get(("carried_over_keys", "", ""), 0.0)
        gone = before - carried
        expected = (1 - self.limit) * before
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

    def against(self, figures: dict, loads: list[int]) -> Verdict:
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
            if abs(change) > max(self.limit, by_chance):
                failing[column] = {"now": now, "before": before, "change": change}
        return not failing, len(failing), {"rows": rows, "columns": failing}


class ExpectShapesNearHistory(_NearHistory):
    """`limit` is the total variation distance between the histograms of a column.

    What a column did between accepted loads it may do again, and half as much more: a column
    that names the period is new every time. A date is fine when it keeps either its distance
    from the period (an event) or its place in the calendar (a snapshot's history).
    """

    def against(self, figures: dict, loads: list[int]) -> Verdict:
        failing: dict[str, dict[str, Any]] = {}
        largest = 0.0
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        for column in self.columns:
            moved = {}
            own = figures[self.load_id].get(("own_cluster", column, ""), 1.0)
            own = max(cluster, min(own, chance.MOST_DISPERSION))
            for kind in ("length", "bucket", "size", "lag", "calendar"):
                key = ("shape", column, kind)
                now, before = figures[self.load_id].get(key), _sum(figures, loads, key)
                usual = self.most(figures, ("moved", column, kind))
                # What is another every time tells nothing; whether it is, two loads must tell.
                if now and before and usual is not None and usual < 0.5:
                    moved[kind] = (
                        chance.distance(now, before),
                        max(
                            self.limit,
                            chance.distance_limit(now, before, self.noise, own),
                            1.5 * usual,
                        ),
                    )
            wrong = {kind: by for kind, (by, allowed) in moved.items() if by > allowed}
            if {"lag", "calendar"} & {*moved} and len(wrong) < len(moved):
                wrong = {}
            if moved:
                largest = max(largest, *(by for by, _ in moved.values()))
            if not wrong:
                wrong = self.far_dates(figures, loads, column, cluster)
            if not wrong:
                wrong = self.stuck(figures, column)
            if wrong:
                kind = max(wrong, key=wrong.__getitem__)
                failing[column] = {"kind": kind, "distance": wrong[kind]}
        return not failing, largest, {"columns": failing, "largest": largest}

    def far_dates(
        self, figures: dict, loads: list[int], column: str, cluster: float
    ) -> dict[str, float]:
        """A decade far from the period that holds many more dates than before: a default."""
        key = ("shape", column, "calendar")
        now, before = figures[self.load_id].get(key), _sum(figures, loads, key)
        if not now or not before:
            return {}
        n, m = sum(now.values()), sum(before.values())
        for decade, count in now.items():
            then = before.get(decade, 0.0)
            allowed = max(_FAR, chance.share_limit(count, n, then, m, self.noise, cluster))
            new = decade.endswith("s") and then / m < _RARE
            if new and count / n - then / m > allowed:
                return {"far": count / n - then / m}
        return {}

    def stuck(self, figures: dict, column: str) -> dict[str, float]:
        """A column that was another each time and is not: the period of the load before."""
        for kind in ("bucket", "size", "calendar"):
            key = ("moved", column, kind)
            loads = dict.fromkeys([*self.compared_with, *self.earlier])
            told = [figures[i][key] for i in loads if key in figures[i]]
            now = figures[self.load_id].get(key)
            if now is not None and now < 0.1 and len(told) >= 2 and min(told) > 0.9:
                return {"stuck": 1 - now}
        return {}


# A far decade that was rare and has now this share is a default: nobody is born in a month. One
# that was not rare may be how the source writes an open end, which comes and goes (2026-11-25).
_RARE, _FAR = 0.02, 0.10


def _sum(figures: dict, loads: list[int], key: Key) -> dict[str, float]:
    """One histogram of several loads."""
    found: dict[str, float] = {}
    for load in loads:
        for name, count in (figures[load].get(key) or {}).items():
            found[name] = found.get(name, 0.0) + count
    return found


# Persons of a family that come and go together, on average (2026-11-25, the county's benefits).
_FAMILY = 2.0


class ExpectTurnoverNearHistory(_NearHistory):
    """`limit` is the change of the share of ids that are new, or that have gone, since the load
    before. Nobody new and nobody gone, where there always were, is last month's file again."""

    def against(self, figures: dict, loads: list[int]) -> Verdict:
        failing = {}
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        known = loads if self.latest_only and not self.earlier else [*loads, *self.earlier]
        for column in self.columns:
            now = _turnover(figures[self.load_id], column)
            before = [t for i in dict.fromkeys(known) if (t := _turnover(figures[i], column))]
            if now is None or not before:
                continue
            expected = 0.0
            for kind, (part, whole) in now.items():
                told = [t[kind] for t in before]
                parts, wholes = sum(p for p, _ in told), sum(w for _, w in told)
                if not whole or not wholes:
                    continue
                expected += whole * parts / wholes
                if kind == "gone" and self.latest_only:
                    continue  # ids_carried_over judges it, and knows the window of the file
                allowed = max(
                    self.limit,
                    chance.share_limit(part, whole, parts, wholes, self.noise, cluster),
                )
                # What it did between accepted loads it may do again.
                rates = [p / w for p, w in told if w]
                allowed += max(rates) - min(rates)
                change = part / whole - parts / wholes
                if abs(change) > allowed:
                    failing[column] = {"kind": kind, "now": part / whole, "change": change}
            still = not any(part for part, _ in now.values())
            # Ids, not rows, so that only families come and go together; exp(-7) is 1 in 1,000.
            if still and expected / min(cluster, _FAMILY) >= 7:
                failing[column] = {"kind": "changed", "now": 0.0, "change": -expected}
        return not failing, len(failing), {"columns": failing}


def _turnover(figures: dict, column: str) -> dict[str, tuple[float, float]] | None:
    """{new: (new ids, ids), gone: (ids gone, ids before)} of a load; None where unknown."""
    ids = figures.get(("ids", column, ""))
    before = figures.get(("previous_ids", column, ""))
    kept = figures.get(("kept_ids", column, ""))
    if ids is None or before is None or kept is None:
        return None
    return {"new": (ids - kept, ids), "gone": (before - kept, before)}


class ExpectRecordsToBeKept(_NearHistory):
    """`limit` is by how much the share of records whose column was restated since the load
    before may exceed what is usual for it."""

    def against(self, figures: dict, loads: list[int]) -> Verdict:
        failing = {}
        compared = figures[self.load_id].get(("compared", "", ""), 0.0)
        known = dict.fromkeys([*loads, *self.earlier] if self.earlier else loads)
        known = [i for i in known if figures[i].get(("compared", "", ""))]
        before = sum(figures[i]["compared", "", ""] for i in known)
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        for column in self.columns if compared and before else ():
            key = ("restated", column, "")
            now, usual = figures[self.load_id].get(key), [figures[i].get(key) for i in known]
            if now is None or None in usual:
                continue
            by_chance = chance.share_limit(now, compared, sum(usual), before, self.noise, cluster)
            shares = [u / figures[i]["compared", "", ""] for u, i in zip(usual, known, strict=True)]
            if now / compared - max(shares) > max(self.limit, by_chance):
                failing[column] = {"now": now / compared, "before": sum(usual) / before}
        return not failing, len(failing), {"rows": compared, "columns": failing}
