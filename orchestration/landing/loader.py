"""One delivered file into its candidate tables, whole or not at all.

Add here: a check that needs the whole file. Keep out: judging rows (quality), reading them
(readers).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError, UnusableEnvironment
from orchestration.landing import copying, registry, staging, superseding
from orchestration.landing.contracts import Contract, Table
from orchestration.landing.copy_text import CopyBlock
from orchestration.landing.discovery import DeliveredFile, manifest_entry
from orchestration.landing.readers import BadInput, Source, copy_blocks
from orchestration.landing.registry import committed

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql


# Fewer rows than this are planned well enough without statistics, and a delivery of 24 small
# files costs a second of ANALYZE; autovacuum sees to them later (2026-11-23).
WORTH_ANALYZING = 10_000
# Bytes of a file from which a second connection pays for itself, half a second's COPY. Such a
# file's rows are committed before the load is: nobody sees a candidate table before its load
# has its number of rows, and what a broken load leaves is dropped (2026-11-25).
WORTH_TWO = 32_000_000


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
        try:
            tables = _load_registered(connection, file, contract, load_id)
        except BaseException:
            _drop_committed(connection, contract, load_id)
            raise
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


def _load_registered(
    connection: psycopg.Connection, file: DeliveredFile, contract: Contract, load_id: int
) -> dict[str, int]:
    with committed(connection):
        # Loaded once before, it is no longer: a big file's rows are not of this transaction.
        connection.execute(
            "update quality.load set row_count = null, gate_status = 'pending' "
            "where load_id = %s and status = 'received'",
            (load_id,),
        )
    with committed(connection):
        registered = connection.execute(
            "select sha256 from quality.load where load_id = %s and status = 'received' for update",
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
    return tables


def _drop_committed(connection: psycopg.Connection, contract: Contract, load_id: int) -> None:
    """Drop what a broken load of a big file has committed; a killed one is seen to by recover()."""
    from psycopg import Error, sql

    with contextlib.suppress(Error), copying.again(connection) as other:
        broken = other.execute(
            "select from quality.load where load_id = %s and status = 'received' "
            "and row_count is null",
            (load_id,),
        ).fetchone()
        for table in contract.tables if broken is not None else ():
            name = staging.candidate_table(table.name, load_id)
            other.execute(
                sql.SQL("drop table if exists {}").format(
                    sql.Identifier(staging.candidate_schema(contract.agency), name)
                )
            )


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
    # Of an earlier try at this load, if any; the gate sets rows aside anew.
    connection.execute("delete from quality.quarantined_row where load_id = %s", (load_id,))
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
        if source.footer is not None:
            _set_footer_aside(connection, contract, table, load_id, source)
    _check_manifest(file, source)
    connection.execute(
        "update quality.load set note = %s where load_id = %s",
        (f"{file.place}: {'; '.join(source.notes)}." if source.notes else None, load_id),
    )
    return tables


def _set_footer_aside(
    connection: psycopg.Connection, contract: Contract, table: Table, load_id: int, source: Source
) -> None:
    place = (load_id, table.name, source.records + 1)
    connection.execute(
        "insert into quality.quarantined_row "
        "(load_id, table_name, row_number, rule_ids, column_names, is_footer) "
        "values (%s, %s, %s, %s, '{}', true)",
        (*place, [f"{contract.agency}.{contract.file}.footer"]),
    )
    connection.execute(
        "insert into quarantine.raw_row (load_id, table_name, row_number, content) "
        "values (%s, %s, %s, %s)",
        (*place, json.dumps({"line": source.footer})),
    )


def _copy(
    connection: psycopg.Connection,
    source: Source,
    contract: Contract,
    table: Table,
    load_id: int,
) -> int:
    from psycopg import sql

    columns, blocks = copy_blocks(source, contract, table)
    counting = _Counted(blocks)
    if source.path.stat().st_size < WORTH_TWO:
        candidate = staging.create_candidate(connection, contract.agency, table.name, load_id)
        # FREEZE: the table is new in this transaction, so its rows need no later vacuum.
        statement = _statement(candidate, columns, "text, null '', freeze")
        stored = copying.over(connection, statement, counting)
    else:
        with copying.again(connection) as other:
            candidate = staging.create_candidate(other, contract.agency, table.name, load_id)
        statement = _statement(candidate, columns, "text, null ''")
        stored = copying.side_by_side(connection, statement, counting)
    if stored != counting.rows:
        raise LifecourseError(
            f"The warehouse counted {stored} rows of table {table.name} where {counting.rows} "
            "were sent; this is a fault of the loader."
        )
    if stored >= WORTH_ANALYZING:
        connection.execute(sql.SQL("analyze {}").format(candidate))
    return stored


def _statement(candidate: sql.Identifier, columns: tuple[str, ...], options: str) -> sql.Composed:
    from psycopg import sql

    return sql.SQL("copy {} ({}) from stdin with (format {})").format(
        candidate, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(options)
    )


class _Counted:
    """Blocks as they pass, and their rows so far."""

    def __init__(self, blocks: Iterable[CopyBlock]) -> None:
        self.blocks, self.rows = blocks, 0

    def __iter__(self) -> Iterator[CopyBlock]:
        for block in self.blocks:
            self.rows += block.rows
            yield block


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
