"""One row per node: the consensus of its records, ready to be compared.

A node's single values are the commonest among its records (a typing error is voted out);
its lists keep every value, so that a maiden name or a former address still agrees.
Add here: a field a comparison needs. Keep out: comparisons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage.encoding import DIGITS, MISSING, NUMBERS, ranked, starts

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import numpy
    import pyarrow

    from orchestration.linkage.encoding import Fields

# Ties go to the greatest value: mode() would pick by thread, and ids would not repeat.
_SINGLE = ("fn", "mn", "ln", "sex", "addr", "zip_code", "dob", "ym", "yr", "ssn", "ssn4", "mi",
           "generation")  # fmt: skip
# Fields of which a node keeps every value, as <field>_all; null where it has one or none.
_SEVERAL = ("fn", "addr", "zip_code", "dob", "ssn", "ssn4")
# Long texts, mostly asked whether they are the same: also as codes, <field>_code.
_AS_CODES = ("addr",)
# Certificates: a birth or death certificate is one person's, once; so is a place on one birth
# record.
_CERTIFICATES = {
    "births": ("source_person_key", "source_system = 'vital_child'"),
    "deaths": ("source_person_key", "source_system = 'vital_death'"),
    "parent_of": (
        "source_system || ' ' || source_person_key",
        "source_system in ('vital_mother', 'vital_father')",
    ),
}
# A node with more values than this is a placeholder; longer lists only cost time.
MAX_LIST = 60


def build(
    duck: duckdb.DuckDBPyConnection,
    fields: Fields,
    label: numpy.ndarray,
    wanted: numpy.ndarray,
    frequencies: dict[str, dict],
) -> None:
    """Make table `node`, one row per node in `wanted` (ascending node numbers).

    label: node per record, as in table `component_of`. frequencies: {"fn": {"floor": share,
    "shares": {name: share}}, "ln": ...}. Frozen with the model, so that a record added today
    moves no weight of yesterday's pairs. Also makes the view `member`: every record with its
    node.
    """
    import numpy
    import pyarrow

    duck.execute(
        "create or replace view member as"
        " select record.*, component_of.node from record join component_of using (rid)"
    )
    count = len(wanted)
    position = numpy.full(int(label.max(initial=-1)) + 1, -1, dtype="int32")
    position[wanted] = numpy.arange(count, dtype="int32")
    of_record = position[label]
    rid = numpy.flatnonzero(of_record >= 0)
    at = of_record[rid]
    first = numpy.full(count, fields.count, dtype="int32")
    numpy.minimum.at(first, at, rid.astype("int32"))
    linkable = numpy.zeros(count, dtype=bool)
    linkable[at[fields.is_linkable[rid]]] = True
    columns: dict[str, object] = {
        "node_id": wanted.astype("int32"), "first_rid": first, "is_linkable": linkable
    }  # fmt: skip
    for name in _SINGLE:
        values = _values(at, fields.codes[name][rid])
        chosen = _commonest(*values, count)
        columns[name] = _written(fields, name, chosen)
        if name in _SEVERAL:
            columns[f"{name}_all"] = _lists(fields, name, *values[:2], count, least=2)
        if name in _AS_CODES:
            columns[f"{name}_code"] = pyarrow.array(chosen, mask=chosen < 0)
            columns[f"{name}_code_all"] = _lists(fields, None, *values[:2], count, least=2)
        if name in frequencies:
            columns[f"tf_{name}"] = _shares(fields.dictionary(name), frequencies[name], chosen)
    births = _values(at, fields.codes["plurality_order"][rid])
    columns["plurality_all"] = _lists(fields, "plurality_order", *births[:2], count)
    record, form = fields.forms
    kept = of_record[record] >= 0
    forms = _values(of_record[record][kept], form[kept])
    columns["fn_forms"] = _lists(fields, "fn", *forms[:2], count)
    record, surname = fields.surnames
    kept = of_record[record] >= 0
    surnames = _values(
        numpy.concatenate([at, of_record[record][kept]]),
        numpy.concatenate([fields.codes["ln"][rid], surname[kept]]),
    )
    columns["ln_all"] = _lists(fields, "ln", *surnames[:2], count, least=2)

    for name, (certificate, which) in _CERTIFICATES.items():
        columns[name] = _certificates(duck, of_record, certificate, which, count)

    duck.register("_nodes", pyarrow.table(columns))
    duck.execute("create or replace table node as select * from _nodes")
    duck.unregister("_nodes")


def _certificates(
    duck: duckdb.DuckDBPyConnection,
    of_record: numpy.ndarray,
    certificate: str,
    which: str,
    count: int,
) -> pyarrow.ListArray:
    """Every node's certificates of one kind, sorted; null where it has none."""
    import numpy
    import pyarrow

    found = duck.sql(
        f"select rid, {certificate} as certificate from record where {which}"
    ).to_arrow_table()
    at = of_record[found["rid"].to_numpy()]
    held = found["certificate"].combine_chunks().cast(pyarrow.string()).dictionary_encode()
    words, coded = ranked({"certificate": held})
    at, code, _ = _values(at, numpy.where(at < 0, MISSING, coded["certificate"]))
    return _listed(at, code, count, 1, words.take)


def _values(
    at: numpy.ndarray, code: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """(node position, code, times) of every distinct known value, ordered by both."""
    import numpy

    known = code >= 0
    together = (at[known].astype("int64") << 32) | code[known]
    together.sort()
    start = numpy.flatnonzero(
        numpy.concatenate([[True], together[1:] != together[:-1]])[: len(together)]
    )
    times = numpy.diff(numpy.append(start, len(together)))
    together = together[start]
    return (together >> 32).astype("int32"), (together & 0xFFFFFFFF).astype("int32"), times


def _commonest(
    at: numpy.ndarray, code: numpy.ndarray, times: numpy.ndarray, count: int
) -> numpy.ndarray:
    """The code each node has most often, the greatest of several; -1 where it has none."""
    import numpy

    chosen = numpy.full(count, -1, dtype="int32")
    if len(at):
        start = starts(at)
        best = numpy.maximum.reduceat((times.astype("int64") << 32) | code, start)
        chosen[at[start]] = best & 0xFFFFFFFF
    return chosen


def _written(fields: Fields, name: str, code: numpy.ndarray) -> pyarrow.Array:
    """Codes as text (a generation as a number), null where missing."""
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    missing = code < 0
    if name == "generation":
        return pyarrow.array(code, mask=missing)
    if name == "mi":
        letter = pyarrow.array([chr(number) for number in range(128)])
        return letter.take(pyarrow.array(code, mask=missing))
    if name in NUMBERS:
        text = compute.cast(pyarrow.array(code, mask=missing), pyarrow.string())
        return compute.utf8_lpad(text, DIGITS[name], "0") if name in DIGITS else text
    words = fields.dictionary(name)
    if not len(words):
        return pyarrow.nulls(len(code), pyarrow.string())
    return words.take(pyarrow.array(numpy.where(missing, 0, code), mask=missing))


def _lists(
    fields: Fields,
    name: str | None,
    at: numpy.ndarray,
    code: numpy.ndarray,
    count: int,
    *,
    least: int = 1,
) -> pyarrow.ListArray:
    """Every node's values, sorted, at most MAX_LIST; null where it has fewer than `least`.
    name: the field as whose text they are written, None for codes."""
    return _listed(
        at, code, count, least, lambda kept: _written(fields, name, kept) if name else kept
    )


def _listed(
    at: numpy.ndarray, code: numpy.ndarray, count: int, least: int, written: Callable
) -> pyarrow.ListArray:
    import numpy
    import pyarrow

    size = numpy.bincount(at, minlength=count)
    rank = numpy.arange(len(at)) - (numpy.cumsum(size) - size)[at]
    kept = (size[at] >= least) & (rank < MAX_LIST)
    size = numpy.where(size >= least, numpy.minimum(size, MAX_LIST), 0)
    offsets = numpy.concatenate([[0], numpy.cumsum(size)]).astype("int32")
    return pyarrow.ListArray.from_arrays(
        pyarrow.array(offsets, mask=numpy.append(size == 0, False)), written(code[kept])
    )


def _shares(words: pyarrow.Array, frequency: dict, code: numpy.ndarray) -> pyarrow.Array:
    """The share of persons who bear each name; null where the name is missing."""
    import numpy
    import pyarrow

    known = frequency["shares"]
    share = numpy.array([*(known.get(word, frequency["floor"]) for word in words.to_pylist()), 0.0])
    return pyarrow.array(share[code], mask=code < 0)
