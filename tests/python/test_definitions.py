"""Dagster's definitions: what they hold, and that importing them touches nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from orchestration import dbt, settings
from orchestration.landing.contracts import load_contracts


@pytest.fixture(scope="module")
def definitions():
    dbt.ensure_manifest(settings.load())
    from orchestration.definitions import build_defs

    return build_defs()


def test_import_touches_no_network_and_no_database(tmp_path):
    dbt.ensure_manifest(settings.load())
    code = textwrap.dedent(
        """
        import socket, sys
        def refuse(self, address):
            if self.family != socket.AF_UNIX:
                raise AssertionError(f"importing the definitions opened a connection to {address}")
        socket.socket.connect = refuse
        socket.socket.connect_ex = refuse
        import orchestration.definitions
        heavy = {"great_expectations", "splink", "psycopg", "psycopg2"} & set(sys.modules)
        assert not heavy, f"importing the definitions loaded {heavy}"
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"LIFECOURSE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        cwd=settings.load().root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "home").exists()


def test_every_delivered_table_goes_through_a_blocking_gate(definitions):
    graph = definitions.resolve_asset_graph()
    blocking = {}
    for key in graph.asset_check_keys:
        if graph.get(key).blocking:
            blocking.setdefault(key.asset_key.to_user_string(), []).append(key.name)
    for contract in load_contracts(settings.load().contracts):
        if contract.access_class == "unavailable":
            continue
        for table in contract.tables:
            candidate = f"candidate_{contract.agency}/{table.name}"
            assert blocking.get(candidate), f"{candidate} has no blocking check"


def test_the_graph_runs_from_delivery_to_release(definitions):
    import dagster as dg

    graph = definitions.resolve_asset_graph()
    upstream = set()
    waiting = [dg.AssetKey(["release"])]
    while waiting:
        key = waiting.pop()
        if key not in upstream:
            upstream.add(key)
            waiting += graph.get(key).parent_keys
    for key in (
        ["candidate_benefits", "case_members"],
        ["staging_hmis", "client"],
        ["identity", "identity_record"],
        ["linkage", "crosswalk"],
        ["core", "spell"],
        ["panels", "person_month"],
    ):
        assert dg.AssetKey(key) in upstream, f"{'/'.join(key)} does not lead to the release"
    assert {job.name for job in definitions.jobs} == {
        "accept_delivery",
        "build_warehouse",
        "check_lateness",
        "run_pipeline",
    }


def test_the_gate_on_core_blocks_the_marts(definitions):
    graph = definitions.resolve_asset_graph()
    blocking = [
        key
        for key in graph.asset_check_keys
        if key.asset_key.path[0] == "core" and graph.get(key).blocking
    ]
    assert blocking
