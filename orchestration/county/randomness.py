"""Random numbers that do not depend on the order in which they are asked for.

Each part of the county draws from its own named stream, so that a new agency leaves the
files of the others byte for byte as they were. Values that belong to a thing (a person's
address as one agency types it) are hashed from the thing's own numbers instead of drawn.
Add here: another way to draw. Keep out: what is drawn.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of one named part: the same seed and name give the same numbers."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))
    )


def hashed_bits(salt: str, *keys: np.ndarray) -> np.ndarray:
    """64 random bits for each row of the integer arrays `keys` (splitmix64), as uint64."""
    with np.errstate(over="ignore"):
        state = np.uint64(zlib.crc32(salt.encode()) * 2654435761 % 2**64)
        out = np.full(len(keys[0]), state, dtype=np.uint64)
        for key in keys:
            out = out ^ np.asarray(key).astype(np.int64).view(np.uint64)
            out = out + np.uint64(0x9E3779B97F4A7C15)
            out = (out ^ (out >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            out = (out ^ (out >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            out = out ^ (out >> np.uint64(31))
    return out


def hashed_uniform(salt: str, *keys: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each row of the integer arrays `keys`."""
    return (hashed_bits(salt, *keys) >> np.uint64(11)).astype(np.float64) / 2.0**53
