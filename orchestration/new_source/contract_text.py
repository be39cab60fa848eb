"""The contract file of a new source, as text with a `# confirm:` wherever a person must decide.

Add here: a line that every contract must have. Keep out: guesses (columns), what dbt needs
(derive). No value of the sample is written but the codes of coded columns.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from itertools import pairwise

from orchestration.new_source.columns import (
    NINE_DIGITS,
    ColumnGuess,
    TableGuess,
    is_birth,
    is_ssn,
)
from orchestration.new_source.sample import Sample
from orchestration.new_source.text import code, flow, folded, quoted, single

# Noise of a share in standard errors, as the stability rules of expectations/_policy.yml.
NOISE = 4
# Points that a share may fall below the sample's before a steward should look: what
# missing_near_history allows from one accepted delivery to the next (2026-11-23).
SHARE_LIMIT = 0.05
PERIODS = (
    (r"20\d{2}-[01]\d", r"20\d{2}-[01]\d"),
    (r"20\d{2}Q[1-4]", r"20\d{2}Q[1-4]"),
    (r"(?<!\d)20\d{2}(?:0[1-9]|1[0-2])(?!\d)", r"20\d{2}[01]\d"),
)
_BEGIN = r"start|begin|entry|admit|admission|open|issue|book"
_END = r"stop|end|exit|discharge|release|close"


def file_pattern(name: str) -> str:
    """The regular expression of a file name; a month or quarter in it becomes the period."""
    for found, written in PERIODS:
        if match := re.search(found, name):
            before, after = name[: match.start()], name[match.end() :]
            return f"{re.escape(before)}(?P<period>{written}){re.escape(after)}".replace(r"\-", "-")
    return re.escape(name).replace(r"\-", "-")


def is_increment(sample: Sample) -> bool:
    return "(?P<period>" in file_pattern(sample.path.name) or bool(sample.header_period_field)


def render_contract(
    agency: str,
    file: str,
    sample: Sample,
    tables: Sequence[TableGuess],
    *,
    owner: str | None,
    today: datetime.date,
) -> str:
    """expectations/<agency>/<file>.yml, whole. owner: that of the agency's sources, if known."""
    title = file.replace("_", " ").capitalize()
    who = agency.replace("_", " ")
    lines = [
        "contract:",
        "  apiVersion: v3.1.0",
        "  kind: DataContract",
        f"  id: {agency}.{file}",
        f"  name: {title}",
        "  version: 0.1.0",
        "  status: draft",
        "  # confirm: domain (vital_records, health, education, economic_security, ...)",
        "  domain: not_yet_classified",
        "  description:",
        "    # confirm: what a row is, of whom, since when, and what the file must not be used for",
        f"    purpose: {title} as delivered by {who}; described from a sample.",
        "  team:",
        "    members:",
    ]
    if owner is None:
        lines.append("      # confirm: the office that owns these data and signs for their use")
    lines += [
        f"      - {{username: {agency}-owner, role: data_owner, "
        f"name: {flow(owner or f'Data owner at {who}')}}}",
        "      # confirm: the person to ask when a delivery is held",
        f"      - {{username: {agency}-steward, role: data_steward, name: Data steward for {who}}}",
        "      - {username: operations, role: data_custodian, "
        "name: Integrated data system operations}",
        "  slaProperties:",
        "    # confirm: how often the file comes, and how long it may be kept",
        "    - {property: frequency, value: monthly}",
        "    - {property: retention, value: 7 years}",
        "  customProperties:",
        "    - {property: accessClass, value: protected}",
        "    # confirm: the statute or rule, and the agreement, that allow this use",
        "    - {property: legalAuthority, value: Not yet named}",
        f"    - {{property: fileFormat, value: {sample.file_format}}}",
        "    # confirm: every file name that the agency will use, and no other",
        f"    - {{property: filePattern, value: {single(file_pattern(sample.path.name))}}}",
    ]
    if not sample.encoding_is_sure:
        lines.append("    # confirm: the file is not UTF-8; Western Windows is the usual other one")
    lines.append(f"    - {{property: encoding, value: {sample.encoding}}}")
    if sample.file_format == "csv":
        lines.append(f"    - {{property: delimiter, value: {code(sample.delimiter)}}}")
    kind = "increment" if is_increment(sample) else "snapshot"
    lines += [
        "    # confirm: snapshot (replaces what came before) or increment (adds a period)",
        f"    - {{property: deliveryKind, value: {kind}}}",
    ]
    for name, value in (
        ("recordTypeField", sample.record_type_field),
        ("headerRecord", sample.header_record),
        ("headerPeriodField", sample.header_period_field),
        ("trailerRecord", sample.trailer_record),
        ("trailerCountField", sample.trailer_count_field),
    ):
        if value:
            if name == "headerPeriodField":
                lines.append("    # confirm: year and quarter that the file covers")
            lines.append(f"    - {{property: {name}, value: {value}}}")
    if len(tables) > 1:
        lines.append("    - {property: rowsOptional, value: true}")
    lines.append("  schema:")
    for note in sample.notes:
        lines.append(f"    # {note}")
    for table in tables:
        lines += _table(table, sample)
    return "\n".join(lines) + "\n" + _expectations(agency, file, tables, today)


def _table(table: TableGuess, sample: Sample) -> list[str]:
    key = ", ".join(column.name for column in table.key)
    grain = f"One row per {key}." if key else "One row per line of the file."
    what = f"{table.record_type} records." if table.record_type else "All rows of the file."
    lines = [
        f"    - name: {table.name}",
        f"      description: {what}",
        f"      # confirm: {table.key_doubt}",
        f"      dataGranularityDescription: {quoted(grain)}",
    ]
    custom = []
    if table.record_type:
        custom.append(f"{{property: recordType, value: {code(table.record_type)}}}")
    if len(table.segment_offsets) > 1:
        offsets = ", ".join(map(str, table.segment_offsets))
        custom.append(f"{{property: segmentOffsets, value: [{offsets}]}}")
    if custom:
        lines.append(f"      customProperties: [{', '.join(custom)}]")
    lines.append("      properties:")
    for column in table.columns:
        lines += _property(column, sample)
    return lines


def _property(column: ColumnGuess, sample: Sample) -> list[str]:
    place = column.field
    first = [f"name: {column.name}"]
    if place.header != column.name:
        first.append(f"physicalName: {flow(place.header)}")
    first.append(f"logicalType: {column.logical_type}")
    options = []
    if column.date_format:
        options.append(f"format: {single(column.date_format)}")
    if column.pattern:
        options.append(f"pattern: {single(column.pattern)}")
    if options:
        first.append(f"logicalTypeOptions: {{{', '.join(options)}}}")
    second = ["required: true"] if column.required else []
    if column.key_position:
        second += ["primaryKey: true", f"primaryKeyPosition: {column.key_position}"]
    second.append(f"classification: {column.classification}")
    custom = [f"{{property: role, value: {column.role}}}"]
    if place.start is not None:
        custom.append(f"{{property: start, value: {place.start}}}")
        custom.append(f"{{property: end, value: {place.end}}}")
    if place.segmented:
        custom.append("{property: segmented, value: true}")
    lines = [f"        # confirm: {doubt}" for doubt in column.doubts]
    lines.append(f"        - {{{', '.join(first)},")
    lines.append(f"           {', '.join(second)},")
    lines.append(f"           customProperties: [{', '.join(custom)}],")
    if column.codes:
        codes = ", ".join(map(code, column.codes))
        lines.append(
            "           quality: [{metric: invalidValues, "
            f"arguments: {{validValues: [{codes}]}}, mustBe: 0}}],"
        )
    if place.described:
        label = place.label or re.sub(r"[_\s]+", " ", column.name).strip().capitalize()
    else:
        label = f"Characters {place.start} to {place.end}, which the layout does not describe"
    lines.append(f"           description: {code(label.rstrip('.') + '.')}}}")
    return lines


# --- expectations


def _expectations(
    agency: str, file: str, tables: Sequence[TableGuess], today: datetime.date
) -> str:
    several = len(tables) > 1
    blocks: list[str] = []
    for table in tables:
        prefix = f"{agency}.{file}." + (f"{table.name}." if several else "")
        because = f"calibrated: {{on: {today}, from: a sample of {table.rows} rows}}"
        own = f"    table: {table.name}\n" if several else ""
        accept = {c.name: c.unknown_dates for c in table.columns if c.unknown_dates}
        if accept:
            texts = ", ".join(
                f"{name}: [{', '.join(map(code, values))}]" for name, values in accept.items()
            )
            blocks.append(
                f"  # confirm: these stand for an unknown day\n"
                f"  - id: {prefix}formats_hold\n"
                f"    accept: {{{texts}}}\n"
                "    because: The agency writes an unknown day so.\n"
                f"    {because}\n"
            )
        blocks += [f"{block}    {because}\n" for block in _rules(table, prefix, own)]
    if not blocks:
        return (
            "# Beyond what the contract and expectations/_policy.yml say, the sample shows no "
            "rule.\nexpectations: []\n"
        )
    return "expectations:\n" + "\n".join(blocks)


def _rules(table: TableGuess, prefix: str, own: str) -> list[str]:
    columns = {column.name: column for column in table.columns}
    found = []

    def rule(
        name: str,
        condition: str,
        says: str,
        why: str,
        fix: str,
        because: str,
        dimension: str,
        mostly: float | None = None,
    ) -> str:
        share = f"      mostly: {mostly:.3f}\n" if mostly is not None else ""
        return (
            f"  - id: {prefix}{name}\n{own}"
            "    type: expect_rows_to_satisfy\n"
            "    kwargs:\n"
            f"      condition: {folded(condition, 8)}\n"
            f"{share}"
            f"    says: {says}\n"
            f"    dimension: {dimension}\n"
            "    severity: warning\n"
            f"    why: {why}\n"
            f"    fix: {fix}\n"
            f"    because: {because}\n"
        )

    for begin, end in _pairs(table.columns):
        if begin.iso_order and end.date_format == begin.date_format:
            condition = f"{end.name} >= {begin.name}"  # as text: year first, zero-filled
        else:
            condition = f"{end.name}_as_{end.logical_type} >= {begin.name}_as_{begin.logical_type}"
        found.append(
            rule(
                f"{end.name}_not_before_{begin.name}",
                condition,
                f"{end.name} is not before {begin.name}.",
                "A span that ends before it begins is dropped or counts backwards.",
                "Ask the agency to correct the rows; often two columns changed places.",
                "Slips of the pen are a few in a thousand.",
                "correctness",
                0.99,
            )
        )
    measures = [c for c in table.columns if c.non_negative]
    if measures:
        numbers = ", ".join(f"{column.name}_as_number" for column in measures)
        condition = f"least({numbers}) >= 0" if len(measures) > 1 else f"{numbers} >= 0"
        found.append(
            rule(
                "numbers_not_negative",
                condition,
                "No number is below zero.",
                "A correction booked as a negative row changes sums and counts a row too many.",
                "Ask the agency whether it books corrections as rows of their own.",
                "The sample has none below zero.",
                "correctness",
                0.999,
            )
        )
    for column in columns.values():
        if is_ssn(column.name) and column.nine_digits >= NINE_DIGITS:
            found.append(
                rule(
                    f"{column.name}_has_nine_digits",
                    f"replace({column.name}, '-', '') ~ '^[0-9]{{9}}$'",
                    f"{column.name} has nine digits.",
                    "Spreadsheets drop leading zeros; a number of eight digits links to nobody.",
                    "Ask for the column as text.",
                    "Single slips are typing; more is a tool that cuts zeros.",
                    "correctness",
                    0.99,
                )
            )
        if is_birth(column.name) and column.logical_type == "date":
            found.append(
                rule(
                    f"{column.name}_plausible",
                    f"{column.name}_as_date >= date '1900-01-01'",
                    f"{column.name} is not before 1900.",
                    "A default date of the source system makes people of one age.",
                    "Ask the agency what it writes for an unknown date of birth.",
                    "Nobody in a program was born earlier; slips are a few in a thousand.",
                    "accuracy",
                    0.995,
                )
            )
        # A column that is mostly empty anyway would be no news when it is emptier.
        if column.role != "content" and 0.5 <= column.filled < 1 and column.field.described:
            found.append(_filled(column, table.rows, prefix, own))
    return found


def _filled(column: ColumnGuess, rows: int, prefix: str, own: str) -> str:
    noise = NOISE * math.sqrt(column.filled * (1 - column.filled) / rows)
    floor = max(0.0, column.filled - max(SHARE_LIMIT, noise))
    return (
        f"  - id: {prefix}{column.name}_filled\n{own}"
        "    type: expect_column_values_to_not_be_null\n"
        f"    kwargs: {{column: {column.name}, mostly: {floor:.3f}}}\n"
        f"    says: {column.name} is filled about as often as in the sample.\n"
        "    dimension: missingness\n"
        "    severity: warning\n"
        "    why: Linkage lives on this column; before two deliveries there is no history to "
        "compare with.\n"
        "    fix: Ask the agency what changed in the system or in the extract.\n"
        f"    because: The sample has {column.filled:.1%} filled; five points or four standard "
        "errors below it, whichever is wider.\n"
    )


def _pairs(columns: Sequence[ColumnGuess]) -> list[tuple[ColumnGuess, ColumnGuess]]:
    """Neighbours among the dates, one with a word of beginning, the next with one of ending."""
    dates = [c for c in columns if c.logical_type in ("date", "timestamp")]
    return [
        (left, right)
        for left, right in pairwise(dates)
        if left.logical_type == right.logical_type
        and re.search(_BEGIN, left.name)
        and re.search(_END, right.name)
    ]
