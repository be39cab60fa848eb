"""Where things are: the project, its working folder, the warehouse.

Read from the environment inside functions, never at import. Add here: a setting
that more than one module needs. Keep out: anything that opens a file or a socket.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The settings of one process.

    root: the project folder (holds dbt_project.yml).
    home: the working folder, private to the user; LIFECOURSE_HOME or <root>/.lifecourse.
    database_url: LIFECOURSE_DATABASE_URL (a libpq URL) when the warehouse is a server of
        the agency's own; None when it is the embedded one.
    port: LIFECOURSE_PORT, the embedded server's port; None lets the first start choose.
    deliveries: the folder agencies deliver into; LIFECOURSE_DELIVERIES or <home>/deliveries.
    as_of: LIFECOURSE_AS_OF, an accepted load: staging is read as its publication left it
        (landing.superseding); None reads what is current.
    """

    root: Path
    home: Path
    database_url: str | None
    port: int | None
    deliveries: Path
    as_of: int | None = None

    @property
    def contracts(self) -> Path:
        return self.root / "expectations"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def docs(self) -> Path:
        """Generated pages: data_docs/ and dbt/."""
        return self.home / "docs"

    def make_folders(self) -> None:
        """Make the folders of the working folder, each closed to other users.

        Each one, because the working folder itself lets others pass through: PostgreSQL does
        not run as root. Raises OSError when the disk does not allow it.
        """
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in ("dagster", "dbt", "demo", "docs", "logs"):
            (self.home / name).mkdir(mode=0o700, exist_ok=True)


def load() -> Settings:
    """Read the settings from the environment.

    Raises UsageError when LIFECOURSE_PORT is not a port number or LIFECOURSE_AS_OF no load id.
    """
    from orchestration.errors import UsageError

    port = os.environ.get("LIFECOURSE_PORT") or None
    if port is not None and not (port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(
            f"LIFECOURSE_PORT is {port!r}; set it to a port number between 1 and 65535, "
            "or unset it to let the warehouse choose one."
        )
    as_of = os.environ.get("LIFECOURSE_AS_OF") or None
    if as_of is not None and not (as_of.isdigit() and 0 < int(as_of) < 2**31):
        raise UsageError(
            f"LIFECOURSE_AS_OF is {as_of[:20]!r}; set it to the id of an accepted load, as "
            "`lifecourse deliveries` lists them, or unset it."
        )
    home = _folder("LIFECOURSE_HOME", PROJECT_ROOT / ".lifecourse")
    return Settings(
        root=PROJECT_ROOT,
        home=home,
        database_url=os.environ.get("LIFECOURSE_DATABASE_URL") or None,
        port=int(port) if port else None,
        deliveries=_folder("LIFECOURSE_DELIVERIES", home / "deliveries"),
        as_of=int(as_of) if as_of else None,
    )


def _folder(variable: str, default: Path) -> Path:
    named = os.environ.get(variable)
    return Path(named).expanduser().resolve() if named else default
