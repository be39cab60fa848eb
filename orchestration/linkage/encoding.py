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
        import numpy
        import pyarrow
        import pyarrow.compute as compute

        known = self._prefixes.get((part, 0))
        if known is None:
            if len(self.words["addr"]):
                pieces = compute.split_pattern(self.words["addr"], "|")
                at = ADDRESS_PARTS.index(part)
                told = [piece[at] if len(piece) > at else None for piece in pieces.to_pylist()]
                text = pyarrow.array([piece or None for piece in told], pyarrow.string())
                known = _with_missing(text.dictionary_encode())
            else:
                known = numpy.array([MISSING], dtype="int32")
            self._prefixes[part, 0] = known
        return known


def encode(duck: duckdb.DuckDBPyConnection) -> Fields:
    """The fields of table `record` (records.prepare)."""
    import numpy

    codes: dict[str, numpy.ndarray] = {}
    words: dict[str, pyarrow.Array] = {}

    names = {column: _column(duck, column).dictionary_encode() for column in _NAMES}
    forms = duck.sql("select rid, unnest(fn_forms) as name from record").to_arrow_table()
    surnames = duck.sql("select rid, unnest(surnames) as name from record").to_arrow_table()
    further = {
        key: table["name"].combine_chunks().dictionary_encode()
        for key, table in (("forms", forms), ("surnames", surnames))
    }
    words["name"], coded = _unified({**names, **further})
    for column in _NAMES:
        codes[column] = coded[column]
    codes["mi"] = _first_letter(words["name"], codes["mn"])

    for column in _WORDS:
        words[column], one = _unified({column: _column(duck, column).dictionary_encode()})
        codes[column] = one[column]
    for column in NUMBERS:
        found = duck.execute(
            f"select coalesce(cast({column} as integer), {MISSING}) as code from record"
            " order by rid"
        ).fetchnumpy()
        codes[column] = numpy.asarray(found["code"], dtype="int32")
    linkable = duck.execute("select is_linkable from record order by rid").fetchnumpy()
    return Fields(
        codes=codes,
        words=words,
        forms=(forms["rid"].to_numpy(), coded["forms"]),
        surnames=(surnames["rid"].to_numpy(), coded["surnames"]),
        is_linkable=numpy.asarray(linkable["is_linkable"], dtype=bool),
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


def _column(duck: duckdb.DuckDBPyConnection, column: str) -> pyarrow.Array:
    import pyarrow

    table = duck.sql(f"select {column} as value from record order by rid").to_arrow_table()
    chunks = table["value"].combine_chunks()
    return chunks.cast(pyarrow.string())


def _indices(encoded: pyarrow.DictionaryArray) -> numpy.ndarray:
    import numpy

    codes = encoded.indices.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return numpy.asarray(codes, dtype="int32")


def _with_missing(encoded: pyarrow.DictionaryArray) -> numpy.ndarray:
    """Codes by the code they stand for, MISSING for MISSING (which is -1, so the last)."""
    import numpy

    return numpy.append(_indices(encoded), MISSING).astype("int32")


def _unified(encoded: dict[str, pyarrow.DictionaryArray]) -> tuple[pyarrow.Array, dict]:
    """One sorted dictionary for several columns, and the columns' codes in it."""
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    words = compute.unique(
        pyarrow.concat_arrays([column.dictionary for column in encoded.values()])
    )
    words = words.take(compute.sort_indices(words))
    coded = {}
    for name, column in encoded.items():
        rank = compute.index_in(column.dictionary, words).to_numpy(zero_copy_only=False)
        coded[name] = numpy.append(rank, MISSING).astype("int32")[_indices(column)]
    return words, coded


def _first_letter(words: pyarrow.Array, codes: numpy.ndarray) -> numpy.ndarray:
    """The letter's own number: A is 65."""
    import numpy
    import pyarrow.compute as compute

    letters = compute.utf8_slice_codeunits(words, 0, 1).to_pylist()
    number = numpy.array([*(ord(letter) for letter in letters), MISSING], dtype="int32")
    return number[codes]
