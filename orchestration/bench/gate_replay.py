"""A county's deliveries through the gate, month by month, as a run would take them in.

Register, load, gate and publish on a database of its own, without Dagster and without a build:
what is left is what a delivery costs and what its gate says, with accepted history growing as
it does in production.
Add here: how deliveries are replayed. Keep out: what is counted (gates), the faults that are
put in (gate_faults).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestration import intake, landing, warehouse
from orchestration.quality import engine
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Verdict:
    """What became of one clean file. status: accepted | held | rejected | duplicate. blocking:
    (rule_id, columns, message) of each critical rule that failed; of a rejected file, the
    loader's sentence; empty for a file held for another's sake."""

    agency: str
    file: str
    delivery: str
    status: str
    blocking: tuple[tuple[str, str, str], ...] = ()


@dataclass
class Replay:
    """verdicts: one for each file, in order of delivery. seconds: wall time of them all."""

    verdicts: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0


HELD = "held and released"

# Called between loading a set and its gate, with the loads that wait: (settings, set, loads).
Before = Callable[[Settings, intake.FileSet, list[intake.LoadedFile], str], None]


@contextmanager
def private_database(settings: Settings, observed: Path) -> Iterator[Settings]:
    """Settings that point at an empty database of their own, dropped afterwards."""
    from psycopg import sql

    name = f"lifecourse_gates_{time.time_ns()}"
    own = urlsplit(warehouse.url(settings))._replace(path=f"/{name}").geturl()
    with warehouse.connect(settings, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        # Nothing here has to outlive a crash.
        admin.execute(
            sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(name))
        )
        there = replace(settings, database_url=own, deliveries=observed)
        try:
            yield there
        finally:
            engine.release(there)
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )


def replay(
    settings: Settings,
    *,
    leave_out: frozenset[tuple[str, str]] = frozenset(),
    agencies: frozenset[str] = frozenset(),
    before_gate: Before | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Replay:
    """Take in everything in settings.deliveries, oldest delivery first.

    leave_out: (agency, delivery)s that are bad on purpose. agencies: only these; all when
    empty. before_gate: told of each set when it is loaded and not yet judged.
    """
    began = time.monotonic()
    contracts = landing.load_contracts(settings.contracts)
    sets = intake.file_sets(contracts)
    done = Replay()
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, contracts)
        connection.commit()
        waiting: dict[str, set[tuple[str, str]]] = {}
        for file in landing.discover(settings.deliveries, contracts):
            if file.contract is None or (file.agency, file.delivery) in leave_out:
                continue
            if not agencies or file.agency in agencies:
                key = (file.agency, file.contract.publish_set)
                waiting.setdefault(file.delivery, set()).add(key)
        for delivery in sorted(waiting, key=landing.order):
            progress(f"deliveries of {delivery}")
            # All sets are loaded before the first is judged: a rule on another file of the
            # agency then looks at the same delivery, as it does in the job.
            here = [s for s in sets if (s.agency, s.name) in waiting[delivery]]
            loaded = [(s, _load(settings, s, delivery)) for s in here]
            for file_set, files in loaded:
                if files:
                    _judge(settings, connection, file_set, files, delivery, before_gate)
            done.verdicts += _verdicts(connection, delivery)
            connection.commit()
    done.seconds = time.monotonic() - began
    return done


def _load(settings: Settings, file_set: intake.FileSet, delivery: str) -> list[intake.LoadedFile]:
    try:
        return intake.load(settings, file_set, delivery)
    except landing.DeliveryRejected:
        return []


def _judge(
    settings: Settings,
    connection: psycopg.Connection,
    file_set: intake.FileSet,
    loaded: list[intake.LoadedFile],
    delivery: str,
    before_gate: Before | None,
) -> None:
    """Gate and publish one set. A false hold is counted and then released, as a steward would
    who finds nothing wrong: the deliveries after it are judged beside what was true."""
    if before_gate:
        before_gate(settings, file_set, loaded, delivery)
    reports = intake.gate(settings, file_set, delivery)
    if all(report.passed for report in reports):
        intake.publish(settings, file_set, delivery)
        return
    ids = [report.load_id for report in reports]
    connection.execute(
        "insert into quality.disposition (kind, agency, file, load_ids, reason, steward, "
        "needs_approval) values ('release', %s, %s, %s, 'nothing is wrong with it', "
        "'benchmark', false)",
        [file_set.agency, file_set.name, ids],
    )
    connection.execute(
        "update quality.load set gate_status = 'overridden' where load_id = any(%s)", [ids]
    )
    connection.commit()
    landing.publish(connection, ids)
    connection.execute(
        "update quality.load set reason = %s where load_id = any(%s)",
        [HELD, [report.load_id for report in reports if not report.passed]],
    )
    connection.commit()


def _verdicts(connection: psycopg.Connection, delivery: str) -> list[Verdict]:
    found = []
    for load_id, agency, file, status, reason in connection.execute(
        "select load_id, agency, file, status, coalesce(reason, '') from quality.load "
        "where delivery = %s order by load_id",
        [delivery],
    ).fetchall():
        blocking = connection.execute(
            "select rule_id, coalesce(column_name, ''), message from quality.check_result "
            "where load_id = %s and status in ('failed', 'error') and severity = 'critical' "
            "order by check_result_id",
            [load_id],
        ).fetchall()
        if status == "rejected":
            blocking = [("rejected by the loader", "", reason)]
        if reason == HELD:
            status = "held"
        found.append(Verdict(agency, file, delivery, status, tuple(blocking)))
    return found


def bad_on_purpose(county: Path) -> frozenset[tuple[str, str]]:
    """The (agency, delivery) that a county spoilt itself."""
    import json

    card = json.loads((county / "county.json").read_text())
    return frozenset({("benefits", card["bad_delivery"])} if card["bad_delivery"] else ())
