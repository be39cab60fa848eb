"""Processor time of the database server, which no client is told.

Add here: another way to read what a server spends. Keep out: what is measured with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestration import warehouse
from orchestration.errors import UsageError

if TYPE_CHECKING:
    from orchestration.settings import Settings


def demand_own_server(settings: Settings) -> None:
    """Raise UsageError where the server is not on this machine."""
    if urlsplit(warehouse.url(settings)).hostname not in ("127.0.0.1", "localhost", None, ""):
        raise UsageError(
            "The processor time of a server elsewhere cannot be read; unset "
            "LIFECOURSE_DATABASE_URL to measure on the embedded one."
        )


def server_seconds(settings: Settings) -> float:
    """Processor seconds of the server's processes, dead children included."""
    with warehouse.connect(settings) as connection:
        folder, own = connection.execute(
            "select current_setting('data_directory'), pg_backend_pid()"
        ).fetchone()
    ticks = os.sysconf("SC_CLK_TCK")
    postmaster = int((Path(folder) / "postmaster.pid").read_text().split()[0])
    while True:
        # a child that ends while this reads is counted by neither: read again
        ended = _ticks(postmaster, children=True)
        total = ended
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if _parent(int(path.name)) == postmaster and int(path.name) != own:
                    total += _ticks(int(path.name))
            except OSError:
                continue
        if _ticks(postmaster, children=True) == ended:
            return total / ticks


def _status(process: int) -> list[str]:
    """What /proc tells of a process, from its state on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _parent(process: int) -> int:
    return int(_status(process)[1])


def _ticks(process: int, *, children: bool = False) -> int:
    """Processor time in clock ticks; with that of children that have ended."""
    return sum(map(int, _status(process)[11 : 15 if children else 13]))
