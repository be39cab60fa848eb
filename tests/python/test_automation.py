"""What Dagster starts by itself, and what a run started there is held to.

On a real instance and a real PostgreSQL: the sensor on the deliveries folder, the schedules, the
run lock, the release that only a whole build may make.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
import yaml
from test_timeliness import HEADER, take

from orchestration import automation, builds, dbt, landing, release, resources, warehouse
from orchestration import settings as settings_module
from orchestration.errors import LifecourseError, UnusableEnvironment
from orchestration.jobs import BUILD, LATENESS, RUN
from orchestration.settings import Settings

SCHOOL = "0001,North,D1,One,ES,,Newark,19711,1990-09-01,\n"


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Iterator[Settings]:
    """A warehouse that the environment names too, as Dagster's processes find it."""
    settings = fresh_settings("automation")
    names = {
        "LIFECOURSE_DATABASE_URL": str(settings.database_url),
        "LIFECOURSE_HOME": str(settings.home),
        "LIFECOURSE_DELIVERIES": str(settings.deliveries),
    }
    before = dict(os.environ)
    os.environ.update(names)
    dbt.ensure_manifest(settings)
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        take(connection, settings.deliveries, the_schools(settings), "2023-01/schools.csv")
    yield settings_module.load()
    os.environ.clear()
    os.environ.update(before)


def the_schools(settings: Settings) -> landing.Contract:
    return landing.load_contract(settings.contracts / "k12" / "schools.yml")


@pytest.fixture(scope="module")
def definitions(settings: Settings) -> dg.Definitions:
    from orchestration.definitions import build_defs

    return build_defs()


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def put(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schools.csv").write_text(text)


# --- the sensor


def test_the_sensor_starts_one_run_for_what_is_new_and_settled(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIFECOURSE_DELIVERIES", str(tmp_path / "in"))
    sensor = definitions.resolve_job_def(RUN) and automation.new_deliveries
    cursor: str | None = None

    def look() -> list[dg.RunRequest]:
        nonlocal cursor
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            found = sensor.evaluate_tick(context)
        cursor = found.cursor or cursor
        return list(found.run_requests)

    assert look() == []
    put(tmp_path / "in" / "k12" / "2025-01", HEADER)
    assert look() == []  # it may still be being written
    put(tmp_path / "in" / "k12" / "2025-01", f"{HEADER}\n{SCHOOL}")
    (tmp_path / "in" / "k12" / "2025-01" / ".pulling-half").write_text("x")
    assert look() == []
    (request,) = look()
    assert request.run_key and not request.partition_key
    assert look() == [] == look()
    put(tmp_path / "in" / "k12" / "2025-02", f"{HEADER}\n{SCHOOL}")
    assert [len(look()), len(look()), len(look())] == [0, 1, 0]


# --- the schedules


def tick(name: str, definitions: dg.Definitions, instance: dg.DagsterInstance, day: str):
    schedule = definitions.resolve_schedule_def(name) if hasattr(
        definitions, "resolve_schedule_def"
    ) else definitions.get_repository_def().get_schedule_def(name)  # fmt: skip
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime.fromisoformat(f"{day}T05:00:00+00:00")
    ) as context:
        return schedule.evaluate_tick(context)


def test_a_schedule_pulls_what_is_owed_and_nothing_else(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rhythms = {s.name for s in definitions.schedules or []}
    assert {"pull_monthly", "pull_quarterly", "pull_yearly", "lateness_each_morning"} <= rhythms
    monkeypatch.delenv("LIFECOURSE_SERVERS", raising=False)
    assert "No server" in tick("pull_yearly", definitions, instance, "2023-06-01").skip_message
    served = tmp_path / "servers.yml"
    served.write_text(yaml.safe_dump({"k12": [{"server": "x", "type": "local", "location": "/x"}]}))
    monkeypatch.setenv("LIFECOURSE_SERVERS", str(served))
    # the file of January 2023 is there; the next is for the twelve months after
    assert "is owed" in tick("pull_yearly", definitions, instance, "2024-01-31").skip_message
    (request,) = tick("pull_yearly", definitions, instance, "2024-02-01").run_requests
    assert request.run_config["ops"]["take_in"]["config"]["pull"] == ["k12/schools"]
    # what never came is asked for every morning
    (request,) = tick("pull_monthly", definitions, instance, "2024-01-15").run_requests
    assert "k12/enrollments" in request.run_config["ops"]["take_in"]["config"]["pull"]


# --- a run started there


def test_a_run_pulls_takes_in_and_tells_what_failed(
    definitions: dg.Definitions, settings: Settings, tmp_path: Path, monkeypatch
) -> None:
    share = tmp_path / "share"
    put(share, "<html>Sign in</html>")
    served = tmp_path / "servers.yml"
    served.write_text(
        yaml.safe_dump(
            {
                "k12/schools": [{"server": "x", "type": "local", "location": str(share)}],
                "jail": [{"server": "y", "type": "local", "location": str(tmp_path / "none")}],
            }
        )
    )
    monkeypatch.setenv("LIFECOURSE_SERVERS", str(served))
    monkeypatch.setattr(builds, "needed", lambda *_: None)  # what a build does is tested elsewhere
    with dg.instance_for_test() as instance:
        result = definitions.resolve_job_def(RUN).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={
                "ops": {"take_in": {"config": {"pull": ["k12/schools", "jail/bookings"]}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "jail/bookings, server y: there is no such path" in str(failure.event_specific_data)
    with warehouse.connect(settings) as connection:
        status, reason = connection.execute(
            "select status, reason from quality.load order by load_id desc limit 1"
        ).fetchone()
        assert status == "rejected" and "HTML" in reason
        with warehouse.run_lock(connection):
            pass  # the run has let go of it


def test_a_table_made_by_hand_waits_for_the_run_at_work(
    definitions: dg.Definitions, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = resources.Installation()
    monkeypatch.setattr(resources, "PATIENCE", 0)
    with warehouse.connect(settings, autocommit=True) as other:
        other.execute(f"select pg_advisory_lock({warehouse.RUN_LOCK})")
        with (
            pytest.raises(UnusableEnvironment, match="Another lifecourse run"),
            installation.yield_for_execution(dg.build_init_resource_context()),
        ):
            pass
        monkeypatch.setattr(resources, "PATIENCE", 60)
        threading.Timer(0.5, lambda: other.execute("select pg_advisory_unlock_all()")).start()
        started = time.monotonic()
        with installation.yield_for_execution(dg.build_init_resource_context()):
            assert time.monotonic() - started >= 0.5
            # a run within the run is part of it; another process is not
            with warehouse.run_lock_shared(settings) as alone:
                assert not alone
            assert not other.execute(
                f"select pg_try_advisory_lock({warehouse.RUN_LOCK})"
            ).fetchone()[0]
        with warehouse.run_lock_shared(settings) as alone:
            assert alone


def test_a_release_made_by_hand_is_refused(definitions: dg.Definitions, settings: Settings) -> None:
    job = definitions.resolve_job_def(BUILD).get_subset(asset_selection={dg.AssetKey("release")})
    with dg.instance_for_test() as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "This run is no whole build" in str(failure.event_specific_data.error.cause)


@pytest.mark.parametrize("gate_passes", [True, False])
def test_a_build_started_in_the_ui_is_entered_and_released_only_behind_its_gate(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, gate_passes: bool
) -> None:
    """The real job with its real order and register; dbt, linkage and rules only answer."""
    from orchestration import linkage
    from orchestration.definitions import build_defs
    from orchestration.quality import core_gate

    class Dbt(dg.ConfigurableResource):
        def cli(self, arguments: list[str], context: dg.AssetExecutionContext) -> SimpleNamespace:
            def events() -> Iterator[object]:
                keys = context.selected_asset_keys
                parents = {k: set(context.assets_def.asset_deps[k]) & keys for k in keys}
                for key in TopologicalSorter(parents).static_order():
                    yield dg.MaterializeResult(asset_key=key)
                for check in context.selected_asset_check_keys:
                    yield dg.AssetCheckResult(
                        passed=True, asset_key=check.asset_key, check_name=check.name
                    )

            return SimpleNamespace(stream=events, target_path=settings.home)

    rules = core_gate.specs()
    worst = next(rule for rule in rules if rule.severity == "critical")
    outcome = SimpleNamespace(
        rule_id=worst.rule_id, status="failed", severity="critical", dimension="correctness",
        message="It does not hold.", observed="1", threshold="0",
    )  # fmt: skip
    monkeypatch.setattr(dbt, "keep_parsed", lambda *_: None)
    monkeypatch.setattr(linkage, "link", lambda *_, **__: SimpleNamespace(metadata={}))
    monkeypatch.setattr(
        core_gate,
        "run_core_gate",
        lambda *_, **__: SimpleNamespace(
            passed=gate_passes, results=[] if gate_passes else [outcome]
        ),
    )
    with warehouse.connect(settings) as connection:
        connection.execute("create schema if not exists core__next")
    job = build_defs(dbt=Dbt()).resolve_job_def(BUILD)
    with dg.instance_for_test() as instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    failures = [
        f"{event.step_key}: {event.event_specific_data.error.to_string()}"
        for event in result.all_events
        if event.is_step_failure
    ]
    assert result.success == gate_passes, failures
    with warehouse.connect(settings) as connection:
        status, steps, core = connection.execute(
            "select status, steps, to_regnamespace('core') is not null from quality.build "
            "where run_id = %s",
            [result.run_id],
        ).fetchone()
        connection.execute("drop schema if exists core__next, core")
        connection.execute("delete from quality.build")
    assert (status, core) == (("released", True) if gate_passes else ("failed", False))
    assert steps == list(builds.STEPS if gate_passes else builds.STEPS[:3])


def test_lateness_is_a_check_of_each_contract(
    definitions: dg.Definitions, settings: Settings
) -> None:
    with dg.instance_for_test() as instance:
        result = definitions.resolve_job_def(LATENESS).execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    checks = {c.asset_key.to_user_string(): c for c in result.get_asset_check_evaluations()}
    schools = checks["staging_k12/schools"]
    assert not schools.passed and schools.severity == dg.AssetCheckSeverity.WARN
    assert schools.metadata["late"].value == ["2024"]
    assert checks["staging_jail/bookings"].passed
    accept = definitions.resolve_job_def("accept_delivery")
    assert "lateness" not in {node.name for node in accept.nodes}


# --- the release


def test_only_a_whole_build_is_released(settings: Settings) -> None:
    def schemas() -> set[str]:
        with warehouse.connect(settings) as connection:
            return {
                row[0]
                for row in connection.execute(
                    "select nspname from pg_namespace where nspname like 'core%'"
                )
            }

    def build(name: str, steps: tuple[str, ...]) -> None:
        builds.begin(settings, name)
        for step in steps:
            builds.done(settings, name, step)

    with warehouse.connect(settings) as connection:
        connection.execute("create schema core__next")
    with pytest.raises(LifecourseError, match="no whole build"):
        release.flip(settings, "a table by hand")
    for missing in builds.STEPS:
        build("one", tuple(step for step in builds.STEPS if step != missing))
        with pytest.raises(LifecourseError, match=f"step {missing} is not done"):
            release.flip(settings, "one")
    # a retry that goes back to a step has to do those after it again
    build("one", builds.STEPS)
    builds.done(settings, "one", "link")
    with pytest.raises(LifecourseError, match="step core is not done"):
        release.flip(settings, "one")
    builds.ended(settings, "one")
    build("two", builds.STEPS)
    with warehouse.connect(settings) as connection:
        connection.execute(
            "update quality.load set publication = nextval('quality.publication') where load_id = 1"
        )
    with pytest.raises(LifecourseError, match="was published since"):
        release.flip(settings, "two")
    assert schemas() == {"core__next"}
    build("three", builds.STEPS)
    assert release.flip(settings, "three") == ["core"]
    assert schemas() == {"core"}
    with warehouse.connect(settings) as connection:
        assert connection.execute(
            "select run_id, status from quality.build order by build_id"
        ).fetchall() == [("one", "failed"), ("two", "failed"), ("three", "released")]
        assert builds.needed(connection, settings) is False
