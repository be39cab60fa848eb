"""From published staging tables to the released marts: dbt, linkage, dbt, release.

dbt runs three times because a person's id comes from linkage in between and because the
gate on core stands before the marts. Add here: a step between layers. Keep out: SQL.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

from orchestration import builds, release
from orchestration import dbt as dbt_library
from orchestration.progress import say
from orchestration.resources import Installation, build_of, dbt_project

LINKAGE_TABLES = ("crosswalk", "person", "edge", "person_event", "run")


class Translator(DagsterDbtTranslator):
    """dbt's names and metadata in Dagster's words: group = layer, owner = steward."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "reference"
        layer = dbt_resource_props["fqn"][1]
        return layer if layer in ("staging", "identity", "core", "panels") else "marts"


def _run_dbt(
    context: dg.AssetExecutionContext,
    installation: Installation,
    dbt: DbtCliResource,
    label: str,
) -> Iterator[Any]:
    """dbt build of the selected nodes, with its own log lines kept out of the terminal."""
    settings = installation.settings
    # For the child process alone: what follows in this one looks rows up by their keys.
    before = os.environ.copy()
    os.environ.update(dbt_library.connection_environment(settings))
    os.environ[release.SUFFIX_VARIABLE] = release.ASIDE
    # Dagster is told of each node as it ends; the artefacts and the debug log that dbt writes
    # beside that are read by nobody and cost a fifth of its processor time (2026-11-25).
    os.environ |= {"DBT_WRITE_JSON": "false", "DBT_LOG_LEVEL_FILE": "none"}
    settings.make_folders()
    log = settings.home / "logs" / "dbt.log"
    say(f"dbt: {label}", stage=True)
    with log.open("a") as stream, contextlib.redirect_stdout(stream):
        # Unit tests try the logic on made-up rows; they run where code changes, not where data
        # does, and need tables that a first build has not made yet.
        try:
            invocation = dbt.cli(["build", "--exclude-resource-type", "unit_test"], context=context)
        finally:
            os.environ.clear()
            os.environ.update(before)
        for number, event in enumerate(invocation.stream(), start=1):
            say(f"dbt: {label} ({number} done)")
            yield event
    dbt_library.keep_parsed(settings, invocation.target_path)


def _dbt_layer(name: str, step: str, label: str) -> dg.AssetsDefinition:
    project = dbt_project()

    @dbt_assets(
        name=name,
        manifest=project.manifest_path,
        project=project,
        select=f"tag:{step}",
        dagster_dbt_translator=Translator(),
    )
    def layer(
        context: dg.AssetExecutionContext, installation: Installation, dbt: DbtCliResource
    ) -> Iterator[Any]:
        if step == builds.STEPS[0] and not context.is_subset:
            builds.begin(installation.settings, build_of(context.run))
        yield from _run_dbt(context, installation, dbt, label)
        if not context.is_subset:
            builds.done(installation.settings, build_of(context.run), step)

    return layer


def dbt_layers() -> list[dg.AssetsDefinition]:
    """The dbt project in three steps. Reads target/manifest.json; touches no database."""
    return [
        _dbt_layer("dbt_before_linkage", "before_linkage", "staging and identity"),
        _dbt_layer("dbt_core", "core", "core"),
        _dbt_layer("dbt_marts", "marts", "panels and marts"),
    ]


@dg.multi_asset(
    name="link",
    group_name="linkage",
    specs=[
        dg.AssetSpec(
            dg.AssetKey(["linkage", table]),
            deps=[dg.AssetKey(["identity", "identity_record"])],
            kinds={"splink", "duckdb"},
        )
        for table in LINKAGE_TABLES
    ],
)
def link(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult]:
    """Give every source record its person, the same person as last time."""
    from orchestration import linkage

    report = linkage.link(installation.settings, progress=say)
    builds.done(installation.settings, build_of(context.run), "link")
    for table in LINKAGE_TABLES:
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(["linkage", table]), metadata=report.metadata
        )


def release_asset(marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(name="release", group_name="release", deps=marts)
    def release_current(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> dg.MaterializeResult:
        """The schemas readers use, replaced in one transaction."""
        schemas = release.flip(installation.settings, build_of(context.run))
        return dg.MaterializeResult(metadata={"schemas": ", ".join(schemas)})

    return release_current
