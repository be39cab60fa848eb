"""What rebuilding the spells and months of 1 % of the persons costs beside building all of them.

The race's own tables and texts (spells.py): the touched persons' rows are deleted and made anew
by the same select, then everything is made anew beside it, and both must be the same rows. Add
here: another kind of change. Keep out: the race itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestration import warehouse
from orchestration.bench.processor_time import server_seconds
from orchestration.errors import LifecourseError

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

SHARE = 0.01

# Of each touched person one row is moved by 45 days, one is gone, one is new.
_DELIVERY = """
create table touched as
    select cast(n as int) as person_id from generate_series(1, {persons}) as n
    order by hashint8extended(n, {seed}) limit {n_touched};
create unique index on touched (person_id);
analyze touched;
create temporary table numbered as
    select service.ctid as row_address, person_id, row_number() over (
        partition by person_id order by hashint8extended(person_id, {seed}), start_date
    ) as place
    from service join touched using (person_id);
update service set start_date = start_date + 45, end_date_excl = end_date_excl + 45
    from numbered where service.ctid = row_address and place = 1;
delete from service using numbered where service.ctid = row_address and place = 2;
insert into service
    select person_id, cast(1 + person_id % 12 as smallint), date '2018-03-01' + person_id % 900,
        date '2018-03-01' + person_id % 900 + 60
    from touched;
analyze service;
"""


def measure(
    bench: Settings,
    sql: dict[str, str],
    reads: dict[str, str],
    persons: int,
    rebuild: Callable[[str, str], None],
    *,
    seed: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Change the rows of 1 % of the persons and bring the tables of the race up to date.

    sql: step -> select, reads: step -> the table it reads; they stand in public. rebuild(step,
    schema) makes a step anew in a schema. Returns {"touched_persons", "changed_rows",
    "rows_rewritten", "cpu_seconds", "seconds", "full_cpu_seconds", "full_seconds", "share"
    (processor time of the delta to that of the full rebuild), "index_cpu_seconds"}; the last is
    what indexes by person cost once where the race made none, in neither of the two. Raises
    LifecourseError when the results differ.
    """
    found: dict[str, Any] = {"touched_persons": round(persons * SHARE)}
    with warehouse.connect(bench, autocommit=True) as connection:
        progress("index by person")
        before = server_seconds(bench)
        for step in sql:
            for (name,) in connection.execute(
                "select oid::regclass::text from pg_class where not relhasindex and (oid in ("
                "select inhrelid from pg_inherits where inhparent = %(step)s::regclass) "
                "or oid = %(step)s::regclass)",
                {"step": step},
            ).fetchall():
                connection.execute(f"create index on {name} (person_id)")
                # the planner has to know that a person's rows are few
                connection.execute(f"analyze {name}")
        found["index_cpu_seconds"] = round(server_seconds(bench) - before, 2)
        connection.execute(
            _DELIVERY.format(persons=persons, seed=seed, n_touched=found["touched_persons"])
        )
        found["changed_rows"] = 3 * found["touched_persons"]
        connection.execute("checkpoint")

    progress("1 % of the persons")
    before, started = server_seconds(bench), time.perf_counter()
    with warehouse.connect(bench) as connection:
        connection.execute("set work_mem = '256MB'")
        found["rows_rewritten"] = sum(
            _touched_only(connection, step, reads[step], text) for step, text in sql.items()
        )
    found["seconds"] = round(time.perf_counter() - started, 2)
    found["cpu_seconds"] = round(server_seconds(bench) - before, 2)

    progress("everything again")
    with warehouse.connect(bench, autocommit=True) as connection:
        connection.execute("drop schema if exists rebuilt cascade")
        connection.execute("create schema rebuilt")
        before, started = server_seconds(bench), time.perf_counter()
        for step in sql:
            rebuild(step, "rebuilt")
        found["full_seconds"] = round(time.perf_counter() - started, 2)
        found["full_cpu_seconds"] = round(server_seconds(bench) - before, 2)
        progress("the same rows")
        for step in sql:
            if _rows_of(connection, step) != _rows_of(connection, f"rebuilt.{step}"):
                raise LifecourseError(
                    f"The delta and the full rebuild disagree on {step}: the figures are void."
                )
    found["share"] = round(found["cpu_seconds"] / max(found["full_cpu_seconds"], 0.01), 4)
    return found


def _touched_only(connection: psycopg.Connection, step: str, reads: str, text: str) -> int:
    """Delete and make anew the rows of the touched persons; returns the rows deleted and made."""
    # An array, not a join: joined to ten thousand persons, the planner may read every row.
    few = "person_id = any(array(select person_id from touched))"
    part = f"(select * from {reads} where {few})"
    gone = connection.execute(f"delete from {step} where {few}")
    made = connection.execute(
        f"insert into {step} {text.replace(f'from {reads} as', f'from {part} as')}"
    )
    return gone.rowcount + made.rowcount


def _rows_of(connection: psycopg.Connection, table: str) -> tuple:
    """How many rows, and the sum of the hashes of all of them."""
    return connection.execute(
        f"select count(*), sum(hash_record_extended(r, 0)) from {table} as r"
    ).fetchone()
