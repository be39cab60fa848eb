"""Contracts: what an agency has agreed to deliver, read from expectations/<agency>/<file>.yml.

Each file holds two keys: `contract:` is an Open Data Contract Standard v3.1 document, and
`expectations:` is what a contract cannot say (read by orchestration.quality).
Add here: a property of the contract that the loader, the gate or the catalogue needs.
Keep out: reading delivered files (readers), running expectations (quality).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.errors import UsageError
from orchestration.landing.calendars import Calendar, calendar

if TYPE_CHECKING:
    from open_data_contract_standard.model import (
        OpenDataContractStandard,
        SchemaObject,
        SchemaProperty,
    )

API_VERSION = "v3.1.0"
ACCESS_CLASSES = ("open", "protected", "unavailable")
CLASSIFICATIONS = ("open", "protected", "restricted")
ROLES = ("identifier", "quasi_identifier", "content")
FILE_FORMATS = ("csv", "fixed_width", "excel", "parquet", "ndjson")
DELIVERY_KINDS = ("snapshot", "increment")
DELIVERY_TYPES = ("original", "resubmission", "full_replacement", "correction", "incremental")
LOGICAL_TYPES = ("string", "integer", "number", "date", "timestamp", "boolean")
# How often a file comes; `when changed` and `never` are never due (orchestration.timeliness).
FREQUENCIES = (
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "twice a year",
    "yearly",
    "when changed",
    "never",
)
TEAM_ROLES = ("data_owner", "data_steward", "data_custodian")

# PostgreSQL cuts identifiers at 63 bytes; a candidate table adds "_l" and a load id of up to
# ten digits, a view adds "_current" (2026-11-23).
LONGEST_COLUMN_NAME = 63
LONGEST_TABLE_NAME = 50
NAME = re.compile(r"[a-z][a-z0-9_]*")
SPAN = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)")
# A column in a template of rowPeriod, or some characters of it: {year}, {month:1-4}.
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?::([0-9]+-[0-9]+))?\}")


@dataclass(frozen=True)
class Column:
    """One column of a staging table.

    name: its name in staging; header: its name in the file (equal when the contract gives no
    physicalName). key_position: place in the grain, from 1. codes: the values allowed, as
    text. start, end: 1-based inclusive character positions of a fixed-width field.
    segmented: the field repeats once per segment of the line (Table.segment_offsets).
    """

    name: str
    header: str
    logical_type: str
    date_format: str | None
    required: bool
    key_position: int | None
    codes: tuple[str, ...] | None
    pattern: str | None
    role: str
    classification: str
    start: int | None
    end: int | None
    description: str
    segmented: bool = False


@dataclass(frozen=True)
class Table:
    """One staging table: all of a CSV file, or one record type of a fixed-width file.

    segment_offsets: characters to add to a segmented column's position, one entry a row that
    a line may hold; (0,) when a line is one row.
    """

    name: str
    columns: tuple[Column, ...]
    record_type: str | None
    rows_optional: bool
    grain: str = ""
    description: str = ""
    segment_offsets: tuple[int, ...] = (0,)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that make a row unique, in order; empty when the line is the grain."""
        keyed = [column for column in self.columns if column.key_position is not None]
        return tuple(c.name for c in sorted(keyed, key=lambda c: c.key_position or 0))


@dataclass(frozen=True)
class Envelope:
    """The lines around the records of a fixed-width file with several record types.

    Spans are 0-based half-open. header, trailer: the words those lines begin with.
    count: where the trailer says how many records the file holds. period: where the header
    says which period the file covers (YYYYQ, read as YYYYQn), or None.
    """

    record_type: tuple[int, int]
    header: str | None
    trailer: str | None
    count: tuple[int, int] | None
    period: tuple[int, int] | None


@dataclass(frozen=True)
class Server:
    """Where an agency holds its file ready: one entry of the ODCS section `servers`.

    kind: ODCS `type` (local, sftp, s3, postgres, api, custom ...). options: customProperties,
    lists as tuples. Names of environment variables may stand here, credentials never.
    """

    name: str
    kind: str
    location: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    endpoint: str | None = None
    region: str | None = None
    environment: str | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any = None) -> Any:
        return dict(self.options).get(name, default)


@dataclass(frozen=True)
class Contract:
    """One delivered file, as its agency and the data system agreed it.

    delivery_kind: what one file covers, everything (snapshot) or a period (increment).
    delivery_type: that of a delivery which does not name its own (delivery_types).
    row_period: how a row tells its period, as a template of columns: {year}Q{quarter}; a snapshot
    with one rolls.
    deleted_when: the column and its values that mark a row as deleted.
    sheet, header_row, footer_rows, footer_pattern: of a workbook. sheet is a name or a number
    from 1; footer_rows are cut off at the end; so are last rows whose first value matches
    footer_pattern as a whole. privacy_preserving: how a source encodes the identifiers that
    it does not share (linkage.encoded_files.plan), None for a source that delivers them.
    latency: days after the end of a period within which its file has to come, and why; None
    leaves them to expectations/_policy.yml. first_day, last_day: from and until when the agency
    delivers (ODCS generalAvailability, endOfLife). calendar: months in which the file turns or
    the service rests.
    """

    agency: str
    file: str
    version: str
    description: str
    domain: str
    access_class: str
    legal_authority: str
    owner: str
    steward: str
    custodian: str
    frequency: str
    retention: str
    file_format: str
    file_pattern: str
    encoding: str
    delimiter: str
    delivery_kind: str
    publish_set: str
    tables: tuple[Table, ...]
    path: Path
    delivery_type: str = "original"
    row_period: str | None = None
    deleted_when: tuple[str, tuple[str, ...]] | None = None
    envelope: Envelope | None = None
    sheet: str | int | None = None
    header_row: int = 1
    footer_rows: int = 0
    footer_pattern: str | None = None
    servers: tuple[Server, ...] = ()
    privacy_preserving: dict[str, Any] | None = field(default=None, compare=False)
    latency: tuple[int, str] | None = None
    first_day: date | None = None
    last_day: date | None = None
    calendar: Calendar = field(default_factory=Calendar)
    expectations: list[dict[str, Any]] = field(default_factory=list, compare=False)

    @property
    def rolls(self) -> bool:
        """Whether a file holds some periods at a time, whole, and older ones leave it: what it no
        longer reaches has not been withdrawn."""
        return self.delivery_kind == "snapshot" and self.row_period is not None

    def matches(self, file_name: str) -> re.Match[str] | None:
        """The match of a whole file name with this contract's pattern."""
        return re.fullmatch(self.file_pattern, file_name)


def load_contracts(folder: Path) -> tuple[Contract, ...]:
    """Every contract under `folder`, sorted by agency and file; expectations/core is skipped.

    Raises UsageError when the folder is missing, when a contract is wrong, or when two
    contracts of one agency make the same staging table.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder of contracts at {folder}; name one that exists.")
    contracts = tuple(
        load_contract(path)
        for path in sorted(folder.glob("*/*.yml"))
        if path.parent.name != "core" and not path.name.startswith("_")
    )
    made_by: dict[tuple[str, str], Contract] = {}
    for contract in contracts:
        for table in contract.tables:
            other = made_by.setdefault((contract.agency, table.name), contract)
            if other is not contract:
                raise UsageError(
                    f"{_where(contract.path)} and {_where(other.path)} both make the table "
                    f"{table.name}; give one of them another name."
                )
    return contracts


def servers_from(path: Path, entries: list[Any]) -> tuple[Server, ...]:
    """Entries as the ODCS section `servers` has them, of another file. Raises UsageError."""
    from open_data_contract_standard.model import Server as Entry
    from pydantic import ValidationError

    try:
        found = [Entry.model_validate(entry) for entry in entries]
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise UsageError(
            f"The servers in {path.name} break the Open Data Contract Standard at {place}; "
            "mend them."
        ) from None
    return _servers(_Fields(path), found)


def load_contract(path: Path) -> Contract:
    """Read and check one contract. Raises UsageError naming the file and the field."""
    path = Path(path)
    document, expectations = _read(path)
    custom = _custom(document.customProperties)
    reader = _Fields(path)
    if document.apiVersion != API_VERSION:
        raise reader.wrong("apiVersion", f"must be {API_VERSION}")
    agency, file = path.parent.name, path.stem
    for what, name in (("folder", agency), ("file", file)):
        if not NAME.fullmatch(name):
            raise reader.wrong(f"{what} name", "must be lower snake case")
    file_format = reader.choice("fileFormat", custom.get("fileFormat"), FILE_FORMATS)
    rows_optional = bool(custom.get("rowsOptional", False))
    tables = tuple(
        _table(reader, schema, file_format, rows_optional) for schema in document.schema_ or []
    )
    if not tables:
        raise reader.wrong("schema", "must list at least one table")
    envelope = _envelope(reader, custom)
    if len(tables) > 1 and (envelope is None or not all(t.record_type for t in tables)):
        raise reader.wrong(
            "schema", "with several tables needs recordTypeField, and a recordType for each"
        )
    team = _team(reader, document)
    contract = Contract(
        agency=agency,
        file=file,
        version=reader.text("version", document.version),
        description=reader.text(
            "description.purpose", document.description and document.description.purpose
        ),
        domain=reader.text("domain", document.domain),
        access_class=reader.choice("accessClass", custom.get("accessClass"), ACCESS_CLASSES),
        legal_authority=reader.text("legalAuthority", custom.get("legalAuthority")),
        owner=team["data_owner"],
        steward=team["data_steward"],
        custodian=team["data_custodian"],
        frequency=reader.choice(
            "slaProperties frequency",
            _service_level(reader, document, "frequency"),
            FREQUENCIES,
        ),
        retention=_service_level(reader, document, "retention"),
        file_format=file_format,
        file_pattern=reader.text("filePattern", custom.get("filePattern")),
        encoding=reader.text("encoding", custom.get("encoding", "utf-8")),
        delimiter=str(custom.get("delimiter", ",")),
        delivery_kind=reader.choice("deliveryKind", custom.get("deliveryKind"), DELIVERY_KINDS),
        publish_set=str(custom.get("publishSet") or file),
        tables=tables,
        path=path,
        delivery_type=_delivery_type(reader, custom),
        row_period=custom.get("rowPeriod"),
        deleted_when=_deleted_when(reader, custom.get("deletedWhen")),
        envelope=envelope,
        sheet=_sheet(reader, custom.get("sheet")),
        header_row=reader.whole("headerRow", custom.get("headerRow", 1), 1),
        footer_rows=reader.whole("footerRows", custom.get("footerRows", 0), 0),
        footer_pattern=custom.get("footerPattern"),
        privacy_preserving=_privacy_preserving(reader, custom, tables),
        servers=_servers(reader, document.servers or []),
        latency=_latency(reader, document),
        first_day=_day(reader, document, "generalAvailability"),
        last_day=_day(reader, document, "endOfLife"),
        calendar=calendar(custom.get("calendar"), reader.wrong),
        expectations=expectations,
    )
    _check_format(reader, contract)
    return contract


def _read(path: Path) -> tuple[OpenDataContractStandard, list[dict[str, Any]]]:
    import yaml
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise UsageError(
            f"The contract {_where(path)} cannot be read: {error.strerror}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"The contract {_where(path)} is not valid YAML{line}; mend it."
        ) from error
    if not isinstance(content, dict) or set(content) - {"contract", "expectations"}:
        raise UsageError(
            f"The contract {_where(path)} must have the keys `contract` and `expectations` only."
        )
    if not isinstance(content.get("contract"), dict):
        raise UsageError(f"The contract {_where(path)} has no `contract` part; write one.")
    expectations = content.get("expectations") or []
    if not isinstance(expectations, list) or not all(isinstance(e, dict) for e in expectations):
        raise UsageError(f"The contract {_where(path)}: `expectations` must be a list of mappings.")
    try:
        document = OpenDataContractStandard.model_validate(content["contract"])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The contract {_where(path)} breaks the Open Data Contract Standard at {place}: "
            f"{first['msg']}."
        ) from error
    return document, expectations


class _Fields:
    """Reads single fields of one contract and words the errors."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wrong(self, name: str, why: str) -> UsageError:
        return UsageError(f"The contract {_where(self.path)}: {name} {why}.")

    def text(self, name: str, value: object) -> str:
        if value is None or not str(value).strip():
            raise self.wrong(name, "is missing")
        return " ".join(str(value).split())

    def choice(self, name: str, value: object, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(allowed)}")
        return str(value)

    def whole(self, name: str, value: object, least: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wrong(name, f"must be a whole number from {least} on")
        return value

    def name(self, name: str, value: str | None, longest: int) -> str:
        if not value or not NAME.fullmatch(value) or len(value) > longest:
            raise self.wrong(name, f"must be lower snake case of at most {longest} characters")
        return value

    def span(self, name: str, value: object) -> tuple[int, int] | None:
        """`8-14` (1-based, inclusive) as the slice (7, 14)."""
        if value is None:
            return None
        match = SPAN.fullmatch(str(value))
        if not match or int(match[1]) > int(match[2]):
            raise self.wrong(name, "must be two character positions such as 8-14")
        return int(match[1]) - 1, int(match[2])


def _custom(properties: list[Any] | None) -> dict[str, Any]:
    return {p.property: p.value for p in properties or [] if p.property}


def _where(path: Path) -> str:
    return "/".join(path.parts[-3:])


def _team(reader: _Fields, document: OpenDataContractStandard) -> dict[str, str]:
    members = getattr(document.team, "members", document.team) or []
    found = {m.role: m.name or m.username for m in members if not m.dateOut}
    return {role: reader.text(f"team member {role}", found.get(role)) for role in TEAM_ROLES}


def _service_level(reader: _Fields, document: OpenDataContractStandard, name: str) -> str:
    for level in document.slaProperties or []:
        if level.property == name:
            value = reader.text(f"slaProperties {name}", level.value)
            return f"{value} {level.unit}" if level.unit else value
    raise reader.wrong(f"slaProperties {name}", "is missing")


def _latency(reader: _Fields, document: OpenDataContractStandard) -> tuple[int, str] | None:
    for level in document.slaProperties or []:
        if level.property == "latency":
            if level.unit not in ("d", "day", "days"):
                raise reader.wrong("slaProperties latency", "must have the unit d (days)")
            days = reader.whole("slaProperties latency", level.value, 0)
            return days, reader.text("slaProperties latency description", level.description)
    return None


def _day(reader: _Fields, document: OpenDataContractStandard, name: str) -> date | None:
    for level in document.slaProperties or []:
        if level.property == name:
            try:
                return date.fromisoformat(str(level.value))
            except ValueError:
                raise reader.wrong(
                    f"slaProperties {name}", "must be a day such as 2025-01-01"
                ) from None
    return None


def _delivery_type(reader: _Fields, custom: dict[str, Any]) -> str:
    # a snapshot that rolls is whole for the periods that it holds, and no more
    everything = custom.get("deliveryKind") == "snapshot" and not custom.get("rowPeriod")
    by_kind = "full_replacement" if everything else "original"
    return reader.choice("deliveryType", custom.get("deliveryType", by_kind), DELIVERY_TYPES)


def _deleted_when(reader: _Fields, value: object) -> tuple[str, tuple[str, ...]] | None:
    if value is None:
        return None
    if (
        not isinstance(value, dict)
        or set(value) != {"column", "values"}
        or not isinstance(value["values"], list)
        or not value["values"]
        or not all(isinstance(v, str) for v in value["values"])
    ):
        raise reader.wrong("deletedWhen", "must be {column: NAME, values: [quoted texts]}")
    return str(value["column"]), tuple(value["values"])


def _privacy_preserving(
    reader: _Fields, custom: dict[str, Any], tables: tuple[Table, ...]
) -> dict[str, Any] | None:
    """The property privacyPreserving; with it, no identifier but a pseudonym may be delivered
    beside the encoding."""
    option = custom.get("privacyPreserving")
    if option is None:
        return None
    if not isinstance(option, dict) or not isinstance(option.get("fields"), dict):
        raise reader.wrong("privacyPreserving", "must be a mapping with `fields`")
    columns = [column for table in tables for column in table.columns]
    if "encoding" not in {column.name for column in columns}:
        raise reader.wrong("privacyPreserving", "needs a column named encoding")
    for column in columns:
        if column.role == "identifier" and column.header not in (
            "encoding", option.get("personColumn"),
        ):  # fmt: skip
            raise reader.wrong(
                f"column {column.name}", "is an identifier, which an encoded source does not share"
            )
    return option


def _envelope(reader: _Fields, custom: dict[str, Any]) -> Envelope | None:
    record_type = reader.span("recordTypeField", custom.get("recordTypeField"))
    if record_type is None:
        return None
    return Envelope(
        record_type=record_type,
        header=custom.get("headerRecord"),
        trailer=custom.get("trailerRecord"),
        count=reader.span("trailerCountField", custom.get("trailerCountField")),
        period=reader.span("headerPeriodField", custom.get("headerPeriodField")),
    )


def _sheet(reader: _Fields, value: object) -> str | int | None:
    if value is None or (isinstance(value, str) and value):
        return value
    return reader.whole("sheet", value, 1)


def _servers(reader: _Fields, entries: list[Any]) -> tuple[Server, ...]:
    servers = []
    for number, server in enumerate(entries, start=1):
        place = f"servers {server.server or number}"
        try:
            port = None if server.port is None else int(server.port)
        except ValueError:
            raise reader.wrong(f"{place} port", "must be a number") from None
        options = _custom(server.customProperties)
        servers.append(
            Server(
                name=reader.text(f"servers {number} server", server.server),
                kind=reader.text(f"{place} type", server.type),
                location=server.location,
                host=server.host,
                port=port,
                path=server.path,
                endpoint=server.endpointUrl,
                region=server.region or server.regionName,
                environment=server.environment,
                options=tuple(
                    (name, tuple(value) if isinstance(value, list) else value)
                    for name, value in options.items()
                ),
            )
        )
    return tuple(servers)


def _table(reader: _Fields, schema: SchemaObject, file_format: str, rows_optional: bool) -> Table:
    name = reader.name("schema name", schema.name, LONGEST_TABLE_NAME)
    custom = _custom(schema.customProperties)
    columns = tuple(_column(reader, name, prop, file_format) for prop in schema.properties or [])
    if not columns:
        raise reader.wrong(f"table {name}", "has no properties")
    for what, values in (
        ("name", [c.name for c in columns]),
        ("physicalName", [c.header for c in columns]),
    ):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise reader.wrong(f"table {name}", f"has the {what} {twice} twice")
    positions = sorted(c.key_position for c in columns if c.key_position is not None)
    if positions != list(range(1, len(positions) + 1)):
        raise reader.wrong(f"table {name}", "needs primaryKeyPosition 1, 2, ... without gaps")
    offsets = custom.get("segmentOffsets", [0])
    if not isinstance(offsets, list) or not all(isinstance(o, int) for o in offsets):
        raise reader.wrong(f"table {name} segmentOffsets", "must be a list of whole numbers")
    if len(offsets) > 9:
        raise reader.wrong(f"table {name} segmentOffsets", "may hold nine segments at most")
    record_type = custom.get("recordType")
    return Table(
        name=name,
        columns=columns,
        record_type=None if record_type is None else str(record_type),
        rows_optional=bool(custom.get("rowsOptional", rows_optional)),
        grain=schema.dataGranularityDescription or "",
        description=schema.description or "",
        segment_offsets=tuple(offsets),
    )


def _column(reader: _Fields, table: str, prop: SchemaProperty, file_format: str) -> Column:
    name = reader.name(f"table {table} property name", prop.name, LONGEST_COLUMN_NAME)
    place = f"column {table}.{name}"
    custom = _custom(prop.customProperties)
    options = prop.logicalTypeOptions or {}
    logical_type = reader.choice(f"{place} logicalType", prop.logicalType, LOGICAL_TYPES)
    date_format = options.get("format")
    if logical_type in ("date", "timestamp") and not date_format:
        raise reader.wrong(f"{place} logicalTypeOptions.format", "is missing")
    key_position = prop.primaryKeyPosition or 1 if prop.primaryKey else None
    start, end = custom.get("start"), custom.get("end")
    if file_format == "fixed_width" and not (
        isinstance(start, int) and isinstance(end, int) and 1 <= start <= end
    ):
        raise reader.wrong(place, "needs start and end, 1-based, for a fixed-width file")
    return Column(
        name=name,
        header=prop.physicalName or name,
        logical_type=logical_type,
        date_format=date_format,
        required=bool(prop.required),
        key_position=key_position,
        codes=_codes(reader, place, prop),
        pattern=options.get("pattern"),
        role=reader.choice(f"{place} role", custom.get("role"), ROLES),
        classification=reader.choice(
            f"{place} classification", prop.classification, CLASSIFICATIONS
        ),
        start=start,
        end=end,
        description=prop.description or "",
        segmented=bool(custom.get("segmented", False)),
    )


def _codes(reader: _Fields, place: str, prop: SchemaProperty) -> tuple[str, ...] | None:
    for rule in prop.quality or []:
        if (rule.metric or rule.rule) == "invalidValues":
            values = (rule.arguments or {}).get("validValues")
            # Unquoted 01 is the number 1 in YAML: everything is landed as text, so is a code.
            if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
                raise reader.wrong(f"{place} validValues", "must be a list of quoted codes")
            return tuple(values)
    return None


def _check_format(reader: _Fields, contract: Contract) -> None:
    import codecs

    try:
        re.compile(contract.file_pattern)
    except re.error as error:
        raise reader.wrong("filePattern", f"is not a regular expression ({error.msg})") from error
    try:
        codecs.lookup(contract.encoding)
    except LookupError as error:
        raise reader.wrong("encoding", "is not one that Python knows") from error
    if len(contract.delimiter) != 1:
        raise reader.wrong("delimiter", "must be one character")
    _check_row_terms(reader, contract)
    if contract.footer_pattern is not None:
        try:
            re.compile(contract.footer_pattern)
        except (re.error, TypeError):
            raise reader.wrong("footerPattern", "is not a regular expression") from None
    for column in _columns(contract):
        if column.pattern is not None:
            try:
                re.compile(column.pattern)
            except re.error as error:
                raise reader.wrong(
                    f"column {column.name} pattern", f"is not a regular expression ({error.msg})"
                ) from error


def _check_row_terms(reader: _Fields, contract: Contract) -> None:
    """rowPeriod and deletedWhen name columns of every table, the calendar those of any."""
    unknown = contract.calendar.columns - {column.name for column in _columns(contract)}
    if unknown:
        raise reader.wrong("calendar", f"names the column {min(unknown)}, which no table has")
    named = [contract.deleted_when[0]] if contract.deleted_when else []
    if contract.row_period is not None:
        places = PLACEHOLDER.findall(str(contract.row_period))
        if not places or re.search(r"[{}]", PLACEHOLDER.sub("", str(contract.row_period))):
            raise reader.wrong("rowPeriod", "must be a template such as {year}Q{quarter}")
        for name, span in places:
            named.append(name)
            if span:
                reader.span("rowPeriod", span)
    for table in contract.tables:
        known = {column.name for column in table.columns}
        for name in named:
            if name not in known:
                raise reader.wrong(
                    "rowPeriod or deletedWhen",
                    f"names the column {name}, which the table {table.name} does not have",
                )


def _columns(contract: Contract) -> Iterator[Column]:
    for table in contract.tables:
        yield from table.columns
