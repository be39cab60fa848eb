"""The main job: every new delivery in, then one build and one release.

Drives Dagster's jobs in this process (a launched run costs 15-50 s more for its imports).
Add here: the order of the main job. Keep out: what its steps do.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import builds, dbt, intake, landing, notify, server, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.intake import FileSet, file_sets
from orchestration.progress import say
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

Echo = Callable[[str], None]


@dataclass
class RunReport:
    """What one run did. `held` and `rejected` name files as agency/file delivery."""

    accepted: int = 0
    known: int = 0
    duplicates: int = 0
    held: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    built: bool = False
    started_at: datetime | None = None  # by the warehouse's clock

    @property
    def exit_code(self) -> int:
        return 1 if self.held or self.rejected else 0


def run(
    settings: Settings,
    deliveries: Path,
    *,
    agency: str | None = None,
    through: str | None = None,
    echo: Echo = lambda _: None,
) -> RunReport:
    """Accept what is new in `deliveries`, then build and release if anything changed.

    agency: only this agency's deliveries. through: no delivery folder that sorts after this
    name (for replaying history). Raises UsageError for a folder or agency that is not there and
    while LIFECOURSE_AS_OF is set, UnusableEnvironment when another run is at work,
    LifecourseError when a build step failed; what was published before stays.
    """
    if settings.as_of is not None:
        raise UsageError(
            "LIFECOURSE_AS_OF is set: staging is seen as it was, and what is built of it must "
            "not become the release; unset it and run again."
        )
    contracts = landing.load_contracts(settings.contracts)
    report = RunReport()
    found = landing.discover(deliveries, contracts, agency=agency)
    try:
        _take_in_and_build(settings, deliveries, contracts, found, through, report, echo)
    finally:
        notify.send_quietly(settings, echo)
    return report


def _take_in_and_build(
    settings: Settings,
    deliveries: Path,
    contracts: tuple[landing.Contract, ...],
    found: list[landing.DeliveredFile],
    through: str | None,
    report: RunReport,
    echo: Echo,
) -> None:
    with warehouse.run_lock_shared(settings):
        intake.prepare(settings, contracts)
        with warehouse.connect(settings) as connection:
            report.started_at = connection.execute("select clock_timestamp()").fetchone()[0]
            pending = _register(
                connection, [f for f in found if not through or f.delivery <= through], report, echo
            )
            connection.commit()
        if pending:
            from orchestration.quality import engine

            with warehouse.kept_open(settings), engine.kept_open(settings):
                _accept(settings, deliveries, file_sets(contracts), pending, report, echo)
        _build_if_changed(settings, report, echo)


def _register(
    connection: psycopg.Connection,
    found: list[landing.DeliveredFile],
    report: RunReport,
    echo: Echo,
) -> dict[str, set[tuple[str, str]]]:
    """Enter each file in the registry; returns the (agency, publish set)s to load by delivery."""
    pending: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for file in found:
        registration = landing.register(connection, file)
        if registration.known and registration.status != "received":
            report.known += 1
        elif registration.status == "duplicate":
            report.duplicates += 1
        elif registration.status == "rejected":
            report.rejected.append(file.place)
            echo(f"{file.delivery}  rejected {registration.reason}")
        elif registration.status == "received" and file.contract:
            pending[file.delivery].add((file.agency, file.contract.publish_set))
    return pending


def _accept(
    settings: Settings,
    deliveries: Path,
    sets: tuple[FileSet, ...],
    pending: dict[str, set[tuple[str, str]]],
    report: RunReport,
    echo: Echo,
) -> None:
    """One Dagster run for each delivery folder, oldest first, so that history grows in order."""
    say("taking in deliveries", stage=True)
    import dagster as dg

    from orchestration.assets.deliveries import candidate_key, delivery_partitions, staging_key
    from orchestration.jobs import ACCEPT

    os.environ["LIFECOURSE_DELIVERIES"] = str(deliveries)
    instance, definitions = _dagster(settings)
    job = definitions.resolve_job_def(ACCEPT)
    for delivery in sorted(pending, key=landing.order):
        instance.add_dynamic_partitions(delivery_partitions.name, [delivery])
        candidates: set[dg.AssetKey] = set()
        staging: set[dg.AssetKey] = set()
        for file_set in sets:
            if (file_set.agency, file_set.name) in pending[delivery]:
                for _, table in file_set.tables:
                    candidates.add(candidate_key(file_set.agency, table))
                    staging.add(staging_key(file_set.agency, table))
        # Of the checks the gates alone: whether other deliveries are late is another question.
        gates = {
            check for check in job.asset_layer.asset_graph.asset_check_keys
            if check.asset_key in candidates
        }  # fmt: skip
        job.get_subset(
            asset_selection=candidates | staging, asset_check_selection=gates
        ).execute_in_process(
            instance=instance,
            partition_key=delivery,
            run_config=_QUIET,
            raise_on_error=False,
        )
        _report_delivery(settings, delivery, report, echo)


def _report_delivery(settings: Settings, delivery: str, report: RunReport, echo: Echo) -> None:
    with warehouse.connect(settings) as connection:
        loads = connection.execute(
            """
            select load_id, agency, file, status, reason, coalesce(row_count, 0)
            from quality.load where delivery = %s and decided_at >= %s order by agency, file
            """,
            [delivery, report.started_at],
        ).fetchall()
        accepted = [load for load in loads if load[3] == "accepted"]
        report.accepted += len(accepted)
        if accepted:
            agencies = sorted({load[1] for load in accepted})
            echo(
                f"{delivery}  accepted {len(accepted)} files, {sum(x[5] for x in accepted):,} rows "
                f"({', '.join(agencies)})"
            )
        for load_id, agency, file, status, reason, _ in loads:
            if status not in ("held", "rejected"):
                continue
            name = f"{agency}/{file} {delivery}"
            (report.held if status == "held" else report.rejected).append(name)
            echo(f"{delivery}  {status} {agency}/{file}: {reason}")
            for (message,) in connection.execute(
                """
                select message from quality.check_result
                where load_id = %s and status in ('failed', 'error') and severity = 'critical'
                order by check_result_id
                """,
                [load_id],
            ):
                echo(f"           - {message}")


def _build_if_changed(settings: Settings, report: RunReport, echo: Echo) -> None:
    with warehouse.connect(settings) as connection:
        needed = builds.needed(connection, settings)
    if needed is None:
        echo("nothing has been accepted yet, so there is nothing to build")
    elif needed:
        _build(settings)
        report.built = True
        echo("released  core, panels and marts")


def _build(settings: Settings) -> None:
    say("building", stage=True)
    dbt.forget_old_runs(settings)
    from orchestration.jobs import BUILD

    instance, definitions = _dagster(settings)
    result = definitions.resolve_job_def(BUILD).execute_in_process(
        instance=instance, run_config=_QUIET, raise_on_error=False
    )
    if not result.success:
        failed = [
            event.step_key
            for event in result.all_events
            if event.is_step_failure and event.step_key
        ]
        raise LifecourseError(
            f"The build stopped at {', '.join(failed)}; the last release stays as it was. "
            f"See {settings.home / 'logs' / 'dbt.log'} or the run in `lifecourse ui`."
        )


_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _dagster(settings: Settings):
    """A Dagster instance under the working folder, and the definitions."""
    prepare_dagster(settings)
    dbt.ensure_manifest(settings)
    import dagster as dg

    from orchestration.definitions import defs

    instance = dg.DagsterInstance.get()
    if settings.database_url:
        # Made for the UI: connections stay open. Otherwise each event logs in anew, and two
        # deliveries took 108 s instead of 20 (2026-11-23).
        instance.optimize_for_webserver(
            statement_timeout=60_000, pool_recycle=3_600, max_overflow=20
        )
    return instance, defs


def prepare_dagster(settings: Settings) -> None:
    """Write dagster.yaml and point this process (and its children) at it.

    Run storage is in the warehouse (schema `dagster`) when a server is configured, SQLite
    otherwise. Telemetry and the invitation to a newsletter are off; one run at a time.
    """
    settings.make_folders()
    home = settings.dagster_home
    text = """telemetry: {enabled: false}
nux: {enabled: false}
concurrency: {runs: {max_concurrent_runs: 1}}
"""
    if settings.database_url:
        with warehouse.connect(settings) as connection:
            connection.execute("create schema if not exists dagster")
        text += """storage:
  postgres:
    postgres_db:
      username: {env: LIFECOURSE_PG_USER}
      password: {env: LIFECOURSE_PG_PASSWORD}
      hostname: {env: LIFECOURSE_PG_HOST}
      port: {env: LIFECOURSE_PG_PORT}
      db_name: {env: LIFECOURSE_PG_DATABASE}
      scheme: postgresql+psycopg2
      params: {options: "-c search_path=dagster"}
"""
    else:
        text += f"""event_log_storage:
  module: orchestration.event_log
  class: OpenSqliteEventLogStorage
  config: {{base_dir: {json.dumps(str(home / "history" / "runs"))}}}
"""
    written = home / "dagster.yaml"
    # Runs of the UI come by here too, while Dagster's other processes may be reading the file.
    if not written.exists() or written.read_text() != text:
        written.write_text(text)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ.update(warehouse.environment(settings))


def sentence(report: RunReport) -> str:
    """What a run did, in one line."""
    if not (report.accepted or report.held or report.rejected or report.duplicates or report.built):
        return f"Nothing new: {report.known} files were decided on before; nothing is loaded twice."
    parts = [f"{report.accepted} files accepted"]
    parts += [f"{len(report.held)} held"] if report.held else []
    parts += [f"{len(report.rejected)} rejected"] if report.rejected else []
    parts += [f"{report.duplicates} duplicates"] if report.duplicates else []
    parts += [f"{report.known} known before"] if report.known else []
    parts += ["built and released"] if report.built else ["no new build"]
    return ", ".join(parts) + "."


def prepare_ui(settings: Settings, deliveries: Path | None) -> None:
    """Everything `dagster dev` needs in this process's environment and on disk."""
    if not settings.database_url:
        # Dagster replaces this process, and with it goes the lease on the server.
        server.start(settings, keep=True)
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, landing.load_contracts(settings.contracts))
    prepare_dagster(settings)
    dbt.ensure_manifest(settings)
    demo = settings.home / "demo"
    folder = deliveries or (demo if (demo / "observed").exists() else settings.deliveries)
    os.environ["LIFECOURSE_DELIVERIES"] = str(folder)


def make_docs(settings: Settings) -> dict[str, Path]:
    """Data Docs, the linkage report and dbt docs, on two cores; returns their pages by name."""
    from concurrent.futures import ThreadPoolExecutor

    from orchestration import linkage
    from orchestration.quality.data_docs import build_data_docs

    say("Data Docs, linkage report and dbt docs", stage=True)
    settings.make_folders()
    with ThreadPoolExecutor(max_workers=1) as pool:
        dbt_docs = pool.submit(dbt.docs, settings)
        build_data_docs(settings)
        with warehouse.connect(settings) as connection:
            linked = connection.execute("select to_regclass('linkage.variant')").fetchone()[0]
        if linked:
            linkage.report(settings, settings.docs / "linkage")
        dbt_docs.result()
    return existing_docs(settings)


def existing_docs(settings: Settings) -> dict[str, Path]:
    pages = {
        "Data Docs": settings.docs / "data_docs" / "index.html",
        "linkage": settings.docs / "linkage" / "linkage_report.html",
        "dbt docs": settings.docs / "dbt" / "index.html",
    }
    return {name: path for name, path in pages.items() if path.exists()}
