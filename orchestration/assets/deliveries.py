"""From a delivered file to its published staging table.

Two assets per table: the candidate, which dbt cannot see, and the staging table. Between
them stand the blocking checks of checks.py. One Dagster partition is one delivery folder.
Add here: nothing per agency; a new contract under expectations/ adds its assets by itself.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration import intake
from orchestration.intake import FileSet
from orchestration.resources import Installation

delivery_partitions = dg.DynamicPartitionsDefinition(name="delivery")


def candidate_key(agency: str, table: str) -> dg.AssetKey:
    return dg.AssetKey([f"candidate_{agency}", table])


def staging_key(agency: str, table: str) -> dg.AssetKey:
    return dg.AssetKey([f"staging_{agency}", table])


def candidate_assets(file_set: FileSet) -> dg.AssetsDefinition:
    """Load one set of files into candidate tables."""

    @dg.multi_asset(
        name=f"load__{file_set.key}",
        group_name=file_set.agency,
        partitions_def=delivery_partitions,
        specs=[
            dg.AssetSpec(
                candidate_key(file_set.agency, table),
                description=f"{contract.description}\n\nOne load, as text, before the gate.",
                owners=[],
                kinds={"postgres"},
                skippable=True,
                metadata={"contract": f"expectations/{contract.agency}/{contract.file}.yml"},
            )
            for contract, table in file_set.tables
        ],
    )
    def load(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult]:
        loaded = intake.load(installation.settings, file_set, context.partition_key)
        for contract, table in file_set.tables if loaded else ():
            # A set is gated as one, so a file of it that was not new is passed on as unchanged;
            # a delivery may also hold several periods of one file.
            files = [file for file in loaded if file.file == contract.file]
            yield dg.MaterializeResult(
                asset_key=candidate_key(file_set.agency, table),
                metadata={
                    "load_ids": [file.load_id for file in files],
                    "rows": sum(file.rows_by_table[table] for file in files),
                },
            )

    return load


def staging_assets(file_set: FileSet) -> dg.AssetsDefinition:
    """Publish one set of files that passed its gate."""

    @dg.multi_asset(
        name=f"publish__{file_set.key}",
        group_name=file_set.agency,
        partitions_def=delivery_partitions,
        specs=[
            dg.AssetSpec(
                staging_key(file_set.agency, table),
                deps=[candidate_key(file_set.agency, table)],
                description=f"{contract.description}\n\nEvery load that passed its gate.",
                kinds={"postgres"},
                skippable=True,
            )
            for contract, table in file_set.tables
        ],
    )
    def publish(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult]:
        rows = intake.publish(installation.settings, file_set, context.partition_key)
        for _, table in file_set.tables if rows else ():
            yield dg.MaterializeResult(
                asset_key=staging_key(file_set.agency, table),
                metadata={"rows": rows.get(table, 0), "unchanged": table not in rows},
            )

    return publish
