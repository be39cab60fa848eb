"""Twelve made-up identities, put into deliveries of a demo county, and where they must not be.

One delivery that is accepted (so that they go all the way to the marts), some of its rows set
aside; one that is held, with values in the wrong columns; one that is rejected while it is read.
Add here: another way for a value to get out, another place to look. Keep out: the test itself
(test_end_to_end).
"""

from __future__ import annotations

import csv
import http.cookiejar
import http.server
import json
import os
import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """Nobody. Every field is a text that nothing else in a county holds."""

    first: str
    last: str
    ssn: str
    street: str

    def tokens(self) -> tuple[str, ...]:
        """What to look for, in upper case: an agency's spelling is not kept everywhere."""
        return self.first, self.last, self.ssn, self.street


IDENTITIES = [
    Identity(
        f"QUIXOTLE{letter}", f"CANARYBIRD{letter}", f"51473{7101 + 83 * n}",
        f"{n + 1} CANARYNEST{letter} WAY",
    )
    for n, letter in enumerate("ABCDEFGHIJKL")
]  # fmt: skip
TOKENS = [token for identity in IDENTITIES for token in identity.tokens()]


def _last(observed: Path, agency: str, name: str) -> Path:
    """The file as it came in the last month that was good."""
    return sorted(observed.glob(f"{agency}/????-??/{name}"))[-1]


def deliver(observed: Path, out: Path) -> dict[str, str]:
    """Write the three deliveries; returns {agency: delivery}. observed: what the county's agencies
    have handed over, of whose files the next month's are made."""
    eligibles = _last(observed, "medicaid", "eligibles.csv")
    year, month = map(int, eligibles.parent.name.split("-"))
    following = f"{year + month // 12}-{month % 12 + 1:02d}"
    made = {"medicaid": following, "benefits": "2031-01", "jail": "2031-01"}
    _accepted(eligibles, out / "medicaid" / made["medicaid"])
    _held(_good_benefits(observed), out / "benefits" / made["benefits"])
    _rejected(_last(observed, "jail", "bookings.csv"), out / "jail" / made["jail"])
    return made


def _good_benefits(observed: Path) -> Path:
    # The last month of benefits is bad on purpose.
    return sorted(observed.glob("benefits/????-??/case_members_*.csv"))[-2]


def _accepted(source: Path, folder: Path) -> None:
    with source.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        reader = csv.DictReader(stream)
        names, rows = list(reader.fieldnames or ()), list(reader)
    for number, who in enumerate(IDENTITIES):
        row = dict(rows[number * 7])
        row |= {
            "MSIS_IDENTIFICATION_NUM": f"9{number:010d}",
            "ELIGIBLE_FIRST_NAME": who.first,
            "ELIGIBLE_LAST_NAME": who.last,
            "SSN": who.ssn,
            "ELIGIBLE_ADDR_LN1": who.street,
        }
        if number < 2:  # set aside: a name where a code belongs, a number where a date does
            row |= {"SEX": who.last, "DATE_OF_BIRTH": who.ssn}
        rows.append(row)
    _write(folder / source.name, names, rows, ",")


def _held(source: Path, folder: Path) -> None:
    month = source.stem[-7:]
    with source.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        reader = csv.DictReader(stream)
        names, rows = list(reader.fieldnames or ()), list(reader)
    for row in rows:
        row["report_month"] = row["report_month"].replace(month, "2031-01")
    for number, row in enumerate(rows[:120]):
        who = IDENTITIES[number % len(IDENTITIES)]
        row |= {
            "first_name": who.first, "last_name": who.last, "ssn": who.ssn,
            "street_address": who.street,
        }  # fmt: skip
        if number % 2:  # values that slipped into codes, numbers, dates and the key
            row |= {
                "program": who.last, "benefit_amount": who.first, "birth_date": who.ssn,
                "city": who.last, "zip": who.ssn, "client_id": who.ssn, "case_status": who.first,
            }  # fmt: skip
    _write(folder / "case_members_2031-01.csv", names, rows, ",")


def _rejected(source: Path, folder: Path) -> None:
    """Fields too many in each of their lines, and a quote that never ends."""
    lines = source.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    lines += [f"{who.first}|{who.last}|" * 12 + who.ssn for who in IDENTITIES]
    lines.append(f'"{IDENTITIES[0].last}|{IDENTITIES[0].street}')
    folder.mkdir(parents=True)
    (folder / source.name).write_text(
        "\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape"
    )


def _write(path: Path, names: list[str], rows: list[dict[str, str]], delimiter: str) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.DictWriter(stream, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def hits(content: str | bytes) -> list[str]:
    """Which of the twelve a text or a file's bytes tell of."""
    data = content if isinstance(content, bytes) else content.encode()
    data = data.upper()
    return [token for token in TOKENS if token.encode() in data]


def in_files(folder: Path, since: float = 0.0) -> tuple[dict[str, list[str]], set[str]]:
    """({file: hits}, first folders and suffixes seen) of the files below a folder that were written
    since then: of a home, all but what was delivered and the database itself, whose tables are
    looked at by SQL."""
    found: dict[str, list[str]] = {}
    kinds: set[str] = set()
    # Links too: root keeps the server outside a home that PostgreSQL's account cannot reach.
    walked = (
        Path(at) / name for at, _, names in os.walk(folder, followlinks=True) for name in names
    )
    for path in walked:
        place = path.relative_to(folder)
        inside = place.parts[:2] == ("postgres", "data") or place.parts[0] == "demo"
        if inside or not path.is_file() or path.stat().st_mtime < since:
            continue
        kinds.add(f"{place.parts[0].split('-')[0]}/*{path.suffix}")
        if told := hits(path.read_bytes()):
            found[str(place)] = told
    return found, kinds


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """(address, what was sent there)."""
    taken: list[str] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{service.server_port}/hook", taken
    service.shutdown()
    service.server_close()


def desk_pages(application: object, name: str, password: str, loads: list[int]) -> dict[str, str]:
    """{address: page} of everything a signed-in user can reach from the pages of these loads."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error")  # type: ignore[arg-type]
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(jar)
    try:
        form = urllib.parse.urlencode({"name": name, "password": password}).encode()
        opener.open(f"{base}/sign-in", form).read()
        waiting = ["/", "/decisions", "/linkage", *(f"/loads/{n}" for n in loads)]
        waiting += [f"/loads/{n}/{page}" for n in loads for page in ("difference", "missing")]
        pages: dict[str, str] = {}
        while waiting:
            address = waiting.pop()
            if address in pages:
                continue
            try:
                pages[address] = opener.open(base + address).read().decode()
            except urllib.error.HTTPError as refused:
                pages[address] = refused.read().decode()
            for load in loads:
                links = re.findall(rf'href="(?:{base})?(/loads/{load}/[^"#]+)"', pages[address])
                waiting += [link.replace("&amp;", "&") for link in links]
        return pages
    finally:
        server.should_exit = True
        thread.join()


def as_text(rows: object) -> str:
    return json.dumps(rows, default=str)
