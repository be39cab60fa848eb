"""What a delivery of 1 % new records costs beside a full run, database included.

Both runs are the product's own (linkage.link) on a database of their own, which is dropped
afterwards. Add here: a figure about a run after the first. Keep out: accuracy, plain Splink.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestration import warehouse
from orchestration.bench.processor_time import demand_own_server, server_seconds
from orchestration.errors import UsageError

if TYPE_CHECKING:
    import psycopg
    import pyarrow

    from orchestration.settings import Settings

NEW_SHARE = 0.01
DELIVERIES = 3
_TABLE = """
create schema identity;
create table identity.identity_record (
    identity_record_id text not null, source_system text not null,
    source_person_key text not null, first_name text, middle_name text, last_name text,
    suffix text, maiden_name text, birth_date date, birth_date_precision text, ssn text,
    ssn_last4 text, sex text, address_key text, zip text, plurality_order text,
    encoding text,
    first_load_id int not null default 1, last_load_id int not null, is_linkable boolean not null
)
"""


def run(
    settings: Settings,
    n: int = 200_000,
    *,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Link n fictional records, of which three times 1 % come later.

    Runs: `first` on all that do not come later, an increment after each delivery of 1 %, `full`
    on all of them with nothing known but the ids. Returns {"records", "new_records" (of a
    delivery), "first", "increment" (the one of median CPU: that of the same work differs by a
    tenth), "increments" (CPU of each), "full", "ratio" (CPU of increment to full), "ids_changed"
    (persons of records outside the touched regions that have another id after an increment),
    "same_clusters" (share of records whose person holds the same records after the increments and
    full)}; each run: cpu_seconds of this process and of the server, wall_seconds, recomputed source
    records.

    Raises UsageError for fewer than 1,000 records, or where the server is not on this machine.
    """
    from orchestration.bench import scale
    from orchestration.linkage import linking

    if n < 1_000:
        raise UsageError("A benchmark of an increment needs 1,000 records or more.")
    demand_own_server(settings)
    say = progress or (lambda text: None)
    say(f"bench: making {n:,} records")
    table, _ = scale.population(n, seed)
    later = int(n * NEW_SHARE)
    name = f"bench_increment_{os.getpid()}"
    parts = urlsplit(warehouse.url(settings))
    with warehouse.connect(settings, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    scratch = replace(settings, database_url=parts._replace(path=f"/{name}").geturl())
    try:
        facts: dict = {"records": n, "new_records": later}
        with warehouse.connect(scratch) as connection:
            connection.execute(_TABLE)
            _deliver(connection, table.slice(0, n - DELIVERIES * later))
        facts["first"] = _measured(scratch, linking.link, say)
        runs, facts["ids_changed"] = [], 0
        for number in range(DELIVERIES, 0, -1):
            before = _people(scratch)
            with warehouse.connect(scratch) as connection:
                _deliver(connection, table.slice(n - number * later, later))
            runs.append(_measured(scratch, linking.link, say))
            after, near = _people(scratch), _near_what_came(scratch, before)
            facts["ids_changed"] += sum(
                after.get(key) != person for key, person in before.items() if key not in near
            )
        facts["increments"] = [run["cpu_seconds"] for run in runs]
        facts["increment"] = sorted(runs, key=itemgetter("cpu_seconds"))[DELIVERIES // 2]
        facts["full"] = _measured(scratch, lambda s: linking.link(s, full=True), say)
        facts["ratio"] = round(facts["increment"]["cpu_seconds"] / facts["full"]["cpu_seconds"], 3)
        facts["same_clusters"] = _same(after, _people(scratch))
    finally:
        with warehouse.connect(settings, autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")
    return facts


def _deliver(connection: psycopg.Connection, table: pyarrow.Table) -> None:
    from orchestration.linkage import store

    store.copy_table(connection, "identity.identity_record", table.drop_columns(["rid"]))
    connection.execute("analyze identity.identity_record")


def _measured(scratch: Settings, link: Callable, say: Callable[[str], None]) -> dict:
    # Between two deliveries a server has long tidied up after the first; without this its workers
    # do so meanwhile, and a third of what they take is counted to the wrong run (2026-11-26).
    with warehouse.connect(scratch, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
    started = time.monotonic()
    own, server = time.process_time(), server_seconds(scratch)
    report = link(scratch)
    spent = time.process_time() - own
    at_server = server_seconds(scratch) - server
    say(f"bench: {report.sentence}")
    return {
        "cpu_seconds": round(spent + at_server, 2),
        "of_the_server": round(at_server, 2),
        "wall_seconds": round(time.monotonic() - started, 1),
        "recomputed": report.recomputed,
    }


def _people(scratch: Settings) -> dict[str, int]:
    with warehouse.connect(scratch) as connection:
        return dict(
            connection.execute(
                "select source_system || ' ' || source_person_key, person_id"
                " from linkage.crosswalk where closed_run_id is null"
            ).fetchall()
        )


def _near_what_came(scratch: Settings, before: dict[str, int]) -> set[str]:
    """The records that share a region with one that is new."""
    with warehouse.connect(scratch) as connection:
        rows = connection.execute(
            "select distinct region_id, source_system || ' ' || source_person_key"
            " from linkage.node join linkage.variant using (node_id)"
            " join linkage.source_record using (record_number)"
        ).fetchall()
    touched = {region for region, key in rows if key not in before}
    return {key for region, key in rows if region in touched}


def _same(one: dict[str, int], other: dict[str, int]) -> float:
    """Share of records whose person holds the same records in both."""
    held: list[dict[int, frozenset[str]]] = []
    for people in (one, other):
        members: dict[int, set[str]] = {}
        for key, person in people.items():
            members.setdefault(person, set()).add(key)
        held.append({person: frozenset(keys) for person, keys in members.items()})
    equal = sum(held[0][person] == held[1].get(other.get(key)) for key, person in one.items())
    return round(equal / len(one), 6)
