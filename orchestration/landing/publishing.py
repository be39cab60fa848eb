"""From candidate to staging: the one statement that lets rows be seen, and its refusal.

Add here: another way for a load to end. Keep out: deciding whether it may (quality).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError, UnusableEnvironment
from orchestration.landing import staging, superseding
from orchestration.landing.registry import committed, reopen_duplicates

if TYPE_CHECKING:
    import psycopg

# Publishing waits for readers that hold a lock it needs, and gives up rather than queue up
# everyone behind it (2026-11-23).
LOCK_TIMEOUT = "5s"

# The gate is part of the statement that accepts: whoever calls, however started, a load whose
# gate was not passed is not hit, unless a steward's release of it is in force. A load held only
# because its set was held goes when the release of the set's culprit goes with it.
ACCEPT = """
update quality.load as l
set status = 'accepted', decided_at = now(), reason = null, publication = %(publication)s
where l.load_id = any(%(ids)s)
    and (
        l.gate_status = 'passed'
        or l.gate_status = 'overridden' and exists (
            select from quality.disposition_in_force as d
            where d.kind = 'release' and l.load_id = any(d.load_ids)
        )
    )
    and (
        l.status = 'received'
        or l.status = 'held' and (
            l.gate_status = 'overridden'
            or exists (
                select from quality.load as o
                where o.load_id = any(%(ids)s) and o.status = 'held'
                    and o.gate_status = 'overridden'
                    and o.agency = l.agency and o.delivery = l.delivery
                    and o.publish_set = l.publish_set
            )
        )
    )
returning l.load_id, l.agency, l.file, l.scope, l.row_count
"""

# Files of one set are published together: none while another of them, as last delivered,
# was rejected, held or not decided on. A set of one file may hold back periods one by one.
MISSING = """
select m.path, m.status
from quality.load as m
where (m.agency, m.publish_set, m.delivery) in (
        select agency, publish_set, delivery from quality.load
        where load_id = any(%(ids)s) and publish_set <> file
    )
    and m.load_id <> all(%(ids)s)
    and m.status in ('received', 'held', 'rejected')
    and not exists (
        select from quality.load as n where n.path = m.path and n.load_id > m.load_id
    )
order by m.path
"""

# The loads of these files that are current from here on; kept beside the load because the gate
# and the summary ask for it often.
FLIP = """
update quality.load as l set is_current = not l.is_current
where (l.agency, l.file) in (select agency, file from quality.load where load_id = any(%(ids)s))
    and l.is_current <> exists (
        select from quality.current_load as c where c.load_id = l.load_id
    )
"""


def publish(connection: psycopg.Connection, load_ids: Sequence[int]) -> dict[str, int]:
    """Attach the loads' candidates to staging and make them current, in one transaction.

    Returns rows by table. Raises LifecourseError, and changes nothing, unless the gate of
    every load was passed or overridden and its candidate tables are there;
    UnusableEnvironment when a reader keeps its lock for longer than LOCK_TIMEOUT.
    """
    from psycopg import errors

    ids = sorted(set(load_ids))
    if not ids:
        return {}
    try:
        with committed(connection):
            connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
            # What is current follows the order of publications, so there is one at a time; and
            # it is judged as of now, whatever the session looks at.
            connection.execute("set local lifecourse.as_of = ''")
            connection.execute("select pg_advisory_xact_lock(hashtext('lifecourse.publish'))")
            return _publish(connection, ids)
    except errors.LockNotAvailable as error:
        raise UnusableEnvironment(
            f"Publishing waited {LOCK_TIMEOUT} for a reader of staging and gave up; nothing was "
            "changed. Run again when long queries have ended."
        ) from error


def hold(
    connection: psycopg.Connection, load_ids: Sequence[int], *, reason: str | None = None
) -> None:
    """Mark loads as held; what was published before stays, the candidates wait for a steward.

    Of each file only the latest held load keeps its candidate tables: an older one has been
    overtaken, and identified rows are not kept without need.
    """
    with committed(connection):
        held = connection.execute(
            "update quality.load set status = 'held', reason = coalesce(%s, reason), "
            "decided_at = now() where load_id = any(%s) and status in ('received', 'held') "
            "returning agency, file",
            (reason, list(load_ids)),
        ).fetchall()
        reopen_duplicates(connection, load_ids)
        overtaken = connection.execute(
            "select load_id, agency from quality.load as l where status = 'held' "
            "and (agency, file) in (select * from unnest(%s::text[], %s::text[])) "
            "and exists (select from quality.load as n where n.status = 'held' "
            "and n.agency = l.agency and n.file = l.file and n.load_id > l.load_id)",
            ([agency for agency, _ in held], [file for _, file in held]),
        ).fetchall()
        drop_candidates(connection, [load_id for load_id, _ in overtaken])


def drop_candidates(connection: psycopg.Connection, load_ids: Sequence[int]) -> None:
    """Drop the candidate tables of these loads; published partitions are not touched."""
    from psycopg import sql

    for schema, name, _, load_id in staging.candidates(connection) if load_ids else []:
        if load_id in load_ids:
            connection.execute(sql.SQL("drop table {}").format(sql.Identifier(schema, name)))


def _publish(connection: psycopg.Connection, ids: list[int]) -> dict[str, int]:
    from psycopg import sql

    publication = connection.execute("select nextval('quality.publication')").fetchone()[0]
    accepted = connection.execute(ACCEPT, {"ids": ids, "publication": publication}).fetchall()
    if len(accepted) != len(ids):
        raise LifecourseError(_refusal(connection, ids, {row[0] for row in accepted}))
    missing = connection.execute(MISSING, {"ids": ids}).fetchone()
    if missing:
        raise LifecourseError(
            f"{_places(connection, ids[:1])} may not be published without the rest of its set: "
            f"{missing[0]} is {missing[1]}. Nothing was published; publish the set as one."
        )
    owned = [c for c in staging.candidates(connection) if c[3] in set(ids)]
    bare = set(ids) - {load_id for *_, load_id in owned}
    if bare:
        raise LifecourseError(
            f"{_places(connection, sorted(bare))} cannot be published: its candidate tables are "
            "gone. Ask for the file again under a new name."
        )
    agencies = {row[0]: row[1] for row in accepted}
    counted = {row[0]: row[4] for row in accepted}
    rows: dict[str, int] = {}
    for schema, name, table, load_id in owned:
        if schema != staging.candidate_schema(agencies[load_id]):
            continue
        home = staging.staging_schema(agencies[load_id])
        if sum(other == load_id for *_, other in owned) == 1 and counted[load_id] is not None:
            count = counted[load_id]
        else:
            count = connection.execute(
                sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
            ).fetchone()[0]
        rows[table] = rows.get(table, 0) + count
        connection.execute(
            sql.SQL(
                "alter table {candidate} reset (autovacuum_enabled);"
                "alter table {candidate} set schema {home};"
                "alter table {parent} attach partition {partition} for values in ({load_id})"
            ).format(
                candidate=sql.Identifier(schema, name),
                home=sql.Identifier(home),
                parent=sql.Identifier(home, table),
                partition=sql.Identifier(home, name),
                load_id=sql.Literal(load_id),
            )
        )
    _analyze(connection, [(staging.staging_schema(agencies[i]), name) for _, name, _, i in owned])
    parents: dict[int, dict[str, str]] = {load_id: {} for load_id in ids}
    for _, _, table, load_id in owned:
        parents[load_id][table] = staging.staging_schema(agencies[load_id])
    for load_id in ids:
        superseding.note_periods(connection, load_id, parents[load_id])
    for load_id in ids:
        superseding.supersede(connection, load_id, parents[load_id])
    connection.execute(FLIP, {"ids": ids})
    return rows


def _analyze(connection: psycopg.Connection, partitions: list[tuple[str, str]]) -> None:
    """Give figures to the partitions that the loader has not analyzed.

    Without them the planner takes a new table for tiny: a join in identity took 30 s instead of
    1 (2026-11-23).
    """
    from psycopg import sql

    without = connection.execute(
        "select n.nspname, c.relname from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "join unnest(%s::text[], %s::text[]) as p (schema, name) "
        "on p.schema = n.nspname and p.name = c.relname where c.reltuples < 0",
        ([schema for schema, _ in partitions], [name for _, name in partitions]),
    ).fetchall()
    for schema, name in without:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(schema, name)))


def _refusal(connection: psycopg.Connection, ids: list[int], accepted: set[int]) -> str:
    refused = [load_id for load_id in ids if load_id not in accepted]
    rows = connection.execute(
        "select load_id, path, status, gate_status from quality.load where load_id = any(%s)",
        (refused,),
    ).fetchall()
    if not rows:
        return f"There is no load {', '.join(map(str, refused))}; nothing was published."
    _, place, status, gate_status = rows[0]
    more = f" (and {len(refused) - 1} more of the set)" if len(refused) > 1 else ""
    return (
        f"{place}{more} may not be published: its status is {status} and its gate says "
        f"{gate_status}. Nothing was published; let the gate pass or a steward override it."
    )


def _places(connection: psycopg.Connection, ids: list[int]) -> str:
    rows = connection.execute("select path from quality.load where load_id = any(%s)", (ids,))
    return ", ".join(row[0] for row in rows)
