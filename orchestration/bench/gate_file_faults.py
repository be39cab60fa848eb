"""Faults of whole files, as bytes: what transfers and exports do to a delivery on its way.

All are material. The manifest is left out, since it would give most of them away.
Add here: another fault of bytes. Keep out: faults of rows and columns (gate_faults).
"""

from __future__ import annotations

from collections.abc import Callable

Spoil = Callable[[bytes, str], bytes]  # (content, delimiter) -> content


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def _html(content: bytes, delimiter: str) -> bytes:
    return b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"


def _cut(content: bytes, delimiter: str) -> bytes:
    """In the middle of a row: after the first delimiter of the line at half of the file."""
    lines = _lines(content)
    half = len(lines) // 2
    return b"".join(lines[:half]) + lines[half].split(delimiter.encode(), 1)[0]


def _footer(content: bytes, delimiter: str) -> bytes:
    return content + f"TOTAL{delimiter}{len(_lines(content)) - 1}\n".encode()


def _other_delimiter(content: bytes, delimiter: str) -> bytes:
    return content.replace(delimiter.encode(), b";" if delimiter != ";" else b",")


def _column_lost(content: bytes, delimiter: str) -> bytes:
    d = delimiter.encode()
    return b"".join(line.split(d, 1)[1] for line in _lines(content))


def _column_added(content: bytes, delimiter: str) -> bytes:
    d = delimiter.encode()
    first, *rest = _lines(content)
    return b"NEW_FIELD" + d + first + b"".join(b"1" + d + line for line in rest)


def _column_renamed(content: bytes, delimiter: str) -> bytes:
    return b"RENAMED_" + content


def _utf16(content: bytes, delimiter: str) -> bytes:
    return content.decode("utf-8", "replace").encode("utf-16")


def _nul(content: bytes, delimiter: str) -> bytes:
    half = len(content) // 2
    return content[:half] + b"\0" + content[half:]


def _quote(content: bytes, delimiter: str) -> bytes:
    lines = _lines(content)
    half = len(lines) // 2
    d = delimiter.encode()
    lines[half] = lines[half].replace(d, d + b'"', 1)
    return b"".join(lines)


FILE_FAULTS: dict[str, Spoil] = {
    "file is an error page": _html,
    "file cut within a row": _cut,
    "file with a footer of totals": _footer,
    "file with another delimiter": _other_delimiter,
    "file without its first column": _column_lost,
    "file with an unknown column": _column_added,
    "file with a renamed column": _column_renamed,
    "file in UTF-16": _utf16,
    "file with a NUL byte": _nul,
    "file with an open quote": _quote,
}
