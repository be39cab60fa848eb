"""Rows as blocks of PostgreSQL COPY text: tab between fields, newline after a row, empty = null.

Add here: another way to make such a block. Keep out: reading files (delimited, fixed_width,
formats), sending blocks (loader).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CopyBlock:
    """Rows ready for COPY, in UTF-8, each with its newline; and how many they are."""

    data: bytes
    rows: int


def numbered(lines: Sequence[str], numbers: Sequence[int]) -> CopyBlock:
    """Lines of COPY text, each after the number of its row."""
    return CopyBlock(_numbered(lines, numbers).encode(), len(lines))


def block_of(rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> CopyBlock:
    """Rows of fields, all of one width, each after its number."""
    text = _numbered(list(map("\t".join, rows)), numbers)
    # Tabs, newlines and backslashes inside a field would be read as COPY's own: when the
    # counts say there are any, escape field by field.
    tabs = len(rows) * len(rows[0]) if rows else 0
    if "\\" in text or text.count("\t") != tabs or text.count("\n") != len(rows):
        text = _numbered(["\t".join(map(_escaped, row)) for row in rows], numbers)
    return CopyBlock(text.encode(), len(rows))


def _numbered(lines: Sequence[str], numbers: Sequence[int]) -> str:
    return "".join(map("%d\t%s\n".__mod__, zip(numbers, lines, strict=True)))


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
