"""The embedded warehouse: PostgreSQL made, started, kept and stopped by the project itself.

Everything of one server lies in <home>/postgres:
    data/          the database cluster, 0700                                    cluster.py
    password       of the superuser `lifecourse`, 0600
    port           the port of the last start, tried first at the next
    keep           there from `lifecourse up` until `lifecourse down`
    lease          every client holds a shared lock on it for as long as it lives
    server.json    locked by whoever starts or supervises the server; says when it is ready
    postgres.lock  locked by PostgreSQL's own processes
    server.log     what PostgreSQL and its supervisor said

Whether something lives is never read from a process id, which may long be another process's: it
is a lock on one of these files (locks.py), which the kernel drops when its holders die, however
they die. A supervisor (supervisor.py) has PostgreSQL as its child and stops it when nobody has
held the lease for LIFECOURSE_LINGER seconds and there is no `keep`.

Add here: what a client of the server calls. Keep out: connections and SQL (warehouse.py), how a
cluster is made (cluster.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.errors import UnusableEnvironment, UsageError
from orchestration.server import cluster, locks

if TYPE_CHECKING:
    from orchestration.settings import Settings

HOST, NAME = "127.0.0.1", cluster.NAME
DISK_NEEDED = 200 * 2**20  # four times an empty cluster with its first WAL; 2026-11-23
START_LIMIT = 300  # seconds; after a crash up to 4 GB of WAL are replayed; 2026-11-23
LINGER = 10  # seconds; two commands typed one after the other share one server; 2026-11-23
LOG_LIMIT = 10 * 2**20  # bytes; then the log is put aside as server.log.1; 2026-11-23

# Given at every start. An ERROR line may quote a person's value ("invalid input syntax for type
# date: ..."), and so may DETAIL, CONTEXT and STATEMENT: the client gets them, the log does not.
GUARD = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}

_leases: dict[Path, int] = {}


@dataclass(frozen=True)
class Server:
    """Where a running server is, and how to log in as its superuser."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    version: str

    @property
    def url(self) -> str:
        """The libpq URL, with the password."""
        from orchestration.warehouse import make_url

        return make_url(self.host, self.port, self.user, self.password, self.database)


def start(settings: Settings, keep: bool = False) -> Server:
    """Make the server if there is none, start it if it is down, and say where it is.

    keep: it stays up until stop(); without it, this is lease().
    LIFECOURSE_PORT takes effect when the server next starts.
    Raises UnusableEnvironment when folder, disk, port or PostgreSQL's programs are not usable.
    """
    if not keep:
        return lease(settings)
    with _sentences(settings):
        folder = cluster.folder(settings)
        held = locks.take(folder / "lease", fcntl.LOCK_SH)
        try:
            (folder / "keep").touch(mode=0o600)
            return _ensure(settings, folder)
        finally:
            os.close(held)


def lease(settings: Settings) -> Server:
    """start(), and hold the server up until this process ends, be it by SIGKILL.

    Forked children share the lease; a program that replaces this process (exec) does not.
    """
    with _sentences(settings):
        path = cluster.folder(settings) / "lease"
        if path in _leases and not locks.is_file(_leases[path], path):
            os.close(_leases.pop(path))  # of a home that was removed
        if path not in _leases:
            _leases[path] = locks.take(path, fcntl.LOCK_SH)
        return _ensure(settings, path.parent)


def stop(settings: Settings) -> bool:
    """Stop the server cleanly, whoever uses it. False when it was not running."""
    with _sentences(settings):
        return (settings.home / "postgres").exists() and _stop(cluster.folder(settings))


def remove(settings: Settings) -> None:
    """Stop the server and delete it with everything in it, also where root keeps it outside."""
    with _sentences(settings):
        stop(settings)
        link = settings.home / "postgres"
        if link.exists():
            shutil.rmtree(link.resolve())
        link.unlink(missing_ok=True)


def status(settings: Settings) -> dict[str, Any]:
    """What `lifecourse status` shows; starts and makes nothing. The URL has no password.

    state: running, starting, stopped or broken (`reason` says why). disk_free: bytes.
    """
    with _sentences(settings):
        folder = (settings.home / "postgres").resolve()
        made, live, reason = locks.read(folder / "data" / "PG_VERSION"), {}, None
        if folder.exists() and not os.access(folder, os.W_OK):
            state, reason = "broken", f"{folder} belongs to another user."
        elif live := _live(folder):
            state = "running"
        elif locks.held(folder / "server.json"):
            state = "starting"
        elif locks.held(folder / "postgres.lock"):
            state, reason = "broken", "PostgreSQL lost its supervisor; start or stop mends that."
        elif made and not locks.read(folder / "password"):
            state, reason = "broken", f"{folder / 'password'} is missing."
        else:
            state = "stopped"
        port = live.get("port") or settings.port or int(locks.read(folder / "port") or 0) or None
        on_disk = next(path for path in (folder, *folder.parents) if path.exists())
        return {
            "state": state,
            "reason": reason,
            "host": HOST,
            "port": port,
            "version": live.get("version") or made or None,
            "data": str(folder / "data"),
            "outside_home": cluster.OUTSIDE in folder.parents,
            "log": str(folder / "server.log"),
            "kept": (folder / "keep").exists(),
            "disk_free": shutil.disk_usage(on_disk).free,
            "url": f"postgresql://{NAME}@{HOST}:{port}/{NAME}" if port else None,
        }


def binary(name: str) -> str | None:
    """The path of a PostgreSQL program such as psql, or None when it does not come with it."""
    program = cluster.binaries()[0] / name
    return str(program) if program.exists() else None


@contextlib.contextmanager
def _sentences(settings: Settings) -> Iterator[None]:
    """Say as one sentence what the operating system refused."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or settings.home}: {error.strerror}"
        raise UnusableEnvironment(
            f"The working folder {settings.home} is not usable ({what}); give this user the right "
            "to write there, or set LIFECOURSE_HOME to another folder."
        ) from error


def _live(folder: Path) -> dict[str, Any]:
    """What the supervisor wrote, if the server really answers; otherwise {}. About 1 ms."""
    if locks.held(folder / "server.json"):
        with contextlib.suppress(ValueError, KeyError, OSError):
            state = json.loads(locks.read(folder / "server.json"))
            with socket.create_connection((HOST, state["port"]), timeout=5) as probe:
                # SSLRequest: a dying postmaster's socket still connects, but does not answer
                probe.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
                if probe.recv(1):
                    return state
    return {}


def _ensure(settings: Settings, folder: Path) -> Server:
    """The running server; started here unless another process is about to."""
    deadline, launches, log = time.monotonic() + START_LIMIT, 0, folder / "server.log"
    said_before = 0
    while time.monotonic() < deadline:
        if live := _live(folder):
            password = locks.read(folder / "password")
            return Server(HOST, live["port"], NAME, password, NAME, live["version"])
        try:
            lock = locks.take(folder / "server.json", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # it is on its way up or down
            time.sleep(0.02)
            continue
        try:
            if launches == 3:
                break  # not a port taken meanwhile, nor another user's `lifecourse down`
            said_before = said_before or len(locks.read(log))
            launches += 1
            os.ftruncate(lock, 0)
            _end_orphans(folder)
            _launch(settings, folder, lock, _choose_port(settings))
        finally:
            os.close(lock)
    said = [line for line in locks.read(log)[said_before:].splitlines() if "FATAL" in line]
    raise UnusableEnvironment(
        f"PostgreSQL did not start{f' ({said[-1]})' if said else ''}; its log is {log}."
    )


def expected_port(settings: Settings) -> int:
    """The port a start tries first: LIFECOURSE_PORT, that of the last start, or one of its own
    for each home. Starts and makes nothing."""
    if settings.port:
        return settings.port
    last = locks.read((settings.home / "postgres").resolve() / "port")
    # below the range from which systems hand out ports to outgoing connections
    return int(last or 15432 + int(sha256(str(settings.home).encode()).hexdigest(), 16) % 4000)


def _choose_port(settings: Settings) -> int:
    """expected_port(), else one above it that is free."""

    def free(port: int) -> bool:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return True
        return False

    first = expected_port(settings)
    for port in [first] if settings.port else range(first, first + 100):
        if free(port):
            return port
    raise UnusableEnvironment(
        f"Port {settings.port} (LIFECOURSE_PORT) is taken by another program; free it, or unset "
        "LIFECOURSE_PORT to let the warehouse choose."
        if settings.port
        else f"No port from {first} to {first + 99} is free on {HOST}; set LIFECOURSE_PORT."
    )


def _launch(settings: Settings, folder: Path, lock: int, port: int) -> None:
    """Make the cluster if there is none and start the supervisor.

    The caller holds the lock of server.json; the supervisor inherits it, so that it is never
    free in between. No process of this cluster is alive.
    """
    if (free := shutil.disk_usage(folder).free) < DISK_NEEDED:
        raise UnusableEnvironment(
            f"Only {free // 2**20} MB are free where {folder} is; the warehouse needs "
            f"{DISK_NEEDED // 2**20} MB: free some, or set LIFECOURSE_HOME to another disk."
        )
    try:
        linger = float(os.environ.get("LIFECOURSE_LINGER") or LINGER)
    except ValueError:
        raise UsageError("LIFECOURSE_LINGER is not a number of seconds; unset it.") from None
    log = folder / "server.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.rename(log.with_suffix(".log.1"))
    log.touch(mode=0o600)
    programs, version = cluster.ready(folder, lock)
    locks.write_private(folder / "port", str(port))
    options = {**GUARD, "port": port}
    shared = Path("/dev/shm")  # 64 MB in many containers, too little for a parallel hash join
    if sys.platform == "linux" and (not shared.exists() or shutil.disk_usage(shared).total < 2**29):
        options["dynamic_shared_memory_type"] = "sysv"
    command = [str(programs / "postgres"), "-D", str(folder / "data")]
    plan = {
        "link": str(settings.home / "postgres"),
        "command": command + [f"--{name}={value}" for name, value in options.items()],
        "account": cluster.account(),
        "lock": lock,
        "linger": linger,
        "ready": {"port": port, "version": version},
    }
    with log.open("ab") as out:
        subprocess.run(
            # -S: the supervisor needs nothing but the standard library
            [sys.executable, "-S", "-m", "orchestration.server.supervisor", json.dumps(plan)],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=folder,
            pass_fds=[lock],
            start_new_session=True,
            check=True,
        )


def _stop(folder: Path) -> bool:
    """Stop what runs in this folder, with its supervisor or without."""
    (folder / "keep").unlink(missing_ok=True)
    running = locks.held(folder / "server.json") or locks.held(folder / "postgres.lock")
    deadline = time.monotonic() + START_LIMIT
    while not locks.wait_free(folder / "server.json", 0.02):
        if time.monotonic() > deadline:
            raise UnusableEnvironment(
                f"PostgreSQL did not stop in {START_LIMIT} s; see {folder / 'server.log'}."
            )
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):  # still starting
            os.kill(json.loads(locks.read(folder / "server.json"))["supervisor"], signal.SIGTERM)
            locks.wait_free(folder / "server.json", 1)
    _end_orphans(folder)
    return running


def _end_orphans(folder: Path) -> None:
    """End PostgreSQL processes whose supervisor or postmaster was killed."""
    lock, data = folder / "postgres.lock", folder / "data"
    if not locks.wait_free(lock, 0.5):  # most notice it by themselves
        postmaster = (locks.read(data / "postmaster.pid").split() or [""])[0]
        if postmaster in (pids := _cluster_processes(lock, data)):
            os.kill(int(postmaster), signal.SIGINT)
            locks.wait_free(lock, 60)
            pids = _cluster_processes(lock, data)
        for pid in pids:  # a query that runs on without its postmaster
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if not locks.wait_free(lock, 10):
            raise UnusableEnvironment(
                f"Processes of an earlier server still use {data} ({' '.join(pids)}); end them, "
                "then try again."
            )
    # stale by now, and its process id may be another program's
    (data / "postmaster.pid").unlink(missing_ok=True)


def _cluster_processes(lock: Path, data: Path) -> list[str]:
    if not Path("/proc/self/cwd").exists():
        return subprocess.run(["lsof", "-t", lock], capture_output=True, text=True).stdout.split()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # PostgreSQL's processes work inside their data folder
            if (process / "cwd").readlink() == data:
                found.append(process.name)
    return found
