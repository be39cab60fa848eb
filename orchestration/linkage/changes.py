"""What is new since the last run: identity records, and decisions of stewards.

An identity record's id is a hash of all its fields, so two sets of ids tell everything: a
changed record is one that went and one that came. Add here: something that makes a run needed.
Keep out: what a run does about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestration.linkage import overrides, records, store
from orchestration.linkage.encoding import is_in

if TYPE_CHECKING:
    import numpy
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


def find(
    connection: psycopg.Connection, inputs: records.Inputs, before: list[int], now: list[int]
) -> Changes:
    """Compare the identity records there are with those that the last run saw (linkage.variant),
    and the decisions in force then with those in force now (override ids).

    Makes temporary table `fresh`, the new identity records, where others have been seen.
    """
    seen = records.seen(connection)
    new = inputs.hashes[~is_in(inputs.hashes, seen)]
    gone = seen[~is_in(seen, inputs.hashes)]
    came = records.SOURCE
    if len(seen):
        came = "fresh"
        _ask(connection, new)
        connection.execute(
            f"create temporary table fresh on commit drop as"
            f" select {', '.join(records.COLUMNS)} from {records.SOURCE}"
            f" where {records.HASH} in (select hash from changed); analyze fresh"
        )
    rows = connection.execute(
        f"select identity_record_id, source_system, source_person_key from {came}"
    ).fetchall()
    left = []
    if len(gone):
        _ask(connection, gone)
        left = connection.execute(
            "select identity_record_id, source_system, source_person_key from linkage.variant"
            f" join linkage.source_record using (record_number)"
            f" where {records.HASH} in (select hash from changed)"
        ).fetchall()
    decided = overrides.keys_of(connection, sorted(set(before) ^ set(now)))
    return Changes(
        new=sorted(row[0] for row in rows),
        gone=sorted(row[0] for row in left),
        keys={row[1:] for row in (*rows, *left)} | decided,
        decided=decided,
    )


def _ask(connection: psycopg.Connection, hashes: numpy.ndarray) -> None:
    """Make temporary table `changed` of hashes."""
    connection.execute(
        "drop table if exists changed; create temporary table changed (hash bigint) on commit drop"
    )
    store.copy_numbers(connection, "changed", hash=hashes)
    connection.execute("analyze changed")
