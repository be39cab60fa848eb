"""Core, panels and marts on Spark hold the same rows as on PostgreSQL, from the same models.

A real Spark Connect server on a local cluster of two executors in processes of their own, so
rows are shuffled between them as on a real one. Loopback proves the SQL, not the speed.
Run by `make test-spark`; `make test` does not need Java. LIFECOURSE_SPARK_PERSONS (20000) and
LIFECOURSE_SPARK_MONTHS (3) say how large the county is.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.lakehouse import fingerprint

ROOT = Path(__file__).resolve().parents[2]
SPARK = ROOT / ".venv-spark" / "bin"
LIFECOURSE = Path(sys.executable).with_name("lifecourse")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A county's released warehouse, exported; LIFECOURSE_SPARK_HOME names one that is built."""
    folder = tmp_path_factory.mktemp("spark-start")
    built = os.environ.get("LIFECOURSE_SPARK_HOME")
    env = {**os.environ, "LIFECOURSE_HOME": built or str(folder / "home")}
    if not built:
        county = folder / "county"
        persons = os.environ.get("LIFECOURSE_SPARK_PERSONS", "20000")
        months = os.environ.get("LIFECOURSE_SPARK_MONTHS", "3")
        size = ["--persons", persons, "--months", months]
        run = [LIFECOURSE, "run", "--deliveries", county / "observed"]
        subprocess.run([LIFECOURSE, "setup"], env=env, check=True)
        subprocess.run(
            [LIFECOURSE, "county", "generate", *size, "--out", county], env=env, check=True
        )
        # 1: the deliveries that were made bad on purpose are held.
        assert subprocess.run(run, env=env, check=False).returncode in (0, 1)
    out = folder / "export"
    try:
        subprocess.run([LIFECOURSE, "export-core", "--out", out], env=env, check=True)
    finally:
        if not built:
            subprocess.run([LIFECOURSE, "down"], env=env, check=False)
    return out


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> dict[str, str]:
    """A Spark Connect server; yields the environment in which a client finds it."""
    folder = tmp_path_factory.mktemp("spark")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = next((SPARK.parent / "lib").glob("python3*/site-packages/pyspark"))
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={folder}/metastore;create=true"
        ),
        "spark.sql.shuffle.partitions": 4,
        "spark.ui.enabled": "false",
        # The project's own rules, which PostgreSQL keeps without being told.
        "spark.sql.ansi.enabled": "true",
    }
    command = [home / "bin" / "spark-submit", "--master", "local-cluster[2,1,1536]"]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    command += ["--name", "lifecourse", "spark-internal"]
    env = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    env["PATH"] = f"{SPARK}:{env['PATH']}"
    env.pop("SPARK_REMOTE", None)
    log = folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, cwd=folder, stdout=out, stderr=out)
    try:
        _wait(port, server, log)
        yield {**env, "SPARK_REMOTE": f"sc://127.0.0.1:{port}"}
    finally:
        server.terminate()
        server.wait(60)
        # Both executors worked: each keeps a folder with a log that is not empty.
        shutil.rmtree(home / "work", ignore_errors=True)


def _wait(port: int, server: subprocess.Popen, log: Path) -> None:
    for _ in range(480):
        assert server.poll() is None, log.read_text()[-2000:]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail(f"Spark Connect did not open its port in four minutes: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def built(exported, spark, tmp_path_factory) -> dict[str, str]:
    """The moved models built by dbt on Spark; the environment to ask it in."""
    target = tmp_path_factory.mktemp("target")
    profiles = tmp_path_factory.mktemp("profiles")
    shutil.copyfile(ROOT / "profiles.example.yml", profiles / "profiles.yml")
    side = ROOT / "orchestration" / "lakehouse" / "spark.py"
    subprocess.run([SPARK / "python", side, "tables", exported], env=spark, check=True)
    models = json.loads((exported / "export.json").read_text())["models"]
    env = {
        **spark,
        "LIFECOURSE_TARGET": "spark",
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [SPARK / "dbt", "run", "--select", *(name for _, name in models)]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:]
    return spark


def test_every_moved_table_has_the_same_fingerprint(exported, built):
    side = ROOT / "orchestration" / "lakehouse" / "spark.py"
    done = subprocess.run(
        [SPARK / "python", side, "fingerprints", exported],
        env=built,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    there = json.loads(done.stdout)
    here = json.loads((exported / "export.json").read_text())["fingerprints"]
    assert there.keys() == here.keys()
    different = {
        table: fingerprint.differences(known["figures"], there[table])
        for table, known in here.items()
        if known["figures"] != there[table]
    }
    assert not different
    print(f"{len(here)} tables, {sum(int(t['figures']['n_rows']) for t in here.values()):,} rows")
    assert all(int(here[table]["figures"]["n_rows"]) for table in ("core.spell", "core.transition"))
