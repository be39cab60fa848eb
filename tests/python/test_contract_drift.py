"""A contract, its dbt source and its staging model say the same.

What a contract decides is derived in orchestration.new_source.derive; these tests hold every
source in the project to it, whoever wrote its files. Add here: a place where a contract is said
again. Keep out: what a contract itself must say (test_landing, test_quality).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from orchestration.landing.contracts import Contract, Table, load_contracts
from orchestration.landing.readers import Source, copy_blocks
from orchestration.new_source import derive
from orchestration.settings import PROJECT_ROOT

# Sources that linkage writes; no agency delivers them.
NOT_DELIVERED = {"linkage"}
# An agency's older format is delivered under a name of its own: name -> agency.
OLDER_FORMATS = {"hmis_2024": "hmis"}


@pytest.fixture(scope="module")
def contracts() -> dict[tuple[str, str], tuple[Contract, Table]]:
    """(agency, table) -> its contract and table."""
    return {
        (contract.agency, table.name): (contract, table)
        for contract in load_contracts(PROJECT_ROOT / "expectations")
        for table in contract.tables
    }


@pytest.fixture(scope="module")
def sources(manifest: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(s["source_name"], s["name"]): s for s in manifest["sources"].values()}
    return {key: s for key, s in found.items() if key[0] not in NOT_DELIVERED}


@pytest.fixture(scope="module")
def staging(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    models = [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]
    return [model for model in models if model["fqn"][1] == "staging"]


def none(drift: Iterable[str]) -> None:
    found = sorted(set(drift))
    assert not found, "\n".join(found)


def test_every_source_is_that_of_a_contract(sources, contracts):
    assert sources
    none(
        f"models/staging/{agency}: source {agency}.{table} has no table in expectations/{agency}"
        for agency, table in sources
        if (agency, table) not in contracts
    )


def test_a_source_reads_the_view_of_its_contract_and_is_its_asset(sources, contracts):
    drift = []
    for key, source in sources.items():
        if key not in contracts:
            continue
        expected = derive.source_table(*contracts[key])
        said = {
            "name": source["name"],
            "identifier": source["identifier"],
            "asset_key": source["config"]["meta"].get("dagster", {}).get("asset_key"),
        }
        drift += [
            f"{'.'.join(key)}: the source says {name} {said[name]}, the contract makes it {value}"
            for name, value in expected.items()
            if said[name] != value
        ]
    none(drift)


def test_a_source_says_of_its_agency_what_the_contracts_say(sources, contracts):
    drift = []
    for key, source in sources.items():
        if key not in contracts:
            continue
        meta = source["source_meta"] or source["config"]["meta"]
        expected = derive.source(contracts[key][0])
        said = {
            "name": source["source_name"],
            "schema": source["schema"],
            "owner": meta.get("owner"),
            "contract": meta.get("contract"),
            "loaded_at_field": source["loaded_at_field"],
        }
        drift += [
            f"{'.'.join(key)}: {name} is {said[name]}, the contract says {value}"
            for name, value in expected.items()
            if said[name] != value
        ]
    none(drift)


def test_a_staging_model_reads_only_columns_of_its_contract(staging, manifest, contracts):
    drift, compared = [], 0
    for model in staging:
        for parent in model["depends_on"]["nodes"]:
            source = manifest["sources"].get(parent)
            if source is None or (source["source_name"], source["name"]) not in contracts:
                continue
            contract, table = contracts[source["source_name"], source["name"]]
            read = derive.columns_read(
                model["compiled_code"], source["identifier"], source["schema"]
            )
            compared += len(read)
            if not read:
                drift.append(f"{model['name']}: no column of {source['identifier']} was found")
            drift += [
                f"{model['name']} reads {column}, which "
                f"expectations/{contract.agency}/{contract.file}.yml does not have"
                for column in read - derive.landed_columns(table)
            ]
    none(drift)
    assert compared > 100


def test_a_staging_model_is_named_after_its_agency_and_reads_only_it(staging, manifest):
    none(
        f"{model['name']} reads {source}"
        for model in staging
        for parent in model["depends_on"]["nodes"]
        if parent in manifest["sources"]
        for source in [manifest["sources"][parent]["source_name"]]
        if not model["name"].startswith(f"stg_{OLDER_FORMATS.get(source, source)}__")
    )


def test_the_columns_of_a_model_are_found_in_its_sql():
    """A correlated lookup has columns of its own; what is read under an alias still counts."""
    sql = """
    with source as (select * from staging_library.loans_current),
    renamed as (
        select
            btrim(card_no) as source_card_id,
            case when fee not in (select s.value from policy.sentinel as s where s.kind = 'x')
                then cast(fee as integer) end as fee,
            lower(source.branch) as branch_code,
            _load_id as load_id
        from source
        where void is distinct from '1'
    )
    select * from renamed
    """
    expected = {"card_no", "fee", "branch", "_load_id", "void"}
    assert derive.columns_read(sql, "loans_current") == expected
    assert derive.columns_read(sql, "another_view") == set()


# Fixtures stand under their agency's name; these agencies share a folder of real files.
FIXTURE_FOLDERS = {"tanf_acf": "tanf"}
# An excerpt whose trailer counts the records of the whole report.
NOT_ACCEPTED = {"small_tanf_section1.txt"}
FIXTURES = [
    (contract, path)
    for contract in load_contracts(PROJECT_ROOT / "expectations")
    for path in sorted(
        (PROJECT_ROOT / "tests" / "fixtures")
        .joinpath(FIXTURE_FOLDERS.get(contract.agency, contract.agency))
        .glob("*")
    )
    if contract.matches(path.name) and path.name not in NOT_ACCEPTED
]


@pytest.mark.parametrize(
    ("contract", "path"), FIXTURES, ids=[f"{c.agency}/{p.name}" for c, p in FIXTURES]
)
def test_landing_takes_the_fixture_of_a_contract(contract: Contract, path: Path):
    rows = 0
    for table in contract.tables:
        _, blocks = copy_blocks(Source(path, contract.encoding), contract, table)
        rows += sum(block.rows for block in blocks)
    assert rows
