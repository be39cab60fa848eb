"""What stewards decide: release or reject held loads, suspend a rule for a time.

A decision has a reason and a person; where expectations/_policy.yml asks for it, it takes effect
when a second person has approved. Everything is kept in quality.disposition, and the publish
statement reads it there. Add here: a kind of decision. Keep out: who may decide (the desk and
the command line ask), and what a gate finds (gate).
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration import landing, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.quality import history, quarantine, suites

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract
    from orchestration.settings import Settings


@dataclass(frozen=True)
class Decision:
    """One row of quality.disposition and what it did.

    in_force: False while it waits for a second person. rows: by staging table, what was
    published because of it. sentence: what happened, for the person who decided.
    """

    disposition_id: int
    kind: str
    load_ids: tuple[int, ...]
    in_force: bool
    rows: dict[str, int]
    sentence: str


@dataclass(frozen=True)
class _Held:
    """The held loads of one set in one delivery; failed: those whose own gate failed."""

    agency: str
    file: str
    place: str
    load_ids: tuple[int, ...]
    failed: tuple[int, ...]


def release(settings: Settings, load_id: int, *, steward: str, reason: str) -> Decision:
    """Publish a held load, and what is held with it in its set, although its gate failed.

    Needs a second person when a failed critical rule is of a dimension that the policy names.
    Raises UsageError for a load that is not held or an empty reason.
    """
    with warehouse.connect(settings) as connection:
        held = _held(connection, load_id)
        dimensions = {
            row[0]
            for row in connection.execute(
                "select distinct dimension from quality.check_result where load_id = any(%s) "
                "and severity = 'critical' and status in ('failed', 'error')",
                [list(held.failed)],
            )
        }
        second = bool(dimensions & set(suites.policy().second_person["release"]))
        number = _enter(
            connection, "release", held.agency, held.file, held.failed, steward, reason, second
        )
        connection.commit()
        return _take_effect(settings, connection, number)


def reject(settings: Settings, load_id: int, *, steward: str, reason: str) -> Decision:
    """Refuse a held load, and what is held with it, for good; its candidate rows are deleted.

    The agency may deliver the file again. Raises as release() does.
    """
    with warehouse.connect(settings) as connection:
        held = _held(connection, load_id)
        number = _enter(
            connection, "reject", held.agency, held.file, held.load_ids, steward, reason, False
        )
        connection.commit()
        return _take_effect(settings, connection, number)


def override(
    settings: Settings,
    contract: Contract,
    rule_id: str,
    *,
    steward: str,
    reason: str,
    expires_on: datetime.date,
) -> Decision:
    """Suspend a critical rule for one file until a day: it is judged and shown, and holds nothing.

    Held loads of the file are judged again when it takes effect. Raises UsageError for an
    unknown or harmless rule, a day that is past or further off than the policy allows, or an
    empty reason.
    """
    rule = next((r for r in suites.rules(contract) if r.rule_id == rule_id), None)
    if rule is None or rule.severity != "critical":
        raise UsageError(
            f"{rule_id} is no critical rule of {contract.agency}/{contract.file}; only a rule "
            "that can hold a delivery can be suspended."
        )
    today = datetime.date.today()
    longest = today + datetime.timedelta(days=suites.policy().longest_override_days)
    if not today < expires_on <= longest:
        raise UsageError(
            f"An override ends on a day after today and not after {longest.isoformat()}; "
            "choose one, and decide again when it has passed."
        )
    second = rule.dimension in suites.policy().second_person["override"]
    with warehouse.connect(settings) as connection:
        number = _enter(
            connection, "override", contract.agency, contract.file, (), steward, reason, second,
            rule_id=rule_id, expires_on=expires_on,
        )  # fmt: skip
        connection.commit()
        return _take_effect(settings, connection, number)


def approve(settings: Settings, disposition_id: int, *, approver: str) -> Decision:
    """The second person's yes. Raises UsageError when it is not theirs to give."""
    with warehouse.connect(settings) as connection:
        row = connection.execute(
            "select steward, needs_approval, approved_by, withdrawn_at is not null "
            "from quality.disposition where disposition_id = %s for update",
            [disposition_id],
        ).fetchone()
        if row is None:
            raise UsageError(f"There is no decision {disposition_id}; see the list of decisions.")
        steward, needed, approved_by, withdrawn = row
        if withdrawn or not needed or approved_by:
            raise UsageError(f"Decision {disposition_id} does not wait for a second person.")
        if steward == approver:
            raise UsageError(
                f"Decision {disposition_id} is your own; a second person has to approve it."
            )
        connection.execute(
            "update quality.disposition set approved_by = %s, approved_at = now() "
            "where disposition_id = %s",
            [approver, disposition_id],
        )
        connection.commit()
        try:
            return _take_effect(settings, connection, disposition_id)
        except LifecourseError:
            # The yes stands for something that did not happen; it is asked for again.
            connection.rollback()
            connection.execute(
                "update quality.disposition set approved_by = null, approved_at = null "
                "where disposition_id = %s",
                [disposition_id],
            )
            connection.commit()
            raise


def withdraw(settings: Settings, disposition_id: int, *, steward: str) -> None:
    """Take back an override, or a decision that still waits; what was published stays."""
    with warehouse.connect(settings) as connection:
        done = connection.execute(
            "update quality.disposition set withdrawn_by = %s, withdrawn_at = now() "
            "where disposition_id = %s and withdrawn_at is null "
            "and (kind = 'override' or (needs_approval and approved_by is null))",
            [steward, disposition_id],
        ).rowcount
        if not done:
            raise UsageError(
                f"Decision {disposition_id} cannot be taken back: it is not there, was taken "
                "back before, or its loads are decided."
            )


def suspended(connection: psycopg.Connection, agency: str, file: str) -> dict[str, str]:
    """The rules of a file that do not hold it today: {rule_id: why, in words}."""
    return {
        rule_id: f"suspended until {expires_on.isoformat()} by decision {number}"
        for rule_id, number, expires_on in connection.execute(
            "select rule_id, disposition_id, expires_on from quality.disposition_in_force "
            "where kind = 'override' and agency = %s and file = %s order by disposition_id",
            [agency, file],
        )
    }


def _held(connection: psycopg.Connection, load_id: int) -> _Held:
    row = connection.execute(
        "select agency, file, publish_set, delivery, path, status from quality.load "
        "where load_id = %s",
        [load_id],
    ).fetchone()
    if row is None:
        raise UsageError(f"There is no load {load_id}; see `lifecourse deliveries`.")
    agency, file, publish_set, delivery, place, status = row
    if status != "held":
        raise UsageError(
            f"Load {load_id} ({place}) is {status}; only a held load waits for a decision."
        )
    mates = connection.execute(
        "select load_id, gate_status <> 'passed' from quality.load "
        "where status = 'held' and agency = %s and delivery = %s "
        "and (load_id = %s or (publish_set = %s and publish_set <> file)) order by load_id",
        [agency, delivery, load_id, publish_set],
    ).fetchall()
    failed = tuple(number for number, own in mates if own)
    return _Held(agency, file, place, tuple(number for number, _ in mates), failed or (load_id,))


def _enter(
    connection: psycopg.Connection,
    kind: str,
    agency: str,
    file: str,
    load_ids: Sequence[int],
    steward: str,
    reason: str,
    needs_approval: bool,
    *,
    rule_id: str | None = None,
    expires_on: datetime.date | None = None,
) -> int:
    if not reason.strip() or not steward.strip():
        raise UsageError("A decision needs a reason and the name of who decides.")
    waiting = connection.execute(
        "select disposition_id from quality.disposition where withdrawn_at is null "
        "and needs_approval and approved_by is null and kind = %s and agency = %s and file = %s "
        "and load_ids = %s::integer[] and rule_id is not distinct from %s",
        [kind, agency, file, list(load_ids), rule_id],
    ).fetchone()
    if waiting:
        raise UsageError(
            f"Decision {waiting[0]} already says so and waits for a second person to approve."
        )
    return connection.execute(
        "insert into quality.disposition (kind, agency, file, load_ids, rule_id, reason, steward, "
        "needs_approval, expires_on) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "returning disposition_id",
        [
            kind, agency, file, list(load_ids), rule_id, reason.strip(), steward, needs_approval,
            expires_on,
        ],
    ).fetchone()[0]  # fmt: skip


def _take_effect(
    settings: Settings, connection: psycopg.Connection, disposition_id: int
) -> Decision:
    """Do what a decision says when it is in force; the warehouse is as before when it fails."""
    row = connection.execute(
        "select d.kind, d.agency, d.file, d.load_ids, d.rule_id, d.reason, d.steward, "
        "f.disposition_id is not null from quality.disposition as d "
        "left join quality.disposition_in_force as f using (disposition_id) "
        "where d.disposition_id = %s",
        [disposition_id],
    ).fetchone()
    kind, agency, file, load_ids, rule_id, reason, steward, in_force = row
    name = f"{agency}/{file}"
    if not in_force:
        return Decision(
            disposition_id, kind, tuple(load_ids), False, {},
            f"Decision {disposition_id} about {name} is entered and waits for a second person.",
        )  # fmt: skip
    rows: dict[str, int] = {}
    if kind == "release":
        rows = _publish(settings, connection, load_ids)
        sentence = f"{name} is released: {sum(rows.values()):,} rows are in staging."
    elif kind == "reject":
        connection.execute(
            "update quality.load set status = 'rejected', decided_at = now(), reason = %s "
            "where load_id = any(%s) and status = 'held'",
            [f"Rejected by {steward}: {reason}", load_ids],
        )
        connection.commit()
        landing.drop_candidates(connection, load_ids)
        connection.commit()
        sentence = f"{name} is rejected; the agency may deliver it again."
    else:
        rows = _judge_again(settings, connection, agency, file)
        sentence = f"{rule_id} does not hold {name} for now."
        if rows:
            sentence += f" What it held is published: {sum(rows.values()):,} rows."
        returned = quarantine.return_suspended(
            connection,
            _contract(settings, agency, file),
            list(suspended(connection, agency, file)),
        )
        connection.commit()
        if returned:
            sentence += f" What it had set aside is in staging: {returned:,} rows."
    return Decision(disposition_id, kind, tuple(load_ids), True, rows, sentence)


def _publish(
    settings: Settings, connection: psycopg.Connection, culprits: Sequence[int]
) -> dict[str, int]:
    with warehouse.connect(settings, autocommit=True) as lock, warehouse.run_lock(lock):
        held = _held(connection, culprits[0])
        before = dict(
            connection.execute(
                "select load_id, gate_status from quality.load where load_id = any(%s)",
                [list(culprits)],
            ).fetchall()
        )
        connection.execute(
            "update quality.load set gate_status = 'overridden' where load_id = any(%s)",
            [list(culprits)],
        )
        connection.commit()
        try:
            rows = landing.publish(connection, held.load_ids)
        except BaseException:
            connection.rollback()
            for load_id, status in before.items():
                connection.execute(
                    "update quality.load set gate_status = %s where load_id = %s",
                    [status, load_id],
                )
            connection.commit()
            raise
        _remember(settings, connection, held.load_ids)
        return rows


def _judge_again(
    settings: Settings, connection: psycopg.Connection, agency: str, file: str
) -> dict[str, int]:
    """Gate the file's held load again and publish its set when nothing holds it any more."""
    from orchestration.quality import gate

    waiting = connection.execute(
        "select load_id from quality.load where agency = %s and file = %s and status = 'held' "
        "and gate_status in ('failed', 'error') order by load_id desc limit 1",
        [agency, file],
    ).fetchone()
    if waiting is None:
        return {}
    with warehouse.connect(settings, autocommit=True) as lock, warehouse.run_lock(lock):
        contract = _contract(settings, agency, file)
        if not gate.run_gate(settings, contract, waiting[0]).passed:
            return {}
        held = _held(connection, waiting[0])
        if connection.execute(
            "select 1 from quality.load where load_id = any(%s) and gate_status <> 'passed'",
            [list(held.load_ids)],
        ).fetchone():
            return {}
        connection.execute(
            "update quality.load set status = 'received', reason = null, decided_at = null "
            "where load_id = any(%s) and status = 'held'",
            [list(held.load_ids)],
        )
        connection.commit()
        rows = landing.publish(connection, held.load_ids)
        _remember(settings, connection, held.load_ids)
        return rows


def _remember(settings: Settings, connection: psycopg.Connection, load_ids: Sequence[int]) -> None:
    for load_id, agency, file in connection.execute(
        "select load_id, agency, file from quality.load where load_id = any(%s)", [list(load_ids)]
    ).fetchall():
        history.record(connection, _contract(settings, agency, file), load_id)
    connection.commit()


def _contract(settings: Settings, agency: str, file: str) -> Contract:
    path = settings.contracts / agency / f"{file}.yml"
    return landing.load_contract(path)
