"""Delivered bytes to rows, strictly: decoded without replacement, columns by name, no guess.

Rows leave here as blocks of PostgreSQL COPY text (tab between fields, newline after a row,
empty field = null). Memory is a few blocks, whatever the size of the file. A file that is not
as agreed raises BadInput with one clause that names the line and the rule, never a value.
Add here: a file format. Keep out: what values mean (quality, models/staging).
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn

from orchestration.landing.contracts import Column, Contract, Envelope, Table

# Bytes read at once. What a block becomes fits the processor's cache: with 1 MB the same file
# takes a tenth longer, with 64 KB a quarter (500,000 rows of 10 columns, 2026-11-23).
BLOCK = 1 << 18
# A longer field is an unclosed quote or an attack, not a value an agency keeps (2026-11-23).
LONGEST_FIELD = 1_000_000
# Sixteen of the longest fields; what a line may take of memory before it is refused.
LONGEST_LINE = 16 * LONGEST_FIELD
# Formats that hold values instead of text, or name the columns in each row.
VALUE_FORMATS = ("excel", "parquet", "ndjson")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
FOREIGN = (
    (b"PK\x03\x04", "is a ZIP archive or an Excel workbook"),
    (b"\x1f\x8b", "is compressed with gzip"),
    (b"%PDF", "is a PDF document"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel or Word document"),
    (b"{\\rtf", "is a word processor document"),
)
HTML = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script")


class BadInput(Exception):
    """The file is not as agreed. The message is a clause: 'line 12 has 3 fields, ...'."""


@dataclass(frozen=True)
class CopyBlock:
    """Rows ready for COPY: text without a trailing newline, and how many rows it holds."""

    text: str
    rows: int


class Source:
    """One pass over a file: decoded text with newlines made one, and the digest of its bytes.

    Raises BadInput for an empty file, another kind of file, a wrong encoding, a NUL byte.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = codecs.lookup(encoding).name
        self.sha256 = ""
        self.bytes = 0
        self.records = 0  # data rows of a CSV file, record lines of a fixed-width one

    def blocks(self) -> Iterator[str]:
        digest = hashlib.sha256()
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        # A single-byte encoding decodes anything, UTF-8 too, into wrong letters.
        suspect = _Utf8Suspicion() if self.encoding not in ("utf-8", "ascii") else None
        # \r\n and a lone \r become \n.
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        lines = 0
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
                else:
                    payload, skipped = block, 0
                start = self.bytes + skipped
                if b"\0" in payload:
                    offset = payload.index(b"\0")
                    raise BadInput(
                        f"line {lines + _line_breaks(payload[:offset]) + 1} has a NUL character "
                        f"(byte {start + offset}), which text does not hold"
                    )
                pending = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(payload, not block)
                except UnicodeDecodeError as error:
                    offset = start - pending + error.start
                    line = lines + _line_breaks(payload[: max(0, error.start - pending)]) + 1
                    raise BadInput(
                        f"line {line} is not {self.encoding.upper()} (byte {offset}); "
                        "the contract says it should be"
                    ) from None
                if suspect:
                    suspect.see(payload, start, lines)
                lines += _line_breaks(payload)
                self.bytes += len(block)
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
        self.sha256 = digest.hexdigest()

    def whole_lines(self) -> Iterator[str]:
        """The text in pieces that end with a newline; only the last may lack it."""
        rest, lines = "", 0
        for text in self.blocks():
            head, newline, tail = text.rpartition("\n")
            if newline:
                whole = rest + head + newline
                lines += whole.count("\n")
                yield whole
                rest = tail
            else:
                rest += tail
            if len(rest) > LONGEST_LINE:
                raise BadInput(
                    f"line {lines + 1} is longer than {LONGEST_LINE:,} characters; it has a "
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
        names = tuple(column.name for column in table.columns)
        return ("_row_number", *names), _fixed_width_blocks(source, contract, table)
    pieces = source.whole_lines()
    names, rest = _header(next(pieces, ""), contract, table)
    blocks = _csv_blocks(chain([rest], pieces), source, contract, len(names))
    return ("_row_number", *names), blocks


def has_rows(path: Path, contract: Contract) -> bool:
    """Whether a file holds more than its header, judged by its first lines."""
    if contract.file_format in ("excel", "parquet"):
        return True  # told by its content only, which is read when it is loaded
    header_lines = 1 if contract.file_format == "csv" else 0
    with path.open("rb") as stream:
        lines = (line for line in iter(lambda: stream.readline(BLOCK), b"") if line.strip())
        return len(list(islice(lines, header_lines + 1))) > header_lines


# --- delimited text


def _header(piece: str, contract: Contract, table: Table) -> tuple[tuple[str, ...], str]:
    """The columns in the file's order, and what follows the header in this piece of text."""
    by_header = {column.header: column.name for column in table.columns}
    first = piece.partition("\n")[0]
    for other, word in DELIMITERS.items():
        if other == contract.delimiter:
            continue
        named = [part.strip().strip('"') in by_header for part in first.split(other)]
        if sum(named) >= 2 and sum(named) > len(named) / 2:
            agreed = DELIMITERS.get(contract.delimiter, repr(contract.delimiter))
            raise BadInput(f"line 1 is parted by {word}; the contract says {agreed}")
    reader = _reader(piece, contract)
    with _FieldLimit():
        try:
            header = [field.strip() for field in next(reader, [])]
        except csv.Error:
            raise BadInput("line 1, the header, has an unbalanced quote") from None
    if not any(header):
        raise BadInput("line 1 is blank where the header should be")
    names = columns_of(header, table, "line 1")
    rest = piece.split("\n", reader.line_num)[reader.line_num :]
    return names, "".join(rest)


def columns_of(header: Sequence[str], table: Table, place: str) -> tuple[str, ...]:
    """The staging columns that a header names, in its order. Raises BadInput at `place`."""
    by_header = {column.header: column.name for column in table.columns}
    if not by_header.keys() & set(header):
        raise BadInput(f"{place} is no header: it names none of the columns in the contract")
    seen: dict[str, int] = {}
    for position, field in enumerate(header, start=1):
        if not field:
            raise BadInput(f"{place}, column {position}: the header has a column without a name")
        if field in seen:
            raise BadInput(
                f"{place}, column {position}: the header names {_quoted(field)} again, "
                f"after column {seen[field]}"
            )
        seen[field] = position
    for position, field in enumerate(header, start=1):
        if field not in by_header:
            raise BadInput(
                f"{place}, column {position}: the column {_quoted(field)} is not in the contract"
            )
    missing = [column.header for column in table.columns if column.header not in seen]
    if missing:
        names = ", ".join(_quoted(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise BadInput(f"{place}: the header lacks {names}{more}, which the contract asks for")
    return tuple(by_header[field] for field in header)


def _reader(text: str, contract: Contract) -> Any:
    lines = io.StringIO(text, newline="\n")
    return csv.reader(lines, delimiter=contract.delimiter, strict=True)


def _csv_blocks(
    pieces: Iterator[str], source: Source, contract: Contract, width: int
) -> Iterator[CopyBlock]:
    """Each piece of whole lines begins with the beginning of a row."""
    for piece in pieces:
        first = source.records + 1
        if '"' in piece or len(piece) > LONGEST_FIELD:
            rows = _quoted_rows(piece, pieces, source, contract, width)
            if set(map(len, rows)) - {width}:
                _explain(source, contract, width)
            block = _copy_block(rows, range(first, first + len(rows)), width)
        else:
            # Without quotes a line is a row and each delimiter parts two fields: the same rows
            # as the csv module's, in a third of its time (2026-11-23).
            lines = _copy_lines(piece, contract.delimiter)
            if set(map(str.count, lines, repeat("\t"))) - {width - 1}:
                _explain(source, contract, width)
            block = _numbered(lines, range(first, first + len(lines)))
        source.records += block.rows
        if block.rows:
            yield block


def _quoted_rows(
    piece: str, pieces: Iterator[str], source: Source, contract: Contract, width: int
) -> list[list[str]]:
    with _FieldLimit():
        while True:
            try:
                return [row for row in _reader(piece, contract) if row]  # a blank line is no row
            except csv.Error as error:
                # A quoted field may go on in the next piece.
                more = next(pieces, None) if "unexpected end" in str(error) else None
                if more is None:
                    _explain(source, contract, width)
                piece += more


def _copy_lines(piece: str, delimiter: str) -> list[str]:
    """Lines of COPY text; str.replace returns the same text at once where there is nothing."""
    text = piece.replace("\\", "\\\\")
    if delimiter != "\t":
        text = text.replace("\t", "\\t").replace(delimiter, "\t")
    return [line for line in text.split("\n") if line]


def _numbered(lines: Sequence[str], numbers: Sequence[int]) -> CopyBlock:
    numbered = map("%d\t%s".__mod__, zip(numbers, lines, strict=True))
    return CopyBlock("\n".join(numbered), len(lines))


def _copy_block(rows: Sequence[Sequence[str]], numbers: Sequence[int], width: int) -> CopyBlock:
    block = _numbered(list(map("\t".join, rows)), numbers)
    # Tabs, newlines and backslashes inside a field would be read as COPY's own: when the
    # counts say there are any, escape field by field.
    if (
        "\\" in block.text
        or block.text.count("\t") != len(rows) * width
        or block.text.count("\n") != max(len(rows) - 1, 0)
    ):
        block = _numbered(["\t".join(map(_escaped, row)) for row in rows], numbers)
    return block


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _explain(source: Source, contract: Contract, width: int) -> NoReturn:
    """Read a bad file again, row by row, and say what is wrong first."""
    again = Source(source.path, contract.encoding)
    lines = chain.from_iterable(io.StringIO(text, newline="\n") for text in again.whole_lines())
    reader = csv.reader(lines, delimiter=contract.delimiter, strict=True)
    with _FieldLimit():
        next(reader, None)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise BadInput(_quote_clause(line, str(error))) from None
            if row is None:
                raise BadInput("it could not be read twice with the same result")
            if not row or len(row) == width:
                continue
            try:
                last = not any(reader)
            except csv.Error:
                last = False
            if last and len(row) < width:
                raise BadInput(
                    f"line {line}, the last one, has {len(row)} of {width} fields: the file was "
                    "cut off or carries a footer"
                )
            fields = "field" if len(row) == 1 else "fields"
            raise BadInput(f"line {line} has {len(row)} {fields}, the header has {width}")


def _quote_clause(line: int, error: str) -> str:
    if "field larger" in error:
        return (
            f"line {line} has a field of more than {LONGEST_FIELD:,} characters; "
            "the usual cause is a quote that is never closed"
        )
    if "unexpected end" in error:
        return f"line {line} opens a quote that is never closed"
    return f"line {line} has an unbalanced quote"


class _FieldLimit:
    """The csv module's field limit is one for the whole process: set it only while reading."""

    def __enter__(self) -> None:
        self.before = csv.field_size_limit(LONGEST_FIELD)

    def __exit__(self, *_: object) -> None:
        csv.field_size_limit(self.before)


# --- fixed width


@dataclass(frozen=True)
class _Layout:
    """Where one row lies in a line. extent: the part that must not be blank for it to exist."""

    fields: Callable[[str], tuple[str, ...]]
    extent: slice
    segment: int | None


def _layouts(table: Table) -> list[_Layout]:
    """One for each row that a line may hold."""
    repeated = [c for c in table.columns if c.segmented] or table.columns
    start = min(_span(column).start for column in repeated)
    stop = max(_span(column).stop for column in repeated)
    several = len(table.segment_offsets) > 1
    return [
        _Layout(
            # itemgetter gives a tuple from two items on; no layout has one column only.
            fields=itemgetter(*(_span(column, offset) for column in table.columns)),
            extent=slice(start + offset, stop + offset),
            segment=number if several else None,
        )
        for number, offset in enumerate(table.segment_offsets, start=1)
    ]


def _span(column: Column, offset: int = 0) -> slice:
    shift = offset if column.segmented else 0
    return slice((column.start or 1) - 1 + shift, (column.end or 0) + shift)


def _fixed_width_blocks(source: Source, contract: Contract, table: Table) -> Iterator[CopyBlock]:
    layouts = _layouts(table)
    shortest = max(_span(column).stop for column in table.columns)
    longest = max(_span(c, max(table.segment_offsets)).stop for c in table.columns)
    envelope = _EnvelopeCheck(contract, contract.envelope) if contract.envelope else None
    before = 0
    for text in source.whole_lines():
        lines = text.split("\n")
        unfinished = lines.pop()  # "" when the text ends with a newline
        if unfinished:
            lines.append(unfinished)
        numbers: Sequence[int] = range(before + 1, before + len(lines) + 1)
        before += len(lines)
        if envelope:
            numbers, lines = envelope.records(numbers, lines, table.record_type)
            source.records = envelope.count
        else:
            if not all(map(str.strip, lines)):
                kept = [(n, line) for n, line in zip(numbers, lines, strict=True) if line.strip()]
                numbers, lines = [n for n, _ in kept], [line for _, line in kept]
            source.records += len(lines)
        if not lines:
            continue
        lengths = set(map(len, lines))
        if min(lengths) < shortest or max(lengths) > longest:
            for number, line in zip(numbers, lines, strict=True):
                _check_length(number, line, shortest, longest, number == before and unfinished)
        for layout in layouts:
            yield from _layout_block(layout, numbers, lines)
    if envelope:
        envelope.conclude()


def _layout_block(layout: _Layout, numbers: Sequence[int], lines: list[str]) -> Iterator[CopyBlock]:
    if layout.segment is not None:
        here = [
            (number * 10 + layout.segment, line)
            for number, line in zip(numbers, lines, strict=True)
            if layout.segment == 1 or line[layout.extent].strip()
        ]
        numbers, lines = [number for number, _ in here], [line for _, line in here]
    if lines:
        # Blanks around a field are the layout's padding, not part of the value.
        batch = [tuple(map(str.strip, row)) for row in map(layout.fields, lines)]
        yield _copy_block(batch, numbers, len(batch[0]))


def _check_length(number: int, line: str, shortest: int, longest: int, unfinished: object) -> None:
    if len(line) < shortest:
        if unfinished:
            raise BadInput(
                f"line {number}, the last one, has {len(line)} characters of {shortest}: the "
                "file was cut off"
            )
        raise BadInput(f"line {number} has {len(line)} characters; its layout needs {shortest}")
    if line[longest:].strip():
        raise BadInput(f"line {number} goes on after column {longest}, where its layout ends")


class _EnvelopeCheck:
    """Sorts the lines of a file with several record types; checks its header and trailer."""

    def __init__(self, contract: Contract, envelope: Envelope) -> None:
        self.envelope = envelope
        self.types = tuple(table.record_type or "" for table in contract.tables)
        self.opened = envelope.header is None
        self.trailer: tuple[int, str] | None = None
        self.count = 0

    def records(
        self, numbers: Sequence[int], lines: list[str], record_type: str | None
    ) -> tuple[list[int], list[str]]:
        """The lines of one record type; every line is checked, whichever type is asked for."""
        start, stop = self.envelope.record_type
        mine: list[int] = []
        kept: list[str] = []
        for number, line in zip(numbers, lines, strict=True):
            found = line[start:stop]
            if found in self.types and self.opened and not self.trailer:
                self.count += 1
                if found == record_type:
                    mine.append(number)
                    kept.append(line)
            elif line.strip():
                self._outside(number, line)
        return mine, kept

    def _outside(self, number: int, line: str) -> None:
        header, trailer = self.envelope.header, self.envelope.trailer
        if self.trailer:
            raise BadInput(f"line {number} comes after the {trailer} record")
        if not self.opened:
            if not line.startswith(header or ""):
                raise BadInput(f"line {number} is not the {header} record that opens the file")
            self.opened = True
        elif trailer and line.startswith(trailer):
            self.trailer = number, line
        else:
            raise BadInput(f"line {number} has a record type other than {', '.join(self.types)}")

    def conclude(self) -> None:
        if not self.opened:
            raise BadInput(f"it has no {self.envelope.header} record")
        if self.envelope.trailer is None:
            return
        if self.trailer is None:
            raise BadInput(f"it has no {self.envelope.trailer} record: the file was cut off")
        if self.envelope.count:
            number, line = self.trailer
            counted = line[slice(*self.envelope.count)]
            if not counted.isdecimal() or int(counted) != self.count:
                says = f"{int(counted)} records" if counted.isdecimal() else "no number"
                raise BadInput(
                    f"line {number}: the {self.envelope.trailer} record counts {says}, the file "
                    f"has {self.count}"
                )


# --- bytes


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


def _quoted(name: str) -> str:
    """A header's name for a message. It is the agency's text: cut, and without line breaks."""
    return repr(name[:63])
