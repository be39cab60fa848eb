"""What Dagster's assets are given: the settings, the deliveries folder, dbt.

Add here: a resource. Keep out: connections; libraries open their own when they run.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from orchestration import settings as settings_module
from orchestration.settings import Settings


class Installation(dg.ConfigurableResource):
    """Where agencies deliver, and the settings of this installation.

    deliveries: the folder to read; empty means the one the settings name.
    """

    deliveries: str = ""

    @property
    def settings(self) -> Settings:
        return settings_module.load()

    @property
    def deliveries_folder(self) -> Path:
        return Path(self.deliveries) if self.deliveries else self.settings.deliveries


def dbt_project() -> DbtProject:
    """The dbt project, which is the repository itself.

    DbtProject rather than DbtProjectComponent: the component copies the project folder,
    and with it whatever data lies there.
    """
    settings = settings_module.load()
    return DbtProject(project_dir=settings.root, profiles_dir=settings.root)


def dbt_cli() -> DbtCliResource:
    return DbtCliResource(project_dir=dbt_project())
