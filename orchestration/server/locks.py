"""Files that say, by a lock the kernel keeps, whether a process lives.

Add here: what both the client and the supervisor do with such a file. Keep out: what the files
mean (the package's docstring).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path


def take(path: Path, mode: int) -> int:
    """Open and lock a file, private to the user; the lock ends with the handle and its copies.

    mode: LOCK_SH or LOCK_EX; with LOCK_NB raises BlockingIOError when another process has it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, mode)
    except BaseException:
        os.close(handle)
        raise
    return handle


def held(path: Path) -> bool:
    """Whether a living process holds the lock exclusively."""
    try:
        if path.exists():
            os.close(take(path, fcntl.LOCK_SH | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    return False


def wait_free(path: Path, seconds: float) -> bool:
    """Wait until nobody holds the lock exclusively; False when the time is over."""
    deadline = time.monotonic() + seconds
    while (taken := held(path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not taken


def is_file(handle: int, path: Path) -> bool:
    """Whether the open file is still the one at that path: a home may be removed and remade."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def read(path: Path) -> str:
    """The stripped text of a file; empty when it is not there or not readable."""
    with contextlib.suppress(OSError):
        return path.read_text().strip()
    return ""


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read."""
    path.touch(mode=0o600)
    path.write_text(text)
