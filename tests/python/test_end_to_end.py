"""The main job, as a user starts it: a county in, a person's life course out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import canary
import pytest

from orchestration import server, warehouse
from orchestration.settings import load

LIFECOURSE = str(Path(sys.executable).with_name("lifecourse"))
PERSONS = "3000"
MONTHS = "4"


def lifecourse(home: Path, *arguments: str, expect: int | None = 0, **variables: str):
    result = subprocess.run(
        [LIFECOURSE, *arguments],
        env={**os.environ, "LIFECOURSE_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if expect is not None:
        assert result.returncode == expect, result.stdout + result.stderr
    return result


def from_json(home: Path, *arguments: str, expect: int = 0):
    return json.loads(lifecourse(home, *arguments, "--json", expect=expect).stdout)


def crosswalk(home: Path) -> str:
    return lifecourse(
        home,
        "psql",
        "-At",
        "-c",
        "select source_system, source_person_key, person_id from linkage.crosswalk "
        "where valid_to_load is null order by 1, 2, 3",
    ).stdout


def released(home: Path) -> tuple[str, dict[str, int]]:
    return crosswalk(home), from_json(home, "summary")["tables"]


def remove_warehouse(home: Path) -> None:
    # As root the cluster may lie outside a home that its user cannot enter.
    server.remove(replace(load(), home=home, database_url=None))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    result = lifecourse(home, "demo", "--persons", PERSONS, "--months", MONTHS, expect=None)
    yield home, result
    remove_warehouse(home)


@pytest.fixture(scope="module")
def first_release(demo):
    """What the demo released, before any other test brought something in."""
    return released(demo[0])


def test_the_demo_ends_well_and_says_where_to_look(demo, first_release):
    _, result = demo
    assert len(first_release[1]) > 20
    assert result.returncode == 0, result.stdout + result.stderr
    for word in ("persons", "households", "spells", "precision", "held", "Data Docs", "make ui"):
        assert word in result.stdout, word


def test_the_bad_delivery_is_held_with_its_rules(demo):
    home, _ = demo
    rows = from_json(home, "deliveries")
    held = [row for row in rows if row["status"] == "held"]
    assert [(row["agency"], row["file"]) for row in held] == [("benefits", "case_members")]
    # A snapshot that has not changed since the month before is a duplicate, not a new load.
    assert {row["status"] for row in rows} == {"accepted", "duplicate", "held"}
    messages = " ".join(rule["message"] for rule in held[0]["failed_rules"])
    critical = [rule for rule in held[0]["failed_rules"] if rule["severity"] == "critical"]
    assert len(critical) >= 3
    assert "TANF" in messages
    assert all("\n" not in rule["message"] for rule in held[0]["failed_rules"])


def test_every_agency_reaches_the_core(demo):
    home, _ = demo
    facts = from_json(home, "summary")
    expected = {"k12_enrollment", "snap", "tanf", "employment", "shelter", "jail"}
    assert expected <= set(facts["spells"])
    assert facts["persons"] > int(PERSONS) / 2
    assert facts["households"] > 0
    assert facts["tables"]["panels.person_month"] > 0
    assert facts["tables"]["marts_indicators.program_overlap"] > 0


def test_linkage_is_scored_against_the_truth(demo):
    home, _ = demo
    truth = str(home / "demo" / "truth")
    facts = from_json(home, "linkage", "score", "--truth", truth)
    assert facts["precision"] >= 0.99
    assert facts["recall"] >= 0.95


def test_dbt_unit_tests_pass(demo):
    home, _ = demo
    result = lifecourse(home, "dbt", "test", "--select", "test_type:unit")
    assert "ERROR=0" in result.stdout
    assert "PASS=0" not in result.stdout


def test_a_second_run_loads_nothing_twice_and_keeps_every_id(demo):
    home, _ = demo
    before = *released(home), from_json(home, "deliveries")
    result = lifecourse(home, "run", "--deliveries", str(home / "demo"))
    assert "Nothing new" in result.stdout
    assert (*released(home), from_json(home, "deliveries")) == before
    assert before[0].count("\n") > 1000


def test_a_full_rebuild_keeps_every_id(demo):
    home, _ = demo
    before = released(home)
    lifecourse(home, "psql", "-c", "update quality.build set status = 'failed'")
    # a seed as an older release of the project left it: one column less, one column more
    lifecourse(
        home, "psql", "-c",
        "alter table reference.ref_source_system drop column key_is, add column gone text",
    )  # fmt: skip
    facts = from_json(home, "run", "--deliveries", str(home / "demo"))
    assert facts["built"]
    assert released(home) == before


def test_killed_runs_converge_to_the_same_release(demo, first_release, tmp_path):
    home = tmp_path / "home"
    command = [LIFECOURSE, "run", "--deliveries", str(demo[0] / "demo")]
    try:
        for stage in ("2025-02  accepted", "dbt: core"):
            run = subprocess.Popen(
                command,
                env={**os.environ, "LIFECOURSE_HOME": str(home)},
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            seen = any(stage in line for line in run.stderr)
            time.sleep(1)
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            assert seen, f"the run ended before it came to {stage!r}"
        lifecourse(home, *command[1:], expect=None)
        assert released(home) == first_release
        statuses = {row["status"] for row in from_json(home, "deliveries")}
        assert statuses == {"accepted", "duplicate", "held"}
    finally:
        remove_warehouse(home)


def test_what_is_pulled_supersedes_and_the_older_load_stays(demo, tmp_path):
    home, _ = demo
    last = sorted((home / "demo" / "observed" / "gis").iterdir())[-1]
    deliveries, share = tmp_path / "deliveries", tmp_path / "share"
    shutil.copytree(last, deliveries / "gis" / last.name)
    # What the agency holds ready now: the same month again, a line shorter.
    share.mkdir()
    file = share / "address_points.csv"
    lines = (last / file.name).read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n")
    written = time.mktime(time.strptime(f"{last.name[:7]}-15", "%Y-%m-%d"))
    os.utime(file, (written, written))
    servers = tmp_path / "servers.yml"
    servers.write_text(f"gis: [{{server: share, type: local, location: {share}}}]\n")
    pulled = lifecourse(
        home, "pull", "gis", "--deliveries", str(deliveries), LIFECOURSE_SERVERS=str(servers)
    )
    assert f"pulled gis/{last.name}_r1/address_points.csv" in pulled.stdout
    facts = from_json(home, "run", "--deliveries", str(tmp_path / "deliveries"))
    assert facts["accepted"] == 1
    current = [
        row
        for row in from_json(home, "deliveries")
        if row["file"] == "address_points" and row["current"]
    ]
    assert [row["delivery"] for row in current] == [f"{last.name}_r1"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bookings.csv", b"", "empty"),
        ("bookings.csv", b"<!DOCTYPE html><html><body>Sign in</body></html>\n", "HTML"),
        ("bookings.csv", "booking_no|jacket_no\n1|2|3\n".encode("utf-16"), "UTF-16"),
        ("surprise.csv", b"a,b\n1,2\n", "contract"),
    ],
)
def test_a_bad_file_is_refused_with_one_sentence(demo, tmp_path, name, content, says):
    home, _ = demo
    before = from_json(home, "summary")["tables"]
    folder = tmp_path / "in" / "jail" / "2031-01"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    result = lifecourse(home, "run", "--deliveries", str(tmp_path / "in"), expect=1)
    row = from_json(home, "deliveries")[-1]
    assert row["status"] == "rejected"
    assert says in row["reason"]
    assert name in row["reason"]
    assert says in result.stderr + result.stdout
    assert from_json(home, "summary")["tables"] == before


def test_wrong_usage_is_exit_code_2(demo, tmp_path):
    home, _ = demo
    missing = lifecourse(home, "run", "--deliveries", str(tmp_path / "nowhere"), expect=2)
    assert "nowhere" in missing.stderr
    assert "Traceback" not in missing.stderr
    unknown = lifecourse(
        home, "run", "--deliveries", str(home / "demo"), "--agency", "nobody", expect=2
    )
    assert "nobody" in unknown.stderr


def test_an_unusable_environment_is_exit_code_3(tmp_path):
    result = lifecourse(
        tmp_path,
        "summary",
        expect=3,
        LIFECOURSE_DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/none",
    )
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_refuses_a_warehouse_with_real_files(demo, tmp_path):
    home, _ = demo
    folder = tmp_path / "in" / "jail" / "2031-02"
    folder.mkdir(parents=True)
    (folder / "bookings.csv").write_bytes(b"")
    lifecourse(home, "run", "--deliveries", str(tmp_path / "in"), expect=1)
    refused = lifecourse(home, "demo", expect=2)
    assert "LIFECOURSE_HOME" in refused.stderr
    assert lifecourse(home, "demo", "--reset", expect=2).returncode == 2
    assert from_json(home, "summary")["persons"] > 0


# Rows of people may be in these alone, of all that a run leaves behind.
RESTRICTED = {"quarantine"}


def test_twelve_made_up_identities_are_told_nowhere(demo, tmp_path):
    home, _ = demo
    made = canary.deliver(home / "demo" / "observed", tmp_path / "in")
    began = time.time()
    with canary.webhook() as (address, sent):
        result = lifecourse(
            home, "run", "--deliveries", str(tmp_path / "in"), expect=None,
            LIFECOURSE_WEBHOOK_URL=address, LIFECOURSE_WEBHOOK_TOKEN="a token of a test",
        )  # fmt: skip
    rows = [
        row for row in from_json(home, "deliveries") if made.get(row["agency"]) == row["delivery"]
    ]
    states = {(row["agency"], row["status"]) for row in rows if row["file"] != "enrollment_spans"}
    assert states >= {("medicaid", "accepted"), ("benefits", "held"), ("jail", "rejected")}, states

    # They are in the warehouse where they belong, or nothing below would mean anything.
    own = replace(load(), home=home, database_url=None)
    with warehouse.connect(own) as connection:
        linked = connection.execute(
            "select count(distinct last_name) from identity.identity_record "
            "where last_name like 'CANARYBIRD%%'"
        ).fetchone()
        assert linked == (10,)
        [aside] = connection.execute("select jsonb_agg(r) from quarantine.raw_row as r").fetchone()
        assert len(set(canary.hits(canary.as_text(aside)))) >= 8
        tables = connection.execute(
            "select format('%I.%I', table_schema, table_name) from information_schema.tables "
            "where table_schema in ('quality', 'core', 'panels') or table_schema like 'marts%'"
        ).fetchall()
        assert len(tables) > 60
        for (table,) in tables:
            assert table.split(".")[0] not in RESTRICTED
            text = connection.execute(
                f"select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from {table} as t "
                "where upper(to_jsonb(t)::text) ~ %s",
                ["|".join(canary.TOKENS)],
            ).fetchone()
            assert not canary.hits(text[0]), table

    lifecourse(home, "docs")
    found, kinds = canary.in_files(home)
    assert found == {}
    assert {"dagster/*.db", "logs/*.log", "docs/*.html", "postgres/*.log"} <= kinds
    found, kinds = canary.in_files(own.root / "target", since=began)
    assert found == {}
    assert {".json", ".sql"} <= {kind.partition("*")[2] for kind in kinds}
    assert canary.hits(result.stdout + result.stderr) == []
    assert sent and canary.hits(" ".join(sent)) == []

    from orchestration.desk import app, users

    password = "correct horse battery"
    users.add(own, "kay", password, roles=("steward",))
    loads = [row["load_id"] for row in rows]
    pages = canary.desk_pages(app.build(own), "kay", password, loads)
    assert len(pages) >= 3 + 3 * len(loads)
    assert any("held" in page and "benefits/case_members" in page for page in pages.values())
    assert {address for address, page in pages.items() if canary.hits(page)} == set()
