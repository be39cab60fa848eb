"""Delivered files to staging on a real PostgreSQL: reading, registering, publishing, recovering."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from orchestration import landing, warehouse
from orchestration.county import agencies
from orchestration.errors import LifecourseError, UnusableEnvironment, UsageError
from orchestration.landing import loader, publishing, readers, registry
from orchestration.landing.contracts import Contract
from orchestration.landing.copy_text import CopyBlock
from orchestration.settings import PROJECT_ROOT, Settings

EXPECTATIONS = PROJECT_ROOT / "expectations"
TANF = PROJECT_ROOT / "tests" / "fixtures" / "tanf"
AGENCIES = set(agencies.ALL) | {"hmis_2024"}  # the older format of hmis


@pytest.fixture(scope="module")
def contracts() -> tuple[Contract, ...]:
    return landing.load_contracts(EXPECTATIONS)


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("landing")


@pytest.fixture
def drop(settings: Settings, contracts: tuple[Contract, ...], tmp_path: Path) -> Iterator[Drop]:
    """A deliveries folder and an empty warehouse."""
    with warehouse.connect(settings) as connection:
        for (schema,) in connection.execute(
            r"select nspname from pg_namespace where nspname in ('quality', 'quarantine') "
            r"or nspname like 'candidate\_%' or nspname like 'staging\_%'"
        ).fetchall():
            connection.execute(f"drop schema {schema} cascade")
        warehouse.ensure_bookkeeping(connection)
        connection.commit()
        yield Drop(tmp_path / "deliveries", connection, contracts)


class Drop:
    """What a run does with a deliveries folder, step by step."""

    def __init__(
        self, folder: Path, connection: psycopg.Connection, contracts: tuple[Contract, ...]
    ) -> None:
        self.folder, self.connection, self.contracts = folder, connection, contracts
        folder.mkdir()

    def put(self, place: str, content: str | bytes) -> Path:
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        agencies = {place.split("/")[0]}
        landing.ensure_staging(self.connection, [c for c in self.contracts if c.agency in agencies])
        return path

    def register(self) -> dict[str, landing.Registration]:
        return {
            file.place: landing.register(self.connection, file)
            for file in landing.discover(self.folder, self.contracts)
        }

    def load(self, place: str) -> landing.LoadReport:
        file = next(f for f in landing.discover(self.folder, self.contracts) if f.place == place)
        registration = landing.register(self.connection, file)
        return landing.load_candidate(self.connection, file, registration.load_id)

    def gate(self, load_id: int, status: str = "passed") -> None:
        self.connection.execute(
            "update quality.load set gate_status = %s where load_id = %s", (status, load_id)
        )
        if status == "overridden":
            self.connection.execute(
                "insert into quality.disposition (kind, agency, file, load_ids, reason, steward, "
                "needs_approval) select 'release', agency, file, array[load_id], 'a test', "
                "'steward one', false from quality.load where load_id = %s",
                (load_id,),
            )
        self.connection.commit()

    def accept(self, place: str) -> int:
        load_id = self.load(place).load_id
        self.gate(load_id)
        landing.publish(self.connection, [load_id])
        return load_id

    def rows(self, query: str, *values: object) -> list[tuple]:
        found = self.connection.execute(query, values or None).fetchall()
        self.connection.commit()
        return found

    def one(self, query: str, *values: object) -> object:
        return self.rows(query, *values)[0][0]

    def state(self) -> tuple:
        """All that a refused or failed step must leave as it was."""
        return (
            self.rows("select * from quality.load order by load_id"),
            self.rows(
                r"select n.nspname, c.relname, c.relkind, c.relispartition, c.oid from pg_class c "
                r"join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'staging\_%' "
                r"or n.nspname like 'candidate\_%' order by 1, 2"
            ),
        )


def schools(*ids: str, name: str = "North") -> str:
    header = (
        "school_id,school_name,district_id,district_name,level,street,city,zip,open_date,close_date"
    )
    rows = (f"{i},{name},D1,District One,ES,1 Main St,Newark,19711,1990-09-01," for i in ids)
    return "\n".join([header, *rows]) + "\n"


def attendance(month: str, *students: str) -> str:
    header = (
        "student_id,school_id,report_month,days_enrolled,days_present,"
        "days_absent_excused,days_absent_unexcused,days_suspended"
    )
    rows = (f"{student},S1,{month},20,18,1,1,0" for student in students)
    return "\n".join([header, *rows]) + "\n"


# --- contracts


def test_every_agency_has_contracts(contracts: tuple[Contract, ...]) -> None:
    assert {contract.agency for contract in contracts} >= AGENCIES
    assert len({contract.path for contract in contracts}) == len(contracts)


def test_contracts_are_valid_open_data_contracts() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    import yaml

    schema = json.loads(
        (resources.files("open_data_contract_standard") / "schema.json").read_text()
    )
    validator = jsonschema.validators.validator_for(schema)(schema)
    for path in EXPECTATIONS.glob("*/*.yml"):
        if path.parent.name == "core" or path.name.startswith("_"):
            continue
        document = yaml.safe_load(path.read_text(encoding="utf-8"))["contract"]
        faults = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(document)]
        assert not faults, f"{path.name}: {faults[:3]}"


def test_every_column_is_described_and_classed(contracts: tuple[Contract, ...]) -> None:
    for contract in contracts:
        for table in contract.tables:
            assert table.grain and table.description, (contract.file, table.name)
            for column in table.columns:
                assert column.description, (contract.file, column.name)
                if column.role == "identifier":
                    assert column.classification == "restricted", (contract.file, column.name)


def test_fixed_width_columns_do_not_overlap(contracts: tuple[Contract, ...]) -> None:
    for contract in contracts:
        if contract.file_format != "fixed_width":
            continue
        for table in contract.tables:
            spans = sorted(
                (c.start + shift, c.end + shift)
                for c in table.columns
                for shift in (table.segment_offsets if c.segmented else (0,))
            )
            for (_, end), (start, _) in pairwise(spans):
                assert end < start, (contract.file, table.name, start)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("value: snapshot", "value: sometimes", "deliveryKind must be one of snapshot, increment"),
        ('["0", "1"]', "[0, 1]", "column births.void validValues must be a list of quoted codes"),
        ("role: data_steward,", "role: clerk,", "team member data_steward is missing"),
        ("classification: protected", "classification: secret", "column births.bstate classific"),
        ("apiVersion: v3.1.0", "apiVersion: v2.2.0", "apiVersion must be v3.1.0"),
        ("expectations: []", "rules: []", "must have the keys `contract` and `expectations` only"),
        ("kind: DataContract", "kind: [DataContract", "is not valid YAML at line"),
        ("status: active", "state: active", "breaks the Open Data Contract Standard at state"),
        ("encoding, value: utf-8", "encoding, value: utf-88", "encoding is not one that Python"),
    ],
)
def test_a_wrong_contract_is_named(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    text = (EXPECTATIONS / "vital" / "births.yml").read_text(encoding="utf-8")
    text = text[: text.index("\nexpectations:")] + "\nexpectations: []\n"
    assert before in text
    path = tmp_path / "vital" / "births.yml"
    path.parent.mkdir()
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=r"vital/births\.yml") as caught:
        landing.load_contract(path)
    assert sentence in str(caught.value)


# --- discovery


def test_files_are_found_in_delivery_order(drop: Drop) -> None:
    for place in (
        "k12/2025-02/schools.csv",
        "k12/2025-01/attendance_2024-12.csv",
        "gis/2025-01/address_points.csv",
        "wages/2025-01/wages_2024Q3.txt",
        "k12/2025-01/.schools.csv.part",
        "k12/2025-01/manifest.json",
    ):
        drop.put(place, "x")
    found = landing.discover(drop.folder, drop.contracts)
    assert [(file.place, file.period) for file in found] == [
        ("gis/2025-01/address_points.csv", "2025-01"),
        ("k12/2025-01/attendance_2024-12.csv", "2024-12"),
        ("wages/2025-01/wages_2024Q3.txt", "2024Q3"),
        ("k12/2025-02/schools.csv", "2025-02"),
    ]
    assert [f.agency for f in landing.discover(drop.folder, drop.contracts, agency="gis")] == [
        "gis"
    ]


def test_observed_is_meant_where_there_is_one(drop: Drop) -> None:
    drop.put("observed/k12/2025-01/schools.csv", "x")
    drop.put("truth/2025-01/persons.csv", "x")
    assert [f.place for f in landing.discover(drop.folder, drop.contracts)] == [
        "k12/2025-01/schools.csv"
    ]


def test_a_missing_folder_or_agency_is_wrong_usage(drop: Drop) -> None:
    with pytest.raises(UsageError, match="There is no deliveries folder at"):
        landing.discover(drop.folder / "nowhere", drop.contracts)
    with pytest.raises(UsageError, match="There is no agency 'schools'; those with contracts"):
        landing.discover(drop.folder, drop.contracts, agency="schools")
    assert landing.discover(drop.folder, drop.contracts, agency="wages") == []


# --- reading


def test_a_candidate_is_not_seen_until_it_is_published(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001", "0002"))
    report = drop.load("k12/2025-01/schools.csv")
    assert report.tables == {"schools": 2}
    assert drop.rows("select * from staging_k12.schools_current") == []
    assert drop.one(f"select count(*) from candidate_k12.schools_l{report.load_id}") == 2
    assert drop.one("select count(*) from pg_class where reloptions::text ~ 'autovacuum'") == 1
    drop.gate(report.load_id)
    assert landing.publish(drop.connection, [report.load_id]) == {"schools": 2}
    assert drop.rows(
        "select school_id, close_date, _load_id, _row_number, _period, _delivery "
        "from staging_k12.schools_current order by _row_number"
    ) == [
        ("0001", None, report.load_id, 1, "2025-01", "2025-01"),
        ("0002", None, report.load_id, 2, "2025-01", "2025-01"),
    ]
    assert (
        landing.candidate_table("schools", report.load_id)
        in drop.rows("select inhrelid::regclass::text from pg_inherits")[0][0]
    )
    # What a candidate is spared, a partition is not: it is vacuumed as any table.
    assert drop.one("select count(*) from pg_class where reloptions::text ~ 'autovacuum'") == 0


def test_columns_are_matched_by_name(drop: Drop) -> None:
    rows = [line.split(",") for line in schools("0001", "0002").splitlines()]
    order = [3, 1, 9, 0, 2, 5, 4, 8, 7, 6]
    drop.put("k12/2025-01/schools.csv", schools("0001", "0002"))
    drop.put(
        "k12/2025-02/schools.csv",
        "\n".join(",".join(row[i] for i in order) for row in rows) + "\n",
    )
    drop.accept("k12/2025-01/schools.csv")
    query = "select school_id, school_name, level, zip, open_date from staging_k12.schools_current"
    before = drop.rows(query)
    drop.accept("k12/2025-02/schools.csv")
    assert drop.rows(query) == before


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_do_not_matter(drop: Drop, newline: str, mark: bytes) -> None:
    text = schools("0001", "0002").rstrip("\n") + "\n\n"  # a blank line is no row
    drop.put("k12/2025-01/schools.csv", mark + text.replace("\n", newline).encode())
    drop.accept("k12/2025-01/schools.csv")
    assert drop.rows("select school_id, zip, close_date from staging_k12.schools_current") == [
        ("0001", "19711", None),
        ("0002", "19711", None),
    ]


PLAIN = ["\t", "\\", "\\N", "\\.", "é", "漢", "😀", " ", "a", "'", "\x0b", "\u2028"]


@pytest.mark.parametrize("quoted", [[], ['"', ",", "\n"]], ids=["without_quotes", "with_quotes"])
def test_any_text_arrives_as_it_was_written(drop: Drop, quoted: list[str]) -> None:
    """Tabs, newlines, backslashes, quotes, delimiters, COPY's own marks, beyond ASCII."""
    rng = random.Random(20261123)
    header = schools().strip().split(",")
    written = [
        [str(i), *("".join(rng.choices(PLAIN + quoted, k=rng.randint(1, 6))) for _ in header[1:])]
        for i in range(9_000)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *written])
    content = text.getvalue().encode()
    assert len(content) > 2 * readers.BLOCK, "rows have to cross the edges of blocks"
    assert (b'"' in content) == bool(quoted)
    drop.put("k12/2025-01/schools.csv", content)
    drop.accept("k12/2025-01/schools.csv")
    read = drop.rows(
        f"select {', '.join(header)} from staging_k12.schools_current order by _row_number"
    )
    assert [list(row) for row in read] == written


def test_jail_file_is_cp1252_parted_by_bars(drop: Drop, contracts: tuple[Contract, ...]) -> None:
    contract = next(c for c in contracts if c.agency == "jail")
    headers = [column.header for column in contract.tables[0].columns]
    values = dict.fromkeys(headers, "") | {
        "booking_no": "B1",
        "jacket_no": "J1",
        "last_name": "Peña, Jr",
        "first_name": "Zoë",
        "booking_dttm": "2025-01-02 03:04",
    }
    text = "|".join(headers) + "\n" + "|".join(values.values()) + "\n"
    drop.put("jail/2025-01/bookings.csv", text.encode("cp1252"))
    drop.accept("jail/2025-01/bookings.csv")
    assert drop.rows(
        "select last_name, first_name, booking_dttm, release_dttm "
        "from staging_jail.bookings_current"
    ) == [("Peña, Jr", "Zoë", "2025-01-02 03:04", None)]


def wage(ssn: str, first: str, last: str, dollars: int, quarter: str = "20243") -> str:
    line = (
        f"{ssn:9}{first:15}{'Q':1}{last:20}{'10':2}{'0000012345':10}{'00000':5}{'511234567':9}"
        f"{quarter}{dollars:>10}"
    )
    assert len(line) == 86
    return line


def test_wage_records_are_read_by_position(drop: Drop) -> None:
    lines = [wage("001020003", "ANN MARIE", "VAN DER BERG", 12345), "", wage("", "BO", "LI", -20)]
    drop.put("wages/2025-01/wages_2024Q3.txt", "\r\n".join(lines) + "\r\n")
    drop.accept("wages/2025-01/wages_2024Q3.txt")
    assert drop.rows(
        "select ssn, first_name, middle_initial, last_name, state_code, employer_account_no, "
        "reporting_unit, ein, year, quarter, wage, _row_number, _period "
        "from staging_wages.quarterly_wages_current order by _row_number"
    ) == [
        ("001020003", "ANN MARIE", "Q", "VAN DER BERG", "10", "0000012345", "00000", "511234567",
         "2024", "3", "12345", 1, "2024Q3"),
        (None, "BO", "Q", "LI", "10", "0000012345", "00000", "511234567",
         "2024", "3", "-20", 3, "2024Q3"),
    ]  # fmt: skip


def test_the_acf_199_file_fills_three_tables(drop: Drop) -> None:
    """A federal test file nobody here wrote: 815 families, 882 adults, 1,376 children."""
    content = (TANF / "ADS.E2J.FTP1.TS06").read_bytes()
    drop.put("tanf_acf/2025-01/ADS.E2J.FTP1.TS06", content)
    report = drop.load("tanf_acf/2025-01/ADS.E2J.FTP1.TS06")
    assert report.tables == {"families": 815, "adults": 882, "children": 1376}
    drop.gate(report.load_id)
    assert landing.publish(drop.connection, [report.load_id]) == report.tables
    lines = content.decode("ascii").split("\n")
    by_type = {
        kind: [(n, line) for n, line in enumerate(lines, 1) if line.startswith(kind)]
        for kind in ("T1", "T2", "T3")
    }
    assert drop.rows(
        "select _row_number, rpt_month_year, case_number, cash_amount, _period "
        "from staging_tanf_acf.families_current order by 1"
    ) == [(n, x[2:8], x[8:19].strip(), x[55:59], "2020Q4") for n, x in by_type["T1"]]
    assert drop.rows(
        "select _row_number, date_of_birth, ssn, other_unearned_income "
        "from staging_tanf_acf.adults_current order by 1"
    ) == [(n, x[21:29], x[29:38], x[152:156]) for n, x in by_type["T2"]]
    children = [
        (n * 10 + segment, x[8:19].strip(), child[1:9], child[9:18], child[37:41])
        for n, x in by_type["T3"]
        for segment, child in ((1, x[19:60]), (2, x[60:101]))
        if child.strip()
    ]
    assert len(children) == 1376
    assert (
        drop.rows(
            "select _row_number, case_number, date_of_birth, ssn, other_unearned_income "
            "from staging_tanf_acf.children_current order by 1"
        )
        == children
    )


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Reading 45 MB takes less than 12 MB more than nothing: a few blocks and their rows."""
    program = """
import resource, sys
from pathlib import Path
from orchestration.landing import readers
from orchestration.landing.contracts import load_contract
contract = load_contract(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = readers.Source(Path(sys.argv[2]), contract.encoding)
rows = sum(block.rows for block in readers.copy_blocks(source, contract, contract.tables[0])[1])
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    path = tmp_path / "schools.csv"
    with path.open("w") as stream:
        stream.write(schools())
        for _ in range(60):
            stream.write("".join(f"{i},{'x' * 40},D,D,ES,,,19711,,\n" for i in range(12_000)))
    result = subprocess.run(
        [sys.executable, "-c", program, str(EXPECTATIONS / "k12" / "schools.yml"), str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT_ROOT,
    )
    rows, grown = map(int, result.stdout.split())
    assert rows == 720_000
    assert grown < 12 * 1024, f"{grown} KB"


@pytest.fixture
def two_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as big: sent over two connections, committed before the load is."""
    monkeypatch.setattr(loader, "WORTH_TWO", 0)
    monkeypatch.setattr(readers, "BLOCK", 1 << 12)


def test_a_big_file_arrives_as_a_small_one_does(drop: Drop, two_connections: None) -> None:
    ids = [f"{number:05}" for number in range(3_000)]
    drop.put("k12/2025-01/schools.csv", schools(*ids))
    load_id = drop.load("k12/2025-01/schools.csv").load_id
    assert drop.rows(
        f"select school_id, _row_number, _load_id from candidate_k12.schools_l{load_id} order by 2"
    ) == [(school, number, load_id) for number, school in enumerate(ids, start=1)]
    drop.gate(load_id)
    assert landing.publish(drop.connection, [load_id]) == {"schools": 3_000}


def test_a_big_file_that_is_bad_leaves_nothing(drop: Drop, two_connections: None) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.accept("k12/2025-01/schools.csv")
    drop.put("k12/2025-02/schools.csv", schools(*map(str, range(3_000))) + "9,cut")
    with pytest.raises(landing.DeliveryRejected, match="line 3002, the last one, has 2 of 10"):
        drop.load("k12/2025-02/schools.csv")
    # and one that the manifest finds out about when every row is there
    drop.put("k12/2025-03/schools.csv", schools(*map(str, range(12_000))))
    drop.put("k12/2025-03/manifest.json", '{"files": [{"name": "schools.csv", "rows": 12001}]}')
    with pytest.raises(landing.DeliveryRejected, match="the manifest says 12001 rows"):
        drop.load("k12/2025-03/schools.csv")
    assert drop.rows("select relname from pg_class where relname like 'schools_l%'") == [
        ("schools_l1",)
    ]
    assert drop.rows("select school_id from staging_k12.schools_current") == [("0001",)]


def test_a_connection_lost_while_copying_is_not_the_files_fault(
    drop: Drop, settings: Settings, two_connections: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.put("k12/2025-01/schools.csv", schools(*map(str, range(3_000))))

    def cut(blocks: Iterable[CopyBlock]) -> Iterator[CopyBlock]:
        for number, block in enumerate(blocks):
            if number == 20:
                drop.connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^copy' "
                    "and datname = current_database() and pid <> pg_backend_pid()"
                )
            yield block

    monkeypatch.setattr(loader, "_Counted", lambda blocks: Passed(cut(blocks)))
    with pytest.raises(UnusableEnvironment, match="The warehouse gave way while"):
        drop.load("k12/2025-01/schools.csv")
    assert drop.rows("select status, row_count from quality.load") == [("received", None)]
    assert drop.rows("select relname from pg_class where relname like 'schools_l%'") == []


class Passed:
    """Blocks from a generator, as the loader counts them."""

    rows = 0

    def __init__(self, blocks: Iterator[CopyBlock]) -> None:
        self.blocks = blocks

    def __iter__(self) -> Iterator[CopyBlock]:
        return self.blocks


def test_a_load_that_waits_for_a_steward_keeps_its_rows(drop: Drop, two_connections: None) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    load_id = drop.load("k12/2025-01/schools.csv").load_id
    landing.hold(drop.connection, [load_id], reason="Held by 1 critical rule.")
    [file] = landing.discover(drop.folder, drop.contracts)
    with pytest.raises(LifecourseError, match="does not wait to be loaded"):
        landing.load_candidate(drop.connection, file, load_id)
    assert drop.one(f"select count(*) from candidate_k12.schools_l{load_id}") == 1


# --- the register


def test_known_files_are_not_taken_up_again(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    load_id = drop.accept("k12/2025-01/schools.csv")
    again = drop.register()["k12/2025-01/schools.csv"]
    assert again == landing.Registration(load_id, "accepted", True, None)
    assert drop.one("select count(*) from quality.load") == 1


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Wait until what was written is old enough to be recognised without hashing."""
    monkeypatch.setattr(registry, "SETTLED_NS", 50_000_000)
    return lambda: time.sleep(0.1)


def test_two_hundred_unchanged_files_are_known_in_less_than_a_second(
    drop: Drop, settled: Callable[[], None]
) -> None:
    for number in range(200):
        month = f"{2000 + number // 12}-{number % 12 + 1:02d}"
        drop.put(f"k12/2025-01/attendance_{month}.csv", attendance(month, "0000000001"))
    assert len(drop.register()) == 200
    settled()
    assert all(registration.known for registration in drop.register().values())
    began = time.perf_counter()
    files = landing.discover(drop.folder, drop.contracts)
    registrations = [landing.register(drop.connection, file) for file in files]
    assert time.perf_counter() - began < 1.0
    assert all(r.known and r.status == "received" for r in registrations)
    assert not any("sha256" in vars(file) for file in files), "an unchanged file was read again"
    assert drop.one("select count(*) from quality.load") == 200


def test_a_file_changed_in_place_is_noticed_even_at_the_same_size(
    drop: Drop, settled: Callable[[], None]
) -> None:
    path = drop.put("k12/2025-01/schools.csv", schools("0001"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    settled()
    first = drop.register()["k12/2025-01/schools.csv"]
    path.write_text(schools("0002"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    second = drop.register()["k12/2025-01/schools.csv"]
    assert not second.known and second.load_id != first.load_id


def test_the_same_content_again_is_a_duplicate(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    load_id = drop.accept("k12/2025-01/schools.csv")
    drop.put("k12/2025-02/schools.csv", schools("0001"))
    duplicate = drop.register()["k12/2025-02/schools.csv"]
    assert duplicate.status == "duplicate"
    assert duplicate.reason == (
        f"k12/2025-02/schools.csv: the same content as load {load_id}, k12/2025-01/schools.csv."
    )
    assert drop.register()["k12/2025-02/schools.csv"].known
    with pytest.raises(LifecourseError, match="does not wait to be loaded"):
        drop.load("k12/2025-02/schools.csv")


def test_an_unchanged_snapshot_is_as_of_its_last_delivery(drop: Drop) -> None:
    for month in ("2025-01", "2025-02", "2025-03"):
        drop.put(f"k12/{month}/schools.csv", schools("0001"))
    drop.accept("k12/2025-01/schools.csv")
    drop.register()
    assert drop.rows("select school_id, _delivery from staging_k12.schools_current") == [
        ("0001", "2025-03")
    ]


def test_a_month_sent_under_another_name_is_a_duplicate(drop: Drop) -> None:
    drop.put("k12/2025-06/attendance_2025-05.csv", attendance("2025-05", "0000000001"))
    drop.accept("k12/2025-06/attendance_2025-05.csv")
    drop.put("k12/2025-07/attendance_2025-06.csv", attendance("2025-05", "0000000001"))
    assert drop.register()["k12/2025-07/attendance_2025-06.csv"].status == "duplicate"


def test_two_months_without_rows_are_two_facts(drop: Drop) -> None:
    drop.put("k12/2025-08/attendance_2025-07.csv", attendance(""))
    drop.put("k12/2025-09/attendance_2025-08.csv", attendance(""))
    assert {r.status for r in drop.register().values()} == {"received"}
    for place in list(drop.register()):
        drop.accept(place)
    assert drop.rows("select scope from quality.load where is_current order by 1") == [
        ("2025-07",),
        ("2025-08",),
    ]


def test_a_snapshot_that_goes_back_is_news(drop: Drop) -> None:
    for month, school in (("2025-01", "0001"), ("2025-02", "0002"), ("2025-03", "0001")):
        drop.put(f"k12/{month}/schools.csv", schools(school))
        drop.accept(f"k12/{month}/schools.csv")
    assert drop.rows("select school_id, _delivery from staging_k12.schools_current") == [
        ("0001", "2025-03")
    ]


def test_a_corrected_file_at_the_same_place_is_a_new_load(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    first = drop.accept("k12/2025-01/schools.csv")
    drop.put("k12/2025-01/schools.csv", schools("0001", "0002"))
    second = drop.load("k12/2025-01/schools.csv").load_id
    assert second != first
    assert drop.one("select count(*) from staging_k12.schools_current") == 1
    drop.gate(second)
    landing.publish(drop.connection, [second])
    assert drop.one("select count(*) from staging_k12.schools_current") == 2
    # the older version stays, to be asked for by its load
    assert drop.one("select count(*) from staging_k12.schools where _load_id = %s", first) == 1
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    assert drop.register()["k12/2025-01/schools.csv"].status == "received"


def test_what_was_rejected_stays_so_until_file_or_contract_change(
    drop: Drop, contracts: tuple[Contract, ...]
) -> None:
    place = "k12/2025-01/schools.csv"
    drop.put(place, "school_id\n1\n")
    with pytest.raises(landing.DeliveryRejected):
        drop.load(place)
    assert drop.register()[place].known and drop.register()[place].status == "rejected"
    newer = tuple(replace(c, version="1.1.0") if c.file == "schools" else c for c in contracts)
    assert Drop.register(_with(drop, newer))[place].status == "received"
    drop.put(place, schools("0001"))
    assert drop.register()[place].status == "received"


def test_a_mended_manifest_gives_a_rejected_file_another_chance(drop: Drop) -> None:
    place = "k12/2025-01/schools.csv"
    drop.put(place, schools("0001"))
    drop.put("k12/2025-01/manifest.json", '{"files": [{"name": "schools.csv", "rows": 5}]}')
    with pytest.raises(landing.DeliveryRejected, match="the manifest says 5 rows"):
        drop.load(place)
    assert drop.register()[place].known
    drop.put("k12/2025-01/manifest.json", '{"files": [{"name": "schools.csv", "rows": 1}]}')
    drop.accept(place)
    assert drop.register()[place].status == "accepted"


def test_a_rejected_twin_does_not_bury_its_duplicate(drop: Drop) -> None:
    text = schools("0001")
    drop.put("k12/2025-01/schools.csv", text)
    drop.put("k12/2025-01/manifest.json", '{"files": [{"name": "schools.csv", "rows": 5}]}')
    drop.put("k12/2025-01_r1/schools.csv", text)
    assert [r.status for r in drop.register().values()] == ["received", "duplicate"]
    with pytest.raises(landing.DeliveryRejected):
        drop.load("k12/2025-01/schools.csv")
    assert drop.register()["k12/2025-01_r1/schools.csv"].status == "received"
    drop.accept("k12/2025-01_r1/schools.csv")


def test_files_that_no_contract_describes_are_rejected(drop: Drop) -> None:
    drop.put("k12/2025-01/lunches.csv", "a\n")
    drop.put("k12/January/schools.csv", schools("0001"))
    drop.put("k12/schools.csv", schools("0001"))
    reasons = {place: (r.status, r.reason) for place, r in drop.register().items()}
    moved = "it does not lie in a delivery folder named after its month, such as k12/2025-01"
    assert reasons == {
        "k12/2025-01/lunches.csv": (
            "rejected",
            "k12/2025-01/lunches.csv: no contract under expectations/k12 describes a file of this "
            "name; rename the file or write its contract.",
        ),
        "k12/January/schools.csv": (
            "rejected",
            f"k12/January/schools.csv: {moved}; move it there.",
        ),
        "k12/schools.csv": ("rejected", f"k12/schools.csv: {moved}; move it there."),
    }
    assert {r.known for r in drop.register().values()} == {True}


def test_an_unavailable_file_is_never_loaded(drop: Drop, contracts: tuple[Contract, ...]) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    barred = tuple(replace(c, access_class="unavailable") for c in contracts)
    registration = Drop.register(_with(drop, barred))["k12/2025-01/schools.csv"]
    assert registration.status == "rejected"
    assert "its contract says `unavailable`" in str(registration.reason)


def _with(drop: Drop, contracts: tuple[Contract, ...]) -> Drop:
    other = object.__new__(Drop)
    other.folder, other.connection, other.contracts = drop.folder, drop.connection, contracts
    return other


# --- publishing


@pytest.mark.parametrize("status", ["pending", "failed", "error"])
def test_a_load_whose_gate_was_not_passed_cannot_be_published(drop: Drop, status: str) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.accept("k12/2025-01/schools.csv")
    drop.put("k12/2025-02/schools.csv", schools("0001", "0002"))
    load_id = drop.load("k12/2025-02/schools.csv").load_id
    drop.gate(load_id, status)
    before = drop.state()
    with pytest.raises(LifecourseError, match=f"its gate says {status}. Nothing was published"):
        landing.publish(drop.connection, [load_id])
    assert drop.state() == before
    assert drop.rows("select school_id from staging_k12.schools_current") == [("0001",)]


def test_a_set_is_published_whole_or_not_at_all(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.put("k12/2025-01/attendance_2024-12.csv", attendance("2024-12", "0000000001"))
    good = drop.load("k12/2025-01/schools.csv").load_id
    bad = drop.load("k12/2025-01/attendance_2024-12.csv").load_id
    drop.gate(good)
    drop.gate(bad, "failed")
    before = drop.state()
    with pytest.raises(LifecourseError, match="may not be published"):
        landing.publish(drop.connection, [good, bad])
    assert drop.state() == before
    drop.gate(bad)
    assert landing.publish(drop.connection, [bad, good]) == {"schools": 1, "attendance": 1}
    assert drop.rows("select distinct decided_at is not null, is_current from quality.load") == [
        (True, True)
    ]


def test_publishing_gives_way_to_a_reader_and_changes_nothing(
    drop: Drop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second file of the set meets a lock after the first one has been attached."""
    monkeypatch.setattr(publishing, "LOCK_TIMEOUT", "200ms")
    drop.put("k12/2025-01/attendance_2024-12.csv", attendance("2024-12", "0000000001"))
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    ids = [drop.load(place).load_id for place in list(drop.register())]
    for load_id in ids:
        drop.gate(load_id)
    before = drop.state()
    with warehouse.connect(settings) as reader:
        reader.execute(f"select * from candidate_k12.schools_l{max(ids)}")
        with pytest.raises(UnusableEnvironment, match="waited 200ms for a reader"):
            landing.publish(drop.connection, ids)
        assert drop.state() == before
    assert landing.publish(drop.connection, ids) == {"attendance": 1, "schools": 1}


def test_a_load_is_published_once(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    load_id = drop.accept("k12/2025-01/schools.csv")
    before = drop.state()
    with pytest.raises(LifecourseError, match="its status is accepted"):
        landing.publish(drop.connection, [load_id])
    with pytest.raises(LifecourseError, match="There is no load 9999"):
        landing.publish(drop.connection, [9999])
    assert landing.publish(drop.connection, []) == {}
    assert drop.state() == before


def test_snapshot_shows_its_latest_delivery_whatever_the_order(drop: Drop) -> None:
    for month in ("2025-01", "2025-03", "2025-02"):
        drop.put(f"k12/{month}/schools.csv", schools("0001", name=month))
        drop.accept(f"k12/{month}/schools.csv")
    assert drop.rows("select school_name from staging_k12.schools_current") == [("2025-03",)]
    assert drop.one("select count(*) from staging_k12.schools") == 3


def test_increment_shows_the_latest_delivery_of_each_period(drop: Drop) -> None:
    for place, students in (
        ("k12/2025-02/attendance_2025-01.csv", ["0000000001"]),
        ("k12/2025-03/attendance_2025-02.csv", ["0000000002"]),
        ("k12/2025-04/attendance_2025-01.csv", ["0000000001", "0000000003"]),
    ):
        drop.put(place, attendance(place[-11:-4], *students))
        drop.accept(place)
    assert drop.rows(
        "select _period, student_id, _delivery from staging_k12.attendance_current order by 1, 2"
    ) == [
        ("2025-01", "0000000001", "2025-04"),
        ("2025-01", "0000000003", "2025-04"),
        ("2025-02", "0000000002", "2025-03"),
    ]


def test_the_current_view_reads_no_superseded_load(drop: Drop) -> None:
    for month in range(1, 7):
        drop.put(f"k12/2025-{month:02d}/schools.csv", schools("0001", name=str(month)))
        last = drop.accept(f"k12/2025-{month:02d}/schools.csv")
    plan = drop.one("explain (analyze, format json) select * from staging_k12.schools_current")
    scanned = {
        node["Relation Name"]
        for node in _nodes(plan[0]["Plan"])
        if "schools" in node.get("Relation Name", "") and node["Actual Loops"]
    }
    assert scanned == {f"schools_l{last}"}


def _nodes(node: dict) -> Iterator[dict]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def test_held_loads_wait_and_only_the_latest_keeps_its_rows(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.accept("k12/2025-01/schools.csv")
    held = []
    for month in ("2025-02", "2025-03"):
        drop.put(f"k12/{month}/schools.csv", schools("0001", month))
        load_id = drop.load(f"k12/{month}/schools.csv").load_id
        drop.gate(load_id, "failed")
        landing.hold(drop.connection, [load_id], reason="Held by 1 critical rule.")
        held.append(load_id)
    assert drop.rows("select relname from pg_class where relname like 'schools_l%'") == [
        ("schools_l1",),
        (f"schools_l{held[1]}",),
    ]
    assert drop.rows("select school_id from staging_k12.schools_current") == [("0001",)]
    registered = drop.register()["k12/2025-03/schools.csv"]
    assert registered.known and registered.status == "held"
    assert landing.recover(drop.connection) == 0
    # a steward's override lets the waiting one through; the overtaken one is gone
    for load_id in held:
        drop.gate(load_id, "overridden")
    with pytest.raises(LifecourseError, match="its candidate tables are gone"):
        landing.publish(drop.connection, [held[0]])
    assert landing.publish(drop.connection, [held[1]]) == {"schools": 2}


@pytest.fixture
def school_set(drop: Drop, contracts: tuple[Contract, ...]) -> Drop:
    """The k12 files as one set of several, as the HMIS export is."""
    return _with(
        drop,
        tuple(replace(c, publish_set="k12_files") for c in contracts if c.agency == "k12"),
    )


def test_a_load_held_with_its_set_needs_the_override_of_the_culprit(school_set: Drop) -> None:
    drop = school_set
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.put("k12/2025-01/attendance_2024-12.csv", attendance("2024-12", "0000000001"))
    culprit = drop.load("k12/2025-01/schools.csv").load_id
    sibling = drop.load("k12/2025-01/attendance_2024-12.csv").load_id
    drop.gate(culprit, "failed")
    drop.gate(sibling, "passed")
    landing.hold(drop.connection, [culprit, sibling], reason="Held.")
    with pytest.raises(LifecourseError, match="its status is held and its gate says passed"):
        landing.publish(drop.connection, [sibling])
    drop.gate(culprit, "overridden")
    with pytest.raises(LifecourseError, match=r"without the rest of its set: .* is held"):
        landing.publish(drop.connection, [culprit])
    assert landing.publish(drop.connection, [culprit, sibling]) == {"schools": 1, "attendance": 1}


def test_a_set_mended_in_place_is_taken_up_whole(school_set: Drop) -> None:
    """One file of a set is rejected, the others held with it; only that one comes again."""
    drop = school_set
    drop.put("k12/2025-01/schools.csv", "school_id\n")
    drop.put("k12/2025-01/attendance_2024-12.csv", attendance("2024-12", "0000000001"))
    drop.register()
    with pytest.raises(landing.DeliveryRejected):
        drop.load("k12/2025-01/schools.csv")
    held = drop.load("k12/2025-01/attendance_2024-12.csv").load_id
    drop.gate(held)
    with pytest.raises(LifecourseError, match=r"without the rest of its set: .* is rejected"):
        landing.publish(drop.connection, [held])
    landing.hold(drop.connection, [held], reason="Held with schools.")
    assert {r.known for r in drop.register().values()} == {True}

    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.register()
    registered = drop.register()
    assert {r.status for r in registered.values()} == {"received"}
    ids = [drop.load(place).load_id for place in registered]
    assert held not in ids
    for load_id in ids:
        drop.gate(load_id)
    assert landing.publish(drop.connection, ids) == {"attendance": 1, "schools": 1}


def test_a_duplicate_in_a_set_is_reopened_when_its_twin_is_held(school_set: Drop) -> None:
    """Both deliveries wait at once; the first is held, so the second needs all its files."""
    drop = school_set
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.put("k12/2025-01/attendance_2024-12.csv", attendance("2024-12", "0000000001"))
    drop.put("k12/2025-02/schools.csv", schools("0001"))
    assert drop.register()["k12/2025-02/schools.csv"].status == "duplicate"
    ids = [
        drop.load(f"k12/2025-01/{name}").load_id
        for name in ("schools.csv", "attendance_2024-12.csv")
    ]
    landing.hold(drop.connection, ids, reason="Held.")
    assert drop.register()["k12/2025-02/schools.csv"].status == "received"


def test_waiting_lists_what_was_loaded_and_not_decided_on(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.put("k12/2025-01/enrollments.csv", "x")
    drop.register()
    load_id = drop.load("k12/2025-01/schools.csv").load_id
    found = landing.waiting(drop.connection, "k12", drop.contracts, "2025-01")
    assert [(contract.file, number) for contract, number in found] == [("schools", load_id)]
    drop.gate(load_id)
    landing.publish(drop.connection, [load_id])
    assert landing.waiting(drop.connection, "k12", drop.contracts, "2025-01") == []


# --- the tables


def test_ensure_staging_does_nothing_the_second_time(drop: Drop) -> None:
    landing.ensure_staging(drop.connection, drop.contracts)
    before = drop.state()
    landing.ensure_staging(drop.connection, drop.contracts)
    assert drop.state() == before
    assert (
        drop.one(
            "select count(distinct data_type) from information_schema.columns "
            "where table_schema like 'staging%' and column_name not like '\\_%'"
        )
        == 1
    )


def test_a_new_column_in_a_contract_reaches_table_candidate_and_view(
    drop: Drop, contracts: tuple[Contract, ...]
) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.accept("k12/2025-01/schools.csv")
    drop.put("k12/2025-02/schools.csv", schools("0001", "0002"))
    waiting = drop.load("k12/2025-02/schools.csv").load_id
    drop.connection.execute("create view reader as select * from staging_k12.schools_current")
    drop.connection.commit()
    contract = next(c for c in contracts if c.file == "schools")
    table = contract.tables[0]
    extra = replace(table.columns[0], name="charter", header="charter", key_position=None)
    # the agency's layout puts it in the middle
    columns = (*table.columns[:2], extra, *table.columns[2:])
    newer = replace(contract, version="1.1.0", tables=(replace(table, columns=columns),))
    landing.ensure_staging(drop.connection, [newer])
    landing.ensure_staging(drop.connection, [newer])
    drop.gate(waiting)
    landing.publish(drop.connection, [waiting])
    assert drop.rows(
        "select school_id, school_name, charter from staging_k12.schools_current order by 1"
    ) == [("0001", "North", None), ("0002", "North", None)]
    drop.put(
        "k12/2025-03/schools.csv",
        schools("0001").replace("school_id,", "school_id,charter,").replace("0001,", "0001,Y,"),
    )
    after = _with(drop, (newer,))
    after.accept("k12/2025-03/schools.csv")
    assert drop.rows("select school_id, charter from staging_k12.schools_current") == [
        ("0001", "Y")
    ]
    drop.connection.execute("drop view reader")
    drop.connection.commit()


# --- after a kill


LOADER = """
import sys
from pathlib import Path
from orchestration import landing, settings, warehouse
from orchestration.landing import loader
here = settings.load()
loader.WORTH_TWO = int(sys.argv[2])
contracts = landing.load_contracts(here.contracts)
with warehouse.connect(here) as connection:
    for file in landing.discover(Path(sys.argv[1]), contracts):
        registration = landing.register(connection, file)
        print(registration.load_id, flush=True)
        landing.load_candidate(connection, file, registration.load_id)
"""


@pytest.mark.parametrize("worth_two", [10**9, 0], ids=["one_connection", "two_connections"])
def test_a_loader_killed_while_copying_leaves_nothing_half_done(
    drop: Drop, settings: Settings, worth_two: int
) -> None:
    rows = 400_000
    place = "k12/2025-02/schools.csv"
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    drop.accept("k12/2025-01/schools.csv")
    (drop.folder / "k12/2025-01/schools.csv").unlink()
    drop.put(place, schools(*(str(i) for i in range(rows))))
    child = subprocess.Popen(
        [sys.executable, "-c", LOADER, str(drop.folder), str(worth_two)],
        cwd=PROJECT_ROOT,
        env=os.environ
        | {
            "LIFECOURSE_DATABASE_URL": str(settings.database_url),
            "LIFECOURSE_HOME": str(settings.home),
        },
    )
    try:
        with warehouse.connect(settings, autocommit=True) as watch:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and child.poll() is None:
                copied = watch.execute(
                    "select tuples_processed from pg_stat_progress_copy "
                    "where datname = current_database()"
                ).fetchone()
                if copied and 0 < copied[0] < rows:
                    break
                time.sleep(0.005)
            else:
                pytest.fail("the loader was never seen copying")
            child.send_signal(signal.SIGKILL)
            assert child.wait(timeout=30) == -signal.SIGKILL
    finally:
        if child.poll() is None:
            child.kill()
    assert landing.recover(drop.connection) == 1
    assert drop.rows("select status from quality.load") == [("accepted",)]
    assert drop.rows("select relname from pg_class where relname like 'schools_l%'") == [
        ("schools_l1",)
    ]
    assert landing.recover(drop.connection) == 0
    drop.accept(place)
    assert drop.one("select count(*) from staging_k12.schools_current") == rows


def test_recover_takes_back_loads_nobody_decided_on(drop: Drop) -> None:
    drop.put("k12/2025-01/schools.csv", schools("0001"))
    load_id = drop.load("k12/2025-01/schools.csv").load_id
    drop.gate(load_id)
    drop.connection.execute(
        "insert into quality.check_result (load_id, agency, file, table_name, rule_id, "
        "expectation_type, dimension, severity, status, message) values "
        "(%s, 'k12', 'schools', 'schools', 'r', 't', 'stability', 'info', 'passed', 'm')",
        (load_id,),
    )
    drop.connection.commit()
    drop.connection.execute("create table candidate_k12.schools_l77 (a text)")
    drop.connection.execute(
        "create table quality.note (of_load integer references quality.load (load_id))"
    )
    drop.connection.execute("insert into quality.note values (%s)", (load_id,))
    drop.connection.commit()
    assert landing.recover(drop.connection) == 1
    assert drop.rows("select count(*) from quality.load") == [(0,)]
    assert drop.rows("select relname from pg_class where relname like 'schools_l%'") == []
    assert drop.register()["k12/2025-01/schools.csv"].status == "received"
