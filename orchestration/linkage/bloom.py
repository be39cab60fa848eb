"""Keyed Bloom filters: identifiers as bits that can be compared and not read.

Each field has its own stretch of a filter of 1,024 bits, so that a missing field stays missing
and a wrong one spoils nothing else. A field's value is cut into tokens (pairs of letters; digits
with their place) and each token sets a few bits, found by double hashing (Kirsch and Mitzenmacher
2006) with HMAC-SHA256 under the project's key, as Schnell, Bachteler and Reiher 2009 proposed
for record linkage. Similarity is Dice's coefficient of two stretches, as in FEBRL-size trials
with 1,024 bits and 8 fields that linked on it at F1 0.99 and more (clkhash and anonlink).

What it does not do: whoever holds the key can encode every name there is and look it up; whoever
holds many encodings but no key can align frequent patterns with frequent names (Christen et al.
2017 re-identified names so). So a key belongs to one project, encodings are as confidential as
names, and two hardenings are there: `salt` (names and addresses are hashed with the year of
birth, so that one name has a pattern for each year: Niedermeyer et al. 2014) and `flip` (so many
bits in a hundred turned over, chosen by key and record: randomised response, Schnell and Borgs
2016). Both cost links: docs/benchmarks.md says how many. What was hardened how is written before
the bits, and Dice's coefficient is corrected for the bits that were turned over.

Add here: a field or a hardening; then a new SCHEME, because encodings of two never compare.
Keep out: files, thresholds, the warehouse.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.errors import UsageError

if TYPE_CHECKING:
    import numpy

SCHEME = "bloom-1"
LENGTH = 1024
LEAST_KEY = 32
# More noise than this leaves too little to link on.
MOST_FLIPPED = 10
_WRITTEN = re.compile(
    rf"{SCHEME}(?P<salt>-salt)?(?:-flip(?P<flip>\d{{1,2}}))?:(?P<check>[0-9a-f]{{8}}):(?P<bits>.*)"
)


@dataclass(frozen=True, order=True)
class Hardening:
    """salt: names and addresses are hashed with the year of birth; flip: bits in a hundred that
    are turned over. Raises UsageError for a flip outside 0 to MOST_FLIPPED."""

    salt: bool = False
    flip: int = 0

    def __post_init__(self) -> None:
        if self.flip not in range(MOST_FLIPPED + 1):
            raise UsageError(
                f"A flip is a whole number from 0 to {MOST_FLIPPED}: bits in a hundred turned over."
            )

    @property
    def head(self) -> str:
        return f"{SCHEME}{'-salt' if self.salt else ''}{f'-flip{self.flip}' if self.flip else ''}"


PLAIN = Hardening()


def _pairs(value: str) -> list[str]:
    padded = f"_{value}_"
    return [padded[at : at + 2] for at in range(len(padded) - 1)]


def _places(value: str) -> list[str]:
    return [f"{at}{digit}" for at, digit in enumerate(value)]


@dataclass(frozen=True)
class Field:
    """bits: length of the stretch; hashes: bits a token sets; tokens: of a clean value; salted:
    does the hardening `salt` apply."""

    bits: int
    hashes: int
    tokens: Callable[[str], list[str]]
    salted: bool = False


# As many hashes as fill a stretch to two fifths for a value of common length: fuller stretches
# tell values apart less, emptier ones give tokens away.
FIELDS = {
    "first_name": Field(192, 12, _pairs, salted=True),
    "middle_initial": Field(32, 12, lambda value: [value]),
    "last_name": Field(192, 12, _pairs, salted=True),
    "birth_date": Field(128, 8, _places),
    "ssn": Field(160, 8, _places),
    "street_address": Field(256, 8, _pairs, salted=True),
    "zip": Field(64, 6, _places),
}
assert sum(field.bits for field in FIELDS.values()) == LENGTH


def check_of(key: bytes) -> str:
    """Eight characters that tell two keys apart and say nothing about either.

    Raises UsageError for a key shorter than LEAST_KEY characters.
    """
    if len(key) < LEAST_KEY:
        raise UsageError(
            f"The key has fewer than {LEAST_KEY} characters and could be guessed; make one with "
            "`python -c 'import secrets; print(secrets.token_hex(32))'`."
        )
    return hmac.new(key, b"key check", hashlib.sha256).hexdigest()[:8]


def pseudonym(key: bytes, value: str) -> str:
    """A keyed stand-in for a source's own person id: 32 hexadecimal digits."""
    return hmac.new(key, b"id|" + value.encode(), hashlib.sha256).hexdigest()[:32]


def stretches() -> dict[str, slice]:
    """Where the bytes of each field lie in a filter."""
    found, start = {}, 0
    for name, field in FIELDS.items():
        found[name] = slice(start // 8, (start + field.bits) // 8)
        start += field.bits
    return found


def encode(
    values: dict[str, Sequence[str | None]],
    key: bytes,
    hardening: Hardening = PLAIN,
    ids: Sequence[str] | None = None,
) -> numpy.ndarray:
    """The filters of records, uint8 of shape (records, 128).

    values: per name in FIELDS the clean value of each record, None where missing
    (encoded_values.py cleans). ids: of the records, which make the noise of a flip repeat.
    """
    import numpy

    check_of(key)
    count = len(next(iter(values.values())))
    filters = numpy.zeros((count, LENGTH // 8), dtype="uint8")
    years = [(born or "")[:4] for born in values.get("birth_date", [""] * count)]
    for name, stretch in stretches().items():
        salted = hardening.salt and FIELDS[name].salted
        known = [
            (row, (years[row] if salted else "", value))
            for row, value in enumerate(values.get(name, ()))
            # without a year there is nothing to salt with, and an unsalted name matches nobody
            if value and not (salted and not years[row])
        ]
        if not known:
            continue
        rows, tokens = zip(*known, strict=True)
        filters[list(rows), stretch] = _stretches(name, FIELDS[name], tokens, key)
    return _flipped(filters, key, hardening.flip, ids) if hardening.flip else filters


def dice(
    left: numpy.ndarray, right: numpy.ndarray, left_flip: int = 0, right_flip: int = 0
) -> dict[str, numpy.ndarray]:
    """Dice's coefficient per field of the filters of pairs; NaN where either lacks the field.

    Of the bits before they were turned over, as far as counts tell: with a share f of bits
    turned over, n ones of B become n (1 - f) + (B - n) f on average, and bits both have change
    likewise; the coefficient is of the counts solved back.
    """
    import numpy

    found = {}
    f, g = left_flip / 100, right_flip / 100
    for name, stretch in stretches().items():
        bits = FIELDS[name].bits
        one, other = left[:, stretch], right[:, stretch]
        seen = _ones(one).astype(float), _ones(other).astype(float)
        n, m = (seen[0] - bits * f) / (1 - 2 * f), (seen[1] - bits * g) / (1 - 2 * g)
        both = _ones(one & other) - (n * (1 - f) * g + m * f * (1 - g) + (bits - n - m) * f * g)
        both /= (1 - 2 * f) * (1 - 2 * g)
        with numpy.errstate(invalid="ignore", divide="ignore"):
            found[name] = numpy.clip(2.0 * both / (n + m), 0.0, 1.0)
        found[name][(seen[0] == 0) | (seen[1] == 0)] = numpy.nan
    return found


def written(filters: numpy.ndarray, key: bytes, hardening: Hardening = PLAIN) -> list[str]:
    """Filters as text: scheme with hardenings, key check and base64, `bloom-1:0a1b2c3d:...`."""
    head = f"{hardening.head}:{check_of(key)}:"
    return [head + b64encode(row.tobytes()).decode() for row in filters]


def read(texts: Sequence[str], key: bytes) -> tuple[numpy.ndarray, list[Hardening]]:
    """The inverse of `written`: filters and how each was hardened.

    Raises UsageError for another scheme, key or length.
    """
    import numpy

    check = check_of(key)
    filters = numpy.zeros((len(texts), LENGTH // 8), dtype="uint8")
    hardened = []
    for row, text in enumerate(texts):
        found = _WRITTEN.fullmatch(text)
        if not found or found["check"] != check:
            raise UsageError(
                f"An encoding is not of scheme {SCHEME} under the key given (key check {check}); "
                "encode the source again with the project's key."
            )
        try:
            content = b64decode(found["bits"], validate=True)
        except binascii.Error:
            content = b""
        if len(content) != LENGTH // 8:
            raise UsageError("An encoding is cut short; ask for the file again.")
        filters[row] = numpy.frombuffer(content, dtype="uint8")
        hardened.append(Hardening(bool(found["salt"]), int(found["flip"] or 0)))
    return filters, hardened


def _stretches(
    name: str, field: Field, values: Sequence[tuple[str, str]], key: bytes
) -> numpy.ndarray:
    """The stretch of every value; tokens and values are few, so each is hashed once."""
    import numpy

    distinct: dict[tuple[str, str], int] = {}
    position = [distinct.setdefault(value, len(distinct)) for value in values]
    tokens: dict[str, int] = {}
    owner, token = [], []
    for number, (salt, value) in enumerate(distinct):
        for cut in set(field.tokens(value)):
            owner.append(number)
            token.append(tokens.setdefault(f"{name}|{salt}|{cut}", len(tokens)))
    masks = numpy.zeros((len(tokens), field.bits), dtype=bool)
    for text, number in tokens.items():
        digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
        first = int.from_bytes(digest[:8], "big")
        # odd, so that its multiples reach every bit of a stretch of any even length
        second = int.from_bytes(digest[8:16], "big") | 1
        masks[number, [(first + i * second) % field.bits for i in range(field.hashes)]] = True
    packed = numpy.packbits(masks, axis=1)[token]
    starts = numpy.flatnonzero(numpy.diff(owner, prepend=-1))
    return numpy.bitwise_or.reduceat(packed, starts, axis=0)[position]


def _flipped(
    filters: numpy.ndarray, key: bytes, flip: int, ids: Sequence[str] | None
) -> numpy.ndarray:
    """Bits of known fields turned over, the same ones for the same id and key."""
    import numpy

    if ids is None:
        raise UsageError("Turning bits over needs ids, which make the noise repeat.")
    out = filters.copy()
    for row, own in enumerate(ids):
        seed = hmac.new(key, b"flip|" + own.encode(), hashlib.sha256).digest()
        rng = numpy.random.Generator(numpy.random.PCG64(int.from_bytes(seed[:16], "big")))
        noise = numpy.packbits(rng.random(LENGTH) < flip / 100)
        for stretch in stretches().values():
            if out[row, stretch].any():
                out[row, stretch] ^= noise[stretch]
    return out


def _ones(stretch: numpy.ndarray) -> numpy.ndarray:
    import numpy

    return numpy.bitwise_count(stretch).sum(axis=1, dtype="int32")
