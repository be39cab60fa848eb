"""Errors as people and machines make them, one function per kind.

Keyboard neighbours, misread letters and nicknames come from the tables that pseudopeople
ships. Every function takes text and random bits and gives text, so that the caller decides
how often and for whom. Add here: a kind of error. Keep out: rates (agencies/ and records.py).
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

_SOUNDS = (
    ("PH", "F"), ("CK", "K"), ("TH", "T"), ("EY", "Y"), ("IE", "Y"), ("SCH", "SH"), ("MB", "M"),
    ("LL", "L"), ("TT", "T"), ("NN", "N"), ("SS", "S"), ("RR", "R"), ("EE", "EA"), ("OU", "U"),
    ("KN", "N"), ("WR", "R"), ("AI", "AY"), ("Z", "S"), ("C", "K"), ("Y", "IE"), ("I", "E"),
)  # fmt: skip
_SUFFIX_WORDS = {
    "ST": "STREET", "AVE": "AVENUE", "DR": "DRIVE", "RD": "ROAD", "LN": "LANE", "CT": "COURT",
    "PL": "PLACE", "BLVD": "BOULEVARD", "CIR": "CIRCLE",
}  # fmt: skip


def package_data() -> Path:
    """The data folder of the installed pseudopeople package (it is not imported)."""
    spec = importlib.util.find_spec("pseudopeople")
    if spec is None or spec.origin is None:
        from orchestration.errors import UnusableEnvironment

        raise UnusableEnvironment(
            "The county needs the package pseudopeople, which is not installed; "
            "install the project's locked dependencies."
        )
    return Path(spec.origin).parent / "data"


@cache
def _neighbours() -> dict[str, str]:
    """Keyboard neighbours of each letter, in capitals."""
    table: dict[str, list[str]] = {}
    key = ""
    for line in (package_data() / "qwerty_errors.yaml").read_text().splitlines():
        if line.endswith(":") and not line.startswith(("-", " ")):
            key = line[:-1].strip("'\"").upper()
        elif line.strip().startswith("-"):
            table.setdefault(key, []).append(line.strip()[1:].strip().strip("'\"").upper())
    return {
        k: "".join(c for c in v if len(c) == 1 and c.isalpha())
        for k, v in table.items()
        if len(k) == 1 and k.isalpha()
    }


@cache
def _misread() -> dict[str, tuple[str, ...]]:
    """What a scanner takes a letter for."""
    found: dict[str, list[str]] = {}
    for line in (package_data() / "ocr_errors.csv").read_text().splitlines():
        real, _, seen = line.upper().partition(",")
        if len(real) == 1 and real.isalpha() and seen.isalnum() and seen != real:
            found.setdefault(real, []).append(seen)
    return {real: tuple(sorted(set(seen))) for real, seen in found.items()}


@cache
def _nicknames() -> dict[str, tuple[str, ...]]:
    with (package_data() / "nicknames.csv").open(newline="") as handle:
        rows = list(csv.reader(handle))[1:]
    found = {}
    for row in rows:
        names = tuple(n.strip().upper() for n in row[1:] if n.strip().isalpha())
        if names:
            found[row[0].strip().upper()] = names[:4]
    return found


def typo(value: str, bits: int) -> str:
    """One slip of the keyboard, ear or eye: another, missing, doubled or swapped letter."""
    if len(value) < 2:
        return value
    kind = bits % 100
    at = (bits // 100) % len(value)
    extra = bits // 100_000
    letter = value[at]
    if kind < 35:
        near = _neighbours().get(letter.upper(), "") or "E"
        return value[:at] + near[extra % len(near)] + value[at + 1 :]
    if kind < 55:
        return value[:at] + value[at + 1 :]
    if kind < 72:
        at = min(at, len(value) - 2)
        return value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    if kind < 82:
        return value[:at] + letter + value[at:]
    if kind < 96:
        for step in range(len(_SOUNDS)):
            old, new = _SOUNDS[(extra + step) % len(_SOUNDS)]
            if old in value:
                return value.replace(old, new, 1)
        return value[:at] + value[at + 1 :]
    seen = _misread().get(letter.upper(), (letter,))
    return value[:at] + seen[extra % len(seen)] + value[at + 1 :]


def nickname(value: str, bits: int) -> str:
    """A short or pet form of a first name; the name itself where none is known."""
    names = _nicknames().get(value, ())
    return names[bits % len(names)] if names else value


def initial(value: str, bits: int) -> str:
    """The first letter only."""
    return value[:1]


def blank(value: str, bits: int) -> str:
    """Nothing."""
    return ""


def double_name(value: str, bits: int) -> str:
    """A double surname as a clerk writes it: one part, a space for the hyphen, or joined."""
    for mark in ("-", " "):
        if mark in value:
            left, right = value.split(mark, 1)
            other = " " if mark == "-" else "-"
            return (right, left, left + other + right, left + right)[bits % 4]
    return value


def digits(value: str, bits: int) -> str:
    """A number with one digit wrong or two neighbours swapped."""
    if len(value) < 2:
        return value
    at = (bits // 10) % (len(value) - 1)
    if bits % 10 < 4 and value[at] != value[at + 1]:
        return value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    new = str((int(value[at]) + 1 + (bits // 1000) % 8) % 10) if value[at].isdigit() else value[at]
    return value[:at] + new + value[at + 1 :]


def street(value: str, bits: int) -> str:
    """A street name with its last word spelled out, dropped or mistyped."""
    words = value.split(" ")
    kind = bits % 10
    if kind < 5 and words[-1] in _SUFFIX_WORDS:
        return " ".join([*words[:-1], _SUFFIX_WORDS[words[-1]]])
    if kind < 6 and len(words) > 1:
        return " ".join(words[:-1])
    return typo(value, bits // 10)


def apply(
    values: np.ndarray, hit: np.ndarray, rng: np.random.Generator, error: Callable[[str, int], str]
) -> np.ndarray:
    """`values` (object array of text) with `error` made in the rows where `hit`."""
    out = values.copy()
    rows = np.flatnonzero(hit)
    for row, bits in zip(rows.tolist(), rng.integers(0, 2**62, len(rows)).tolist(), strict=True):
        out[row] = error(out[row], bits)
    return out


def swapped_day_and_month(days: np.ndarray) -> np.ndarray:
    """Dates with day and month exchanged, where that gives a date."""
    from orchestration.county.timeline import month_start, parts

    year, month, dom = parts(days)
    possible = dom <= 12
    swapped = month_start((year - 1970) * 12 + np.where(possible, dom, month) - 1)
    return np.where(possible, swapped + month - 1, days)
