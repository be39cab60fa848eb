"""Workbooks, Parquet, NDJSON and packed files land as the same rows a CSV file would give."""

from __future__ import annotations

import datetime
import gzip
import io
import json
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from orchestration import landing, warehouse
from orchestration.landing import discover, load_contract
from orchestration.landing.archives import Packed
from orchestration.landing.contracts import Contract
from orchestration.landing.readers import BadInput, Source, copy_blocks
from orchestration.settings import PROJECT_ROOT, Settings

COLUMNS = ("school_id", "school_name", "district_id", "district_name", "level", "street", "city")
HEADER = (*COLUMNS, "zip", "open_date", "close_date")
ROW = ("0001", "North", "D1", "One", "ES", "1 Main St", "Newark", "19711", "1990-09-01", "")
CSV = ",".join(HEADER) + "\n" + ",".join(ROW) + "\n"


@pytest.fixture(scope="module")
def schools() -> Contract:
    return load_contract(PROJECT_ROOT / "expectations" / "k12" / "schools.yml")


def rows(path: Path | Packed, contract: Contract) -> list[tuple[str, ...]]:
    """Rows in the order of HEADER, as COPY text fields."""
    source = Source(path, contract.encoding)
    names, blocks = copy_blocks(source, contract, contract.tables[0])
    order = [names.index(name) for name in HEADER]
    lines = [line.split("\t") for block in blocks for line in block.data.decode()[:-1].split("\n")]
    assert source.records == len(lines) and len(source.sha256) == 64
    return [tuple(line[i] for i in order) for line in lines]


def workbook(
    path: Path, table: list[list[object]], *, sheet: str = "Data", extra: str = ""
) -> Path:
    """A minimal workbook; (number, 1) is a cell styled as a date."""

    def cell(value: object) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, tuple):
            return f'<c s="{value[1]}"><v>{value[0]}</v></c>'
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in table)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
            'ContentType="application/xml"/></Types>',
        )
        parts.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        parts.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}">{extra}<sheets>'
            f'<sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        parts.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" '
            f'Type="{rel}/styles" Target="styles.xml"/></Relationships>',
        )
        parts.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
            '<xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        parts.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
        )
    return path


def test_a_workbook_gives_text_as_typed(schools: Contract, tmp_path: Path) -> None:
    contract = replace(
        schools, file_format="excel", sheet="Data", header_row=2, footer_pattern="Total.*"
    )
    path = workbook(
        tmp_path / "schools.xlsx",
        [
            ["Schools of the county"],
            list(HEADER),
            [111000000, "North", "D1", "One", "ES", 1.5, "Newark", 19711, (33117, 1), None],
            [None] * 10,
            ["0002", "South", "D1", "One", "ES", "x", "Newark", "19711", 33117, None],
            ["Total 2"],
        ],
    )
    assert rows(path, contract) == [
        ("111000000", "North", "D1", "One", "ES", "1.5", "Newark", "19711", "1990-09-01", ""),
        ("0002", "South", "D1", "One", "ES", "x", "Newark", "19711", "1990-09-01", ""),
    ]


def test_a_workbook_that_counts_days_from_1904(schools: Contract, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "schools.xlsx",
        [list(HEADER), [*ROW[:8], 33117 - 1462, None]],
        extra='<workbookPr date1904="1"/>',
    )
    assert rows(path, replace(schools, file_format="excel"))[0][8] == "1990-09-01"


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (1234567890123456, "row 2, column 'school_id': a number of more than 15 digits"),
        ("#N/A", "row 2, column 'school_id': the cell shows an error of its formula"),
    ],
)
def test_a_workbook_that_lost_something(
    schools: Contract, tmp_path: Path, cell: object, says: str
) -> None:
    path = workbook(tmp_path / "schools.xlsx", [list(HEADER), [cell, *ROW[1:]]])
    with pytest.raises(BadInput, match=says):
        rows(path, replace(schools, file_format="excel"))


def test_an_identifier_with_an_exponent_is_refused(schools: Contract, tmp_path: Path) -> None:
    table = schools.tables[0]
    columns = tuple(replace(c, role="identifier") for c in table.columns)
    contract = replace(schools, file_format="excel", tables=(replace(table, columns=columns),))
    path = workbook(tmp_path / "schools.xlsx", [list(HEADER), ["1.11E+08", *ROW[1:]]])
    with pytest.raises(BadInput, match=r"row 2, column 'school_id': an identifier was cut down"):
        rows(path, contract)


def test_no_workbook_and_no_such_sheet(schools: Contract, tmp_path: Path) -> None:
    path = tmp_path / "schools.xlsx"
    path.write_text(CSV)
    with pytest.raises(BadInput, match="no Excel workbook"):
        rows(path, replace(schools, file_format="excel"))
    workbook(path, [list(HEADER), list(ROW)])
    with pytest.raises(BadInput, match="has no sheet 'Other'"):
        rows(path, replace(schools, file_format="excel", sheet="Other"))


def test_parquet(schools: Contract, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "schools.parquet"
    contract = replace(schools, file_format="parquet")
    columns = {name: [value] * 3 for name, value in zip(HEADER, ROW, strict=True)}
    columns["zip"] = pa.array([19711, None, 19713])
    columns["street"] = pa.array([1.0, None, 0.1])
    columns["school_name"] = ["a\tb", "c\\d", None]
    columns["open_date"] = [datetime.date(1990, 9, 1)] * 3
    reordered = dict(reversed(columns.items()))
    pq.write_table(pa.table(reordered), path)
    found = rows(path, contract)
    assert [row[7] for row in found] == ["19711", "", "19713"]
    assert [row[5] for row in found] == ["1", "", "0.1"]
    assert [row[1] for row in found] == ["a\\tb", "c\\\\d", ""]
    assert {row[8] for row in found} == {"1990-09-01"}
    for damaged, says in (("a\0b", "record 2, column 'city' has a NUL"), ("x" * 1_000_001, "more")):
        pq.write_table(pa.table({**columns, "city": ["Newark", damaged, None]}), path)
        with pytest.raises(BadInput, match=says):
            rows(path, contract)
    pq.write_table(pa.table({**columns, "ssn": ["x"] * 3}), path)
    with pytest.raises(BadInput, match="column 11: the column 'ssn' is not in the contract"):
        rows(path, contract)
    pq.write_table(pa.table({**columns, "zip": [[1]] * 3}), path)
    with pytest.raises(BadInput, match="column 8, 'zip', holds list"):
        rows(path, contract)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="no Parquet file, or was cut off"):
        rows(path, contract)


def test_ndjson(schools: Contract, tmp_path: Path) -> None:
    path = tmp_path / "schools.ndjson"
    contract = replace(schools, file_format="ndjson")
    good = dict(zip(HEADER, ROW, strict=True))
    big = '"zip": 12345678901234567890.10'
    line = json.dumps({**good, "close_date": None, "level": True}).replace('"zip": "19711"', big)
    path.write_text(line + "\n\n" + json.dumps({"school_id": "2"}) + "\n")
    first, second = rows(path, contract)
    assert first == (*ROW[:4], "true", *ROW[5:7], "12345678901234567890.10", "1990-09-01", "")
    assert second == ("2", *[""] * 9)
    for text, says in (
        ('{"school_id": ', "line 1, character 15, is not JSON"),
        ('[{"school_id": 1}]', "line 1 is no JSON object"),
        ('{"ssn": 1}', "line 1: the key 'ssn' is not in the contract"),
        ('{"zip": 1, "zip": 2}', "line 1 has the key 'zip' twice"),
        ('{"zip": [1]}', "line 1, key 'zip', holds a list"),
        ('{"zip": "\\u0000"}', "line 1, key 'zip', has a NUL"),
        ('{"zip": NaN}', "line 1 is not JSON"),
        ('{"zip": 1}', "no line has the key 'school_id'"),
        ("", "it is empty"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=says.replace("[", r"\[")):
            rows(path, contract)


def test_tabs_by_contract(schools: Contract, tmp_path: Path) -> None:
    path = tmp_path / "schools.tsv"
    path.write_text(CSV.replace(",", "\t"))
    assert rows(path, replace(schools, delimiter="\t")) == [ROW]


# --- packed files


def delivery(tmp_path: Path) -> Path:
    folder = tmp_path / "k12" / "2025-01"
    folder.mkdir(parents=True)
    return folder


def test_gzip(schools: Contract, tmp_path: Path) -> None:
    path = delivery(tmp_path) / "schools.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    (found,) = discover(tmp_path, [schools])
    assert found.contract is schools and found.place == "k12/2025-01/schools.csv.gz"
    assert rows(found.path, schools) == [ROW]
    # The same content packed anew is the same content.
    before = found.sha256
    path.write_bytes(gzip.compress(CSV.encode(), 1))
    assert discover(tmp_path, [schools])[0].sha256 == before
    path.write_bytes(path.read_bytes()[:-9])
    (cut,) = discover(tmp_path, [schools])
    assert cut.sha256 != before
    with pytest.raises(BadInput, match="the gzip file ends too early"):
        rows(cut.path, schools)
    path.write_bytes(gzip.compress(CSV.encode() + b"\n" * 20_000_000))
    with pytest.raises(BadInput, match="more than 100 times its size"):
        rows(discover(tmp_path, [schools])[0].path, schools)


def test_a_zip_holds_the_files_of_a_delivery(schools: Contract, tmp_path: Path) -> None:
    path = delivery(tmp_path) / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/schools.csv", CSV)
        archive.writestr("export/notes.txt", "x")
        archive.writestr("__MACOSX/._schools.csv", "x")
    described, other = sorted(discover(tmp_path, [schools]), key=lambda f: f.contract is None)
    assert described.place == "k12/2025-01/all.zip/export/schools.csv"
    assert other.contract is None and other.path.name == "notes.txt"
    assert described.path.stat().st_size == len(CSV)
    assert rows(described.path, schools) == [ROW]


def packed(change: Callable[[zipfile.ZipInfo], None], content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schools.csv", CSV)
        info = zipfile.ZipInfo("more.csv")
        info.compress_type = zipfile.ZIP_DEFLATED
        change(info)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice
            archive.writestr(info, content)
    return buffer.getvalue()


def named(name: str) -> Callable[[zipfile.ZipInfo], None]:
    return lambda info: setattr(info, "filename", name)


def link(info: zipfile.ZipInfo) -> None:
    info.external_attr = (stat.S_IFLNK | 0o777) << 16


def encrypted(data: bytes) -> bytes:
    """Set the encryption flag of the last entry of the directory."""
    at = data.rindex(b"PK\x01\x02") + 8
    return data[:at] + bytes([data[at] | 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (packed(named("../more.csv")), "its member '../more.csv' has a name that leads out"),
        (packed(named("/etc/more.csv")), "its member '/etc/more.csv' has a name that leads out"),
        (packed(named("C:\\more.csv")), "has a name that leads out"),
        (packed(link), "its member 'more.csv' is a symbolic link"),
        (packed(named("more.zip")), "its member 'more.zip' is an archive itself"),
        (encrypted(packed(named("more.csv"))), "its member 'more.csv' is encrypted"),
        (packed(named("more.csv"), bytes(9_000_000)), "'more.csv' unpacks to more than 100"),
        (packed(named("schools.csv")), "its member 'schools.csv' is in it twice"),
    ],
)
def test_an_archive_that_is_not_taken_in(
    schools: Contract, tmp_path: Path, data: bytes, says: str
) -> None:
    (delivery(tmp_path) / "all.zip").write_bytes(data)
    (found,) = discover(tmp_path, [schools])
    assert found.contract is schools and found.place == "k12/2025-01/all.zip"
    assert says in (found.problem or "")


def test_damaged_archives(schools: Contract, tmp_path: Path) -> None:
    path = delivery(tmp_path) / "schools.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("schools.csv", CSV)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"North", b"South"))
    (found,) = discover(tmp_path, [schools])
    with pytest.raises(BadInput, match=r"the member fails its checksum \(CRC\)"):
        rows(found.path, schools)
    assert len(found.sha256) == 64
    path.write_bytes(good[:-30])
    contract = replace(schools, file_pattern=r"schools\.(csv|zip)")
    (found,) = discover(tmp_path, [contract])
    assert found.problem == "it is a damaged ZIP archive; it was cut off or changed"


def test_a_packed_file_and_its_manifest(schools: Contract, tmp_path: Path) -> None:
    import hashlib

    from orchestration.landing.discovery import manifest_entry

    folder = delivery(tmp_path)
    path = folder / "schools.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    entry = {"name": path.name, "rows": 1, "bytes": path.stat().st_size}
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"files": [entry]}))
    assert manifest_entry(discover(tmp_path, [schools])[0]) == {"name": "schools.csv", "rows": 1}
    (folder / "manifest.json").write_text(json.dumps({"files": [{**entry, "sha256": "0"}]}))
    with pytest.raises(ValueError, match=r"schools\.csv\.gz is not what its manifest"):
        manifest_entry(discover(tmp_path, [schools])[0])


# --- through the register and into the warehouse


@pytest.fixture(scope="module")
def connection(
    fresh_settings: Callable[[str], Settings], schools: Contract
) -> Iterator[psycopg.Connection]:
    settings = fresh_settings("formats")
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, [schools])
        yield connection


def test_packed_files_land_like_plain_ones(
    connection: psycopg.Connection, schools: Contract, tmp_path: Path
) -> None:
    folder = delivery(tmp_path)
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schools.csv", CSV)
    later = tmp_path / "k12" / "2025-02"
    later.mkdir()
    (later / "schools.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (later / "bad.zip").write_bytes(packed(named("../more.csv")))
    zipped, bad, gzipped = sorted(discover(tmp_path, [schools]), key=lambda f: f.place)
    first = landing.register(connection, zipped)
    assert first.status == "received"
    assert landing.load_candidate(connection, zipped, first.load_id).tables == {"schools": 1}
    # The same rows under another packing are the same content, and known the next time.
    assert landing.register(connection, gzipped).status == "duplicate"
    assert landing.register(connection, gzipped).known
    second = landing.register(connection, bad)
    with pytest.raises(landing.DeliveryRejected) as caught:
        landing.load_candidate(connection, bad, second.load_id)
    assert caught.value.reason == (
        "k12/2025-02/bad.zip: its member '../more.csv' has a name that leads out of the archive."
    )
    assert landing.register(connection, bad).status == "rejected"


@pytest.mark.parametrize("file_format", ["excel", "parquet", "ndjson"])
def test_values_land_in_candidate_tables(
    connection: psycopg.Connection, schools: Contract, tmp_path: Path, file_format: str
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = delivery(tmp_path) / "schools.data"
    row = ("0009", f"In {file_format}\twith a tab", *ROW[2:])
    if file_format == "excel":
        workbook(path, [list(HEADER), list(row)])
    elif file_format == "parquet":
        pq.write_table(pa.table({n: [v] for n, v in zip(HEADER, row, strict=True)}), path)
    else:
        path.write_text(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n")
    contract = replace(schools, file_format=file_format, file_pattern=r"schools\.data")
    (found,) = discover(tmp_path, [contract])
    load_id = landing.register(connection, found).load_id
    landing.load_candidate(connection, found, load_id)
    landed = connection.execute(
        f"select {', '.join(HEADER)}, _row_number from candidate_k12.schools_l{load_id}"
    ).fetchall()
    connection.commit()
    assert landed == [(*row[:-1], None, 1)]
    landing.hold(connection, [load_id], reason="only looked at")
