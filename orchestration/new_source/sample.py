"""A sample file as rows: its encoding, its delimiter, its header, or its record types by a layout.

Only what landing itself can read is accepted here, so a contract made from a sample is never one
that the loader would refuse. Add here: a way to recognise a format. Keep out: what values mean
(columns), a format that landing cannot read.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from orchestration.errors import UsageError
from orchestration.landing.contracts import NAME
from orchestration.landing.delimited import DELIMITERS
from orchestration.landing.readers import BadInput, Source

# Rows that are looked at. A share of one in a thousand is seen 200 times in them, and they fit
# in memory with a hundred columns (2026-11-23).
SAMPLE_ROWS = 200_000
# Rows by which a delimiter is judged: enough to meet a field with the other one inside it.
SNIFFED_ROWS = 200

# Words of SQL that may not stand alone as a column of a model.
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization between binary both
    case cast check collate collation column concurrently constraint create cross current_date
    current_role current_time current_timestamp current_user default deferrable desc distinct do
    else end except false fetch for foreign freeze from full grant group having ilike in initially
    inner intersect into is isnull join lateral leading left like limit localtime localtimestamp
    natural not notnull null offset on only or order outer overlaps placing primary references
    returning right select session_user similar some symmetric system_user table tablesample then
    to trailing true union unique user using variadic verbose when where window with
"""
RESERVED = frozenset(_RESERVED.split())


@dataclass(frozen=True)
class Field:
    """One column as it stands in the file. start, end: 1-based inclusive, fixed width only.

    described: False for characters that the layout leaves out although the sample has text
    there. required: what the layout says, if it says anything.
    """

    header: str
    name: str
    start: int | None = None
    end: int | None = None
    label: str = ""
    described: bool = True
    required: bool | None = None
    segmented: bool = False


@dataclass(frozen=True)
class SampleTable:
    """The rows of one staging table, as stripped text; an empty string is a missing value."""

    fields: tuple[Field, ...]
    rows: tuple[tuple[str, ...], ...]
    record_type: str | None = None
    segment_offsets: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Sample:
    """A sample file, read. Spans are written as the contract writes them: `8-14`."""

    path: Path
    file_format: str
    encoding: str
    encoding_is_sure: bool
    delimiter: str
    tables: tuple[SampleTable, ...]
    record_type_field: str | None = None
    header_record: str | None = None
    header_period_field: str | None = None
    trailer_record: str | None = None
    trailer_count_field: str | None = None
    line_width: int = 0
    notes: tuple[str, ...] = field(default_factory=tuple)


def read_sample(path: Path, layout: Path | None = None) -> Sample:
    """Read a delimited file with a header, or a fixed-width one by its layout CSV.

    Raises UsageError when the file is missing, is no text, has no rows or no header, or is not
    as the layout says.
    """
    if not path.is_file():
        raise UsageError(f"There is no sample at {path}; name a file that exists.")
    encoding, sure = _encoding(path)
    try:
        text = "".join(_first_lines(path, encoding))
    except BadInput as error:
        raise UsageError(f"The sample {path.name} cannot be used: {error}.") from error
    if layout is not None:
        return _fixed_width(path, encoding, sure, text, layout)
    return _delimited(path, encoding, sure, text)


def snake_case(header: str) -> str:
    """`PersonalID` -> personal_id, `Base Cost ($)` -> base_cost, `user` -> user_field."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", header.strip())
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60]
    if not NAME.fullmatch(text):
        text = f"c_{text}".rstrip("_")
    return f"{text}_field" if text in RESERVED else text


def unique_names(headers: Sequence[str]) -> list[str]:
    """Snake-case names, a number added where two headers come to the same."""
    names: list[str] = []
    for header in headers:
        name = base = snake_case(header)
        number = 2
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _encoding(path: Path) -> tuple[str, bool]:
    """UTF-8 if every byte of the file is; otherwise Western Windows, which is a guess."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with path.open("rb") as stream:
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252", False
    return "utf-8", True


def _first_lines(path: Path, encoding: str) -> list[str]:
    found, lines = [], 0
    for piece in Source(path, encoding).whole_lines():
        found.append(piece)
        lines += piece.count("\n")
        if lines > SAMPLE_ROWS:
            break
    return found


# --- delimited text


def _delimited(path: Path, encoding: str, sure: bool, text: str) -> Sample:
    delimiter = _delimiter(path, text)
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        rows = [row for row in islice(reader, SAMPLE_ROWS) if row]
    except csv.Error as error:
        raise UsageError(
            f"The sample {path.name} has an unbalanced quote before line {reader.line_num + 1}; "
            "ask for the file again."
        ) from error
    _check_header(path, header, rows)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UsageError(
                f"The sample {path.name} has {len(row)} fields in row {number}, its header has "
                f"{len(header)}; ask for the file again."
            )
    if not rows:
        raise UsageError(f"The sample {path.name} has a header but no rows; ask for one with rows.")
    fields = tuple(
        Field(header=h, name=n) for h, n in zip(header, unique_names(header), strict=True)
    )
    stripped = tuple(tuple(value.strip() for value in row) for row in rows)
    return Sample(path, "csv", encoding, sure, delimiter, (SampleTable(fields, stripped),))


def _delimiter(path: Path, text: str) -> str:
    """The delimiter that gives every row the same number of fields, the most of them."""
    lines = text.splitlines(keepends=True)[:SNIFFED_ROWS]
    best, fields = "", 1
    for delimiter in DELIMITERS:
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
        except csv.Error:
            continue
        if len(widths) == 1 and (width := widths.pop()) > fields:
            best, fields = delimiter, width
    if not best:
        kinds = ", ".join(DELIMITERS.values())
        raise UsageError(
            f"The sample {path.name} is not parted by any of {kinds} with as many fields in each "
            "row; for a fixed-width file name its layout with --layout."
        )
    return best


def _check_header(path: Path, header: list[str], rows: list[list[str]]) -> None:
    if not all(header):
        raise UsageError(
            f"The sample {path.name}: column {header.index('') + 1} has no name in line 1; a "
            "delimited file needs a header."
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    looks_like_data = [h for h in header if re.fullmatch(r"[\d.,/:\-\s]+", h)]
    if looks_like_data or (twice is not None and any(twice in row for row in rows[:50])):
        raise UsageError(
            f"The sample {path.name} seems to have no header: line 1 holds values. Landing maps "
            "columns by name; ask for the file with a header."
        )
    if twice is not None:
        raise UsageError(
            f"The sample {path.name} names a column twice in line 1; ask for a new one."
        )


# --- fixed width

_START = ("start0", "start_0", "offset")
_START_1 = ("start", "begin", "start_position", "position", "from")
_END_EXCLUSIVE = ("end0_exclusive", "end_exclusive")
_END_1 = ("end", "end_position", "to")
_WIDTH = ("length", "width", "size")


@dataclass(frozen=True)
class _Place:
    record: str
    segment: int
    name: str
    label: str
    start: int  # 0-based
    stop: int  # exclusive
    required: bool | None
    line: int


def _fixed_width(path: Path, encoding: str, sure: bool, text: str, layout: Path) -> Sample:
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()][:SAMPLE_ROWS]
    places = _layout(layout)
    by_record: dict[str, list[_Place]] = {}
    for place in places:
        by_record.setdefault(place.record, []).append(place)
    if list(by_record) == [""]:
        table = _record_table(layout, by_record[""], lines, None, (0, 0))
        return Sample(
            path, "fixed_width", encoding, sure, ",", (table,), line_width=max(map(len, lines))
        )
    span = _record_type_span(by_record, lines)
    grouped: dict[str, list[str]] = {}
    outside: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        found = line[slice(*span)]
        if found in by_record:
            grouped.setdefault(found, []).append(line)
        else:
            outside.append((number, line))
    if not grouped:
        raise UsageError(
            f"The sample {path.name} has no line of a record type that {layout.name} describes; "
            "check that the two belong together."
        )
    described = {
        record: _checked(layout, by_record[record]) for record in by_record if record in grouped
    }
    tables = tuple(
        _record_table(layout, described[record], grouped[record], record, span)
        for record in described
    )
    sample = Sample(
        path,
        "fixed_width",
        encoding,
        sure,
        ",",
        tables,
        record_type_field=f"{span[0] + 1}-{span[1]}",
        line_width=max(len(line) for part in grouped.values() for line in part),
        notes=tuple(
            f"The sample has no {record} record, so no table was made for it."
            for record in by_record
            if record not in grouped and record[:1] == next(iter(grouped))[:1]
        ),
    )
    return _with_envelope(sample, outside, len(lines), sum(map(len, grouped.values())))


def _layout(layout: Path) -> list[_Place]:
    """The rows of a layout CSV. Rows without positions are kept out until their record is used."""
    if not layout.is_file():
        raise UsageError(f"There is no layout at {layout}; name a file that exists.")
    try:
        with layout.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The layout {layout.name} is not a CSV file in UTF-8.") from error
    if not rows:
        raise UsageError(f"The layout {layout.name} has no rows.")
    names = {str(key).strip().lower() for key in rows[0]}
    has_start = names & {*_START, *_START_1}
    if "name" not in names or not has_start or not names & {*_END_EXCLUSIVE, *_END_1, *_WIDTH}:
        raise UsageError(
            f"The layout {layout.name} needs the columns name, start and end (1-based, inclusive) "
            "or length, or start0 and end0_exclusive; record, segment, friendly_name and required "
            "where there are any."
        )
    places = []
    for number, raw in enumerate(rows, start=2):
        row = {str(k).strip().lower(): (v or "").strip().strip("'") for k, v in raw.items() if k}
        start = _number(row, _START, 0)
        if start is None:
            start = _number(row, _START_1, -1)
        stop = _number(row, (*_END_EXCLUSIVE, *_END_1), 0)
        width = _number(row, _WIDTH, 0)
        if stop is None and start is not None and width is not None:
            stop = start + width
        required = row.get("required", "").lower()
        places.append(
            _Place(
                record=row.get("record", row.get("record_type", "")),
                segment=int(row["segment"]) if row.get("segment", "").isdigit() else 1,
                name=row["name"],
                label=row.get("friendly_name") or row.get("description", ""),
                start=-1 if start is None else start,
                stop=-1 if stop is None else stop,
                required=None if not required else required in ("true", "yes", "y", "1"),
                line=number,
            )
        )
    return places


def _number(row: dict[str, str], names: Sequence[str], shift: int) -> int | None:
    for name in names:
        if row.get(name, "").isdigit():
            return int(row[name]) + shift
    return None


def _checked(layout: Path, places: list[_Place]) -> list[_Place]:
    for place in places:
        if not 0 <= place.start < place.stop or not place.name:
            raise UsageError(
                f"The layout {layout.name}, line {place.line}: the positions of the field are not "
                "two numbers, the first before the second."
            )
    return places


def _record_type_span(by_record: dict[str, list[_Place]], lines: list[str]) -> tuple[int, int]:
    """Where a line says its record type: the field of that name, else its first characters."""
    spans = {
        (place.start, place.stop)
        for record, places in by_record.items()
        for place in places
        if re.sub(r"[^a-z]", "", place.name.lower()) == "recordtype"
        and place.stop - place.start == len(record)
    }
    return min(spans) if spans else (0, len(next(iter(by_record))))


def _record_table(
    layout: Path, places: list[_Place], lines: list[str], record: str | None, span: tuple[int, int]
) -> SampleTable:
    places = [
        place
        for place in _checked(layout, places)
        if (place.start, place.stop) != span
        # filler that is blank everywhere is the layout's padding
        and not (
            re.fullmatch(r"(?i)blank|filler\d*|reserved\d*|unused", place.name)
            and not any(line[place.start : place.stop].strip() for line in lines)
        )
    ]
    offsets = _segment_offsets(places)
    if len(offsets) > 1:
        first = {place.name for place in places if place.segment == 1}
        repeated = {place.name for place in places if place.segment == 2} & first
        kept = [place for place in places if place.segment == 1]
    else:
        repeated, kept = set(), sorted(places, key=lambda place: (place.start, place.stop))
    headers = [p.name if p.segment == 1 else f"{p.name}_{p.segment}" for p in kept]
    fields = [
        Field(
            header=header,
            name=name,
            start=place.start + 1,
            end=place.stop,
            label=place.label.strip(" ,:"),
            required=place.required,
            segmented=place.name in repeated,
        )
        for place, header, name in zip(kept, headers, unique_names(headers), strict=True)
    ]
    fields += _undescribed(places, lines, span)
    fields.sort(key=lambda f: f.start or 0)
    rows = []
    for line in lines:
        for number, offset in enumerate(offsets):
            row = tuple(_cut(line, f, offset if f.segmented else 0) for f in fields)
            if number == 0 or any(v for v, f in zip(row, fields, strict=True) if f.segmented):
                rows.append(row)
    return SampleTable(tuple(fields), tuple(rows), record, offsets)


def _cut(line: str, place: Field, offset: int) -> str:
    return line[(place.start or 1) - 1 + offset : (place.end or 0) + offset].strip()


def _segment_offsets(places: list[_Place]) -> tuple[int, ...]:
    """The shift of each further segment, when it repeats the end of the first one whole.

    Anything else gives (0,): one row a line, the further fields beside the first. A person's
    number may not stand on another person's row because a layout names only some of the fields.
    """
    first = {place.name: place for place in places if place.segment == 1}
    offsets = [0]
    for segment in sorted({place.segment for place in places} - {1}):
        mine = [place for place in places if place.segment == segment]
        shifts = {p.start - first[p.name].start for p in mine if p.name in first}
        begin = min((first[p.name].start for p in mine if p.name in first), default=0)
        tail = {name for name, place in first.items() if place.start >= begin}
        if len(shifts) != 1 or {p.name for p in mine} != tail or len(mine) < 2:
            return (0,)
        offsets.append(shifts.pop())
    return tuple(offsets)


def _undescribed(places: list[_Place], lines: list[str], span: tuple[int, int]) -> list[Field]:
    """Stretches with text in the sample that no field covers; they are landed all the same."""
    covered = set(range(*span))
    for place in places:
        covered.update(range(place.start, place.stop))
    used: set[int] = set()
    for line in lines:
        used.update(i for i, letter in enumerate(line) if letter != " " and i not in covered)
    found: list[Field] = []
    for position in sorted(used):
        last = found[-1] if found else None
        between = range(last.end or 0, position) if last else ()
        if last and not covered & set(between):
            found[-1] = replace(last, end=position + 1)
        else:
            found.append(Field("", "", start=position + 1, end=position + 1, described=False))
    return [
        replace(f, header=f"UNNAMED_{f.start}_{f.end}", name=f"unnamed_{f.start}_{f.end}")
        for f in found
    ]


def _with_envelope(
    sample: Sample, outside: list[tuple[int, str]], lines: int, records: int
) -> Sample:
    """Recognise one line before the records and one after them; refuse any other."""
    found = sample
    for number, line in outside:
        word = re.match(r"[A-Za-z]+", line)
        if number == 1 and word:
            period = re.match(r"20\d\d[1-4](?!\d)", line[word.end() :])
            start = word.end()
            found = replace(
                found,
                header_record=word[0],
                header_period_field=f"{start + 1}-{start + 5}" if period else None,
            )
        elif number == lines and word:
            count = re.match(r"\d+", line[word.end() :])
            start = word.end()
            counts = count is not None and int(count[0]) == records
            found = replace(
                found,
                trailer_record=word[0],
                trailer_count_field=f"{start + 1}-{start + count.end()}" if counts else None,
            )
        else:
            raise UsageError(
                f"The sample {sample.path.name}: line {number} has a record type that the layout "
                "does not describe; complete the layout."
            )
    return found
