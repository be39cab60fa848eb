"""Stewards' decisions: made, approved by a second person, withdrawn.

Kept in linkage.override; the next run obeys what is in force. Add here: a step in the life of a
decision. Keep out: what it does to the clusters (overrides.py), what to decide about (review.py).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import schema
from orchestration.linkage.overrides import IN_FORCE

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import psycopg

    from orchestration.linkage.store import Key
    from orchestration.settings import Settings

KINDS = ("must_link", "cannot_link")


def decide(
    settings: Settings,
    kind: str,
    left: Key,
    right: Key,
    *,
    reason: str,
    steward: str,
    approved_by: str | None = None,
    expires_on: date | None = None,
) -> dict:
    """Record that two source records are one person (must_link) or are not (cannot_link).

    Returns override_id, needs_approval (no run obeys it until a second person approves), why
    (the reasons of the policy), expires_on. The policy is seeds/policy/policy_link_decision.csv;
    of its expiry and `expires_on` the earlier holds. Closes what waits in the review queue
    about the two.

    Raises UsageError for another kind, an empty reason or steward, one record twice, an approver
    who is the steward, a record that no run has linked, or two records about which a decision
    is in force or waits.
    """
    if kind not in KINDS:
        raise UsageError(f"A decision is one of {', '.join(KINDS)}.")
    if not reason.strip() or not steward.strip():
        raise UsageError("A decision needs a reason and a steward.")
    if tuple(left) == tuple(right):
        raise UsageError("A decision needs two different records.")
    _two_people(steward, approved_by)
    with warehouse.connect(settings) as connection:
        schema.ensure(connection)
        records = _linked(connection, left, right)
        earlier = connection.execute(
            "select override_id from linkage.override where withdrawn_at is null"
            " and (expires_on is null or expires_on >= current_date)"
            " and (left_source_system, left_source_person_key, right_source_system,"
            " right_source_person_key) in ((%s, %s, %s, %s), (%s, %s, %s, %s))",
            [*left, *right, *right, *left],
        ).fetchone()
        if earlier:
            raise UsageError(
                f"Decision {earlier[0]} is about these two records already; withdraw it first."
            )
        rules = _rules(settings.root / "seeds" / "policy" / "policy_link_decision.csv", kind)
        hold = [rule for rule in rules if _holds(connection, rule, records)]
        months = [int(rule["valid_for_months"]) for rule in hold if rule["valid_for_months"]]
        needs = [rule for rule in hold if rule["needs_second_person"] == "true"]
        override_id, expires = connection.execute(
            "insert into linkage.override (kind, left_source_system, left_source_person_key,"
            " right_source_system, right_source_person_key, reason, steward, needs_approval,"
            " approved_by, approved_at, expires_on) values (%s, %s, %s, %s, %s, %s, %s, %s,"
            " %s::text, case when %s::text is not null then now() end,"
            " least(%s::date, (current_date + make_interval(months => %s))::date))"
            " returning override_id, expires_on",
            [kind, *left, *right, reason, steward, bool(needs), approved_by, approved_by,
             expires_on, min(months, default=None)],
        ).fetchone()  # fmt: skip
        connection.execute(
            "update linkage.review_queue set override_id = %s"
            " where closed_run_id is null and override_id is null"
            " and left_record in (select record_number from linkage.variant where node_id in"
            "  (select node_id from linkage.variant where record_number = any(%s)))"
            " and right_record in (select record_number from linkage.variant where node_id in"
            "  (select node_id from linkage.variant where record_number = any(%s)))",
            [override_id, records, records],
        )
    return {
        "override_id": override_id,
        "needs_approval": bool(needs) and approved_by is None,
        "why": [rule["reason"] for rule in needs],
        "expires_on": expires,
    }


def approve(settings: Settings, override_id: int, *, approver: str) -> None:
    """A second person agrees. Raises UsageError when it is the first person or nothing waits."""
    with warehouse.connect(settings) as connection:
        found = _decision(connection, override_id)
        if found["state"] != "waits for approval":
            raise UsageError(f"Decision {override_id} does not wait for approval.")
        if not approver.strip():
            raise UsageError("An approval needs a name.")
        _two_people(found["steward"], approver)
        connection.execute(
            "update linkage.override set approved_by = %s, approved_at = now()"
            " where override_id = %s",
            [approver, override_id],
        )


def withdraw(settings: Settings, override_id: int, *, steward: str, reason: str) -> None:
    """Take a decision back; the next run looks at the two records afresh."""
    if not reason.strip() or not steward.strip():
        raise UsageError("A withdrawal needs a reason and a steward.")
    with warehouse.connect(settings) as connection:
        if _decision(connection, override_id)["state"] == "withdrawn":
            raise UsageError(f"Decision {override_id} was withdrawn before.")
        connection.execute(
            "update linkage.override set withdrawn_at = now(), withdrawn_by = %s,"
            " withdrawn_reason = %s where override_id = %s",
            [steward, reason, override_id],
        )


def decisions(settings: Settings) -> list[dict]:
    """Every decision, newest first: override_id, kind, left and right (record numbers, None
    for a record no run has seen), reason, steward, approved_by, created_at, expires_on, state
    ('in force', 'waits for approval', 'expired' or 'withdrawn')."""
    with warehouse.connect(settings) as connection:
        schema.demand_run(connection)
        return _decisions(connection)


def keys_of(settings: Settings, *record_numbers: int) -> list[Key]:
    """The source keys behind record numbers. Raises UsageError when there is none."""
    with warehouse.connect(settings) as connection:
        schema.demand_run(connection)
        known = {
            number: (system, key)
            for number, system, key in connection.execute(
                "select record_number, source_system, source_person_key"
                " from linkage.source_record where record_number = any(%s)",
                [list(record_numbers)],
            )
        }
    for number in record_numbers:
        if number not in known:
            raise UsageError(
                f"There is no record {number}; take the numbers from `lifecourse linkage "
                "review` or `explain`."
            )
    return [known[number] for number in record_numbers]


def _decisions(connection: psycopg.Connection, only: int | None = None) -> list[dict]:
    from psycopg.rows import dict_row

    return (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"""
            select
                override_id, kind, l.record_number as left, r.record_number as right, reason,
                steward, approved_by, created_at, expires_on,
                case
                    when {IN_FORCE} then 'in force'
                    when withdrawn_at is not null then 'withdrawn'
                    when expires_on < current_date then 'expired'
                    else 'waits for approval'
                end as state
            from linkage.override
            left join linkage.source_record as l on l.source_system = left_source_system
                and l.source_person_key = left_source_person_key
            left join linkage.source_record as r on r.source_system = right_source_system
                and r.source_person_key = right_source_person_key
            where %(only)s::bigint is null or override_id = %(only)s
            order by override_id desc
            """,
            {"only": only},
        )
        .fetchall()
    )


def _decision(connection: psycopg.Connection, override_id: int) -> dict:
    schema.demand_run(connection)
    found = _decisions(connection, override_id)
    if not found:
        raise UsageError(f"There is no decision {override_id}; see `lifecourse linkage decisions`.")
    return found[0]


def _two_people(steward: str, approver: str | None) -> None:
    if approver is not None and approver.strip().lower() == steward.strip().lower():
        raise UsageError("Who approves a decision is somebody else than who made it.")


def _linked(connection: psycopg.Connection, left: Key, right: Key) -> list[int]:
    """The two records' numbers. Raises UsageError when either carries no person id now."""
    found = [
        row[0]
        for key in (left, right)
        for row in connection.execute(
            "select record_number from linkage.source_record"
            " join linkage.crosswalk using (source_system, source_person_key)"
            " where closed_run_id is null and (source_system, source_person_key) = (%s, %s)",
            [*key],
        )
    ]
    if len(found) != 2:
        raise UsageError(
            "One of the two records carries no person id now; take both from the review queue."
        )
    return found


def _rules(path: Path, kind: str) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if row["decision"] == kind]
    except FileNotFoundError:
        raise LifecourseError(
            f"There is no {path.name} in {path.parent.name}/, so nobody can tell whether this "
            "decision needs a second person; put it back."
        ) from None


def _holds(connection: psycopg.Connection, rule: dict[str, str], records: list[int]) -> bool:
    """Is the situation of a policy row that of the two records?"""
    nodes = "select node_id from linkage.variant where record_number = %s"
    if rule["situation"] == "ordinary":
        return True
    if rule["situation"] == "vetoed":
        return connection.execute(
            "select exists (select from linkage.edge where decision = 'vetoed' and"
            " veto <> 'steward' and ("
            f" (left_node in ({nodes}) and right_node in ({nodes}))"
            f" or (left_node in ({nodes}) and right_node in ({nodes}))))",
            [*records, *reversed(records)],
        ).fetchone()[0]
    if rule["situation"] == "exact":
        return connection.execute(
            f"select exists (({nodes}) intersect ({nodes}))", records
        ).fetchone()[0]
    if rule["situation"] == "large":
        return connection.execute(
            """
            select exists (
                select from linkage.crosswalk
                where closed_run_id is null and person_id in (
                    select person_id from linkage.crosswalk
                    join linkage.source_record using (source_system, source_person_key)
                    where closed_run_id is null and record_number = any(%s)
                )
                group by person_id having count(*) >= %s
            )
            """,
            [records, int(rule["records_from"])],
        ).fetchone()[0]
    raise LifecourseError(
        f"policy_link_decision.csv names a situation {rule['situation']}, which is unknown; "
        "name one of ordinary, vetoed, exact, large."
    )
