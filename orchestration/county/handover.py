"""Every agency hands over at a desk of its own, in this process or in several.

Once the world is made, agencies know nothing of one another and draw from streams of their
own, so how many work at a time changes no byte. Several processes are forks that share the
world's memory; where forking is not safe (macOS, Windows) there is one.
Add here: how agencies are run. Keep out: what they write (agencies/) and how (delivery.py).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from orchestration.county.world import World

# From here on a fork costs less than it saves: 50,000 persons and 24 months take half a minute.
_WORTH_FORKING = 50_000
# Each process holds the tables of its agency, up to 2 GB at a million persons.
_MOST_PROCESSES = 4


@dataclass
class Handed:
    """What one agency handed over: data rows, files, bytes, the processor time it took, and for
    the truth its keys (by source system, the keys as an Arrow array and the persons behind) and
    the stays that its newest delivery tells of (by program: persons, first and last days)."""

    agency: str
    rows: int
    files: int
    size: int
    cpu: float
    keys: dict[str, tuple[object, np.ndarray]]
    told: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def processes(persons: int, wanted: int | None) -> int:
    """How many processes to use: `wanted`, or what suits the county and the machine."""
    if sys.platform != "linux":
        return 1
    if wanted:
        return wanted
    return min(os.cpu_count() or 1, _MOST_PROCESSES) if persons >= _WORTH_FORKING else 1


def run(
    world: World, out: Path, bad: str | None, count: int, say: Callable[[str], None]
) -> list[Handed]:
    """All agencies' files under `out`/observed, by `count` processes, in the order of ALL.

    bad: the delivery (YYYY-MM) to spoil, or None. Raises what an agency raises, and
    LifecourseError when a process was killed.
    """
    from orchestration.county import agencies

    names = list(agencies.ALL)
    if count == 1:
        done = []
        for name in names:
            say(f"files of {name}")
            done.append(_one(world, out, name, bad))
        return done
    return _forked(world, out, names, bad, count, say)


def _one(world: World, out: Path, name: str, bad: str | None) -> Handed:
    from orchestration.county import agencies, faults
    from orchestration.county.delivery import Desk

    began = time.process_time()
    desk = Desk(out)
    last = agencies.ALL[name](world, desk)
    if bad and name in faults.BAD:
        faults.deliver(world, desk, name, bad, last)
    desk.close()
    listed = [file for files in desk.files.values() for file in files]
    return Handed(
        agency=name,
        rows=desk.rows.get(name, 0),
        files=len(listed),
        size=sum(file["bytes"] for file in listed),
        cpu=time.process_time() - began,
        keys=desk.keys,
        told=desk.told,
    )


# what forked processes find: the world is never pickled
_shared: tuple[World, Path, str | None] | None = None


def _in_fork(name: str) -> Handed:
    assert _shared is not None
    world, out, bad = _shared
    return _one(world, out, name, bad)


def _forked(
    world: World, out: Path, names: list[str], bad: str | None, count: int,
    say: Callable[[str], None],
) -> list[Handed]:  # fmt: skip
    import gc
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    from orchestration.errors import LifecourseError

    global _shared
    _shared = (world, out, bad)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy the pages that it marks
    say(f"files of {len(names)} agencies, {count} at a time")
    done: dict[str, Handed] = {}
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("fork"))
    try:
        futures = {pool.submit(_in_fork, name): name for name in names}
        for future in as_completed(futures):
            done[futures[future]] = future.result()
            say(f"files of {futures[future]} ({len(done)} of {len(names)} agencies)")
    except BrokenProcessPool as error:
        raise LifecourseError(
            "A process that wrote the county's files was killed, most likely for want of memory; "
            "generate it again with --processes 1 or fewer persons."
        ) from error
    finally:
        # the first error is told at once; what runs then ends on its own
        pool.shutdown(wait=True, cancel_futures=True)
        gc.unfreeze()
        _shared = None
    return [done[name] for name in names]
