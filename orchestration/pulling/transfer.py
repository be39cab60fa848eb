"""What is new at the agencies' servers, copied whole or not at all.

A file is written under a hidden name, then renamed into <deliveries>/<agency>/<delivery>/; what
an ended pull had of it is gone on with, where the server's file is still the same.
delivery is the month the server last wrote the file, else the month of pulling; a new version
within a month becomes a resubmission, <month>_r1, or another delivery of changes, <month>_i1,
where the contract's deliveries are. A record beside the deliveries remembers what was fetched.
Add here: how files are put. Keep out: how servers are reached (sources).
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
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
# Seconds between two words about a file that is coming (2026-11-25).
TELL_EVERY = 2.0


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
    agencies: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> PullReport:
    """Copy what is new from every server that the contracts name into settings.deliveries.

    contracts: with the servers to ask, see places.served. agencies: only these; empty means all.
    progress: called with a line for each file fetched, and every few seconds while one comes. A
    server that fails does not keep the others from being asked: see PullReport.problems. Raises
    UsageError when no contract of an agency names a server, UnusableEnvironment when the folder
    cannot be written.
    """
    by_agency: dict[str, list[tuple[Contract, Server]]] = {}
    for contract in contracts:
        if contract.access_class == "unavailable":
            continue
        for server in contract.servers:
            by_agency.setdefault(contract.agency, []).append((contract, server))
    if agencies:
        unserved = sorted(set(agencies) - set(by_agency))
        if unserved:
            raise UsageError(
                f"No contract of agency {unserved[0]!r} names a server; write `servers` into one "
                "or into the file of LIFECOURSE_SERVERS."
            )
        by_agency = {name: by_agency[name] for name in agencies}
    if not by_agency:
        raise UsageError(
            "No contract names a server; write `servers` into one or into the file of "
            "LIFECOURSE_SERVERS."
        )
    files: list[Pulled] = []
    problems: list[LifecourseError] = []
    unchanged = 0
    for name, sources in sorted(by_agency.items()):
        folder = settings.deliveries / name
        before = len(problems)
        try:
            with _alone(folder):
                for contract, server in sources:
                    progress(f"{name}/{contract.file}: asking {server.name}")
                    try:
                        with remotes(contract, server) as found:
                            for remote in found:
                                pulled = _take(folder, contract, server, remote, progress)
                                if pulled is None:
                                    unchanged += 1
                                    continue
                                files.append(pulled)
                                progress(f"{pulled.place}: {pulled.bytes:,} bytes")
                    except LifecourseError as problem:
                        problems.append(problem)
                if len(problems) == before:
                    # Nothing is left to go on with.
                    for half in folder.glob(f"{HALF}*"):
                        half.unlink(missing_ok=True)
        except OSError as error:
            raise UnusableEnvironment(
                f"The deliveries folder of {name} cannot be written ({error.strerror}); make "
                "room or rights and pull again."
            ) from None
    return PullReport(tuple(files), unchanged, tuple(problems))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One pull an agency at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableEnvironment(
                f"Another pull of {folder.name} is running; wait for its end."
            ) from None
        yield


class _Telling(io.BufferedRandom):
    """A file that says now and then how much of it there is."""

    def __init__(self, path: Path, tell: Callable[[int], None]) -> None:
        path.touch()
        super().__init__(io.FileIO(path, "r+"))
        self.seek(0, os.SEEK_END)
        self._tell, self._told = tell, time.monotonic()

    def write(self, block: bytes, /) -> int:
        written = super().write(block)
        if time.monotonic() - self._told >= TELL_EVERY:
            self._told = time.monotonic()
            self._tell(self.tell())
        return written


def _take(
    folder: Path,
    contract: Contract,
    server: Server,
    remote: Remote,
    progress: Callable[[str], None],
) -> Pulled | None:
    record = _read_record(folder)
    key = f"{contract.file}/{server.name}/{remote.name}"
    known = record.get(key, {})
    if remote.fingerprint is not None and known.get("fingerprint") == remote.fingerprint:
        return None
    # Half of a file is worth keeping only where the server tells whether it is the same file.
    version = f"{key} {remote.fingerprint or os.getpid()}"
    half = folder / f"{HALF}{hashlib.sha256(version.encode()).hexdigest()[:16]}"
    try:
        with _Telling(
            half, lambda size: progress(f"{folder.name}/{remote.name}: {size / 1e6:,.0f} MB so far")
        ) as target:
            remote.fetch(target)
            target.flush()
            os.fsync(target.fileno())
    except BaseException:
        if remote.fingerprint is None:
            half.unlink(missing_ok=True)
        raise
    try:
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
