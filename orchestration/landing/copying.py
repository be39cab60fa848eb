"""Blocks of COPY text into a table: over the caller's connection, or over several at once.

Add here: another way to send blocks. Keep out: what the blocks hold (readers), which table and
when it counts (loader).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from itertools import chain, repeat
from typing import TYPE_CHECKING

from orchestration.landing.copy_text import CopyBlock

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

# One COPY keeps one core of the server busy and waits for it; two take 0.6 of its time where
# there are two cores, and reading the file goes on beside them (10 million rows, 2026-11-25).
CONNECTIONS = 2
# Blocks read ahead of each connection: a few MB (2026-11-25).
AHEAD = 4


def over(
    connection: psycopg.Connection, statement: sql.Composed, blocks: Iterable[CopyBlock]
) -> int:
    """Send the blocks within the connection's transaction; the rows the server has counted."""
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block.data)
        return cursor.rowcount


def side_by_side(
    connection: psycopg.Connection, statement: sql.Composed, blocks: Iterable[CopyBlock]
) -> int:
    """Send the blocks over connections of their own, each with a transaction of its own.

    connection: says where to; it is not used. Returns the rows that the server has counted; they
    are committed. Where anything fails, its error is raised and what was committed stays: the
    caller sees to the table.
    """
    # One queue for all: a lane that is slower for a while keeps no other waiting.
    waiting: queue.Queue[CopyBlock | None] = queue.Queue(AHEAD * CONNECTIONS)
    lanes = [_Lane(connection, statement, waiting) for _ in range(CONNECTIONS)]
    try:
        for block in chain(blocks, repeat(None, CONNECTIONS)):
            _put(waiting, block, lanes)
    except BaseException:
        for lane in lanes:
            lane.give_up()
        raise
    return sum([lane.finish() for lane in lanes])


def _put(
    waiting: queue.Queue[CopyBlock | None], block: CopyBlock | None, lanes: Iterable[_Lane]
) -> None:
    while True:
        for lane in lanes:
            if lane.error is not None:
                raise lane.error
        try:
            return waiting.put(block, timeout=0.5)
        except queue.Full:  # look again whether a lane has failed
            continue


def again(connection: psycopg.Connection, *, autocommit: bool = False) -> psycopg.Connection:
    """Another connection to the same database as the same user."""
    import psycopg

    return psycopg.connect(
        connection.info.dsn,
        password=connection.info.password or None,
        autocommit=autocommit,
        connect_timeout=10,
    )


class _Lane:
    """One connection and the thread that feeds it; None in the queue ends one lane."""

    def __init__(
        self,
        connection: psycopg.Connection,
        statement: sql.Composed,
        waiting: queue.Queue[CopyBlock | None],
    ) -> None:
        self.statement, self.waiting = statement, waiting
        self.rows = 0
        self.error: BaseException | None = None
        self.stopped = False
        self.own = again(connection)
        self.thread = threading.Thread(target=self._run, name="lifecourse-copy", daemon=True)
        self.thread.start()

    def finish(self) -> int:
        self.thread.join()
        if self.error is not None:
            raise self.error
        return self.rows

    def give_up(self) -> None:
        self.stopped = True
        self.thread.join()

    def _run(self) -> None:
        try:
            with self.own as connection:
                self.rows = over(connection, self.statement, iter(self._next, None))
        except BaseException as error:
            self.error = error

    def _next(self) -> CopyBlock | None:
        while not self.stopped:
            try:
                return self.waiting.get(timeout=0.5)
            except queue.Empty:
                continue
        raise _GivenUp


class _GivenUp(Exception):
    """Breaks the COPY off, so that the server keeps nothing of it."""
