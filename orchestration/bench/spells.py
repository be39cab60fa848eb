"""What building spells and person-months costs: PostgreSQL beside DuckDB, one text, one run.

The project's own macros are compiled once; each engine runs the same select over the same
service rows. PostgreSQL runs it by person slices in parallel sessions, because it never
parallelises window functions; DuckDB parallelises by itself. Add here: another step of core
worth a race. Keep out: a delivery after the first (spell_delta), what is right
(tests/python/test_spell_oracle.py).
"""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import dbt, warehouse
from orchestration.bench import spell_delta
from orchestration.bench.processor_time import server_seconds
from orchestration.errors import LifecourseError, UsageError

if TYPE_CHECKING:
    import pyarrow

    from orchestration.settings import Settings

ROWS_PER_PERSON = 10
PROGRAMS = 12
GRACE_DAYS = 30
SLICES = 8  # more slices than sessions: a session that is done takes the next
FIRST_DAY = 16_436  # 1 January 2015, in days after 1 January 1970
YEARS = 10

# Integer program codes: a text key took a quarter more (measured 2026-11).
_STEPS = {
    "spell": "{{ collapse_spells('service', ['person_id', 'program_code'], grace_days='"
    + str(GRACE_DAYS)
    + "') }}",
    "person_month": (
        "select person_id, program_code, month, cast(sum(days_active) as integer) as days_active, "
        "max(case when is_active_on_last_day then 1 else 0 end) as is_active_on_last_day "
        "from ({{ spell_months('spell') }}) as spell_months "
        "group by person_id, program_code, month"
    ),
}
_READS = {"spell": "service", "person_month": "spell"}


def run(
    settings: Settings,
    persons: int = 1_000_000,
    *,
    growth: bool = False,
    sessions: int | None = None,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Race the two engines on `persons` persons with ten service rows each, then change 1 %.

    growth: first run the same with a tenth of the persons. sessions: parallel sessions of
    PostgreSQL and threads of DuckDB; all cores by default.
    Returns {"persons", "service_rows", "sessions", "steps": {step: {"rows",
    "postgres_seconds", "duckdb_seconds", "ratio", "postgres_cpu_seconds"}}, "delta":
    spell_delta.measure()}, wall time except where it says cpu; loading is not timed. With growth
    also {"growth": {"persons": [fewer, persons], "steps": {step: {"cpu_seconds": [fewer, all],
    "ratio", "n_log_n", "share"}}}}: how many times the processor time of the fewer, how many
    times n log n would be, and the first as a share of the second.
    PostgreSQL runs on a throw-away home. Raises UsageError for fewer than 100 persons,
    LifecourseError when the two disagree on a count or a sum, or the delta with a full rebuild.
    """
    if persons < 100:
        raise UsageError("A benchmark of spells needs 100 persons or more.")
    say = progress or (lambda _: None)
    sessions = sessions or os.cpu_count() or 1
    sizes = [persons // 10, persons] if growth else [persons]
    # Straight under the system's temporary folder, as the server's socket needs a short path.
    home = Path(tempfile.mkdtemp(prefix="lifecourse-bench-"))
    bench = replace(settings, home=home, port=None, database_url=None)
    try:
        sql = dbt.compile_sql(bench, _STEPS)
        sql = {
            name: re.sub(r'("\w+"\.){2}"ref_month"', "ref_month", text)
            for name, text in sql.items()
        }
        with warehouse.connect(bench, autocommit=True) as connection:
            # It would tidy up after one step on the time of the next.
            connection.execute("alter system set autovacuum = off")
            connection.execute("select pg_reload_conf()")
        races = [_race(bench, size, sql, sessions, seed, say) for size in sizes]
    finally:
        from orchestration import server

        server.remove(bench)
        shutil.rmtree(home, ignore_errors=True)
    return races[-1] | ({"growth": _growth(*races)} if growth else {})


def _race(
    bench: Settings,
    persons: int,
    sql: dict[str, str],
    sessions: int,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    say(f"{persons:,} persons: service rows")
    table = service_rows(persons, seed)
    ours = _postgres(bench, table, sql, persons, sessions, say)
    delta = spell_delta.measure(
        bench,
        sql,
        _READS,
        persons,
        lambda step, schema: by_person_slices(
            bench, step, sql[step], persons, sessions, schema=schema
        ),
        seed=seed,
        progress=say,
    )
    theirs = _duckdb(table, sql, sessions, bench.home, say)
    steps = {}
    for step in _STEPS:
        if ours[step]["check"] != theirs[step]["check"]:
            raise LifecourseError(f"PostgreSQL and DuckDB disagree on {step}: the race is void.")
        seconds = ours[step]["seconds"], theirs[step]["seconds"]
        steps[step] = {
            "rows": ours[step]["check"][0],
            "postgres_seconds": round(seconds[0], 2),
            "duckdb_seconds": round(seconds[1], 2),
            "ratio": round(seconds[0] / seconds[1], 2),
            "postgres_cpu_seconds": round(ours[step]["cpu_seconds"], 2),
        }
    return {
        "persons": persons,
        "service_rows": len(table),
        "sessions": sessions,
        "steps": steps,
        "delta": delta,
    }


def _growth(fewer: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    sizes = [fewer["persons"], more["persons"]]
    n_log_n = sizes[1] * math.log(sizes[1]) / (sizes[0] * math.log(sizes[0]))
    steps = {}
    for step in _STEPS:
        spent = [race["steps"][step]["postgres_cpu_seconds"] for race in (fewer, more)]
        ratio = spent[1] / max(spent[0], 0.01)  # a clock tick
        steps[step] = {
            "cpu_seconds": spent,
            "ratio": round(ratio, 2),
            "n_log_n": round(n_log_n, 2),
            "share": round(ratio / n_log_n, 3),
        }
    return {"persons": sizes, "steps": steps}


def service_rows(persons: int, seed: int) -> pyarrow.Table:
    """person_id, program_code, start_date, end_date_excl, sorted by them."""
    import numpy
    import pyarrow

    rng = numpy.random.default_rng(seed)
    n = persons * ROWS_PER_PERSON
    person = numpy.repeat(numpy.arange(1, persons + 1, dtype="int32"), ROWS_PER_PERSON)
    program = rng.integers(1, PROGRAMS + 1, n, dtype="int16")
    start = rng.integers(0, 365 * YEARS, n, dtype="int32")
    length = numpy.maximum(rng.exponential(90, n), 1).astype("int32")
    order = numpy.lexsort((start, program, person))
    first = (start[order] + FIRST_DAY).astype("int32")

    def day(values: numpy.ndarray) -> pyarrow.Array:
        return pyarrow.array(values).cast(pyarrow.date32())

    return pyarrow.table(
        {
            "person_id": person[order],
            "program_code": program[order],
            "start_date": day(first),
            "end_date_excl": day(first + length[order]),
        }
    )


_CHECK = {
    "spell": "select count(*), sum(n_source_spells), sum(gap_days_bridged) from {}",
    "person_month": "select count(*), sum(days_active), sum(is_active_on_last_day) from {}",
}


def _postgres(
    bench: Settings,
    table: pyarrow.Table,
    sql: dict[str, str],
    persons: int,
    sessions: int,
    say: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    import pyarrow.csv

    found: dict[str, dict[str, Any]] = {}
    with warehouse.connect(bench, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
        connection.execute(
            "create table service (person_id int, program_code smallint, start_date date, "
            "end_date_excl date)"
        )
        with connection.cursor().copy("copy service from stdin csv") as copy:
            for batch in table.to_batches(max_chunksize=200_000):
                sink = pyarrow.BufferOutputStream()
                pyarrow.csv.write_csv(batch, sink, pyarrow.csv.WriteOptions(include_header=False))
                copy.write(sink.getvalue().to_pybytes())
        # The index cuts a slice out of the sorted heap.
        connection.execute("create index on service (person_id)")
        connection.execute(
            "create table ref_month as select cast(m as date) as month_start, "
            "cast(m + interval '1 month' as date) as next_month_start from "
            "generate_series(date '2015-01-01', date '2030-12-01', interval '1 month') as m"
        )
        connection.execute("create unique index on ref_month (month_start)")
        connection.execute("vacuum analyze")
        for step, text in sql.items():
            say(f"PostgreSQL: {step}")
            server, started = server_seconds(bench), time.perf_counter()
            by_person_slices(bench, step, text, persons, sessions)
            found[step] = {"seconds": time.perf_counter() - started}
            found[step]["cpu_seconds"] = server_seconds(bench) - server
            found[step]["check"] = tuple(
                int(value) for value in connection.execute(_CHECK[step].format(step)).fetchone()
            )
            connection.execute(f"analyze {step}")
    return found


def by_person_slices(
    bench: Settings, step: str, text: str, persons: int, sessions: int, *, schema: str = "public"
) -> None:
    """One table in slices of persons, each made by its own statement; sessions run in parallel.

    Slices are tables that inherit from one, so no row is written twice and no lock is shared.
    They are made in `schema`, which is looked in before public.
    """
    bounds = [1 + persons * number // SLICES for number in range(SLICES + 1)]

    def make(number: int) -> None:
        reads = _READS[step]
        part = (
            f"{reads}_{number}"  # cut at the same persons
            if reads in _STEPS
            else f"(select * from {reads} where person_id >= {bounds[number]} "
            f"and person_id < {bounds[number + 1]})"
        )
        with warehouse.connect(bench, autocommit=True) as connection:
            # Two sessions at a time on a machine sized for it; sorts of a slice stay in memory.
            connection.execute("set work_mem = '256MB'")
            # Rows that come by person leave by person: a hash of four million groups took 21 s
            # where sorting within a person took 13 s, and left each person's months on as many
            # pages, all of which a delta then has to rewrite (2026-11-26).
            connection.execute("set enable_hashagg = off")
            connection.execute(f"set search_path = {schema}, public")
            sliced = text.replace(f"from {reads} as", f"from {part} as")
            connection.execute(f"create table {schema}.{step}_{number} as {sliced}")
            if step in _READS.values():
                connection.execute(f"create index on {schema}.{step}_{number} (person_id)")
                connection.execute(f"analyze {schema}.{step}_{number}")

    with ThreadPoolExecutor(sessions) as pool:
        list(pool.map(make, range(SLICES)))
    with warehouse.connect(bench, autocommit=True) as connection:
        connection.execute(f"set search_path = {schema}, public")
        connection.execute(f"create table {schema}.{step} (like {step}_0)")
        for number in range(SLICES):
            connection.execute(f"alter table {step}_{number} inherit {step}")


def _duckdb(
    table: pyarrow.Table,
    sql: dict[str, str],
    threads: int,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    import duckdb

    found: dict[str, dict[str, Any]] = {}
    # A file, as the other engine has: both write what they make to disk.
    database = folder / "race.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database), config={"threads": threads}) as connection:
        connection.register("rows_in", table)
        connection.execute("create table service as select * from rows_in")
        connection.execute(
            "create table ref_month as select cast(m as date) as month_start, "
            "cast(m + interval 1 month as date) as next_month_start from "
            "(select unnest(generate_series(date '2015-01-01', date '2030-12-01', "
            "interval 1 month)) as m)"
        )
        for step, text in sql.items():
            say(f"DuckDB: {step}")
            started = time.perf_counter()
            connection.execute(f"create table {step} as {text}")
            connection.execute("checkpoint")
            found[step] = {"seconds": time.perf_counter() - started}
            found[step]["check"] = tuple(
                int(value) for value in connection.execute(_CHECK[step].format(step)).fetchone()
            )
    return found
