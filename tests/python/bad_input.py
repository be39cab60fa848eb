"""Bad files that must be rejected, each with the whole sentence it must get.

Add here: a kind of file that is not what its contract says. Keep out: rows that break a rule
(test_bad_input_outcomes).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from orchestration.settings import PROJECT_ROOT

TANF = PROJECT_ROOT / "tests" / "fixtures" / "tanf"
HEADER = (
    "school_id,school_name,district_id,district_name,level,street,city,zip,open_date,close_date"
)
ROW = "0001,North,D1,District One,ES,1 Main St,Newark,19711,1990-09-01,"
GOOD = f"{HEADER}\n{ROW}\n{ROW.replace('0001', '0002')}\n"
JAIL = (
    "booking_no|jacket_no|last_name|first_name|middle_name|suffix|birth_date|sex|race|ssn_last4"
    "|street|unit|city|zip|booking_dttm|release_dttm|release_reason|charge_code|charge_level"
    "|hold_flag\n"
    "B1|J1|Pe\u00f1a|Zo\u00eb|||19800102|F|U||||||2025-01-02 03:04|||||N\n"
)
WAGE = (
    "001020003"
    + "ANN".ljust(15)
    + "Q"
    + "LI".ljust(20)
    + "10"
    + "0000012345"
    + "00000"
    + "511234567"
    + "2024"
    + "3"
    + "12345".rjust(10)
)
FAMILIES = (TANF / "ADS.E2J.FTP1.TS06").read_text(encoding="ascii")


@dataclass(frozen=True)
class Bad:
    """place: agency/delivery/name; says: the sentence after `<place>: `."""

    name: str
    content: str | bytes
    says: str
    place: str = "k12/2025-02/schools.csv"
    manifest: str | None = None


def manifest(content: str, **changes: object) -> str:
    """A right manifest of one file, with some of its entries changed."""
    data = content.encode()
    entry: dict[str, object] = {
        "name": "schools.csv",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "rows": content.count("\n") - 1,
    }
    return json.dumps({"agency": "k12", "delivery": "2025-02", "files": [entry | changes]})


def without_last_line(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[0] + "\n"


MORE = GOOD + ROW.replace("0001", "0003") + "\n"
JAIL_2 = "jail/2025-02/bookings.csv"
WAGES_2 = "wages/2025-02/wages_2024Q4.txt"
TANF_2 = "tanf_acf/2025-02/ADS.E2J.FTP1.TS07"

TABLE = [
    # not a file of this kind at all
    Bad("empty", b"", "it is empty."),
    Bad("only blank lines", b"\n\n", "line 1 is blank where the header should be."),
    Bad(
        "web page",
        "\n<!DOCTYPE html>\n<html><body>Your session has expired</body></html>\n",
        "line 1: it is a web page (HTML), such as the error page of a portal.",
    ),
    Bad(
        "workbook",
        b"PK\x03\x04\x14\x00\x06\x00" + bytes(64),
        "it is a ZIP archive or an Excel workbook, not a text file.",
    ),
    Bad("gzip", b"\x1f\x8b\x08\x00" + bytes(20), "it is compressed with gzip, not a text file."),
    # encoding
    Bad(
        "utf-16 with its mark",
        GOOD.encode("utf-16"),
        "line 1 (byte 0): the file is UTF-16; it should be saved as UTF-8.",
    ),
    Bad(
        "utf-16 without its mark",
        GOOD.encode("utf-16-le"),
        "line 1 (byte 0): the file is UTF-16; it should be saved as UTF-8.",
    ),
    Bad(
        "cp1252 for utf-8",
        GOOD.replace("0002,North", "0002,Caf\u00e9").encode("cp1252"),
        f"line 3 is not UTF-8 (byte {(GOOD.index('0002') + 8)}); the contract says it should be.",
    ),
    Bad(
        "cut inside a character",
        (GOOD + "0003,Caf\u00e9").encode()[:-1],
        f"line 4 is not UTF-8 (byte {len(GOOD) + 8}); the contract says it should be.",
    ),
    Bad(
        "utf-8 for cp1252",
        JAIL.encode(),
        f"line 2 (byte {JAIL.index(chr(0xF1))}) and every other line are UTF-8; "
        "the contract says cp1252.",
        JAIL_2,
    ),
    Bad(
        "no such letter in cp1252",
        JAIL.encode("cp1252").replace(b"\xf1", b"\x81"),
        f"line 2 is not CP1252 (byte {JAIL.index(chr(0xF1))}); the contract says it should be.",
        JAIL_2,
    ),
    Bad(
        "beyond ascii in a wage file",
        (WAGE + "\n" + WAGE.replace("ANN", "\u00c1NN") + "\n").encode("cp1252"),
        "line 2 is not ASCII (byte 96); the contract says it should be.",
        WAGES_2,
    ),
    Bad(
        "nul",
        GOOD.replace("0002,North", "0002,No\0th"),
        f"line 3 has a NUL character (byte {GOOD.index('0002') + 7}), which text does not hold.",
    ),
    # header
    Bad(
        "semicolons",
        GOOD.replace(",", ";"),
        "line 1 is parted by semicolons; the contract says commas.",
    ),
    Bad("tabs", GOOD.replace(",", "\t"), "line 1 is parted by tabs; the contract says commas."),
    Bad(
        "commas for bars",
        JAIL.replace("|", ",").encode("cp1252"),
        "line 1 is parted by commas; the contract says bars.",
        JAIL_2,
    ),
    Bad(
        "unknown column",
        GOOD.replace("level,", "level,ssn,").replace("ES,", "ES,000,"),
        "line 1, column 6: the column 'ssn' is not in the contract.",
    ),
    Bad(
        "renamed column",
        GOOD.replace("school_name", "SchoolName"),
        "line 1, column 2: the column 'SchoolName' is not in the contract.",
    ),
    Bad(
        "missing columns",
        "school_id,level\n0001,ES\n",
        "line 1: the header lacks 'school_name', 'district_id', 'district_name', 'street', "
        "'city' and 3 more, which the contract asks for.",
    ),
    Bad(
        "header twice",
        GOOD.replace("district_name", "district_id"),
        "line 1, column 4: the header names 'district_id' again, after column 3.",
    ),
    Bad(
        "nameless column",
        GOOD.replace("close_date\n", "close_date,\n").replace("-01,\n", "-01,,\n"),
        "line 1, column 11: the header has a column without a name.",
    ),
    Bad(
        "no header",
        ROW + "\n" + ROW + "\n",
        "line 1 is no header: it names none of the columns in the contract.",
    ),
    Bad(
        "quote in the header",
        GOOD.replace("school_name", '"school_name'),
        "line 1, the header, has an unbalanced quote.",
    ),
    Bad(
        "header only",
        HEADER + "\n",
        "it has a header and no rows, where rows are required.",
    ),
    # rows
    Bad(
        "too many fields",
        MORE.replace("0002,North", "0002,North,West"),
        "line 3 has 11 fields, the header has 10.",
    ),
    Bad(
        "too few fields",
        MORE.replace("0002,North,", "0002,"),
        "line 3 has 9 fields, the header has 10.",
    ),
    Bad(
        "too few fields after a field of several lines",
        MORE.replace("North", '"North\nand\nSouth"', 1).replace("0002,North,", "0002,"),
        "line 5 has 9 fields, the header has 10.",
    ),
    Bad(
        "cut off inside a row",
        GOOD[:-30],
        "line 3, the last one, has 6 of 10 fields: the file was cut off or carries a footer.",
    ),
    Bad(
        "cut off inside a row, before a line end of its own",
        GOOD + "0003,North\n",
        "line 4, the last one, has 2 of 10 fields: the file was cut off or carries a footer.",
    ),
    Bad(
        "far down",
        HEADER + "\n" + (ROW + "\n") * 10_000 + ROW + ",x\n" + (ROW + "\n") * 10_000,
        "line 10002 has 11 fields, the header has 10.",
    ),
    Bad(
        "quote never closed",
        GOOD.replace("0002,North", '0002,"North'),
        "line 3 opens a quote that is never closed.",
    ),
    Bad(
        "quote closed by the next one",
        MORE.replace("0002,North", '0002,"North').replace("0003,North", '0003,"North"'),
        "line 3 has an unbalanced quote.",
    ),
    Bad(
        "field too large",
        MORE.replace("0002,North", "0002," + "x" * 1_000_001),
        "line 3 has a field of more than 1,000,000 characters; the usual cause is a quote that "
        "is never closed.",
    ),
    Bad(
        "line too large",
        GOOD + "0003," + "x" * 17_000_000,
        "line 4 is longer than 16,000,000 characters; it has a quote that is never closed, or "
        "other line ends than text has.",
    ),
    # manifest: only after the file itself was found whole
    Bad(
        "cut off at the end of a line",
        without_last_line(MORE),
        "the manifest says 3 rows, the file has 2: it was cut off or changed on the way.",
        manifest=manifest(MORE),
    ),
    Bad(
        "bytes of the manifest",
        MORE,
        f"the manifest says 1 bytes, the file has {len(MORE)}: it was cut off or changed on "
        "the way.",
        manifest=manifest(MORE, bytes=1),
    ),
    Bad(
        "digest of the manifest",
        MORE,
        "its sha256 is not the manifest's: it was changed on the way.",
        manifest=manifest(MORE.replace("North", "South")),
    ),
    Bad(
        "not in the manifest",
        MORE,
        "its manifest.json does not list it.",
        manifest=manifest(MORE, name="other.csv"),
    ),
    Bad(
        "manifest cut off",
        MORE,
        "its manifest.json is not a list of files in JSON.",
        manifest=manifest(MORE)[:-9],
    ),
    Bad(
        "the file's own fault wins over the manifest's",
        GOOD[:-30],
        "line 3, the last one, has 6 of 10 fields: the file was cut off or carries a footer.",
        manifest=manifest(MORE),
    ),
    # fixed width
    Bad("empty fixed width", b"", "it is empty.", WAGES_2),
    Bad(
        "cut off inside a record",
        f"{WAGE}\n{WAGE[:40]}",
        "line 2, the last one, has 40 characters of 86: the file was cut off.",
        WAGES_2,
    ),
    Bad(
        "record too short",
        f"{WAGE}\n{WAGE[:80]}\n{WAGE}\n",
        "line 2 has 80 characters; its layout needs 86.",
        WAGES_2,
    ),
    Bad(
        "record too long",
        f"{WAGE}\n{WAGE} 7\n",
        "line 2 goes on after column 86, where its layout ends.",
        WAGES_2,
    ),
    Bad(
        "web page as fixed width",
        "<html><body>403</body></html>\n",
        "line 1: it is a web page (HTML), such as the error page of a portal.",
        WAGES_2,
    ),
    Bad(
        "blank lines only",
        "\n   \n",
        "it has no rows, where rows are required.",
        WAGES_2,
    ),
    # several record types
    Bad(
        "no trailer",
        without_last_line(FAMILIES.rstrip("\n")),
        "it has no TRAILER record: the file was cut off.",
        TANF_2,
    ),
    Bad(
        "trailer counts another number",
        (TANF / "small_tanf_section1.txt").read_bytes(),
        "line 17: the TRAILER record counts 2643 records, the file has 15.",
        TANF_2,
    ),
    Bad(
        "trailer counts nothing",
        FAMILIES.replace("TRAILER0002643", "TRAILER   2643"),
        "line 2645: the TRAILER record counts no number, the file has 2643.",
        TANF_2,
    ),
    Bad(
        "no header record",
        FAMILIES.partition("\n")[2],
        "line 1 is not the HEADER record that opens the file.",
        TANF_2,
    ),
    Bad(
        "foreign record type",
        FAMILIES.replace("\nT2", "\nT5", 1),
        "line 3 has a record type other than T1, T2, T3.",
        TANF_2,
    ),
    Bad(
        "after the trailer",
        FAMILIES.rstrip("\n") + "\nT1\n",
        "line 2646 comes after the TRAILER record.",
        TANF_2,
    ),
    Bad(
        "short record of a type",
        FAMILIES.replace(FAMILIES.split("\n")[2], FAMILIES.split("\n")[2][:100], 1),
        "line 3 has 100 characters; its layout needs 156.",
        TANF_2,
    ),
]
