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
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.validator.metric_configuration import MetricConfiguration

from orchestration.quality.typed import literal, quote


def register() -> None:
    """Great Expectations knows the types below as soon as this module is imported."""
    from orchestration.quality import (  # noqa: F401
        movement_types,
        recurrence_types,
        stability_types,
    )


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
    # The offset keeps PostgreSQL from pasting an expression wherever it is named. In quotes it
    # is a bigint at once; as a number it is cast first, and PostgreSQL then takes the rows for
    # cut short and scans them in one process instead of several (2026-11-25).
    rows = sa.select(sa.text("*"), *typed).select_from(batch)
    return rows.offset(sa.literal_column("'0'")).subquery("typed")


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


class ExpectTotalsToAgree(_Ours):
    """The number of rows and the sums of columns are those stated; `limit` is the share of a
    total by which they may differ. The gate fills in totals and stated_by, who states each."""

    columns: list[str] = []  # noqa: RUF012 - a pydantic field, copied per instance
    totals: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    published: dict[str, dict[str, float]] = {}  # noqa: RUF012 - a pydantic field, as above
    stated_by: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    limit: float = 0.0
    companions: dict[str, str] = {}  # noqa: RUF012 - a pydantic field, copied per instance
    success_keys: ClassVar[tuple[str, ...]] = ("totals", "stated_by", "limit", "companions")

    def value_kwargs(self) -> dict[str, Any]:
        sums = {
            f"total:{name}": f"coalesce(sum({quote(f'{name}_as_number')}), 0)"
            for name in self.totals
            if name != "rows"
        }
        return {"measures": {"rows": "count(*)", **sums}, "companions": self.companions}

    def judge(self, figures: dict) -> tuple[bool, Any, dict[str, Any]]:
        failing = {}
        for name, stated in self.totals.items():
            total = Decimal(stated)
            found = Decimal(figures["rows" if name == "rows" else f"total:{name}"])
            if abs(found - total) > Decimal(str(self.limit)) * abs(total):
                off = float((found - total) / total) if total else None
                failing[name] = {"off": off, "by": self.stated_by.get(name, "the manifest")}
        told = {"rows": figures["rows"], "columns": failing, "totals": len(self.totals)}
        return not failing, len(failing), told


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
