"""A view and a seed that have not changed are left alone; a changed one is made anew.

In a small dbt project of the test's own, with the project's macros, on a real PostgreSQL.
Add here: another way in which a view or a seed may change. Keep out: tables (test_by_person).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dbt_builds import dbt_build

from orchestration import warehouse
from orchestration.settings import Settings

PROJECT = """
name: small
version: 0.1.0
profile: lifecourse
models: {small: {+schema: small, visits: {+materialized: table}, towns: {+materialized: view}}}
seeds: {small: {+schema: small}}
"""


class Project:
    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        shutil.copytree(settings.root / "macros", folder / "macros")
        shutil.copyfile(settings.root / "profiles.example.yml", folder / "profiles.yml")
        self.write("dbt_project.yml", PROJECT)
        self.write("seeds/ref_town.csv", "town,name\n1,Oakton\n2,Elmville\n")
        self.write("models/visits.sql", "select town from {{ ref('ref_town') }}")
        self.write("models/towns.sql", "select town from {{ ref('visits') }}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def build(self, *arguments: str) -> tuple[int, int]:
        """Build; the number of the view and of the transaction that last filled the seed."""
        dbt_build(self.settings, *arguments, project=self.folder)
        with warehouse.connect(self.settings) as connection:
            row = connection.execute(
                "select 'small.towns'::regclass::oid::bigint, max(xmin::text::bigint) "
                "from small.ref_town"
            ).fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.fixture
def project(fresh_settings: Callable[[str], Settings], tmp_path: Path) -> Project:
    return Project(fresh_settings("unchanged"), tmp_path / "project")


def test_only_what_changed_is_made_anew(project: Project) -> None:
    only = ("--select", "ref_town", "towns")
    first = project.build()
    assert project.build(*only) == first

    project.write("models/towns.sql", "select town, 1 as n from {{ ref('visits') }}")
    view, seed = project.build(*only)
    assert view != first[0] and seed == first[1]

    project.write("seeds/ref_town.csv", "town,name\n1,Oakton\n2,Elm City\n")
    after = project.build(*only)
    assert after[0] == view and after[1] > seed

    # The table under the view is made anew and takes the view with it.
    whole = project.build()
    assert whole[0] != view and whole[1] == after[1]

    # Altered by hand: a row, a column, a view.
    with warehouse.connect(project.settings) as connection:
        connection.execute("update small.ref_town set name = 'Elkton' where town = 2")
        connection.execute("alter table small.ref_town add column gone text")
        connection.execute("create or replace view small.towns as select 0 as town, 2 as n")
    before = project.build(*only)
    with warehouse.connect(project.settings) as connection:
        assert connection.execute(
            "select string_agg(name, ' ' order by town), "
            "(select string_agg(n::text, '') from small.towns) from small.ref_town"
        ).fetchone() == ("Oakton Elm City", "11")
    fresh = project.build(*only, "--full-refresh")
    assert fresh[0] != before[0] and fresh[1] > before[1]
