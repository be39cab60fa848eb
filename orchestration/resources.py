"""What Dagster's assets are given: the settings and dbt.

Add here: a resource. Keep out: connections; libraries open their own when they run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from orchestration import settings as settings_module
from orchestration.settings import Settings


class Installation(dg.ConfigurableResource):
    """The settings of this installation, read from the environment when an asset runs."""

    @property
    def settings(self) -> Settings:
        return settings_module.load()


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
