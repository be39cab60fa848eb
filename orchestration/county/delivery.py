"""The desk where files are handed over: writing them, their manifests, and the truth keys.

Files go to disk block by block as they are put; nothing of them stays in memory but the line
of the manifest. What may stand in a column, and how to make columns of millions of rows
without filling the memory: columns.py.
Add here: another way to write a file. Keep out: what is in it (agencies/).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from orchestration.county.columns import Coded, Columns, coded, write_fixed, write_rows

__all__ = ["Columns", "Desk"]


@dataclass
class _File:
    """A file being written: its bytes go to disk and into its digest."""

    handle: object
    digest: object
    size: int = 0

    def write(self, content: bytes) -> None:
        self.handle.write(content)
        self.digest.update(content)
        self.size += len(content)


@dataclass
class Desk:
    """Collects what agencies hand over under `out`/observed and the keys of the truth file.

    put(), put_fixed() and put_bytes() write one file; record() notes which person stands
    behind a delivered key; tell() which stays the newest delivery speaks of; close() writes one
    manifest.json per delivery. rows: data rows by agency; files: the lines of the manifests by
    (agency, delivery); keys: by source system, the keys delivered and the persons behind them,
    each key and person once; told: by program, persons, first and last days.
    """

    out: Path
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[tuple[str, str], list[dict]] = field(default_factory=dict)
    keys: dict[str, tuple[object, np.ndarray]] = field(default_factory=dict)
    told: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=dict)

    def put(
        self, agency: str, delivery: str, name: str, columns: Columns, *,
        delimiter: str = ",", encoding: str = "utf-8",
    ) -> None:  # fmt: skip
        """Write a delimited file of the given columns."""
        with self._file(agency, delivery, name) as (file, facts):
            facts["rows"] = write_rows(file.write, columns, delimiter, encoding)

    def put_fixed(
        self, agency: str, delivery: str, name: str,
        fields: list[tuple[np.ndarray | Coded | str, int]], *, encoding: str = "ascii",
    ) -> None:  # fmt: skip
        """Write a file of fixed width; fields: (column, width), see columns.write_fixed."""
        with self._file(agency, delivery, name) as (file, facts):
            facts["rows"] = write_fixed(file.write, fields, encoding)

    def put_bytes(self, agency: str, delivery: str, name: str, content: bytes, rows: int) -> None:
        """Write a file as it is; `rows` is its number of data rows, for the manifest."""
        with self._file(agency, delivery, name) as (file, facts):
            file.write(content)
            facts["rows"] = rows

    @contextmanager
    def _file(self, agency: str, delivery: str, name: str) -> Iterator[tuple[_File, dict]]:
        folder = self.out / "observed" / agency / delivery
        folder.mkdir(parents=True, exist_ok=True)
        facts: dict = {"name": name}
        with (folder / name).open("wb") as handle:
            file = _File(handle, hashlib.sha256())
            yield file, facts
        # in the order in which a manifest lists them
        facts.update(sha256=file.digest.hexdigest(), bytes=file.size, rows=facts.pop("rows"))
        self.files.setdefault((agency, delivery), []).append(facts)
        self.rows[agency] = self.rows.get(agency, 0) + facts["rows"]

    def record(self, system: str, keys: np.ndarray | Coded, persons: np.ndarray) -> None:
        """Note that `keys` of the source system were delivered and whose they are.

        May be called for every delivery with all its rows: only what is new is kept. A key
        given out again to another person is kept once for each, in the order of delivery.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        column = coded(keys)
        if not len(column):
            return
        # in one call a key stands for one person: its first row tells which
        first = np.full(len(column.values), -1)
        first[column.codes[::-1]] = np.arange(len(column) - 1, -1, -1)
        used = np.flatnonzero(first >= 0)
        found = pa.array(column.values[used].astype(object), type=pa.string())
        persons = np.asarray(persons)[first[used]]
        if system in self.keys:
            known, whose = self.keys[system]
            at = pc.fill_null(pc.index_in(found, value_set=known), -1).to_numpy()
            new = (at < 0) | (whose[at] != persons)
            found = pa.concat_arrays([known, found.filter(pa.array(new))])
            persons = np.concatenate([whose, persons[new]])
        self.keys[system] = (found, persons)

    def tell(
        self, program: str, persons: np.ndarray, start: np.ndarray, last_day: np.ndarray
    ) -> None:
        """Note the stays in `program` that the newest delivery tells of, by true person.

        To be called once for each program, for the last delivery: what was taken off the record
        by then, is not entered yet or in no report is no part of it. last_day: OPEN if not over.
        """
        self.told[program] = (np.asarray(persons), np.asarray(start), np.asarray(last_day))

    def close(self) -> None:
        """Write the manifests."""
        for (agency, delivery), files in sorted(self.files.items()):
            content = {"agency": agency, "delivery": delivery, "files": files}
            path = self.out / "observed" / agency / delivery / "manifest.json"
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
