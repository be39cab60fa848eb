"""A file judged before it is sent: by the rules of the gate, on a server that lives for a minute.

An agency needs the project and the contract, no warehouse. The file is read by the same loader
and judged by the same gate, in a throw-away PostgreSQL; rules on earlier deliveries and on other
files have nothing to look at there and say so.
Add here: what such a check needs of its own. Keep out: rules, and reading files.
"""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestration import landing, warehouse
from orchestration.errors import UsageError
from orchestration.landing.contracts import Contract, load_contract
from orchestration.quality import engine, gate
from orchestration.quality.results import CheckResult
from orchestration.settings import Settings


@dataclass(frozen=True)
class Precheck:
    """rejected: why the file could not be read as agreed, or None. results: the verdict on each
    rule, empty when rejected. rows: by staging table."""

    contract: Contract
    rejected: str | None
    rows: dict[str, int]
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate would let it in, as far as the file alone tells."""
        return self.rejected is None and not any(result.blocks for result in self.results)


def check(settings: Settings, file: Path, contract: str) -> Precheck:
    """Judge a file by a contract: a path of its YAML file, or agency/file of settings.contracts.

    Raises UsageError when there is no such file or contract, or when the file has not the name
    the contract asks for; UnusableEnvironment when no PostgreSQL can be started here.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    agreed = _contract(settings, contract)
    with _own_server(settings) as own:
        place = own.deliveries / agreed.agency / f"{datetime.date.today():%Y-%m}" / file.name
        place.parent.mkdir(parents=True)
        shutil.copyfile(file, place)
        manifest = file.parent / "manifest.json"
        if manifest.is_file() and manifest != file:
            shutil.copyfile(manifest, place.parent / manifest.name)
        [found] = [
            one
            for one in landing.discover(own.deliveries, [agreed])
            if Path(one.place).name == file.name
        ] or [None]
        if found is None or found.contract is None:
            raise UsageError(
                f"{file.name} is not named as {agreed.agency}/{agreed.file} asks for (see "
                "filePattern in the contract); rename it as it will be sent."
            )
        return _judged(own, agreed, found)


def _judged(settings: Settings, contract: Contract, found: landing.DeliveredFile) -> Precheck:
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, [contract])
        connection.commit()
        registration = landing.register(connection, found)
        connection.commit()
        if registration.status == "rejected":
            reason = connection.execute(
                "select reason from quality.load where load_id = %s", [registration.load_id]
            ).fetchone()
            return Precheck(contract, reason[0] if reason else "It is rejected.", {}, ())
        try:
            report = landing.load_candidate(connection, found, registration.load_id)
        except landing.DeliveryRejected as error:
            return Precheck(contract, error.reason, {}, ())
        connection.commit()
    judged = gate.run_gate(settings, contract, registration.load_id)
    return Precheck(contract, None, report.tables, tuple(judged.results))


def _contract(settings: Settings, contract: str) -> Contract:
    for path in (Path(contract), settings.contracts / f"{contract}.yml"):
        if path.suffix in (".yml", ".yaml") and path.is_file():
            return load_contract(path)
    raise UsageError(
        f"There is no contract {contract}; name its YAML file, or agency/file such as "
        "benefits/case_members."
    )


@contextmanager
def _own_server(settings: Settings) -> Iterator[Settings]:
    """A PostgreSQL on a home of its own, removed with everything in it.

    The file holds people's values: the folder is readable to its owner only.
    """
    from orchestration import server

    home = Path(tempfile.mkdtemp(prefix="lifecourse-check-"))
    own = replace(settings, home=home, deliveries=home / "deliveries", port=None, database_url=None)
    try:
        warehouse.url(own)
        yield own
    finally:
        engine.release(own)
        server.remove(own)
        shutil.rmtree(home, ignore_errors=True)
