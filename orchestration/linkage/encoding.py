"""Every field of every record as an integer, so that collapsing and blocking need no text.

Two records agree on a field where its codes are equal; a code is the rank of the value among
all values, so that orders and ties repeat. Add here: a field that keys are made of. Keep out:
which keys (collapse.py, candidates.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import numpy
    import pyarrow

MISSING = -1
_NAMES = ("fn", "mn", "ln")
_WORDS = ("addr", "zip_code", "sex", "plurality_order")
# What is a number already is its own code.
NUMBERS = ("dob", "ym", "yr", "ssn", "ssn4", "generation")
# An address is written STREET|UNIT|ZIP or STREET|UNIT|ZIP|SUBURB (macro address_key).
ADDRESS_PARTS = ("street", "unit", "zip", "suburb")
# Digits of the numbers that are written with leading zeros.
DIGITS = {"ssn": 9, "ssn4": 4}


@dataclass(frozen=True)
class Fields:
    """codes: per field an int32 code a record, by rid, MISSING where the field is; words: the
    text of a code, by dictionary (`name` holds given, middle and surnames alike); forms,
    surnames: (rid, code of `name`) of the further given names and surnames a record goes by;
    is_linkable: per record."""

    codes: dict[str, numpy.ndarray]
    words: dict[str, pyarrow.Array]
    forms: tuple[numpy.ndarray, numpy.ndarray]
    surnames: tuple[numpy.ndarray, numpy.ndarray]
    is_linkable: numpy.ndarray
    _prefixes: dict[tuple[str, int], numpy.ndarray] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.is_linkable)

    def dictionary(self, name: str) -> pyarrow.Array:
        """The words of a field."""
        return self.words["name" if name in _NAMES else name]

    def prefix(self, codes: numpy.ndarray, length: int, of: str = "name") -> numpy.ndarray:
        """Codes of the first `length` letters of the words behind `codes`."""
        import pyarrow.compute as compute

        known = self._prefixes.get((of, length))
        if known is None:
            start = compute.utf8_slice_codeunits(self.words[of], 0, length)
            known = self._prefixes[of, length] = _with_missing(start.dictionary_encode())
        return known[codes]

    def part_of_address(self, part: str) -> numpy.ndarray:
        """Code of one of ADDRESS_PARTS of every address code; MISSING where it is empty."""
        known = self._prefixes.get((part, 0))
        if known is None:
            known = _with_missing(self.texts_of_address(part).dictionary_encode())
            self._prefixes[part, 0] = known
        return known

    def texts_of_address(self, part: str) -> pyarrow.Array:
        """The part of every address; null where it is empty."""
        import pyarrow
        import pyarrow.compute as compute

        at = ADDRESS_PARTS.index(part)
        pieces = compute.split_pattern(self.words["addr"].cast("string"), "|").to_pylist()
        told = [piece[at] if len(piece) > at else None for piece in pieces]
        return pyarrow.array([piece or None for piece in told], pyarrow.string())


def encode(duck: duckdb.DuckDBPyConnection) -> Fields:
    """The fields of table `record` (records.prepare)."""
    import numpy

    names = (*_NAMES, *_WORDS, *NUMBERS)
    # in the order of the table, which is that of rid
    codes = dict(duck.execute(f"select {', '.join(names)} from record").fetchnumpy())
    is_linkable = duck.execute("select is_linkable from record").fetchnumpy()["is_linkable"]
    words = {}
    for name in ("name", *_WORDS):
        known = duck.sql(f"select word from {name}_word").to_arrow_table()["word"]
        words[name] = known.combine_chunks().cast("string")
    codes["mi"] = _first_letter(words["name"], codes["mn"])
    form = duck.execute("select given, form from given_form order by all").fetchnumpy()
    rid, at = expanded(codes["fn"], form["given"])
    surname = duck.execute("select rid, ln from further_surname order by all").fetchnumpy()
    return Fields(
        codes={name: numpy.asarray(code) for name, code in codes.items()},
        words=words,
        forms=(rid, form["form"][at]),
        surnames=(surname["rid"], surname["ln"]),
        is_linkable=numpy.asarray(is_linkable),
    )


def mix(*parts: numpy.ndarray) -> numpy.ndarray:
    """One 64-bit hash of several codes. The same codes give the same hash in every version of
    every library; two different keys meet about once in 10^19 pairs."""
    import numpy

    mixed = numpy.full(len(parts[0]), 0x9E3779B97F4A7C15, dtype="uint64")
    for part in parts:
        mixed ^= part.astype("uint64")
        mixed *= numpy.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> numpy.uint64(32)
        mixed *= numpy.uint64(0xC4CEB9FE1A85EC53)
        mixed ^= mixed >> numpy.uint64(29)
    return mixed


def packed(hashes: numpy.ndarray, number: numpy.ndarray, count: int) -> tuple[numpy.ndarray, int]:
    """Hash and number (below `count`) in one sortable integer, sorted; and the number's bits.

    Sorting one integer costs a fifth of sorting positions. What the hash loses in bits, whoever
    reads the groups has to bear: candidates in vain, or a comparison of the codes.
    """
    import numpy

    bits = max(1, int(count - 1).bit_length())
    low = numpy.uint64((1 << bits) - 1)
    together = (hashes & ~low) | number.astype("uint64")
    together.sort()
    return together, bits


def starts(ordered: numpy.ndarray) -> numpy.ndarray:
    """Where each run of equal values begins."""
    import numpy

    if not len(ordered):
        return numpy.empty(0, dtype="int64")
    return numpy.flatnonzero(numpy.concatenate([[True], ordered[1:] != ordered[:-1]]))


def distinct(values: numpy.ndarray) -> numpy.ndarray:
    """The different values, sorted. numpy.unique hashes, which takes ten times as long."""
    import numpy

    ordered = numpy.sort(values)
    return ordered[starts(ordered)]


def is_in(values: numpy.ndarray, known: numpy.ndarray) -> numpy.ndarray:
    """Which values are among the known ones, which are ascending."""
    import numpy

    if not len(known):
        return numpy.zeros(len(values), dtype=bool)
    return known[numpy.minimum(numpy.searchsorted(known, values), len(known) - 1)] == values


def known_range(values: numpy.ndarray, start: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The lowest and the highest known value (int32, MISSING for none) of every group of values,
    which begins at `start`."""
    import numpy

    highest = numpy.maximum.reduceat(values, start) if len(start) else values[:0]
    # MISSING is the greatest number there is, read without its sign
    lowest = numpy.minimum.reduceat(values.view("uint32"), start) if len(start) else values[:0]
    return lowest.view("int32"), highest


def dictionary(column: pyarrow.ChunkedArray) -> pyarrow.DictionaryArray:
    """A column of texts as one dictionary and the place of each record's text in it."""
    import pyarrow

    if not pyarrow.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    # Parts read together have one dictionary, which unify_dictionaries would go through once for
    # each: seven in eight of five million addresses.
    alike: list[list[pyarrow.DictionaryArray]] = []
    for part in column.chunks:
        if alike and _place(alike[-1][0].dictionary) == _place(part.dictionary):
            alike[-1].append(part)
        else:
            alike.append([part])
    together = [
        pyarrow.DictionaryArray.from_arrays(
            pyarrow.concat_arrays([part.indices for part in parts]), parts[0].dictionary
        )
        for parts in alike
    ]
    column = pyarrow.chunked_array(together, column.type)
    return column.unify_dictionaries().combine_chunks()


def _place(words: pyarrow.Array) -> tuple[int, ...]:
    """Where in memory an array stands."""
    return words.offset, len(words), *(part.address if part else 0 for part in words.buffers())


def indices(encoded: pyarrow.DictionaryArray) -> numpy.ndarray:
    """The place of each record's value in its dictionary, MISSING (-1: the last) for none."""
    import numpy

    codes = encoded.indices.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return numpy.asarray(codes, dtype="int32")


def expanded(code: numpy.ndarray, of: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(record, place in `of`) of every value that lists of values, by code, give a record.

    code: of each record; of: the code each value is of, ascending.
    """
    import numpy

    most = int(of[-1]) + 1 if len(of) else 0
    times = numpy.bincount(of, minlength=most + 1)
    begin = numpy.cumsum(times) - times
    # -1 and codes beyond the last list stand at the end, where there is none
    code = numpy.minimum(numpy.where(code < 0, most, code), most)
    record = numpy.flatnonzero(times[code])
    code = code[record]
    return (
        numpy.repeat(record.astype("int32"), times[code]),
        numpy.repeat(begin[code], times[code]) + counting(times[code]),
    )


def counting(times: numpy.ndarray) -> numpy.ndarray:
    """0, 1, ... times[0] - 1, 0, 1, ... times[1] - 1, and so on."""
    import numpy

    total = int(times.sum())
    start = numpy.cumsum(times) - times
    return numpy.arange(total) - numpy.repeat(start, times)


def _with_missing(encoded: pyarrow.DictionaryArray) -> numpy.ndarray:
    """Codes by the code they stand for, MISSING for MISSING (which is -1, so the last)."""
    import numpy

    return numpy.append(indices(encoded), MISSING).astype("int32")


def ranked(encoded: dict[str, pyarrow.DictionaryArray]) -> tuple[pyarrow.Array, dict]:
    """One sorted dictionary for several columns, and the columns' codes in it."""
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    several = len(encoded) > 1
    every = pyarrow.concat_arrays([column.dictionary for column in encoded.values()])
    words = compute.unique(every) if several else every
    order = compute.sort_indices(words)
    words = words.take(order)
    coded = {}
    for name, column in encoded.items():
        if several:
            rank = compute.index_in(column.dictionary, words).to_numpy(zero_copy_only=False)
        else:
            rank = numpy.empty(len(order), dtype="int32")
            rank[order.to_numpy()] = numpy.arange(len(order), dtype="int32")
        coded[name] = numpy.append(rank, MISSING).astype("int32")[indices(column)]
    return words, coded


def _first_letter(words: pyarrow.Array, codes: numpy.ndarray) -> numpy.ndarray:
    """The letter's own number: A is 65."""
    import numpy
    import pyarrow.compute as compute

    letter = compute.utf8_slice_codeunits(words, 0, 1).dictionary_encode()
    number = numpy.array([*map(ord, letter.dictionary.to_pylist()), MISSING], dtype="int32")
    return number[_with_missing(letter)][codes]
