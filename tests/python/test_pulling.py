"""Pulling from real servers on this machine: SFTP, S3, HTTPS, a REST service, PostgreSQL."""

from __future__ import annotations

import datetime
import http.server
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration import warehouse as warehouse_module
from orchestration.errors import LifecourseError, UnusableEnvironment, UsageError
from orchestration.landing import discover, load_contract
from orchestration.landing.contracts import Contract, Server
from orchestration.pulling import PullReport, pull, served, sources, transfer
from orchestration.settings import PROJECT_ROOT, Settings, load

HEADER = (
    "school_id,school_name,district_id,district_name,level,street,city,zip,open_date,close_date"
)
CSV = HEADER + "\n0001,North,D1,One,ES,1 Main St,Newark,19711,1990-09-01,\n"
SECRET = "not-to-be-shown-4711"
MONTH = datetime.datetime.now(datetime.UTC).strftime("%Y-%m")
Pull = Callable[..., PullReport]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return replace(load(), home=tmp_path / "home", deliveries=tmp_path / "deliveries")


@pytest.fixture(scope="module")
def schools() -> Contract:
    return load_contract(PROJECT_ROOT / "expectations" / "k12" / "schools.yml")


def server(kind: str, options: dict[str, object] | None = None, **fields: object) -> Server:
    return Server(name="main", kind=kind, options=tuple((options or {}).items()), **fields)  # type: ignore[arg-type]


def once(settings: Settings, contract: Contract, *servers: Server) -> PullReport:
    report = pull(settings, [replace(contract, servers=servers)])
    assert SECRET not in "".join(map(str, report.problems))
    return report


def places(report: PullReport) -> list[str]:
    assert not report.problems
    return [file.place for file in report.files]


def problem(report: PullReport) -> tuple[type[Exception], str]:
    assert not report.files
    (found,) = report.problems
    return type(found), str(found)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# --- a folder


def test_a_folder_is_copied_once_and_anew_when_changed(
    home: Settings, schools: Contract, tmp_path: Path
) -> None:
    source = tmp_path / "share"
    source.mkdir()
    (source / "schools.csv").write_text(CSV)
    (source / "other.csv").write_text(CSV)
    os.utime(source / "schools.csv", (1738400000, 1738400000))  # 2025-02-01
    local = server("local", location=str(source))
    assert places(once(home, schools, local)) == ["k12/2025-02/schools.csv"]
    assert (home.deliveries / "k12/2025-02/schools.csv").read_text() == CSV
    again = once(home, schools, local)
    assert not again.files and again.unchanged == 1
    os.utime(source / "schools.csv", (1738400100, 1738400100))  # touched, not changed
    assert not once(home, schools, local).files
    (source / "schools.csv").write_text(CSV.replace("North", "South"))
    os.utime(source / "schools.csv", (1738400200, 1738400200))
    assert places(once(home, schools, local)) == ["k12/2025-02_r1/schools.csv"]
    # a second delivery of changes must not be taken for the whole
    (source / "schools.csv").write_text(CSV.replace("North", "East"))
    os.utime(source / "schools.csv", (1738400300, 1738400300))
    changes = replace(schools, delivery_type="incremental")
    assert places(once(home, changes, local)) == ["k12/2025-02_i2/schools.csv"]
    # A killed pull leaves its half file and no record: both are made good.
    (home.deliveries / "k12/.pulled.json").unlink()
    (home.deliveries / "k12/.pulling-1").write_text("half")
    assert not once(home, schools, local).files
    assert not (home.deliveries / "k12/.pulling-1").exists()


def test_what_is_missing_is_named(home: Settings, schools: Contract, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No contract names a server"):
        pull(home, [replace(schools, servers=())])
    kind, says = problem(once(home, schools, server("local", location=str(tmp_path / "none"))))
    assert kind is UsageError and "there is no such path" in says
    unset = server("sftp", {"userVariable": "COUNTY_USER_UNSET"}, host="127.0.0.1")
    kind, says = problem(once(home, schools, unset))
    assert kind is UsageError and "COUNTY_USER_UNSET is not set" in says


def test_a_contract_says_where_its_file_is(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "expectations" / "k12" / "schools.yml").read_text()
    path = tmp_path / "k12" / "schools.yml"
    path.parent.mkdir()
    servers = (
        "  servers:\n    - {server: main, type: sftp, host: files.example.gov, port: 2222,\n"
        "       customProperties: [{property: userVariable, value: K12_USER}]}\n"
    )
    path.write_text(text.replace("  schema:\n", servers + "  schema:\n", 1))
    (found,) = load_contract(path).servers
    assert (found.kind, found.host, found.port) == ("sftp", "files.example.gov", 2222)
    assert found.option("userVariable") == "K12_USER"


# --- SFTP


@pytest.fixture
def read_from() -> list[int]:
    """The offsets that the SFTP server was asked to read from."""
    return []


@pytest.fixture
def sftp(tmp_path: Path, read_from: list[int]) -> Iterator[tuple[int, str, Path]]:
    """A real SFTP server for user county: (port, its host key, its folder)."""
    import paramiko

    folder = tmp_path / "sftp"
    folder.mkdir()
    host_key = paramiko.ECDSAKey.generate()

    class Door(paramiko.ServerInterface):
        def check_auth_password(self, username: str, password: str) -> int:
            right = (username, password) == ("county", SECRET)
            return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

        def check_channel_request(self, kind: str, chanid: int) -> int:
            return paramiko.OPEN_SUCCEEDED

        def get_allowed_auths(self, username: str) -> str:
            return "password"

    class Handle(paramiko.SFTPHandle):
        def read(self, offset: int, length: int) -> bytes | int:
            read_from.append(offset)
            return super().read(offset, length)

    class Files(paramiko.SFTPServerInterface):
        def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
            real = folder / path.lstrip("/")
            return [
                paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name)
                for entry in real.iterdir()
            ]

        def stat(self, path: str) -> paramiko.SFTPAttributes | int:
            try:
                return paramiko.SFTPAttributes.from_stat((folder / path.lstrip("/")).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        lstat = stat

        def open(self, path: str, flags: int, attr: object) -> paramiko.SFTPHandle:
            handle = Handle(flags)
            handle.readfile = (folder / path.lstrip("/")).open("rb")  # type: ignore[attr-defined]
            return handle

    listener = socket.create_server(("127.0.0.1", 0))
    transports = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(client)
            transport.add_server_key(host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            try:
                transport.start_server(server=Door())
            except (paramiko.SSHException, EOFError):
                continue  # the client did not like the host key
            transports.append(transport)

    threading.Thread(target=serve, daemon=True).start()
    key = f"{host_key.get_name()} {host_key.get_base64()}"
    yield listener.getsockname()[1], key, folder
    listener.close()
    for transport in transports:
        transport.close()


def test_sftp(
    home: Settings,
    schools: Contract,
    sftp: tuple[int, str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import paramiko

    port, key, folder = sftp
    (folder / "out").mkdir()
    (folder / "out" / "schools.csv").write_text(CSV)
    (folder / "out" / "notes.txt").write_text("x")
    monkeypatch.setenv("COUNTY_USER", "county")
    monkeypatch.setenv("COUNTY_PASSWORD", SECRET)
    options: dict[str, object] = {
        "userVariable": "COUNTY_USER",
        "passwordVariable": "COUNTY_PASSWORD",
        "hostKey": key,
    }
    good = server("sftp", options, host="127.0.0.1", port=port, path="/out")
    assert places(once(home, schools, good)) == [f"k12/{MONTH}/schools.csv"]
    assert (home.deliveries / "k12" / MONTH / "schools.csv").read_text() == CSV
    assert once(home, schools, good).unchanged == 1
    kind, says = problem(once(home, schools, replace(good, path="/nowhere")))
    assert kind is UsageError and "no such path" in says
    other = paramiko.ECDSAKey.generate()
    options["hostKey"] = f"{other.get_name()} {other.get_base64()}"
    stranger = replace(good, options=tuple(options.items()))
    kind, says = problem(once(home, schools, stranger))
    assert kind is UnusableEnvironment and "BadHostKey" in says
    monkeypatch.setenv("COUNTY_PASSWORD", SECRET + "x")
    kind, says = problem(once(home, schools, good))
    assert kind is UnusableEnvironment and "Authentication" in says
    kind, says = problem(once(home, schools, replace(good, port=closed_port())))
    assert kind is UnusableEnvironment and "cannot be reached" in says


def test_what_was_cut_off_goes_on_where_it_stopped(
    home: Settings,
    schools: Contract,
    sftp: tuple[int, str, Path],
    read_from: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, key, folder = sftp
    text = CSV + CSV.split("\n")[1].join(["", *["\n"] * 10_000])
    (folder / "schools.csv").write_text(text)
    monkeypatch.setenv("COUNTY_USER", "county")
    monkeypatch.setenv("COUNTY_PASSWORD", SECRET)
    monkeypatch.setattr(transfer, "TELL_EVERY", 0)
    monkeypatch.setattr(sources, "BLOCK", 1 << 16)
    options: dict[str, object] = {
        "userVariable": "COUNTY_USER",
        "passwordVariable": "COUNTY_PASSWORD",
        "hostKey": key,
    }
    place = server("sftp", options, host="127.0.0.1", port=port, path="/")
    told = []

    def cut_off(line: str) -> None:
        told.append(line)
        if "so far" in line and len(told) > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(home, [replace(schools, servers=(place,))], progress=cut_off)
    (half,) = (home.deliveries / "k12").glob(".pulling-*")
    had = half.stat().st_size
    assert 0 < had < len(text)
    assert discover(home.deliveries, [schools]) == []
    read_from.clear()
    assert places(once(home, schools, place)) == [f"k12/{MONTH}/schools.csv"]
    assert min(read_from) >= had > 0
    assert (home.deliveries / "k12" / MONTH / "schools.csv").read_text() == text
    assert not list((home.deliveries / "k12").glob(".pulling-*"))


# --- where from


def test_servers_are_named_outside_the_repository(
    home: Settings, schools: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / "schools.csv").write_text(CSV)
    named = tmp_path / "servers.yml"
    monkeypatch.setenv("LIFECOURSE_SERVERS", str(named))
    named.write_text(f"k12: [{{server: a, type: local, location: {share}}}]\n")
    (found,) = served(home, [schools])
    assert found.servers[0].location == str(share)
    assert places(pull(home, [found], agencies=["k12"])) == [f"k12/{MONTH}/schools.csv"]
    # a file's own entry goes before its agency's
    named.write_text(named.read_text() + "k12/schools: [{server: b, type: local, location: /b}]\n")
    assert served(home, [schools])[0].servers[0].name == "b"
    with pytest.raises(UsageError, match="'jail' names a server"):
        pull(home, [found], agencies=["k12", "jail"])
    named.write_text("k12/scools: []\n")
    with pytest.raises(UsageError, match="k12/scools, which has no contract"):
        served(home, [schools])
    named.write_text("k12: [{type: local}]\n")
    with pytest.raises(UsageError, match="servers"):
        served(home, [schools])
    named.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        served(home, [schools])
    monkeypatch.delenv("LIFECOURSE_SERVERS")
    assert served(home, [schools]) == []


# --- S3


def test_s3(home: Settings, schools: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("COUNTY_KEY", "county")
    monkeypatch.setenv("COUNTY_SECRET", SECRET)
    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    try:
        endpoint = "http://{}:{}".format(*service.get_host_and_port())
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="county",
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="agency")
        client.put_object(Bucket="agency", Key="out/schools.csv", Body=CSV.encode())
        options: dict[str, object] = {
            "accessKeyVariable": "COUNTY_KEY",
            "secretKeyVariable": "COUNTY_SECRET",
        }
        good = server(
            "s3", options, location="s3://agency/out", endpoint=endpoint, region="us-east-1"
        )
        assert places(once(home, schools, good)) == [f"k12/{MONTH}/schools.csv"]
        assert once(home, schools, good).unchanged == 1
        client.put_object(Bucket="agency", Key="out/schools.csv", Body=CSV.encode() * 2)
        assert places(once(home, schools, good)) == [f"k12/{MONTH}_r1/schools.csv"]
        kind, says = problem(once(home, schools, replace(good, location="s3://nobody/x")))
        assert kind is UsageError and "no such path" in says
    finally:
        service.stop()


# --- HTTPS and REST


@contextmanager
def https(
    folder: Path, answers: dict[str, tuple[int, str, str]]
) -> Iterator[tuple[str, Path, list[str]]]:
    """A real HTTPS server: (its URL, the certificate to trust, paths asked for)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "ca.pem", folder / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, kind, text = answers.get(self.path, (404, "text/plain", "no"))
            if self.headers.get("Authorization") != f"Bearer {SECRET}":
                status, kind, text = 401, "text/plain", "who are you"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.send_header("ETag", f'"{hash(text)}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(text.encode())

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{service.server_port}", trusted, asked
    finally:
        service.shutdown()
        service.server_close()


TOKEN: dict[str, object] = {"tokenVariable": "COUNTY_TOKEN", "caFileVariable": "COUNTY_CA"}


def test_https(
    home: Settings, schools: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTY_TOKEN", SECRET)
    page = '<html><a href="schools.csv">it</a><a href="https://elsewhere.example/schools.csv">x</a>'
    answers = {"/out/": (200, "text/html", page), "/out/schools.csv": (200, "text/csv", CSV)}
    with https(tmp_path, answers) as (url, trusted, _):
        monkeypatch.setenv("COUNTY_CA", str(trusted))
        listed = server("https", TOKEN, location=f"{url}/out/")
        assert places(once(home, schools, listed)) == [f"k12/{MONTH}/schools.csv"]
        assert (home.deliveries / "k12" / MONTH / "schools.csv").read_text() == CSV
        assert once(home, schools, listed).unchanged == 1
        answers["/out/schools.csv"] = (200, "text/csv", CSV * 2)
        fixed = server("https", TOKEN, location=f"{url}/out/schools.csv")
        assert places(once(home, schools, fixed)) == [f"k12/{MONTH}_r1/schools.csv"]
        assert problem(once(home, schools, replace(fixed, location=f"{url}/no/schools.csv")))
        distrusting = server("https", {"tokenVariable": "COUNTY_TOKEN"}, location=f"{url}/out/")
        kind, says = problem(once(home, schools, distrusting))
        assert kind is UnusableEnvironment and "Certificate" in says
        plain = server("https", TOKEN, location="http://localhost/out/")
        assert "https only" in problem(once(home, schools, plain))[1]
        monkeypatch.setenv("COUNTY_TOKEN", SECRET + "x")
        assert problem(once(home, schools, listed))[0] is UnusableEnvironment


def test_pages_of_json(
    home: Settings, schools: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTY_TOKEN", SECRET)
    item = dict(zip(HEADER.split(","), CSV.split("\n")[1].split(","), strict=True))
    first = json.dumps({"results": [item], "next": "/schools?page=2"})
    second = json.dumps({"results": [{**item, "school_id": "0002", "zip": 19711}], "next": None})
    answers = {
        "/schools": (200, "application/json", first),
        "/schools?page=2": (200, "application/json", second),
    }
    with https(tmp_path, answers) as (url, trusted, asked):
        monkeypatch.setenv("COUNTY_CA", str(trusted))
        pages = server("api", TOKEN, location=f"{url}/schools")
        assert places(once(home, schools, pages)) == [f"k12/{MONTH}/schools.csv"]
        assert asked == ["/schools", "/schools?page=2"]
        landed = (home.deliveries / "k12" / MONTH / "schools.csv").read_text()
        assert landed == CSV + CSV.split("\n")[1].replace("0001", "0002") + "\n"
        assert once(home, schools, pages).unchanged == 1
        lines = replace(schools, file_format="ndjson", file_pattern=r"schools\.ndjson")
        assert places(once(home, lines, pages)) == [f"k12/{MONTH}/schools.ndjson"]
        for following, says in (
            ("/schools", "go in circles"),
            ("https://elsewhere.example/", "leads to another server"),
        ):
            text = json.dumps({"results": [], "next": following})
            answers["/schools?page=2"] = (200, "application/json", text)
            assert says in problem(once(home, schools, pages))[1]
        answers["/schools?page=2"] = (200, "text/html", "<html>")
        assert "page 2 is not JSON" in problem(once(home, schools, pages))[1]
        assert not list(home.deliveries.glob("k12/.pulling-*"))


# --- a database


def test_a_query(
    home: Settings,
    schools: Contract,
    fresh_settings: Callable[[str], Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agency = fresh_settings("agency")
    with warehouse_module.connect(agency, autocommit=True) as connection:
        connection.execute(
            "create table school as select lpad(n::text, 4, '0') as school_id, 'A, \"B\"' as "
            "school_name, 'D1' as district_id, 'One' as district_name, 'ES' as level, "
            "null::text as street, 'Newark' as city, 19711 as zip, date '1990-09-01' as "
            "open_date, null::date as close_date from generate_series(1, 12000) as n"
        )
    monkeypatch.setenv("AGENCY_URL", str(agency.database_url))
    options: dict[str, object] = {
        "urlVariable": "AGENCY_URL",
        "query": "select close_date, school.* from school order by 2",
    }
    query = server("postgresql", options)
    kind, says = problem(once(home, schools, query))
    assert kind is LifecourseError and "sends a column twice" in says
    options["query"] = f"select zip, {HEADER.replace(',zip', '')} from school order by school_id"
    query = server("postgresql", options)
    assert places(once(home, schools, query)) == [f"k12/{MONTH}/schools.csv"]
    lines = (home.deliveries / "k12" / MONTH / "schools.csv").read_text().splitlines()
    assert lines[0] == HEADER and len(lines) == 12_001
    assert lines[1] == '0001,"A, ""B""",D1,One,ES,,Newark,19711,1990-09-01,'
    assert once(home, schools, query).unchanged == 1
    bad = server("postgresql", {**options, "query": "delete from school returning *"})
    assert problem(once(home, schools, bad))[0] is LifecourseError
    with warehouse_module.connect(agency, autocommit=True) as connection:
        assert connection.execute("select count(*) from school").fetchone() == (12_000,)
    missing = server("postgresql", {**options, "query": "select 1 as school_id"})
    assert "does not send the column 'school_name'" in problem(once(home, schools, missing))[1]
    monkeypatch.setenv(
        "AGENCY_URL", f"postgresql://county:{SECRET}@127.0.0.1:{closed_port()}/agency"
    )
    kind, says = problem(once(home, schools, query))
    assert kind is UnusableEnvironment and "cannot be reached" in says
    monkeypatch.setenv("AGENCY_URL", SECRET)
    assert problem(once(home, schools, query))[0] is UsageError
