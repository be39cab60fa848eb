"""One delivered file into its candidate tables, whole or not at all.

Add here: a check that needs the whole file. Keep out: judging rows (quality), reading them
(readers).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError, UnusableEnvironment
from orchestration.landing import registry, staging, superseding
from orchestration.landing.contracts import Contract, Table
from orchestration.landing.discovery import DeliveredFile, manifest_entry
from orchestration.landing.readers import BadInput, Source, copy_blocks
from orchestration.landing.registry import committed

if TYPE_CHECKING:
    import psycopg


# Fewer rows than this are planned well enough without statistics, and a delivery of 24 small
# files costs a second of ANALYZE; autovacuum sees to them later (2026-11-23).
WORTH_ANALYZING = 10_000


class DeliveryRejected(LifecourseError):
    """The file is not what its contract says; nothing of it was loaded.

    reason: the sentence a steward can send to the agency; also in quality.load.reason.
    """

    def __init__(self, reason: str, load_id: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.load_id = load_id


@dataclass(frozen=True)
class LoadReport:
    """tables: rows in each candidate table."""

    load_id: int
    tables: dict[str, int]


def load_candidate(connection: psycopg.Connection, file: DeliveredFile, load_id: int) -> LoadReport:
    """Read a registered file into candidate_<agency>.<table>_l<load_id>, in one transaction.

    Raises DeliveryRejected, with the load marked `rejected` and no table left, when the file is
    not as agreed; UnusableEnvironment, with the load still `received`, when the warehouse or
    the disk gave way.
    """
    import psycopg

    contract = file.contract
    if contract is None:
        raise LifecourseError(f"{file.place} has no contract, so it cannot be loaded.")
    try:
        with committed(connection):
            registered = connection.execute(
                "select sha256 from quality.load where load_id = %s and status = 'received' "
                "for update",
                (load_id,),
            ).fetchone()
            if registered is None:
                raise LifecourseError(
                    f"Load {load_id} of {file.place} does not wait to be loaded; it was decided on."
                )
            tables = _load(connection, file, contract, load_id, registered[0])
            connection.execute(
                "update quality.load set row_count = %s, contract_version = %s, by_key = %s, "
                "gate_status = 'pending' where load_id = %s",
                (
                    sum(tables.values()),
                    contract.version,
                    json.dumps(superseding.rules(contract)),
                    load_id,
                ),
            )
    except BadInput as bad:
        reason = f"{file.place}: {bad}."
        _reject(connection, load_id, reason)
        raise DeliveryRejected(reason, load_id) from bad
    except psycopg.OperationalError as error:
        raise UnusableEnvironment(
            f"The warehouse gave way while {file.place} was loaded ({type(error).__name__}); "
            "nothing of it was kept. See that the server is up and its disk has room, then run "
            "again."
        ) from None
    except psycopg.Error as error:
        # The server's own words quote the row it stumbled over.
        raise LifecourseError(
            f"The warehouse refused {file.place} ({type(error).__name__}), which is a fault of the "
            "loader and not of the file; nothing of it was kept. Report it with the file's layout."
        ) from None
    except OSError as error:
        raise UnusableEnvironment(
            f"{file.place} could not be read to its end ({error.strerror}); nothing of it was "
            "kept. Run again when it can be read."
        ) from error
    return LoadReport(load_id, tables)


def recover(connection: psycopg.Connection) -> int:
    """Clean up after a run that was killed; returns the loads that will be taken up anew.

    Drops candidate tables that no held load owns, and forgets loads that were received but
    never decided on, with their check results: the next register() enters them again.
    """
    from psycopg import sql

    with committed(connection):
        held = {
            row[0]
            for row in connection.execute("select load_id from quality.load where status = 'held'")
        }
        for schema, name, _, load_id in staging.candidates(connection):
            if load_id not in held:
                connection.execute(
                    sql.SQL("drop table if exists {}").format(sql.Identifier(schema, name))
                )
        forgotten = [
            row[0]
            for row in connection.execute(
                "select load_id from quality.load where status = 'received' for update"
            )
        ]
        registry.forget(connection, forgotten)
    return len(forgotten)


def _load(
    connection: psycopg.Connection,
    file: DeliveredFile,
    contract: Contract,
    load_id: int,
    sha256: str,
) -> dict[str, int]:
    if file.problem:
        raise BadInput(file.problem)
    tables: dict[str, int] = {}
    for table in contract.tables:
        # A file of several record types is read once for each: one connection, one COPY.
        source = Source(file.path, contract.encoding)
        tables[table.name] = _copy(connection, source, contract, table, load_id)
        if source.sha256 != sha256:
            raise BadInput(
                "it changed between being registered and being read; it is taken up again when "
                "its transfer has ended"
            )
        if not tables[table.name] and not table.rows_optional:
            has = "a header and no rows" if contract.file_format in ("csv", "excel") else "no rows"
            raise BadInput(f"it has {has}, where rows are required")
    _check_manifest(file, source)
    return tables


def _copy(
    connection: psycopg.Connection,
    source: Source,
    contract: Contract,
    table: Table,
    load_id: int,
) -> int:
    from psycopg import sql

    columns, blocks = copy_blocks(source, contract, table)
    candidate = staging.create_candidate(connection, contract.agency, table.name, load_id)
    # FREEZE: the table is new in this transaction, so its rows need no later vacuum.
    statement = sql.SQL("copy {} ({}) from stdin with (format text, null '', freeze)").format(
        candidate, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    rows = 0
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block.text)
                copy.write("\n")
                rows += block.rows
        if cursor.rowcount != rows:
            raise LifecourseError(
                f"The warehouse counted {cursor.rowcount} rows of table {table.name} where "
                f"{rows} were sent; this is a fault of the loader."
            )
        if rows >= WORTH_ANALYZING:
            cursor.execute(sql.SQL("analyze {}").format(candidate))
    return rows


def _check_manifest(file: DeliveredFile, source: Source) -> None:
    """Last, so that a sentence about the file itself wins over one about a number."""
    try:
        entry = manifest_entry(file)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if entry is None:
        return
    for unit, measured in (("rows", source.records), ("bytes", source.bytes)):
        agreed = entry.get(unit)
        if agreed is not None and agreed != measured:
            raise BadInput(
                f"the manifest says {agreed} {unit}, the file has {measured}: it was cut off or "
                "changed on the way"
            )
    agreed = entry.get("sha256")
    if agreed is not None and str(agreed).lower() != source.sha256:
        raise BadInput("its sha256 is not the manifest's: it was changed on the way")


def _reject(connection: psycopg.Connection, load_id: int, reason: str) -> None:
    with committed(connection):
        connection.execute(
            "update quality.load set status = 'rejected', reason = %s, decided_at = now() "
            "where load_id = %s",
            (reason, load_id),
        )
        registry.reopen_duplicates(connection, [load_id])
