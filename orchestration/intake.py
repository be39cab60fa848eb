"""One delivery of one set of files: loaded, gated, published.

A set is what a contract's publishSet names: files that only make sense together (the HMIS
export) or one file alone. Add here: the order of the steps. Keep out: how a file is read
(landing) and how it is judged (quality).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from orchestration import landing, timeliness, warehouse
from orchestration.landing.contracts import Contract
from orchestration.progress import say
from orchestration.settings import Settings


@dataclass(frozen=True)
class FileSet:
    """Files of one agency that are published together or not at all."""

    agency: str
    name: str
    contracts: tuple[Contract, ...]

    @property
    def key(self) -> str:
        return f"{self.agency}__{self.name}"

    @property
    def tables(self) -> tuple[tuple[Contract, str], ...]:
        return tuple((c, t.name) for c in self.contracts for t in c.tables)


@dataclass(frozen=True)
class LoadedFile:
    """A file whose candidate tables wait for the gate."""

    load_id: int
    file: str
    rows_by_table: dict[str, int]


def file_sets(contracts: Iterable[Contract]) -> tuple[FileSet, ...]:
    """The contracts grouped by agency and publish set, in name order."""
    loading = sorted(
        (c for c in contracts if c.access_class != "unavailable"),
        key=lambda c: (c.agency, c.publish_set, c.file),
    )
    return tuple(
        FileSet(agency, name, tuple(members))
        for (agency, name), members in groupby(loading, key=lambda c: (c.agency, c.publish_set))
    )


def prepare(
    settings: Settings, contracts: tuple[Contract, ...] | None = None
) -> tuple[Contract, ...]:
    """Ready the warehouse for a run; returns the contracts. Call it with the run lock held.

    contracts: those that the caller has read already; reading them all takes half a second.

    Makes bookkeeping and staging tables that are missing, and mends what a killed run left.
    """
    if contracts is None:
        contracts = landing.load_contracts(settings.contracts)
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, contracts)
        timeliness.ensure(connection, contracts)
        connection.commit()
        landing.recover(connection)
        connection.commit()
    return contracts


def load(settings: Settings, file_set: FileSet, delivery: str) -> list[LoadedFile]:
    """Load what the delivery in settings.deliveries holds for this set into candidate tables.

    Returns the loaded files; an empty list when every file was decided on before.
    Raises landing.DeliveryRejected, after the whole set has been read, when a file of it
    cannot be accepted as a file; its siblings are then held, because the set is one.
    """
    members = {c.file for c in file_set.contracts}
    loaded: list[LoadedFile] = []
    rejected: list[landing.DeliveryRejected] = []
    with warehouse.session(settings) as connection:
        for found in landing.discover(
            settings.deliveries, file_set.contracts, agency=file_set.agency, delivery=delivery
        ):
            if found.contract is None or found.contract.file not in members:
                continue
            registration = landing.register(connection, found)
            connection.commit()
            if registration.status != "received":
                continue
            say(f"{file_set.agency}/{found.contract.file} {delivery}: loading")
            try:
                report = landing.load_candidate(connection, found, registration.load_id)
            except landing.DeliveryRejected as error:
                rejected.append(error)
            else:
                loaded.append(LoadedFile(registration.load_id, found.contract.file, report.tables))
            connection.commit()
        if rejected:
            if loaded:
                landing.hold(
                    connection,
                    [file.load_id for file in loaded],
                    reason=f"Held because another file of the set {file_set.name} was rejected.",
                )
                connection.commit()
            raise rejected[0]
    return loaded


def gate(settings: Settings, file_set: FileSet, delivery: str) -> list:
    """Judge the candidates of this set; a set with a failed critical rule is held as one.

    Returns one quality.GateReport for each file that waits. Publishing is another step:
    it asks the database, not this report, whether the gate was passed.
    """
    from orchestration.quality import gate as quality_gate

    reports = []
    with warehouse.session(settings) as connection:
        waiting = landing.waiting(connection, file_set.agency, file_set.contracts, delivery)
        for contract, load_id in waiting:
            say(f"{file_set.agency}/{contract.file} {delivery}: gate")
            reports.append(quality_gate.run_gate(settings, contract, load_id))
        failed = [report for report in reports if not report.passed]
        if failed:
            by_load = {load_id: contract for contract, load_id in waiting}
            culprits = ", ".join(by_load[report.load_id].file for report in failed)
            for report in reports:
                broken = sum(result.blocks for result in report.results)
                reason = (
                    f"Held with {culprits}, which is of the same set."
                    if report.passed
                    else f"Held by {broken} critical {'rule' if broken == 1 else 'rules'}."
                )
                landing.hold(connection, [report.load_id], reason=reason)
            connection.commit()
    return reports


def publish(settings: Settings, file_set: FileSet, delivery: str) -> dict[str, int]:
    """Publish the set in one transaction; returns rows by staging table."""
    from orchestration.quality import history

    with warehouse.session(settings) as connection:
        waiting = landing.waiting(connection, file_set.agency, file_set.contracts, delivery)
        if not waiting:
            return {}
        load_ids = [load_id for _, load_id in waiting]
        rows = landing.publish(connection, load_ids)
        connection.commit()
        for contract, load_id in waiting:
            history.record(connection, contract, load_id)
        connection.commit()
    return rows
