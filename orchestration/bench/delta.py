"""What a build costs after a delivery that changes 1 % of the persons, beside a full one.

On a copy of a released warehouse, which is dropped afterwards: the tables from the linkage to the
marts, nothing else. Add here: a figure about a build after the first. Keep out: linking
(bench/increment.py), landing (bench/landing.py), the spells alone (bench/spell_delta.py).
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestration import dbt, warehouse
from orchestration.bench.processor_time import demand_own_server, server_seconds
from orchestration.errors import LifecourseError, UsageError

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

SHARE = 0.01
# Whose rows the delivery takes back a third of: the file, its person's key, the key's system.
_FILES = (
    ("staging_benefits.case_members", "client_id", "benefits"),
    ("staging_k12.enrollments", "student_id", "k12"),
    ("staging_clinic.encounters", "patient_id", "clinic"),
)
_BY_PERSON = "config.materialized:by_person"
# In the order of a build: what is selected, what of it is left out.
PARTS = {
    "staging to core": ("tag:core", _BY_PERSON),
    "by person": (_BY_PERSON, None),
    "marts": ("tag:marts", _BY_PERSON),
}


def run(
    settings: Settings, *, seed: int = 1, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Build with nothing changed, after a delivery, and in full.

    The delivery takes back a third of the rows that three files hold of as many persons as are
    1 % of all.
    Returns {"persons", "touched_persons", "changed_rows", "builds": {"nothing", "delta", "full":
    {part: {"server_cpu_seconds", "dbt_cpu_seconds"}}}, "tables": {table: {"rows", "written"}},
    "share" and "share_by_person" (the server's processor time of the delta to that of the full
    build, over all parts and over the tables built by person)}. dbt_cpu_seconds is what starting
    dbt and walking the models costs, whatever the data. Raises UsageError where the server is
    not on this machine or nothing is released, LifecourseError when a build fails or the tables
    differ between the delta and the full build.
    """
    demand_own_server(settings)
    say = progress or (lambda text: None)
    parts = urlsplit(warehouse.url(settings))
    with warehouse.connect(settings) as connection:
        if connection.execute("select to_regclass('core.spell')").fetchone()[0] is None:
            raise UsageError("Nothing is released yet; run `lifecourse run` first.")
    name = f"bench_delta_{os.getpid()}"
    # PostgreSQL copies no database that somebody is connected to.
    admin = replace(settings, database_url=parts._replace(path="/postgres").geturl())
    scratch = replace(settings, database_url=parts._replace(path=f"/{name}").geturl())
    say("bench: copying the warehouse")
    with warehouse.connect(admin, autocommit=True) as connection:
        connection.execute(f'create database {name} template "{parts.path[1:]}" strategy file_copy')
    try:
        return _measure(scratch, seed, say)
    finally:
        with warehouse.connect(admin, autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")


def _measure(scratch: Settings, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    # dbt parses anew for another database, and a release of an older version has no states.
    say("bench: the tables built by person, whatever they were built by")
    dbt.run_models(scratch, _BY_PERSON)
    builds = {"nothing": _build(scratch, "nothing changed", say)}
    with warehouse.connect(scratch, autocommit=True) as connection:
        facts = _deliver(connection, seed)
        oldest = connection.execute("select pg_current_xact_id()::text::bigint").fetchone()[0]
    builds["delta"] = _build(scratch, "after the delivery", say)
    tables = _by_person_tables(scratch)
    with warehouse.connect(scratch, autocommit=True) as connection:
        delta = {table: _contents(connection, table) for table in tables}
        facts["tables"] = {
            table: {"rows": delta[table][0], "written": _written(connection, table, oldest)}
            for table in tables
        }
    builds["full"] = _build(scratch, "in full", say, full_refresh=True)
    with warehouse.connect(scratch, autocommit=True) as connection:
        for table in tables:
            if _contents(connection, table) != delta[table]:
                raise LifecourseError(
                    f"{table} differs between the delta and the full build: the figures are void."
                )

    def spent(build: str, part: str | None = None) -> float:
        return sum(
            figures["server_cpu_seconds"]
            for name, figures in builds[build].items()
            if part in (None, name)
        )

    return facts | {
        "builds": builds,
        "share": round(spent("delta") / spent("full"), 3),
        "share_by_person": round(spent("delta", "by person") / spent("full", "by person"), 3),
    }


def _build(
    scratch: Settings, what: str, say: Callable[[str], None], *, full_refresh: bool = False
) -> dict[str, dict[str, float]]:
    found = {}
    for part, (select, exclude) in PARTS.items():
        say(f"bench: {part}, {what}")
        # see bench/increment.py
        with warehouse.connect(scratch, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")
        server, own = server_seconds(scratch), _children_seconds()
        dbt.run_models(scratch, select, exclude=exclude, full_refresh=full_refresh)
        own = _children_seconds() - own
        time.sleep(0.3)  # sessions that end now are counted once the server's first process knows
        found[part] = {
            "server_cpu_seconds": round(server_seconds(scratch) - server, 2),
            "dbt_cpu_seconds": round(own, 2),
        }
    return found


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _deliver(connection: psycopg.Connection, seed: int) -> dict[str, Any]:
    persons = connection.execute("select count(*) from core.person").fetchone()[0]
    connection.execute(
        "create temporary table chosen as select person_id from identity.person_crosswalk "
        "where source_system = any(%s) group by person_id "
        "order by hashint8extended(person_id, %s) limit %s",
        [[system for _, _, system in _FILES], seed, round(persons * SHARE)],
    )
    changed = 0
    for table, key, system in _FILES:
        changed += connection.execute(
            f"delete from {table} as r using identity.person_crosswalk as c, chosen "
            f"where c.source_system = %s and c.source_person_key = btrim(r.{key}) "
            "and c.person_id = chosen.person_id and r._row_number %% 3 = 0",
            [system],
        ).rowcount
    return {"persons": persons, "touched_persons": round(persons * SHARE), "changed_rows": changed}


def _by_person_tables(scratch: Settings) -> list[str]:
    manifest = json.loads((scratch.home / "dbt" / "manifest.json").read_text())
    return sorted(
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["config"].get("materialized") == "by_person"
    )


def _contents(connection: psycopg.Connection, table: str) -> tuple:
    return connection.execute(
        f"select count(*), sum(hash_record_extended(r, 0)) from {table} as r"
    ).fetchone()


def _written(connection: psycopg.Connection, table: str, oldest: int) -> int:
    """Rows that a transaction from `oldest` on wrote."""
    return connection.execute(
        f"select count(*) from {table} where xmin::text::bigint >= %s", [oldest]
    ).fetchone()[0]
