"""The fictional county: same arguments same bytes, the agencies' layouts, the quirks each file
must have, a truth that covers every delivered identity and leaks into none.

Add here: a property every generated county must have. Keep out: how well it can be linked
(test_linkage.py).
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import county, settings
from orchestration.bench import county as bench
from orchestration.cli import main
from orchestration.county.delivery import Desk
from orchestration.errors import LifecourseError, UnusableEnvironment, UsageError
from orchestration.landing.contracts import load_contracts

PERSONS = 12_000
MONTHS = 5
BAD = "2025-06"
LAST = "2025-05"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("county")
    county.generate(out, persons=PERSONS, months=MONTHS, seed=7)
    return out


@pytest.fixture(scope="module")
def contracts():
    return load_contracts(settings.load().contracts)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def rows(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as handle:
        return list(csv.DictReader(handle, delimiter=delimiter))


def fixed(path: Path, contract) -> list[dict[str, str]]:
    """The records of a fixed-width file, fields by the contract's positions."""
    return [
        {c.header: line[c.start - 1 : c.end].strip() for c in contract.tables[0].columns}
        for line in path.read_text(encoding=contract.encoding).splitlines()
    ]


def one(contracts, agency: str, file: str):
    """The contract of one file."""
    return next(c for c in contracts if (c.agency, c.file) == (agency, file))


def jail(folder: Path) -> list[dict[str, str]]:
    return rows(folder / "bookings.csv", "cp1252", "|")


def messages(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="ascii").splitlines()
    return [{k: "" if v is None else str(v) for k, v in json.loads(x).items()} for x in lines]


def delivered(made: Path) -> list[tuple[str, str, Path]]:
    """(agency, delivery, path) of every delivered file."""
    return [
        (p.parts[-3], p.parts[-2], p)
        for p in sorted((made / "observed").glob("*/*/*"))
        if p.name != "manifest.json"
    ]


def wage_lines(made: Path) -> list[str]:
    return [
        line
        for path in sorted((made / "observed" / "wages").glob("*/*.txt"))
        for line in path.read_text(encoding="ascii").splitlines()
    ]


def wage_key(line: str) -> str:
    return "|".join((line[:9], line[9:24].strip(), line[24].strip(), line[25:45].strip()))


# -- the same arguments give the same bytes ---------------------------------------------------


def test_same_arguments_same_bytes_in_another_process(tmp_path):
    county.generate(tmp_path / "a", persons=600, months=2, seed=3)
    code = (
        "from pathlib import Path; from orchestration import county; "
        f"county.generate(Path({str(tmp_path / 'b')!r}), persons=600, months=2, seed=3)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=settings.PROJECT_ROOT,
        env={"PYTHONHASHSEED": "12345", "PATH": "", "TZ": "Asia/Tokyo"},
    )
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_the_number_of_processes_changes_no_byte(tmp_path):
    one = county.generate(tmp_path / "a", persons=600, months=2, processes=1)
    two = county.generate(tmp_path / "b", persons=600, months=2, processes=2)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert (one.rows, one.truth, one.files, one.size) == (two.rows, two.truth, two.files, two.size)


def test_another_seed_gives_another_county(tmp_path):
    county.generate(tmp_path / "a", persons=600, months=1, seed=3)
    county.generate(tmp_path / "b", persons=600, months=1, seed=4)
    first, second = hashes(tmp_path / "a"), hashes(tmp_path / "b")
    same = {name for name in first if second.get(name) == first[name]}
    # only what does not depend on persons may be alike: header-only files, the federal file
    assert not {n for n in same if "births" in n or "Client" in n or "truth" in n}


def test_a_smaller_county_in_the_same_folder_leaves_nothing_behind(tmp_path):
    county.generate(tmp_path, persons=600, months=3)
    county.generate(tmp_path, persons=600, months=1, bad_delivery=False)
    deliveries = {p.parent.name for p in (tmp_path / "observed").glob("*/*/*")}
    assert deliveries == {"2025-01"}
    assert json.loads((tmp_path / "county.json").read_text())["bad_delivery"] is None


# -- layouts ----------------------------------------------------------------------------------


def test_every_file_has_exactly_one_contract_and_every_contract_a_file(made, contracts):
    used = set()
    for agency, _, path in delivered(made):
        fits = [
            c for c in contracts if c.agency == agency and re.fullmatch(c.file_pattern, path.name)
        ]
        assert len(fits) == 1, path.name
        used.add((agency, fits[0].file))
    # nor is the homeless services' older format, unless it is asked for, nor a file of encodings,
    # which an agency makes with `lifecourse linkage encode`
    not_made = {"hmis_2024", "reentry"}
    never = {(c.agency, c.file) for c in contracts
             if c.access_class == "unavailable" or c.agency in not_made}  # fmt: skip
    assert used == {(c.agency, c.file) for c in contracts} - never


def test_headers_keys_and_codes_are_the_contracts(made, contracts):
    for agency, delivery, path in delivered(made):
        contract = next(
            c for c in contracts if c.agency == agency and re.fullmatch(c.file_pattern, path.name)
        )
        table = contract.tables[0]
        if len(contract.tables) > 1:
            continue  # the federal file is not made here
        if contract.file_format == "fixed_width":
            data = fixed(path, contract)
        elif contract.file_format == "excel":
            continue  # text only here; the gate reads the workbooks
        elif contract.file_format == "ndjson":
            data = messages(path)
            assert all(list(m) == [c.header for c in table.columns] for m in data), path.name
        else:
            lines = path.read_text(encoding=contract.encoding).splitlines()
            headers = [c.header for c in table.columns]
            assert lines[0].split(contract.delimiter) == headers, path.name
            data = rows(path, contract.encoding, contract.delimiter)
        for column in table.columns:
            values = {r[column.header] for r in data} - {""}
            if column.codes:
                assert values <= set(column.codes), (path.name, column.header)
            if column.required:
                assert all(r[column.header] for r in data), (path.name, column.header)
        keys = [c.header for c in table.columns if c.key_position]
        if keys and (agency, delivery) != ("benefits", BAD):
            count = Counter(tuple(r[k] for k in keys) for r in data)
            assert max(count.values(), default=1) == 1, path.name


def test_wage_lines_have_the_fixed_layout(made):
    lines = wage_lines(made)
    assert len(lines) > 5_000
    for line in lines:
        assert re.fullmatch(r"\d{9}.{36}10\d{10}\d{5}\d{9}20\d\d[1-4][-\d]\d{9}", line), len(line)


def test_wages_come_one_quarter_late(made):
    names = {(p.parent.name, p.name) for a, _, p in delivered(made) if a == "wages"}
    assert names == {
        ("2025-01", "wages_2024Q1.txt"),
        ("2025-01", "wages_2024Q2.txt"),
        ("2025-01", "wages_2024Q3.txt"),
        ("2025-04", "wages_2024Q4.txt"),
    }


def workbook_rows(path: Path) -> list[list]:
    from python_calamine import CalamineWorkbook

    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def test_manifests_count_and_hash_every_file(made):
    for manifest in sorted((made / "observed").glob("*/*/manifest.json")):
        content = json.loads(manifest.read_text())
        assert content["agency"] == manifest.parts[-3]
        assert content["delivery"] == manifest.parts[-2]
        listed = {f["name"] for f in content["files"]}
        assert listed == {p.name for p in manifest.parent.iterdir()} - {"manifest.json"}
        for entry in content["files"]:
            data = (manifest.parent / entry["name"]).read_bytes()
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
            assert entry["bytes"] == len(data)
            if entry["name"].endswith(".xlsx"):
                # a title of two lines, the header and the line with the sum are no rows
                assert entry["rows"] == len(workbook_rows(manifest.parent / entry["name"])) - 4
                continue
            lines = [x for x in data.split(b"\n") if x]
            frame = 1 if entry["name"].endswith((".csv", ".tsv")) else 0
            frame += sum(x.startswith((b"HEADER", b"TRAILER")) for x in lines)
            assert entry["rows"] == len(lines) - frame


def test_the_federal_tanf_file_is_the_public_one(made):
    name = "ADS.E2J.FTP1.TS06"
    fixture = settings.PROJECT_ROOT / "tests" / "fixtures" / "tanf" / name
    assert (made / "observed/tanf_acf/2025-01" / name).read_bytes() == fixture.read_bytes()


# -- quirks -----------------------------------------------------------------------------------


def test_death_records_stand_in_the_positions_of_the_ije_record(made, contracts):
    """Every line as long as the layout; each field where the contract says, none beside them."""
    contract = one(contracts, "vital", "deaths")
    text = (made / "observed/vital" / LAST / "deaths.mor").read_text(encoding="ascii")
    spans = [(c.start, c.end) for c in contract.tables[0].columns]
    assert {len(line) for line in text.splitlines()} == {max(end for _, end in spans)} == {1857}
    free = set(range(1, 1858)) - {p for start, end in spans for p in range(start, end + 1)}
    for line in text.splitlines():
        assert not any(line[p - 1] != " " for p in free)
    deaths = fixed(made / "observed/vital" / LAST / "deaths.mor", contract)
    assert all(re.fullmatch(r"20(1[89]|2\d)", d["DOD_YR"]) for d in deaths)
    assert {d["DOD_DY"] for d in deaths} >= {"99", "01", "28"}
    assert any(d["DOB_MO"] == "99" and d["DOB_DY"] == "99" for d in deaths)
    assert any(sum(d[f"RACE{k}"] == "Y" for k in range(1, 16)) == 2 for d in deaths)
    assert any("H" in d[f"DETHNIC{k}"] for d in deaths for k in range(1, 5))
    assert all(d["MNAME"] == d["DMIDDLE"][:1] for d in deaths)
    assert {d["AGETYPE"] for d in deaths} >= {"1", "2", "4"}
    assert sum(d["VOID"] == "1" for d in deaths) >= 1


def test_quirks_of_vital_records(made, contracts):
    births = rows(made / "observed/vital" / LAST / "births.csv")
    deaths = fixed(made / "observed/vital" / LAST / "deaths.mor", one(contracts, "vital", "deaths"))
    assert sum(b["VOID"] == "1" for b in births) >= 1
    assert sum(b["PLUR"] == "02" for b in births) >= 4
    assert {b["SORD"] for b in births} == {"", "01", "02"}
    assert 0.05 < sum(b["DADFNAME"] == "" for b in births) / len(births) < 0.5
    assert sum(b["MDOB_MO"] == "99" for b in births) >= 1
    assert sum(b["MDOB_YR"] == "9999" for b in births) >= 1
    assert any(b["MDOB_MO"] != "99" and b["MDOB_DY"] == "99" for b in births)  # the month only
    renamed = sum(b["MOMLNAME"] != b["MOMMAIDN"] for b in births) / len(births)
    assert 0.2 < renamed < 0.8
    late = [
        b for b in births
        if date(int(b["DOR_YR"]), int(b["DOR_MO"]), int(b["DOR_DY"])).toordinal()
        - date(int(b["IDOB_YR"]), int(b["IDOB_MO"]), int(b["IDOB_DY"])).toordinal() > 180
    ]  # fmt: skip
    assert late
    assert {b["IDOB_YR"] for b in births} == {str(y) for y in range(2018, 2026)}
    infants = [d for d in deaths if d["BCNO"]]
    numbers = {(b["FILENO"], b["IDOB_YR"]) for b in births}
    assert infants and all((d["BCNO"], d["DOB_YR"]) in numbers for d in infants)
    assert sum(d["SSN"] == "" for d in deaths) >= 3


def test_quirks_of_schools(made):
    folder = made / "observed/k12" / LAST
    enrolled = rows(folder / "enrollments.csv")
    assert all(re.fullmatch(r"\d{10}", e["student_id"]) for e in enrolled)
    assert sum(e["student_id"].startswith("0") for e in enrolled) > 100
    assert sum(e["exit_type"] == "W5" for e in enrolled) >= 2  # no-shows
    assert sum(e["exit_type"] == "W8" and e["entry_date"] == e["exit_date"] for e in enrolled) >= 2
    spans = defaultdict(list)
    for e in enrolled:
        if e["exit_date"] != e["entry_date"]:
            spans[e["student_id"]].append(
                (e["entry_date"], e["exit_date"] or "9999", e["school_id"])
            )
    concurrent = [s for v in spans.values() for s, n in pairwise(sorted(v))
                  if n[0] < s[1] and n[2] != s[2]]  # fmt: skip
    assert concurrent
    assert {e["school_year"] for e in enrolled} == {"2024", "2025"}
    attendance = rows(folder / f"attendance_{LAST}.csv")
    for a in attendance:
        kinds = ("days_absent_excused", "days_absent_unexcused", "days_suspended")
        absent = sum(float(a[k]) for k in kinds)
        assert int(a["days_enrolled"]) == float(a["days_present"]) + absent
        assert int(a["days_enrolled"]) > 0
    present = sum(float(a["days_present"]) for a in attendance)
    assert 0.9 < present / sum(int(a["days_enrolled"]) for a in attendance) < 0.98
    assert sum(s["close_date"] != "" for s in rows(folder / "schools.csv")) == 1


def test_quirks_of_benefits(made):
    months = [
        rows(made / "observed/benefits" / d / f"case_members_{d}.csv")
        for d in ("2025-01", "2025-02", "2025-03", "2025-04", LAST)
    ]
    members = months[-1]
    ssns = Counter(m["ssn"] for m in members)
    assert sum(ssns[p] for p in ("000000000", "111111111", "999999999", "123456789")) >= 4
    assert ssns[""] >= 2
    dobs = Counter(m["birth_date"] for month in months for m in month)
    assert dobs["01/01/1900"] and dobs["99/99/9999"]
    cases = defaultdict(set)
    for m in members:
        cases[(m["program"], m["client_id"])].add(m["case_number"])
    assert any(len(c) > 1 for c in cases.values())  # one person on two cases
    assert {m["case_status"] for m in members} == {"A", "S"}
    assert {m["program"] for m in members} == {"SNAP", "TANF"}
    amounts = defaultdict(set)
    for m in members:
        amounts[(m["program"], m["case_number"])].add(m["benefit_amount"])
    assert all(len(a) == 1 for a in amounts.values())  # the amount is the case's


def test_case_numbers_are_given_out_again_to_another_family(made):
    person = {
        r["source_person_key"]: r["person"]
        for r in rows(made / "truth/records.csv")
        if r["source_system"] == "benefits"
    }
    families = defaultdict(list)
    for path in sorted((made / "observed/benefits").glob("*/case_members_*.csv"))[:MONTHS]:
        grouped = defaultdict(set)
        for m in rows(path):
            grouped[(m["program"], m["case_number"])].add(person[m["client_id"]])
        for key, members in grouped.items():
            families[key].append(members)
    strangers = [v for v in families.values() if any(not a & b for a, b in pairwise(v))]
    assert 1 <= len(strangers) < len(families) * 0.05


def test_half_a_year_and_more(tmp_path):
    county.generate(tmp_path, persons=6_000, months=12, bad_delivery=False)
    # client ids come back for others half a year after their last use, and only then
    owners = defaultdict(set)
    for r in rows(tmp_path / "truth/records.csv"):
        if r["source_system"] == "benefits":
            owners[r["source_person_key"]].add(r["person"])
    again = {key for key, persons in owners.items() if len(persons) > 1}
    assert 1 <= len(again) < len(owners) * 0.01
    months = {
        p.parent.name: {m["client_id"] for m in rows(p)}
        for p in sorted((tmp_path / "observed/benefits").glob("*/case_members_*.csv"))
    }
    for key in again:
        used = [k for k, ids in enumerate(months.values()) if key in ids]
        assert max(b - a for a, b in pairwise(used)) > 6
    # the summer has no report of attendance, and in August the school years roll on
    attendance = {p.name for p in (tmp_path / "observed/k12").glob("*/attendance_*.csv")}
    assert "attendance_2025-06.csv" in attendance
    assert not {"attendance_2025-07.csv", "attendance_2025-08.csv"} & attendance
    june = rows(tmp_path / "observed/k12/2025-06/enrollments.csv")
    august = rows(tmp_path / "observed/k12/2025-08/enrollments.csv")
    assert {e["school_year"] for e in june} == {"2024", "2025"}
    assert {e["school_year"] for e in august} == {"2025", "2026"}
    assert abs(len(august) / len(june) - 1) < 0.15


def test_quirks_of_wages(made):
    lines = wage_lines(made)
    names = defaultdict(set)
    for line in lines:
        names[line[:9]].add(line[9:45])
    assert sum(len(n) > 1 for n in names.values()) >= 20  # several names on one SSN
    assert any(int(line[76:86]) == 0 for line in lines)
    assert any(int(line[76:86]) < 0 for line in lines)
    assert any(line[62:71] == "000000000" for line in lines)
    per = Counter((line[:9], line[47:57], line[71:76]) for line in lines)
    assert sum(n > 1 for n in per.values()) >= 10  # several lines per worker and employer


def test_quirks_of_homeless_services(made):
    folder = made / "observed/hmis" / LAST
    clients = rows(folder / "Client.csv")
    enrolments = rows(folder / "Enrollment.csv")
    exits = {e["EnrollmentID"]: e for e in rows(folder / "Exit.csv")}
    partial = [c for c in clients if c["SSNDataQuality"] == "2"]
    assert partial and all(re.fullmatch(r"x{5}\d{4}", c["SSN"]) for c in partial)
    assert all(c["SSN"] == "" for c in clients if c["SSNDataQuality"] in ("8", "9", "99"))
    assert any(c["DOBDataQuality"] == "2" and c["DOB"].endswith("-01-01") for c in clients)
    assert any(c["DOB"] == "" for c in clients)
    assert any(e["DateDeleted"] for e in enrolments)
    assert 0 < len(exits) < len(enrolments)
    entry = {e["EnrollmentID"]: e["EntryDate"] for e in enrolments}
    assert all(x["ExitDate"] >= entry[i] for i, x in exits.items())
    heads = Counter(e["HouseholdID"] for e in enrolments if e["RelationshipToHoH"] == "1")
    assert max(heads.values()) == 2
    shelter = {p["ProjectID"] for p in rows(folder / "Project.csv") if p["ProjectType"] in "01"}
    nights = rows(folder / "Services.csv")
    assert nights and {n["EnrollmentID"] for n in nights} <= set(entry)
    stays = defaultdict(list)
    for e in enrolments:
        if not e["DateDeleted"]:
            out = exits.get(e["EnrollmentID"], {}).get("ExitDate", "9999")
            stays[e["PersonalID"]].append((e["EntryDate"], out))
    assert any(b[0] < a[1] for v in stays.values()
               for a, b in pairwise(sorted(v)))  # fmt: skip
    assert shelter and sum(len(e["HouseholdID"]) > 0 for e in enrolments) == len(enrolments)


def test_quirks_of_the_jail(made):
    bookings = jail(made / "observed/jail" / LAST)
    assert any(b["release_dttm"] == "" for b in bookings)
    assert any(b["ssn_last4"] == "" for b in bookings)
    names = defaultdict(set)
    for b in bookings:
        names[b["jacket_no"]].add((b["first_name"], b["birth_date"]))
    assert any(len(n) > 1 for n in names.values())  # aliases
    released = {(b["jacket_no"], b["release_dttm"][:10]) for b in bookings if b["release_dttm"]}
    again = [b for b in bookings if (b["jacket_no"], b["booking_dttm"][:10]) in released
             and b["release_dttm"][:10] != b["booking_dttm"][:10]]  # fmt: skip
    assert again  # booked anew on the day of a release
    assert {b["release_reason"] for b in bookings} >= {"", "BND", "TSV", "TRN"}
    raw = (made / "observed/jail" / LAST / "bookings.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):  # code page 1252, and it shows
        raw.decode("utf-8")


def test_quirks_of_child_welfare(made):
    folder = made / "observed/child_welfare" / LAST
    reports = rows(folder / "child_file.csv")
    first = rows(made / "observed/child_welfare/2025-01/child_file.csv")

    def day(mmddyyyy: str) -> str:
        return mmddyyyy[4:] + mmddyyyy[:4]

    # a report id stands for several children, and for another report in another year
    assert len({r["RPTID"] for r in reports}) < len({(r["SUBYR"], r["RPTID"]) for r in reports})
    assert len({(r["SUBYR"], r["RPTID"]) for r in reports}) < len(reports)
    assert {"998", "999", "003"} <= {r["RPTCNTY"] for r in reports}
    unborn = [r for r in reports if r["CHAGE"] == "77"]
    assert unborn and all(day(r["RPTDT"]) < day(r["CHBDATE"]) for r in unborn if r["CHBDATE"])

    def key(r: dict[str, str]) -> tuple[str, str, str]:
        return r["SUBYR"], r["RPTID"], r["CHID"]

    gone = {key(r) for r in first} - {key(r) for r in reports}
    assert 0 < len(gone) < len(first) * 0.02  # expunged
    clients = {c["client_id"]: c for c in rows(folder / "clients.csv")}
    links = rows(folder / "id_links.csv")
    ids = defaultdict(set)
    for link in links:
        ids[link["client_id"]].add(link["CHID"])
        assert link["client_id"] in clients
    assert any(len(i) > 1 for i in ids.values())  # encrypted anew each year
    assert {(r["SUBYR"], r["CHID"]) for r in reports} <= {(x["SUBYR"], x["CHID"]) for x in links}
    removals = {r["removal_id"]: r for r in rows(folder / "removals.csv")}
    ended = [r for r in removals.values() if r["discharge_date"] != "3999-12-31"]
    assert 0 < len(ended) < len(removals)
    birth = {c: f"{v['birth_date'][6:]}-{v['birth_date'][:2]}-{v['birth_date'][3:5]}"
             for c, v in clients.items()}  # fmt: skip
    assert any(r["removal_date"] < birth[r["client_id"]] for r in removals.values())
    stay = [date.fromisoformat(r["discharge_date"]) - date.fromisoformat(r["removal_date"])
            for r in ended]  # fmt: skip
    assert any(s.days < 8 for s in stay) and any(s.days > 365 for s in stay)
    assert any(r["responsible_agency"] == "JJ" for r in removals.values())
    placements = rows(folder / "placements.csv")
    assert any(p["end_date"] == "9999-12-31" for p in placements)
    assert {"R", "S", "T"} == {p["purpose"] for p in placements}
    around = defaultdict(list)
    for p in placements:
        around[p["removal_id"]].append(p)
    assert all(
        any(o["purpose"] != "S" and o["begin_date"] < p["begin_date"] < o["end_date"]
            for o in around[p["removal_id"]])
        for p in placements if p["purpose"] == "S"
    )  # fmt: skip
    halves = sorted(p.name for p in (made / "observed/child_welfare").glob("*/foster_care_*"))
    assert halves == [f"foster_care_{p}.csv" for p in ("202309", "202403", "202409", "202503")]
    # a child keeps its number within a submission year, and has another one in the next
    care = {h: {r["RecNumbr"] for r in rows(next((made / "observed/child_welfare").glob(f"*/{h}")))}
            for h in halves}  # fmt: skip
    assert care[halves[1]] & care[halves[2]] and not care[halves[2]] & care[halves[3]]


def test_quirks_of_child_care_licensing(made):
    providers = {
        p["provider_id"]: p for p in rows(made / "observed/licensing" / LAST / "providers.csv")
    }
    assert {p["facility_type"] for p in providers.values()} == {"CTR", "FCC", "GRP"}
    renewed = [p for p in providers.values() if p["previous_provider_id"] in providers]
    assert renewed  # a new licence under a new number, the old one closed on its first day
    for p in renewed:
        before = providers[p["previous_provider_id"]]
        assert (before["status"], before["closed_date"]) == ("CLOSED", p["license_start"])
    groups = ("infant", "toddler", "preschool", "school_age")
    places = {i: sum(int(p[f"capacity_{g}"]) for g in groups) for i, p in providers.items()}
    homes = [i for i, p in providers.items() if p["facility_type"] == "FCC"]
    assert all(int(providers[i]["capacity_total"]) < places[i] for i in homes)
    ratings = defaultdict(list)
    for r in rows(made / "observed/licensing" / LAST / "ratings.csv"):
        ratings[r["provider_id"]].append(r)
    assert set(ratings) < set(providers)
    assert any(sum(r["end_date"] == "12/31/9999" for r in v) > 1 for v in ratings.values())


def test_quirks_of_the_vacancy_stream(made):
    stream = [
        m for d in sorted((made / "observed/vacancy").glob("*/*.ndjson")) for m in messages(d)
    ]
    seen = Counter(m["message_id"] for m in stream)
    assert 0 < sum(n > 1 for n in seen.values()) < len(seen) * 0.03  # sent twice
    latest: dict[tuple[str, str], str] = {}
    overtaken = 0
    for m in stream:
        key = (m["provider_id"], m["age_group"])
        overtaken += m["as_of_ts"] < latest.get(key, "")
        latest[key] = max(m["as_of_ts"], latest.get(key, ""))
    assert 0 < overtaken < len(stream) * 0.1
    reported = {p: max(t for (q, _), t in latest.items() if q == p) for p, _ in latest}
    assert any(t < "2025-05-10" for t in reported.values())  # fell silent
    assert sum(t > "2025-05-20" for t in reported.values()) > len(reported) * 0.6
    assert any(m["vacancies"] == "" for m in stream)
    licensed = {
        p["provider_id"] for p in rows(made / "observed/licensing" / LAST / "providers.csv")
    }
    assert set(reported) <= licensed


def test_quirks_of_subsidised_child_care(made):
    folder = made / "observed/child_care"
    months = {d.name: rows(d / f"subsidy_{d.name}.csv") for d in sorted(folder.iterdir())}
    names = {d.name: rows(d / f"family_members_{d.name}.csv") for d in sorted(folder.iterdir())}
    last = months[LAST]
    assert any(r["hours"] == "0" and int(r["amount_paid"]) > 0 for m in months.values() for r in m)
    assert any(r["setting_ordinal"] == "02" for r in last)
    assert any(r["provider_state_id"].startswith("EX") for r in last)
    assert any(r["reason_for_care"] == "4" and r["family_size"] == "1" for r in last)
    # the ordinal names another child of the family in another quarter
    ordinal = defaultdict(set)
    for month in names.values():
        for m in month:
            if m["member_role"] == "C":
                key = (m["unique_state_identifier"], m["birth_year_month"], m["first_name"])
                ordinal[key].add(m["member_ordinal"])
    assert any(len(o) > 1 for o in ordinal.values())
    for month, members in names.items():
        there = {(m["unique_state_identifier"], m["member_ordinal"]) for m in members}
        assert {(r["unique_state_identifier"], r["child_ordinal"]) for r in months[month]} <= there


def test_two_ids_of_one_person_become_one(made):
    """The record that vanishes is the same person's as the one its rows go to."""
    owner = {
        (r["source_system"], r["source_person_key"]): r["person"]
        for r in rows(made / "truth/records.csv")
    }
    months = sorted(p.name for p in (made / "observed/jail").iterdir())
    for system, row_key, person_key, read in (
        ("jail", "booking_no", "jacket_no", jail),
        ("hmis", "EnrollmentID", "PersonalID", lambda f: rows(f / "Enrollment.csv")),
    ):
        moved = 0
        for then, now in pairwise(months):
            before, after = (
                {r[row_key]: r[person_key] for r in read(made / "observed" / system / m)}
                for m in (then, now)
            )
            for row in before.keys() & after.keys():
                if before[row] != after[row]:
                    assert owner[(system, before[row])] == owner[(system, after[row])]
                    assert before[row] not in after.values()
                    moved += 1
        assert moved, system


def test_records_that_come_late_and_that_vanish(made):
    months = sorted(p.name for p in (made / "observed/jail").iterdir())
    bookings = {m: {b["booking_no"]: b for b in jail(made / "observed/jail" / m)} for m in months}
    late, expunged = 0, 0
    for then, now in pairwise(months):
        new = bookings[now].keys() - bookings[then].keys()
        late += sum(bookings[now][k]["booking_dttm"][:7] < now for k in new)
        gone = bookings[then].keys() - bookings[now].keys()
        # a court expunges what was dismissed, nothing else
        assert {bookings[then][k]["release_reason"] for k in gone} <= {"DSM"}
        expunged += len(gone)
    assert late and expunged
    entries = {
        m: {(e["school_id"], e["entry_date"], e["birth_date"], e["first_name"]): e["entry_type"]
            for e in rows(made / "observed/k12" / m / "enrollments.csv")}
        for m in months
    }  # fmt: skip
    late = [key for then, now in pairwise(months) for key in entries[now].keys() - entries[then]
            if key[1][:7] < then and entries[now][key] != "E1"]  # fmt: skip
    assert late


def test_quirks_of_head_start(made):
    rows_ = rows(made / "observed/head_start" / LAST / "enrollments.csv")
    assert {r["program_year"] for r in rows_} == {"2022-2023", "2023-2024", "2024-2025"}
    never = [r for r in rows_ if r["exit_reason"] == "N"]
    assert never and all(r["attendance_days"] == "0" for r in never)
    assert any(r["exit_reason"] == "T" for r in rows_) and any(r["exit_date"] == "" for r in rows_)
    owner = {
        r["source_person_key"]: r["person"]
        for r in rows(made / "truth/records.csv") if r["source_system"] == "head_start"
    }  # fmt: skip
    programs = defaultdict(set)
    for r in rows_:
        programs[owner[r["child_id"]]].add((r["program_type"], r["child_id"]))
    both = [p for p in programs.values() if {t for t, _ in p} == {"HS", "EHS"}]
    assert both and all(len({i for _, i in p}) > 1 for p in both)  # a new id in Head Start


def test_quirks_of_early_intervention(made):
    folder = made / "observed/early_intervention" / LAST

    def day(text: str) -> date:
        return datetime.strptime(text, "%m/%d/%Y").date()

    referrals = rows(folder / "referrals.csv")
    waited = [(day(r["evaluation_date"]) - day(r["referral_date"])).days
              for r in referrals if r["evaluation_date"]]  # fmt: skip
    assert 0.8 < sum(w <= 45 for w in waited) / len(waited) < 1
    assert {r["eligibility"] for r in referrals} == {"E", "N", "U"}
    assert all(r["ifsp_date"] for r in referrals if r["exit_date"])
    over = [r for r in referrals if r["ifsp_date"] and not r["exit_date"]
            and (date(2025, 5, 31) - day(r["birth_date"])).days > 3 * 366 + 60]  # fmt: skip
    assert over  # exits that were never entered
    families = rows(folder / "home_visiting_families.csv")
    before = [
        f for path in (made / "observed/early_intervention").glob("*/home_visiting_families.csv")
        for f in rows(path) if f["child_birth_date"] == "" == f["child_first_name"]
    ]  # fmt: skip
    assert before  # enrolled before the birth
    visits = rows(folder / f"home_visits_{LAST}.csv")
    assert {v["enrollment_id"] for v in visits} <= {f["enrollment_id"] for f in families}


def test_quirks_of_adult_protection(made):
    cases = rows(made / "observed/adult_protection" / LAST / "investigations.csv")
    assert any(c["closed_date"] == "" == c["disposition"] for c in cases)
    assert any(c["is_dob_estimated"] == "Y" and c["birth_date"].endswith("-01-01") for c in cases)
    assert any(c["birth_date"] == "" for c in cases)
    assert all((c["perpetrator"] == "") == (c["maltreatment"] == "SELF") for c in cases)
    assert max(Counter(c["investigation_id"] for c in cases).values()) == 2


def test_people_with_two_ids_and_address_points_that_grow(made):
    owners = defaultdict(lambda: defaultdict(set))
    for r in rows(made / "truth/records.csv"):
        owners[r["source_system"]][r["person"]].add(r["source_person_key"])
    for system in ("k12", "benefits", "hmis", "jail"):
        share = sum(len(k) > 1 for k in owners[system].values()) / len(owners[system])
        assert 0 < share < 0.04, system
    first = rows(made / "observed/gis/2025-01/address_points.csv")
    later = rows(made / "observed/gis/2025-03/address_points.csv")
    ids = {a["address_point_id"] for a in first}
    assert ids < {a["address_point_id"] for a in later}
    assert {a["use_code"] for a in first} == {"R", "G", "I"}
    assert all(a["tract_geoid"].startswith("10003") for a in first)


# -- truth ------------------------------------------------------------------------------------


def delivered_keys(made: Path) -> dict[str, set[str]]:
    found = defaultdict(set)
    for agency, _, path in delivered(made):
        if path.name == "births.csv":
            for b in rows(path):
                key = f"{b['FILENO']}-{b['IDOB_YR']}"
                found["vital_child"].add(key)
                found["vital_mother"].add(key)
                if b["DADFNAME"] or b["DADLNAME"]:
                    found["vital_father"].add(key)
        elif path.name == "deaths.mor":
            found["vital_death"] |= {
                f"{line[6:12]}-{line[:4]}" for line in path.read_text(encoding="ascii").splitlines()
            }
        elif agency == "head_start":
            found["head_start"] |= {e["child_id"] for e in rows(path)}
        elif path.name == "referrals.csv" and agency == "early_intervention":
            found["part_c"] |= {r["child_id"] for r in rows(path)}
        elif path.name == "home_visiting_families.csv":
            families = rows(path)
            found["home_visiting_caregiver"] |= {f["enrollment_id"] for f in families}
            found["home_visiting_child"] |= {
                f["enrollment_id"] for f in families if f["child_birth_date"]
            }
        elif agency == "adult_protection":
            found["adult_protection"] |= {r["client_id"] for r in rows(path)}
        elif path.name == "enrollments.csv" or path.name.startswith("attendance"):
            found["k12"] |= {e["student_id"] for e in rows(path)}
        elif agency == "k12" and (data := rows(path)) and "student_id" in data[0]:
            found["k12"] |= {r["student_id"] for r in data}
            found["k12"] |= {r.get("current_student_id", r["student_id"]) for r in data}
        elif path.name == "staff.csv":
            found["k12_staff"] |= {t["staff_id"] for t in rows(path)}
        elif agency == "benefits":
            found["benefits"] |= {m["client_id"] for m in rows(path)}
        elif path.name in ("Client.csv", "Enrollment.csv", "Exit.csv", "Services.csv"):
            found["hmis"] |= {c["PersonalID"] for c in rows(path)}
        elif path.name.startswith("family_members_"):
            found["child_care"] |= {
                "|".join((m["unique_state_identifier"], m["birth_year_month"], m["first_name"]))
                for m in rows(path)
            }
        elif path.name == "clients.csv" and agency == "child_welfare":
            found["child_welfare"] |= {c["client_id"] for c in rows(path)}
        elif agency == "jail":
            found["jail"] |= {b["jacket_no"] for b in jail(path.parent)}
        elif agency == "police":
            found["police"] |= {a["mni_no"] for a in rows(path, delimiter="|")}
        elif path.name == "charges.csv":
            found["court_case"] |= {c["case_no"] for c in rows(path)}
        elif path.name == "evictions.csv":
            found["eviction"] |= {
                f"{e['case_no']}|{e['party_no']}"
                for e in rows(path)
                if not e["defendant_name"].startswith("OCCUPANT")
            }
        elif path.name == "participants.csv":
            found["child_support"] |= {m["member_id"] for m in rows(path)}
        elif path.name == "family_members.csv":
            found["housing"] |= {f"{m['household_no']}|{m['member_no']}" for m in rows(path)}
        elif agency == "medicaid" and path.name == "eligibles.csv":
            found["medicaid"] |= {e["MSIS_IDENTIFICATION_NUM"] for e in rows(path)}
        elif agency == "ssa":
            found["ssa"] |= {r["SSN"] for r in rows(path)}
        elif agency == "clinic" and path.name.startswith("encounters"):
            found["clinic"] |= {e["PATIENT"] for e in rows(path)}
        elif agency == "helpline":
            found["helpline"] |= {c["client_ref"] for c in rows(path) if c["client_ref"]}
        elif agency == "food_bank":
            sheet = workbook_rows(path)
            at = sheet[2].index("Client No")
            found["food_bank"] |= {row[at] for row in sheet[3:-1]}
        elif agency == "utility":
            found["utility"] |= {a["customer_no"] for a in rows(path, delimiter="\t")}
    found["wages"] = {wage_key(line) for line in wage_lines(made)}
    return found


def test_truth_knows_every_delivered_identity_once_and_no_other(made):
    truth = defaultdict(list)
    persons = {p["person"] for p in rows(made / "truth/persons.csv")}
    for r in rows(made / "truth/records.csv"):
        truth[r["source_system"]].append(r["source_person_key"])
        assert r["person"] in persons
    keys = delivered_keys(made)
    assert {s: set(k) for s, k in truth.items()} == dict(keys)
    assert all(len(k) == len(set(k)) for k in truth.values())


def test_no_name_of_the_truth_in_any_delivered_file(made):
    names = {p["person"] for p in rows(made / "truth/persons.csv")}
    names |= {h["household"] for h in rows(made / "truth/households.csv")}
    for _, _, path in delivered(made):
        words = set(re.findall(r"[A-Z]\d{7}(?!\d)", path.read_bytes().decode("latin-1")))
        assert not words & names, path.name


def test_true_lives_are_possible_lives(made):
    people = {p["person"]: p for p in rows(made / "truth/persons.csv")}
    for s in rows(made / "truth/spells.csv"):
        p = people[s["person"]]
        assert p["birth_date"] <= s["start_date"]
        assert not s["last_day"] or s["start_date"] <= s["last_day"]
        if s["program"] in ("k12_enrollment", "jail") and p["death_date"]:
            assert s["start_date"] <= p["death_date"]
    for name, value in (("residence", "tract_geoid"), ("households", "household")):
        spans = defaultdict(list)
        for r in rows(made / f"truth/{name}.csv"):
            spans[r["person"]].append((r["start_date"], r["last_day"] or "9999-12-31", r[value]))
        for person, v in spans.items():
            v.sort()
            assert v[0][0] >= people[person]["birth_date"]
            assert all(a[1] < b[0] for a, b in pairwise(v)), name
    programs = {s["program"] for s in rows(made / "truth/spells.csv")}
    assert programs == {
        "k12_enrollment", "snap", "tanf", "employment", "shelter", "transitional_housing",
        "permanent_housing", "street_outreach", "other_homeless_service", "jail",
        "subsidized_tenancy", "child_support",
        "foster_care",
        "child_care_subsidy",
        "head_start",
        "early_intervention",
        "home_visiting",
        "medicaid", "ssi",
    }  # fmt: skip


def test_mothers_and_children_are_the_birth_records(made):
    people = {p["person"]: p for p in rows(made / "truth/persons.csv")}
    who = {
        (r["source_system"], r["source_person_key"]): people[r["person"]]
        for r in rows(made / "truth/records.csv")
    }
    births = rows(made / "observed/vital" / LAST / "births.csv")
    for b in births:
        key = f"{b['FILENO']}-{b['IDOB_YR']}"
        mother, child = who[("vital_mother", key)], who[("vital_child", key)]
        assert mother["sex"] == "F"
        years = (datetime.fromisoformat(child["birth_date"])
                 - datetime.fromisoformat(mother["birth_date"])).days / 365.25  # fmt: skip
        assert 14 <= years <= 49
    twins = defaultdict(set)
    for b in births:
        if b["PLUR"] == "02" and b["VOID"] == "0":
            twins[(b["MOMFNAME"][:1], b["IDOB_YR"], b["IDOB_MO"], b["IDOB_DY"])].add(b["SORD"])
    assert sum(t == {"01", "02"} for t in twins.values()) >= len(twins) * 0.7


def test_true_kin_are_possible_kin_and_the_parents_on_the_certificates(made):
    people = {p["person"]: p for p in rows(made / "truth/persons.csv")}
    kin = rows(made / "truth/kin.csv")
    assert {k["relationship"] for k in kin} == {
        "mother", "father", "sibling", "half_sibling", "spouse", "partner",
    }  # fmt: skip
    pairs = Counter(frozenset((k["person"], k["related_person"])) for k in kin)
    assert max(pairs.values()) == 1 and all(len(pair) == 2 for pair in pairs)
    parents = defaultdict(set)
    for k in kin:
        one, other = people[k["person"]], people[k["related_person"]]
        assert not k["last_day"] or k["start_date"] <= k["last_day"]
        for p in (one, other):
            assert not p["death_date"] or (k["last_day"] or "9999") < p["death_date"]
        born = max(one["birth_date"], other["birth_date"])
        if k["relationship"] in ("mother", "father"):
            parents[k["person"]].add(k["related_person"])
            assert other["sex"] == ("F" if k["relationship"] == "mother" else "M")
            # but for fathers who died before the birth
            assert k["start_date"] == born or other["death_date"]
        elif k["relationship"] in ("sibling", "half_sibling"):
            assert k["start_date"] == born
        else:
            assert int(k["start_date"][:4]) - int(born[:4]) >= 16
    for k in kin:
        if k["relationship"] in ("sibling", "half_sibling"):
            shared = parents[k["person"]] & parents[k["related_person"]]
            # parents who are in no file and never lived here are not in the truth
            assert len(shared) <= (2 if k["relationship"] == "sibling" else 1)
    who = {
        (r["source_system"], r["source_person_key"]): r["person"]
        for r in rows(made / "truth/records.csv")
    }
    for b in rows(made / "observed/vital" / LAST / "births.csv"):
        key = f"{b['FILENO']}-{b['IDOB_YR']}"
        assert who[("vital_mother", key)] in parents[who[("vital_child", key)]]


def test_stays_in_institutions_do_not_overlap(made):
    stays = defaultdict(list)
    for r in rows(made / "truth/institutions.csv"):
        assert not r["last_day"] or r["start_date"] <= r["last_day"]
        stays[(r["kind"], r["person"])].append((r["start_date"], r["last_day"] or "9999"))
    assert {kind for kind, _ in stays} == {"jail", "shelter", "care_home", "foster_care"}
    assert all(a[1] < b[0] for v in stays.values() for a, b in pairwise(sorted(v)))


def test_errors_are_there_and_stay_within_bounds(made):
    """Levels of error at which good linkage is possible and not trivial."""
    people = {p["person"]: p for p in rows(made / "truth/persons.csv")}
    who = {
        (r["source_system"], r["source_person_key"]): people[r["person"]]
        for r in rows(made / "truth/records.csv")
    }
    students = {e["student_id"]: e for e in rows(made / "observed/k12" / LAST / "enrollments.csv")}
    right = sum(who[("k12", i)]["birth_date"] == e["birth_date"] for i, e in students.items())
    assert 0.97 < right / len(students) < 1.0
    members = rows(made / "observed/benefits" / LAST / f"case_members_{LAST}.csv")
    by_person = defaultdict(set)
    for m in members:
        dob = m["birth_date"]
        if who[("benefits", m["client_id"])]["birth_date"] != f"{dob[6:]}-{dob[:2]}-{dob[3:5]}":
            by_person["wrong"].add(m["client_id"])
        by_person["all"].add(m["client_id"])
    assert 0.005 < len(by_person["wrong"]) / len(by_person["all"]) < 0.05
    shared = defaultdict(set)
    truth = {
        r["source_person_key"]: r["person"]
        for r in rows(made / "truth/records.csv")
        if r["source_system"] == "wages"
    }
    for key, person in truth.items():
        shared[key[:9]].add(person)
    assert 1 <= sum(len(p) > 1 for p in shared.values()) <= len(shared) * 0.01  # borrowed SSNs


# -- volumes ----------------------------------------------------------------------------------


def test_volumes_and_codes_are_steady_from_month_to_month(made, contracts):
    """So that a gate with limits of 20 % on rows and 0.10 on shares holds nothing but the bad
    delivery."""
    before: dict[tuple[str, str], tuple[int, dict[str, Counter]]] = {}
    for agency, delivery, path in delivered(made):
        contract = next(
            c for c in contracts if c.agency == agency and re.fullmatch(c.file_pattern, path.name)
        )
        if contract.file_format != "csv" or (agency, delivery) == ("benefits", BAD):
            continue
        if contract.calendar.first_holds_more or any(
            e["id"].endswith("rows_near_history") and (e.get("skip") or e["limit"] >= 1)
            for e in contract.expectations
        ):
            continue  # a file that grows or shrinks with the calendar, and says so
        data = rows(path, contract.encoding, contract.delimiter)
        codes = {
            c.header: Counter(r[c.header] for r in data if r[c.header])
            for c in contract.tables[0].columns
            if c.codes
        }
        old = before.get((agency, contract.file))
        before[(agency, contract.file)] = (len(data), codes)
        if old is None or old[0] == 0:
            continue
        # a count of n moves by sqrt(n) by itself, and more where one visit makes several rows;
        # the gate knows that too
        assert abs(len(data) / old[0] - 1) < max(0.15, 6 / old[0] ** 0.5), path
        for header, now in codes.items():
            then = old[1][header]
            if sum(then.values()) < 100:
                continue
            distance = sum(abs(now[k] / now.total() - then[k] / then.total())
                           for k in now.keys() | then.keys()) / 2  # fmt: skip
            # by chance alone the distance of k codes over n rows is about 0.4 sqrt(2 k / n)
            chance = 0.4 * (2 * len(then) / min(now.total(), then.total())) ** 0.5
            assert distance < max(0.10, 2 * chance), (path, header)  # the gate's own limit


def test_the_bad_delivery_is_bad_and_the_only_one(made, tmp_path):
    good = rows(made / "observed/benefits" / LAST / f"case_members_{LAST}.csv")
    bad = rows(made / "observed/benefits" / BAD / f"case_members_{BAD}.csv")
    key = ("report_month", "program", "case_number", "client_id")
    repeated = sum(n - 1 for n in Counter(tuple(b[k] for k in key) for b in bad).values())
    assert 0.03 < repeated / len(bad) < 0.07
    assert {b["program"] for b in bad} == {"SNAP"}
    assert 0.4 < len(bad) / len(good) < 0.6
    assert {b["report_month"] for b in bad} == {BAD}
    assert {p.parent.parent.name for p in (made / "observed").glob(f"*/{BAD}/*")} == {"benefits"}
    summary = county.generate(tmp_path, persons=600, months=1, bad_delivery=False)
    assert summary.bad_delivery is None
    assert not list((tmp_path / "observed").glob("*/2025-02"))


def test_summary_says_what_was_made(tmp_path):
    said = []
    summary = county.generate(tmp_path, persons=600, months=2, seed=5, progress=said.append)
    assert summary.first_delivery == "2025-01" and summary.last_delivery == "2025-02"
    assert summary.bad_delivery == "benefits/2025-03"
    assert summary.files == len(delivered(tmp_path))
    assert summary.truth["records"] == len(rows(tmp_path / "truth/records.csv"))
    assert len(said) > 5
    about = json.loads((tmp_path / "county.json").read_text())
    assert (about["persons"], about["months"], about["seed"]) == (600, 2, 5)


@pytest.mark.parametrize("start", ["2024-09", "2026-12"])
def test_other_starts_work(tmp_path, start):
    summary = county.generate(tmp_path, persons=600, months=2, start=start)
    assert summary.first_delivery == start
    assert (tmp_path / "observed/wages" / start).is_dir()


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"persons": 10}, "too small"),
        ({"months": 0}, "1 to 60"),
        ({"start": "2025-13"}, "not a month"),
        ({"start": "January"}, "not a month"),
        ({"processes": 0}, "0 processes"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, word):
    with pytest.raises(UsageError, match=word):
        county.generate(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="something other than a county"):
        county.generate(tmp_path, persons=600)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(UsageError, match="is a file"):
        county.generate(tmp_path / "thesis.txt", persons=600)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_leaves_nothing_half_done(tmp_path, monkeypatch, processes):
    def full(self, agency, delivery, name, columns, **how):
        raise OSError(errno.ENOSPC, "No space left on device", name)

    monkeypatch.setattr(Desk, "put", full)
    (tmp_path / "mine").mkdir()
    for out in (tmp_path / "mine", tmp_path / "new"):
        with pytest.raises(UnusableEnvironment, match="is full and the unfinished county was"):
            county.generate(out, persons=600, months=1, processes=processes)
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def test_a_county_that_was_killed_half_way_is_made_anew(tmp_path):
    (tmp_path / "observed" / "jail" / "2024-11").mkdir(parents=True)
    (tmp_path / "county.json").write_text("{}\n")  # as while it is being made
    county.generate(tmp_path, persons=600, months=1, bad_delivery=False)
    assert {p.parent.name for p in (tmp_path / "observed").glob("*/*/*")} == {"2025-01"}
    assert json.loads((tmp_path / "county.json").read_text())["persons"] == 600


def test_the_command_says_what_it_made_and_the_benchmark_measures_it(tmp_path):
    out = tmp_path / "c"
    ran = CliRunner().invoke(
        main, ["county", "generate", "--persons", "600", "--months", "1", "--out", str(out)]
    )
    assert ran.exit_code == 0, ran.output
    size = sum(p.stat().st_size for _, _, p in delivered(out))
    files = len(delivered(out))
    assert f"600 persons, 1 months: {files} files" in ran.output
    assert f"{size / 1e9:.2f} GB" in ran.output and "largest process" in ran.output
    figures = bench.run(600, months=1, folder=tmp_path)
    assert figures["files"] == files and figures["observed_gb"] == round(size / 1e9, 3)
    assert figures["wall_seconds"] > 0.2 and figures["cpu_seconds"] > 0.2
    assert figures["peak_gb"] >= figures["largest_process_gb"] > 0.05
    assert {"world", "lives", "truth", "vital"} <= set(figures["cpu_by_step"])
    assert [p.name for p in tmp_path.iterdir()] == ["c"]  # the measured county is deleted
    with pytest.raises(LifecourseError, match="too small"):
        bench.run(10, folder=tmp_path)
