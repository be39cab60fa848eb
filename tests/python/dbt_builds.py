"""Running dbt's build as a person would, for the tests of how tables and views come to be.

Add here: what two such tests need of dbt. Keep out: what they build.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestration import dbt
from orchestration.settings import Settings


def dbt_build(
    settings: Settings, *arguments: str, project: Path | None = None, **variables: str
) -> None:
    """dbt build on the warehouse of settings; fails with dbt's own last words.

    project: the folder of another project, which holds its profiles.yml; the repository's by
    default.
    """
    root = project or settings.root
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build", "--quiet", *arguments],
        cwd=project,
        env={
            **os.environ,
            **dbt.connection_environment(settings),
            "DBT_PROFILES_DIR": str(root),
            "DBT_PROJECT_DIR": str(root),
            "DBT_TARGET_PATH": str(project / "target" if project else settings.home / "dbt"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
