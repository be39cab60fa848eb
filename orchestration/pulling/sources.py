"""Where agencies hold their files ready: folders, servers, queries, pages.

A contract's ODCS section `servers` says where; its customProperties name the environment
variables that hold credentials. Kinds, by `type`: local, sftp, s3, https (a file, or a page of
links when the location ends with /), api (pages of JSON), fsspec (any other fsspec URL), and
the databases (postgresql, mysql, oracle, sqlserver ..., or any with `urlVariable`).
Add here: a kind of server. Keep out: where files are put (transfer).
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from orchestration.errors import LifecourseError, UnusableEnvironment, UsageError
from orchestration.landing.contracts import Contract, Server

BLOCK = 1 << 20
# Seconds to wait for a server to answer at all (2026-11-23).
PATIENCE = 30
# Rows held at once by a query's cursor (2026-11-23).
FETCH = 5_000
# A REST source of more pages than this goes in circles (2026-11-23).
MOST_PAGES = 100_000
OWN_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
DATABASES = ("postgres", "postgresql", "mysql", "mariadb", "oracle", "sqlserver", "sqlite", "db2")


@dataclass(frozen=True)
class Remote:
    """One file to be had.

    fingerprint: changes when the file does; None when only its content tells. modified: when
    the server says it was last written. fetch: writes it into an open binary file; what that
    holds already is taken as the beginning, or overwritten where the server cannot go on from it.
    """

    name: str
    fingerprint: str | None
    modified: datetime | None
    fetch: Callable[[BinaryIO], None]


@contextmanager
def remotes(contract: Contract, server: Server) -> Iterator[Iterator[Remote]]:
    """The files of one server that the contract describes; connections end with the block.

    Raises UsageError for what the contract or the environment lacks, UnusableEnvironment for a
    server that cannot be used. No message quotes a library: it may hold a credential.
    """
    place = f"{contract.agency}/{contract.file}, server {server.name}"
    try:
        if server.kind in DATABASES or server.option("urlVariable"):
            yield iter([_query(contract, server, place)])
        elif server.kind == "api":
            yield iter([_pages(contract, server, place)])
        else:
            yield _files(contract, server, place)
    except LifecourseError:
        raise
    except FileNotFoundError:
        raise UsageError(f"{place}: there is no such path; mend it in the contract.") from None
    except PermissionError:
        raise UnusableEnvironment(
            f"{place}: access was refused; see that the credentials are those of this server."
        ) from None
    except ImportError as error:
        raise UnusableEnvironment(
            f"{place}: the Python package {error.name} is needed for it; install it."
        ) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OWN_DISK:
            raise
        if not _is_outage(error):
            raise LifecourseError(
                f"{place}: what it sent could not be taken in ({type(error).__name__})."
            ) from None
        raise UnusableEnvironment(
            f"{place}: it cannot be reached or refuses the connection "
            f"({type(error).__name__}); see its host, port and credentials."
        ) from None


def _is_outage(error: Exception) -> bool:
    libraries = ("paramiko", "aiohttp", "botocore", "aiobotocore", "fsspec")
    if type(error).__module__.startswith("sqlalchemy"):
        return type(error).__name__ in ("OperationalError", "InterfaceError")
    return isinstance(error, OSError | EOFError) or type(error).__module__.startswith(libraries)


def _secret(server: Server, option: str, place: str) -> str | None:
    """What the environment variable named by the contract holds; None when it names none."""
    variable = server.option(option)
    if variable is None:
        return None
    value = os.environ.get(str(variable))
    if not value:
        raise UsageError(
            f"{place}: the environment variable {variable} is not set; the contract's {option} "
            "asks for it."
        )
    return value


def _wanted(contract: Contract, server: Server, name: str) -> bool:
    pattern = server.option("remotePattern")
    if pattern is not None:
        return re.fullmatch(pattern, name) is not None
    inner = re.sub(r"\.(gz|zip)$", "", name, flags=re.IGNORECASE)
    return any(contract.matches(candidate) for candidate in (name, inner))


# --- files, by fsspec


def _files(contract: Contract, server: Server, place: str) -> Iterator[Remote]:
    files, path = _file_system(server, place)
    try:
        found = files.ls(path, detail=True) if _is_folder(files, server, path) else None
        entries = [files.info(path)] if found is None else found
        for entry in sorted(entries, key=lambda e: str(e["name"])):
            name = urlsplit(str(entry["name"])).path.rstrip("/").rpartition("/")[2]
            if entry.get("type") == "directory" or not _wanted(contract, server, name):
                continue
            if "://" in str(entry["name"]):
                if urlsplit(entry["name"]).netloc != urlsplit(path).netloc:
                    continue  # a page may link to anywhere; credentials stay with this server
                entry = {**entry, **files.info(entry["name"])}
            yield Remote(name, _fingerprint(entry), _modified(entry), _copier(files, entry, place))
    finally:
        client = getattr(files, "client", None)
        if server.kind == "sftp" and client is not None:
            client.close()


def _is_folder(files: Any, server: Server, path: str) -> bool:
    return path.endswith("/") if server.kind in ("http", "https") else files.isdir(path)


def _file_system(server: Server, place: str) -> tuple[Any, str]:
    import fsspec

    location = server.location or server.path
    if server.kind == "sftp":
        return _sftp(server, place)
    if not location:
        raise UsageError(f"{place}: it has no location; write one into the contract.")
    if server.kind == "local":
        return fsspec.filesystem("file"), str(Path(location).expanduser())
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if server.kind == "s3":
        key = _secret(server, "accessKeyVariable", place)
        options |= {
            "key": key,
            "secret": _secret(server, "secretKeyVariable", place),
            "token": _secret(server, "sessionTokenVariable", place),
            "endpoint_url": server.endpoint,
            "anon": bool(server.option("anonymous", False)),
            "client_kwargs": {"region_name": server.region} if server.region else {},
            "config_kwargs": {"connect_timeout": PATIENCE, "retries": {"max_attempts": 3}},
        }
        return fsspec.filesystem("s3", **options), location
    if server.kind in ("http", "https"):
        return _http(server, place), location
    files, path = fsspec.core.url_to_fs(location, skip_instance_cache=True)
    return files, path


def _http(server: Server, place: str) -> Any:
    import ssl

    import aiohttp
    import fsspec

    client: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)}
    if (token := _secret(server, "tokenVariable", place)) is not None:
        client["headers"] = {"Authorization": f"Bearer {token}"}
    if (password := _secret(server, "passwordVariable", place)) is not None:
        user = _secret(server, "userVariable", place) or ""
        client["headers"] = {"Authorization": aiohttp.BasicAuth(user, password).encode()}
    if "headers" in client and urlsplit(server.location or "").scheme != "https":
        raise UsageError(f"{place}: credentials go over https only; mend its location.")
    authority = _secret(server, "caFileVariable", place)
    context = ssl.create_default_context(cafile=authority)
    return fsspec.filesystem("http", skip_instance_cache=True, client_kwargs=client, ssl=context)


def _sftp(server: Server, place: str) -> tuple[Any, str]:
    import base64

    import paramiko
    from fsspec.implementations.sftp import SFTPFileSystem

    parts = urlsplit(server.location or "")
    host, port = server.host or parts.hostname, server.port or parts.port or 22
    if not host:
        raise UsageError(f"{place}: it has no host; write one into the contract.")
    host_key = server.option("hostKey")

    class Checked(SFTPFileSystem):
        """fsspec's own takes any host key; this one only a known one."""

        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            if host_key:
                kind, _, rest = str(host_key).partition(" ")
                key = paramiko.PKey.from_type_string(kind, base64.b64decode(rest.split(" ")[0]))
                name = host if port == 22 else f"[{host}]:{port}"
                self.client.get_host_keys().add(name, kind, key)
            else:
                self.client.load_system_host_keys(_secret(server, "knownHostsVariable", place))
            self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
            self.client.connect(host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()

    key_file = _secret(server, "keyFileVariable", place)
    files = Checked(
        host,
        port=port,
        username=_secret(server, "userVariable", place),
        password=_secret(server, "passwordVariable", place),
        key_filename=key_file,
        allow_agent=False,
        look_for_keys=False,
        timeout=PATIENCE,
        banner_timeout=PATIENCE,
        auth_timeout=PATIENCE,
        skip_instance_cache=True,
    )
    return files, server.path or parts.path or "."


def _fingerprint(entry: dict[str, Any]) -> str | None:
    """Size with the first of ETag and modification time that there is; None without any."""
    for name in ("ETag", "etag", "mtime", "LastModified", "last_modified", "Last-Modified"):
        if entry.get(name):
            return f"{entry.get('size')} {entry[name]}"
    return None


def _modified(entry: dict[str, Any]) -> datetime | None:
    for name in ("mtime", "LastModified", "last_modified"):
        value = entry.get(name)
        if isinstance(value, datetime):
            return value
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    return None


def _copier(files: Any, entry: dict[str, Any], place: str) -> Callable[[BinaryIO], None]:
    path = entry["name"]
    # A web server may tell the size of what it compresses on the way.
    size = None if "://" in str(path) else entry.get("size")

    def fetch(target: BinaryIO) -> None:
        with files.open(path, "rb") as stream:
            if target.tell():
                try:
                    stream.seek(target.tell())
                except (ValueError, NotImplementedError, OSError):
                    target.seek(0)
            while block := stream.read(BLOCK):
                target.write(block)
        target.truncate()
        if size is not None and target.tell() != size:
            target.seek(0)
            target.truncate()
            raise LifecourseError(
                f"{place}: a file changed while it was copied; pull again when it is written."
            )

    return fetch


# --- a query


def _query(contract: Contract, server: Server, place: str) -> Remote:
    statement = server.option("query")
    if not statement:
        raise UsageError(f"{place}: it has no query; write one into its customProperties.")
    url = _secret(server, "urlVariable", place)
    if url is None:
        raise UsageError(
            f"{place}: it has no urlVariable, the environment variable that holds the database's "
            "URL; write one into its customProperties."
        )

    def fetch(target: BinaryIO) -> None:
        import sqlalchemy

        try:
            engine = sqlalchemy.create_engine(
                url, hide_parameters=True, poolclass=sqlalchemy.NullPool
            )
        except Exception:
            raise UsageError(
                f"{place}: what {server.option('urlVariable')} holds is no SQLAlchemy URL, or "
                "its driver is not installed."
            ) from None
        options: dict[str, Any] = {"stream_results": True, "yield_per": FETCH}
        if engine.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        with engine.connect().execution_options(**options) as connection:
            result = connection.execute(sqlalchemy.text(statement))
            rows = (dict(zip(result.keys(), row, strict=True)) for row in result)
            _write_csv(contract, place, target, rows, tuple(result.keys()))

    return Remote(_file_name(contract, server, place), None, None, fetch)


def _write_csv(
    contract: Contract,
    place: str,
    target: BinaryIO,
    rows: Iterator[dict[str, Any]],
    names: tuple[str, ...] | None,
) -> None:
    """Rows as the agency would have delivered them: the contract's columns, order, encoding."""
    from orchestration.landing.formats import value_text

    if contract.file_format != "csv":
        raise UsageError(f"{place}: a query is written as csv; its contract says another format.")
    columns = contract.tables[0].columns
    headers = [column.header for column in columns]

    def check(found: set[str]) -> None:
        if unknown := sorted(found - set(headers)):
            raise LifecourseError(
                f"{place}: it sends the column {unknown[0][:63]!r}, which is not in the contract; "
                "ask for the contract's columns only."
            )

    if names is not None:
        check(set(names))
        if len(set(names)) < len(names):
            raise LifecourseError(f"{place}: it sends a column twice; mend the query.")
        if missing := [name for name in headers if name not in names]:
            raise LifecourseError(
                f"{place}: it does not send the column {missing[0]!r} of the contract; mend the "
                "query."
            )
    text = io.TextIOWrapper(target, encoding=contract.encoding, newline="", write_through=True)
    writer = csv.writer(text, delimiter=contract.delimiter, lineterminator="\n")
    writer.writerow(headers)
    for number, row in enumerate(rows, start=1):
        if names is None:
            check(set(row))
        writer.writerow([value_text(row.get(c.header), c, number) for c in columns])
    text.detach()


# --- pages of JSON


def _pages(contract: Contract, server: Server, place: str) -> Remote:
    location = server.location
    if not location:
        raise UsageError(f"{place}: it has no location; write one into the contract.")
    files = _http(server, place)

    def items() -> Iterator[dict[str, Any]]:
        url, seen = location, set()
        while url:
            if url in seen or len(seen) >= MOST_PAGES:
                raise LifecourseError(f"{place}: its pages go in circles; tell the agency.")
            seen.add(url)
            try:
                # Numbers as they are written: no digit is lost.
                page = json.loads(files.cat_file(url), parse_float=str, parse_int=str)
            except ValueError:
                raise LifecourseError(
                    f"{place}: page {len(seen)} is not JSON; the service may show an error page."
                ) from None
            found = _within(page, server.option("items", "results"))
            if not isinstance(found, list) or not all(isinstance(i, dict) for i in found):
                raise LifecourseError(
                    f"{place}: page {len(seen)} has no list of objects where the contract's "
                    "`items` says."
                )
            yield from found
            following = _within(page, server.option("next", "next"))
            url = urljoin(url, str(following)) if following else ""
            if url and urlsplit(url)[:2] != urlsplit(location)[:2]:
                raise LifecourseError(
                    f"{place}: page {len(seen)} leads to another server; that is not followed."
                )

    def fetch(target: BinaryIO) -> None:
        if contract.file_format == "ndjson":
            for item in items():
                target.write(json.dumps(item, ensure_ascii=False).encode(contract.encoding))
                target.write(b"\n")
        else:
            _write_csv(contract, place, target, items(), None)

    return Remote(_file_name(contract, server, place), None, None, fetch)


def _within(page: Any, path: str) -> Any:
    """What lies at a dotted path, `meta.next`; the page itself for an empty one."""
    for part in filter(None, path.split(".")):
        page = page.get(part) if isinstance(page, dict) else None
    return page


def _file_name(contract: Contract, server: Server, place: str) -> str:
    """The name to deliver under; {month} stands for the month of pulling."""
    name = server.option("fileName") or f"{contract.file}.{contract.file_format}"
    name = str(name).replace("{month}", datetime.now(UTC).strftime("%Y-%m"))
    if not contract.matches(name) or "/" in name:
        raise UsageError(
            f"{place}: its fileName does not fit the contract's filePattern; mend one of them."
        )
    return name
