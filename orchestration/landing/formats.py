"""Excel, Parquet and NDJSON to the same rows of text as a CSV file of the same table.

A value becomes the text an agency would have typed: whole numbers without `.0` or an exponent,
dates in the contract's format (ISO where it names none), true and false in words, null empty.
Columns are taken by name under the same rules as a CSV header.
Add here: another format that holds values instead of text. Keep out: text formats (readers).
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from orchestration.landing.archives import Packed, on_disk
from orchestration.landing.contracts import Column, Contract, Table
from orchestration.landing.copy_text import CopyBlock, block_of
from orchestration.landing.delimited import columns_of
from orchestration.landing.readers import LONGEST_FIELD, BadInput, Source, quoted

# Rows made into text at once; a few MB of Python strings for wide tables (2026-11-23).
BATCH = 8_192
# A workbook is held in memory while it is read, at about the size of its XML (2026-11-23).
LARGEST_WORKBOOK = 400_000_000
# A row group is decoded as a whole in the worst case (2026-11-23).
LARGEST_ROW_GROUP = 1_000_000_000
# Excel keeps 15 digits; what follows in a longer number is zeros, not the id (Microsoft,
# "Excel specifications and limits", number precision).
MOST_EXACT = 10**15
# A serial date counts days from here; 1900 was no leap year, but Excel counts its 29 February
# as day 60 (Microsoft, "Excel incorrectly assumes that the year 1900 is a leap year").
EPOCH_1900, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
LAST_SERIAL = 2_958_465
EXPONENT = re.compile(r"\s*[+-]?\d(\.\d+)?E\+\d+\s*", re.IGNORECASE)
EXCEL_ERRORS = frozenset(
    ("#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#GETTING_DATA")
)


def value_blocks(
    source: Source, contract: Contract, table: Table
) -> tuple[tuple[str, ...], Iterator[CopyBlock]]:
    """As readers.copy_blocks, for the formats of this module."""
    if contract.file_format == "ndjson":
        names = tuple(column.name for column in table.columns)
        return ("_row_number", *names), _blocks(_ndjson_rows(source, table), source)
    source.sha256, source.bytes = _digest(source.path)
    if not source.bytes:
        raise BadInput("it is empty")
    read = _excel if contract.file_format == "excel" else _parquet
    names, rows = read(source.path, contract, table)
    return ("_row_number", *names), _blocks(rows, source)


def _blocks(rows: Iterable[Sequence[str]], source: Source) -> Iterator[CopyBlock]:
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        first = source.records + 1
        source.records += len(batch)
        yield block_of(batch, range(first, first + len(batch)))


def _digest(path: Path | Packed) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


# --- values


def _text(value: str, place: Callable[[], str]) -> str:
    """Text that fits a CSV field: without NUL, with one kind of line break, not too long."""
    if "\0" in value:
        raise BadInput(f"{place()} has a NUL character, which text does not hold")
    if len(value) > LONGEST_FIELD:
        raise BadInput(f"{place()} has more than {LONGEST_FIELD:,} characters")
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadInput(f"{place()} has half a character (a lone surrogate)") from None
    return value


def _number(value: float) -> str:
    """12.0 as 12, 0.1 as 0.1, 1e22 as its digits."""
    if value.is_integer():
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def _moment(value: date | datetime, column: Column) -> str:
    if column.date_format and column.logical_type in ("date", "timestamp"):
        return value.strftime(column.date_format)
    if isinstance(value, datetime) and value.time() == time() and value.tzinfo is None:
        value = value.date()
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()


# --- Excel


def _excel(
    path: Path | Packed, contract: Contract, table: Table
) -> tuple[tuple[str, ...], Iterator[Sequence[str]]]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    with on_disk(path) as real:
        mac_dates = _look_into(real)
        try:
            workbook = CalamineWorkbook.from_path(str(real))
            sheet = _sheet(workbook, contract)
            # Rows and columns from A1 on, blank or not: their numbers are those a person sees.
            rows = sheet.to_python(skip_empty_area=False)
        except PasswordError:
            raise BadInput("it is an Excel workbook with a password; send it without") from None
        except (CalamineError, OSError, ValueError):
            raise BadInput("it is no Excel workbook, or a damaged one") from None
        workbook.close()
    top = contract.header_row
    if len(rows) < top:
        raise BadInput(f"row {top} is blank where the header should be")
    header = [str(cell).strip() for cell in rows[top - 1]]
    width = len(header)
    while width and not header[width - 1]:
        width -= 1
    by_header = {column.header: column for column in table.columns}
    names = columns_of(header[:width], table, f"row {top}")
    columns = [by_header[name] for name in header[:width]]
    end = _without_footer(rows, contract)
    return names, _excel_rows(rows, top, end, columns, mac_dates)


def _look_into(path: Path) -> bool:
    """Whether the workbook counts its days from 1904. Refuses what would fill the memory."""
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST_WORKBOOK:
                raise BadInput(
                    f"the workbook unpacks to more than {LARGEST_WORKBOOK // 10**6} MB; "
                    "send so large a table as CSV"
                )
            with parts.open("xl/workbook.xml") as stream:
                text = stream.read(1 << 20).decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError):
        return False  # an older kind of workbook, or none: the reader says so
    return re.search(r"date1904\s*=\s*[\"'](1|true)[\"']", text) is not None


def _sheet(workbook: Any, contract: Contract) -> Any:
    names, wanted = workbook.sheet_names, contract.sheet
    if isinstance(wanted, str):
        if wanted not in names:
            raise BadInput(f"the workbook has no sheet {wanted!r}, which the contract asks for")
        return workbook.get_sheet_by_name(wanted)
    number = wanted or 1
    if number > len(names):
        raise BadInput(f"the workbook has {len(names)} sheets; the contract asks for {number}")
    return workbook.get_sheet_by_index(number - 1)


def _without_footer(rows: list[list[Any]], contract: Contract) -> int:
    """Where the data ends, by the contract's rule for rows below it."""
    end = len(rows)

    def trim() -> None:
        nonlocal end
        while end > contract.header_row and not any(cell != "" for cell in rows[end - 1]):
            end -= 1

    trim()
    for _ in range(contract.footer_rows):
        end = max(end - 1, contract.header_row)
        trim()
    if contract.footer_pattern:
        footer = re.compile(contract.footer_pattern)
        while end > contract.header_row:
            first = next((cell for cell in rows[end - 1] if cell != ""), "")
            if not footer.fullmatch(str(first).strip()):
                break
            end -= 1
            trim()
    return end


def _excel_rows(
    rows: list[list[Any]], top: int, end: int, columns: list[Column], mac_dates: bool
) -> Iterator[Sequence[str]]:
    width = len(columns)
    for number in range(top, end):
        row = rows[number]
        rows[number] = []  # read once: its memory may go
        if any(cell != "" for cell in row[width:]):
            raise BadInput(f"row {number + 1} has a value beyond the last column of the header")
        cells = [
            _cell(cell, column, number + 1, mac_dates)
            for cell, column in zip(row, columns, strict=False)
        ]
        if any(cells):
            yield cells


def _cell(value: Any, column: Column, row: int, mac_dates: bool) -> str:
    def place() -> str:
        return f"row {row}, column {quoted(column.header)}:"

    if isinstance(value, str):
        if value in EXCEL_ERRORS:
            raise BadInput(f"{place()} the cell shows an error of its formula")
        if column.role == "identifier" and EXPONENT.fullmatch(value):
            raise BadInput(
                f"{place()} an identifier was cut down to a number with an exponent, as Excel "
                "does; export it anew as text"
            )
        return _text(value, place)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if abs(value) >= MOST_EXACT:
            raise BadInput(
                f"{place()} a number of more than 15 digits, of which Excel has lost the last; "
                "format the column as text"
            )
        if column.date_format and column.logical_type in ("date", "timestamp"):
            return _serial(float(value), column, mac_dates)
        return _number(float(value))
    if isinstance(value, date):
        return _moment(value, column)
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, time):
        return value.isoformat()
    return "" if value is None else _text(str(value), place)


def _serial(value: float, column: Column, mac_dates: bool) -> str:
    """A date typed as a number: 20250103 under %Y%m%d stays, 45660 is a count of days."""
    typed = _number(value)
    pattern = column.date_format or ""
    if typed.isdigit():
        try:
            if datetime.strptime(typed, pattern).strftime(pattern) == typed:
                return typed
        except ValueError:
            pass
    if not 0 < value <= LAST_SERIAL:
        return typed
    days = int(value)
    if mac_dates:
        day = EPOCH_1904 + timedelta(days=days)
    else:
        day = EPOCH_1900 + timedelta(days=days + (1 if days < 60 else 0))
    moment = datetime(day.year, day.month, day.day) + timedelta(
        seconds=round((value - days) * 86_400)
    )
    return moment.strftime(pattern)


# --- Parquet


def _parquet(
    path: Path | Packed, contract: Contract, table: Table
) -> tuple[tuple[str, ...], Iterator[Sequence[str]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with on_disk(path) as real:
        try:
            schema = pq.read_schema(real)
        except (pa.ArrowException, OSError):
            raise BadInput("it is no Parquet file, or was cut off") from None
    names = columns_of(schema.names, table, "the schema")
    by_header = {column.header: column for column in table.columns}
    columns = [by_header[field.name] for field in schema]
    for position, field in enumerate(schema, start=1):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind) or _is_bytes(kind):
            raise BadInput(
                f"column {position}, {quoted(field.name)}, holds {kind}, which is no text, "
                "number or date"
            )
    return names, _parquet_rows(path, columns)


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _parquet_rows(path: Path | Packed, columns: list[Column]) -> Iterator[Sequence[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with on_disk(path) as real:
        try:
            with pq.ParquetFile(real, memory_map=False, pre_buffer=False) as file:
                for group in range(file.metadata.num_row_groups):
                    if file.metadata.row_group(group).total_byte_size > LARGEST_ROW_GROUP:
                        raise BadInput(
                            f"its row group {group + 1} is larger than "
                            f"{LARGEST_ROW_GROUP // 10**6} MB; write smaller ones"
                        )
                before = 0
                for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                    texts = [
                        _arrow_texts(values, column, before)
                        for values, column in zip(batch.columns, columns, strict=True)
                    ]
                    before += batch.num_rows
                    yield from zip(*texts, strict=True)
        except (pa.ArrowException, OSError):
            raise BadInput("it is a damaged Parquet file") from None


def _arrow_texts(values: Any, column: Column, before: int) -> list[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pc.fill_null(pc.cast(values, pa.string()), "").to_pylist()
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        values = pc.cast(values, pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # Value by value only where there is something to see to: a third less time (2026-11-23).
        suspect = pc.or_(
            pc.match_substring_regex(values, r"[\x00\r]"),
            pc.greater(pc.utf8_length(values), LONGEST_FIELD),
        )
        if not pc.any(suspect, min_count=0).as_py():
            return pc.fill_null(values, "").to_pylist()
    found = values.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [
            "" if value is None else _text(value, _record_place(before + n, column))
            for n, value in enumerate(found, start=1)
        ]
    return [
        "" if value is None else _python_text(value, column, before + n)
        for n, value in enumerate(found, start=1)
    ]


def _record_place(record: int, column: Column) -> Callable[[], str]:
    return lambda: f"record {record}, column {quoted(column.header)}"


def value_text(value: Any, column: Column, record: int) -> str:
    """A Python value as delivered text; null is empty. Raises BadInput at `record`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _python_text(value, column, record)


def _python_text(value: Any, column: Column, record: int) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            # pandas writes a missing number as NaN
            if value != value:
                return ""
            raise BadInput(f"{_record_place(record, column)()} has an infinite number")
        return _number(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return _moment(value, column)
    return _text(str(value), _record_place(record, column))


# --- NDJSON


def _ndjson_rows(source: Source, table: Table) -> Iterator[Sequence[str]]:
    position = {column.header: index for index, column in enumerate(table.columns)}
    columns = table.columns
    seen: set[str] = set()
    # Numbers stay as they are written: no digit is lost, no exponent added.
    decoder = json.JSONDecoder(
        object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=_not_a_number
    )
    number = 0
    for piece in source.whole_lines():
        for line in piece.split("\n"):
            number += 1
            if not line.strip():
                continue
            try:
                pairs = decoder.decode(line)
            except (ValueError, RecursionError) as error:
                column = getattr(error, "colno", None)
                place = f"line {number}" + (f", character {column}," if column else "")
                raise BadInput(f"{place} is not JSON; one object a line is asked for") from None
            if not isinstance(pairs, _Pairs):
                raise BadInput(f"line {number} is no JSON object; one a line is asked for")
            row = [""] * len(columns)
            keys = set()
            for key, value in pairs:
                index = position.get(key)
                if index is None:
                    raise BadInput(f"line {number}: the key {quoted(key)} is not in the contract")
                if key in keys:
                    raise BadInput(f"line {number} has the key {quoted(key)} twice")
                keys.add(key)
                row[index] = _json_text(value, number, columns[index])
            seen |= keys
            yield row
        number -= piece.endswith("\n")  # what follows the last newline is the next piece's
    missing = [column.header for column in columns if column.header not in seen]
    if missing and seen:
        names = ", ".join(quoted(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise BadInput(f"no line has the key {names}{more}, which the contract asks for")


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, repeated keys and all."""


def _not_a_number(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _json_text(value: Any, line: int, column: Column) -> str:
    def place() -> str:
        return f"line {line}, key {quoted(column.header)},"

    if isinstance(value, str):
        return _text(value, place)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    raise BadInput(f"{place()} holds a list or an object, where one value is asked for")
