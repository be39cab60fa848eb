"""Which pairs of nodes are worth comparing: two of their records share a block.

Add here: a blocking key. Keep out: judgement; a block only proposes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage.encoding import ADDRESS_PARTS, counting, distinct, mix, packed, starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy

    from orchestration.linkage.encoding import Fields

# name -> parts that must be equal. A part is a field, the first letters of a name ("fn:2"), or
# one of: form (any formal given name), surname (any part of the surname, the maiden name),
# surname:2, day (day and month of birth), street, unit, zip and suburb (parts of the address),
# names and starts (given name and surname, or their first three letters, in either order).
# NARROW: two fields or more each, except where one field is nearly a person's own. The rest find
# a person of whose record two fields are wrong, at twice the pairs.
BLOCKS = {
    "ssn": ("ssn",),
    "ssn last 4, first initial": ("ssn4", "fn:1"),
    "ssn last 4, surname": ("ssn4", "surname"),
    "both names, either order": ("names",),
    "formal first name, surname": ("form", "surname"),
    "birth date, first initial": ("dob", "fn:1"),
    "birth date, first name start": ("dob", "fn:3"),
    "birth date, surname start": ("dob", "surname:2"),
    "birth month, formal first name": ("ym", "form"),
    "day and month of birth, both names start": ("day", "fn:2", "ln:2"),
    "birth year, both names start": ("yr", "fn:3", "ln:3"),
    "address, first name start": ("addr", "fn:2"),
    "address, birth year": ("addr", "yr"),
    "birth date": ("dob",),
    "address": ("addr",),
    "first name, surname start": ("fn", "ln:2"),
    "surname, first initial": ("ln", "fn:1"),
    "ZIP code, surname start": ("zip", "ln:3"),
    "ZIP code, first name start": ("zip", "fn:3"),
    "ZIP code, birth year": ("zip", "yr"),
    "ZIP code, day and month of birth": ("zip", "day"),
    "birth year, first name": ("yr", "fn"),
    "birth year, surname": ("yr", "ln"),
    "day and month of birth, first name": ("day", "fn"),
    "day and month of birth, surname": ("day", "ln"),
    "ssn last 4, birth year": ("ssn4", "yr"),
    "ssn last 4, day and month of birth": ("ssn4", "day"),
    "both names start, either order": ("starts",),
    "street": ("street",),
    "building, first name start": ("unit", "fn:2"),
    "building, surname start": ("unit", "ln:2"),
    "building, birth year": ("unit", "yr"),
    "building, suburb": ("unit", "suburb"),
    "suburb, first name start": ("suburb", "fn:2"),
    "suburb, surname start": ("suburb", "ln:2"),
    "suburb, birth year": ("suburb", "yr"),
    "suburb, day and month of birth": ("suburb", "day"),
    "suburb, ZIP code": ("suburb", "zip"),
}
NARROW = tuple(BLOCKS)[:13]

# block -> the most nodes it may hold, where that is fewer than the model's cap. What shares
# these keys by chance grows with the population, and its pairs with the square: among five
# million records they gave nearly all of 14 million pairs, one in ten of them true. Where a key is
# common, a block with a rarer one finds its true pairs ("birth date, first name start" those of a
# date; number, date and address those of a name). With these caps five million records propose
# 4.4 million pairs and a million 0.55 instead of 0.65, at the same F1; chosen on populations of
# `lifecourse bench scale` that it does not score (random state 9). 2026-11-25.
CAPS = {
    "ssn last 4, first initial": 5,
    "both names, either order": 16,
    "formal first name, surname": 16,
    "birth date, first initial": 4,
    "birth month, formal first name": 6,
    "day and month of birth, both names start": 8,
}


def cap_of(block: str, cap: int) -> int:
    """The most nodes a block may hold to propose; cap: the model's, which holds for every one."""
    return min(cap, CAPS.get(block, cap))


def pairs(
    fields: Fields,
    label: numpy.ndarray,
    cap: int,
    blocks: Iterable[str] = NARROW,
    *,
    kept: Callable[[str, numpy.ndarray], numpy.ndarray] | None = None,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Pairs of nodes (lower, higher), sorted, that share one of the named blocks.

    label: node per record. A block of more than `cap` nodes (cap_of) proposes nothing: it is a
    placeholder, an institution's address or a very common name, and another block finds its
    true pairs. kept: given a block's name and its records (as `rows` gives them), which of its
    rows may propose; for records that are a part of all there are (parts.py).
    """
    import numpy

    count = int(label.max(initial=-1)) + 1
    found = [numpy.empty(0, dtype="int64")]
    for name in blocks:
        rid, parts = rows(fields, BLOCKS[name])
        if kept is not None and len(rid):
            may = kept(name, rid)
            rid, parts = rid[may], [part[may] for part in parts]
        if len(rid) > 1:
            found.append(_pairs_of_block(mix(*parts), label[rid], count, cap_of(name, cap)))
    both = distinct(numpy.concatenate(found))
    return (both // count).astype("int32"), (both % count).astype("int32")


def _pairs_of_block(
    hashes: numpy.ndarray, node: numpy.ndarray, count: int, cap: int
) -> numpy.ndarray:
    """lower * count + higher of every pair of distinct nodes under one hash."""
    import numpy

    together, bits = packed(hashes, node, count)
    together = together[starts(together)]
    value = together >> numpy.uint64(bits)
    start = starts(value)
    size = numpy.diff(numpy.append(start, len(value)))
    proposing = (size > 1) & (size <= cap)
    start, size = start[proposing], size[proposing]
    node = (together & numpy.uint64((1 << bits) - 1)).astype("int64")
    found = [numpy.empty(0, dtype="int64")]
    for n in numpy.unique(size):
        # sorted within a block, so the first of two is the lower node
        one, other = numpy.triu_indices(n, 1)
        at = start[size == n][:, None]
        found.append((node[at + one] * count + node[at + other]).ravel())
    return numpy.concatenate(found)


def rows(fields: Fields, parts: tuple[str, ...]) -> tuple[numpy.ndarray, list[numpy.ndarray]]:
    """(rid, code of each part): one row per value a linkable record has for the parts."""
    import numpy

    codes = fields.codes
    rid = numpy.arange(fields.count, dtype="int32")
    several: dict[str, numpy.ndarray] = {}
    if "form" in parts:
        rid, several["form"] = _by_record(*_all_values(rid, codes["fn"], fields.forms))
    if any(part.startswith("surname") for part in parts):
        at, surname = _all_values(rid, codes["ln"][rid], fields.surnames)
        several = {name: code[at] for name, code in several.items()}
        rid, several["surname"] = rid[at], surname

    columns = []
    for part in parts:
        name, _, length = part.partition(":")
        if name == "day":
            date = codes["dob"][rid]
            column = numpy.where(date < 0, -1, date % 10000)
        elif name in ADDRESS_PARTS:
            column = fields.part_of_address(name)[codes["addr"][rid]]
        elif name in ("names", "starts"):
            fn, ln = codes["fn"][rid], codes["ln"][rid]
            if name == "starts":
                fn, ln = fields.prefix(fn, 3), fields.prefix(ln, 3)
            either = numpy.minimum(fn, ln)
            columns.append(either)
            column = numpy.where(either < 0, -1, numpy.maximum(fn, ln))
        else:
            column = several[name] if name in several else codes[name][rid]
        columns.append(fields.prefix(column, int(length)) if length else column)
    keep = fields.is_linkable[rid]
    for column in columns:
        keep &= column >= 0
    return rid[keep], [column[keep] for column in columns]


def _all_values(
    rid: numpy.ndarray, own: numpy.ndarray, further: tuple[numpy.ndarray, numpy.ndarray]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(position in rid, code): the own value of every row, then its record's further values.

    rid: ascending, possibly repeated. further: (record, code), a record's own value may be
    among them.
    """
    import numpy

    record, code = further
    begin = numpy.searchsorted(rid, record, "left")
    times = numpy.searchsorted(rid, record, "right") - begin
    again = numpy.repeat(begin, times) + counting(times)
    value = numpy.repeat(code, times)
    new = value != own[again]
    at = numpy.concatenate([numpy.arange(len(rid)), again[new]])
    return at, numpy.concatenate([own, value[new]])


def _by_record(rid: numpy.ndarray, code: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The rows in order of record and code."""
    together = (rid.astype("int64") << 32) | (code.astype("int64") + 1)
    together.sort()
    return (together >> 32).astype("int32"), ((together & 0xFFFFFFFF) - 1).astype("int32")
