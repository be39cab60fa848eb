"""Fixtures that every Python test may use: a real warehouse, a fresh database for a module.

Add here: a fixture that more than one test file needs. Keep out: data of one test.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestration import warehouse as warehouse_module
from orchestration.settings import PROJECT_ROOT, Settings, load


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """dbt's manifest with every model compiled for PostgreSQL; neither needs a database."""
    from dbt.cli.main import dbtRunner

    tmp = tmp_path_factory.mktemp("compile")
    (tmp / "profiles.yml").write_bytes((PROJECT_ROOT / "profiles.example.yml").read_bytes())
    result = dbtRunner().invoke(
        [
            *("compile", "--quiet", "--no-introspect", "--no-populate-cache"),
            *("--select", "resource_type:model"),
            *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(tmp)),
            *("--target-path", str(tmp / "target"), "--log-path", str(tmp / "logs")),
        ]
    )
    assert result.success, result.exception
    return json.loads((tmp / "target" / "manifest.json").read_text())


@pytest.fixture(scope="session")
def warehouse() -> Iterator[Settings]:
    """Settings of a running PostgreSQL on a throw-away home; it lives as long as the session.

    The embedded server, unless LIFECOURSE_DATABASE_URL names one whose user may create
    databases. Do not write into its default database: use `fresh_settings`.
    """
    # Straight under the system's temporary folder: pytest's own is closed to the user the
    # server runs as, and its path is too long for a socket.
    home = Path(tempfile.mkdtemp(prefix="lifecourse-test-"))
    settings = replace(load(), home=home, deliveries=home / "deliveries", port=None)
    try:
        warehouse_module.url(settings)
        yield settings
    finally:
        if settings.database_url is None:
            from orchestration import server

            server.remove(settings)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def fresh_settings(warehouse: Settings) -> Iterator[Callable[[str], Settings]]:
    """`fresh_settings(name)` makes an empty database and returns the Settings that point at it.

    Ask once a module, so that modules cannot see each other's tables:

        @pytest.fixture(scope="module")
        def settings(fresh_settings):
            return fresh_settings("landing")

    Each has its own home folder, and database_url set. Call warehouse.ensure_bookkeeping
    yourself where schema `quality` is needed. Databases are dropped when the session ends.
    """
    from psycopg import sql

    made: list[str] = []
    parts = urlsplit(warehouse_module.url(warehouse))

    def make(name: str) -> Settings:
        database = f"test_{name}_{uuid.uuid4().hex[:8]}"
        with warehouse_module.connect(warehouse, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        made.append(database)
        home = warehouse.home / "homes" / database
        home.mkdir(parents=True)
        url = parts._replace(path=f"/{database}").geturl()
        return replace(warehouse, home=home, deliveries=home / "deliveries", database_url=url)

    yield make
    with warehouse_module.connect(warehouse, autocommit=True) as connection:
        for database in made:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
            )
