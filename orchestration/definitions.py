"""Everything Dagster knows about this project. Importing it touches no network, no database.

Add here: the wiring of a new module. Keep out: assets, checks and jobs themselves.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration import automation
from orchestration import settings as settings_module
from orchestration.assets import deliveries, warehouse
from orchestration.checks import core_gate, delivery_gate, lateness
from orchestration.intake import file_sets
from orchestration.jobs import EXECUTOR, jobs
from orchestration.landing.contracts import load_contracts
from orchestration.resources import Installation, dbt_cli


def build_defs(**resources: Any) -> dg.Definitions:
    """The definitions; keyword arguments replace resources (tests, the command line)."""
    contracts = load_contracts(settings_module.load().contracts)
    sets = file_sets(contracts)
    late = lateness(contracts)
    candidates = [deliveries.candidate_assets(file_set) for file_set in sets]
    staging = [deliveries.staging_assets(file_set) for file_set in sets]
    layers = warehouse.dbt_layers()
    build = [*layers, warehouse.link, warehouse.release_asset(list(layers[-1].keys))]
    return dg.Definitions(
        assets=[*candidates, *staging, *build],
        asset_checks=[*map(delivery_gate, sets), core_gate(layers[1].keys), late],
        jobs=jobs([*candidates, *staging], build, late),
        sensors=[automation.new_deliveries],
        schedules=automation.schedules(contracts),
        executor=EXECUTOR,
        resources={"installation": Installation(), "dbt": dbt_cli()} | resources,
    )


defs = build_defs()
