"""The jobs, few and named.

accept_delivery: one delivery folder (a partition), from file to published staging tables.
build_warehouse: everything downstream of staging, ending in a release.
run_pipeline: what `lifecourse run` does (the two above, as runs of their own), after a pull.
check_lateness: which deliveries are late; tells the stewards.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of these functions.
from collections.abc import Iterable
from typing import Any

import dagster as dg
from pydantic import Field

from orchestration.resources import Installation

ACCEPT = "accept_delivery"
BUILD = "build_warehouse"
RUN = "run_pipeline"
LATENESS = "check_lateness"

# The multiprocess executor imports everything again for each step (48-57 s for one tiny
# asset, measured 2026-11); these steps wait for PostgreSQL, not for Python.
EXECUTOR = dg.in_process_executor


class TakeIn(dg.Config):
    """pull: the files, agency/file, whose servers are asked first."""

    pull: list[str] = Field(default=[])


@dg.op
def take_in(context: dg.OpExecutionContext, config: TakeIn, installation: Installation) -> None:
    """Pull what the configuration names, then take in every new delivery, build and release."""
    from orchestration import landing, pipeline, pulling

    settings = installation.settings
    problems: list[str] = []
    if config.pull:
        served = pulling.served(settings, landing.load_contracts(settings.contracts))
        wanted = [
            contract for contract in served if f"{contract.agency}/{contract.file}" in config.pull
        ]
        pulled = pulling.pull(settings, wanted, progress=context.log.info)
        problems = [str(problem) for problem in pulled.problems]
        for problem in problems:
            context.log.error(problem)
    settings.deliveries.mkdir(parents=True, exist_ok=True)
    report = pipeline.run(settings, settings.deliveries, echo=context.log.info)
    context.log.info(pipeline.sentence(report))
    context.add_output_metadata(
        {"accepted": report.accepted, "held": report.held, "rejected": report.rejected}
    )
    if problems:
        raise dg.Failure("; ".join(problems), allow_retries=False)


@dg.job(name=RUN, executor_def=EXECUTOR, description="Pull, take in, build and release.")
def run_pipeline() -> None:
    take_in()


def jobs(
    delivery_assets: Iterable[dg.AssetsDefinition],
    build_assets: Iterable[dg.AssetsDefinition],
    lateness: dg.AssetChecksDefinition,
) -> list[Any]:
    late = dg.AssetSelection.checks(lateness)
    return [
        run_pipeline,
        dg.define_asset_job(
            LATENESS,
            selection=late,
            executor_def=EXECUTOR,
            description="Which deliveries are late, by contract; tells the stewards.",
        ),
        dg.define_asset_job(
            ACCEPT,
            # whether other deliveries are late is no question to one that has come
            selection=dg.AssetSelection.assets(*delivery_assets) - late,
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
