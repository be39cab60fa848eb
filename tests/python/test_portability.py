"""Core, panels and marts are written for engines that spread a table over many machines.

Held on the manifest and on the compiled SQL: what only PostgreSQL writes (Spark), and what a
distributed PostgreSQL cannot do or does only by moving every row (Citus). Each rule is shown to
find what it looks for. Add here: a rule that another engine needs. Keep out: rules of the house
(test_architecture.py); running an engine (tests/spark).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope
from test_architecture import PUBLISHED, held, is_part, layer

from orchestration.lakehouse import fingerprint, moved

POSTGRES_ONLY = {
    "a cast by colons": r"::",
    "a range type": r"\b(date|ts|int4|int8|num)(multi)?range\b",
    "distinct on": r"distinct\s+on\b",
    "generate_series": r"generate_series",
    "lateral": r"\blateral\b",
    "an aggregate filter": r"\bfilter\s*\(",
    "ilike": r"\bilike\b",
    "a regular expression": r"\s!?~\*?\s*'",
    "an interval literal": r"\binterval\s+'",
    "make_date": r"\bmake_date\b",
    "to_char or to_date": r"\bto_(char|date|timestamp)\b",
    "an array": r"\barray\s*[\[(]|\bunnest\b",
    "string_agg": r"\bstring_agg\b",
    "bool_or or bool_and": r"\bbool_(or|and)\b",
    "the clock": r"\bnow\(|\bcurrent_(date|timestamp)\b",
    "a recursive query": r"\bwith\s+recursive\b",
    "least or greatest, which treat null in two ways": r"\b(least|greatest)\(",
    "is distinct from": r"is\s+(not\s+)?distinct\s+from",
    "an untruncated date_trunc": r"(?<!dbt\.)\bdate_trunc\(",
    "md5 instead of surrogate_key": r"\bmd5\(",
}
# It joins texts by a tilde, which is a regular expression to PostgreSQL.
JINJA = re.compile(r"\{([{%]).*?[}%]\}", re.DOTALL)
POSTGRES_MACROS = re.compile(r"\{\{\s*(clean_\w+|address_\w+|null_sentinels|delivery_month_end)\(")


@pytest.fixture(scope="module")
def published(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and layer(node) in PUBLISHED
    ]


@pytest.fixture(scope="module")
def columns(manifest: dict[str, Any]) -> dict[str, set[str]]:
    """The columns of each table that a model may read, by its name."""
    return {
        node["alias"]: set(node["columns"])
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }


# --- SQL that other engines read -------------------------------------------------------------


def postgres_only(code: str) -> list[str]:
    """What of a model's or macro's text another engine does not read."""
    code = re.sub(r"--.*", "", re.sub(r"\{#.*?#\}", "", code, flags=re.DOTALL))
    found = [what for what, form in POSTGRES_ONLY.items() if re.search(form, code)]
    return [*found, "a macro of staging"] if POSTGRES_MACROS.search(code) else found


def _macros(manifest: Mapping[str, Any], nodes: list[dict[str, Any]]) -> set[str]:
    """Our macros that the nodes call, and those that these call; not one engine's own form."""
    todo, found = [name for node in nodes for name in node["depends_on"]["macros"]], set()
    while todo:
        name = todo.pop()
        if name not in found and name.startswith("macro.lifecourse."):
            found.add(name)
            todo += manifest["macros"][name]["depends_on"]["macros"]
    return found


def test_published_models_are_written_for_any_engine(manifest, published):
    held(
        f"{model['name']}: {what}"
        for model in published
        for what in postgres_only(model["raw_code"])
    )
    macros = [manifest["macros"][name] for name in _macros(manifest, published)]
    assert macros
    held(
        f"{macro['name']}: {what}"
        for macro in macros
        for what in postgres_only(JINJA.sub("", macro["macro_sql"]))
    )


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("select start_date::date from spells", "a cast by colons"),
        ("select distinct on (person_id) * from spells", "distinct on"),
        ("select count(*) filter (where is_open) from spells", "an aggregate filter"),
        ("select greatest(start_date, end_date) from spells", "least or greatest"),
        ("select start_date + interval '1 day' from spells", "an interval literal"),
        ("with recursive kin as (select 1) select * from kin", "a recursive query"),
        ("select current_date as today", "the clock"),
        ("select {{ clean_date('born') }} from people", "a macro of staging"),
    ],
)
def test_a_form_of_postgres_alone_is_found(code, what):
    assert [found for found in postgres_only(code) if found.startswith(what)]
    assert not postgres_only(f"-- {code}\nselect person_id from spells")


# --- tables spread by person_id --------------------------------------------------------------


def test_person_grain_tables_carry_person_id(published):
    held(
        (
            model["name"]
            for model in published
            if not is_part(model) and "person_id" not in model["columns"]
        ),
        {
            "cohort_outcomes": "counts of persons, no person in it",
            "tombstone": "a record that was removed; whose it was is not kept",
            "eviction_filing": "a filing against a dwelling; no person is linked to it",
            "geo_crosswalk": "a reference table, copied to every node",
            "area_priorities": "counts of persons, no person in it",
            "child_care_provider": "a business and no person",
            "child_care_supply_demand": "counts of persons, no person in it",
            "household": "a group of persons; membership carries the persons",
            "household_link": "a step between households; household_month carries the persons",
            "organization": "a reference table, copied to every node",
            "organization_spell": "a reference table, copied to every node",
            "place": "a reference table, copied to every node",
            "place_context": "a reference table, copied to every node",
            "program": "a reference table, copied to every node",
            "program_coverage": "a reference table, copied to every node",
            "program_overlap": "counts of persons, no person in it",
            "provider_capacity": "what a business says of its places",
            "provider_vacancies": "what a business says of its places",
            "source_coverage": "a reference table, copied to every node",
            "unduplicated_counts": "counts of persons, no person in it",
        },
    )


def test_no_key_is_held_across_shards(published):
    """A foreign key, or one that does not name person_id, cannot be held by one shard alone."""
    held(
        f"{model['name']}: {constraint['type']}"
        for model in published
        for constraint in [
            *model["constraints"],
            *(c for column in model["columns"].values() for c in column["constraints"]),
        ]
        if constraint["type"] != "not_null"
    )
    held(model["name"] for model in published if model["config"].get("indexes"))


def apart(code: str, columns: Mapping[str, set[str]]) -> Iterator[str]:
    """The joins of two relations of persons that do not compare a person_id with a person_id.

    code: compiled SQL. columns: those of each table, by its name. Yields "step joins relation".
    On a spread table such a join moves rows between machines, or is refused.
    """
    known: dict[int, set[str]] = {}

    def outputs(scope: Scope) -> set[str]:
        if id(scope) not in known:
            if isinstance(scope.expression, exp.SetOperation):
                known[id(scope)] = outputs(scope.set_operation_scopes[0])
            else:
                selected = scope.expression.selects
                known[id(scope)] = set().union(*(names(scope, one) for one in selected))
        return known[id(scope)]

    def names(scope: Scope, selected: exp.Expression) -> set[str]:
        if not selected.is_star:
            return {selected.alias_or_name}
        one = selected.table if isinstance(selected, exp.Column) else ""
        sources = scope.selected_sources
        return set().union(*(read(sources[n][1]) for n in sources if n == one or not one))

    def read(source: exp.Table | Scope) -> set[str]:
        return columns.get(source.name, set()) if isinstance(source, exp.Table) else outputs(source)

    def of_persons(scope: Scope, name: str) -> bool:
        return any(column.endswith("person_id") for column in read(scope.selected_sources[name][1]))

    scopes = traverse_scope(sqlglot.parse_one(code, dialect="postgres"))
    for scope in scopes:
        joins = scope.expression.args.get("joins") or []
        if not joins:
            continue
        step = scope.expression.parent.alias_or_name if scope.expression.parent else "the query"
        before = [scope.expression.args["from_"].this.alias_or_name]
        for join in joins:
            name, on = join.this.alias_or_name, join.args.get("on")
            equal = any(
                isinstance(pair.left, exp.Column)
                and isinstance(pair.right, exp.Column)
                and pair.left.name.endswith("person_id")
                and pair.right.name.endswith("person_id")
                for pair in (on.find_all(exp.EQ) if on else ())
            )
            if not equal and of_persons(scope, name) and any(of_persons(scope, b) for b in before):
                yield f"{step} joins {name}"
            before.append(name)


def test_a_join_of_two_tables_of_persons_names_the_person(published, columns):
    held(
        (
            f"{model['name']}: {join}"
            for model in published
            if not is_part(model)
            for join in apart(model["compiled_code"], columns)
        ),
        {
            "benefit_screenings: members joins households": (
                "who lives with whom is another person; rows move by household"
            ),
            "person_relationship: case_pairs joins heads": (
                "a tie is between two persons; rows move by household"
            ),
            "person_relationship: parent_pairs joins parents": (
                "a tie is between two persons; rows move by certificate"
            ),
            "student_section: sections joins staff": (
                "teachers of record are few: copied to every node"
            ),
        },
    )


def test_a_join_without_the_person_is_found():
    tables = {
        "spell": {"person_id", "program_id"},
        "event": {"person_id"},
        "program": {"program_id"},
    }
    code = "with spells as (select * from core.spell), events as (select * from core.event) {}"
    joined = "select spells.program_id from spells inner join events on {}"
    at_home = code.format(joined.format("spells.person_id = events.person_id"))
    moving = code.format(joined.format("spells.start_date = events.event_date"))
    crossed = code.format("select spells.program_id from spells cross join events")
    reference = (
        "select s.person_id from core.spell as s inner join core.program as p using (program_id)"
    )
    assert not list(apart(at_home, tables))
    assert list(apart(moving, tables)) == ["the query joins events"]
    assert list(apart(crossed, tables)) == ["the query joins events"]
    assert not list(apart(reference, tables))


# --- what leaves PostgreSQL ------------------------------------------------------------------


def test_what_an_agency_says_of_a_person_leaves_through_core_alone(manifest):
    plan = moved.plan(manifest)
    assert not plan.read
    assert {table.schema for table in plan.border} <= {"core", "reference", "policy"}
    assert not [table for table in plan.models if "restricted" in table.schema]


def test_the_proof_builds_all_that_is_published(manifest, published):
    plan = moved.plan(manifest, from_staging=True)
    held(
        (
            model["alias"]
            for model in published
            if not is_part(model) and model["alias"] not in {table.name for table in plan.models}
        ),
        {"outreach_lists": "names whom to visit; it stays behind row security"},
    )
    assert set(moved.plan(manifest).models) < set(plan.models)


def test_a_fingerprint_tells_one_changed_value():
    same = {"n_rows": "2", "rows_hash": "7", "start_date__sum": "40000"}
    assert fingerprint.differences(same, dict(same)) == []
    assert fingerprint.differences(same, same | {"start_date__sum": "40001"}) == ["start_date__sum"]
    assert fingerprint.differences(same, {"n_rows": "2"}) == ["rows_hash", "start_date__sum"]
