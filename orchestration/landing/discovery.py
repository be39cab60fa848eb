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
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestration.errors import UsageError
from orchestration.landing.contracts import Contract

# The month of handing over, with an optional suffix for a resubmission: 2025-03, 2025-03_r1.
DELIVERY = re.compile(r"\d{4}-(0[1-9]|1[0-2])([_-][A-Za-z0-9]+)?")
MANIFEST = "manifest.json"
# Files that a transfer program has not finished, and what desktops leave behind.
PASSED_OVER = re.compile(r"\..*|~\$.*|.*\.(part|filepart|tmp|crdownload)|Thumbs\.db")
HASH_BLOCK = 1 << 20


@dataclass(frozen=True)
class DeliveredFile:
    """One file as found.

    period: what the file covers, by its name, its header or its delivery folder.
    contract: None when no contract of the agency describes a file of this name.
    place: agency/delivery/name, how messages and quality.load.path name the file.
    """

    agency: str
    delivery: str
    period: str
    path: Path
    contract: Contract | None
    place: str

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the content; reads the file once."""
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            while block := stream.read(HASH_BLOCK):
                digest.update(block)
        return digest.hexdigest()


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
        key=lambda f: (f.delivery, f.agency, f.contract.file if f.contract else "", f.place),
    )


def manifest_entry(file: DeliveredFile) -> dict[str, Any] | None:
    """What the delivery's manifest says of this file; None when there is no manifest.

    Raises ValueError with the reason when the manifest is unreadable or does not list it.
    """
    path = file.path.parent / MANIFEST
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        entries = {entry["name"]: entry for entry in content["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"its {MANIFEST} is not a list of files in JSON") from error
    if file.path.name not in entries:
        raise ValueError(f"its {MANIFEST} does not list it")
    return entries[file.path.name]


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
                    yield _file(folder, entry.name, path, contracts if direct else [])
        elif entry.is_file():
            yield _file(folder, "", entry, [])


def _file(folder: Path, delivery: str, path: Path, contracts: list[Contract]) -> DeliveredFile:
    place = f"{folder.name}/{path.relative_to(folder).as_posix()}"
    matches = [(c, match) for c in contracts if (match := c.matches(path.name))]
    if len(matches) > 1:
        files = " and ".join(contract.file for contract, _ in matches)
        raise UsageError(f"{place} fits the contracts {files}; make their filePattern differ.")
    period, contract = delivery[:7], None
    if matches:
        contract, match = matches[0]
        period = match.groupdict().get("period") or _header_period(path, contract) or period
    return DeliveredFile(folder.name, delivery, period, path, contract, place)


def _header_period(path: Path, contract: Contract) -> str | None:
    """`20204` in the header line means 2020Q4; None when there is no such thing."""
    if contract.envelope is None or contract.envelope.period is None:
        return None
    start, end = contract.envelope.period
    with path.open("rb") as stream:
        found = re.fullmatch(rb"(\d{4})([1-4])", stream.read(end)[start:end])
    return f"{found[1].decode()}Q{found[2].decode()}" if found else None


def _passed_over(path: Path) -> bool:
    return PASSED_OVER.fullmatch(path.name) is not None
