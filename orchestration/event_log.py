"""Dagster's event log in SQLite, with connections that stay open.

Dagster's own class makes an engine and a connection for every event and so compiles every
statement and folds in the write-ahead log each time: one asset check costs 40 ms of CPU, and a
delivery has hundreds. Kept open it is a third (2026-11-23). The tables and files are the same;
either class reads what the other wrote. Named in dagster.yaml; add nothing else here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 60  # how long a writer waits for another process's write; 2026-11-23


class OpenSqliteEventLogStorage(SqliteEventLogStorage):
    """One engine with one open connection for each SQLite file."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()  # seen; Dagster asks for some of them at every event
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard in self._engines:
            return self._engines[shard]
        engine = self._engines[shard] = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )

        # A power cut may lose the newest events of the log, never its integrity; what was
        # accepted and published is recorded in the warehouse, not here.
        @event.listens_for(engine, "connect")
        def _no_sync_per_event(connection: Any, _: Any) -> None:
            connection.execute("pragma synchronous = normal")

        return engine

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables:
            # Asked from within a connection, so not through _connect, whose lock is held then.
            with self._engine(INDEX_SHARD_NAME).connect() as connection:
                if connection.dialect.has_table(connection, table_name):
                    self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()
