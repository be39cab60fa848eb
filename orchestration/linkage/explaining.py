"""Why records are one person: each link as a waterfall, a sum of log-odds from the prior up.

By number of record and level of comparison, so that whoever explains need not see whom. Add
here: a way to show evidence. Keep out: names, numbers and dates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import UsageError
from orchestration.linkage import levels, model, schema

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from orchestration.settings import Settings


def explain(
    settings: Settings,
    person_id: int,
    *,
    identified: bool = False,
    model_path: Path | None = None,
) -> dict:
    """The records of one person and the scored pairs among them and next to them.

    records: one per open crosswalk row: record_number, source_system, method, rule,
    match_weight. links: pairs of groups of records, by the number of the first record of either
    (left, right, and the persons those belong to), with `decision`, `veto`, `doubt`,
    `match_weight` (log2 odds), `prior` (where the sum begins) and `evidence`: for each
    comparison its `level` and the `weight` it adds. prior and weights sum to match_weight.

    identified: records also have source_person_key, and linkage.access_log gets a row.

    Raises UsageError when no record carries the id now.
    """
    from psycopg.rows import dict_row

    with_model = model.load(model_path)
    with warehouse.connect(settings) as connection:
        schema.demand_run(connection)
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute(
            "select record_number, source_system, source_person_key, method, rule, match_weight"
            " from linkage.crosswalk join linkage.source_record"
            " using (source_system, source_person_key)"
            " where closed_run_id is null and person_id = %s order by record_number",
            [person_id],
        ).fetchall()
        if not found:
            raise UsageError(
                f"No record carries person id {person_id} now; "
                "linkage.person tells whether it was merged or retired."
            )
        if identified:
            _log(connection, "explain", person_id)
        else:
            for record in found:
                del record["source_person_key"]
        links = cursor.execute(
            """
            with own as (
                select distinct node_id from linkage.variant where record_number = any(%s)
            ),
            held as (
                select node_id, first_record, person_id
                from linkage.node
                join linkage.source_record on record_number = first_record
                join linkage.crosswalk using (source_system, source_person_key)
                where closed_run_id is null
            )
            select
                left_node, right_node, l.first_record as left, r.first_record as right,
                l.person_id as left_person_id, r.person_id as right_person_id,
                match_weight, evidence, decision, veto, doubt, model_version
            from linkage.edge
            join held as l on l.node_id = left_node
            join held as r on r.node_id = right_node
            where left_node in (select * from own) or right_node in (select * from own)
            order by match_weight desc, left_node, right_node
            """,
            [[record["record_number"] for record in found]],
        ).fetchall()
        pairs = [(link.pop("left_node"), link.pop("right_node")) for link in links]
        by_pair = levels.of_pairs(connection, with_model, pairs)
    for link, pair in zip(links, pairs, strict=True):
        told = by_pair.get(pair, {}) if link.pop("model_version") == with_model.name else {}
        weights = link["evidence"]
        # what is missing or neutral adds nothing and is not worth a line
        link["evidence"] = [
            {"comparison": name, "level": told.get(name), "weight": weight}
            for name, weight in weights.items()
            if weight
        ]
        link["prior"] = round(link["match_weight"] - sum(weights.values()), 2)
    return {"person_id": person_id, "records": found, "links": links}


def _log(connection: psycopg.Connection, command: str, person_id: int | None) -> None:
    import getpass

    connection.execute(
        "insert into linkage.access_log (command, person_id, system_user_name) values (%s, %s, %s)",
        [command, person_id, getpass.getuser()],
    )
