"""The desk where files are handed over: writing them, their manifests, and the truth keys.

Add here: another way to write a file. Keep out: what is in it (agencies/).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Columns = dict[str, np.ndarray]


def to_csv(columns: Columns, delimiter: str = ",") -> str:
    """Columns as delimited text with a header; fields with the delimiter or quotes are quoted."""
    texts = []
    for values in columns.values():
        listed = np.asarray(values).tolist()
        if any(delimiter in v or '"' in v or "\n" in v for v in listed):
            listed = [
                '"' + v.replace('"', '""') + '"' if delimiter in v or '"' in v or "\n" in v else v
                for v in listed
            ]
        texts.append(listed)
    lines = [delimiter.join(columns)]
    lines.extend(map(delimiter.join, zip(*texts, strict=True)))
    return "\n".join(lines) + "\n"


@dataclass
class Desk:
    """Collects what agencies hand over under `out`/observed and the keys of the truth file.

    put() writes one file; record() notes which person stands behind a delivered key;
    close() writes one manifest.json per delivery.
    """

    out: Path
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[tuple[str, str], list[dict]] = field(default_factory=dict)
    keys: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)

    def put(
        self, agency: str, delivery: str, name: str, columns: Columns, *,
        delimiter: str = ",", encoding: str = "utf-8",
    ) -> None:  # fmt: skip
        """Write a delimited file of the given columns."""
        count = len(next(iter(columns.values())))
        self.put_bytes(
            agency, delivery, name, to_csv(columns, delimiter).encode(encoding), rows=count
        )

    def put_bytes(self, agency: str, delivery: str, name: str, content: bytes, rows: int) -> None:
        """Write a file as it is; `rows` is its number of data rows, for the manifest."""
        folder = self.out / "observed" / agency / delivery
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        self.files.setdefault((agency, delivery), []).append(
            {
                "name": name,
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
                "rows": rows,
            }
        )
        self.rows[agency] = self.rows.get(agency, 0) + rows

    def record(self, system: str, keys: np.ndarray, persons: np.ndarray) -> None:
        """Note that `keys` of the source system were delivered and whose they are."""
        self.keys.setdefault(system, []).append((np.asarray(keys).astype("U60"), persons))

    def close(self) -> None:
        """Write the manifests."""
        for (agency, delivery), files in sorted(self.files.items()):
            content = {"agency": agency, "delivery": delivery, "files": files}
            path = self.out / "observed" / agency / delivery / "manifest.json"
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
