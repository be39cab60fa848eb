"""The register of delivered files: one row of quality.load for each, decided on once.

Add here: what makes two files the same. Keep out: reading rows (readers), tables (staging).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.errors import UnusableEnvironment
from orchestration.landing import delivery_types
from orchestration.landing.contracts import Contract
from orchestration.landing.delivery_types import ALL, Terms
from orchestration.landing.discovery import DELIVERY, DeliveredFile, manifest_entry
from orchestration.landing.readers import BadInput, has_rows

if TYPE_CHECKING:
    import psycopg

# Hashing every file at every run would read the whole drop again. A file whose size, times
# and inode are those of its last hashing is taken as unchanged; ctime moves with any write,
# rename or touch. A file younger than this is hashed again next time, because two writes in
# one tick of the clock (4 ms on Linux, 2 s on FAT) leave the same times (2026-11-23).
SETTLED_NS = 3_000_000_000
# Both say the same: delivery_types.order() before a file is entered, delivery_order after.
DDL = r"""
create table if not exists quality.seen_file (
    path text primary key,
    fingerprint text not null,
    sha256 text not null
);
-- manifest: the file's entry in its delivery's manifest, when it was registered
-- by_key: of each table, how single rows are replaced (superseding.rules)
-- note: what the reader put right, such as a byte order mark
-- publication: numbers the transactions that changed what is current
alter table quality.load add column if not exists publish_set text;
alter table quality.load add column if not exists manifest text;
alter table quality.load add column if not exists by_key jsonb;
alter table quality.load add column if not exists note text;
alter table quality.load add column if not exists publication bigint;
alter table quality.load add column if not exists delivery_type text not null default 'original'
    check (delivery_type in
        ('original', 'resubmission', 'full_replacement', 'correction', 'incremental'));
alter table quality.load add column if not exists delivery_order text collate "C"
    generated always as (
        left(delivery, 7)
        || lpad(coalesce(substring(delivery from '^.{7}[_-][A-Za-z]*(\d+)'), ''), 9, '0')
        || delivery
    ) stored;
create sequence if not exists quality.publication;
-- of a warehouse from before there were publications
drop index if exists quality.load_one_current;
update quality.load set publication = nextval('quality.publication')
from (
    select load_id from quality.load
    where publication is null and status in ('accepted', 'duplicate')
    order by decided_at, load_id
) as unnumbered
where load.load_id = unnumbered.load_id;
create index if not exists load_by_path on quality.load (path, load_id);
create index if not exists load_by_file on quality.load (agency, file, load_id);
"""


@dataclass(frozen=True)
class Registration:
    """The register's answer. known: the file was there before, nothing new was written.

    status: 'received' (to be loaded), 'duplicate', 'rejected', or what was decided before.
    """

    load_id: int
    status: str
    known: bool
    reason: str | None


def once(connection: psycopg.Connection, relation: str, ddl: str) -> None:
    """Run statements unless they have been run; `relation`, made by them, remembers which.

    Even `if not exists` waits for every reader of a table, and a load that is being copied
    holds the register for minutes.
    """
    from psycopg import sql

    fingerprint = hashlib.md5(ddl.encode()).hexdigest()
    row = connection.execute(
        "select obj_description(to_regclass(%s), 'pg_class')", (relation,)
    ).fetchone()
    if row and row[0] == fingerprint:
        return
    connection.execute(ddl)
    kind = connection.execute(
        "select relkind from pg_class where oid = to_regclass(%s)", (relation,)
    ).fetchone()
    connection.execute(
        sql.SQL("comment on {} {} is {}").format(
            sql.SQL("view" if kind[0] == "v" else "table"),
            sql.Identifier(*relation.split(".")),
            sql.Literal(fingerprint),
        )
    )


def register(connection: psycopg.Connection, file: DeliveredFile) -> Registration:
    """Enter a file, or find it. Needs ensure_staging to have run.

    Known: the last content seen at this place is the same. A rejected one is taken up again
    when its contract's version or its line in the manifest is new; a held one of a set of
    several files, when another file of the set has been delivered anew beside it. Duplicate:
    the file's latest load before it holds the same content under another name. Rejected at
    once: no contract describes it, its contract says it must not be loaded, or it comes as a
    delivery type that the contract has no terms for. Anything else is 'received'. Raises
    UnusableEnvironment when the file cannot be read.
    """
    contract = file.contract
    with committed(connection):
        sha256, size = _content(connection, file)
        entry, manifest, agrees = _manifest(file, sha256, size)
        version = contract.version if contract else None
        last = connection.execute(
            "select load_id, status, reason, sha256 = %s, contract_version, manifest "
            "from quality.load where path = %s order by load_id desc limit 1",
            (sha256, file.place),
        ).fetchone()
        if last and last[3]:
            load_id, status, reason, _, *terms = last
            news = (status == "rejected" and terms != [version, manifest]) or (
                status == "held" and _set_goes_on(connection, file)
            )
            if not news:
                return Registration(load_id, status, True, reason)
        status, reason = "received", None
        terms, fault = _terms(file, entry)
        if contract is None:
            status, reason = "rejected", _undescribed(file)
        elif contract.access_class == "unavailable":
            status = "rejected"
            reason = f"{file.place}: its contract says `unavailable`, so it is not loaded."
        elif fault:
            status, reason = "rejected", f"{file.place}: {fault}."
        elif agrees and (twin := _twin(connection, file, sha256, terms)):
            status = "duplicate"
            reason = f"{file.place}: the same content as load {twin[0]}, {twin[1]}."
        values = {
            "agency": file.agency,
            "file": contract.file if contract else file.path.name,
            "period": terms.period,
            "delivery": file.delivery,
            "delivery_type": terms.delivery_type,
            "scope": terms.scope,
            "path": file.place,
            "sha256": sha256,
            "bytes": size,
            "status": status,
            "reason": reason,
            "contract_version": version,
            "publish_set": contract.publish_set if contract else None,
            "manifest": manifest,
        }
        row = connection.execute(
            f"insert into quality.load ({', '.join(values)}, decided_at, publication) "
            f"values ({', '.join(f'%({name})s' for name in values)}, "
            "case when %(status)s <> 'received' then now() end, "
            # A duplicate changes until when its rows are known to hold.
            "case when %(status)s = 'duplicate' then nextval('quality.publication') end) "
            "returning load_id",
            values,
        ).fetchone()
    return Registration(row[0], status, False, reason)


def forget(connection: psycopg.Connection, load_ids: Iterable[int]) -> None:
    """Delete loads and all that refers to them, so that register() enters their files anew."""
    from psycopg import sql

    ids = list(load_ids)
    referring = connection.execute(
        "select n.nspname, c.relname, a.attname from pg_constraint as k "
        "join pg_class as c on c.oid = k.conrelid "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.conkey[1] "
        "where k.contype = 'f' and k.confrelid = 'quality.load'::regclass"
    ).fetchall()
    for schema, table, column in [*referring, ("quality", "load", "load_id")] if ids else []:
        connection.execute(
            sql.SQL("delete from {} where {} = any(%s)").format(
                sql.Identifier(schema, table), sql.Identifier(column)
            ),
            (ids,),
        )


def reopen_duplicates(connection: psycopg.Connection, load_ids: Iterable[int]) -> None:
    """Forget the duplicates of loads that will not be published.

    A file passed over because an earlier one held the same content gets its own chance when
    that one ends as rejected or held: the fault may lie in the other delivery's manifest, or
    in another file of its set.
    """
    rows = connection.execute(
        "select d.load_id from quality.load as d inner join quality.load as r "
        "on r.agency = d.agency and r.file = d.file and r.sha256 = d.sha256 "
        "where r.load_id = any(%s) and d.status = 'duplicate'",
        (list(load_ids),),
    ).fetchall()
    forget(connection, [load_id for (load_id,) in rows])


def waiting(
    connection: psycopg.Connection, agency: str, contracts: Iterable[Contract], delivery: str
) -> list[tuple[Contract, int]]:
    """The loads of a delivery whose candidate tables wait to be gated or published."""
    by_file = {contract.file: contract for contract in contracts}
    with committed(connection):
        rows = connection.execute(
            "select file, load_id from quality.load where agency = %s and delivery = %s "
            "and file = any(%s) and status = 'received' and row_count is not null "
            "order by file, load_id",
            (agency, delivery, list(by_file)),
        ).fetchall()
    return [(by_file[file], load_id) for file, load_id in rows]


@contextmanager
def committed(connection: psycopg.Connection) -> Iterator[None]:
    """One transaction around the block, finished when the block is left."""
    with connection.transaction():
        yield
    # Where a statement had already opened a transaction, the block above was a savepoint.
    if not connection.autocommit:
        connection.commit()


def _content(connection: psycopg.Connection, file: DeliveredFile) -> tuple[str, int]:
    try:
        stat = file.path.stat()
        fingerprint = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        path = str(file.path.resolve())
        row = connection.execute(
            "select sha256 from quality.seen_file where path = %s and fingerprint = %s",
            (path, fingerprint),
        ).fetchone()
        if row:
            return row[0], stat.st_size
        now = time.time_ns()
        sha256 = file.sha256
    except OSError as error:
        raise UnusableEnvironment(
            f"{file.place} cannot be read ({error.strerror}); make it readable and run again."
        ) from error
    if now - max(stat.st_mtime_ns, stat.st_ctime_ns) > SETTLED_NS:
        connection.execute(
            "insert into quality.seen_file values (%s, %s, %s) on conflict (path) do update "
            "set fingerprint = excluded.fingerprint, sha256 = excluded.sha256",
            (path, fingerprint, sha256),
        )
    return sha256, stat.st_size


def _manifest(
    file: DeliveredFile, sha256: str, size: int
) -> tuple[dict[str, Any] | None, str | None, bool]:
    """What the manifest says of the file now, also as text; whether the file is as it says.

    A file that is not what its manifest says is no duplicate of anything: an export cut down to
    last month's content has to be rejected, not passed over.
    """
    try:
        entry = manifest_entry(file)
    except ValueError as error:
        return None, str(error), False
    if entry is None:
        return None, None, True
    agrees = entry.get("bytes", size) == size and (
        str(entry.get("sha256", sha256)).lower() == sha256
    )
    return entry, json.dumps(entry, sort_keys=True), agrees


def _terms(file: DeliveredFile, entry: dict[str, Any] | None) -> tuple[Terms, str | None]:
    """The terms a file comes on, and what is wrong with them."""
    fault = None
    if file.contract:
        try:
            return delivery_types.terms(file, entry), None
        except BadInput as bad:
            fault = str(bad)
    return Terms("original", file.period, file.period), fault


def _set_goes_on(connection: psycopg.Connection, file: DeliveredFile) -> bool:
    """Whether another file of the held file's set has come in anew in the same delivery."""
    contract = file.contract
    if contract is None or contract.publish_set == contract.file:
        return False
    row = connection.execute(
        "select 1 from quality.load where agency = %s and publish_set = %s and delivery = %s "
        "and status = 'received' and path <> %s limit 1",
        (file.agency, contract.publish_set, file.delivery, file.place),
    ).fetchone()
    return row is not None


def _twin(
    connection: psycopg.Connection, file: DeliveredFile, sha256: str, terms: Terms
) -> tuple[int, str] | None:
    """The earlier load that makes this file a duplicate: (load_id, place).

    In the file's scope only its neighbour in delivery order counts: a snapshot that goes
    back to an older content is news. Under another period any load counts, unless the file
    has no rows: two empty months look the same and are two facts. Changes of rows are no twin
    of a whole, which closes what it does not hold. A held load counts unless it is of a set of
    several files: it may be held for another file's sake, and the set that comes next needs
    all of its own.
    """
    contract = file.contract
    assert contract is not None
    lasting = ["received", "accepted"]
    if contract.publish_set == contract.file:
        lasting.append("held")
    rows = connection.execute(
        "select load_id, path, delivery, scope, sha256, row_count, delivery_type "
        "from quality.load where agency = %s and file = %s and status = any(%s) "
        "order by delivery_order, load_id",
        (file.agency, contract.file, lasting),
    ).fetchall()
    whole = terms.delivery_type not in delivery_types.CHANGES
    here = delivery_types.order(file.delivery)
    own = [row for row in rows if row[3] == terms.scope or ALL in (row[3], terms.scope)]
    earlier = [row for row in own if delivery_types.order(row[2]) <= here]
    neighbour = earlier[-1] if earlier else own[0] if own else None
    if (
        neighbour
        and neighbour[3:5] == (terms.scope, sha256)
        and not (whole and neighbour[6] in delivery_types.CHANGES)
    ):
        return neighbour[0], neighbour[1]
    for load_id, place, _, other, other_sha256, row_count, _ in rows:
        if ALL in (terms.scope, other) or other == terms.scope:
            continue
        if other_sha256 == sha256 and row_count != 0:
            if row_count is None and not has_rows(file.path, contract):
                continue
            return load_id, place
    return None


def _undescribed(file: DeliveredFile) -> str:
    if file.problem:
        return f"{file.place}: {file.problem}."
    if not DELIVERY.fullmatch(file.delivery):
        return (
            f"{file.place}: it does not lie in a delivery folder named after its month, such as "
            f"{file.agency}/2025-01; move it there."
        )
    return (
        f"{file.place}: no contract under expectations/{file.agency} describes a file of this "
        "name; rename the file or write its contract."
    )
