"""The data dictionary, from the contracts of the house and a manifest small enough to read.

Add here: what the dictionary must say of a column. Keep out: that every column is described
(test_architecture.py).
"""

from __future__ import annotations

import csv

import pytest

from orchestration import dictionary
from orchestration.landing import load_contracts
from orchestration.settings import PROJECT_ROOT


def node(name, layer, folder, parents, sensitivity, materialized="table"):
    return {
        "resource_type": "model",
        "name": name,
        "fqn": ["lifecourse", layer, folder, name],
        "depends_on": {"nodes": parents},
        "config": {
            "materialized": materialized,
            "meta": {"sensitivity": sensitivity, "steward": "marts"},
        },
        "columns": {"n": {"name": "n", "data_type": "integer", "description": "A count.\n"}},
    }


MANIFEST = {
    "sources": {"source.births": {"source_name": "vital", "name": "births"}},
    "nodes": {
        "stg": node("stg_vital__births", "staging", "vital", ["source.births"], "restricted"),
        "part": node("event__vital", "core", "agencies", ["stg"], "protected", "ephemeral"),
        "seed": {"resource_type": "seed", "name": "ref_code", "depends_on": {"macros": []}},
        "event": node("event", "core", "event", ["part", "seed"], "protected"),
        "counts": node("counts", "marts", "indicators", ["event"], "open"),
        "list": node("list", "marts", "restricted", ["event"], "restricted"),
    },
}


@pytest.fixture(scope="module")
def entries():
    contracts = load_contracts(PROJECT_ROOT / "expectations")
    return dictionary.entries(contracts, MANIFEST, {"vital": ("2018-01-01", "2025-01-31")})


def only(entries, table, column):
    [found] = [e for e in entries if (e.table, e.column) == (table, column)]
    return found


def test_a_published_column_names_its_agencies_coverage_and_access(entries):
    counts = only(entries, "counts", "n")
    assert (counts.source_agencies, counts.availability, counts.reason) == ("vital", "open", "")
    assert (counts.first_day, counts.last_day) == ("2018-01-01", "2025-01-31")
    assert "vital statistics" in counts.legal_basis.lower()
    assert only(entries, "event", "n").availability == "protected"
    assert only(entries, "list", "n").availability == "unavailable"
    assert not [e for e in entries if e.table in ("event__vital", "stg_vital__births")]


def test_what_cannot_be_had_says_why(entries):
    unavailable = [e for e in entries if e.availability == "unavailable"]
    assert all(e.reason for e in unavailable)
    assert "linkage" in only(entries, "vital/births", "mom_ssn").reason
    assert only(entries, "vital/births", "owgest").availability == "protected"
    # nothing in this manifest is made of the jail's file
    assert {e.availability for e in entries if e.table == "jail/bookings"} == {"unavailable"}


def test_every_delivered_column_is_in_the_files(entries, tmp_path):
    delivered = {
        (f"{contract.agency}/{table.name}", column.name)
        for contract in load_contracts(PROJECT_ROOT / "expectations")
        for table in contract.tables
        for column in table.columns
    }
    assert delivered == {(e.table, e.column) for e in entries if e.layer == "delivered"}
    paths = dictionary.write(entries, tmp_path)
    with paths["csv"].open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(entries)
    page = paths["html"].read_text(encoding="utf-8")
    assert page.count("<tr") == len(entries) + 1 and "http" not in page
