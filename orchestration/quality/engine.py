"""Great Expectations, kept small: one ephemeral context per process, one validation per table.

Nothing is written to disk, no progress bars, no telemetry. Results hold counts only. What a
database says about a failed statement can quote a row, so of an error only its class is kept,
and its text only where PostgreSQL raised it before reading any row (class 42: the rule's SQL
is wrong). Add here: what the core gate and the delivery gate share. Keep out: rules, wording.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from string import Template
from typing import Any

from orchestration import warehouse
from orchestration.quality.suites import RuleSpec, build_suite
from orchestration.settings import Settings

# BASIC gives counts; with 0 partial values Great Expectations keeps no sample of failing ones.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}

_ERROR_CLASS = re.compile(r"\(psycopg2\.errors\.(\w+)\)\s*([^\n]*)")
_PYTHON_ERROR = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception)): ", re.MULTILINE)
# Errors of parse analysis: PostgreSQL has not read a row when it raises them.
_BEFORE_ANY_ROW = {
    "AmbiguousColumn",
    "DatatypeMismatch",
    "GroupingError",
    "InsufficientPrivilege",
    "SyntaxError",
    "UndefinedColumn",
    "UndefinedFunction",
    "UndefinedTable",
    "WrongObjectType",
}

# kwargs that the gate adds for the database, of no use to a reader.
_NOT_SHOWN = ("batch_id", "companions", "typed")

_lock = threading.Lock()
_context: Any = None
_assets: dict[tuple[str, str, str], Any] = {}
_statements: dict[str, str] = {}
_kept_open: set[str] = set()
_latest: dict[str, tuple[str, str, str]] = {}


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations said of one rule.

    met: None when the rule could not be evaluated; error then says why, without data.
    result: Great Expectations' result, counts only.
    """

    rule: RuleSpec
    kwargs: Mapping[str, Any]
    met: bool | None
    result: Mapping[str, Any]
    error: str | None = None


@dataclass(frozen=True)
class Validation:
    """Outcomes in the order of the rules, and Great Expectations' own result as JSON."""

    outcomes: tuple[Outcome, ...]
    document: dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """What a suite is run on: a table of a schema, or a query.

    Great Expectations' own column types learn a query's columns by fetching all its rows, so a
    query takes types of suites.RUN_ON_QUERIES only.
    """

    schema: str
    table: str = ""
    query: str = ""


def validate(
    settings: Settings,
    name: str,
    rows: Rows,
    prepared: Iterable[tuple[RuleSpec, Mapping[str, Any]]],
) -> Validation:
    """Judge rows by rules with their final kwargs, as one suite.

    A rule whose SQL fails gets an error outcome; nothing is raised for it. Raises UsageError
    when Great Expectations refuses a rule's kwargs.
    """
    prepared = list(prepared)
    suite = build_suite(name, prepared)
    from orchestration.quality.expectation_types import one_scan

    with _lock:
        asset = _asset(settings, rows)
        batch = asset.get_batch(asset.build_batch_request())
        with one_scan(batch, suite.expectations):
            result = batch.validate(suite, result_format=RESULT_FORMAT)
    by_rule = {r.expectation_config.meta["rule_id"]: r for r in result.results}
    outcomes = tuple(_outcome(rule, kwargs, by_rule[rule.rule_id]) for rule, kwargs in prepared)
    return Validation(outcomes, _document(name, result))


def release(settings: Settings) -> None:
    """Give back the connections that validations used; kept_open() keeps those of the last one.

    Of the last one alone: with two for each agency's schema, forty agencies took all that the
    server grants (2026-11-25).
    """
    url = warehouse.sqlalchemy_url(settings)
    kept = _latest.get(url) if url in _kept_open else None
    with _lock:
        for key, asset in _assets.items():
            if key[0] == url and key != kept:
                # The data source tests its assets with one engine and judges with another.
                asset.datasource.get_engine().dispose()
                asset.datasource.get_execution_engine().engine.dispose()


@contextmanager
def kept_open(settings: Settings) -> Iterator[None]:
    """Within the block, one validation uses the connections of the one before in its schema."""
    url = warehouse.sqlalchemy_url(settings)
    _kept_open.add(url)
    try:
        yield
    finally:
        _kept_open.discard(url)
        release(settings)


def _asset(settings: Settings, rows: Rows) -> Any:
    """The asset of this warehouse and schema, pointed at these rows.

    One asset is used again and again: an asset per table would cost 20 ms each, because the
    context writes its whole configuration anew for every asset, batch definition and deletion
    (measured 2026-11-23). The schema is the data source's search_path: naming it on the asset
    is deprecated.
    """
    url = warehouse.sqlalchemy_url(settings)
    kind = "query" if rows.query else "table"
    key = (url, rows.schema, kind)
    if key not in _assets:
        path = f"{'&' if '?' in url else '?'}options=-csearch_path%3D{rows.schema}"
        source = _gx_context().data_sources.add_postgres(
            f"warehouse_{len(_assets)}",
            # Great Expectations would put an environment variable in the place of a dollar sign.
            connection_string=(url + path).replace("$", "%24"),
        )
        if rows.query:
            _assets[key] = source.add_query_asset("rows_under_the_gate", query=rows.query)
        else:
            _assets[key] = source.add_table_asset("rows_under_the_gate", table_name=rows.table)
    _latest[url] = key
    asset = _assets[key]
    if rows.query:
        asset.query = rows.query
    else:
        asset.table_name = rows.table
    return asset


def _gx_context() -> Any:
    global _context
    if _context is None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        # It logs the database's message on a failing statement, which can quote a row.
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
        _context = gx.get_context(mode="ephemeral")
        _context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return _context


def _outcome(rule: RuleSpec, kwargs: Mapping[str, Any], result: Any) -> Outcome:
    error = _error(result.exception_info)
    if error:
        # The result goes into the stored document too: nothing of the traceback may stay.
        result.exception_info = {"raised_exception": True, "exception_message": error}
        result.result = {}
        return Outcome(rule, kwargs, None, {}, error)
    return Outcome(rule, kwargs, bool(result.success), result.result or {})


def _error(info: Mapping[str, Any] | None) -> str | None:
    """One sentence about what went wrong, without data; None when nothing did."""
    if not info:
        return None
    entries = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    raised = [e for e in entries if e.get("raised_exception") or e.get("exception_message")]
    if not raised:
        return None
    for entry in raised:
        match = _ERROR_CLASS.search(str(entry.get("exception_message") or ""))
        if match and match[1] in _BEFORE_ANY_ROW:
            return f"{match[1]}: {match[2].strip()}"
        if match:
            return match[1]
        raised_in_python = _PYTHON_ERROR.findall(str(entry.get("exception_traceback") or ""))
        if raised_in_python:
            return raised_in_python[0]
    return "the cause is not known"


def _document(name: str, result: Any) -> dict[str, Any]:
    """The validation result as JSON, in Great Expectations' own layout.

    Written here because its serialiser takes 2 ms a rule; without the parts that name the
    server and repeat the query.
    """
    return {
        "suite_name": name,
        "success": bool(result.success),
        "statistics": dict(result.statistics),
        "results": [_result_document(one) for one in result.results],
        "meta": {"great_expectations_version": result.meta["great_expectations_version"]},
    }


def _result_document(result: Any) -> dict[str, Any]:
    configuration = result.expectation_config
    return {
        "success": bool(result.success),
        "expectation_config": {
            "type": configuration.type,
            "kwargs": {k: v for k, v in configuration.kwargs.items() if k not in _NOT_SHOWN},
            "severity": configuration.meta["severity"],
            "meta": dict(configuration.meta),
        },
        "result": dict(result.result or {}),
        "exception_info": dict(result.exception_info or {}),
        "statement": _statement(configuration),
    }


def _statement(configuration: Any) -> str:
    """Great Expectations' sentence for one of its own types; empty for one of ours.

    Rendering takes 10 ms and a rule is judged at every delivery, so each is rendered once.
    """
    if not configuration.type.startswith(("expect_column_", "expect_table_")):
        return ""
    kwargs = {name: value for name, value in configuration.kwargs.items() if name not in _NOT_SHOWN}
    key = f"{configuration.type} {kwargs}"
    if key not in _statements:
        from great_expectations.render.renderer.inline_renderer import InlineRenderer

        _statements[key] = " ".join(
            Template(content.value.template or "").safe_substitute(
                {name: param["value"] for name, param in content.value.params.items()}
            )
            for content in InlineRenderer(render_object=configuration).get_rendered_content()
        )
    return _statements[key]
