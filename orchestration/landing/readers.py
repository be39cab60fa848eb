"""Delivered bytes to rows, strictly: decoded without replacement, columns by name, no guess.

Rows leave here as blocks of PostgreSQL COPY text (tab between fields, newline after a row,
empty field = null). Memory is a few blocks, whatever the size of the file. A file that is not
as agreed raises BadInput with one clause that names the line and the rule, never a value.
Add here: a file format. Keep out: what values mean (quality, models/staging).
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from orchestration.landing.contracts import Contract, Table
from orchestration.landing.copy_text import CopyBlock

# Bytes read at once. What a block becomes fits the processor's cache: with 1 MB the same file
# takes a tenth longer, with 64 KB a quarter (500,000 rows of 10 columns, 2026-11-23).
BLOCK = 1 << 18
# A longer field is an unclosed quote or an attack, not a value an agency keeps (2026-11-23).
LONGEST_FIELD = 1_000_000
# Sixteen of the longest fields; what a line may take of memory before it is refused.
LONGEST_LINE = 16 * LONGEST_FIELD
# Formats that hold values instead of text, or name the columns in each row.
VALUE_FORMATS = ("excel", "parquet", "ndjson")
FOREIGN = (
    (b"PK\x03\x04", "is a ZIP archive or an Excel workbook"),
    (b"\x1f\x8b", "is compressed with gzip"),
    (b"%PDF", "is a PDF document"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel or Word document"),
    (b"{\\rtf", "is a word processor document"),
)
# UTF-8 read as cp1252 and saved again: the two characters that any accented letter becomes.
MOJIBAKE = re.compile("\u00c3[^\x00-\x7f]|\u00c2[\u00a0-\u00bf]")
HTML = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script")


class BadInput(Exception):
    """The file is not as agreed. The message is a clause: 'line 12 has 3 fields, ...'."""


class Source:
    """One pass over a file: decoded text with newlines made one, and the digest of its bytes.

    Raises BadInput for an empty file, another kind of file, a wrong encoding, a NUL byte.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = codecs.lookup(encoding).name
        self.sha256 = ""
        self.bytes = 0
        self.lines = 0  # line breaks read so far
        self.records = 0  # data rows of a CSV file, record lines of a fixed-width one
        self.footer: str | None = None  # a last line that is no row
        self.notes: list[str] = []  # what was put right while reading, as clauses

    def blocks(self) -> Iterator[str]:
        digest = hashlib.sha256()
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        # A single-byte encoding decodes anything, UTF-8 too, into wrong letters.
        suspect = _Utf8Suspicion() if self.encoding not in ("utf-8", "ascii") else None
        # \r\n and a lone \r become \n.
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        mojibake = False
        with self.path.open("rb", buffering=0) as stream:
            first = True
            while True:
                block = stream.read(BLOCK)
                digest.update(block)
                if first:
                    _refuse_foreign(block)
                    payload = block.removeprefix(codecs.BOM_UTF8)
                    skipped = len(block) - len(payload)
                    first = False
                    if skipped:
                        self.notes.append("its byte order mark was left out")
                else:
                    payload, skipped = block, 0
                start = self.bytes + skipped
                if b"\0" in payload:
                    offset = payload.index(b"\0")
                    line = self.lines + _line_breaks(payload[:offset]) + 1
                    raise BadInput(
                        f"line {line} has a NUL character "
                        f"(byte {start + offset}), which text does not hold"
                    )
                pending = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(payload, not block)
                except UnicodeDecodeError as error:
                    offset = start - pending + error.start
                    line = self.lines + _line_breaks(payload[: max(0, error.start - pending)]) + 1
                    raise BadInput(
                        f"line {line} is not {self.encoding.upper()} (byte {offset}); "
                        "the contract says it should be"
                    ) from None
                if suspect:
                    suspect.see(payload, start, self.lines)
                self.lines += _line_breaks(payload)
                self.bytes += len(block)
                mojibake = mojibake or (not text.isascii() and MOJIBAKE.search(text) is not None)
                if text or not block:
                    text = newlines.decode(text, not block)
                if text:
                    yield text
                if not block:
                    break
        if suspect:
            suspect.conclude(self.encoding)
        if not self.bytes:
            raise BadInput("it is empty")
        found = newlines.newlines or ()
        if "\r" in ((found,) if isinstance(found, str) else found):
            self.notes.append("its lines ended with a lone carriage return and were mended")
        elif "\r\n" in found:
            self.notes.append("its lines ended as on Windows (CR LF)")
        if mojibake:
            self.notes.append(
                "some of its letters look like UTF-8 that was read as another encoding before it "
                "was delivered; ask the agency for the original"
            )
        self.sha256 = digest.hexdigest()

    def whole_lines(self) -> Iterator[str]:
        """The text in pieces that end with a newline; only the last may lack it."""
        rest = ""
        for text in self.blocks():
            head, newline, tail = text.rpartition("\n")
            if newline:
                yield rest + head + newline
                rest = tail
            else:
                rest += tail
            if len(rest) > LONGEST_LINE:
                raise BadInput(
                    f"line {self.lines + 1} is longer than {LONGEST_LINE:,} characters; it has a "
                    "quote that is never closed, or other line ends than text has"
                )
        if rest:
            yield rest


class _Utf8Suspicion:
    """Is a file that should be in a single-byte encoding really UTF-8?

    Real text in such an encoding is hardly ever valid UTF-8: a letter beyond ASCII would have
    to be followed by just the right other ones, every time.
    """

    def __init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self.place: tuple[int, int] | None = None
        self.cleared = False

    def see(self, block: bytes, start: int, lines: int) -> None:
        if self.cleared or (block.isascii() and not self.decoder.getstate()[0]):
            return
        if self.place is None:
            offset = next(i for i, byte in enumerate(block) if byte > 127)
            self.place = lines + _line_breaks(block[:offset]) + 1, start + offset
        try:
            self.decoder.decode(block)
        except UnicodeDecodeError:
            self.cleared = True

    def conclude(self, encoding: str) -> None:
        if self.place and not self.cleared and not self.decoder.getstate()[0]:
            line, offset = self.place
            raise BadInput(
                f"line {line} (byte {offset}) and every other line are UTF-8; "
                f"the contract says {encoding}"
            )


def copy_blocks(
    source: Source, contract: Contract, table: Table
) -> tuple[tuple[str, ...], Iterator[CopyBlock]]:
    """The columns that blocks carry, in order, and the blocks. The first is `_row_number`.

    Raises BadInput at once for a bad header; the iterator raises it for a bad row.
    """
    if contract.file_format in VALUE_FORMATS:
        from orchestration.landing.formats import value_blocks

        return value_blocks(source, contract, table)
    if contract.file_format == "fixed_width":
        from orchestration.landing import fixed_width

        names = tuple(column.name for column in table.columns)
        return ("_row_number", *names), fixed_width.blocks(source, contract, table)
    from orchestration.landing import delimited

    pieces = source.whole_lines()
    names, rest = delimited.header(next(pieces, ""), contract, table)
    body = delimited.without_footer(chain([rest], pieces), source, contract, len(names))
    blocks = delimited.blocks(body, source, contract, len(names))
    return ("_row_number", *names), blocks


def has_rows(path: Path, contract: Contract) -> bool:
    """Whether a file holds more than its header, judged by its first lines."""
    if contract.file_format in ("excel", "parquet"):
        return True  # told by its content only, which is read when it is loaded
    header_lines = 1 if contract.file_format == "csv" else 0
    with path.open("rb") as stream:
        lines = (line for line in iter(lambda: stream.readline(BLOCK), b"") if line.strip())
        return len(list(islice(lines, header_lines + 1))) > header_lines


def _refuse_foreign(block: bytes) -> None:
    """Name the kind of file where the first bytes tell it."""
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (
        # without a byte order mark, Latin text has a NUL in every other byte
        len(block) >= 4 and (block[0:4:2] == b"\0\0" or block[1:4:2] == b"\0\0")
    ):
        raise BadInput("line 1 (byte 0): the file is UTF-16; it should be saved as UTF-8")
    for magic, what in FOREIGN:
        if block.startswith(magic):
            raise BadInput(f"it {what}, not a text file")
    if block[:1024].removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(HTML):
        raise BadInput("line 1: it is a web page (HTML), such as the error page of a portal")


def _line_breaks(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def quoted(name: str) -> str:
    """A header's name for a message. It is the agency's text: cut, and without line breaks."""
    return repr(name[:63])
