"""One row per node: the consensus of its records, ready to be compared.

A node's single values are the commonest among its records (a typing error is voted out);
its lists keep every value, so that a maiden name or a former address still agrees.
Add here: a field a comparison needs. Keep out: comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.linkage.encoding import DIGITS, MISSING, NUMBERS, known_range, ranked, starts

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
_SEVERAL = ("fn", "ln", "addr", "zip_code", "dob", "ssn", "ssn4")
# Long texts, mostly asked whether they are the same: also as codes, <field>_code.
_AS_CODES = ("addr",)
# Sources that deliver certificates.
CERTIFYING = ("vital_child", "vital_death", "vital_mother", "vital_father")
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


@dataclass(frozen=True)
class Consensus:
    """What nodes say, in codes, by position in `wanted` (ascending node numbers).

    position: of every node, -1 where it is not wanted; of_record: position by rid; first: each
    node's first rid; is_linkable: has it a linkable record. chosen: per field the code it has most
    often, MISSING for none. several: per field (position, code), ordered, of every value of nodes
    that have two or more; of `ln` with the further surnames. every: as `several`, of all nodes:
    `forms`, the formal given names, and plurality_order.
    """

    wanted: numpy.ndarray
    position: numpy.ndarray
    of_record: numpy.ndarray
    first: numpy.ndarray
    is_linkable: numpy.ndarray
    chosen: dict[str, numpy.ndarray]
    several: dict[str, tuple[numpy.ndarray, numpy.ndarray]]
    every: dict[str, tuple[numpy.ndarray, numpy.ndarray]]

    def only(self, nodes: numpy.ndarray) -> Consensus:
        """Of some of the nodes (ascending numbers)."""
        import numpy

        at = self.position[nodes]
        place = numpy.full(len(self.wanted) + 1, -1, dtype="int32")
        place[at] = numpy.arange(len(nodes), dtype="int32")
        position = numpy.full(len(self.position), -1, dtype="int32")
        position[nodes] = place[at]

        def kept(values: tuple[numpy.ndarray, numpy.ndarray]) -> tuple:
            of = place[values[0]]
            return of[of >= 0], values[1][of >= 0]

        return Consensus(
            wanted=nodes,
            position=position,
            of_record=place[self.of_record],
            first=self.first[at],
            is_linkable=self.is_linkable[at],
            chosen={name: code[at] for name, code in self.chosen.items()},
            several={name: kept(values) for name, values in self.several.items()},
            every={name: kept(values) for name, values in self.every.items()},
        )


def consensus(fields: Fields, label: numpy.ndarray, wanted: numpy.ndarray) -> Consensus:
    """What the nodes in `wanted` (ascending node numbers) say. label: node per record."""
    import numpy

    count = len(wanted)
    position = numpy.full(int(label.max(initial=-1)) + 1, -1, dtype="int32")
    position[wanted] = numpy.arange(count, dtype="int32")
    of_record = position[label]
    rid = numpy.flatnonzero(of_record >= 0)
    together = (of_record[rid].astype("int64") << 32) | rid
    together.sort()
    at, rid = (together >> 32).astype("int32"), (together & 0xFFFFFFFF).astype("int32")
    start = starts(at)
    chosen, several = {}, {}
    for name in _SINGLE:
        code = fields.codes[name][rid]
        lowest, chosen[name] = known_range(code, start)
        # where all agree, as mostly, there is nothing to vote on
        differ = lowest != chosen[name]
        disputed = differ[at]
        values = _values(at[disputed], code[disputed])
        chosen[name][differ] = _commonest(*values, count)[differ]
        if name in _SEVERAL:
            several[name] = values[:2]
    # a person's surnames are those of all records, also the parts and the maiden names
    record, surname = fields.surnames
    of = of_record[record]
    more = numpy.zeros(count, dtype=bool)
    more[of[of >= 0]] = more[several.pop("ln")[0]] = True
    disputed = more[at]
    several["ln"] = _values(
        numpy.concatenate([at[disputed], of[of >= 0]]),
        numpy.concatenate([fields.codes["ln"][rid[disputed]], surname[of >= 0]]),
    )[:2]
    record, form = fields.forms
    of = of_record[record]
    linkable = numpy.zeros(count, dtype=bool)
    linkable[at[fields.is_linkable[rid]]] = True
    return Consensus(
        wanted=wanted,
        position=position,
        of_record=of_record,
        first=rid[start],
        is_linkable=linkable,
        chosen=chosen,
        several=several,
        every={
            "forms": _values(of[of >= 0], form[of >= 0])[:2],
            "plurality_order": _values(at, fields.codes["plurality_order"][rid])[:2],
        },
    )


def differing(one: Consensus, other: Consensus) -> numpy.ndarray:
    """Which of the nodes, the same in both, say something else in the other; certificates, which
    are worked out from the records, aside."""
    import numpy

    differ = one.is_linkable != other.is_linkable
    for name in _SINGLE:
        differ |= one.chosen[name] != other.chosen[name]
    for mine, others in ((one.several, other.several), (one.every, other.every)):
        for name, said in mine.items():
            values = [
                (at.astype("int64") << 32) | code.astype("int64")
                for at, code in (said, others[name])
            ]
            differ[numpy.setxor1d(*values, assume_unique=True) >> 32] = True
    return differ


def build(
    duck: duckdb.DuckDBPyConnection,
    fields: Fields,
    known: Consensus,
    frequencies: dict[str, dict],
) -> None:
    """Make table `node`, one row per node of the consensus.

    frequencies: {"fn": {"floor": share, "shares": {name: share}}, "ln": ...}. Frozen with the
    model, so that a record added today moves no weight of yesterday's pairs. Also makes the view
    `member`: every record with its node (table `component_of`).
    """
    import pyarrow

    duck.execute(
        "create or replace view member as"
        " select record.*, component_of.node from record join component_of using (rid)"
    )
    count = len(known.wanted)
    columns: dict[str, object] = {
        "node_id": known.wanted.astype("int32"),
        "first_rid": known.first,
        "is_linkable": known.is_linkable,
    }
    for name in _SINGLE:
        columns[name] = _written(fields, name, known.chosen[name])
        if name in _SEVERAL:
            columns[f"{name}_all"] = _lists(fields, name, *known.several[name], count, least=2)
        if name in _AS_CODES:
            chosen = known.chosen[name]
            columns[f"{name}_code"] = pyarrow.array(chosen, mask=chosen < 0)
            columns[f"{name}_code_all"] = _lists(fields, None, *known.several[name], count, least=2)
        if name in frequencies:
            columns[f"tf_{name}"] = pyarrow.array(
                shares(fields, name, frequencies[name], known.chosen[name]),
                mask=known.chosen[name] < 0,
            )
    births = known.every["plurality_order"]
    columns["plurality_all"] = _lists(fields, "plurality_order", *births, count)
    columns["fn_forms"] = _lists(fields, "fn", *known.every["forms"], count)
    for name, (certificate, which) in _CERTIFICATES.items():
        columns[name] = _certificates(duck, known.of_record, certificate, which, count)

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


def shares(fields: Fields, name: str, frequency: dict, code: numpy.ndarray) -> numpy.ndarray:
    """The share of persons who bear each name; 1 where the name is missing."""
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    words = fields.dictionary(name)
    share = numpy.full(len(words) + 1, frequency["floor"])
    share[-1] = 1.0
    known = frequency["shares"]
    place = compute.index_in(pyarrow.array(list(known), pyarrow.string()), words)
    place = place.fill_null(-1).to_numpy()
    share[place[place >= 0]] = numpy.array(list(known.values()))[place >= 0]
    return share[code]
