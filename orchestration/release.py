"""Putting a finished build in the place of the last one, all tables at once.

dbt swaps its tables one by one and a failed test leaves the bad table published. So core,
panels and marts are built in schemas of their own (suffix ASIDE) and renamed in one
transaction when both gates have passed. Of the release before, the tables that are built by
person (macros/materializations/by_person.sql) are kept in schemas with the suffix STANDBY: the
next build brings them up to date instead of making them anew. Add here: what a release is. Keep
out: what is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration import builds, warehouse
from orchestration.errors import LifecourseError

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

ASIDE = "__next"
STANDBY = "__standby"
_BEFORE = "__before"
SUFFIX_VARIABLE = "LIFECOURSE_SCHEMA_SUFFIX"


def flip(settings: Settings, run: str) -> list[str]:
    """Rename every schema that was built aside into its place; the old ones are dropped.

    One transaction, in which the build of the run becomes the released one: a reader sees the
    last release or this one, never a mixture. Returns the names of the released schemas. Raises
    LifecourseError unless the run's build is whole (builds.demand_whole), and
    psycopg.errors.LockNotAvailable when a reader holds a lock for more than 30 seconds; nothing
    has changed then.
    """
    with warehouse.connect(settings) as connection:
        build_id = builds.demand_whole(connection, run)
        released = swap(connection)
        builds.released(connection, build_id)
    return released


def swap(connection: psycopg.Connection) -> list[str]:
    """The schemas of flip(), renamed in the transaction of the connection; returns their names.

    Raises LifecourseError when nothing was built aside.
    """
    aside = [
        row[0]
        for row in connection.execute(
            "select nspname from pg_namespace where nspname like %s order by 1",
            [f"%{ASIDE.replace('_', chr(92) + '_')}"],
        )
    ]
    if f"core{ASIDE}" not in aside:
        raise LifecourseError(
            "There is no finished build of core to release; run `lifecourse run` again."
        )
    connection.execute("set local lock_timeout = '30s'")
    released = [name.removesuffix(ASIDE) for name in aside]
    existing = {
        row[0]
        for row in connection.execute(
            "select nspname from pg_namespace where nspname = any(%s)", [released]
        )
    }
    for name in released:
        connection.execute(f'drop schema if exists "{name}{STANDBY}" cascade')
        if name in existing:
            connection.execute(f'alter schema "{name}" rename to "{name}{_BEFORE}"')
        connection.execute(f'alter schema "{name}{ASIDE}" rename to "{name}"')
    for name in existing:
        _keep_by_person(connection, name)
        connection.execute(f'drop schema "{name}{_BEFORE}" cascade')
    return released


def _keep_by_person(connection: psycopg.Connection, name: str) -> None:
    """Move the tables built by person from the schema before `name` into its standby.

    Not one that a view reads: the view would show the standby and never learn of a release.
    """
    kept = connection.execute(
        """
        select quote_ident(t.relname)
        from pg_class as t
        inner join pg_class as s on s.relname = 'state_' || t.oid
        where t.relnamespace = to_regnamespace(%s) and t.relkind = 'r'
            and s.relnamespace = to_regnamespace('by_person')
            and not exists (
                select from pg_depend as d
                where d.refobjid = t.oid and d.refclassid = 'pg_class'::regclass
                    and d.classid = 'pg_rewrite'::regclass
            )
        """,
        [f'"{name}{_BEFORE}"'],
    ).fetchall()
    if kept:
        connection.execute(f'create schema "{name}{STANDBY}"')
    for (table,) in kept:
        connection.execute(f'alter table "{name}{_BEFORE}".{table} set schema "{name}{STANDBY}"')
