"""What becomes of a bad delivery: each kind goes the whole way, from the file to staging.

One row of the table is one kind of delivery, what becomes of it and a part of the message that
a steward reads. Where the outcome is another one than a careful reader would expect, `because`
says why. With the files of bad_input it is printed as docs/bad-input.md:

    python tests/python/test_bad_input_outcomes.py
"""

from __future__ import annotations

import datetime
import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from bad_input import HEADER, TABLE, manifest

from orchestration import intake, landing, warehouse
from orchestration.landing import registry
from orchestration.quality import decisions, failing, quarantine
from orchestration.settings import PROJECT_ROOT, Settings

PAGE = PROJECT_ROOT / "docs" / "bad-input.md"
PLACE = "k12/2025-02/schools.csv"
OUTCOMES = {
    "rejected": "The file is not read further; nothing of it is loaded; what was published stays.",
    "held": "It is loaded aside and waits for a steward; what was published stays.",
    "set aside": "The rest is published; the rows that break a rule are in quarantine.",
    "noted": "It is published; what was put right stands beside the load.",
    "accepted": "It is published.",
    "duplicate": "Nothing is done: the same content was delivered before.",
}


def school(number: int, **fields: str) -> str:
    values = {
        "school_id": f"{number:04}",
        "school_name": f"School {number}",
        "district_id": "D1",
        "district_name": "District One",
        "level": ("ES", "MS", "HS")[number % 3],
        "street": f"{number} Main St",
        "city": "Newark",
        "zip": "19711",
        "open_date": "1990-09-01",
        "close_date": "",
    } | fields
    return ",".join(values.values())


def schools(rows: int = 200, bad: dict[int, dict[str, str]] | None = None) -> str:
    """A file of so many schools; bad: {row: the fields that are wrong}."""
    lines = [school(n, **(bad or {}).get(n, {})) for n in range(1, rows + 1)]
    return "\n".join([HEADER, *lines]) + "\n"


GOOD = schools()
EVERY = range(1, 201)


def reordered() -> str:
    lines = [line.split(",") for line in GOOD.splitlines()]
    return "\n".join(",".join(reversed(line)) for line in lines) + "\n"


def zipped(content: str = GOOD, name: str = "schools.csv", more: dict[str, str] | None = None):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in {name: content, **(more or {})}.items():
            archive.writestr(member, text)
    return stream.getvalue()


def encrypted() -> bytes:
    """The flag of an encrypted member, in its own header and in the archive's directory."""
    data = bytearray(zipped())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + offset
        data[at : at + 2] = struct.pack("<H", struct.unpack("<H", data[at : at + 2])[0] | 1)
    return bytes(data)


def spoilt_checksum() -> bytes:
    data = bytearray(zipped())
    for signature, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = data.index(signature) + offset
        data[at] ^= 0xFF
    return bytes(data)


@dataclass(frozen=True)
class Case:
    """files: {place in the deliveries folder: content}; the last one is judged. before:
    deliveries that were taken in first. aside: rows set aside; rows: published."""

    kind: str
    outcome: str
    says: str
    files: dict[str, str | bytes]
    before: tuple[dict[str, str | bytes], ...] = ()
    aside: int = 0
    rows: int = 200
    because: str = ""


def one(kind: str, outcome: str, says: str, content: str | bytes, **more) -> Case:
    place = more.pop("place", PLACE)
    return Case(kind, outcome, says, {place: content}, **more)


ZIP = "k12/2025-02/schools.zip"
JANUARY = "k12/2025-01/schools.csv"
CASES = [
    # what is put right while it is read
    one(
        "byte order mark", "noted", "byte order mark was left out", b"\xef\xbb\xbf" + GOOD.encode()
    ),
    one("CR LF line ends", "noted", "as on Windows (CR LF)", GOOD.replace("\n", "\r\n")),
    one("lone CR line ends", "noted", "lone carriage return", GOOD.replace("\n", "\r")),
    one(
        "letters garbled before delivery",
        "noted",
        "UTF-8 that was read as another encoding",
        schools(bad={7: {"school_name": "Caf\u00c3\u00a9"}}),
        because="The letters are wrong and the rows are not; the agency is asked.",
    ),
    one("columns in another order", "accepted", "", reordered()),
    one("blank lines between rows", "accepted", "", GOOD.replace("\n", "\n\n")),
    one("quoted fields with line ends", "accepted", "", GOOD.replace("School 7,", '"School\n7",')),
    # columns
    one(
        "a column more",
        "rejected",
        "the column 'ssn' is not in the contract",
        "\n".join(f"{line},{'ssn' if n == 0 else '0'}" for n, line in enumerate(GOOD.splitlines())),
    ),
    one(
        "a column less",
        "rejected",
        "the header lacks 'close_date', which the contract asks for",
        "\n".join(line.rpartition(",")[0] for line in GOOD.splitlines()) + "\n",
    ),
    one(
        "a column twice",
        "rejected",
        "the header names 'city' again",
        GOOD.replace("city,zip", "city,city"),
    ),
    # bytes and lines
    one("a field of 50 MB", "rejected", "is longer than 16,000,000", GOOD + "x" * 50_000_000),
    one(
        "lone \\. of COPY",
        "rejected",
        "has 1 field, the header has 10",
        GOOD.replace("\n0100", "\n\\.\n0100"),
    ),
    Case(
        "cut off at a line end of many rows",
        "rejected",
        "the manifest says 200 rows, the file has 199",
        {
            "k12/2025-02/manifest.json": manifest(GOOD),
            PLACE: GOOD.rstrip("\n").rpartition("\n")[0] + "\n",
        },
    ),
    # archives
    one("in a ZIP archive", "accepted", "", zipped(), place=ZIP),
    one("compressed by gzip", "accepted", "", gzip.compress(GOOD.encode()), place=PLACE + ".gz"),
    one("ZIP archive cut off", "rejected", "damaged ZIP archive", zipped()[:-40], place=ZIP),
    one(
        "ZIP member changed (CRC)",
        "rejected",
        "fails its checksum (CRC)",
        spoilt_checksum(),
        place=ZIP,
    ),
    one("ZIP encrypted", "rejected", "is encrypted", encrypted(), place=ZIP),
    one(
        "ZIP bomb",
        "rejected",
        "as in a ZIP bomb",
        zipped(HEADER + "\n" + "0" * 30_000_000),
        place=ZIP,
    ),
    one(
        "gzip bomb",
        "rejected",
        "unpacks to more than 100 times its size",
        gzip.compress(b"0" * 30_000_000),
        place=PLACE + ".gz",
    ),
    one(
        "gzip cut off",
        "rejected",
        "the gzip file ends too early: it was cut off",
        gzip.compress(GOOD.encode())[:-20],
        place=PLACE + ".gz",
    ),
    one(
        "ZIP member with a path that leads out",
        "rejected",
        "has a name that leads out of the archive",
        zipped(more={"../../schools.csv": "x"}),
        place=ZIP,
    ),
    one(
        "archive in an archive",
        "rejected",
        "is an archive itself",
        zipped(more={"inner.zip": "x"}),
        place=ZIP,
    ),
    # rows
    one("footer", "set aside", "by k12.schools.footer", GOOD + "200 records\n", aside=1),
    one("total row", "set aside", "by k12.schools.footer", GOOD + "Total,200\n", aside=1),
    one(
        "total row as wide as the rows",
        "set aside",
        "1 row that breaks it was set aside (limit 1 % of rows)",
        GOOD + "Total,,,,,,,,,\n",
        aside=1,
    ),
    one(
        "required fields empty in 2 of 200 rows",
        "set aside",
        "2 rows that break it were set aside",
        schools(bad={5: {"school_name": ""}, 9: {"school_name": ""}}),
        aside=2,
        rows=198,
    ),
    one(
        "required fields empty in 3 of 200 rows",
        "held",
        "More than 1 % of rows break such rules, so none is set aside",
        schools(bad={n: {"school_name": ""} for n in (5, 9, 12)}),
    ),
    one(
        "a code that no list holds, in 1 row",
        "set aside",
        "1 row that breaks it was set aside",
        schools(bad={5: {"level": "K8"}}),
        aside=1,
        rows=199,
    ),
    one(
        "a code that no list holds, in a tenth",
        "held",
        "More than 1 % of rows",
        schools(bad={n: {"level": "K8"} for n in EVERY if n % 10 == 0}),
    ),
    one(
        "dates that are no days",
        "set aside",
        "open_date",
        schools(bad={5: {"open_date": "2023-02-30"}, 6: {"open_date": "unknown"}}),
        aside=2,
        rows=198,
    ),
    one(
        "Excel's day numbers for dates",
        "held",
        "200 in open_date look like Excel's day numbers (45231)",
        schools(bad={n: {"open_date": "33117"} for n in EVERY}),
    ),
    one(
        "dates in another order",
        "held",
        "look like dates in another order of parts",
        schools(bad={n: {"open_date": "09/01/1990"} for n in EVERY}),
    ),
    one(
        "ids rounded by a spreadsheet (1.11E+08)",
        "held",
        "100 in school_id look like numbers that a spreadsheet has rounded",
        schools(bad={n: {"school_id": f"{n / 100:.2f}E+08"} for n in EVERY if n >= 101}),
    ),
    one(
        "formula errors (#N/A)",
        "held",
        "errors of a spreadsheet's formulas",
        schools(bad={n: {"open_date": "#N/A"} for n in range(1, 50)}),
    ),
    one(
        "a row twice",
        "held",
        "2 of 201 rows repeat the key school_id",
        GOOD + school(7) + "\n",
        because="Neither row is known to be the right one, so none is set aside.",
    ),
    one(
        "1900-01-01 and 9999-12-31 for unknown",
        "accepted",
        "",
        schools(bad={5: {"open_date": "1900-01-01", "close_date": "9999-12-31"}}),
        because="Such days are well written; staging reads them as unknown (clean_date).",
    ),
    one(
        "closed before it opened",
        "accepted",
        "No school closes before it opens. Not so in 1 of 200 rows",
        schools(bad={5: {"close_date": "1980-01-01"}}),
        because="The rule is a warning: the dates are the agency's own and stay as they are.",
    ),
    # deliveries beside others
    Case(
        "the same file again",
        "accepted",
        "",
        {PLACE: GOOD},
        before=({PLACE: GOOD},),
    ),
    Case(
        "the same rows under another name",
        "duplicate",
        "the same content as load",
        {PLACE: GOOD},
        before=({JANUARY: GOOD},),
    ),
    Case(
        "the same rows in an archive",
        "duplicate",
        "the same content as load",
        {ZIP: zipped()},
        before=({JANUARY: GOOD},),
    ),
    Case(
        "half of the rows",
        "held",
        "100 rows where the last accepted delivery had 201 (-50 %)",
        {"k12/2025-03/schools.csv": schools(100)},
        before=({JANUARY: GOOD}, {PLACE: schools(201)}),
    ),
    Case(
        "twice the rows",
        "held",
        "400 rows where the last accepted delivery had 201 (+99 %)",
        {"k12/2025-03/schools.csv": schools(400)},
        before=({JANUARY: GOOD}, {PLACE: schools(201)}),
    ),
    Case(
        "a column that became empty",
        "held",
        "zip is empty in 25 % of rows where it was in 0 %",
        {"k12/2025-03/schools.csv": schools(bad={n: {"zip": ""} for n in EVERY if n % 4 == 0})},
        before=({JANUARY: GOOD}, {PLACE: schools(201)}),
    ),
    Case(
        "all ids re-issued",
        "held",
        "201 of the 201 records of the last accepted delivery are not in this one",
        {"k12/2025-03/schools.csv": schools(bad={n: {"school_id": f"N{n:03}"} for n in EVERY})},
        before=({JANUARY: GOOD}, {PLACE: schools(201)}),
    ),
]


def page() -> str:
    """docs/bad-input.md."""
    lines = [
        "# What becomes of a bad delivery",
        "",
        "Made by `python tests/python/test_bad_input_outcomes.py` from the tables that the tests "
        "run, so every line is what a delivery of this kind gets. No message holds a value of a "
        "row.",
        "",
        *(f"- **{name}**: {says}" for name, says in OUTCOMES.items()),
        "",
        "What may be set aside is said by `set_aside` in `expectations/_policy.yml` and in a "
        "file's own entries: up to that share of rows, then the delivery is held as a whole.",
        "",
        "## Deliveries and rows",
        "",
        "| what arrives | what becomes of it | what the steward reads |",
        "|---|---|---|",
    ]
    for case in CASES:
        outcome = case.outcome + (f". {case.because}" if case.because else "")
        lines.append(f"| {case.kind} | {outcome} | {_cell(case.says)} |")
    lines += [
        "",
        "## Files that are rejected",
        "",
        "The sentence follows the name of the file.",
        "",
        "| what arrives | what the steward reads |",
        "|---|---|",
    ]
    lines += [f"| {bad.name} | {_cell(bad.says)} |" for bad in TABLE]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def test_the_printed_table_is_this_table() -> None:
    """Else: python tests/python/test_bad_input_outcomes.py"""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_table_has_forty_kinds_and_each_outcome() -> None:
    kinds = [case.kind for case in CASES] + [bad.name for bad in TABLE]
    assert len(kinds) == len(set(kinds)) > 40
    assert {case.outcome for case in CASES} == set(OUTCOMES)


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("bad_input_outcomes")


@pytest.fixture(scope="module")
def connection(settings: Settings) -> psycopg.Connection:
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        yield connection


@pytest.fixture(scope="module")
def file_set() -> intake.FileSet:
    contract = landing.load_contract(PROJECT_ROOT / "expectations" / "k12" / "schools.yml")
    [found] = intake.file_sets([contract])
    return found


@pytest.fixture
def at(settings: Settings, connection: psycopg.Connection, file_set, tmp_path: Path) -> Settings:
    """Settings with an empty deliveries folder, on a warehouse that has no load."""
    loads = [row[0] for row in connection.execute("select load_id from quality.load")]
    registry.once(connection, "quality.seen_file", registry.DDL)
    registry.forget(connection, loads)
    connection.execute("delete from quality.seen_file")
    for schema in ("staging_k12", "candidate_k12"):
        connection.execute(f"drop schema if exists {schema} cascade")
    connection.commit()
    landing.ensure_staging(connection, file_set.contracts)
    return replace(settings, deliveries=tmp_path)


def take_in(settings: Settings, file_set: intake.FileSet, files: dict[str, str | bytes]) -> None:
    """Write the files and do with the last one's delivery what a run does."""
    for place, content in files.items():
        path = settings.deliveries / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    delivery = place.split("/")[1]
    with warehouse.connect(settings) as connection:
        for found in landing.discover(settings.deliveries, file_set.contracts):
            if found.contract is None:
                landing.register(connection, found)
    try:
        intake.load(settings, file_set, delivery)
    except landing.DeliveryRejected:
        return
    if all(report.passed for report in intake.gate(settings, file_set, delivery)):
        intake.publish(settings, file_set, delivery)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.replace(" ", "_"))
def test_each_kind_of_delivery_has_its_outcome(
    case: Case, at: Settings, connection: psycopg.Connection, file_set: intake.FileSet
) -> None:
    for files in case.before:
        take_in(at, file_set, files)
    before = published(connection)
    take_in(at, file_set, case.files)

    load_id, status, reason, note, rows = connection.execute(
        "select load_id, status, reason, note, row_count from quality.load "
        "order by load_id desc limit 1"
    ).fetchone()
    aside = quarantine.summary(connection, load_id)
    messages = [
        row[0]
        for row in connection.execute(
            "select message from quality.check_result where load_id = %s", [load_id]
        )
    ]
    said = "\n".join([reason or "", note or "", *(a.sentence for a in aside), *messages])
    assert (status, case.says in said) == (STATUS[case.outcome], True), said
    assert sum(a.rows for a in aside) == case.aside
    assert bool(note) == (case.outcome == "noted")
    if status != "accepted":
        assert published(connection) == before
    elif not case.before:
        assert published(connection) == rows == case.rows
    for value in ("Main St", "School 7", "Newark", "19711"):
        assert value not in said


STATUS = {name: name for name in ("rejected", "held", "duplicate", "accepted")} | {
    "set aside": "accepted",
    "noted": "accepted",
}


def published(connection: psycopg.Connection) -> int:
    connection.commit()
    return connection.execute("select count(*) from staging_k12.schools_current").fetchone()[0]


def test_a_correction_settles_a_row_that_was_set_aside(
    at: Settings, connection: psycopg.Connection, file_set: intake.FileSet
) -> None:
    """The mended row is current, and what was kept of the bad one is deleted."""
    take_in(at, file_set, {PLACE: schools(bad={5: {"level": "K8"}, 9: {"level": "K8"}})})
    assert published(connection) == 198
    correction = f"{HEADER}\n{school(5)}\n"
    take_in(at, file_set, {"k12/2025-02_c1/schools.csv": correction})
    assert published(connection) == 199
    rows = connection.execute(
        "select row_number, settled_by_load_id is not null, raw.content is not null "
        "from quality.quarantined_row left join quarantine.raw_row as raw "
        "using (load_id, table_name, row_number) order by 1"
    ).fetchall()
    assert rows == [(5, True, False), (9, False, True)]
    take_in(at, file_set, {"k12/2025-03/schools.csv": GOOD})
    assert connection.execute("select count(*) from quarantine.raw_row").fetchone() == (0,)


def test_rows_return_when_their_rule_is_suspended(
    at: Settings, connection: psycopg.Connection, file_set: intake.FileSet
) -> None:
    """After the override, which needs its second person, the rows are in staging; not before."""
    take_in(at, file_set, {PLACE: schools(bad={5: {"level": "K8"}})})
    [contract] = file_set.contracts
    decision = decisions.override(
        at, contract, "k12.schools.codes_listed", steward="r.lee", reason="K8 is a new level.",
        expires_on=datetime.date.today() + datetime.timedelta(days=30),
    )  # fmt: skip
    assert published(connection) == 199
    done = decisions.approve(at, decision.disposition_id, approver="m.ortiz")
    assert "set aside is in staging: 1 rows" in done.sentence
    assert published(connection) == 200
    [load_id] = connection.execute("select max(load_id) from quality.load").fetchone()
    assert quarantine.summary(connection, load_id) == []
    row = connection.execute("select row_count from quality.load").fetchone()
    assert row == (200,)
    # judged anew, a load under the override keeps its row
    take_in(at, file_set, {"k12/2025-03/schools.csv": schools(bad={7: {"level": "K8"}})})
    assert published(connection) == 200
    connection.execute("delete from quality.disposition")
    connection.commit()


def test_only_the_owner_may_use_the_quarantine(connection: psycopg.Connection) -> None:
    connection.execute("create role quarantine_reader")
    try:
        may = connection.execute(
            "select has_schema_privilege('quarantine_reader', 'quarantine', 'usage'), "
            "has_table_privilege('quarantine_reader', 'quarantine.raw_row', 'select')"
        ).fetchone()
        assert may == (False, False)
    finally:
        connection.rollback()


def test_those_who_may_see_them_see_the_rows_as_delivered(
    at: Settings, connection: psycopg.Connection, file_set: intake.FileSet
) -> None:
    content = schools(bad={5: {"level": "K8"}}) + "Total,200\n"
    take_in(at, file_set, {PLACE: content})
    [contract] = file_set.contracts
    [load_id] = connection.execute("select max(load_id) from quality.load").fetchone()
    found = failing.set_aside_rows(connection, contract, load_id, "k12.schools.codes_listed")
    assert (found.columns, found.rows) == (("row", "school_id", "level"), (("5", "0005", "K8"),))
    footer = failing.set_aside_rows(connection, contract, load_id, "k12.schools.footer")
    assert footer.rows[0][-1] == "Total,200"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
