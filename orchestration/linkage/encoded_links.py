"""Linking encodings with encodings: candidates by bands of bits, judged by Dice's coefficient.

Pure: filters in, matches out. A source that delivers encodings is compared with everybody
else's records, encoded here under the same key. Add here: a block, a weight. Keep out: bits
(bloom.py), the warehouse (encoded_records.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

from orchestration.linkage import bloom, clusters

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Weight:
    """What a field adds to the log2 odds: agree where the stretches are equal, differ where
    their Dice coefficient is `unlike` or less, in between in proportion."""

    agree: float
    differ: float
    unlike: float


# agree: about log2 of 1 / (chance that two people share the value), below the full amount where
# households share it; differ: log2 of the share of one person's records that disagree, from the
# error rates the project's model was trained to. unlike: where unrelated values lie. Set by
# what they mean, not tuned to a truth. 2026-11-25.
WEIGHTS = {
    "first_name": Weight(7.0, -5.0, 0.5),
    "middle_initial": Weight(3.0, -3.0, 0.9),
    "last_name": Weight(8.0, -3.0, 0.5),
    "birth_date": Weight(13.0, -6.0, 0.7),
    "ssn": Weight(16.0, -6.0, 0.75),
    "street_address": Weight(8.0, -1.0, 0.6),
    "zip": Weight(2.0, -0.5, 0.8),
}
# 8 to 1, in a population of the size of the one compared with; and the best person must be as
# much likelier than the next.
LEAST_WEIGHT = 3.0
LEAST_LEAD = 3.0
# Given names or birth dates unlike: twins, spouses, parents and Jr/Sr agree on all the rest.
# Only the same number and the other of the two speak louder.
UNLIKE = {"first_name": 0.5, "birth_date": 0.7}
SAME = 0.95
# What a block is made of: a field that must be equal, and one of which a few bits must be.
_WHOLE = (("ssn",), ("first_name", "last_name"))
_BANDED = tuple(
    (whole, name)
    for name in ("first_name", "last_name")
    for whole in ("birth_date", "street_address")
)
# Bits and draws of a band: a name with one letter wrong keeps 12 bits of its stretch in one draw
# of three, so in six draws nine times of ten.
_BITS, _DRAWS = 12, 6
# Where bits are turned over nothing stays equal, and every field is drawn from. Of 26 bits all
# survive a flip of 5 with probability 0.26, so that one of 16 draws does with 0.99.
_HARD_BITS, _HARD_DRAWS = (16, 10), 16
BLOCK_CAP = 200
_CHUNK = 20_000
_PAIRS = 500_000


@dataclass(frozen=True)
class Matches:
    """Per encoded record: `group` of the other side it belongs to, -1 for none; `best`, the row
    of the others that says so, -1 for none; `weight`, its log2 odds, -inf where nobody was
    compared. pairs: pairs compared."""

    group: numpy.ndarray
    best: numpy.ndarray
    weight: numpy.ndarray
    pairs: int


def match(
    encoded: numpy.ndarray,
    others: numpy.ndarray,
    group: numpy.ndarray,
    *,
    flip: int = 0,
    barred: frozenset[tuple[int, int]] = frozenset(),
) -> Matches:
    """For every encoded record the group (person) of the others it belongs to.

    encoded, others: filters (bloom.encode), hardened alike save that bits of `encoded` are
    turned over (flip, in a hundred); group: a number per row of others, 0 and up; barred: pairs
    (row of encoded, group) that are not one person.
    """
    import numpy

    found = Matches(
        group=numpy.full(len(encoded), -1, dtype="int64"),
        best=numpy.full(len(encoded), -1, dtype="int64"),
        weight=numpy.full(len(encoded), -numpy.inf),
        pairs=0,
    )
    expected = prior(len(numpy.unique(group)))
    sorted_keys = [_sorted(*keyed) for keyed in _keys(others, hard=flip > 0)]
    pairs = 0
    for start in range(0, len(encoded), _CHUNK):
        chunk = encoded[start : start + _CHUNK]
        left, right = _candidates(_keys(chunk, hard=flip > 0), sorted_keys, len(others))
        pairs += len(left)
        weight = judge(chunk, others, left, right, flip=flip) - expected
        left += start
        if barred:
            pairs_of = zip(left.tolist(), group[right].tolist(), strict=True)
            weight[[pair in barred for pair in pairs_of]] = -numpy.inf
        _choose(found, left, right, group, weight)
    return Matches(found.group, found.best, found.weight, pairs)


def among(
    encoded: numpy.ndarray,
    *,
    flip: int = 0,
    population: int,
    barred: frozenset[tuple[int, int]] = frozenset(),
) -> numpy.ndarray:
    """Cluster label of encoded records compared with each other, numbered by the first row.

    population: of how many persons they are a part, for the prior; barred: pairs of rows, the
    smaller first, that are not one person.
    """
    import numpy

    keys = _keys(encoded, hard=flip > 0)
    left, right = _candidates(keys, [_sorted(*keyed) for keyed in keys], len(encoded))
    left, right = left[left < right], right[left < right]
    weight = judge(encoded, encoded, left, right, flip=flip, other_flip=flip)
    weight -= prior(population)
    if barred:
        pairs = zip(left.tolist(), right.tolist(), strict=True)
        weight[[pair in barred for pair in pairs]] = -numpy.inf
    component, _ = clusters.capped_components(
        left, right, weight, len(encoded), edge=LEAST_WEIGHT, cap=150
    )
    return clusters.average_linkage(
        left, right, weight, numpy.isneginf(weight), component, cut=LEAST_WEIGHT, unscored=-20.0
    )


def prior(population: int) -> float:
    """Log2 odds against two records of so many persons being one."""
    return log2(max(2, population))


def judge(
    left: numpy.ndarray,
    right: numpy.ndarray,
    left_row: numpy.ndarray,
    right_row: numpy.ndarray,
    *,
    flip: int = 0,
    other_flip: int = 0,
) -> numpy.ndarray:
    """Log2 odds of pairs of filters, the prior aside; -inf where a rule keeps them apart."""
    import numpy

    total = numpy.zeros(len(left_row))
    for start in range(0, len(left_row), _PAIRS):
        part = slice(start, start + _PAIRS)
        one, other = left[left_row[part]], right[right_row[part]]
        added = sum(evidence(one, other, flip=flip, other_flip=other_flip).values())
        coefficient = bloom.dice(one, other, flip, other_flip)
        apart = numpy.zeros(len(one), dtype=bool)
        for name, limit in UNLIKE.items():
            others = [coefficient[rest] >= SAME for rest in ("ssn", *UNLIKE) if rest != name]
            apart |= (coefficient[name] <= limit) & ~numpy.all(others, axis=0)
        total[part] = numpy.where(apart, -numpy.inf, added)
    return total


def evidence(
    left: numpy.ndarray, right: numpy.ndarray, *, flip: int = 0, other_flip: int = 0
) -> dict[str, numpy.ndarray]:
    """What each field adds to the log2 odds of pairs of filters; 0 where either lacks it."""
    import numpy

    told = {}
    for name, value in bloom.dice(left, right, flip, other_flip).items():
        weight = WEIGHTS[name]
        share = numpy.clip((value - weight.unlike) / (SAME - weight.unlike), 0.0, 1.0)
        added = weight.differ + (weight.agree - weight.differ) * share
        told[name] = numpy.where(numpy.isnan(value), 0.0, added)
    return told


def _keys(filters: numpy.ndarray, *, hard: bool) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """(rows, hash) per block; rows without the fields are left out."""
    import numpy

    where = bloom.stretches()
    known = {name: filters[:, stretch].any(axis=1) for name, stretch in where.items()}
    bits = {name: numpy.unpackbits(filters[:, stretch], axis=1) for name, stretch in where.items()}
    # the same draws for every call: both sides must be cut alike
    rng = numpy.random.Generator(numpy.random.PCG64(20261125))

    def band(name: str, size: int) -> numpy.ndarray:
        drawn = rng.choice(bits[name].shape[1], size, replace=False)
        return numpy.packbits(bits[name][:, drawn], axis=1)

    def key(names: tuple[str, ...], *parts: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        rows = numpy.flatnonzero(numpy.all([known[name] for name in names], axis=0))
        return rows, _hashed(numpy.hstack([part[rows] for part in parts]))

    keys = []
    for names in _WHOLE:
        if hard:
            size = sum(_HARD_BITS) // len(names)
            for _ in range(_HARD_DRAWS):
                keys.append(key(names, *(band(name, size) for name in names)))
        else:
            keys.append(key(names, *(filters[:, where[name]] for name in names)))
    for whole, name in _BANDED:
        for _ in range(_HARD_DRAWS if hard else _DRAWS):
            first = band(whole, _HARD_BITS[0]) if hard else filters[:, where[whole]]
            second = band(name, _HARD_BITS[1] if hard else _BITS)
            keys.append(key((whole, name), first, second))
    return keys


def _hashed(rows: numpy.ndarray) -> numpy.ndarray:
    """A 64-bit hash of each row of bytes."""
    import numpy

    width = -rows.shape[1] % 8
    words = numpy.ascontiguousarray(numpy.pad(rows, ((0, 0), (0, width)))).view("uint64")
    mixed = numpy.full(len(rows), 0x9E3779B97F4A7C15, dtype="uint64")
    for column in words.T:
        mixed = (mixed ^ column) * numpy.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> numpy.uint64(32)
    return mixed


def _sorted(rows: numpy.ndarray, key: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    import numpy

    order = numpy.argsort(key, kind="stable")
    return rows[order], key[order]


def _candidates(
    left_keys: list[tuple[numpy.ndarray, numpy.ndarray]],
    right_keys: list[tuple[numpy.ndarray, numpy.ndarray]],
    count: int,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Pairs (row of left, row of right) that share a block, each once; right_keys are sorted,
    blocks of more than BLOCK_CAP of the right are skipped."""
    import numpy

    pairs = numpy.empty(0, dtype="int64")
    for (left_row, left_key), (right_row, right_key) in zip(left_keys, right_keys, strict=True):
        low = numpy.searchsorted(right_key, left_key, side="left")
        size = numpy.searchsorted(right_key, left_key, side="right") - low
        size[size > BLOCK_CAP] = 0
        left = numpy.repeat(left_row.astype("int64"), size)
        offset = numpy.arange(size.sum()) - numpy.repeat(numpy.cumsum(size) - size, size)
        found = left * count + right_row[numpy.repeat(low, size) + offset]
        pairs = numpy.union1d(pairs, found)
    return pairs // max(1, count), pairs % max(1, count)


def _choose(
    found: Matches,
    left: numpy.ndarray,
    right: numpy.ndarray,
    group: numpy.ndarray,
    weight: numpy.ndarray,
) -> None:
    """The likeliest group of each record, where it is likely enough and leads the next one."""
    import numpy

    order = numpy.lexsort((right, group[right], -weight, left))
    left, right, weight = left[order], right[order], weight[order]
    of = group[right]
    starts = numpy.flatnonzero(numpy.diff(left, prepend=-1))
    for begin, end in zip(starts, [*starts[1:], len(left)], strict=True):
        row = left[begin]
        found.weight[row] = weight[begin]
        if weight[begin] < LEAST_WEIGHT:
            continue
        rivals = weight[begin:end][of[begin:end] != of[begin]]
        if not len(rivals) or weight[begin] - rivals[0] >= LEAST_LEAD:
            found.group[row], found.best[row] = of[begin], right[begin]
