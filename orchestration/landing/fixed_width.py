"""Lines of fixed positions to rows: one record type or several, with their header and trailer.

Most such files are lines of one length in plain ASCII; those are cut by numpy (even_lines), the
others field by field. Add here: how fixed-width files are laid out. Keep out: bytes and encodings
(readers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from orchestration.landing.contracts import Column, Contract, Envelope, Table
from orchestration.landing.copy_text import CopyBlock, block_of
from orchestration.landing.even_lines import EvenLines
from orchestration.landing.readers import BadInput, Source


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


def blocks(source: Source, contract: Contract, table: Table) -> Iterator[CopyBlock]:
    layouts = _layouts(table)
    shortest = max(_span(column).stop for column in table.columns)
    longest = max(_span(c, max(table.segment_offsets)).stop for c in table.columns)
    envelope = _EnvelopeCheck(contract, contract.envelope) if contract.envelope else None
    even = None if envelope or len(layouts) > 1 else EvenLines(table)
    before = 0
    for text in source.whole_lines():
        if even and (block := even.block(text, before + 1)):
            before += block.rows
            source.records += block.rows
            yield block
            continue
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
        yield block_of(batch, numbers)


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
