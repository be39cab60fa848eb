"""What making a fictional county costs: time, processor time, memory of all processes, bytes.

The county is made by a process of its own, as a user would, so that its memory is its own.
Add here: a figure about that cost. Keep out: how good the county is (tests/python).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Reading the memory map of 10 GB takes 50 ms of the kernel's time: five times a second is
# often enough for tables that live for seconds, and costs no more than the measured process.
_EVERY = 0.2


def run(
    persons: int,
    *,
    months: int = 24,
    seed: int = 2026,
    processes: int | None = None,
    folder: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Generate a county of that size in a new folder below `folder` (default: the system's for
    temporary files), measure, and delete it.

    Returns {"persons", "months", "seed", "machine_cores", "wall_seconds", "cpu_seconds",
    "peak_gb", "largest_process_gb", "observed_gb", "truth_gb", "files", "rows",
    "truth_records", "cpu_by_step"}. peak_gb: memory of all processes together at its highest,
    shared pages counted once (Linux; elsewhere the largest process, which is the only one).

    Raises LifecourseError with the county's own sentence when it cannot be made.
    """
    import tempfile

    from orchestration.errors import LifecourseError

    say = progress or (lambda text: None)
    with tempfile.TemporaryDirectory(prefix="county-", dir=folder) as place:
        out = Path(place) / "county"
        command = [
            sys.executable, "-c", "from orchestration.cli import main; main()",
            "county", "generate", "--persons", str(persons), "--months", str(months),
            "--seed", str(seed), "--out", str(out), "--json",
        ]  # fmt: skip
        if processes:
            command += ["--processes", str(processes)]
        say(f"bench: a county of {persons:,} persons and {months} months")
        before, began = os.times(), time.monotonic()
        with (Path(place) / "said").open("w+") as said, (Path(place) / "erred").open("w+") as erred:
            running = subprocess.Popen(command, stdout=said, stderr=erred)
            peak = 0
            try:
                while running.poll() is None:
                    peak = max(peak, _memory(running.pid))
                    time.sleep(_EVERY)
            finally:
                if running.poll() is None:
                    running.terminate()
                    running.wait()
            wall, after = time.monotonic() - began, os.times()
            said.seek(0)
            erred.seek(0)
            if running.returncode:
                lines = erred.read().strip().splitlines() or ["the county could not be made"]
                raise LifecourseError(lines[-1].removeprefix("lifecourse: "))
            made = json.load(said)
        truth = sum(p.stat().st_size for p in (out / "truth").iterdir())
        say("bench: deleting the county")
    return {
        "persons": persons,
        "months": months,
        "seed": seed,
        "machine_cores": os.cpu_count(),
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(
            after.children_user + after.children_system
            - before.children_user - before.children_system, 1
        ),
        "peak_gb": round(max(peak, made["memory"]) / 1e9, 2),
        "largest_process_gb": round(made["memory"] / 1e9, 2),
        "observed_gb": round(made["size"] / 1e9, 3),
        "truth_gb": round(truth / 1e9, 3),
        "files": made["files"],
        "rows": sum(made["rows"].values()),
        "truth_records": made["truth"]["records"],
        "cpu_by_step": made["cpu"],
    }  # fmt: skip


def _memory(pid: int) -> int:
    """Bytes of the process and its children, shared pages divided among those who share them;
    0 where the system does not tell."""
    total = 0
    for one in (pid, *_children(pid)):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in tasks.read_text().split()]
        except OSError:
            continue
    return found
