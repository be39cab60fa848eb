"""What is new at the agencies' servers, copied whole or not at all.

A file is written under a hidden name, then renamed into <deliveries>/<agency>/<delivery>/.
delivery is the month the server last wrote the file, else the month of pulling; a new version
within a month becomes a resubmission, <month>_r1, or another delivery of changes, <month>_i1,
where the contract's deliveries are. A record beside the deliveries remembers what was fetched.
Add here: how files are put. Keep out: how servers are reached (sources).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.errors import LifecourseError, UnusableEnvironment, UsageError
from orchestration.landing.contracts import Contract, Server
from orchestration.landing.delivery_types import CHANGES, SUFFIXES, order
from orchestration.pulling.sources import Remote, remotes
from orchestration.settings import Settings

RECORD = ".pulled.json"
LOCK = ".pulling.lock"
HALF = ".pulling-"


@dataclass(frozen=True)
class Pulled:
    """One new file. place: agency/delivery/name."""

    agency: str
    file: str
    place: str
    bytes: int


@dataclass(frozen=True)
class PullReport:
    """unchanged: files that were there already. problems: one for each server that failed."""

    files: tuple[Pulled, ...]
    unchanged: int
    problems: tuple[LifecourseError, ...] = ()


def pull(
    settings: Settings,
    contracts: Iterable[Contract],
    *,
    agency: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> PullReport:
    """Copy what is new from every server that the contracts name into settings.deliveries.

    agency: only this one's. progress: called with a line for each file fetched. A server that
    fails does not keep the others from being asked: see PullReport.problems. Raises UsageError
    when no contract names a server, UnusableEnvironment when the folder cannot be written.
    """
    by_agency: dict[str, list[tuple[Contract, Server]]] = {}
    for contract in contracts:
        if contract.access_class == "unavailable" or agency not in (None, contract.agency):
            continue
        for server in contract.servers:
            by_agency.setdefault(contract.agency, []).append((contract, server))
    if not by_agency:
        whose = f"of agency {agency!r} " if agency else ""
        raise UsageError(f"No contract {whose}names a server; write `servers` into one.")
    files: list[Pulled] = []
    problems: list[LifecourseError] = []
    unchanged = 0
    for name, sources in sorted(by_agency.items()):
        folder = settings.deliveries / name
        try:
            with _alone(folder):
                for contract, server in sources:
                    try:
                        with remotes(contract, server) as found:
                            for remote in found:
                                pulled = _take(folder, contract, server, remote)
                                if pulled is None:
                                    unchanged += 1
                                    continue
                                files.append(pulled)
                                if progress:
                                    progress(f"{pulled.place}: {pulled.bytes:,} bytes")
                    except LifecourseError as problem:
                        problems.append(problem)
        except OSError as error:
            raise UnusableEnvironment(
                f"The deliveries folder of {name} cannot be written ({error.strerror}); make "
                "room or rights and pull again."
            ) from None
    return PullReport(tuple(files), unchanged, tuple(problems))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One pull an agency at a time; what a killed one left half is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableEnvironment(
                f"Another pull of {folder.name} is running; wait for its end."
            ) from None
        for half in folder.glob(f"{HALF}*"):
            half.unlink(missing_ok=True)
        yield


def _take(folder: Path, contract: Contract, server: Server, remote: Remote) -> Pulled | None:
    record = _read_record(folder)
    key = f"{contract.file}/{server.name}/{remote.name}"
    known = record.get(key, {})
    if remote.fingerprint is not None and known.get("fingerprint") == remote.fingerprint:
        return None
    half = folder / f"{HALF}{os.getpid()}"
    try:
        with half.open("wb") as target:
            remote.fetch(target)
            target.flush()
            os.fsync(target.fileno())
        with half.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = half.stat().st_size
        place = None
        if known.get("sha256") != sha256:
            month = (remote.modified or datetime.now(UTC)).strftime("%Y-%m")
            target_path = _free(folder, month, contract, remote.name, sha256)
            target_path.parent.mkdir(exist_ok=True)
            # A pull killed before it wrote the record comes upon its own file again.
            if not target_path.exists():
                half.replace(target_path)
                place = f"{folder.name}/{target_path.parent.name}/{remote.name}"
    finally:
        half.unlink(missing_ok=True)
    record[key] = {"fingerprint": remote.fingerprint, "sha256": sha256}
    _write_record(folder, record)
    return Pulled(contract.agency, contract.file, place, size) if place else None


def _free(folder: Path, month: str, contract: Contract, name: str, sha256: str) -> Path:
    """Where this content lies already, or the first delivery of the month without the name.

    A second file of a month is a resubmission, unless the contract's deliveries hold changes:
    then it is another one of those, and must not close what the first one left alone.
    """
    kind = contract.delivery_type if contract.delivery_type in CHANGES else "resubmission"
    letter = next(letter for letter, named in SUFFIXES.items() if named == kind)
    there = sorted(
        (path.name for path in folder.glob(f"{month}*") if (path / name).exists()), key=order
    )
    for delivery in there:
        with (folder / delivery / name).open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == sha256:
                return folder / delivery / name
    # One row of numbers for the month: the order of its deliveries is that of their arrival.
    number = order(there[-1])[1] + 1 if there else 0
    return folder / (f"{month}_{letter}{number}" if number else month) / name


def _read_record(folder: Path) -> dict[str, dict[str, str]]:
    try:
        return json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _write_record(folder: Path, record: dict[str, dict[str, str]]) -> None:
    half = folder / f"{HALF}record"
    half.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
    half.replace(folder / RECORD)
