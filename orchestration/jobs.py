"""The jobs, few and named.

accept_delivery: one delivery folder (a partition), from file to published staging tables.
build_warehouse: everything downstream of staging, ending in a release.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

ACCEPT = "accept_delivery"
BUILD = "build_warehouse"

# The multiprocess executor imports everything again for each step (48-57 s for one tiny
# asset, measured 2026-11); these steps wait for PostgreSQL, not for Python.
EXECUTOR = dg.in_process_executor


def jobs(
    delivery_assets: Iterable[dg.AssetsDefinition], build_assets: Iterable[dg.AssetsDefinition]
) -> list[dg.UnresolvedAssetJobDefinition | dg.JobDefinition]:
    return [
        dg.define_asset_job(
            ACCEPT,
            selection=dg.AssetSelection.assets(*delivery_assets),
            executor_def=EXECUTOR,
            description="Load, gate and publish one delivery folder.",
        ),
        dg.define_asset_job(
            BUILD,
            selection=dg.AssetSelection.assets(*build_assets),
            executor_def=EXECUTOR,
            description="Staging to released marts: dbt, linkage, the gate on core, release.",
        ),
    ]
