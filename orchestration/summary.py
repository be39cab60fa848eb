"""What is in the warehouse now, in figures a person can read.

Add here: a figure of the summary or a column of the deliveries list. Keep out: figures about
single persons.
"""

from __future__ import annotations

from typing import Any

from orchestration import landing, warehouse
from orchestration.settings import Settings

_PUBLISHED = """
select table_schema, table_name
from information_schema.tables
where
    (table_schema ~ '^(core|panels|marts_.*)$' and table_type = 'BASE TABLE')
    or (table_schema ~ '^staging_' and table_name ~ '_current$')
order by 1, 2
"""


def summary(settings: Settings) -> dict[str, Any]:
    """Figures of the current release.

    Returns {"tables": {"schema.table": rows}, "deliveries": {status: files}, "persons": int,
    "households": int, "spells": {program: spells}}; persons, households and spells are 0 and
    {} before the first release.
    """
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        tables = {
            f"{schema}.{table}": connection.execute(
                f'select count(*) from "{schema}"."{table}"'
            ).fetchone()[0]
            for schema, table in connection.execute(_PUBLISHED).fetchall()
        }
        statuses = dict(
            connection.execute(
                "select status, count(*) from quality.load group by status order by status"
            ).fetchall()
        )
        spells = (
            dict(
                connection.execute(
                    "select program_id, count(*) from core.spell group by program_id order by 1"
                ).fetchall()
            )
            if "core.spell" in tables
            else {}
        )
    return {
        "deliveries": statuses,
        "persons": tables.get("core.person", 0),
        "households": tables.get("core.household", 0),
        "spells": spells,
        "tables": tables,
    }


def deliveries(settings: Settings) -> list[dict[str, Any]]:
    """Every delivered file, oldest first, with its status and the rules that held it.

    A row: load_id, agency, file, period, delivery, type, received (ISO), status, rows, current,
    reason, note, set_aside (rows in quarantine), failed_rules: [{rule, severity, message}]
    (critical ones first).
    """
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, ())
        loads = connection.execute(
            """
            select load_id, agency, file, period, delivery, received_at, status, row_count,
                is_current, reason, delivery_type, note
            from quality.load order by delivery_order, agency, file, load_id
            """
        ).fetchall()
        aside = dict(
            connection.execute(
                "select load_id, count(*) from quality.quarantined_row group by 1"
            ).fetchall()
        )
        failed: dict[int, list[dict[str, str]]] = {}
        for load_id, rule, severity, message in connection.execute(
            """
            select load_id, rule_id, severity, message from quality.check_result
            where status in ('failed', 'error') and load_id is not null
            order by load_id, severity, check_result_id
            """
        ):
            failed.setdefault(load_id, []).append(
                {"rule": rule, "severity": severity, "message": message}
            )
    return [
        {
            "load_id": load[0],
            "agency": load[1],
            "file": load[2],
            "period": load[3],
            "delivery": load[4],
            "type": load[10],
            "received": load[5].isoformat(timespec="seconds"),
            "status": load[6],
            "rows": load[7],
            "current": load[8],
            "reason": load[9],
            "note": load[11],
            "set_aside": aside.get(load[0], 0),
            "failed_rules": failed.get(load[0], []),
        }
        for load in loads
    ]
