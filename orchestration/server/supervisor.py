"""The process that has PostgreSQL as its child and ends it when nobody needs it any more.

`python -m orchestration.server.supervisor PLAN`, PLAN being the JSON that the client writes. It
imports the standard library only, to be up in a tenth of a second.

Add here: a reason to end the server. Keep out: anything that a client can do itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.server import cluster, locks


def supervise(plan: dict[str, Any]) -> None:
    """Run PostgreSQL until it ends, is asked to end, or nobody needs it any more.

    plan: link (<home>/postgres), command and account (of PostgreSQL), lock (the inherited handle
    of server.json), linger (seconds), ready (what server.json says once it takes connections).
    """
    if os.fork():  # no client has to reap this process
        os._exit(0)
    link, lock, asked = Path(plan["link"]), plan["lock"], []
    folder = link.resolve()
    wake, wake_end = os.pipe()
    for end in (wake, wake_end):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: asked.append(number))
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    lease = locks.take(folder / "lease", fcntl.LOCK_SH)
    theirs = locks.take(folder / "postgres.lock", fcntl.LOCK_EX)
    postgres = subprocess.Popen(
        plan["command"],
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=cluster.environment(),
        pass_fds=[theirs],
        preexec_fn=_die_with_parent(),
        **plan["account"],
    )
    os.close(theirs)

    def say(**more: Any) -> None:
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps({"supervisor": os.getpid(), **more}).encode(), 0)

    say()
    ready, needed = False, time.monotonic()
    while postgres.poll() is None:
        if not ready:
            said = locks.read(folder / "data" / "postmaster.pid").split()
            if ready := said[:1] == [str(postgres.pid)] and said[-1] == "ready":
                say(postgres=postgres.pid, **plan["ready"])
        leased = True
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leased = False
        if leased or (folder / "keep").exists():
            needed = time.monotonic()
        unused = time.monotonic() - needed > plan["linger"]
        if asked or unused or not locks.is_file(lease, link / "lease"):
            break  # unused, we keep the lease locked: a client that comes now waits for our end
        fcntl.flock(lease, fcntl.LOCK_UN)
        select.select([wake], [], [], min(1, plan["linger"] / 2 + 0.05) if ready else 0.02)
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 100)
    say()
    for number, seconds in ((signal.SIGINT, 120), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(subprocess.TimeoutExpired):
            postgres.send_signal(number)  # nothing is sent to a process that has ended
            postgres.wait(seconds)
            break


def _die_with_parent() -> Callable[[], Any] | None:
    """On Linux PostgreSQL shuts down when its supervisor is killed; elsewhere the next start or
    stop finds it by its lock."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl, pr_set_pdeathsig = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(pr_set_pdeathsig, int(signal.SIGINT), 0, 0, 0)


if __name__ == "__main__":
    supervise(json.loads(sys.argv[1]))
