"""Delimited text to rows: columns by name from the header, fields by the csv module's strict rules.

Add here: how delimited files are written. Keep out: bytes and encodings (readers).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Any, NoReturn

from orchestration.landing.contracts import Contract, Table
from orchestration.landing.copy_text import CopyBlock, block_of, numbered
from orchestration.landing.readers import LONGEST_FIELD, BadInput, Source, quoted

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# What a last line that is no row says of the file. Only a whole line counts: one without its
# newline may be the rest of a row that was cut off (2026-11-25).
FOOTER = re.compile(
    r"\b(?:grand )?totals?\b|\b\d+ (?:rows?|records?|lines?)\b|\b(?:rows?|records?|lines?)"
    r"(?: count)?\s*[:=]?\s*\d+|\brecord count\b|\bend of (?:file|report|data|extract)\b",
    re.IGNORECASE,
)


def header(piece: str, contract: Contract, table: Table) -> tuple[tuple[str, ...], str]:
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
                f"{place}, column {position}: the header names {quoted(field)} again, "
                f"after column {seen[field]}"
            )
        seen[field] = position
    for position, field in enumerate(header, start=1):
        if field not in by_header:
            raise BadInput(
                f"{place}, column {position}: the column {quoted(field)} is not in the contract"
            )
    missing = [column.header for column in table.columns if column.header not in seen]
    if missing:
        names = ", ".join(quoted(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise BadInput(f"{place}: the header lacks {names}{more}, which the contract asks for")
    return tuple(by_header[field] for field in header)


def _reader(text: str, contract: Contract) -> Any:
    lines = io.StringIO(text, newline="\n")
    return csv.reader(lines, delimiter=contract.delimiter, strict=True)


def without_footer(
    pieces: Iterator[str], source: Source, contract: Contract, width: int
) -> Iterator[str]:
    """The same text without a last line that is no row but a total or a count of rows.

    The line is kept in source.footer, with the number that its row would have had.
    """
    before = next(pieces, None)
    for piece in pieces:
        yield before or ""
        before = piece
    if before is None:
        return
    rows, newline, last = before.rstrip("\r\n").rpartition("\n")
    fields = last.count(contract.delimiter) + 1
    if before.endswith("\n") and '"' not in last and fields < width and FOOTER.search(last):
        source.footer = last
        before = rows + newline
    yield before


def blocks(
    pieces: Iterator[str], source: Source, contract: Contract, width: int
) -> Iterator[CopyBlock]:
    """Each piece of whole lines begins with the beginning of a row."""
    for piece in pieces:
        first = source.records + 1
        if '"' in piece or len(piece) > LONGEST_FIELD:
            rows = _quoted_rows(piece, pieces, source, contract, width)
            if set(map(len, rows)) - {width}:
                _explain(source, contract, width)
            block = block_of(rows, range(first, first + len(rows)))
        else:
            # Without quotes a line is a row and each delimiter parts two fields: the same rows
            # as the csv module's, in a third of its time (2026-11-23).
            lines = _copy_lines(piece, contract.delimiter)
            if set(map(str.count, lines, repeat("\t"))) - {width - 1}:
                _explain(source, contract, width)
            block = numbered(lines, range(first, first + len(lines)))
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
