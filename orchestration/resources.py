"""What Dagster's assets are given: the settings and dbt.

Add here: a resource. Keep out: connections; libraries open their own when they run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from orchestration import settings as settings_module
from orchestration.settings import Settings

# A run of the UI waits for another run's end this long; a large county's takes hours (2026-11-25).
PATIENCE = 6 * 3600


class Installation(dg.ConfigurableResource):
    """The settings of this installation, read from the environment when an asset runs.

    Every asset asks for it, so it holds the run lock from a run's first step to its last:
    however a run is started, it is alone. Within `lifecourse run` the lock is held already.
    """

    @property
    def settings(self) -> Settings:
        return settings_module.load()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Installation]:
        from orchestration import builds, intake, warehouse

        with warehouse.run_lock_shared(self.settings, patience=PATIENCE) as alone:
            if alone:
                intake.prepare(self.settings)
            try:
                yield self
            finally:
                if context.run:
                    builds.ended(self.settings, build_of(context.run))


def build_of(run: dg.DagsterRun) -> str:
    """The run whose build this one makes: a retry goes on with that of the run it retries."""
    return run.root_run_id or run.run_id


def dbt_project() -> DbtProject:
    """The dbt project, which is the repository itself.

    DbtProject rather than DbtProjectComponent: the component copies the project folder,
    and with it whatever data lies there.
    """
    settings = settings_module.load()
    return DbtProject(project_dir=settings.root, profiles_dir=settings.root)


def dbt_cli() -> DbtCliResource:
    # The one beside this Python: the virtual environment need not be on PATH.
    return DbtCliResource(
        project_dir=dbt_project(), dbt_executable=str(Path(sys.executable).with_name("dbt"))
    )
