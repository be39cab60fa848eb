"""`lifecourse new-source`: from a sample to rows in a staging model, with no Python written.

The acceptance runs in a copy of the project on a real PostgreSQL: two sources nobody here
described, one more file of an agency that is there already; landed, gated, published, built.
Add here: a shape of sample that agencies hand over. Keep out: what landing refuses in a delivery.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from orchestration import dbt, intake, new_source, warehouse
from orchestration.errors import UsageError
from orchestration.landing import ensure_staging
from orchestration.landing.contracts import load_contract, load_contracts
from orchestration.new_source.columns import guess_table
from orchestration.new_source.sample import Field, SampleTable, read_sample, snake_case
from orchestration.settings import PROJECT_ROOT, Settings, load

FIXTURES = PROJECT_ROOT / "tests" / "fixtures"
ENCOUNTERS = FIXTURES / "synthea" / "encounters.csv"
ACF_199 = FIXTURES / "tanf" / "ADS.E2J.FTP1.TS06"
ACF_199_LAYOUT = FIXTURES / "tanf" / "layout_fields.csv"
NOT_COPIED = (".venv", ".git", ".lifecourse", "target", "logs", ".*_cache", ".hypothesis")


def copy_project(to: Path) -> Path:
    ignore = shutil.ignore_patterns(*NOT_COPIED, "__pycache__", "*.egg-info", "profiles.yml")
    return Path(shutil.copytree(PROJECT_ROOT, to, ignore=ignore))


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True)
class Built:
    """A copy of the project with new sources, landed and built."""

    settings: Settings
    before: dict[str, bytes]
    after: dict[str, bytes]
    made: list[new_source.NewSource]
    samples: list[Path]
    rows: dict[str, int]
    results: dict[str, str]

    def count(self, model: str) -> int:
        with warehouse.connect(self.settings) as connection:
            return connection.execute(f"select count(*) from stg.{model}").fetchone()[0]


@pytest.fixture(scope="module")
def nurse_visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up file of an agency that is there: tab-separated, Windows, dates US style."""
    path = tmp_path_factory.mktemp("sample") / "nurse_visits_2025-01.txt"
    choose = random.Random(7)
    with path.open("w", encoding="cp1252", newline="") as stream:
        out = csv.writer(stream, delimiter="\t")
        out.writerow(["VisitNo", "Student ID", "Pupil Name", "DOB", "Reason", "SentHome", "Date"])
        for number in range(400):
            out.writerow(
                [
                    f"{number + 1:06d}",
                    f"00480{choose.randrange(10_000):05d}",
                    f"Gömez-{number:03d}, Zoë",
                    f"{choose.randrange(1, 13):02d}/{choose.randrange(1, 29):02d}/2014",
                    choose.choice(["INJ", "ILL", "MED"]),
                    choose.choice("YN"),
                    f"01/{choose.randrange(6, 31):02d}/2025" if number % 9 else "99/99/9999",
                ]
            )
    return path


@pytest.fixture(scope="module")
def built(
    fresh_settings: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
    nurse_visits: Path,
) -> Built:
    tmp = tmp_path_factory.mktemp("new_source")
    root = copy_project(tmp / "project")
    before = tree(root)
    settings = replace(fresh_settings("new_source"), root=root, deliveries=tmp / "deliveries")
    made = [
        new_source.create(settings, "outpatient", "visits", ENCOUNTERS),
        new_source.create(settings, "acf", "report", ACF_199, layout=ACF_199_LAYOUT),
        new_source.create(settings, "k12", "nurse_visits", nurse_visits),
    ]
    after = tree(root)
    samples = [ENCOUNTERS, ACF_199, nurse_visits]
    for one, sample in zip(made, samples, strict=True):
        folder = settings.deliveries / one.agency / "2025-01"
        folder.mkdir(parents=True)
        shutil.copyfile(sample, folder / sample.name)
    rows: dict[str, int] = {}
    names = {(one.agency, one.file) for one in made}
    contracts = [c for c in load_contracts(settings.contracts) if (c.agency, c.file) in names]
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        ensure_staging(connection, contracts)
        connection.commit()
    for file_set in intake.file_sets(contracts):
        assert intake.load(settings, file_set, "2025-01")
        reports = intake.gate(settings, file_set, "2025-01")
        failed = [r.message for g in reports for r in g.results if r.status in ("failed", "error")]
        assert all(report.passed for report in reports) and not failed, failed
        rows |= intake.publish(settings, file_set, "2025-01")
    target = ["--target-path", str(root / "target")]
    models = [f"+{model}" for one in made for model in one.models]
    exit_code = dbt.passthrough(settings, ["build", "--quiet", *target, "--select", *models])
    results = json.loads((root / "target" / "run_results.json").read_text())["results"]
    by_node = {result["unique_id"]: result["status"] for result in results}
    assert exit_code == 0, {node: s for node, s in by_node.items() if s not in ("success", "pass")}
    return Built(settings, before, after, made, samples, rows, by_node)


# --- the acceptance


def test_rows_of_a_csv_never_seen_before_arrive_in_staging(built: Built):
    assert built.count("stg_outpatient__visits") == 120
    with warehouse.connect(built.settings) as connection:
        row = connection.execute(
            "select count(distinct source_visits_id), count(start_at), count(total_claim_cost), "
            "bool_and(stop_at >= start_at) from stg.stg_outpatient__visits"
        ).fetchone()
    assert row == (120, 120, 120, True)


def test_every_record_type_of_a_fixed_width_file_arrives_in_staging(built: Built):
    counts = {t: built.count(f"stg_acf__report_{t}") for t in ("t1", "t2", "t3")}
    assert counts == {"t1": 815, "t2": 882, "t3": 946}  # HEADER and TRAILER say 2,643 records
    with warehouse.connect(built.settings) as connection:
        months = connection.execute(
            "select count(distinct rpt_month_year), count(*) filter (where cash_amount is null) "
            "from stg.stg_acf__report_t1"
        ).fetchone()
    assert months == (3, 0)


def test_a_file_of_an_agency_that_is_there_joins_its_sources(built: Built):
    with warehouse.connect(built.settings) as connection:
        row = connection.execute(
            "select count(*), count(date_of_birth_or_dob), count(visit_date), "
            "count(*) filter (where is_sent_home) between 100 and 300 from (select *, "
            "dob_date as date_of_birth_or_dob, date as visit_date "
            "from stg.stg_k12__nurse_visits) as v"
        ).fetchone()
    # every ninth date is 99/99/9999, which stands for unknown
    assert row == (400, 400, 355, True)
    for name in ("_k12__sources.yml", "_k12__models.yml"):
        path = f"models/staging/k12/{name}"
        old, new = built.before[path].decode(), built.after[path].decode()
        assert all(line in new for line in old.splitlines())
        assert new.startswith(old[:200])


def test_grain_and_unit_tests_of_every_new_model_pass(built: Built):
    for one in built.made:
        for model in one.models:
            unit = f"unit_test.lifecourse.{model}.{model}__text_becomes_values"
            grain = [
                n for n in built.results if n.startswith(f"test.lifecourse.unique_grain_{model}")
            ]
            assert built.results[unit] == "pass"
            assert [built.results[node] for node in grain] == ["pass"]


def test_no_python_is_written_and_nothing_else_is_touched(built: Built):
    changed = {path for path in built.after if built.after[path] != built.before.get(path)}
    said = {str(p) for one in built.made for p in (*one.written, *one.extended)}
    assert changed == said
    assert set(built.before) <= set(built.after)
    assert {Path(path).suffix for path in changed} <= {".yml", ".sql", ".csv", ".txt", ".TS06", ""}


def test_no_value_of_a_person_is_written(built: Built):
    """Of identifiers and quasi-identifiers no value but a code stands in any file made."""
    for one, sample in zip(built.made, built.samples, strict=True):
        contract = load_contract(
            built.settings.contracts / one.agency / f"{one.file}.yml",
        )
        layout = ACF_199_LAYOUT if contract.file_format == "fixed_width" else None
        text = "\n".join(
            part.decode() for path, part in built.after.items() if Path(path) in one.written
        )
        looked_at = 0
        for table, found in zip(contract.tables, read_sample(sample, layout).tables, strict=True):
            for column, values in zip(table.columns, zip(*found.rows, strict=True), strict=True):
                if column.role == "content" or column.codes:
                    continue
                # shorter texts, such as the digits of a county, and zeros stand in any file
                telling = {value for value in values if len(value) > 5 and len(set(value)) > 2}
                shown = {value for value in telling if value in text}
                looked_at += len(telling)
                assert not shown, f"{column.name}: {len(shown)} values are shown"
        assert looked_at > 100


def test_what_is_written_is_in_the_style_of_the_house(built: Built):
    files = [str(p) for one in built.made for p in one.written if p.suffix == ".sql"]
    lint = subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), "lint", "--disable-progress-bar", *files],
        cwd=built.settings.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout[-2000:]


def test_every_next_step_is_a_line_that_asks_for_a_person(built: Built):
    for one in built.made:
        steps = [step for step in one.next_steps if step.path.name != "CONTRIBUTING.md"]
        for step in steps:
            line = built.after[str(step.path)].decode().splitlines()[step.line - 1]
            assert f"confirm: {step.what}" in line
        told = new_source.describe(one)
        assert all(str(path) in told for path in (*one.written, *one.extended))
        assert all(step.what in told for step in steps)
        asked = " ".join(step.what for step in steps)
        assert ("statute" in asked and "owns these data" in asked) or one.agency == "k12"


def test_a_source_that_is_there_is_never_overwritten(built: Built):
    before = tree(built.settings.root / "expectations")
    with pytest.raises(UsageError, match=r"expectations/outpatient/visits.yml is there already"):
        new_source.create(built.settings, "outpatient", "visits", ENCOUNTERS)
    with pytest.raises(UsageError, match="is there already"):
        new_source.create(built.settings, "outpatient", "more_visits", ENCOUNTERS)
    assert tree(built.settings.root / "expectations") == before


# --- all or nothing


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Settings on a project with nothing in it but dbt's own file."""
    root = tmp_path / "project"
    for folder in ("expectations", "models", "tests/fixtures"):
        (root / folder).mkdir(parents=True)
    shutil.copyfile(PROJECT_ROOT / "dbt_project.yml", root / "dbt_project.yml")
    return replace(load(), root=root)


def test_a_write_that_fails_leaves_nothing(empty: Settings):
    # the fixture's folder is a file, so the last of the new files cannot be written
    (empty.root / "tests" / "fixtures" / "outpatient").write_text("in the way")
    before = tree(empty.root)
    folders = {path for path in empty.root.rglob("*") if path.is_dir()}
    with pytest.raises(Exception, match="nothing was changed"):
        new_source.create(empty, "outpatient", "visits", ENCOUNTERS)
    assert tree(empty.root) == before
    assert {path for path in empty.root.rglob("*") if path.is_dir()} == folders


def made_csv(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.csv", b"", "it is empty"),
        ("header.csv", b"a,b,c\n", "no rows"),
        ("values.csv", b"1,2024-01-01\n2,2024-01-02\n", "no header"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "parted"),
        ("wide.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("page.csv", b"<!doctype html><html></html>\n", "HTML"),
        ("twice.csv", b"a,a\n1,2\n", "twice"),
    ],
)
def test_a_sample_that_cannot_be_landed_is_refused(empty, tmp_path, name, data, says):
    before = tree(empty.root)
    with pytest.raises(UsageError, match=says):
        new_source.create(empty, "outpatient", "visits", made_csv(tmp_path, name, data))
    assert tree(empty.root) == before


# --- reading samples


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        (b"id,name\n1,Ana\n2,Bo\n", "utf-8", ","),
        ("id;name\n1;Zoë, B\n2;Bo, C\n".encode(), "utf-8", ";"),
        ("id|name\n1|Zoë\n2|Bo\n".encode("cp1252"), "cp1252", "|"),
        (b"\xef\xbb\xbfid\tname\n1\tAna\n", "utf-8", "\t"),
        (b'id,name\n1,"Ruiz, Ana"\n2,"Diaz, Bo"\n', "utf-8", ","),
    ],
)
def test_encoding_and_delimiter_are_found(tmp_path, data, encoding, delimiter):
    sample = read_sample(made_csv(tmp_path, "sample.csv", data))
    assert (sample.encoding, sample.delimiter) == (encoding, delimiter)
    assert [field.header for field in sample.tables[0].fields] == ["id", "name"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("PersonalID", "personal_id"),
        ("BASE_ENCOUNTER_COST", "base_encounter_cost"),
        ("Home Zip (5)", "home_zip_5"),
        ("user", "user_field"),
        ("2nd visit", "c_2nd_visit"),
        ("SSNDataQuality", "ssn_data_quality"),
    ],
)
def test_headers_become_snake_case(header, name):
    assert snake_case(header) == name


def test_a_layout_may_count_from_one_and_have_one_record_type(tmp_path, empty):
    layout = made_csv(tmp_path, "layout.csv", b"name,start,end\nSSN,1,9\nWAGE,10,16\nYEAR,17,20\n")
    lines = "".join(f"{536000000 + n}{n:07d}2024\n" for n in range(1, 400))
    sample = made_csv(tmp_path, "wages_2024Q4.txt", lines.encode())
    one = new_source.create(empty, "labor", "wages", sample, layout=layout)
    contract = load_contract(empty.contracts / "labor" / "wages.yml")
    assert one.tables == {"wages": 399}
    assert contract.delivery_kind == "increment"
    assert contract.matches("wages_2025Q1.txt")["period"] == "2025Q1"
    columns = {c.name: c for c in contract.tables[0].columns}
    assert [(c.start, c.end) for c in columns.values()] == [(1, 9), (10, 16), (17, 20)]
    assert columns["ssn"].role == "identifier"
    assert columns["wage"].logical_type == "integer"


def test_segments_that_repeat_become_rows_and_no_number_stands_on_another_person(tmp_path):
    header = b"record,segment,name,start0,end0_exclusive\n"
    whole = b"C1,1,CASE,2,5\nC1,1,SSN,5,14\nC1,1,SEX,14,15\nC1,2,SSN,15,24\nC1,2,SEX,24,25\n"
    part = b"C1,1,CASE,2,5\nC1,1,SSN,5,14\nC1,1,SEX,14,15\nC1,2,SEX,24,25\n"
    lines = b"C1001900000001F900000002M\nC1002900000003M          \n"
    sample = made_csv(tmp_path, "children.txt", lines)
    table = read_sample(sample, made_csv(tmp_path, "whole.csv", header + whole)).tables[0]
    assert table.segment_offsets == (0, 10)
    assert [row[0] + row[1][-1] for row in table.rows] == ["0011", "0012", "0023"]
    table = read_sample(sample, made_csv(tmp_path, "part.csv", header + part)).tables[0]
    assert table.segment_offsets == (0,)
    assert len(table.rows) == 2
    # the second number is landed, in a column that the layout has no name for
    assert [f.name for f in table.fields] == ["case_field", "ssn", "sex", "unnamed_16_24", "sex_2"]


def test_a_record_type_without_a_layout_is_refused(tmp_path):
    layout = made_csv(tmp_path, "layout.csv", b"record,name,start0,end0_exclusive\nA1,X,2,5\n")
    sample = made_csv(tmp_path, "file.txt", b"A1001\nB1002\nA1003\n")
    with pytest.raises(UsageError, match="line 2 has a record type"):
        read_sample(sample, layout)


# --- guesses


def guess(header: str, values: list[str], **other: list[str]) -> Any:
    columns = {header: values, **other}
    fields = tuple(Field(header=name, name=snake_case(name)) for name in columns)
    rows = tuple(zip(*columns.values(), strict=True))
    return guess_table("t", SampleTable(fields, rows))


@pytest.mark.parametrize(
    ("header", "values", "expected"),
    [
        ("x1", [f"536-22-{n:04d}" for n in range(400)], ("string", "identifier")),
        ("x2", [f"p{n}@example.org" for n in range(400)], ("string", "identifier")),
        ("x3", [f"(302) 555-{n:04d}" for n in range(400)], ("string", "identifier")),
        ("x4", [f"A{n:07d}" for n in range(400)], ("string", "identifier")),
        ("LastName", ["Ruiz", "Diaz"] * 200, ("string", "identifier")),
        ("SchoolName", ["North", "South"] * 200, ("string", "content")),
        ("MedicaidNo", [f"{n:09d}" for n in range(400)], ("string", "identifier")),
        ("DOB", ["01/31/2014", "99/99/9999"] * 200, ("date", "quasi_identifier")),
        ("Zip", ["01801", "19801"] * 200, ("string", "quasi_identifier")),
        ("Gender", ["F", "M"] * 200, ("string", "quasi_identifier")),
        ("DaysPresent", ["1", "20"] * 200, ("integer", "content")),
        ("GradeLevel", ["01", "12"] * 200, ("string", "content")),
        ("Amount", ["1.50", "20"] * 200, ("number", "content")),
        ("EntryDate", ["20250131", "20240229"] * 200, ("date", "content")),
        ("CaseOpened", ["2025-01-31 08:00", "2024-02-29 09:00", *["2024-03-01 09:00"] * 398],
         ("string", "content")),
    ],
)  # fmt: skip
def test_type_and_role_of_a_column(header, values, expected):
    column = guess(header, values).columns[0]
    assert (column.logical_type, column.role) == expected


def test_codes_are_listed_only_when_the_sample_has_met_them_all():
    full = guess("status", ["A", "B", "C"] * 200).columns[0]
    assert full.codes == ("A", "B", "C")
    # every tenth row brings a value of its own: the list is far from complete
    half = ["A"] * 270 + [f"X{n}" for n in range(30)]
    assert guess("status", half).columns[0].codes is None
    assert guess("patient_id", ["7", "8"] * 200).columns[0].codes is None


def test_required_needs_enough_rows():
    assert not guess("branch", ["N", "S"] * 100).columns[0].required
    assert guess("branch", ["N", "S"] * 200).columns[0].required
    assert not guess("branch", ["N", ""] * 200).columns[0].required


def test_the_key_is_the_smallest_combination_and_no_measure():
    ids = [f"{n // 2:05d}" for n in range(400)]
    months = ["2025-01", "2025-02"] * 200
    amounts = [f"{n}.01" for n in range(400)]
    table = guess("client_id", ids, report_month=months, amount=amounts)
    assert [column.name for column in table.key] == ["client_id", "report_month"]
    assert guess("amount", amounts).key == ()
    assert guess("client_id", ids[:10]).key == ()
    doubled = guess("client_id", ids, report_month=["2025-01"] * 400)
    assert doubled.key == () and "the line is the grain" in doubled.key_doubt
