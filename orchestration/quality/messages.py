"""One plain line per verdict: how many rows, of what, against which limit.

A line names files, columns, codes of the contract's lists and counts; it has no way to hold
anything else of a row. Add here: the wording for a new expectation type. Keep out: deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestration.quality.engine import Outcome
from orchestration.quality.results import CheckResult
from orchestration.quality.suites import RuleSpec

# (sentence, observed, threshold, columns that failed)
Words = tuple[str, str, str, str | None]

_MOST_COLUMNS_NAMED = 8


def number(value: float) -> str:
    """1,203 or 0.25; whole numbers without a point."""
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-9 else f"{value:,.2f}"


def percent(share: float) -> str:
    """0.031 as `3.1 %`; a share that is not 0 never reads 0.0."""
    value = share * 100
    if value and abs(value) < 0.05:
        return "under 0.1 %"
    return f"{value:.0f} %" if abs(value) >= 10 or value == round(value) else f"{value:.1f} %"


def signed(share: float) -> str:
    return f"{'+' if share >= 0 else '-'}{percent(abs(share))}"


def counted(count: int, noun: str) -> str:
    """1 column, 2 columns."""
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"


def deliveries(count: int) -> str:
    return "the last accepted delivery" if count == 1 else f"the last {count} accepted deliveries"


def result(subject: str, outcome: Outcome) -> CheckResult:
    """The verdict on an evaluated rule. subject: agency/file, table where needed, period."""
    rule = outcome.rule
    if outcome.met is None:
        sentence = (
            f"{rule.says} This could not be evaluated and so counts as not passed "
            f"({outcome.error})."
        )
        return verdict(subject, rule, "error", sentence)
    sentence, observed, threshold, column = _words(outcome)
    status = "passed" if outcome.met else "failed"
    return verdict(subject, rule, status, sentence, observed, threshold, column)


def not_applicable(subject: str, rule: RuleSpec, reason: str) -> CheckResult:
    return verdict(subject, rule, "not_applicable", f"Not applicable: {reason}.")


def verdict(
    subject: str,
    rule: RuleSpec,
    status: str,
    sentence: str,
    observed: str | None = None,
    threshold: str | None = None,
    column: str | None = None,
) -> CheckResult:
    return CheckResult(
        rule_id=rule.rule_id,
        table=rule.table,
        column=column or rule.column,
        expectation_type=rule.type,
        dimension=rule.dimension,
        severity=rule.severity,
        status=status,
        observed=observed,
        threshold=threshold,
        message=f"{subject}: {sentence}",
        why=rule.why,
        fix=rule.fix,
        tier=rule.tier,
    )


def _words(outcome: Outcome) -> Words:
    worded = _BY_TYPE.get(outcome.rule.type, _native)
    return worded(outcome, outcome.result.get("figures", outcome.result))


def _per_column(breaks: str, fine: str) -> Callable[[Outcome, Mapping[str, Any]], Words]:
    def words(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
        rows, failing = figures["rows"], figures["failing_by_column"]
        limit = outcome.kwargs.get("limit", 0)
        threshold = f"{percent(limit)} of rows in each column" if limit else "0 rows"
        if outcome.met:
            return f"{fine} ({number(rows)} rows).", "0 rows", threshold, None
        worst = sorted(failing, key=lambda name: -failing[name])
        listed = ", ".join(
            f"{name} in {number(failing[name])}" for name in worst[:_MOST_COLUMNS_NAMED]
        )
        if len(worst) > _MOST_COLUMNS_NAMED:
            listed += f" and {len(worst) - _MOST_COLUMNS_NAMED} more columns"
        sentence = f"{breaks}: {listed} of {number(rows)} rows; limit {threshold}."
        observed = f"{number(sum(failing.values()))} fields"
        return sentence, observed, threshold, ", ".join(worst)

    return words


def _key(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    key = ", ".join(outcome.kwargs["columns"])
    if outcome.met:
        return f"No key ({key}) repeats in {number(figures['rows'])} rows.", "0 rows", "0 rows", key
    sentence = (
        f"{number(figures['repeating'])} of {number(figures['rows'])} rows repeat the key "
        f"{key}; each key must be one row."
    )
    return sentence, f"{number(figures['repeating'])} rows", "0 rows", key


def _mostly(unit: str) -> Callable[[Outcome, Mapping[str, Any]], Words]:
    def words(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
        name = outcome.rule.rows_are if unit == "rows" else unit
        return _counted(outcome, figures["failing"], figures["rows"], name)

    return words


def _counted(outcome: Outcome, failing: float, rows: float, unit: str) -> Words:
    share = failing / rows if rows else 0.0
    allowed = 1 - outcome.kwargs.get("mostly", 1)
    threshold = f"{percent(round(allowed, 10))} of {unit}" if allowed else f"0 {unit}"
    if not failing:
        sentence = f"{outcome.rule.says} Holds"
        sentence += f" in all {number(rows)} {unit}." if rows > 1 else "."
    else:
        sentence = (
            f"{outcome.rule.says} Not so in {number(failing)} of {number(rows)} {unit} "
            f"({percent(share)}); allowed {threshold}."
        )
    return sentence, f"{number(failing)} {unit} ({percent(share)})", threshold, None


def _between(kwargs: Mapping[str, Any], write: Callable[[float], str]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and high is not None:
        return f"{write(low)} to {write(high)}"
    return f"at least {write(low)}" if low is not None else f"at most {write(high or 0)}"


def _share(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    threshold = _between(outcome.kwargs, percent)
    rows = figures["rows"]
    if not rows:
        return f"{outcome.rule.says} No row of this kind.", "no row", threshold, None
    observed = percent(figures["matching"] / rows)
    of = f"{observed} of {number(rows)} {outcome.rule.rows_are}"
    sentence = f"{outcome.rule.says} It is {of}; expected {threshold}."
    return sentence, observed, threshold, None


def _rows(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    now, before, loads = figures["rows"], figures["before"], figures["loads"]
    change = (now - before) / before if before else 0.0
    limit = (
        f"\u00b1{percent(max(outcome.kwargs['limit'], figures['allowed'] / before))}"
        if (before)
        else "0 rows"
    )
    average = " on average" if loads > 1 else ""
    sentence = (
        f"{number(now)} rows where {deliveries(loads)} had {number(round(before))}{average} "
        f"({signed(change) if before else 'none before'}); limit {limit}."
    )
    parts = figures["parts"]
    if parts:
        sentence += f" Most of the difference lies in one value of {' and of '.join(parts)}."
    return sentence, f"{number(now)} rows ({signed(change)})", limit, ", ".join(parts) or None


def _missing(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"+{number(outcome.kwargs['limit'] * 100)} points"
    failing = figures["columns"]
    if outcome.met:
        return "No column has become markedly emptier.", "0 columns", limit, None
    before = deliveries(
        1 if outcome.kwargs["latest_only"] else len(outcome.kwargs["compared_with"])
    )
    listed = "; ".join(
        f"{name} is empty in {percent(figure['now'])} of rows where it was in "
        f"{percent(figure['before'])} of {before}"
        for name, figure in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", counted(len(failing), "column"), limit, ", ".join(failing)


def _code_shares(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"{percent(outcome.kwargs['limit'])} of rows"
    failing = figures["columns"]
    observed = f"{percent(figures['largest'])} of rows"
    if outcome.met:
        return "Coded columns are spread over their codes as before.", observed, limit, None
    listed = "; ".join(
        f"{name} is spread over its codes otherwise than before, by {percent(distance)} of rows"
        for name, distance in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", observed, limit, ", ".join(failing)


def _gone(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"0 codes that had {number(outcome.kwargs['limit'])} rows or more on average"
    gone = figures["gone"]
    if outcome.met:
        return "Every code that was always there is still there.", "0 codes", limit, None
    listed = "; ".join(
        f"{column} {code} was in each of {deliveries(figures['loads'])} and is missing"
        for column, code in gone[:_MOST_COLUMNS_NAMED]
    )
    if len(gone) > _MOST_COLUMNS_NAMED:
        listed += f"; and {len(gone) - _MOST_COLUMNS_NAMED} more codes"
    sentence = f"{listed} (0 of {number(figures['rows'])} rows)."
    columns = ", ".join(dict.fromkeys(column for column, _ in gone))
    return sentence, counted(len(gone), "code"), limit, columns


def _carried(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    before, gone = figures["before"], figures["gone"]
    limit = percent(figures["allowed"] / before if before else 1 - outcome.kwargs["limit"])
    limit += " of records"
    share = gone / before if before else 0.0
    sentence = (
        f"{number(gone)} of the {number(before)} records of the last accepted delivery are not "
        f"in this one ({percent(share)}); limit {limit}."
    )
    key = ", ".join(outcome.kwargs["columns"])
    return sentence, f"{number(gone)} records ({percent(share)})", limit, key


def _distinct(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"\u00b1{percent(outcome.kwargs['limit'])} of ids per row"
    failing = figures["columns"]
    if outcome.met:
        return "The number of different ids per row is as before.", "0 columns", limit, None
    listed = "; ".join(
        f"{name} has {number(f['now'])} different values in {number(figures['rows'])} rows, "
        f"{signed(f['change'])} per row against before"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", counted(len(failing), "column"), limit, ", ".join(failing)


_SHAPES = {
    "length": "is of another length",
    "bucket": "holds other values",
    "size": "is of another size",
    "lag": "lies at another distance from its period",
    "calendar": "lies in other months",
    "far": "lies in a decade far off more often",
    "zero": "is 0 more often",
    "beyond": "is larger than ever",
}


def _shapes(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"{percent(outcome.kwargs['limit'])} of rows"
    failing = figures["columns"]
    observed = f"{percent(figures['largest'])} of rows"
    if outcome.met:
        return "The values of each column are spread as before.", observed, limit, None
    listed = "; ".join(
        f"{name} is still that of the last accepted delivery"
        if f["kind"] == "stuck"
        else f"{name} {_SHAPES[f['kind']]} than before in {percent(f['distance'])} of rows"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", observed, limit, ", ".join(failing)


def _turnover(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"\u00b1{number(outcome.kwargs['limit'] * 100)} points"
    failing = figures["columns"]
    if outcome.met:
        return "As many ids came and went as before.", "0 columns", limit, None
    said = []
    for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]:
        if f["kind"] == "changed":
            said.append(
                f"of {name} nobody came and nobody left, where {number(round(-f['change']))} did "
                "before"
            )
        else:
            said.append(
                f"{percent(f['now'])} of {name} are {f['kind']} since the last accepted delivery, "
                f"{signed(f['change'])[:1]}{number(abs(f['change']) * 100)} points against before"
            )
    return (
        f"{'; '.join(said)}; limit {limit}.",
        counted(len(failing), "column"),
        limit,
        ", ".join(failing),
    )


def _restated(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"+{number(outcome.kwargs['limit'] * 100)} points"
    failing = figures["columns"]
    if outcome.met:
        return "Earlier records are restated no more than usual.", "0 columns", limit, None
    listed = "; ".join(
        f"{name} was {f['kind']} in {percent(f['now'])} of records where {percent(f['before'])} "
        "are usual"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", counted(len(failing), "column"), limit, ", ".join(failing)


def _repeated(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"{percent(outcome.kwargs['limit'])} of the usual new rows"
    observed = f"{number(figures['new'])} new rows"
    if outcome.met:
        return "The rows are not those of the delivery before.", observed, limit, None
    sentence = (
        f"Of {number(figures['rows'])} rows {number(figures['new'])} are not in the last accepted "
        f"delivery, where {number(round(figures['expected']))} would be by what is usual; "
        f"limit {limit}."
    )
    return sentence, observed, limit, None


def _totals(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"\u00b1{percent(outcome.kwargs.get('limit', 0))} of a total"
    failing = figures["columns"]
    if outcome.met:
        said = f"{counted(figures['totals'], 'stated total')} agree with the file."
        return said, "0 totals", limit, None
    listed = "; ".join(
        f"{'The number of rows' if name == 'rows' else f'The sum of {name}'} is "
        + ("not" if f["off"] is None else f"{signed(f['off'])} off")
        + f" what {f['by']} says"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    columns = ", ".join(name for name in failing if name != "rows")
    return f"{listed}.", counted(len(failing), "total"), limit, columns or None


def _texts(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"+{number(outcome.kwargs['limit'] * 100)} points"
    failing = figures["columns"]
    if outcome.met:
        return "Texts are those of the delivery before, as always.", "0 columns", limit, None
    listed = "; ".join(
        f"{percent(f['now'])} of texts in {name} were not there in the last accepted delivery, "
        f"where {percent(f['before'])} are usual"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", counted(len(failing), "column"), limit, ", ".join(failing)


def _twins(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"+{number(outcome.kwargs['limit'] * 100)} points"
    now, before = percent(figures["now"]), percent(figures["before"])
    if outcome.met:
        return "No more rows than usual are alike but for their ids.", now, limit, None
    sentence = f"{now} of rows repeat another but for their ids, where {before} did before"
    return f"{sentence}; limit {limit}.", now, limit, None


def _parts_gone(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"0 parts that had {percent(outcome.kwargs['limit'])} of rows"
    failing = figures["columns"]
    if outcome.met:
        return "Every part that was always there is still there.", "0 parts", limit, None
    gone = sum(len(f["gone"]) for f in failing.values())
    listed = "; ".join(
        f"{counted(len(f['gone']), 'value')} of {name} that every accepted delivery before had, "
        f"with {percent(sum(f['gone'].values()))} of rows, "
        f"{'is' if len(f['gone']) == 1 else 'are'} missing"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}.", counted(gone, "part"), limit, ", ".join(failing)


def _parts_moved(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    limit = f"\u00b1{percent(outcome.kwargs['limit'])} of rows"
    failing = figures["columns"]
    if outcome.met:
        return "Each part has about as many rows as before.", "0 parts", limit, None
    moved = sum(len(f["moved"]) for f in failing.values())
    listed = "; ".join(
        f"{counted(len(f['moved']), 'value')} of {name} with rows beyond the limit, the furthest "
        f"by {signed(max(f['moved'].values(), key=abs))}"
        for name, f in list(failing.items())[:_MOST_COLUMNS_NAMED]
    )
    return f"{listed}; limit {limit}.", counted(moved, "part"), limit, ", ".join(failing)


def _native(outcome: Outcome, figures: Mapping[str, Any]) -> Words:
    """Great Expectations' own types: counts of rows, or one observed number."""
    if "unexpected_count" in figures:
        rows = figures.get("element_count", 0)
        if not outcome.rule.type.endswith("_null"):
            rows -= figures.get("missing_count") or 0
        return _counted(outcome, figures["unexpected_count"], rows, "rows")
    observed = figures.get("observed_value")
    if outcome.rule.type == "unexpected_rows_expectation":
        count = observed or 0
        if outcome.met:
            return f"{outcome.rule.says} Holds.", "0 rows", "0 rows", None
        sentence = f"{outcome.rule.says} Not so in {number(count)} rows; allowed 0 rows."
        return sentence, f"{number(count)} rows", "0 rows", None
    seen = number(observed) if isinstance(observed, int | float) else "nothing"
    threshold = _between(outcome.kwargs, number)
    return f"{outcome.rule.says} Observed {seen}; expected {threshold}.", seen, threshold, None


_BY_TYPE: dict[str, Callable[[Outcome, Mapping[str, Any]], Words]] = {
    "expect_required_columns_to_be_filled": _per_column(
        "Required columns are empty", "All required columns are filled"
    ),
    "expect_codes_to_be_listed": _per_column(
        "Codes outside their list", "All codes are in their lists"
    ),
    "expect_formats_to_hold": _per_column("Not written as the contract says", "All formats hold"),
    "expect_key_to_be_unique": _key,
    "expect_rows_to_satisfy": _mostly("rows"),
    "expect_rows_to_have_a_parent": _mostly("rows"),
    "expect_groups_to_satisfy": _mostly("groups"),
    "expect_share_to_be_between": _share,
    "expect_row_count_near_history": _rows,
    "expect_missing_shares_near_history": _missing,
    "expect_code_shares_near_history": _code_shares,
    "expect_codes_to_be_still_present": _gone,
    "expect_ids_to_be_carried_over": _carried,
    "expect_distinct_ids_near_history": _distinct,
    "expect_shapes_near_history": _shapes,
    "expect_turnover_near_history": _turnover,
    "expect_records_to_be_kept": _restated,
    "expect_rows_to_be_new": _repeated,
    "expect_totals_to_agree": _totals,
    "expect_texts_to_be_known": _texts,
    "expect_rows_to_have_few_twins": _twins,
    "expect_parts_to_be_still_present": _parts_gone,
    "expect_parts_near_history": _parts_moved,
}
