"""Core, panels and marts on Spark hold the same rows as on PostgreSQL, from the same models.

A county is taken in and released on PostgreSQL; what core reads crosses over as Parquet; dbt builds
every model of core, panels and the de-identified marts on Spark; one fingerprint a table is
compared. Run by `make test-spark`, which needs Java; `make test` does not. LIFECOURSE_SPARK_PERSONS
(20000) and LIFECOURSE_SPARK_MONTHS (3) say how large the county is, LIFECOURSE_SPARK_HOME names a
warehouse that is built already. Add here: another figure to compare. Keep out: the server.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster import BIN, ROOT, running

from orchestration.lakehouse import fingerprint
from orchestration.settings import Settings, load

SIDE = ROOT / "orchestration" / "lakehouse" / "spark.py"
LIFECOURSE = Path(sys.executable).with_name("lifecourse")
_BEGUN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _BEGUN:7.0f} s  {text}", flush=True)


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Iterator[Settings]:
    """A county's released warehouse on PostgreSQL; one that is built already is left as it is."""
    built = os.environ.get("LIFECOURSE_SPARK_HOME")
    if built:
        yield replace(load(), home=Path(built), database_url=None)
        return
    # pytest's own folder is closed to the user the server runs as.
    home = tempfile.mkdtemp(prefix="lifecourse-spark-")
    county = tmp_path_factory.mktemp("county")
    persons = os.environ.get("LIFECOURSE_SPARK_PERSONS", "20000")
    months = os.environ.get("LIFECOURSE_SPARK_MONTHS", "3")
    env = {**os.environ, "LIFECOURSE_HOME": home}
    env.pop("LIFECOURSE_DATABASE_URL", None)

    def lifecourse(*arguments: object, allowed: tuple[int, ...] = (0,)) -> None:
        code = subprocess.run([LIFECOURSE, *arguments], env=env, check=False).returncode
        assert code in allowed, f"lifecourse {arguments[0]} ended with {code}"

    try:
        say(f"a county of {int(persons):,} persons over {months} months, on PostgreSQL")
        size = ("--persons", persons, "--months", months)
        lifecourse("setup")
        lifecourse("county", "generate", *size, "--out", county / "all")
        # 1: the deliveries that were made bad on purpose are held.
        lifecourse("run", "--deliveries", county / "all" / "observed", allowed=(0, 1))
        yield replace(load(), home=Path(home), database_url=None)
    finally:
        subprocess.run([LIFECOURSE, "down"], env=env, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def exported(released, tmp_path_factory) -> Path:
    """What core reads of the warehouse, and PostgreSQL's fingerprints of what it made of it."""
    from orchestration.lakehouse import export

    say("what core reads, as Parquet")
    out = tmp_path_factory.mktemp("export")
    export.export(released, out, say, from_staging=True)
    return out


@pytest.fixture(scope="module")
def spark(exported, tmp_path_factory) -> Iterator[dict[str, str]]:
    """A Spark Connect server with the exported tables; the environment to ask it in."""
    say("Spark Connect on a local cluster of two executors")
    with running(tmp_path_factory.mktemp("spark")) as env:
        subprocess.run([BIN / "python", SIDE, "tables", exported], env=env, check=True)
        yield env


@pytest.fixture(scope="module")
def built(exported, spark, tmp_path_factory) -> dict[str, str]:
    """The moved models built by dbt on Spark; the environment to ask it in."""
    target = tmp_path_factory.mktemp("target")
    shutil.copyfile(ROOT / "profiles.example.yml", target / "profiles.yml")
    models = json.loads((exported / "export.json").read_text())["models"]
    env = {
        **spark,
        "LIFECOURSE_TARGET": "spark",
        "DBT_PROFILES_DIR": str(target),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    say(f"dbt builds {len(models)} models on Spark")
    command = [BIN / "dbt", "run", "--select", *(name for _, name in models)]
    done = subprocess.run(command, env=env, cwd=ROOT, check=False)
    assert done.returncode == 0, "dbt could not build a model on Spark; its message stands above"
    return spark


def test_every_table_has_the_same_fingerprint(exported, built):
    say("fingerprints")
    command = [BIN / "python", SIDE, "fingerprints", exported]
    done = subprocess.run(command, env=built, check=True, stdout=subprocess.PIPE, text=True)
    there = json.loads(done.stdout)
    here = json.loads((exported / "export.json").read_text())["fingerprints"]
    different = {}
    print(f"{'table':45} {'rows':>10} {'smallest key':12} {'largest key':12} {'all rows':>22}")
    for table, known in here.items():
        ours, theirs = known["figures"], there[table]
        different[table] = fingerprint.differences(ours, theirs)
        print(
            f"{table:45} {int(ours['n_rows']):10,} {ours['key_min'][:10]:12} "
            f"{ours['key_max'][:10]:12} {ours['rows_hash']:>22} "
            + (f"differs: {', '.join(different[table])}" if different[table] else "equal")
        )
    rows = sum(int(known["figures"]["n_rows"]) for known in here.values())
    empty = [table for table, known in here.items() if known["figures"]["n_rows"] == "0"]
    say(f"{len(here)} tables, {rows:,} rows; empty: {', '.join(empty) or 'none'}")
    assert there.keys() == here.keys()
    assert not any(different.values())
    # A comparison of nothing with nothing proves nothing; of a few children none may be removed.
    few = int(os.environ.get("LIFECOURSE_SPARK_PERSONS", "20000")) < 1500
    filled = {"core.spell", "core.transition", "panels.person_month"} if few else set(here)
    assert not filled & set(empty)
