"""What a gate found, and where it is written down.

Add here: a field of a result that a steward or Dagster shows. Keep out: how results come
about (engine), their wording (messages).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

# One row is Great Expectations' result for one table of one load (or of core, load_id null):
# what Data Docs are made of. Superseded ones go; quality.check_result keeps the record.
TABLE = """
create table if not exists quality.validation (
    validation_id bigint generated always as identity primary key,
    load_id integer references quality.load (load_id),
    agency text not null,
    file text not null,
    table_name text not null,
    document jsonb not null,
    validated_at timestamptz not null default now()
);
create index if not exists validation_by_file on quality.validation (agency, file, load_id);
"""


@dataclass(frozen=True)
class CheckResult:
    """The verdict on one rule. No field holds a value of a delivered row.

    status: passed | failed | error | not_applicable. column: the column, or the failing
    columns separated by commas. observed, threshold: as text, with their unit. tier: one of
    tiers.TIERS.
    """

    rule_id: str
    table: str
    column: str | None
    expectation_type: str
    dimension: str
    severity: str
    status: str
    observed: str | None
    threshold: str | None
    message: str
    why: str
    fix: str
    tier: str = "record value"

    @property
    def blocks(self) -> bool:
        """True when this result alone keeps the load from being published."""
        return self.severity == "critical" and self.status in ("failed", "error")


@dataclass(frozen=True)
class GateReport:
    """The verdict on one load (load_id None: on core)."""

    load_id: int | None
    results: list[CheckResult]

    @property
    def passed(self) -> bool:
        return not any(result.blocks for result in self.results)

    @property
    def gate_status(self) -> str:
        """What the publish statement reads: passed | failed | error."""
        blocking = [result.status for result in self.results if result.blocks]
        if not blocking:
            return "passed"
        return "error" if "error" in blocking else "failed"


def suspend(result: CheckResult, why: str | None) -> CheckResult:
    """A failed critical result under an override in force: shown as a warning that says so."""
    if why is None or not result.blocks:
        return result
    return replace(result, severity="warning", message=f"{result.message} Rule {why}.")


def ensure_table(connection: psycopg.Connection) -> None:
    """Create quality.validation where it is missing. Idempotent; does not commit."""
    there = connection.execute("select to_regclass('quality.validation') is not null").fetchone()
    if not (there and there[0]):
        connection.execute(TABLE)


def save(
    connection: psycopg.Connection,
    *,
    load_id: int | None,
    agency: str,
    file_of: dict[str, str],
    period: str | None,
    results: Iterable[CheckResult],
    documents: dict[str, dict[str, Any]],
) -> None:
    """Write results and documents; those of an earlier gate on the same load are replaced.

    file_of: table -> file. Does not commit.
    """
    ensure_table(connection)
    if load_id is None:
        connection.execute(
            "delete from quality.validation where load_id is null and agency = %s", [agency]
        )
    else:
        connection.execute("delete from quality.check_result where load_id = %s", [load_id])
        # Kept for Data Docs: the latest accepted load of each file, and every held one.
        connection.execute(
            """
            delete from quality.validation as old
            where old.load_id = %(load_id)s
               or (old.agency = %(agency)s and old.file = any(%(files)s)
                   and exists (
                       select from quality.load as superseded
                       join quality.load as later
                         on later.agency = superseded.agency and later.file = superseded.file
                        and later.status = 'accepted' and later.load_id > superseded.load_id
                       where superseded.load_id = old.load_id
                         and superseded.status <> 'held'))
            """,
            {"load_id": load_id, "agency": agency, "files": sorted(set(file_of.values()))},
        )
    with connection.cursor() as cursor:
        with cursor.copy(
            "copy quality.check_result (load_id, agency, file, table_name, period, rule_id, "
            "expectation_type, column_name, dimension, severity, status, observed, threshold, "
            "message, why, fix, tier) from stdin"
        ) as copy:
            for r in results:
                copy.write_row(
                    (
                        load_id,
                        agency,
                        file_of[r.table],
                        r.table,
                        period,
                        r.rule_id,
                        r.expectation_type,
                        r.column,
                        r.dimension,
                        r.severity,
                        r.status,
                        r.observed,
                        r.threshold,
                        r.message,
                        r.why,
                        r.fix,
                        r.tier,
                    )
                )
        cursor.executemany(
            "insert into quality.validation (load_id, agency, file, table_name, document) "
            "values (%s, %s, %s, %s, %s)",
            [
                (load_id, agency, file_of[table], table, json.dumps(document))
                for table, document in documents.items()
            ],
        )
