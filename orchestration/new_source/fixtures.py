"""Made-up rows of the shape that a contract describes: the fixture file and the unit test.

No value comes from a sample; codes come from the contract's lists. Social security numbers begin
with 900, which is never issued, so staging makes them missing: that is tested too.
Add here: how a kind of value is made up. Keep out: reading samples.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import re

from orchestration.landing.contracts import Column, Contract, Table
from orchestration.new_source.columns import MONTH_DASHED, MONTH_PLAIN, UUID, is_birth, is_ssn
from orchestration.new_source.derive import Staged, model_name, staged_columns

ROWS = 3
FIRST = ("Alfa", "Bravo", "Cilla")
LAST = ("Testone", "Testtwo", "Testthree")


def fixture_text(contract: Contract, *, line_width: int = 0, delimiter: str = ",") -> str:
    """A file as the agency would deliver it: three made-up rows a table, the last with blanks."""
    if contract.file_format == "csv":
        table = contract.tables[0]
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerow([column.header for column in table.columns])
        writer.writerows([made_up_row(table, number).values() for number in range(ROWS)])
        return out.getvalue()
    lines = [
        _line(table, number, contract, line_width)
        for table in contract.tables
        for number in range(ROWS)
    ]
    envelope = contract.envelope
    if envelope and envelope.header:
        head = envelope.header
        if envelope.period:
            head = head.ljust(envelope.period[0]) + "20251"
        lines.insert(0, head)
    if envelope and envelope.trailer:
        tail = envelope.trailer
        if envelope.count:
            start, stop = envelope.count
            tail = tail.ljust(start) + str(ROWS * len(contract.tables)).zfill(stop - start)
        lines.append(tail)
    return "\n".join(lines) + "\n"


def _line(table: Table, number: int, contract: Contract, width: int) -> str:
    last = max(column.end or 0 for column in table.columns)
    letters = [" "] * max(width, last)
    if contract.envelope and table.record_type:
        start, stop = contract.envelope.record_type
        letters[start:stop] = table.record_type
    row = made_up_row(table, number)
    for column in table.columns:
        size = (column.end or 0) - (column.start or 1) + 1
        letters[(column.start or 1) - 1 : column.end] = row[column.name].ljust(size)[:size]
    return "".join(letters)


def made_up_row(table: Table, number: int) -> dict[str, str]:
    """Row `number` from 0; the last one has every optional column blank."""
    blank = number == ROWS - 1
    return {
        column.name: ""
        if blank and not column.required and column.key_position is None
        else made_up(column, number)
        for column in table.columns
    }


def made_up(column: Column, number: int) -> str:
    """A value that the contract allows and that is nobody's."""
    width = None if column.start is None else (column.end or 0) - column.start + 1
    value = _made_up(column, number, width)
    return value if width is None else value[:width]


def _made_up(column: Column, number: int, width: int | None) -> str:
    name = column.name
    if column.codes:
        return column.codes[number % len(column.codes)]
    if column.logical_type in ("date", "timestamp"):
        # Nobody is born in 2099 yet.
        day = datetime.datetime(2099 if is_birth(name) else 2025, 1, 2 + number, 3, 4)
        return day.strftime(column.date_format or "%Y-%m-%d")
    if column.pattern == MONTH_DASHED:
        return f"2025-0{number + 1}"
    if column.pattern == MONTH_PLAIN:
        return f"20250{number + 1}"
    if column.pattern == UUID:
        return f"00000000-0000-4000-8000-{number + 1:012d}"
    if column.logical_type == "integer":
        return str(number + 1).zfill(width or 1)
    if column.logical_type == "number":
        return f"{number + 1}.5"
    if is_ssn(name):
        return f"90000000{number + 1}"
    digits = re.fullmatch(r"\\d\{(\d+)\}", column.pattern or "")
    if digits:
        return str(number + 1).zfill(int(digits[1]))
    if re.search(r"(^|_)(zip|postal)", name):
        return f"1234{number + 1}"
    if "email" in name:
        return f"nobody{number + 1}@example.org"
    if "phone" in name:
        return f"555010{number + 1}"
    if re.search(r"street|address", name):
        return f"{number + 1} Example Street"
    if re.search(r"first|given|fname", name):
        return FIRST[number % ROWS]
    if re.search(r"last|sur_?name|maiden|lname", name):
        return LAST[number % ROWS]
    if width == 1:
        return str(number + 1)
    if width is not None and width < 6:
        return str(number + 1).zfill(width)
    return f"made-up {number + 1}" if column.role == "content" else f"X{number + 1}"


def unit_test(contract: Contract, table: Table) -> str:
    """One dbt unit test of the staging model: a filled row and one with blanks, both made up."""
    staged = staged_columns(contract, table)
    by_line = not table.key
    given, expected = [], []
    for line, number in enumerate((0, ROWS - 1), start=1):
        row = made_up_row(table, number)
        texts = [f"{name}: {json.dumps(value) if value else 'null'}" for name, value in row.items()]
        values = [
            f"{one.name}: {_expected(one, row[one.column.name])}" for one in staged if one.column
        ]
        values += [
            f"{one.name}: {json.dumps('|'.join(row[name] for name in table.key))}"
            for one in staged
            if one.conversion == "key"
        ]
        if by_line:
            texts += ["_load_id: 1", f"_row_number: {line}"]
            values = ["load_id: 1", f"line_number: {line}", *values]
        given.append(_flow_row(texts, 10))
        expected.append(_flow_row(values, 8))
    calls = " ".join(one.sql for one in staged)
    inputs = f"      - input: source('{contract.agency}', '{table.name}')\n        rows:\n"
    inputs += "".join(given)
    for macro, seed in (
        ("clean_ssn(", "policy_ssn_placeholder"),
        ("clean_date(", "policy_sentinel"),
    ):
        if macro in calls:
            inputs += f"      - input: ref('{seed}')\n"
    return (
        f"  - name: {model_name(contract, table)}__text_becomes_values\n"
        "    description: >-\n"
        "      Made-up text is typed as the contract says, blanks are null, and a number that was\n"
        "      never issued is nobody's.\n"
        f"    model: {model_name(contract, table)}\n"
        f"    given:\n{inputs}"
        "    expect:\n"
        f"      rows:\n{''.join(expected)}"
    )


def _flow_row(parts: list[str], indent: int) -> str:
    lines, line = [], " " * indent + "- {"
    for number, part in enumerate(parts):
        piece = part + ("}" if number == len(parts) - 1 else ", ")
        if len(line) + len(piece) > 98 and not line.endswith("{"):
            lines.append(line.rstrip())
            line = " " * (indent + 3)
        line += piece
    return "\n".join([*lines, line]) + "\n"


def _expected(one: Staged, text: str) -> str:
    """What staging makes of a made-up text, as YAML."""
    kind, _, detail = one.conversion.partition(" ")
    if not text or kind == "ssn":
        return "null"
    if kind == "date":
        return datetime.datetime.strptime(text, detail).date().isoformat()
    if kind == "timestamp":
        return json.dumps(text[:16].replace("T", " ") + ":00")
    if kind == "month":
        return f"{text[:4]}-{text[-2:]}-01"
    if kind == "integer":
        return str(int(text)) if len(text.lstrip("0")) <= 9 else "null"
    if kind == "number":
        return text
    if kind == "flag":
        return "true" if text == detail else "false"
    if kind == "zip":
        return (
            json.dumps(text[:5])
            if re.fullmatch(r"(?!00000|99999)\d{5}(-?\d{4})?", text)
            else "null"
        )
    return json.dumps(text.strip())
