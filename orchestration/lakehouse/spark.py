"""Spark's side: register the exported files as tables, and take fingerprints of what was built.

Runs in an environment of its own that holds pyspark, by the path of this file; the session comes
from SPARK_REMOTE. Add here: what Spark must be told. Keep out: models; dbt builds those.

    python orchestration/lakehouse/spark.py tables EXPORT
    python orchestration/lakehouse/spark.py fingerprints EXPORT
"""

from __future__ import annotations

import importlib.util
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def tables(session, folder: Path) -> None:
    """A table over each exported file in the schema of the same name; schemas to build in."""
    import pyarrow.parquet as pq
    from pyspark.sql.pandas.types import from_arrow_schema

    described = _description(folder)
    for schema in sorted({schema for schema, _ in [*described["border"], *described["models"]]}):
        session.sql(f"create schema if not exists {schema}")
    for schema, name in described["border"]:
        path = (folder / schema / f"{name}.parquet").resolve()
        session.sql(f"drop table if exists {schema}.{name}")
        # Named here: to infer the columns, the server would run a job for each table.
        columns = ", ".join(
            f"{field.name} {field.dataType.simpleString()}"
            for field in from_arrow_schema(pq.read_schema(path), prefer_timestamp_ntz=True)
        )
        session.sql(
            f"create table {schema}.{name} ({columns}) using parquet location '{path.as_uri()}'"
        )


def fingerprints(session, folder: Path) -> dict[str, dict[str, str]]:
    """The figures of each model as Spark holds it, by table, then by name of the figure."""
    ours, prints = _fingerprint(), _description(folder)["fingerprints"]

    def figures(table: str) -> dict[str, str]:
        columns = [(name, kind) for name, kind in prints[table]["columns"]]
        query = ours.query(table, columns, prints[table]["keys"], "spark")
        return ours.figures(session.sql(query).collect()[0].asDict())

    found = {}
    # One is planned while the other is counted.
    with ThreadPoolExecutor(2) as pool:
        for number, (table, known) in enumerate(
            zip(prints, pool.map(figures, prints), strict=True), 1
        ):
            print(f"{number} of {len(prints)}: {table}", file=sys.stderr, flush=True)
            found[table] = known
    return found


def _description(folder: Path) -> dict:
    return json.loads((folder / "export.json").read_text())


def _fingerprint():
    # By path: the package's other modules need libraries that this environment does not have.
    path = Path(__file__).with_name("fingerprint.py")
    spec = importlib.util.spec_from_file_location("fingerprint", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(arguments: list[str]) -> None:
    from pyspark.sql import SparkSession

    what, folder = arguments[0], Path(arguments[1])
    session = SparkSession.builder.getOrCreate()
    if what == "tables":
        tables(session, folder)
    else:
        json.dump(fingerprints(session, folder), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
