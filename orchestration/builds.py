"""The register of builds: what went into one, which steps of it are done, when it may be released.

A build is one Dagster run of everything downstream of staging, from the command line or the UI,
or the retries of one. Add here: a step that a release has to wait for. Keep out: the steps.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestration import dbt, warehouse
from orchestration.errors import LifecourseError
from orchestration.linkage import overrides, schema
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

# In this order; a release demands every one of its own build.
STEPS = ("before_linkage", "link", "core", "core_gate", "marts")
# Numbers the last transaction that changed which rows are current (landing.registry).
_LATEST = "select coalesce(max(publication), 0) from quality.load"


def needed(connection: psycopg.Connection, settings: Settings) -> bool | None:
    """Whether anything changed since the last release; None while no load is current."""
    inputs = fingerprint(connection, settings)
    if inputs is None:
        return None
    last = connection.execute(
        "select inputs from quality.build where status = 'released' "
        "order by finished_at desc, build_id desc limit 1"
    ).fetchone()
    return last is None or last[0] != inputs


def begin(settings: Settings, run: str) -> None:
    """Enter the build of a run, or take it up again; what an ended process left is failed.

    Call it with the run lock held. run: the Dagster run, of a retry the first one. Raises
    LifecourseError when nothing has been accepted yet.
    """
    with warehouse.connect(settings) as connection:
        inputs = fingerprint(connection, settings)
        if inputs is None:
            raise LifecourseError("Nothing has been accepted yet, so there is nothing to build.")
        connection.execute(
            "update quality.build set status = 'failed', finished_at = now() "
            "where status = 'running' and run_id is distinct from %s",
            [run],
        )
        connection.execute(
            "insert into quality.build (inputs, run_id, publication) values (%s, %s, "
            f"({_LATEST})) on conflict (run_id) do update set inputs = excluded.inputs, "
            "publication = excluded.publication, status = 'running', steps = '{}', "
            "finished_at = null",
            [inputs, run],
        )


def done(settings: Settings, run: str, step: str) -> None:
    """Note that a step of the run's build is done; nothing where the run is of single tables.

    A step that is done again undoes those after it, so that a retry cannot release tables that
    were built on older ones.
    """
    before = list(STEPS[: STEPS.index(step)])
    with warehouse.connect(settings) as connection:
        connection.execute(
            "update quality.build set status = 'running', finished_at = null, "
            "steps = array(select s from unnest(steps) as s where s = any(%s)) || %s::text "
            "where run_id = %s and status <> 'released'",
            [before, step, run],
        )


def demand_whole(connection: psycopg.Connection, run: str) -> int:
    """The id of the run's build, locked; raises LifecourseError unless it may be released.

    It may when each of its steps is done and no load was published since it began: a table that
    was built alone, a gate that failed or a retry after a new delivery must not be released.
    """
    row = connection.execute(
        f"select build_id, steps, publication = ({_LATEST}) from quality.build "
        "where run_id = %s for update",
        [run],
    ).fetchone()
    if row is None or row[1] != list(STEPS):
        missing = next((step for step in STEPS if row is None or step not in row[1]), STEPS[0])
        raise LifecourseError(
            f"This run is no whole build (the step {missing} is not done), so nothing is "
            "released; start the job build_warehouse."
        )
    if not row[2]:
        raise LifecourseError(
            "A delivery was published since this build began, so it is not released; start the "
            "job build_warehouse anew."
        )
    return row[0]


def released(connection: psycopg.Connection, build_id: int) -> None:
    connection.execute(
        "update quality.build set status = 'released', finished_at = now() where build_id = %s",
        [build_id],
    )


def ended(settings: Settings, run: str) -> None:
    """The run is over: its build, where it was not released, has failed."""
    with warehouse.connect(settings) as connection:
        connection.execute(
            "update quality.build set status = 'failed', finished_at = now() "
            "where run_id = %s and status = 'running'",
            [run],
        )


def fingerprint(connection: psycopg.Connection, settings: Settings) -> str | None:
    """What a build depends on, as one hash; None while no load is current."""
    # A duplicate adds no rows, but moves the end of its source's coverage.
    current = [
        row[0]
        for row in connection.execute(
            "select load_id from quality.load where is_current or status = 'duplicate' "
            "order by load_id"
        )
    ]
    if not current:
        return None
    digest = hashlib.sha256(",".join(map(str, current)).encode())
    # A row that was set aside and is back adds to a load that was there before.
    rows = connection.execute(
        "select load_id, row_count from quality.load where is_current order by load_id"
    ).fetchall()
    digest.update(repr(rows).encode())
    # A decision that expired today asks for a build as one that was made today does. Before the
    # first build there is no table of them, which is the same as none: it must not ask for another.
    decisions: list = []
    if connection.execute("select to_regclass('linkage.override')").fetchone()[0]:
        schema.ensure(connection)
        decisions = overrides.read(connection).to_pylist()
    digest.update(repr(decisions).encode())
    files = [
        *dbt.project_files(settings),
        *(
            path
            for path in sorted((settings.root / "orchestration" / "linkage").rglob("*"))
            if path.suffix in (".py", ".json", ".csv")
        ),
        *sorted((settings.contracts / "core").glob("*.yml")),
    ]
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
