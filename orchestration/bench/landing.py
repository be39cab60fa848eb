"""What landing a big file costs: from the delivered file to its published staging table.

A wage file of the county's layout, register, load, gate and publish as a run does them, beside
a bare two-way COPY of the same rows. Own database on the configured server, dropped at the end.
Add here: a phase or a figure about cost. Keep out: what a rule decides (tests).
"""

from __future__ import annotations

import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestration import landing, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.landing import readers
from orchestration.landing.contracts import Contract, load_contract
from orchestration.settings import Settings

if TYPE_CHECKING:
    import numpy

# Lines made at once (2026-11-25).
BLOCK = 500_000
PERIOD = "2025Q1"
GIVEN = ("ANNA", "BO", "CARMEN", "DEV", "ELENA", "FRANK", "GRACE", "HIRO", "INES", "JOSE LUIS")
FAMILY = ("ABARA", "BERG", "CRUZ", "DE LA FUENTE", "EKSTROM", "FOX", "GARCIA", "HO", "O'NEIL")


def run(
    settings: Settings,
    rows: int = 10_000_000,
    *,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Land a wage file of so many rows and say what each phase took.

    Returns {"rows", "file_mb", "rows_per_second", "cpu_seconds", "peak_rss_mb",
    "bare_rows_per_second", "ratio", "phases": {name: {"seconds", "client_cpu_seconds",
    "server_cpu_seconds"}}}. rows_per_second (wall time) and cpu_seconds are over the phases
    register, load, gate and publish; those in brackets are not among them. ratio is that rate
    over the one of the bare COPY. peak_rss_mb is of this process. Processor time of the server is
    None where it is on another machine.

    Raises UsageError for fewer than 1,000 rows, LifecourseError when the file is held.
    """
    from psycopg import sql

    if rows < 1_000:
        raise UsageError("A benchmark of landing needs 1,000 rows or more.")
    say = progress or (lambda text: None)
    contract = load_contract(settings.contracts / "wages" / "quarterly_wages.yml")
    name = f"lifecourse_bench_{int(time.time())}"
    own = urlsplit(warehouse.url(settings))._replace(path=f"/{name}").geturl()
    with warehouse.connect(settings, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            with tempfile.TemporaryDirectory(prefix="lifecourse-bench-") as folder:
                there = replace(settings, database_url=own, deliveries=Path(folder))
                return _measure(there, contract, rows, seed, say)
        finally:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )


def _measure(
    settings: Settings, contract: Contract, rows: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    from orchestration.quality import gate

    path = settings.deliveries / "wages" / "2025-05" / f"wages_{PERIOD}.txt"
    path.parent.mkdir(parents=True)
    say(f"bench: writing {rows:,} wage records")
    write_wages(path, rows, seed)
    facts: dict[str, Any] = {"rows": rows, "file_mb": round(path.stat().st_size / 1e6)}
    phases: dict[str, dict[str, Any]] = {}
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, [contract])
        clock = _Clock(connection, phases, say)
        with clock.phase("(imports)"):
            import great_expectations  # noqa: F401
        with clock.phase("register"):
            [file] = landing.discover(settings.deliveries, [contract])
            load_id = landing.register(connection, file).load_id
        with clock.phase("load"):
            landing.load_candidate(connection, file, load_id)
        with clock.phase("gate"):
            report = gate.run_gate(settings, contract, load_id)
        if not report.passed:
            broken = "; ".join(result.message for result in report.results if result.blocks)
            raise LifecourseError(f"The benchmark's file was held: {broken}")
        with clock.phase("publish"):
            landing.publish(connection, [load_id])
        landed = [phase for name, phase in phases.items() if not name.startswith("(")]
        total = sum(phase["seconds"] for phase in landed)
        spent = [phase[f"{side}_cpu_seconds"] for phase in landed for side in ("client", "server")]
        facts["rows_per_second"] = round(rows / total)
        facts["cpu_seconds"] = None if None in spent else round(sum(spent), 1)
        facts["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        with clock.phase("(reading alone)"):
            halves = _copy_text(file, contract, settings.deliveries)
        with clock.phase("(bare COPY)"):
            _bare_copy(settings, contract, halves)
    facts["bare_rows_per_second"] = round(rows / phases["(bare COPY)"]["seconds"])
    facts["ratio"] = round(facts["rows_per_second"] / facts["bare_rows_per_second"], 2)
    return facts | {"phases": phases}


def write_wages(path: Path, rows: int, seed: int) -> None:
    """A wage file of quarterly_wages.yml's layout: fictional, same seed, same bytes."""
    import numpy

    rng = numpy.random.default_rng(seed)
    given = _fixed(GIVEN, 15)
    family = _fixed(FAMILY, 20)
    with path.open("wb") as stream:
        for first in range(0, rows, BLOCK):
            n = min(BLOCK, rows - first)
            line = numpy.full((n, 87), ord(" "), dtype="uint8")
            line[:, 0:9] = _digits(rng.integers(100_010_001, 665_999_998, n), 9)
            line[:, 3:5] = _digits(rng.integers(1, 100, n), 2)
            line[:, 5:9] = _digits(rng.integers(1, 10_000, n), 4)
            line[:, 9:24] = given[rng.integers(0, len(given), n)]
            line[:, 24] = numpy.frombuffer(b"ABCDEFGHIJ    ", dtype="uint8")[rng.integers(0, 14, n)]
            line[:, 25:45] = family[rng.integers(0, len(family), n)]
            line[:, 45:47] = numpy.frombuffer(b"10", dtype="uint8")
            line[:, 47:57] = _digits(rng.integers(1, 60_000, n), 10)
            line[:, 57:62] = _digits(rng.integers(0, 3, n), 5)
            line[:, 62:71] = _digits(rng.integers(510_000_000, 519_999_999, n), 9)
            line[:, 71:76] = numpy.frombuffer(f"{PERIOD[:4]}{PERIOD[5]}".encode(), dtype="uint8")
            line[:, 76:86] = _padded(rng.gamma(2.0, 5_500.0, n).astype("int64") + 1, 10)
            line[:, 86] = ord("\n")
            stream.write(line.tobytes())


def _fixed(words: tuple[str, ...], width: int) -> numpy.ndarray:
    import numpy

    text = "".join(word.ljust(width) for word in words).encode()
    return numpy.frombuffer(text, dtype="uint8").reshape(len(words), width)


def _digits(numbers: numpy.ndarray, width: int) -> numpy.ndarray:
    import numpy

    powers = 10 ** numpy.arange(width - 1, -1, -1)
    return (numbers[:, None] // powers % 10 + ord("0")).astype("uint8")


def _padded(numbers: numpy.ndarray, width: int) -> numpy.ndarray:
    """Numbers with blanks before them."""
    import numpy

    written = _digits(numbers, width)
    leading = numpy.cumsum(written != ord("0"), axis=1) == 0
    return numpy.where(leading, ord(" "), written).astype("uint8")


def _copy_text(file: landing.DeliveredFile, contract: Contract, folder: Path) -> list[Path]:
    """The rows as the reader hands them to COPY, in two files."""
    halves = [folder / "half_0", folder / "half_1"]
    source = readers.Source(file.path, contract.encoding)
    _, blocks = readers.copy_blocks(source, contract, contract.tables[0])
    with halves[0].open("wb") as one, halves[1].open("wb") as other:
        for number, block in enumerate(blocks):
            (one, other)[number % 2].write(block.data)
    return halves


def _bare_copy(settings: Settings, contract: Contract, halves: list[Path]) -> None:
    """Two connections, two files, one all-text table; nothing is checked."""
    names = ", ".join(column.name for column in contract.tables[0].columns)
    with warehouse.connect(settings) as connection:
        columns = names.replace(", ", " text, ") + " text"
        connection.execute(f"create table bare (_row_number integer, {columns})")
        connection.commit()

    def send(half: Path) -> None:
        with (
            warehouse.connect(settings) as connection,
            connection.cursor() as cursor,
            half.open("rb") as stream,
            cursor.copy(f"copy bare (_row_number, {names}) from stdin with (null '')") as copy,
        ):
            while block := stream.read(1 << 20):
                copy.write(block)

    threads = [threading.Thread(target=send, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Clock:
    """Wall time, and processor time of this process and of the server, by phase."""

    def __init__(self, connection: Any, phases: dict, say: Callable[[str], None]) -> None:
        self.phases, self.say = phases, say
        backend = connection.execute("select pg_backend_pid()").fetchone()[0]
        connection.commit()
        self.postmaster = _parent(backend)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.say(f"bench: {name}")
        before = time.monotonic(), time.process_time(), _tree_seconds(self.postmaster)
        yield
        seconds, client = time.monotonic() - before[0], time.process_time() - before[1]
        time.sleep(0.3)  # backends that end now are counted once their parent knows of it
        server = _tree_seconds(self.postmaster)
        self.phases[name] = {
            "seconds": round(seconds, 2),
            "client_cpu_seconds": round(client, 1),
            "server_cpu_seconds": None
            if server is None or before[2] is None
            else round(server - before[2], 1),
        }


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the command's name."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _parent(backend: int) -> int | None:
    """The server's first process, when the backend is a process of this machine."""
    found = _stat(backend)
    name = Path(f"/proc/{backend}/comm")
    if found is None or not name.read_text().startswith("postgres"):
        return None
    return int(found[1])


def _tree_seconds(postmaster: int | None) -> float | None:
    """Processor seconds of the server: its first process, the ended and the living others."""
    import os

    if postmaster is None or (own := _stat(postmaster)) is None:
        return None
    # The ended ones are the first process's as soon as it has seen them end: so it comes last.
    ticks = 0
    for entry in Path("/proc").iterdir():
        found = _stat(int(entry.name)) if entry.name.isdigit() else None
        if found and int(found[1]) == postmaster:
            ticks += int(found[11]) + int(found[12])
    ticks += sum(map(int, (_stat(postmaster) or own)[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
