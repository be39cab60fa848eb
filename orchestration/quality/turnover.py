"""What a load keeps of the load before it: ids that stay, come and go, and records restated.

Add here: a figure about two loads of one file. Keep out: limits (_policy.yml) and rules
(stability_types).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.quality.shapes import SAMPLE
from orchestration.quality.typed import quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract, Table

Figure = tuple[str, str, str, float]


def figures(
    connection: psycopg.Connection, contract: Contract, table: Table, relation: str,
    before: str, rows: int,
) -> list[Figure]:  # fmt: skip
    """ids, previous_ids and kept_ids of each id of the key; of a snapshot also compared,
    restated and completed (by column): records of both loads, those of them where a value is
    now another or gone, and those where there was none and is one.

    relation, before: SQL for FROM that yields the rows of this load and of the accepted load
    before it. Records are compared in a sample of this load.
    """
    found: list[Figure] = []
    for name in ids_of(table):
        column = quote(name)
        told = connection.execute(
            f"select count(*) filter (where now.id is not null), "  # type: ignore[arg-type]
            "count(*) filter (where earlier.id is not null), "
            "count(*) filter (where now.id is not null and earlier.id is not null) "
            f"from (select distinct {column} as id from {relation}) as now "
            f"full join (select distinct {column} as id from {before}) as earlier using (id)"
        ).fetchone()
        assert told is not None
        metrics = ("ids", "previous_ids", "kept_ids")
        found += [(metric, name, "", n) for metric, n in zip(metrics, told, strict=True)]
    others = [c.name for c in table.columns if c.key_position is None]
    if contract.delivery_kind != "snapshot" or not table.key or not others:
        return found
    keys = ", ".join(map(quote, table.key))
    counted = ", ".join(
        f"count(*) filter (where now.{quote(n)} is distinct from earlier.{quote(n)} "
        f"and earlier.{quote(n)} is not null), "
        f"count(now.{quote(n)}) filter (where earlier.{quote(n)} is null)"
        for n in others
    )
    every = max(1, rows // SAMPLE)
    told = connection.execute(
        f"select count(*), {counted} "  # type: ignore[arg-type]
        f"from (select * from {relation} where _row_number % {every} = 0) as now "
        f"join {before} as earlier using ({keys})"
    ).fetchone()
    assert told is not None
    found.append(("compared", "", "", told[0]))
    for place, name in enumerate(others):
        found.append(("restated", name, "", told[1 + 2 * place]))
        found.append(("completed", name, "", told[2 + 2 * place]))
    return found


def ids_of(table: Table) -> list[str]:
    """The ids in the key of a table: whose coming and going is watched."""
    return [c.name for c in table.columns if c.key_position is not None and c.role == "identifier"]
