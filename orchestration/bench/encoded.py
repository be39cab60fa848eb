"""What linking one source on encodings costs in accuracy, beside linking it in the clear.

The records of a county in the warehouse, or of a public sample, are linked in memory: as they
are, and with the identifiers of one source encoded under a key made up for the run. Nothing is
written. Add here: a figure about encodings. Keep out: anything the pipeline uses.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy
    import pyarrow

    from orchestration.linkage.bloom import Hardening
    from orchestration.settings import Settings


# Turned over in a hundred, in the ways that are hardened so.
_FLIP = 5


def run(
    settings: Settings,
    truth_dir: Path,
    *,
    source: str = "hmis",
    progress: Callable[[str], None] | None = None,
) -> dict:
    """compare() of the county in the warehouse. Raises UsageError when the source has no record,
    or the truth no file."""
    from orchestration.linkage import records, scoring

    truth = scoring.persons(truth_dir)
    with warehouse.connect(settings) as connection:
        table = records.read(connection, only="encoding is null")
    return compare(table, truth, source, progress)


def run_sample(*, source: str = "census", progress: Callable[[str], None] | None = None) -> dict:
    """compare() of pseudopeople 2020 (bench.samples), without a warehouse."""
    from orchestration.bench import samples

    sample = samples.pseudopeople(2020)
    truth = dict(zip(_keys(sample.records), sample.person.tolist(), strict=True))
    return compare(sample.records, truth, source, progress)


def compare(
    table: pyarrow.Table,
    truth: dict[tuple[str, str], object],
    source: str,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Pairs between `source` and all others, in the clear and on encodings.

    table: records.read; truth: the person of a source key, which reaches the scorer only. Returns
    {"source", "records", "source_records", "true_pairs", "ways": {"clear", "encoded", "salted",
    "flipped", "salted and flipped": {"precision", "recall", "f1", "cpu_seconds"}}}.
    """
    import numpy

    from orchestration.linkage import engine, model, overrides, records
    from orchestration.linkage.bloom import Hardening

    say = progress or (lambda text: None)
    keys = _keys(table)
    hidden = numpy.array([system == source for system, _ in keys])
    if not hidden.any():
        raise UsageError(f"No record is of source system {source}.")
    ways = {
        "clear": None,
        "encoded": Hardening(),
        "salted": Hardening(salt=True),
        "flipped": Hardening(flip=_FLIP),
        "salted and flipped": Hardening(salt=True, flip=_FLIP),
    }
    figures: dict = {
        "source": source,
        "records": table.num_rows,
        "source_records": len({key for key in keys if key[0] == source}),
        "ways": {},
    }

    def clustered(some: pyarrow.Table) -> engine.Clusters:
        duck = engine.memory()
        try:
            records.prepare(duck, some)
            overrides.prepare(duck, overrides.none())
            return engine.run(duck, model.load(model.DEFAULT), lambda text: None)
        finally:
            duck.close()

    blank = None
    for way, hardening in ways.items():
        say(f"bench: {way}")
        before = time.process_time()
        if hardening is None:
            cluster = clustered(table).cluster
        else:
            blank = blank or clustered(_without_identifiers(table, hidden))
            cluster = _linked(table, hidden, blank, hardening)
        spent = time.process_time() - before
        scored = _scored(keys, cluster, truth, source)
        figures["true_pairs"] = scored.pop("true_pairs")
        figures["ways"][way] = {**scored, "cpu_seconds": round(spent, 1)}
    return figures


def _keys(table: pyarrow.Table) -> list[tuple[str, str]]:
    return list(
        zip(
            table["source_system"].to_pylist(), table["source_person_key"].to_pylist(), strict=True
        )
    )  # fmt: skip


def _without_identifiers(table: pyarrow.Table, hidden: numpy.ndarray) -> pyarrow.Table:
    """The records with nothing but their keys where `hidden`."""
    import pyarrow
    import pyarrow.compute

    from orchestration.linkage.records import IDENTITY_COLUMNS

    kept = {"identity_record_id", "source_system", "source_person_key", "is_linkable"}
    mask = pyarrow.array(hidden)
    for name in set(IDENTITY_COLUMNS) - kept:
        column = pyarrow.compute.if_else(mask, pyarrow.scalar(None, pyarrow.string()), table[name])
        table = table.set_column(table.column_names.index(name), name, column)
    linkable = pyarrow.compute.if_else(mask, "f", table["is_linkable"])
    return table.set_column(table.column_names.index("is_linkable"), "is_linkable", linkable)


def _linked(
    table: pyarrow.Table, hidden: numpy.ndarray, found: object, hardening: Hardening
) -> numpy.ndarray:
    """Clusters with the hidden records linked on encodings made as an agency makes them."""
    import numpy

    from orchestration.linkage import bloom, encoded_records, encoded_values

    secret = secrets.token_hex(32).encode()
    rows = numpy.flatnonzero(hidden)
    values = encoded_values.of_identity_records(
        {name: table[name].take(rows).to_pylist() for name in encoded_records.CLEAR}
    )
    ids = [
        bloom.pseudonym(secret, key) for key in table["source_person_key"].take(rows).to_pylist()
    ]
    texts = bloom.written(bloom.encode(values, secret, hardening, ids), secret, hardening)
    encodings = dict(zip(table["identity_record_id"].take(rows).to_pylist(), texts, strict=True))
    return encoded_records.link(encodings, table, found, [], secret=secret)[0].cluster


def _scored(keys: list[tuple[str, str]], cluster: numpy.ndarray, truth: dict, source: str) -> dict:
    """Figures over pairs of a source record of `source` and one of another source."""
    import numpy

    from orchestration.linkage import scoring

    newest = dict(zip(keys, cluster.tolist(), strict=True))
    both = sorted(set(newest) & set(truth))
    side = numpy.array([key[0] == source for key in both]).astype("int64")
    told = scoring.pair_figures(
        numpy.array([truth[key] for key in both]), numpy.array([newest[key] for key in both]), side
    )["by_source"]["0|1"]
    return {name: told[name] for name in ("precision", "recall", "f1", "true_pairs")}
