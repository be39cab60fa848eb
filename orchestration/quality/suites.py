"""Rules: what each delivered file is held to, and the Great Expectations suites made of them.

A rule comes from one of three places: the contract (structure), expectations/_policy.yml (the
stability defaults) or the `expectations:` beside the contract (what neither can say). An
entry there whose id is that of a derived rule changes that rule for this one file.
Add here: a kind of rule that follows from a contract. Keep out: running rules (gate), and any
import of Great Expectations at module level, because Dagster reads the rules at start-up.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.errors import UsageError
from orchestration.landing.contracts import Contract, Table
from orchestration.quality import control_totals, recurring, slices, tiers, typed
from orchestration.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

POLICY = PROJECT_ROOT / "expectations" / "_policy.yml"

DIMENSIONS = ("correctness", "missingness", "accuracy", "stability")
SEVERITIES = ("critical", "warning", "info")

# Expectation types a person may write, each with the kwargs it must and may have. The list
# holds what Great Expectations 1.24 can run on PostgreSQL (measured 2026-11) and what its
# results can show without a person's value: minima, maxima, medians and lists of distinct
# values are somebody's values, so they are not here.
_MOSTLY = {"mostly"}
TYPES: dict[str, tuple[set[str], set[str]]] = {
    "expect_column_values_to_not_be_null": ({"column"}, _MOSTLY),
    "expect_column_values_to_be_null": ({"column"}, _MOSTLY),
    "expect_column_values_to_be_unique": ({"column"}, _MOSTLY),
    "expect_column_values_to_be_in_set": ({"column", "value_set"}, _MOSTLY),
    "expect_column_values_to_not_be_in_set": ({"column", "value_set"}, _MOSTLY),
    "expect_column_values_to_match_regex": ({"column", "regex"}, _MOSTLY),
    "expect_column_values_to_not_match_regex": ({"column", "regex"}, _MOSTLY),
    "expect_column_value_lengths_to_equal": ({"column", "value"}, _MOSTLY),
    "expect_column_value_lengths_to_be_between": (
        {"column"},
        {"min_value", "max_value", *_MOSTLY},
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A", "column_B"},
        {"or_equal", "ignore_row_if", *_MOSTLY},
    ),
    "expect_column_pair_values_to_be_equal": (
        {"column_A", "column_B"},
        {"ignore_row_if", *_MOSTLY},
    ),
    "expect_compound_columns_to_be_unique": ({"column_list"}, {"ignore_row_if", *_MOSTLY}),
    "expect_select_column_values_to_be_unique_within_record": (
        {"column_list"},
        {"ignore_row_if", *_MOSTLY},
    ),
    "expect_column_proportion_of_unique_values_to_be_between": (
        {"column"},
        {"min_value", "max_value"},
    ),
    "expect_column_unique_value_count_to_be_between": ({"column"}, {"min_value", "max_value"}),
    "expect_table_row_count_to_be_between": (set(), {"min_value", "max_value"}),
    "unexpected_rows_expectation": ({"unexpected_rows_query"}, set()),
    "expect_rows_to_satisfy": ({"condition"}, {"where", *_MOSTLY}),
    "expect_share_to_be_between": ({"condition"}, {"where", "min_value", "max_value"}),
    "expect_groups_to_satisfy": ({"columns", "condition"}, {"where", *_MOSTLY}),
    "expect_rows_to_have_a_parent": (
        {"columns", "parent"},
        {"parent_columns", "where", *_MOSTLY},
    ),
}

# Great Expectations runs these on columns that have a type of their own, so on core only.
TYPES_ON_NUMBERS: dict[str, tuple[set[str], set[str]]] = {
    "expect_column_values_to_be_between": (
        {"column"},
        {"min_value", "max_value", "strict_min", "strict_max", *_MOSTLY},
    ),
    "expect_multicolumn_sum_to_equal": (
        {"column_list", "sum_total"},
        {"ignore_row_if", *_MOSTLY},
    ),
    "expect_column_mean_to_be_between": ({"column"}, {"min_value", "max_value"}),
    "expect_column_stdev_to_be_between": ({"column"}, {"min_value", "max_value"}),
}

# Ours, whose SQL may name typed companions of the landed text columns.
READS_COMPANIONS = {
    "expect_rows_to_satisfy",
    "expect_share_to_be_between",
    "expect_groups_to_satisfy",
    "expect_rows_to_have_a_parent",
}
# Great Expectations reads the columns of a query by running it and fetching all its rows, so
# its column types run on tables only.
RUN_ON_QUERIES = READS_COMPANIONS | {"unexpected_rows_expectation"}

_WRITTEN = {"id", "type", "kwargs", "dimension", "severity", "says", "why", "fix"}
_REASON = {"because", "calibrated"}
_CHANGES = {
    *("skip", "limit", "except", "columns", "accept", "published"),
    *("severity", "why", "fix", "set_aside"),
}
# Rules on single rows: what breaks them can be set aside while the rest goes on (quarantine).
ON_ROWS = {
    "expect_required_columns_to_be_filled",
    "expect_codes_to_be_listed",
    "expect_formats_to_hold",
    "expect_rows_to_satisfy",
    "expect_rows_to_have_a_parent",
}
_STABILITY = {
    "expect_row_count_near_history",
    "expect_missing_shares_near_history",
    "expect_code_shares_near_history",
    "expect_codes_to_be_still_present",
    "expect_ids_to_be_carried_over",
    "expect_distinct_ids_near_history",
    "expect_shapes_near_history",
    "expect_turnover_near_history",
    "expect_records_to_be_kept",
    "expect_rows_to_be_new",
    "expect_texts_to_be_known",
    "expect_rows_to_have_few_twins",
    "expect_parts_to_be_still_present",
    "expect_parts_near_history",
}
# Those that count the rows, or groups of rows, that break them: where they only warn, far too
# many of these hold a delivery all the same (escalation).
_COUNTED = {
    "expect_rows_to_satisfy",
    "expect_rows_to_have_a_parent",
    "expect_groups_to_satisfy",
}
# Those that judge each of their columns by itself.
BY_COLUMN = {
    "expect_missing_shares_near_history",
    "expect_code_shares_near_history",
    "expect_codes_to_be_still_present",
    "expect_shapes_near_history",
    "expect_records_to_be_kept",
    "expect_texts_to_be_known",
    "expect_parts_to_be_still_present",
    "expect_parts_near_history",
}
# In a turn a file that has lost more of its rows is held, whatever its limit (2026-11-25).
MOST_ROWS_IN_A_TURN = 0.6
_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


@dataclass(frozen=True)
class RuleSpec:
    """One rule on one staging or core table.

    rule_id: stable name; table: its table without schema; type: the expectation type, Great
    Expectations' or ours (expectation_types). says: what holds, as one sentence. origin:
    contract | policy | file. For core rules, batch: the SELECT that is judged instead of the
    table itself; rows_are: what one of its rows is, in the plural. set_aside: the share of rows
    that may be set aside for breaking the rule (quarantine); None: it holds from the first on.
    reads: the columns that a written condition names.
    """

    rule_id: str
    agency: str
    file: str
    table: str
    type: str
    kwargs: Mapping[str, Any] = field(compare=False)
    dimension: str
    severity: str
    says: str
    why: str
    fix: str
    because: str
    calibrated: str
    origin: str
    batch: str | None = None
    rows_are: str = "rows"
    reads: tuple[str, ...] = ()
    set_aside: float | None = None

    @property
    def column(self) -> str | None:
        """The column the rule is about, or those its condition reads, separated by commas."""
        column = self.kwargs.get("column")
        return column if isinstance(column, str) else ", ".join(self.reads) or None

    @property
    def description(self) -> str:
        return f"{self.says} {self.why}"

    @property
    def needs_history(self) -> bool:
        return self.type in _STABILITY

    @property
    def escalates(self) -> bool:
        """Whether it only warns, and may hold a delivery when it is broken far more than ever."""
        return self.severity == "warning" and self.type in _COUNTED and self.agency != "core"

    @property
    def tier(self) -> str:
        """Which of tiers.TIERS the rule is of."""
        return tiers.tier(
            self.type,
            columns=len(self.reads),
            history=self.needs_history,
            sources=2 if self.batch and " join " in self.batch.lower() else 1,
        )

    @property
    def source(self) -> str:
        """The file a person would open to change the rule."""
        if self.origin == "policy":
            return "expectations/_policy.yml"
        return f"expectations/{self.agency}/{self.file}.yml"


@dataclass(frozen=True)
class Policy:
    """The defaults of expectations/_policy.yml. escalation: see quality.escalation. grace: by
    frequency, days and their reason."""

    compare_with: int
    needs: int
    spread_of: int
    noise: float
    turn_widens: float
    escalation: Mapping[str, float]
    structure: Mapping[str, Mapping[str, Any]]
    stability: Mapping[str, Mapping[str, Any]]
    second_person: Mapping[str, tuple[str, ...]]
    longest_override_days: int
    grace: Mapping[str, tuple[int, str]]


@lru_cache(maxsize=4)
def policy(path: Path = POLICY) -> Policy:
    """The defaults every file is held to. Raises UsageError when the file is wrong."""
    content = read_yaml(path)
    where = "expectations/_policy.yml"
    try:
        history = content["history"]
        found = Policy(
            compare_with=int(history["compare_with"]),
            needs=int(history["needs"]),
            spread_of=int(history["spread_of"]),
            noise=float(history["noise"]),
            turn_widens=float(history["turn_widens"]),
            escalation={k: float(content["escalation"][k]) for k in ("loads", "far")},
            structure=content["structure"],
            stability=content["stability"],
            second_person={
                kind: tuple(content["decisions"]["second_person"][kind])
                for kind in ("release", "override")
            },
            longest_override_days=int(content["decisions"]["longest_override_days"]),
            grace={
                frequency: (int(entry["days"]), " ".join(str(entry["because"]).split()))
                for frequency, entry in content["timeliness"]["grace"].items()
            },
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{where} needs history, escalation, decisions, timeliness, structure and stability; "
            "mend it."
        ) from error
    for name, entry in {**found.structure, **found.stability}.items():
        _check_entry(
            where, name, entry, (_WRITTEN - {"id", "kwargs"}) | _REASON, {"limit", "set_aside"}
        )
    return found


def in_a_turn(expectation_type: str, limit: float) -> float:
    """The limit of a stability rule in the first turn of an agency's year that is judged."""
    widens = policy().turn_widens
    if expectation_type == "expect_ids_to_be_carried_over":  # a share that must stay
        return 1 - widens * (1 - limit)
    if expectation_type == "expect_row_count_near_history":
        return max(limit, min(widens * limit, MOST_ROWS_IN_A_TURN))
    return widens * limit


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds one mapping. Raises UsageError naming the file."""
    import yaml

    where = "/".join(path.parts[-3:])
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise UsageError(f"The rules {where} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise UsageError(f"The rules {where} are not valid YAML{line}; mend them.") from error
    if not isinstance(content, dict):
        raise UsageError(f"The rules {where} must be a mapping; mend them.")
    return content


def rules(contract: Contract) -> tuple[RuleSpec, ...]:
    """Every rule of one delivered file: derived, default and written, in that order.

    Raises UsageError naming the file and the rule that is wrong.
    """
    derived = {
        rule.rule_id: rule for table in contract.tables for rule in _derived(contract, table)
    }
    written: dict[str, RuleSpec] = {}
    where = f"expectations/{contract.agency}/{contract.file}.yml"
    changed: set[str] = set()
    for number, entry in enumerate(contract.expectations, start=1):
        rule_id = entry.get("id")
        if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id):
            raise UsageError(
                f"{where}: expectation {number} needs an id such as "
                f"{contract.agency}.{contract.file}.name_of_the_rule."
            )
        if rule_id in written or rule_id in changed:
            raise UsageError(f"{where}: rule {rule_id} is there twice; give one another id.")
        if not rule_id.startswith(f"{contract.agency}.{contract.file}."):
            raise UsageError(
                f"{where}: rule {rule_id} must begin with {contract.agency}.{contract.file}."
            )
        if rule_id in derived:
            changed.add(rule_id)
            rule = _changed(where, derived[rule_id], entry)
            if rule is None:
                del derived[rule_id]
            else:
                derived[rule_id] = rule
        else:
            written[rule_id] = _written(where, contract, entry)
    return (*derived.values(), *written.values())


def _derived(contract: Contract, table: Table) -> Iterable[RuleSpec]:
    defaults = policy()
    several = len(contract.tables) > 1
    prefix = f"{contract.agency}.{contract.file}." + (f"{table.name}." if several else "")

    def rule(name: str, kwargs: Mapping[str, Any], origin: str) -> RuleSpec:
        entry = (defaults.structure if origin == "contract" else defaults.stability)[name]
        limit = {"limit": entry["limit"]} if "limit" in entry else {}
        return RuleSpec(
            rule_id=prefix + name,
            agency=contract.agency,
            file=contract.file,
            table=table.name,
            type=entry["type"],
            kwargs={**kwargs, **limit},
            dimension=entry["dimension"],
            severity=entry["severity"],
            says=entry["says"],
            why=entry["why"],
            fix=entry["fix"],
            because=entry["because"],
            calibrated=_calibrated("expectations/_policy.yml", name, entry),
            origin=origin,
            set_aside=_set_aside("expectations/_policy.yml", name, entry, entry["type"]),
        )

    required = [c.name for c in table.columns if c.required or c.key_position is not None]
    codes = {c.name: list(c.codes) for c in table.columns if c.codes}
    formats = {c.name: p for c in table.columns if (p := typed.column_pattern(c)) is not None}
    if contract.file_format != "fixed_width":  # which no spreadsheet writes
        ids = {c.name: typed.id_pattern(c, table.key) for c in table.columns}
        formats |= {name: p for name, p in ids.items() if p and name not in formats}
    if required:
        kwargs: dict[str, Any] = {"columns": required}
        if contract.deleted_when is not None:
            # Of a record that is gone an agency may send its key alone.
            column, values = contract.deleted_when
            kwargs |= {"always": list(table.key), "deleted_when": {column: list(values)}}
        yield rule("required_filled", kwargs, "contract")
    if table.key:
        yield rule("key_unique", {"columns": list(table.key)}, "contract")
    if codes:
        yield rule("codes_listed", {"codes": codes}, "contract")
    if formats:
        kwargs = {"formats": formats, "accept": {}, **_typed(contract, table)}
        yield rule("formats_hold", kwargs, "contract")

    if summed := control_totals.columns_of(table):
        made = typed.companions(table.columns)
        numbers = {f"{name}_as_number": made[f"{name}_as_number"] for name in summed}
        kwargs = {"columns": summed, "companions": numbers}
        yield rule("control_totals", kwargs, "contract")

    noise = {"noise": defaults.noise}
    optional = [c.name for c in table.columns if c.name not in required]
    ids = [c.name for c in table.columns if c.key_position is not None and c.role == "identifier"]
    yield rule("rows_near_history", noise, "policy")
    if optional:
        yield rule("missing_near_history", {"columns": optional, **noise}, "policy")
    if codes:
        yield rule("codes_near_history", {"columns": list(codes), **noise}, "policy")
        yield rule("codes_still_present", {"columns": list(codes)}, "policy")
    shaped = [c.name for c in table.columns if not c.codes]
    if shaped:
        yield rule("shapes_near_history", {"columns": shaped, **noise}, "policy")
    if ids:
        yield rule("turnover_near_history", {"columns": ids, **noise}, "policy")
    if table.key and contract.delivery_kind == "snapshot":
        yield rule("ids_carried_over", {"columns": list(table.key), **noise}, "policy")
        rest = [c.name for c in table.columns if c.key_position is None]
        if rest:
            yield rule("records_kept", {"columns": rest, **noise}, "policy")
    elif ids:
        # A snapshot's key is its identifiers, which key_unique already holds to one per row.
        yield rule("ids_near_history", {"columns": ids, **noise}, "policy")
    if contract.delivery_kind == "increment":
        yield rule("rows_are_new", noise, "policy")
    if texts := recurring.texts_of(table):
        yield rule("texts_known", {"columns": texts, **noise}, "policy")
    if ids:
        yield rule("few_twins", noise, "policy")
    if parts := slices.columns_of(table):
        yield rule("parts_still_present", {"columns": parts, **noise}, "policy")
        yield rule("parts_near_history", {"columns": parts, **noise}, "policy")


def _typed(contract: Contract, table: Table) -> dict[str, dict[str, str]]:
    """The date and number columns whose format is no more than that of their companion.

    Only of companions that a written rule names and that are therefore made anyway: the cast
    costs more than the regular expression alone.
    """
    conditions = [
        str(entry["kwargs"].get(key, ""))
        for entry in contract.expectations
        if isinstance(entry.get("kwargs"), dict)
        for key in ("condition", "where")
    ]
    companions = typed.used(typed.companions(table.columns), *conditions)
    names = {name.rpartition("_as_")[0]: name for name in companions}
    plain = {
        c.name: names[c.name]
        for c in table.columns
        if c.name in names and c.pattern is None and c.codes is None
    }
    return {"typed": plain, "companions": {name: companions[name] for name in plain.values()}}


def _changed(where: str, rule: RuleSpec, entry: Mapping[str, Any]) -> RuleSpec | None:
    """The derived rule as this file wants it; None when it is switched off."""
    _check_entry(where, rule.rule_id, entry, {"id", *_REASON}, _CHANGES)
    if entry.get("skip"):
        return None
    kwargs = dict(rule.kwargs)
    if "limit" in entry:
        limit = entry["limit"]
        if isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0:
            raise UsageError(f"{where}: rule {rule.rule_id}: limit must be a number from 0.")
        kwargs["limit"] = limit
    if "columns" in entry:
        if rule.type != "expect_distinct_ids_near_history":
            raise UsageError(f"{where}: rule {rule.rule_id} takes no columns; use except.")
        kwargs["columns"] = list(entry["columns"])
    if "published" in entry:
        if rule.type != control_totals.TYPE:
            raise UsageError(
                f"{where}: rule {rule.rule_id} takes no published figures; control_totals does."
            )
        control_totals.check_published(
            where, rule.rule_id, entry["published"], rule.kwargs["columns"]
        )
        kwargs["published"] = dict(entry["published"])
    holder = next((key for key in ("columns", "codes", "formats") if key in kwargs), None)
    for name in entry.get("except", []):
        if holder is None or name not in kwargs[holder]:
            raise UsageError(
                f"{where}: rule {rule.rule_id} excepts {name}, which it does not cover."
            )
    if holder and entry.get("except"):
        left = kwargs[holder]
        kwargs[holder] = (
            {name: value for name, value in left.items() if name not in entry["except"]}
            if isinstance(left, dict)
            else [name for name in left if name not in entry["except"]]
        )
    if "accept" in entry:
        accept = entry["accept"]
        if "formats" not in kwargs or not isinstance(accept, dict):
            raise UsageError(
                f"{where}: rule {rule.rule_id}: accept belongs to formats_hold and maps a column "
                "to a list of quoted texts."
            )
        for name, values in accept.items():
            if name not in kwargs["formats"] or not all(isinstance(v, str) for v in values):
                raise UsageError(
                    f"{where}: rule {rule.rule_id}: accept names {name}, which it does not "
                    "cover, or lists something that is not quoted."
                )
        kwargs["accept"] = accept
    own = _set_aside(where, rule.rule_id, entry, rule.type)
    return replace(
        rule,
        kwargs=kwargs,
        set_aside=rule.set_aside if "set_aside" not in entry else own or None,
        severity=entry.get("severity", rule.severity),
        why=entry.get("why", rule.why),
        fix=entry.get("fix", rule.fix),
        because=entry["because"],
        calibrated=_calibrated(where, rule.rule_id, entry),
        origin="file",
    )


def _written(where: str, contract: Contract, entry: Mapping[str, Any]) -> RuleSpec:
    rule_id = entry["id"]
    _check_entry(where, rule_id, entry, _WRITTEN | _REASON, {"table", "set_aside"})
    tables = {table.name: table for table in contract.tables}
    name = entry.get("table") or (contract.tables[0].name if len(tables) == 1 else None)
    if name not in tables:
        raise UsageError(
            f"{where}: rule {rule_id} needs table: one of {', '.join(sorted(tables))}."
        )
    kwargs = check_kwargs(where, rule_id, entry)
    table = tables[name]
    known = {c.name for c in table.columns}
    for key in ("column", "column_A", "column_B", "column_list", "columns"):
        named = kwargs.get(key, [])
        for column in [named] if isinstance(named, str) else named:
            if column not in known:
                hint = ""
                if column in typed.companions(table.columns):
                    hint = " as text; write the rule as expect_rows_to_satisfy"
                raise UsageError(
                    f"{where}: rule {rule_id} names the column {column}, which {name} does not "
                    f"have{hint}."
                )
    if entry["type"] in READS_COMPANIONS:
        companions = typed.used(
            typed.companions(table.columns), kwargs.get("condition"), kwargs.get("where")
        )
        if companions:
            kwargs["companions"] = companions
    return RuleSpec(
        rule_id=rule_id,
        agency=contract.agency,
        file=contract.file,
        table=name,
        type=entry["type"],
        kwargs=kwargs,
        dimension=entry["dimension"],
        severity=entry["severity"],
        says=sentence(entry["says"]),
        why=sentence(entry["why"]),
        fix=sentence(entry["fix"]),
        because=entry["because"],
        calibrated=_calibrated(where, rule_id, entry),
        origin="file",
        reads=_reads(table, kwargs),
        set_aside=_set_aside(where, rule_id, entry, entry["type"]) or None,
    )


def _reads(table: Table, kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that a rule's kwargs name, themselves or by their typed companion."""
    said = {k: v for k, v in kwargs.items() if k in _NAMING}
    words = {
        re.sub(r"_as_(?:date|timestamp|number)$", "", word)
        for word in re.findall(r"\w+", repr(said))
    }
    return tuple(c.name for c in table.columns if c.name in words)


_NAMING = {"column", "column_A", "column_B", "column_list", "columns", "condition"}


def _set_aside(where: str, rule_id: str, entry: Mapping[str, Any], kind: str) -> float | None:
    share = entry.get("set_aside")
    if share is None:
        return None
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise UsageError(f"{where}: rule {rule_id}: set_aside must be a share of rows below 1.")
    if share and kind not in ON_ROWS:
        raise UsageError(
            f"{where}: rule {rule_id}: {kind} judges no single rows, so none can be set aside."
        )
    return float(share)


def check_kwargs(
    where: str,
    rule_id: str,
    entry: Mapping[str, Any],
    types: Mapping[str, tuple[set[str], set[str]]] = TYPES,
) -> dict[str, Any]:
    """The kwargs of a written rule, checked against its type. Raises UsageError."""
    if entry["type"] in TYPES_ON_NUMBERS and entry["type"] not in types:
        raise UsageError(
            f"{where}: rule {rule_id}: {entry['type']} needs a column of numbers and everything "
            "is landed as text; write the rule as expect_rows_to_satisfy."
        )
    if entry["type"] not in types:
        raise UsageError(
            f"{where}: rule {rule_id} has the type {entry['type']}, which the gate does not run; "
            f"use one of {', '.join(types)}."
        )
    must, may = types[entry["type"]]
    kwargs = entry["kwargs"]
    if not isinstance(kwargs, dict):
        raise UsageError(f"{where}: rule {rule_id}: kwargs must be a mapping.")
    lacking, unknown = must - set(kwargs), set(kwargs) - must - may
    if lacking or unknown:
        wrong = f"lacks {', '.join(sorted(lacking))}" if lacking else ""
        wrong += " and " if lacking and unknown else ""
        wrong += f"does not know {', '.join(sorted(unknown))}" if unknown else ""
        raise UsageError(f"{where}: rule {rule_id}: {entry['type']} {wrong}.")
    mostly = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 < mostly <= 1:
        raise UsageError(f"{where}: rule {rule_id}: mostly must be above 0 and at most 1.")
    return dict(kwargs)


def _check_entry(
    where: str, rule_id: str, entry: object, must: set[str], may: set[str] = frozenset()
) -> None:
    if not isinstance(entry, Mapping):
        raise UsageError(f"{where}: rule {rule_id} must be a mapping.")
    lacking = sorted(key for key in must if entry.get(key) in (None, "", []))
    if lacking:
        raise UsageError(f"{where}: rule {rule_id} lacks {', '.join(lacking)}.")
    unknown = sorted(set(entry) - must - may)
    if unknown:
        raise UsageError(f"{where}: rule {rule_id} does not know {', '.join(unknown)}.")
    for key, allowed in (("dimension", DIMENSIONS), ("severity", SEVERITIES)):
        if key in entry and entry[key] not in allowed:
            raise UsageError(f"{where}: rule {rule_id}: {key} must be one of {', '.join(allowed)}.")


def check_written(where: str, entry: Mapping[str, Any], may: set[str]) -> str:
    """Check the keys every written rule has, and return its id. Raises UsageError."""
    rule_id = entry.get("id") if isinstance(entry, Mapping) else None
    if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id):
        raise UsageError(f"{where}: each expectation needs an id such as core.spell.name.")
    _check_entry(where, rule_id, entry, _WRITTEN | _REASON, may)
    return rule_id


def _calibrated(where: str, rule_id: str, entry: Mapping[str, Any]) -> str:
    """`2026-11-23, from ...`: when and on what the threshold was set."""
    value = entry["calibrated"]
    if isinstance(value, Mapping):
        # YAML 1.1 reads a bare `on` as true.
        value = {"on" if key is True else key: part for key, part in value.items()}
    if not isinstance(value, Mapping) or set(value) != {"on", "from"}:
        raise UsageError(f"{where}: rule {rule_id}: calibrated must be {{on: DATE, from: WHAT}}.")
    try:
        day = datetime.date.fromisoformat(str(value["on"]))
    except ValueError as error:
        raise UsageError(
            f"{where}: rule {rule_id}: calibrated.on must be a date, YYYY-MM-DD."
        ) from error
    return f"{day.isoformat()}, from {value['from']}"


def calibrated(where: str, rule_id: str, entry: Mapping[str, Any]) -> str:
    """The date and the ground of a written rule's threshold. Raises UsageError."""
    return _calibrated(where, rule_id, entry)


def sentence(text: object) -> str:
    """A text as one line that ends with a full stop."""
    plain = " ".join(str(text).split())
    return plain if plain.endswith((".", "?", "!")) else f"{plain}."


def build_suite(
    name: str, prepared: Iterable[tuple[RuleSpec, Mapping[str, Any]]]
) -> ExpectationSuite:
    """A Great Expectations suite of rules with their final kwargs, in order.

    Raises UsageError naming the rule when Great Expectations refuses its kwargs.
    """
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

    from orchestration.quality import expectation_types

    expectation_types.register()
    expectations = []
    for rule, kwargs in prepared:
        configuration = ExpectationConfiguration(
            type=rule.type,
            kwargs=dict(kwargs),
            severity=rule.severity,
            meta={
                "rule_id": rule.rule_id,
                "dimension": rule.dimension,
                "severity": rule.severity,
                "says": rule.says,
                "why": rule.why,
                "fix": rule.fix,
                "because": rule.because,
                "calibrated": rule.calibrated,
                "source": rule.source,
            },
        )
        try:
            expectations.append(configuration.to_domain_obj())
        except Exception as error:
            raise UsageError(
                f"{rule.source}: rule {rule.rule_id}: Great Expectations does not take these "
                f"kwargs for {rule.type} ({type(error).__name__})."
            ) from error
    return gx.ExpectationSuite(name=name, expectations=expectations)
