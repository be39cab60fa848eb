"""The rules of the house, read from dbt's manifest and from the Python sources.

A rule lists its offenders; an exception stands beside the rule, with its reason, and falls when
nothing needs it any more. Add here: a rule that holds for every model or module. Keep out: what
one model must do (its YAML), style that sqlfluff and ruff check.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.settings import PROJECT_ROOT

LAYERS = ("staging", "identity", "core", "panels", "marts")
MAY_READ = {
    "staging": {"seeds"},
    "identity": {"seeds", "staging", "identity"},
    "core": {"seeds", "staging", "identity", "core"},
    "panels": {"seeds", "core", "panels"},
    "marts": {"seeds", "core", "panels"},
}
PUBLISHED = ("core", "panels", "marts")
FOUR_PARTS = ("**A row is**", "**Rules.**", "**Do not conclude**", "**Use.**")


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def seeds(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]


def layer(node: dict[str, Any]) -> str:
    return node["fqn"][1] if node["resource_type"] == "model" else "seeds"


def is_part(node: dict[str, Any]) -> bool:
    """One agency's part of a table of core: never a relation, so never read but by that table."""
    return node["fqn"][1:3] == ["core", "agencies"]


def held(offenders: Iterable[str], exceptions: dict[str, str] | None = None) -> None:
    """Fail on an offender without an exception, on an exception without a use or a reason."""
    found, allowed = set(offenders), exceptions or {}
    assert not found - set(allowed), sorted(found - set(allowed))
    assert not set(allowed) - found, f"no longer needed: {sorted(set(allowed) - found)}"
    assert all(len(reason.split()) > 3 for reason in allowed.values()), "an exception has a reason"


# --- layers ----------------------------------------------------------------------------------


def test_a_layer_reads_only_what_lies_below_it(manifest, models):
    nodes = manifest["nodes"]
    held(
        (
            f"{model['name']} reads {nodes[parent]['name']}"
            for model in models
            for parent in model["depends_on"]["nodes"]
            if parent in nodes and layer(nodes[parent]) not in MAY_READ[layer(model)]
        ),
        {
            "area_priorities reads child_risks": "counts the persons of the other: one definition",
            "area_priorities reads provider_vacancies": "adds up the other: one definition",
            "child_care_supply_demand reads provider_vacancies": "adds up the other, defined once",
            "outreach_lists reads child_risks": "picks persons of the other: one definition",
            "sample_draws reads population_frame": "draws from the other: one definition",
            "unduplicated_counts reads child_program_years": (
                "counts the persons of the other: one definition"
            ),
        },
    )


def test_only_staging_reads_sources(models):
    held(
        (
            model["name"]
            for model in models
            if layer(model) != "staging"
            and any(parent.startswith("source.") for parent in model["depends_on"]["nodes"])
        ),
        {"person_crosswalk": "linkage writes it after identity is built, it is no agency's file"},
    )


def test_tags_are_the_three_steps_of_a_run(manifest, models, seeds):
    step = {"before_linkage": 0, "core": 1, "marts": 2}
    nodes = manifest["nodes"]
    expected = {"staging": {0}, "identity": {0, 1}, "core": {1}, "panels": {2}, "marts": {2}}
    held(node["name"] for node in [*models, *seeds] if len(set(node["tags"]) & set(step)) != 1)
    order = {node["unique_id"]: step[node["tags"][0]] for node in [*models, *seeds]}
    held(
        model["name"] for model in models if order[model["unique_id"]] not in expected[layer(model)]
    )
    held(
        f"{model['name']} before {nodes[parent]['name']}"
        for model in models
        for parent in model["depends_on"]["nodes"]
        if parent in order and order[parent] > order[model["unique_id"]]
    )


def test_an_agencys_part_is_read_by_its_table_alone(manifest, models):
    """Its columns are written by its *_rows macro, so that the table's union is by name."""
    readers: dict[str, set[str]] = {}
    for model in models:
        for parent in model["depends_on"]["nodes"]:
            readers.setdefault(parent, set()).add(model["name"])
    rows = {
        "spell_source": "spell_source_rows",
        "event": "event_rows",
        "organization": "organization_rows",
        "source_coverage": "(?:coverage|period)_rows",
    }
    offenders = []
    for model in filter(is_part, models):
        table, _, agency = model["name"].partition("__")
        call = rf"    {{{{ {rows[table]}\([^}}]*}}}}\n"
        if (
            agency != model["fqn"][-2]
            or readers.get(model["unique_id"]) != {table}
            or not re.search(
                rf"\(\n\n{call}(?:    union all\n{call})*\n\)\n\nselect \* from \w+\s*$",
                model["raw_code"],
            )
        ):
            offenders.append(model["name"])
    held(offenders)


# --- names and places ------------------------------------------------------------------------


def test_names_say_the_layer(models):
    patterns = {
        "staging": r"stg_{folder}__[a-z0-9_]+",
        "identity": r"(int_identity__[a-z0-9_]+|(?!stg_|int_|dim_|fct_)[a-z_]+)",
        "core": r"(?!stg_|int_|dim_|fct_)[a-z_0-9]+",
        "panels": r"(?!stg_|int_|dim_|fct_)[a-z_]+",
        "marts": r"(?!stg_|int_|dim_|fct_|rpt_)[a-z_]+",
    }
    held(
        model["name"]
        for model in models
        if not re.fullmatch(
            patterns[layer(model)].replace("{folder}", model["fqn"][-2]), model["name"]
        )
    )


def test_each_model_is_documented_in_its_own_folder(models):
    held(
        model["name"]
        for model in models
        if model["patch_path"]
        != f"{model['package_name']}://{Path(model['original_file_path']).parent}/"
        f"_{model['fqn'][-2]}__models.yml"
    )


def test_folders_configure_and_files_do_not(models):
    held(model["name"] for model in models if "config(" in model["raw_code"])


def test_a_model_is_import_ctes_then_steps_then_select_star(models):
    held(
        model["name"]
        for model in models
        if not re.match(r"(\{%-? set .*?-?%\}\s*)*with\n", model["raw_code"], re.DOTALL)
        or not re.search(r"\n\)\n\nselect \* from [a-z_0-9]+$", model["raw_code"].rstrip())
        or re.search(r"group by \d", model["raw_code"])
    )


def test_columns_stand_in_the_order_of_the_house(models):
    """identifiers, attributes, measures, flags, dates, delivery: the comments in a file say so."""
    order = ["identifiers", "attributes", "measures", "flags", "dates", "delivery"]
    offenders = []
    for model in models:
        groups = re.findall(rf"^ +-- ({'|'.join(order)})$", model["raw_code"], re.MULTILINE)
        ranks = [order.index(group) for group in groups]
        if any(right <= left for left, right in pairwise(ranks)):
            offenders.append(model["name"])
        if layer(model) in PUBLISHED and not groups and not is_part(model):
            offenders.append(model["name"])
    held(offenders)


# --- grain -----------------------------------------------------------------------------------


def test_every_model_states_its_grain_and_is_tested_on_it(manifest, models):
    tested: dict[str, list[list[str]]] = {}
    for node in manifest["nodes"].values():
        metadata = node.get("test_metadata") or {}
        if metadata.get("name") == "unique_grain":
            tested.setdefault(node["attached_node"], []).append(metadata["kwargs"]["columns"])
    held(
        (
            model["name"]
            for model in models
            if not model["config"]["meta"].get("grain")
            # a part is tested as a part of its table
            or (
                not is_part(model)
                and model["config"]["meta"]["grain"] not in tested.get(model["unique_id"], [])
            )
        ),
        dict.fromkeys(
            (
                *(m["name"] for m in models if m["name"].endswith("_records")),
                *("int_identity__records_unioned", "int_identity__race_ethnicity_reported"),
            ),
            "a bag of delivered forms; identity_record makes them distinct",
        ),
    )


def test_every_seed_states_its_grain_and_types_every_column(seeds):
    offenders = []
    for seed in seeds:
        header = (PROJECT_ROOT / seed["original_file_path"]).read_text().splitlines()[0].split(",")
        if (
            not seed["config"]["meta"].get("grain")
            or set(seed["config"]["column_types"]) != set(header)
            or set(seed["columns"]) != set(header)
        ):
            offenders.append(seed["name"])
        # a code that a reader takes for a number loses its zeros
        types = seed["config"]["column_types"]
        offenders += [
            f"{seed['name']}.{column}"
            for column in header
            if re.search(r"(_id|geoid|fips|ssn)$", column) and types.get(column) != "text"
        ]
    held(offenders)


def test_every_choice_in_a_policy_has_a_reason_and_a_day(seeds):
    held(
        seed["name"]
        for seed in seeds
        if seed["name"].startswith("policy_")
        and not {"reason", "decided_on"} <= set(seed["columns"])
    )


# --- documentation and access ----------------------------------------------------------------


def test_everything_is_described(manifest, models, seeds):
    held(
        node["name"]
        for node in [*models, *seeds, *manifest["sources"].values()]
        if not node["description"].strip()
    )
    held(
        f"{node['name']}.{column['name']}"
        for node in [*models, *seeds]
        for column in node["columns"].values()
        if not column["description"].strip()
    )
    held(
        macro["name"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == "lifecourse"
        and not macro["name"].startswith("test_")
        and not macro["description"].strip()
    )


def test_published_models_say_what_not_to_conclude(models):
    held(
        model["name"]
        for model in models
        if layer(model) in PUBLISHED
        and not all(part in model["description"] for part in FOUR_PARTS)
    )


def test_contracts_are_enforced_from_core_up(models):
    held(
        model["name"]
        for model in models
        if (layer(model) in PUBLISHED and not is_part(model))
        != model["config"]["contract"]["enforced"]
    )


def test_every_model_has_a_steward_and_a_sensitivity(models):
    held(
        model["name"]
        for model in models
        if not model["config"]["meta"].get("steward")
        or model["config"]["meta"].get("sensitivity") not in ("open", "protected", "restricted")
        or not model["config"]["group"]
    )


def test_identity_is_private_but_for_its_interface(models):
    held(
        (
            model["name"]
            for model in models
            if layer(model) == "identity" and model["config"]["access"] != "private"
        ),
        {
            "attribute_evidence": "core keeps what each source says; no birth date is in it",
            "eviction_place": "core takes the tract of a filing from it; no address is in it",
            "person_crosswalk": "core needs the person of each source person",
            "person_demographic": "core takes the month of birth and the other attributes from it",
            "residence_evidence": "core makes residence spells of it; there is no address in it",
        },
    )
    held(
        model["name"]
        for model in models
        if layer(model) != "identity" and model["config"]["access"] != "protected"
    )


IDENTIFIER = re.compile(
    r"(first|middle|last|maiden|nick|alias|given|sur)_?name|^name$|suffix|ssn|birth_date|"
    r"birthday|dob|street(?!_outreach)|address|^unit$|zip|phone|email|^source_\w+_(id|key)$|jacket|_key$"
)


def test_no_identifier_stands_outside_staging_and_identity(models):
    held(
        (
            f"{model['name']}.{column}"
            for model in models
            if layer(model) in PUBLISHED
            for column in model["columns"]
            if IDENTIFIER.search(column)
        ),
        {
            "person.birth_date_precision": "says how much of the date is known, not the date",
            "person.birth_date_source": "says which source gave the date, not the date",
            "organization.source_organization_id": "the id of a school or project, not of a person",
        },
    )


def test_sources_belong_to_a_contract_and_to_an_asset(manifest):
    contracts = {
        (path.parent.name, table["name"])
        for path in (PROJECT_ROOT / "expectations").glob("*/*.yml")
        for table in (yaml.safe_load(path.read_text()).get("contract") or {}).get("schema", [])
    }
    offenders = []
    for source in manifest["sources"].values():
        agency, table = source["source_name"], source["name"]
        asset = source["config"]["meta"].get("dagster", {}).get("asset_key")
        if agency == "linkage":
            expected, is_known = ["linkage", table], True
        else:
            expected, is_known = [f"staging_{agency}", table], (agency, table) in contracts
            is_known &= source["identifier"] == f"{table}_current"
        if asset != expected or not is_known:
            offenders.append(f"{agency}.{table}")
    held(offenders)


# --- tests of dbt ----------------------------------------------------------------------------


def test_singular_tests_say_what_why_and_how_to_fix():
    files = [
        *(PROJECT_ROOT / "tests" / "scenarios").glob("*.sql"),
        *(PROJECT_ROOT / "tests" / "integrity").glob("*.sql"),
    ]
    assert files
    held(
        path.name
        for path in files
        if not re.match(
            r"\{#-?\nWhat is this test\?\n.+\nWhy it matters\n.+\nHow to fix\n.+#\}",
            path.read_text(),
            re.DOTALL,
        )
    )


def test_scenarios_are_numbered_once():
    numbers = [path.name[:4] for path in (PROJECT_ROOT / "tests" / "scenarios").glob("*.sql")]
    assert all(re.fullmatch(r"s\d\d_", number) for number in numbers)
    assert len(numbers) == len(set(numbers))


MACRO = r"\{%-? macro (\w+)\((.*?)\)\s*-?%\}"


def test_the_short_forms_for_sqlfluff_match_the_macros():
    def signatures(folder: Path) -> dict[str, str]:
        text = "\n".join(path.read_text() for path in sorted(folder.rglob("*.sql")))
        return {
            name: re.sub(r"\s+", "", arguments)
            for name, arguments in re.findall(
                r"\{%-? macro (\w+)\((.*?)\)\s*-?%\}", text, re.DOTALL
            )
        }

    short = signatures(PROJECT_ROOT / ".ci" / "sqlfluff" / "macros")
    real = signatures(PROJECT_ROOT / "macros")
    held(name for name, arguments in short.items() if real.get(name) != arguments)


# --- Python ----------------------------------------------------------------------------------

DAGSTER_FACE = {"definitions.py", "automation.py", "checks.py", "jobs.py", "resources.py"}
HEAVY = {"dagster", "great_expectations", "splink", "duckdb", "dbt", "pandas", "pseudopeople"}


def _imports(path: Path, *, top_level: bool) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def _libraries() -> dict[str, Path]:
    package = PROJECT_ROOT / "orchestration"
    return {
        str(path.relative_to(package)): path
        for path in sorted(package.rglob("*.py"))
        if path.relative_to(package).parts[0] != "assets"
        and str(path.relative_to(package)) not in DAGSTER_FACE
    }


def test_libraries_do_not_import_dagster():
    held(
        (
            name
            for name, path in _libraries().items()
            if any(module.startswith("dagster") for module in _imports(path, top_level=False))
        ),
        {
            "event_log.py": "a storage class that Dagster loads by name for its own run records",
            "pipeline.py": "runs Dagster's jobs for the command line; imported by nothing else",
        },
    )


def test_heavy_libraries_are_imported_where_they_are_used():
    held(
        (
            f"{name} imports {module}"
            for name, path in _libraries().items()
            for module in _imports(path, top_level=True) & HEAVY
        ),
        {
            "event_log.py imports dagster": "a subclass needs its base class when it is defined",
            "quality/expectation_types.py imports great_expectations": (
                "subclasses need their base class when they are defined; imported inside functions"
            ),
            "quality/stability_types.py imports great_expectations": (
                "subclasses need their base class when they are defined; imported inside functions"
            ),
        },
    )
