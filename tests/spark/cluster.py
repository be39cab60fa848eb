"""A Spark Connect server on a local cluster: two executors in processes of their own.

Rows are shuffled between them as on a real cluster. Loopback proves the SQL, not the speed.
Add here: what the server must be told. Keep out: what is asked of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-spark" / "bin"
# It took 164 s beside fifteen other processes on two cores (2026-11-26).
_PATIENCE_S = 600
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Start the server, yield the environment in which a client finds it, stop it.

    folder: empty, holds its tables, its scratch files and server.log. Raises RuntimeError with the
    end of the log when the server ends or does not open its port.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = next((BIN.parent / "lib").glob("python3*/site-packages/pyspark"))
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": folder / "warehouse",
        # All sessions of the server see it; a metastore of its own took seconds for each table.
        "spark.sql.catalogImplementation": "in-memory",
        "spark.local.dir": folder / "scratch",
        "spark.sql.shuffle.partitions": 4,
        "spark.ui.enabled": "false",
        "spark.log.level": "WARN",
        # Hundreds of small queries: compilers that aim at hours cost more than they save.
        "spark.driver.extraJavaOptions": _SHORT_LIVED,
        "spark.executor.extraJavaOptions": _SHORT_LIVED,
        # A machine that is busy or sleeps for minutes has not lost its executors.
        "spark.network.timeout": "3600s",
        "spark.worker.timeout": "3600",
        "spark.executor.heartbeatInterval": "60s",
        # Tables are small and plans are large: what is planned again between two stages, inferred
        # from every condition or looked up as a file's name costs more than it saves.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.constraintPropagation.enabled": "false",
        "spark.sql.lightweightPlanChangeValidation": "false",
        "spark.sql.runSQLOnFiles": "false",
        # The project's own rules, which PostgreSQL keeps without being told.
        "spark.sql.ansi.enabled": "true",
    }
    command = [home / "bin" / "spark-submit", "--master", "local-cluster[2,1,1536]"]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    command += ["--name", "lifecourse", "spark-internal"]
    env = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    env |= {"PATH": f"{BIN}:{env['PATH']}", "SPARK_WORKER_DIR": str(folder / "workers")}
    # pyspark 4.3 warns of pandas 3 at every start; nothing here goes through pandas.
    env["PYTHONWARNINGS"] = "ignore"
    env.pop("SPARK_REMOTE", None)
    log = folder / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            command, env=env, cwd=folder, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait(port, server, log)
        yield {**env, "SPARK_REMOTE": f"sc://127.0.0.1:{port}"}
    finally:
        # The group: the executors are children of the server and outlive its end by a minute.
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        shutil.rmtree(home / "work", ignore_errors=True)


def _wait(port: int, server: subprocess.Popen, log: Path) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE_S:
        if server.poll() is not None:
            raise RuntimeError(f"Spark Connect ended: {log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise RuntimeError(f"Spark Connect did not open its port: {log.read_text()[-2000:]}")
