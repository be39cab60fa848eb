"""What is new since the last run: identity records, and decisions of stewards.

An identity record's id is a hash of all its fields, so two sets of ids tell everything: a
changed record is one that went and one that came. Add here: something that makes a run needed.
Keep out: what a run does about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestration.linkage import overrides, records

if TYPE_CHECKING:
    import psycopg

    from orchestration.linkage.store import Key


@dataclass(frozen=True)
class Changes:
    """new, gone: identity record ids since the last run; keys: the source keys they are of,
    and those of decisions that came into force, were withdrawn or expired; decided: the
    latter alone."""

    new: list[str]
    gone: list[str]
    keys: set[Key]
    decided: set[Key]

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def size(self) -> int:
        """Identity records that came or went."""
        return len(self.new) + len(self.gone)

    def concerning(self, keys: tuple[Key, ...]) -> Changes:
        """These changes and a decision about `keys`."""
        return replace(self, keys=self.keys | set(keys), decided=self.decided | set(keys))


def find(connection: psycopg.Connection, before: list[int], now: list[int]) -> Changes:
    """Compare identity.identity_record with linkage.variant, and the decisions in force then
    with those in force now (override ids)."""
    records.demand_source(connection)
    rows = connection.execute(
        f"""
        with difference as (
            select
                coalesce(record.identity_record_id, variant.identity_record_id)
                    as identity_record_id,
                record.source_system, record.source_person_key, variant.record_number,
                variant.identity_record_id is null as is_new
            from {records.SOURCE} as record
            full join linkage.variant using (identity_record_id)
            where record.identity_record_id is null or variant.identity_record_id is null
        )
        select
            identity_record_id, is_new,
            coalesce(difference.source_system, source_record.source_system),
            coalesce(difference.source_person_key, source_record.source_person_key)
        from difference
        left join linkage.source_record using (record_number)
        order by identity_record_id collate "C"
        """
    ).fetchall()
    decided = overrides.keys_of(connection, sorted(set(before) ^ set(now)))
    return Changes(
        new=[row[0] for row in rows if row[1]],
        gone=[row[0] for row in rows if not row[1]],
        keys={(row[2], row[3]) for row in rows} | decided,
        decided=decided,
    )
