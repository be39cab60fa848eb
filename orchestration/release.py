"""Putting a finished build in the place of the last one, all tables at once.

dbt swaps its tables one by one and a failed test leaves the bad table published. So core,
panels and marts are built in schemas of their own (suffix ASIDE) and renamed in one
transaction when both gates have passed. Add here: what a release is. Keep out: what is in it.
"""

from __future__ import annotations

from orchestration import builds, warehouse
from orchestration.errors import LifecourseError
from orchestration.settings import Settings

ASIDE = "__next"
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
            if name in existing:
                connection.execute(f'alter schema "{name}" rename to "{name}{_BEFORE}"')
            connection.execute(f'alter schema "{name}{ASIDE}" rename to "{name}"')
        for name in existing:
            connection.execute(f'drop schema "{name}{_BEFORE}" cascade')
        builds.released(connection, build_id)
    return released
