"""dbt as a child process: the profile, the manifest Dagster reads, the docs site.

Add here: another dbt command the product needs. Keep out: builds; Dagster runs those.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestration import release, server, warehouse
from orchestration.errors import LifecourseError
from orchestration.settings import Settings

# A build joins whole tables. Staging reads text through cleaning, whose selectivity nobody can
# estimate: the planner takes a join of three columns for one row and walks every pair. The school
# attendance of 1,500 persons took minutes, by hash a second (2026-11-25). A join on ranges alone
# still loops, for want of another way. Before 18 the switch works by a cost that starts JIT.
_WHOLE_TABLES = "-c enable_nestloop=off -c jit=off"
# A build has some two thousand commits, and none needs to be on disk before the next: what makes
# it count is the commit of its release, which writes out all that came before it.
_WHOLE_BUILDS = "-c synchronous_commit=off"

_PROJECT_FILES = ("dbt_project.yml", "profiles.yml", "models", "seeds", "macros", "tests")


def connection_environment(settings: Settings) -> dict[str, str]:
    """How dbt finds the warehouse, planning for whole tables; see warehouse.environment."""
    found = warehouse.environment(settings)
    return found | {
        "PGOPTIONS": f"{found.get('PGOPTIONS', '')} {_WHOLE_TABLES} {_WHOLE_BUILDS}".strip()
    }


def ensure_profile(settings: Settings) -> None:
    """Copy profiles.example.yml to profiles.yml unless there is one."""
    profile = settings.root / "profiles.yml"
    if not profile.exists():
        shutil.copyfile(settings.root / "profiles.example.yml", profile)


def project_files(settings: Settings) -> list[Path]:
    """Every file a build depends on, in name order."""
    found: list[Path] = []
    for name in _PROJECT_FILES:
        path = settings.root / name
        if path.is_dir():
            found += (p for p in path.rglob("*") if p.suffix in (".sql", ".yml", ".csv", ".md"))
        elif path.exists():
            found.append(path)
    return sorted(found)


def ensure_manifest(settings: Settings) -> Path:
    """Parse the project if target/manifest.json is missing or older than a project file.

    Needs no database. Raises LifecourseError with dbt's own message when it does not parse.
    """
    ensure_profile(settings)
    manifest = settings.root / "target" / "manifest.json"
    if manifest.exists():
        made = manifest.stat().st_mtime
        if all(path.stat().st_mtime <= made for path in project_files(settings)):
            return manifest
    # Parsed as the builds are run: with another suffix or connection they would parse all again.
    own = settings.database_url is not None
    port = {} if own else {"LIFECOURSE_PG_PORT": str(server.expected_port(settings))}
    result = _dbt(
        settings,
        ["parse", "--quiet"],
        needs_warehouse=own,
        **{release.SUFFIX_VARIABLE: release.ASIDE},
        **port,
    )
    if result.returncode:
        raise LifecourseError(
            f"dbt cannot parse the project: {_last_lines(result)} Mend the file it names, then "
            "run again."
        )
    manifest.touch()
    return manifest


def keep_parsed(settings: Settings, target: Path) -> None:
    """Let the next dbt run start from what the one in `target` has parsed.

    Each run parses in a folder of its own, from a copy of target/partial_parse.msgpack. That one
    is of another connection when the server got another port; each of the three runs of a build
    then parsed the project anew, 14 CPU-s (2026-11-25).
    """
    parsed = target / "partial_parse.msgpack"
    if parsed.exists():
        ours = settings.root / "target" / parsed.name
        aside = ours.with_name(f"{ours.name}.{os.getpid()}")
        shutil.copyfile(parsed, aside)
        aside.replace(ours)


def forget_old_runs(settings: Settings) -> None:
    """Delete what builds of more than a day ago left in target/, one folder for each dbt run."""
    a_day_ago = time.time() - 24 * 3600
    for folder in (settings.root / "target").glob("dbt_*-*-*"):
        if folder.stat().st_mtime < a_day_ago:
            shutil.rmtree(folder, ignore_errors=True)


def passthrough(settings: Settings, arguments: Sequence[str]) -> int:
    """Run dbt with the warehouse's connection in its environment; returns its exit code."""
    ensure_profile(settings)
    return subprocess.run(
        _command(arguments),
        env=_environment(settings, True) | {"DBT_TARGET_PATH": str(settings.home / "dbt")},
        check=False,
    ).returncode


def as_of_prefix(load_id: int) -> str:
    """What the schemas of a rebuild as of a load begin with."""
    return f"as_of_{load_id}_"


def rebuild_as_of(settings: Settings, load_id: int, select: Sequence[str] = ()) -> list[str]:
    """Build everything again as the publication of an earlier load left the deliveries.

    Into schemas of its own (as_of_<load>_core, ...), beside the release and untouched by it; a
    second call replaces them. Persons keep the ids that linkage gives them now: the data are of
    then, the links are of today. select: dbt node selectors to build with what they need; all by
    default. Returns the schemas. Raises LifecourseError when the load was never published or a
    build or a test fails.
    """
    settings = replace(settings, as_of=load_id)
    with warehouse.connect(settings) as connection:
        # asked of the database, which says so when nothing is as of this load
        connection.execute("select quality.as_of()")
    prefix = as_of_prefix(load_id)
    result = _dbt(
        settings,
        [
            *("build", "--quiet", "--exclude-resource-type", "unit_test"),
            *(["--select", *(f"+{node}" for node in select)] if select else []),
        ],
        needs_warehouse=True,
        LIFECOURSE_SCHEMA_PREFIX=prefix,
        DBT_TARGET_PATH=str(settings.home / "dbt_as_of"),
    )
    if result.returncode:
        raise LifecourseError(f"The rebuild as of load {load_id} failed: {_last_lines(result)}")
    with warehouse.connect(settings) as connection:
        return [
            row[0]
            for row in connection.execute(
                "select nspname from pg_namespace where starts_with(nspname, %s) order by 1",
                [prefix],
            )
        ]


def run_models(
    settings: Settings, select: str, *, exclude: str | None = None, full_refresh: bool = False
) -> None:
    """Build the selected models in the schemas that readers use, without their tests.

    select, exclude: dbt node selectors. Raises LifecourseError when a model does not build.
    """
    ensure_profile(settings)
    result = _dbt(
        settings,
        [
            *("run", "--quiet", "--select", select),
            *(["--exclude", exclude] if exclude else []),
            *(["--full-refresh"] if full_refresh else []),
        ],
        needs_warehouse=True,
        DBT_TARGET_PATH=str(settings.home / "dbt"),
    )
    if result.returncode:
        raise LifecourseError(f"The models did not build: {_last_lines(result)}")


def compile_sql(settings: Settings, snippets: Mapping[str, str]) -> dict[str, str]:
    """The SQL that dbt makes of each snippet with the project's macros, for this warehouse.

    One call for all of them: starting dbt costs seconds. Raises LifecourseError when one does
    not compile.
    """
    ensure_profile(settings)
    mark = "-- next snippet"
    result = _dbt(
        settings,
        [
            "--quiet",
            "compile",
            "--output",
            "json",
            "--inline",
            f"\n{mark}\n".join(snippets.values()),
        ],
        needs_warehouse=True,
        DBT_TARGET_PATH=str(settings.home / "dbt"),
    )
    if result.returncode:
        raise LifecourseError(f"dbt cannot compile the snippet: {_last_lines(result)}")
    compiled = json.loads(result.stdout[result.stdout.index("{") :])["compiled"]
    return dict(zip(snippets, (part.strip() for part in compiled.split(mark)), strict=True))


def docs(settings: Settings) -> Path:
    """The dbt docs as one file that opens offline; returns its path."""
    target = settings.home / "dbt"
    result = _dbt(
        settings,
        ["docs", "generate", "--static", "--quiet"],
        needs_warehouse=True,
        DBT_TARGET_PATH=str(target),
    )
    page = target / "static_index.html"
    if result.returncode or not page.exists():
        raise LifecourseError(f"dbt docs were not made: {_last_lines(result)}")
    out = settings.docs / "dbt" / "index.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(page, out)
    return out


def _command(arguments: Sequence[str]) -> list[str]:
    return [str(Path(sys.executable).with_name("dbt")), *arguments]


def _environment(settings: Settings, needs_warehouse: bool) -> dict[str, str]:
    extra = connection_environment(settings) if needs_warehouse else {}
    return {
        **os.environ,
        **extra,
        # What a person or the docs look at is the release, not the build beside it.
        release.SUFFIX_VARIABLE: "",
        "DBT_PROFILES_DIR": str(settings.root),
        "DBT_PROJECT_DIR": str(settings.root),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _dbt(
    settings: Settings, arguments: Sequence[str], *, needs_warehouse: bool, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(arguments),
        env=_environment(settings, needs_warehouse) | variables,
        cwd=settings.root,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_lines(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return " ".join(lines[-4:])
