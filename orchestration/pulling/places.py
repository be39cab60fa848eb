"""Where each file is pulled from: its contract's `servers`, or a file outside the repository.

LIFECOURSE_SERVERS names a YAML file of agencies or agency/file, each with entries as the ODCS
section `servers` has them; they take the place of the contract's own. So addresses need not be
public, and a test site can pull from elsewhere. Add here: another place to say it. Keep out:
reaching servers (sources).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from orchestration.errors import UsageError
from orchestration.landing.contracts import Contract, servers_from
from orchestration.settings import Settings

VARIABLE = "LIFECOURSE_SERVERS"


def served(settings: Settings, contracts: Iterable[Contract]) -> list[Contract]:
    """The contracts whose files can be pulled, each with the servers to ask.

    Raises UsageError when the file of LIFECOURSE_SERVERS cannot be read or names an agency or a
    file that has no contract.
    """
    contracts = list(contracts)
    named = os.environ.get(VARIABLE)
    elsewhere = _read(settings, Path(named).expanduser()) if named else {}
    found = []
    for contract in contracts:
        own = elsewhere.get(f"{contract.agency}/{contract.file}", elsewhere.get(contract.agency))
        servers = contract.servers if own is None else own
        if servers and contract.access_class != "unavailable":
            found.append(replace(contract, servers=servers))
    return found


def _read(settings: Settings, path: Path) -> dict[str, tuple]:
    import yaml

    where = f"The file of {VARIABLE}, {path.name},"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{where} cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UsageError(f"{where} is not valid YAML; mend it.") from None
    if not isinstance(content, dict) or not all(isinstance(v, list) for v in content.values()):
        raise UsageError(f"{where} must hold lists of servers by agency or agency/file; mend it.")
    for key in content:
        agency, _, file = str(key).partition("/")
        contract = settings.contracts / agency / f"{file}.yml"
        if not (contract.is_file() if file else (settings.contracts / agency).is_dir()):
            raise UsageError(f"{where} names {str(key)[:80]}, which has no contract; mend it.")
    return {str(key): servers_from(path, entries) for key, entries in content.items()}
