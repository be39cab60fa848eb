"""Our own Great Expectations types: one expectation for a whole table, counts only.

Great Expectations' own column types cost 8-18 ms of Python each (measured 2026-11); an HMIS
export has some 500 columns, every month. Each type here judges any number of columns from one
aggregate scan, and its result holds counts and column names, never a value of a row.
Importing this module imports Great Expectations, so only suites and engine do it, inside
functions. Add here: a type that no native one can express. Keep out: thresholds (policy).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import sqrt
from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.validator.metric_configuration import MetricConfiguration

from orchestration.quality.history import NOT_LISTED
from orchestration.quality.typed import literal, quote


def register() -> None:
    """Great Expectations knows the types below as soon as this module is imported."""


class Measures(TableMetricProvider):
    """Figures of the batch: {name: value}. Those of one expectation are had in one scan.

    counts: {name: SQL, true for a row that counts}. measures: {name: SQL aggregate}; with
    group_by one row a group, of which `outer` takes aggregates. where: which rows are looked
    at. companions: {name: SQL} of the typed columns that the SQL may name.
    """

    metric_name = "lifecourse.measures"
    value_keys = ("counts", "measures", "where", "group_by", "outer", "companions")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict,
        metric_value_kwargs: dict,
        metrics: dict,
        runtime_configuration: dict,
    ) -> dict[str, Any]:
        known = _figures_at_hand.get(_figures_key(metric_value_kwargs))
        if known is not None:
            return known
        batch, _, _ = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        batch = _typed(batch, metric_value_kwargs.get("companions"))
        aggregates = _aggregates(metric_value_kwargs)
        query = _select(aggregates, batch, metric_value_kwargs.get("where"))
        group_by = metric_value_kwargs.get("group_by")
        if group_by:
            query = query.group_by(*[sa.literal_column(quote(name)) for name in group_by])
            query = _select(metric_value_kwargs["outer"], query.subquery("grouped"), None)
        row = execution_engine.execute_query(query).mappings().one()
        return dict(row)


# Figures that one scan has found for several expectations, by what was asked for.
_figures_at_hand: dict[str, dict[str, Any]] = {}


@contextmanager
def one_scan(batch: Any, expectations: Iterable[Any]) -> Iterator[None]:
    """Within the block, what the expectations count row by row has been counted in one scan.

    Ten rules of a table are ten scans otherwise. Where the database refuses one of them, each
    is asked for by itself, so that the fault stays with the rule that has it.
    """
    asked: dict[str, dict[str, Any]] = {}
    for expectation in expectations:
        if isinstance(expectation, _Ours) and expectation.metric == Measures.metric_name:
            kwargs = expectation.value_kwargs()
            if not kwargs.get("group_by") and (kwargs.get("counts") or not kwargs.get("where")):
                asked[_figures_key(kwargs)] = kwargs
    try:
        _figures_at_hand.update(_scan(batch, asked) if len(asked) > 1 else {})
        yield
    finally:
        _figures_at_hand.clear()


def _scan(batch: Any, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    aggregates: dict[str, str] = {}
    companions: dict[str, str] = {}
    labels: dict[str, dict[str, str]] = {}
    for key, kwargs in asked.items():
        companions |= kwargs.get("companions") or {}
        labels[key] = {}
        for name, sql in _aggregates(kwargs, kwargs.get("where")).items():
            label = f"figure_{len(aggregates)}"
            # The same count for several rules is one.
            label = next((known for known, of in aggregates.items() if of == sql), label)
            aggregates[label] = sql
            labels[key][name] = label
    engine = batch.data.execution_engine
    source = _typed(batch.data.selectable, companions)
    try:
        row = engine.execute_query(_select(aggregates, source, None)).mappings().one()
    except Exception:
        return {}
    return {key: {name: row[of] for name, of in named.items()} for key, named in labels.items()}


def _figures_key(kwargs: Mapping[str, Any]) -> str:
    return json.dumps({key: kwargs.get(key) or None for key in Measures.value_keys}, sort_keys=True)


def _aggregates(kwargs: Mapping[str, Any], where: str | None = None) -> dict[str, str]:
    """The SQL of counts and measures. where: to be asked of each row that is counted; `case`
    because a condition may rely on what comes before it."""
    found = {}
    for name, condition in (kwargs.get("counts") or {}).items():
        counted = f"case when {where} then ({condition}) end" if where else condition
        found[name] = f"count(*) filter (where {counted})"
    return found | (kwargs.get("measures") or {})


def _typed(batch: Any, companions: Mapping[str, str] | None) -> Any:
    if not companions:
        return batch
    typed = [sa.literal_column(sql).label(name) for name, sql in companions.items()]
    # The offset keeps PostgreSQL from pasting an expression wherever it is named.
    return sa.select(sa.text("*"), *typed).select_from(batch).offset(0).subquery("typed")


class FiguresOfLoads(TableMetricProvider):
    """The stored figures of this load and of those before it: {load_id: {figure: value}}."""

    metric_name = "lifecourse.figures_of_loads"
    value_keys = ("table_name", "load_ids")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict,
        metric_value_kwargs: dict,
        metrics: dict,
        runtime_configuration: dict,
    ) -> dict[int, dict[tuple[str, str, str], float]]:
        load_ids = [int(load_id) for load_id in metric_value_kwargs["load_ids"]]
        query = sa.text(
            "select load_id, metric, column_name, slice, value from quality.metric_history "
            "where table_name = :table_name and load_id in :load_ids"
        ).bindparams(
            sa.bindparam("table_name", metric_value_kwargs["table_name"]),
            sa.bindparam("load_ids", load_ids, expanding=True),
        )
        figures: dict[int, dict[tuple[str, str, str], float]] = {i: {} for i in load_ids}
        for load_id, metric, column, code, value in execution_engine.execute_query(query):
            figures[load_id][(metric, column, code)] = value
        return figures


def _select(measures: dict[str, str], source: Any, where: str | None) -> Any:
    query = sa.select(*[sa.literal_column(sql).label(name) for name, sql in measures.items()])
    query = query.select_from(source)
    return query.where(sa.literal_column(f"({where})")) if where else query


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


class _Ours(BatchExpectation):
    """Base of our types: says what it needs counted, then judges the counts."""

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    metric: ClassVar[str] = Measures.metric_name

    _configuration: Any = PrivateAttr(default=None)

    @property
    def configuration(self) -> Any:
        """Built once: Great Expectations asks 35 times per validation, at 0.2 ms each."""
        if self._configuration is None:
            self._configuration = super().configuration
        return self._configuration

    def value_kwargs(self) -> dict[str, Any]:
        """The kwargs of the metric that holds this expectation's figures."""
        raise NotImplementedError

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        """(met, observed value, figures for the message)."""
        raise NotImplementedError

    def failing_rows(self) -> str | None:
        """SQL, true for a row of the batch (with its companions) that breaks the rule; None for
        a rule about the file as a whole."""
        return None

    def get_validation_dependencies(
        self, execution_engine: Any = None, runtime_configuration: dict | None = None
    ) -> Any:
        dependencies = super().get_validation_dependencies(
            execution_engine=execution_engine, runtime_configuration=runtime_configuration
        )
        dependencies.set_metric_configuration(
            self.metric,
            MetricConfiguration(
                metric_name=self.metric,
                metric_domain_kwargs={"batch_id": self.batch_id},
                metric_value_kwargs=self.value_kwargs(),
            ),
        )
        return dependencies

    def _validate(
        self,
        metrics: dict,
        runtime_configuration: dict | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        met, observed, figures = self.judge(metrics[self.metric])
        return {"success": met, "result": {"observed_value": observed, "figures": figures}}

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: Any) -> Any:
        says = (renderer_configuration.configuration.meta or {}).get("says", "")
        renderer_configuration.template_str = says.replace("$", "$$")
        return renderer_configuration


class _PerColumn(_Ours):
    """Counts rows that break the rule, column by column; `limit` is a share of rows."""

    limit: float = 0.0
    companions: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance

    def conditions(self) -> dict[str, str]:
        """{column: SQL that is true for a row that breaks the rule}."""
        raise NotImplementedError

    def value_kwargs(self) -> dict[str, Any]:
        counts = {"rows": "true"}
        for column, condition in self.conditions().items():
            counts[f"column:{column}"] = condition
        return {"counts": counts, "companions": self.companions}

    def failing_rows(self) -> str | None:
        return " or ".join(f"({condition})" for condition in self.conditions().values())

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        rows = figures["rows"]
        failing = {
            name.removeprefix("column:"): count
            for name, count in figures.items()
            if name != "rows" and count > self.limit * rows
        }
        return not failing, sum(failing.values()), {"rows": rows, "failing_by_column": failing}


class ExpectRequiredColumnsToBeFilled(_PerColumn):
    """Rows marked as deleted (`deleted_when`: {column: values}) need only the columns of
    `always`."""

    columns: list[str]
    always: list[str] = []  # noqa: RUF012 - a pydantic field, copied per instance
    deleted_when: dict[str, list[str]] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "always", "deleted_when", "limit")

    def conditions(self) -> dict[str, str]:
        alive = "".join(
            f" and ({quote(column)} in ({', '.join(map(literal, values))})) is not true"
            for column, values in self.deleted_when.items()
        )
        return {
            column: f"{quote(column)} is null" + ("" if column in self.always else alive)
            for column in self.columns
        }


class ExpectCodesToBeListed(_PerColumn):
    codes: dict[str, list[str]]
    success_keys: ClassVar[tuple[str, ...]] = ("codes", "limit")

    def conditions(self) -> dict[str, str]:
        return {
            column: f"{quote(column)} not in ({', '.join(map(literal, codes))})"
            for column, codes in self.codes.items()
        }


class ExpectFormatsToHold(_PerColumn):
    """`formats` maps a column to a regular expression of the whole text; `accept` lists texts
    that an agency writes for unknown, such as 99/99/9999. typed: columns whose regular
    expression is that of their companion, which is then NULL where the text is not so."""

    formats: dict[str, str]
    accept: dict[str, list[str]] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    typed: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    success_keys: ClassVar[tuple[str, ...]] = ("formats", "accept", "typed", "companions", "limit")

    def conditions(self) -> dict[str, str]:
        found = {}
        for column, pattern in self.formats.items():
            condition = f"{quote(column)} !~ {literal(f'^(?:{pattern})$')}"
            if column in self.typed:
                # The companion has been made for the other rules too: one expression, not two.
                condition = f"{quote(column)} is not null and {quote(self.typed[column])} is null"
            if self.accept.get(column):
                listed = ", ".join(map(literal, self.accept[column]))
                condition += f" and {quote(column)} not in ({listed})"
            found[column] = condition
        return found


class ExpectKeyToBeUnique(_Ours):
    columns: list[str]
    success_keys: ClassVar[tuple[str, ...]] = ("columns",)

    def value_kwargs(self) -> dict[str, Any]:
        return {
            "measures": {"members": "count(*)"},
            "group_by": self.columns,
            "outer": {
                "rows": "coalesce(cast(sum(members) as bigint), 0)",
                "repeating": "coalesce(cast(sum(members) filter (where members > 1) as bigint), 0)",
                "keys": "count(*) filter (where members > 1)",
            },
        }

    def failing_rows(self) -> str | None:
        key = ", ".join(map(quote, self.columns))
        return f"({key}) in (select {key} from batch group by {key} having count(*) > 1)"

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        return figures["repeating"] == 0, figures["repeating"], dict(figures)


class _Mostly(_Ours):
    mostly: float = 1.0
    where: str | None = None
    companions: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        met = figures["failing"] <= (1 - self.mostly) * figures["rows"] + 1e-9
        return met, figures["failing"], dict(figures)


class ExpectRowsToSatisfy(_Mostly):
    """`condition` is SQL on one row; a row where it is unknown (NULL) counts as satisfied."""

    condition: str
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "where", "mostly", "companions")

    def failing_rows(self) -> str | None:
        return f"({self.where or 'true'}) and ({self.condition}) is false"

    def value_kwargs(self) -> dict[str, Any]:
        return {
            "counts": {"rows": "true", "failing": f"({self.condition}) is false"},
            "where": self.where,
            "companions": self.companions,
        }


class ExpectGroupsToSatisfy(_Mostly):
    """`condition` is SQL on the aggregate of one group of rows; without columns, of them all."""

    columns: list[str]
    condition: str
    success_keys: ClassVar[tuple[str, ...]] = (
        "columns",
        "condition",
        "where",
        "mostly",
        "companions",
    )

    def failing_rows(self) -> str | None:
        if not self.columns:
            return None
        key = ", ".join(map(quote, self.columns))
        where = self.where or "true"
        return (
            f"({where}) and ({key}) in (select {key} from batch where {where} group by {key} "
            f"having ({self.condition}) is false)"
        )

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        if not self.columns:
            figures = {"rows": 1, "failing": int(figures["satisfied"] is False)}
        return super().judge(figures)

    def value_kwargs(self) -> dict[str, Any]:
        return {
            "measures": {"satisfied": f"({self.condition})"},
            "where": self.where,
            "companions": self.companions,
            "group_by": self.columns,
            "outer": {
                "rows": "count(*)",
                "failing": "count(*) filter (where satisfied is false)",
            },
        }


class ExpectRowsToHaveAParent(_Mostly):
    """Every row's `columns` exist in another file; `relation` is that file's table, set by
    the gate. A row where one of the columns is empty is left out."""

    columns: list[str]
    parent: str
    parent_columns: list[str] | None = None
    relation: str
    success_keys: ClassVar[tuple[str, ...]] = (
        "columns",
        "parent",
        "parent_columns",
        "relation",
        "where",
        "mostly",
        "companions",
    )

    def _orphan(self) -> tuple[str, str]:
        """(which rows are looked at, which of them have no parent)."""
        child = ", ".join(map(quote, self.columns))
        theirs = ", ".join(map(quote, self.parent_columns or self.columns))
        filled = " and ".join(f"{quote(column)} is not null" for column in self.columns)
        known = f"({child}) in (select {theirs} from {self.relation})"
        return f"{filled} and ({self.where})" if self.where else filled, f"({known}) is not true"

    def failing_rows(self) -> str | None:
        return " and ".join(f"({part})" for part in self._orphan())

    def value_kwargs(self) -> dict[str, Any]:
        where, orphan = self._orphan()
        return {
            # A lookup is no count by the row: it keeps its own scan.
            "measures": {"rows": "count(*)", "failing": f"count(*) filter (where {orphan})"},
            "where": where,
            "companions": self.companions,
        }


class ExpectShareToBeBetween(_Ours):
    """The share of rows for which `condition` is true, among the rows of `where`."""

    condition: str
    where: str | None = None
    min_value: float = 0.0
    max_value: float = 1.0
    companions: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    success_keys: ClassVar[tuple[str, ...]] = (
        "condition",
        "where",
        "min_value",
        "max_value",
        "companions",
    )

    def value_kwargs(self) -> dict[str, Any]:
        return {
            "counts": {"rows": "true", "matching": self.condition},
            "where": self.where,
            "companions": self.companions,
        }

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        if not figures["rows"]:
            return True, None, dict(figures)
        share = _share(figures["matching"], figures["rows"])
        return self.min_value <= share <= self.max_value, share, dict(figures)


class _NearHistory(_Ours):
    """Compares the figures of `load_id` with those of `compared_with`, latest first.

    latest_only: compare with the latest load alone (a snapshot replaces it), not with the
    mean. noise: standard errors by which a figure may move with nothing wrong.
    """

    table_name: str
    load_id: int
    compared_with: list[int]
    latest_only: bool = False
    limit: float
    noise: float = 0.0
    columns: list[str] = []  # noqa: RUF012 - a pydantic field, copied per instance

    metric: ClassVar[str] = FiguresOfLoads.metric_name
    success_keys: ClassVar[tuple[str, ...]] = (
        "table_name",
        "load_id",
        "compared_with",
        "latest_only",
        "limit",
        "noise",
        "columns",
    )

    def value_kwargs(self) -> dict[str, Any]:
        return {"table_name": self.table_name, "load_ids": [self.load_id, *self.compared_with]}

    def references(self) -> list[int]:
        return self.compared_with[:1] if self.latest_only else self.compared_with

    def mean(self, figures: dict, metric: str, column: str = "", code: str = "") -> float:
        loads = self.references()
        return sum(figures[i].get((metric, column, code), 0.0) for i in loads) / len(loads)

    def rows(self, figures: dict) -> tuple[float, float]:
        """Rows now, and in the loads compared with."""
        return figures[self.load_id].get(("rows", "", ""), 0.0), self.mean(figures, "rows")


class ExpectRowCountNearHistory(_NearHistory):
    """`limit` is a share of the rows before; a count of n moves by sqrt(n) by itself."""

    def allowed(self, figures: dict) -> float:
        """By how many rows a load may differ from those before."""
        _, before = self.rows(figures)
        return max(self.limit * before, self.noise * sqrt(before))

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        now, before = self.rows(figures)
        allowed = self.allowed(figures)
        return (
            abs(now - before) <= allowed,
            now,
            {"rows": now, "before": before, "allowed": allowed, "loads": len(self.references())},
        )


class ExpectMissingSharesNearHistory(_NearHistory):
    """`limit` is the growth of a column's share of empty fields, 0.05 = five points."""

    def shares(self, figures: dict, column: str) -> tuple[float, float, float] | None:
        """(empty share now, before, the growth allowed); None where there is no history."""
        rows, rows_before = self.rows(figures)
        missing = figures[self.load_id].get(("missing", column, ""))
        known = [i for i in self.references() if ("missing", column, "") in figures[i]]
        if missing is None or not known or not rows or not rows_before:
            return None  # a column that is new in the contract has no history
        before = self.mean(figures, "missing", column)
        pooled = (missing + before) / (rows + rows_before)
        chance = sqrt(pooled * (1 - pooled) * (1 / rows + 1 / rows_before))
        return missing / rows, before / rows_before, max(self.limit, self.noise * chance)

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        rows, _ = self.rows(figures)
        failing = {}
        for column in self.columns:
            shares = self.shares(figures, column)
            if shares and shares[0] - shares[1] > shares[2]:
                failing[column] = {"now": shares[0], "before": shares[1]}
        return not failing, len(failing), {"rows": rows, "columns": failing}


class ExpectCodeSharesNearHistory(_NearHistory):
    """`limit` is the total variation distance between the shares of a column's codes."""

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        failing = {}
        largest = 0.0
        for column in self.columns:
            codes = {
                code
                for load in [self.load_id, *self.references()]
                for metric, name, code in figures[load]
                if metric == "code_rows" and name == column
            }
            now = {c: figures[self.load_id].get(("code_rows", column, c), 0.0) for c in codes}
            before = {c: self.mean(figures, "code_rows", column, c) for c in codes}
            n, m = sum(now.values()), sum(before.values())
            if not n or not m:
                continue
            distance = sum(abs(now[c] / n - before[c] / m) for c in codes) / 2
            largest = max(largest, distance)
            pooled = [(now[c] + before[c]) / (n + m) for c in codes]
            variances = [p * (1 - p) * (1 / n + 1 / m) for p in pooled]
            # Mean absolute deviation of a normal figure is 0.8 standard errors; half of that
            # per code, and `noise` standard errors of the sum on top.
            chance = 0.4 * sum(map(sqrt, variances)) + self.noise / 2 * sqrt(sum(variances))
            if distance > max(self.limit, chance):
                failing[column] = distance
        return not failing, largest, {"columns": failing, "largest": largest}


class ExpectCodesToBeStillPresent(_NearHistory):
    """`limit` is the mean number of rows a code must have had to be missed."""

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        rows, _ = self.rows(figures)
        loads = self.compared_with
        gone = []
        for metric, column, code in figures[loads[0]]:
            if metric != "code_rows" or column not in self.columns or code == NOT_LISTED:
                continue
            counts = [figures[i].get((metric, column, code), 0.0) for i in loads]
            now = figures[self.load_id].get((metric, column, code), 0.0)
            if not now and all(counts) and sum(counts) / len(counts) >= self.limit:
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

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        before = figures[self.load_id].get(("previous_keys", "", ""), 0.0)
        carried = figures[self.load_id].get(("carried_over_keys", "", ""), 0.0)
        gone = before - carried
        expected = (1 - self.limit) * before
        allowed = max(expected, self.noise * sqrt(expected))
        return (
            gone <= allowed,
            _share(carried, before) if before else None,
            {"before": before, "gone": gone, "allowed": allowed},
        )


class ExpectDistinctIdsNearHistory(_NearHistory):
    """`limit` is the relative change of distinct ids per row, for each column."""

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        rows, rows_before = self.rows(figures)
        failing = {}
        for column in self.columns:
            now = figures[self.load_id].get(("distinct", column, ""), 0.0)
            before = self.mean(figures, "distinct", column)
            if not rows or not rows_before or not before:
                continue
            change = (now / rows) / (before / rows_before) - 1
            allowed = max(self.limit, self.noise * sqrt(1 / rows + 1 / rows_before))
            if abs(change) > allowed:
                failing[column] = {"now": now, "before": before, "change": change}
        return not failing, len(failing), {"rows": rows, "columns": failing}
