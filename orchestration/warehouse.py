"""Connections to the warehouse and the tables the loader and the gate keep there.

Add here: bookkeeping tables of schema `quality`. Keep out: agencies' tables (landing
makes them from contracts) and everything dbt builds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from orchestration.errors import UnusableEnvironment
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

# One row of quality.load is one delivered file. `status` is what a steward sees;
# `gate_status` is what the publish statement demands. `is_current` marks the loads whose rows
# the _current views show: of a file and scope the last whole delivery and the changes after
# it. The scope of an increment is its period, that of a snapshot '*' (landing.delivery_types).
BOOKKEEPING = """
create schema if not exists quality;

create table if not exists quality.load (
    load_id integer generated always as identity primary key,
    agency text not null,
    file text not null,
    period text not null,
    delivery text not null,
    scope text not null default '*',
    path text not null,
    sha256 text not null,
    bytes bigint not null,
    row_count bigint,
    status text not null default 'received' check (status in
        ('received', 'accepted', 'held', 'rejected', 'duplicate')),
    gate_status text not null default 'pending' check (gate_status in
        ('pending', 'passed', 'failed', 'error', 'overridden')),
    is_current boolean not null default false,
    reason text,
    contract_version text,
    received_at timestamptz not null default now(),
    decided_at timestamptz,
    check (not is_current or status = 'accepted'),
    check (status <> 'accepted' or gate_status in ('passed', 'overridden'))
);
create index if not exists load_by_sha256 on quality.load (sha256);

create table if not exists quality.check_result (
    check_result_id bigint generated always as identity primary key,
    load_id integer references quality.load (load_id),
    agency text not null,
    file text not null,
    table_name text not null,
    period text,
    rule_id text not null,
    expectation_type text not null,
    column_name text,
    dimension text not null check (dimension in
        ('correctness', 'missingness', 'accuracy', 'stability')),
    severity text not null check (severity in ('critical', 'warning', 'info')),
    status text not null check (status in ('passed', 'failed', 'error', 'not_applicable')),
    observed text,
    threshold text,
    message text not null,
    why text,
    fix text,
    checked_at timestamptz not null default now()
);
create index if not exists check_result_by_load on quality.check_result (load_id);

create table if not exists quality.metric_history (
    load_id integer not null references quality.load (load_id),
    table_name text not null,
    metric text not null,
    column_name text not null default '',
    slice text not null default '',
    value double precision,
    primary key (load_id, table_name, metric, column_name, slice)
);
-- bins: the histogram of a figure that is one, rows by bucket. tier: see quality.tiers. Added only
-- where they are missing: `alter table` waits for every reader, even with `if not exists`.
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'quality.metric_history'::regclass and attname = 'bins'
    ) then
        alter table quality.metric_history add column bins jsonb;
    end if;
    if not exists (
        select from pg_attribute
        where attrelid = 'quality.check_result'::regclass and attname = 'tier'
    ) then
        alter table quality.check_result add column tier text;
    end if;
end
$$;

-- Rows of a load that broke a rule and were set aside, so that the rest could go on: which row
-- (from 1, as delivered), which rules, which columns; never a value. settled_by_load_id: the
-- later load that replaces the row. is_footer: a line that is no row, such as a total.
create table if not exists quality.quarantined_row (
    load_id integer not null references quality.load (load_id),
    table_name text not null,
    row_number integer not null,
    rule_ids text[] not null,
    column_names text[] not null,
    is_footer boolean not null default false,
    set_aside_at timestamptz not null default now(),
    settled_by_load_id integer,
    primary key (load_id, table_name, row_number)
);
-- The rows themselves, until they are settled. A schema of its own: nobody but its owner may
-- use it unless granted by name.
create schema if not exists quarantine;
create table if not exists quarantine.raw_row (
    load_id integer not null,
    table_name text not null,
    row_number integer not null,
    content jsonb not null,
    primary key (load_id, table_name, row_number),
    foreign key (load_id, table_name, row_number)
        references quality.quarantined_row on delete cascade
);

-- One row per row set aside and rule it broke, masked: which row and columns, never a value.
create or replace view quality.failed_record as
select q.load_id, l.agency, l.file, l.period, q.table_name, q.row_number, rule_id,
    q.column_names, q.settled_by_load_id is not null as is_settled, q.set_aside_at
from quality.quarantined_row as q
inner join quality.load as l using (load_id)
cross join unnest(q.rule_ids) as rule_id
where not q.is_footer;

-- What stewards decided about loads and rules. release: publish these held loads although their
-- gate failed; reject: never publish them; override: from now until expires_on the rule does not
-- hold this file. A decision that needs a second person is in force when that person approved.
create table if not exists quality.disposition (
    disposition_id integer generated always as identity primary key,
    kind text not null check (kind in ('release', 'reject', 'override')),
    agency text not null,
    file text not null,
    load_ids integer[] not null,
    rule_id text,
    reason text not null check (btrim(reason) <> ''),
    steward text not null,
    decided_at timestamptz not null default now(),
    needs_approval boolean not null,
    approved_by text,
    approved_at timestamptz,
    expires_on date,
    withdrawn_by text,
    withdrawn_at timestamptz,
    check (approved_by is null or approved_by <> steward),
    check ((kind = 'override') = (rule_id is not null)),
    check (kind <> 'override' or expires_on is not null)
);
create or replace view quality.disposition_in_force as
select *
from quality.disposition
where withdrawn_at is null
    and (not needs_approval or approved_by is not null)
    and (expires_on is null or expires_on >= current_date);

-- Who may sign in at the steward desk. agencies: '*' or the names of agencies.
create table if not exists quality.desk_user (
    user_name text primary key,
    password_hash text not null,
    roles text[] not null,
    agencies text[] not null default '{*}',
    created_at timestamptz not null default now(),
    disabled_at timestamptz
);
-- Every sight of identified rows and every act at the desk; holds nobody's value.
create table if not exists quality.access_log (
    access_id bigint generated always as identity primary key,
    occurred_at timestamptz not null default now(),
    user_name text not null,
    action text not null,
    subject text not null
);

-- One row per build of everything downstream of staging. `inputs` is the fingerprint of what
-- went in (current loads, models, seeds, linkage model): the same again needs no new build.
-- run_id: the Dagster run; steps, publication: what a release demands (orchestration.builds).
create table if not exists quality.build (
    build_id integer generated always as identity primary key,
    inputs text not null,
    status text not null default 'running' check (status in ('running', 'released', 'failed')),
    run_id text unique,
    steps text[] not null default '{}',
    publication bigint,
    started_at timestamptz not null default now(),
    finished_at timestamptz
);
"""
RUN_LOCK = "hashtext('lifecourse.run')"
# The warehouses (connection strings) whose run lock this process holds.
_holding: list[str] = []


def url(settings: Settings) -> str:
    """The libpq URL of the warehouse; starts the embedded server if it is not running.

    The embedded server stays up as long as this process lives (server.lease).
    """
    if settings.database_url:
        return settings.database_url
    from orchestration import server

    return server.lease(settings).url


def connect(settings: Settings, *, autocommit: bool = False) -> psycopg.Connection:
    """A psycopg 3 connection. Raises UnusableEnvironment when the server does not answer."""
    import psycopg

    try:
        connection = psycopg.connect(url(settings), autocommit=autocommit, connect_timeout=10)
    except psycopg.OperationalError as error:
        where = urlsplit(settings.database_url or "").hostname or "the embedded server"
        raise UnusableEnvironment(
            f"The warehouse at {where} does not answer ({str(error).splitlines()[0]}); "
            "check LIFECOURSE_DATABASE_URL or run `lifecourse status`."
        ) from error
    if settings.as_of is not None:
        connection.execute(
            "select set_config('lifecourse.as_of', %s, false)", [str(settings.as_of)]
        )
        if not autocommit:
            connection.commit()
    return connection


_kept: dict[str, list[psycopg.Connection]] = {}


@contextmanager
def kept_open(settings: Settings) -> Iterator[None]:
    """Within the block, what session() opens stays open for the next one that asks.

    A run opens three sessions for each delivery of a file, and each new one has to learn the
    catalogue anew: a tenth of what a delivery costs (2026-11-25).
    """
    key = url(settings)
    outermost = key not in _kept
    _kept.setdefault(key, [])
    try:
        yield
    finally:
        for connection in _kept.pop(key) if outermost else ():
            connection.close()


@contextmanager
def session(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection for the block: committed at its end, rolled back where it raises.

    Closed then, unless kept_open(); settings with as_of never share one.
    """
    idle = None if settings.as_of is not None else _kept.get(url(settings))
    if idle is None:
        with connect(settings) as connection:
            yield connection
        return
    connection = idle.pop() if idle else connect(settings)
    try:
        yield connection
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise
    else:
        connection.commit()
    finally:
        if not connection.closed:
            idle.append(connection)


@contextmanager
def run_lock(connection: psycopg.Connection, *, patience: float = 0) -> Iterator[None]:
    """Hold the one-run-at-a-time lock.

    patience: seconds to wait for another run's end. Raises UnusableEnvironment when another run
    has it still.
    """
    deadline = time.monotonic() + patience
    while not connection.execute(f"select pg_try_advisory_lock({RUN_LOCK})").fetchone()[0]:
        if time.monotonic() >= deadline:
            raise UnusableEnvironment(
                "Another lifecourse run is at work on this warehouse; wait for it to end, then "
                "run again."
            )
        time.sleep(1)
    _holding.append(connection.info.dsn)
    try:
        yield
    finally:
        _holding.pop()
        connection.execute(f"select pg_advisory_unlock({RUN_LOCK})")


@contextmanager
def run_lock_shared(settings: Settings, *, patience: float = 0) -> Iterator[bool]:
    """Hold the lock as part of the run this process is at already, or else as a run of its own.

    Yields whether it is a run of its own. Raises as run_lock does.
    """
    with connect(settings, autocommit=True) as connection:
        if connection.info.dsn in _holding:
            yield False
            return
        with run_lock(connection, patience=patience):
            yield True


def ensure_bookkeeping(connection: psycopg.Connection) -> None:
    """Create schema `quality` and its tables where they are missing. Idempotent."""
    connection.execute(BOOKKEEPING)


def sqlalchemy_url(settings: Settings) -> str:
    """The URL for SQLAlchemy with its driver named.

    psycopg2 because Great Expectations' row conditions compare dates with strings, which
    psycopg 3 refuses; bare `postgresql://` means psycopg 3 from SQLAlchemy 2.1 on.
    """
    parts = urlsplit(url(settings))
    return parts._replace(scheme="postgresql+psycopg2").geturl()


def environment(settings: Settings) -> dict[str, str]:
    """The variables profiles.example.yml reads, for a dbt child process or a shell.

    PGOPTIONS, which every libpq client reads, when staging is to be seen as of a load.
    """
    parts = urlsplit(url(settings))
    as_of = {} if settings.as_of is None else {"PGOPTIONS": f"-c lifecourse.as_of={settings.as_of}"}
    return as_of | {
        "LIFECOURSE_PG_HOST": unquote(parts.hostname or "127.0.0.1"),
        "LIFECOURSE_PG_PORT": str(parts.port or 5432),
        "LIFECOURSE_PG_USER": unquote(parts.username or os.environ.get("USER", "")),
        "LIFECOURSE_PG_PASSWORD": unquote(parts.password or ""),
        "LIFECOURSE_PG_DATABASE": parts.path.lstrip("/") or "lifecourse",
    }


def make_url(host: str, port: int, user: str, password: str, database: str) -> str:
    return (
        f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}"
        f"@{host}:{port}/{quote(database, safe='')}"
    )
