"""Why records are one person: each link as a sum of log-odds.

Add here: a way to show evidence. Keep out: names, numbers and dates; levels and weights only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import UsageError

if TYPE_CHECKING:
    from orchestration.settings import Settings


def explain(settings: Settings, person_id: int) -> dict:
    """The records of one person and the scored pairs among them and next to them.

    records: one per open crosswalk row (source_system, source_person_key, method, rule,
    match_weight). links: pairs with `decision`, `veto`, `doubt`, `match_weight` (log2 odds) and
    `evidence`, the weight each comparison adds; the rest of match_weight is the model's prior.
    Holds source keys, which for wages are numbers and names: for stewards only.

    Raises UsageError when no record carries the id now.
    """
    from psycopg.rows import dict_row

    with warehouse.connect(settings) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute(
            "select source_system, source_person_key, method, rule, match_weight"
            " from linkage.crosswalk where closed_run_id is null and person_id = %s"
            " order by source_system, source_person_key",
            [person_id],
        ).fetchall()
        if not found:
            raise UsageError(
                f"No record carries person id {person_id} now; "
                "linkage.person tells whether it was merged or retired."
            )
        links = cursor.execute(
            "with own as (select source_system, source_person_key from linkage.crosswalk"
            " where closed_run_id is null and person_id = %s)"
            " select left_source_system, left_source_person_key, right_source_system,"
            " right_source_person_key, match_weight, evidence, decision, veto, doubt"
            " from linkage.edge"
            " where (left_source_system, left_source_person_key) in (select * from own)"
            " or (right_source_system, right_source_person_key) in (select * from own)"
            " order by match_weight desc, left_source_system, left_source_person_key,"
            " right_source_system, right_source_person_key",
            [person_id],
        ).fetchall()
    return {"person_id": person_id, "records": found, "links": links}
