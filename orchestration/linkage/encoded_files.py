"""Encoding a file where it is kept: identifiers become one Bloom filter a row, the rest passes.

For a source that may not share identifiers. It runs this with the project's key on its own
machine and delivers what comes out; bloom.py says what that protects and what it does not.

Add here: an option of the contract. Keep out: cleaning (encoded_values.py), bits, linking.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestration.errors import LifecourseError, UsageError
from orchestration.landing.contracts import load_contract
from orchestration.linkage import bloom, encoded_values
from orchestration.settings import PROJECT_ROOT, load

# The column that an encoded source delivers.
COLUMN = "encoding"
KEY_FILE = "LIFECOURSE_LINKAGE_KEY_FILE"
_ROWS = 20_000


def key(path: Path | None = None) -> bytes:
    """The project's key: `path`, or the file that LIFECOURSE_LINKAGE_KEY_FILE names.

    Raises UsageError when none is named, it cannot be read, it is too short, or it lies in the
    project's folder, where it would be committed (the working folder is not committed).
    """
    named = path or os.environ.get(KEY_FILE)
    if not named:
        raise UsageError(
            f"Encodings need the project's key; set {KEY_FILE} to the file that holds it."
        )
    file = Path(named).expanduser().resolve()
    if file.is_relative_to(PROJECT_ROOT) and not file.is_relative_to(load().home):
        raise UsageError(f"The key {file.name} lies in the project's folder; keep it elsewhere.")
    try:
        content = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"The key {file.name} cannot be read: {error.strerror}.") from error
    bloom.check_of(content)
    return content


@dataclass(frozen=True)
class Plan:
    """How a source is encoded, from its contract.

    person_column: header of the source's own person id, which a keyed pseudonym replaces; None
    when it may be shared. fields: header by field of bloom.FIELDS, and by `unit`, which belongs
    to the address. date_format: of the birth date, as strptime writes it. passed: headers that
    go through as they are.
    """

    person_column: str | None
    fields: dict[str, str]
    date_format: str
    passed: tuple[str, ...]
    hardening: bloom.Hardening


def plan(contract: Path) -> Plan:
    """Read the property privacyPreserving of a contract:

    {scheme: bloom-1, personColumn: HEADER, fields: {first_name: HEADER, ...}, dateFormat:
    '%Y-%m-%d', salt: true, flip: 2}. Raises UsageError when it is missing or does not hold.
    """
    read = load_contract(contract)
    option = read.privacy_preserving
    if option is None:
        raise UsageError(
            f"{contract.name} has no custom property privacyPreserving; its source delivers "
            "identifiers."
        )
    if option.get("scheme") != bloom.SCHEME:
        raise UsageError(
            f"{contract.name} names scheme {option.get('scheme')}; this version encodes "
            f"{bloom.SCHEME}."
        )
    fields = dict(option["fields"])
    unknown = set(fields) - set(bloom.FIELDS) - {"unit"}
    if unknown or not fields:
        raise UsageError(
            f"{contract.name} encodes {', '.join(sorted(unknown)) or 'no field'}; fields are "
            f"{', '.join(bloom.FIELDS)} and unit."
        )
    headers = [column.header for table in read.tables for column in table.columns]
    person = option.get("personColumn")
    how = Plan(
        person_column=person,
        fields=fields,
        date_format=option.get("dateFormat", "%Y-%m-%d"),
        passed=tuple(header for header in headers if header not in (COLUMN, person)),
        hardening=bloom.Hardening(bool(option.get("salt", False)), option.get("flip", 0)),
    )
    if leaked := {*fields.values(), person} & set(how.passed):
        raise UsageError(
            f"{contract.name} would deliver {', '.join(sorted(leaked))} as it is and encoded; "
            "take it out of the contract's columns."
        )
    if how.hardening.flip and not person:
        raise UsageError(f"{contract.name} turns bits over and so needs a personColumn.")
    return how


def encode_file(source: Path, contract: Path, secret: bytes, out: Path) -> int:
    """Write the file that may be delivered to `out`; returns its rows.

    source: CSV in UTF-8 with the columns the contract names. The whole file or nothing is
    written. Raises UsageError when a column is missing, the key is short, or identifiers would
    pass through; LifecourseError when the file cannot be read.
    """
    how = plan(contract)
    bloom.check_of(secret)
    read_as_identifier = {*how.fields.values(), how.person_column} - {None}
    part = out.with_name(out.name + ".part")
    count = 0
    try:
        with (
            source.open(encoding="utf-8-sig", newline="") as read,
            part.open("w", encoding="utf-8", newline="") as write,
        ):
            rows = csv.DictReader(read)
            missing = (read_as_identifier | set(how.passed)) - set(rows.fieldnames or ())
            if missing:
                raise UsageError(
                    f"{source.name} has no column {', '.join(sorted(missing))}, which "
                    f"{contract.name} asks for."
                )
            writer = csv.writer(write, lineterminator="\n")
            person = [how.person_column] if how.person_column else []
            writer.writerow([*person, *how.passed, COLUMN])
            for chunk in _chunks(rows, source.name):
                for row, text in zip(chunk, _encoded(chunk, how, secret), strict=True):
                    # a row without an id stays without one, for the gate to see
                    ids = [row[name] and bloom.pseudonym(secret, row[name]) for name in person]
                    writer.writerow([*ids, *(row[name] for name in how.passed), text])
                count += len(chunk)
        part.replace(out)
    except OSError as error:
        raise LifecourseError(f"{source.name} cannot be encoded: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise LifecourseError(f"{source.name} is not UTF-8 text; save it as UTF-8.") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _chunks(rows: csv.DictReader, name: str) -> Iterable[list[dict]]:
    chunk: list[dict] = []
    for row in rows:
        if None in row or None in row.values():
            raise LifecourseError(
                f"{name} has more or fewer fields at line {rows.line_num:,} than in its header."
            )
        chunk.append(row)
        if len(chunk) == _ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _encoded(rows: list[dict], how: Plan, secret: bytes) -> list[str]:
    raw = {name: [row[header] for row in rows] for name, header in how.fields.items()}
    ids = [row[how.person_column] for row in rows] if how.person_column else None
    values = encoded_values.clean(raw, how.date_format)
    return bloom.written(bloom.encode(values, secret, how.hardening, ids), secret, how.hardening)
