"""Files that come packed: gzip'd ones, and members of ZIP archives.

A packed file offers the little of pathlib.Path that landing asks for (name, parent, stat,
resolve, open), so that the register and the readers need not know. Nothing is unpacked to
disk but what a reader must seek in, and no member's name is ever used as a path.
Add here: another packing. Keep out: what is inside (readers, formats).
"""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import BinaryIO, cast

from orchestration.landing.readers import BadInput

# Agencies' tables shrink 5 to 20 times; deflate's own limit is about 1,000 (2026-11-23).
LARGEST_RATIO = 100
# What is smaller than this harms nobody, however well it shrinks (2026-11-23).
RATIO_MATTERS_FROM = 1 << 20
# 200 million lines of a wage file; more in one delivery is a mistake or an attack (2026-11-23).
LARGEST_UNPACKED = 20 * 10**9
MOST_MEMBERS = 10_000
PACKED = (".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".zst")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError)
UNPACKED_GB = LARGEST_UNPACKED // 10**9


class ArchiveFault(Exception):
    """A ZIP archive that is not taken in. The message is a clause naming the member."""


@dataclass(frozen=True)
class Packed:
    """The content of a gzip'd file, or of one member of a ZIP archive.

    archive: the file on disk. member: the member's name in it; None for gzip.
    """

    archive: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """The name of what is inside: births.csv for births.csv.gz."""
        return PurePosixPath(self.member).name if self.member else self.archive.stem

    @property
    def parent(self) -> Path:
        return self.archive.parent

    def is_file(self) -> bool:
        return self.archive.is_file()

    def resolve(self) -> PurePosixPath:
        """One name for each member, as the register keeps them; not a path to open."""
        return PurePosixPath(f"{self.archive.resolve()}!{self.member or ''}")

    def stat(self) -> SimpleNamespace:
        """Times and inode of the archive; the size of the member (of the whole for gzip)."""
        found = self.archive.stat()
        size = found.st_size
        if self.member is not None:
            try:
                with zipfile.ZipFile(self.archive) as opened:
                    size = opened.getinfo(self.member).file_size
            except (zipfile.BadZipFile, KeyError, ValueError):
                pass  # said when it is read
        return SimpleNamespace(
            st_size=size,
            st_mtime_ns=found.st_mtime_ns,
            st_ctime_ns=found.st_ctime_ns,
            st_ino=found.st_ino,
        )

    def open(self, mode: str = "rb", buffering: int = -1) -> BinaryIO:
        """The content as a stream; reading raises BadInput where the packing is damaged."""
        assert mode == "rb"
        raw = _Gzip(self.archive) if self.member is None else _Member(self.archive, self.member)
        return cast(BinaryIO, io.BufferedReader(raw, 1 << 18))


def members(archive: Path) -> list[Packed]:
    """The files in a ZIP archive, in its order; folders are left out.

    Judged by the archive's directory alone. Raises ArchiveFault when the archive or any of its
    members must not be taken in: one bad member makes the whole suspect.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveFault("it is a damaged ZIP archive; it was cut off or changed") from error
    if len(entries) > MOST_MEMBERS:
        raise ArchiveFault(f"it is a ZIP archive of more than {MOST_MEMBERS:,} members")
    seen: set[str] = set()
    for entry in entries:
        if clause := _fault(entry):
            raise ArchiveFault(f"its member {_shown(entry.filename)} {clause}")
        if entry.filename in seen:
            raise ArchiveFault(f"its member {_shown(entry.filename)} is in it twice")
        seen.add(entry.filename)
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, after in itertools.pairwise(ordered):
        # 30 bytes: a local header without its names.
        if entry.header_offset + 30 + entry.compress_size > after.header_offset:
            raise ArchiveFault(
                f"its member {_shown(entry.filename)} overlaps the next one, as in a ZIP bomb"
            )
    if sum(entry.file_size for entry in entries) > LARGEST_UNPACKED:
        raise ArchiveFault(f"its members unpack to more than {UNPACKED_GB} GB")
    return [Packed(archive, entry.filename) for entry in entries if not entry.is_dir()]


def member_names(archive: Path) -> list[str]:
    """Base names of the members of an archive that will not be read; [] when unreadable."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = opened.namelist()[:MOST_MEMBERS]
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, OSError):
        return []
    return [name.replace("\\", "/").rstrip("/").rpartition("/")[2] for name in names]


@contextmanager
def on_disk(path: Path | Packed) -> Iterator[Path]:
    """A file that can be sought in: the file itself, or a throw-away copy of a packed one."""
    if isinstance(path, Path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="lifecourse-") as copy, path.open() as stream:
        shutil.copyfileobj(stream, copy, 1 << 18)
        copy.flush()
        yield Path(copy.name)


def _fault(entry: zipfile.ZipInfo) -> str | None:
    name = entry.filename
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":" or "\0" in name:
        return "has a name that leads out of the archive"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is not a plain file"
    if entry.flag_bits & 0x41:
        return "is encrypted; send it unencrypted within an encrypted transfer"
    if PurePosixPath(name).suffix.lower() in PACKED:
        return "is an archive itself; send its files in one archive"
    if entry.compress_type not in METHODS:
        return "is compressed in a way that is not supported; use deflate"
    if _is_bomb(entry.file_size, entry.compress_size):
        return f"unpacks to more than {LARGEST_RATIO} times its size, as in a ZIP bomb"
    return None


def _is_bomb(unpacked: int, packed: int) -> bool:
    return unpacked > RATIO_MATTERS_FROM and unpacked > LARGEST_RATIO * packed


def _shown(name: str) -> str:
    """A member's name for a message. It is the agency's text: cut, without line breaks."""
    return repr(name[:100])


class _Guarded(io.RawIOBase):
    """A decompressed stream that words its damage as BadInput."""

    what = "the file"
    inner: BinaryIO

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self.inner.read(len(buffer))
        except DAMAGE as error:
            raise BadInput(self._damage(error)) from None
        buffer[: len(data)] = data
        return len(data)

    def _damage(self, error: Exception) -> str:
        if isinstance(error, EOFError):
            return f"{self.what} ends too early: it was cut off"
        if "CRC" in str(error):
            return f"{self.what} fails its checksum (CRC): it was changed on the way"
        return f"{self.what} is damaged and cannot be unpacked"

    def close(self) -> None:
        if not self.closed:
            self.inner.close()
        super().close()


class _Gzip(_Guarded):
    what = "the gzip file"

    def __init__(self, path: Path) -> None:
        self.raw = path.open("rb")
        self.packed = os.fstat(self.raw.fileno()).st_size
        self.inner = cast(BinaryIO, gzip.GzipFile(fileobj=self.raw))
        self.unpacked = 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = super().readinto(buffer)
        self.unpacked += size
        if _is_bomb(self.unpacked, self.packed):
            raise BadInput(f"the gzip file unpacks to more than {LARGEST_RATIO} times its size")
        if self.unpacked > LARGEST_UNPACKED:
            raise BadInput(f"the gzip file unpacks to more than {UNPACKED_GB} GB")
        return size

    def close(self) -> None:
        super().close()
        self.raw.close()


class _Member(_Guarded):
    what = "the member"

    def __init__(self, archive: Path, member: str) -> None:
        try:
            self.opened = zipfile.ZipFile(archive)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadInput("its ZIP archive is damaged") from error
        try:
            self.inner = cast(BinaryIO, self.opened.open(member))
        except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError) as error:
            self.opened.close()
            raise BadInput("the member is damaged and cannot be unpacked") from error

    def close(self) -> None:
        super().close()
        self.opened.close()
