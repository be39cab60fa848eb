"""Every safe key and every block of a record as one number that means the same in every run.

The engine compares by codes that are ranks among the records at hand; what is kept from run to
run, to find whom a new record could meet, is a hash of the words themselves. Add here: nothing
but what collapse.py and candidates.py know as keys. Keep out: who is kept (store.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage import candidates, collapse
from orchestration.linkage.encoding import ADDRESS_PARTS, MISSING, NUMBERS, mix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy

    from orchestration.linkage.encoding import Fields

# A part of a block -> the dictionary its codes are of.
_DICTIONARY = {
    "fn": "name", "mn": "name", "ln": "name", "form": "name", "surname": "name", "names": "name",
    "starts": "name", "addr": "addr", "sex": "sex", "zip_code": "zip_code",
}  # fmt: skip
# Parts that are two columns of one dictionary, and of how many letters their codes are (0: all).
_TWO_COLUMNS = {"names": 0, "starts": 3}


# The low bits of a key say which safe key or block it is of, so that whoever has a key knows the
# cap that holds for it.
_NUMBER_BITS = 6


class BlockKeys:
    """The keys of the records of one `Fields`.

    safe: (rid, key) of the safe keys, also those whose group does not agree. of_block(name):
    (rid, key), row by row as candidates.rows gives them. Keys are int64; `key & MASK` is the
    place in `caps()` of the most nodes that may have it and propose. remembers: work each block
    out once, for records few enough to hold what it gives.
    """

    MASK = (1 << _NUMBER_BITS) - 1

    def __init__(self, fields: Fields, blocks: Iterable[str], *, remembers: bool = False) -> None:
        self.blocks = tuple(blocks)
        self._remembered: dict[str, tuple[numpy.ndarray, numpy.ndarray]] | None = (
            {} if remembers else None
        )
        self._fields = fields
        self._hashes: dict[tuple[str, int], numpy.ndarray] = {}
        self._number = {name: at for at, name in enumerate((*collapse.SAFE_KEYS, *self.blocks))}

    def of_block(self, name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
        return self._once(name, lambda: self._of_block(name))

    def _once(
        self, name: str, work_out: Callable[[], tuple[numpy.ndarray, numpy.ndarray]]
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        if self._remembered is None:
            return work_out()
        if name not in self._remembered:
            self._remembered[name] = work_out()
        return self._remembered[name]

    def _of_block(self, name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
        rid, columns = candidates.rows(self._fields, candidates.BLOCKS[name])
        parts = [
            part
            for part in candidates.BLOCKS[name]
            for part in ((part, part) if part in _TWO_COLUMNS else (part,))
        ]
        return rid, self._key(name, parts, columns)

    @property
    def safe(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        return self._once("safe", self._safe)

    def _safe(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        import numpy

        rids, keys = [], []
        for name, parts in collapse.SAFE_KEYS.items():
            known = self._fields.is_linkable.copy()
            for part in parts:
                known &= self._fields.codes[part] >= 0
            rid = numpy.flatnonzero(known).astype("int32")
            columns = [self._fields.codes[part][rid] for part in parts]
            rids.append(rid)
            keys.append(self._key(name, parts, columns))
        return numpy.concatenate(rids), numpy.concatenate(keys)

    def is_safe(self, key: numpy.ndarray) -> numpy.ndarray:
        """Which keys are safe keys, not blocks."""
        return (key & self.MASK) < len(collapse.SAFE_KEYS)

    def caps(self, cap: int) -> list[int]:
        """By number of a safe key or block. cap: the model's."""
        return [candidates.cap_of(name, cap) for name in self._number]

    def every(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """(rid, key) of safe keys and blocks together."""
        import numpy

        found = [self.safe, *(self.of_block(name) for name in self.blocks)]
        return (
            numpy.concatenate([rid for rid, _ in found]),
            numpy.concatenate([key for _, key in found]),
        )

    def stable(self, name: str, codes: numpy.ndarray) -> numpy.ndarray:
        """Codes of a field as numbers that are the same in every run, int32; MISSING stays."""
        import numpy

        if name in NUMBERS or name == "mi":
            return codes
        hashed = self._hashed(name, 0)
        if not len(hashed):
            return codes
        return numpy.where(codes < 0, MISSING, hashed[codes] >> numpy.uint64(33)).astype("int32")

    def _key(self, name: str, parts: Iterable[str], columns: list) -> numpy.ndarray:
        import numpy

        which = numpy.full(len(columns[0]), self._number[name], dtype="uint64")
        stable = [self._stable(part, column) for part, column in zip(parts, columns, strict=True)]
        mask = numpy.uint64(self.MASK)
        return ((mix(which, *stable) & ~mask) | which).view("int64")

    def _stable(self, part: str, column: numpy.ndarray) -> numpy.ndarray:
        """Codes as hashes of what they stand for; numbers stand for themselves."""
        name, _, length = part.partition(":")
        if name in NUMBERS or name in ("day", "mi"):
            return column.astype("int64").view("uint64")
        return self._hashed(name, int(length or _TWO_COLUMNS.get(name, 0)))[column]

    def _hashed(self, name: str, length: int) -> numpy.ndarray:
        """The hash of every code of a part; of its first letters where length is given."""
        import numpy
        import pyarrow.compute as compute
        from pandas.util import hash_array

        dictionary = name if name in ADDRESS_PARTS else _DICTIONARY[name]
        known = self._hashes.get((dictionary, length))
        if known is not None:
            return known
        if name in ADDRESS_PARTS:
            words = self._fields.texts_of_address(name).fill_null("")
            codes = self._fields.part_of_address(name)[:-1]
        else:
            words = self._fields.words[dictionary]
            codes = numpy.arange(len(words))
        if length:
            words = compute.utf8_slice_codeunits(words, 0, length)
            codes = self._fields.prefix(codes, length, dictionary)
        # siphash with pandas' fixed key: the same in every process and version
        hashed = hash_array(words.to_numpy(zero_copy_only=False).astype(object), categorize=False)
        table = numpy.zeros(int(codes.max(initial=-1)) + 1, dtype="uint64")
        table[codes[codes >= 0]] = hashed[codes >= 0]
        self._hashes[dictionary, length] = table
        return table
