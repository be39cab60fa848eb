"""What lies in the deliveries folder: <deliveries>/<agency>/<delivery>/<file>.

Add here: another way for a file to say what it is. Keep out: opening more of a file than its
first bytes (readers), remembering files (registry).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from orchestration.errors import UsageError
from orchestration.landing import delivery_types
from orchestration.landing.archives import ArchiveFault, Packed, member_names, members
from orchestration.landing.contracts import Contract
from orchestration.landing.readers import BadInput

# The month of handing over, with an optional suffix that says of which type the delivery is and
# counts those of the month: 2025-03, 2025-03_r1, 2025-03_c2 (delivery_types).
DELIVERY = re.compile(r"\d{4}-(0[1-9]|1[0-2])([_-][A-Za-z0-9]+)?")
MANIFEST = "manifest.json"
# Files that a transfer program has not finished, and what desktops leave behind.
PASSED_OVER = re.compile(r"\..*|~\$.*|.*\.(part|filepart|tmp|crdownload)|Thumbs\.db")
HASH_BLOCK = 1 << 20


@dataclass(frozen=True)
class DeliveredFile:
    """One file as found.

    period: what the file covers, by its name, its header or its delivery folder; dated: by one
    of the first two.
    contract: None when no contract of the agency describes a file of this name.
    place: agency/delivery/name, how messages and quality.load.path name the file; the member
    of a ZIP archive is agency/delivery/archive.zip/member. problem: why the file is not to be
    read at all, as a clause; for an archive that must not be taken in.
    """

    agency: str
    delivery: str
    period: str
    path: Path | Packed
    contract: Contract | None
    place: str
    problem: str | None = None
    dated: bool = False

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the content, unpacked; reads the file once.

        Content that cannot be unpacked counts as its packed bytes: reading it says why.
        """
        try:
            return _digest(self.path)
        except BadInput:
            assert isinstance(self.path, Packed)
            whole = _digest(self.path.archive)
            return hashlib.sha256(f"{whole} {self.path.member}".encode()).hexdigest()


def discover(
    deliveries: Path,
    contracts: Iterable[Contract],
    *,
    agency: str | None = None,
    delivery: str | None = None,
) -> list[DeliveredFile]:
    """Every delivered file, sorted by delivery, agency and file.

    deliveries: the folder of the agencies' folders; when it has `observed/`, that is meant.
    agency, delivery: only this agency's files, only this delivery folder's.
    Raises UsageError when the folder is missing, or when nobody knows the agency.
    """
    deliveries = Path(deliveries)
    if (deliveries / "observed").is_dir():
        deliveries = deliveries / "observed"
    if not deliveries.is_dir():
        raise UsageError(
            f"There is no deliveries folder at {deliveries}; name one that exists with "
            "--deliveries."
        )
    by_agency: dict[str, list[Contract]] = {}
    for contract in contracts:
        by_agency.setdefault(contract.agency, []).append(contract)
    folders = sorted(p for p in deliveries.iterdir() if p.is_dir() and not _passed_over(p))
    if agency is not None:
        folders = [folder for folder in folders if folder.name == agency]
        if not folders and agency not in by_agency:
            known = ", ".join(sorted(by_agency)) or "none"
            raise UsageError(f"There is no agency {agency!r}; those with contracts are: {known}.")
    found = [
        file
        for folder in folders
        for file in _of_agency(folder, by_agency.get(folder.name, []), delivery)
    ]
    return sorted(
        found,
        key=lambda f: (
            delivery_types.order(f.delivery),
            f.agency,
            f.contract.file if f.contract else "",
            f.place,
        ),
    )


def manifest_entry(file: DeliveredFile) -> dict[str, Any] | None:
    """What the delivery's manifest says of this file; None when there is no manifest.

    Raises ValueError with the reason when the manifest is unreadable or does not list it.
    """
    text = _manifest_text(file.path)
    if text is None:
        return None
    try:
        content = json.loads(text)
        # What holds for the whole delivery may be said once.
        common = {key: content[key] for key in ("type", "period") if key in content}
        entries = {entry["name"]: common | entry for entry in content["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"its {MANIFEST} is not a list of files in JSON") from error
    if file.path.name in entries:
        return entries[file.path.name]
    if isinstance(file.path, Packed) and file.path.archive.name in entries:
        return _packed_entry(file.path, entries[file.path.archive.name])
    raise ValueError(f"its {MANIFEST} does not list it")


def _manifest_text(path: Path | Packed) -> str | None:
    """The manifest beside the file: in its own archive, or else in the delivery folder."""
    beside = path.parent / MANIFEST
    if isinstance(path, Packed) and path.member is not None:
        try:
            with Packed(path.archive, MANIFEST).open() as stream:
                return stream.read(HASH_BLOCK).decode("utf-8-sig", "replace")
        except BadInput:
            pass  # none in the archive, or the archive's own fault is said elsewhere
    return beside.read_text(encoding="utf-8-sig") if beside.is_file() else None


def _packed_entry(path: Packed, entry: dict[str, Any]) -> dict[str, Any]:
    """What is left to compare of an entry that speaks of the archive as it was sent."""
    found = path.archive.stat()
    agreed = entry.get("sha256")
    if entry.get("bytes", found.st_size) != found.st_size or (
        agreed is not None
        and str(agreed).lower()
        != _archive_digest(path.archive, found.st_size, found.st_mtime_ns, found.st_ino)
    ):
        raise ValueError(
            f"{path.archive.name} is not what its {MANIFEST} says: it was changed on the way"
        )
    left = {
        key: entry[key]
        for key in ("rows", "totals", "type", "period")
        if entry.get(key) is not None
    }
    return {"name": path.name, **left}


@lru_cache(maxsize=64)
def _archive_digest(archive: Path, size: int, changed: int, inode: int) -> str:
    """Once for all members, as long as the archive is the same."""
    return _digest(archive)


def _digest(path: Path | Packed) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _of_agency(
    folder: Path, contracts: list[Contract], delivery: str | None
) -> Iterator[DeliveredFile]:
    for entry in sorted(folder.iterdir()):
        if _passed_over(entry) or (delivery is not None and entry.name != delivery):
            continue
        if entry.is_dir():
            for path in sorted(entry.rglob("*")):
                if path.is_file() and path.name != MANIFEST and not _passed_over(path):
                    direct = path.parent == entry and DELIVERY.fullmatch(entry.name)
                    yield from _files(folder, entry.name, path, contracts if direct else [])
        elif entry.is_file():
            yield _file(folder, "", entry, [])


def _files(
    folder: Path, delivery: str, path: Path, contracts: list[Contract]
) -> Iterator[DeliveredFile]:
    """One file; for a ZIP archive each of its members."""
    kind = path.suffix.lower()
    if kind == ".gz" and contracts:
        yield _file(folder, delivery, Packed(path), contracts)
    elif kind == ".zip" and contracts:
        yield from _of_archive(folder, delivery, path, contracts)
    else:
        yield _file(folder, delivery, path, contracts)


def _of_archive(
    folder: Path, delivery: str, path: Path, contracts: list[Contract]
) -> Iterator[DeliveredFile]:
    try:
        inside = [
            member
            for member in members(path)
            if not _passed_over(member)
            and member.name != MANIFEST
            and not (member.member or "").startswith("__MACOSX/")
        ]
    except ArchiveFault as fault:
        # Under the contract that one of its files, or the archive's own name, speaks of.
        names = [path.name, path.stem, *member_names(path)]
        match = next((c for name in names for c in contracts if c.matches(name)), None)
        place = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        yield DeliveredFile(
            folder.name, delivery, delivery[:7], path, match, place, problem=str(fault)
        )
        return
    for member in inside:
        yield _file(folder, delivery, member, contracts, alone=len(inside) == 1)


def _file(
    folder: Path,
    delivery: str,
    path: Path | Packed,
    contracts: list[Contract],
    *,
    alone: bool = False,
) -> DeliveredFile:
    """alone: the only file of its archive, which may then go by the archive's name."""
    on_disk = path.archive if isinstance(path, Packed) else path
    place = f"{folder.name}/{on_disk.relative_to(folder).as_posix()}"
    names = [path.name]
    if isinstance(path, Packed) and (alone or path.member is None):
        names += [path.archive.name, path.archive.stem]
    if isinstance(path, Packed) and path.member is not None:
        place += f"/{path.member}"
    matches: list[tuple[Contract, re.Match[str]]] = []
    for name in names:
        matches = matches or [(c, match) for c in contracts if (match := c.matches(name))]
    if len(matches) > 1:
        files = " and ".join(contract.file for contract, _ in matches)
        raise UsageError(f"{place} fits the contracts {files}; make their filePattern differ.")
    if not matches:
        return DeliveredFile(folder.name, delivery, delivery[:7], path, None, place)
    contract, match = matches[0]
    told = match.groupdict().get("period") or _header_period(path, contract)
    return DeliveredFile(
        folder.name, delivery, told or delivery[:7], path, contract, place, dated=bool(told)
    )


def _header_period(path: Path | Packed, contract: Contract) -> str | None:
    """`20204` in the header line means 2020Q4; None when there is no such thing."""
    if contract.envelope is None or contract.envelope.period is None:
        return None
    start, end = contract.envelope.period
    try:
        with path.open("rb") as stream:
            found = re.fullmatch(rb"(\d{4})([1-4])", stream.read(end)[start:end])
    except BadInput:
        return None  # said when the file is read
    return f"{found[1].decode()}Q{found[2].decode()}" if found else None


def _passed_over(path: Path | Packed) -> bool:
    return PASSED_OVER.fullmatch(path.name) is not None
