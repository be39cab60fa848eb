"""The start of the moved models as Parquet, and the fingerprints of what PostgreSQL made of them.

Add here: what the other side needs to know. Keep out: the other side's SQL and sessions.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from orchestration import warehouse
from orchestration.errors import LifecourseError
from orchestration.lakehouse import fingerprint, moved
from orchestration.settings import Settings

DESCRIPTION = "export.json"


def export(
    settings: Settings, out: Path, say: Callable[[str], None], *, from_staging: bool = False
) -> Path:
    """Write <out>/<schema>/<table>.parquet for each table of the border; returns export.json.

    export.json: border and models as lists of [schema, name], and fingerprints, by table name,
    of each model as PostgreSQL holds it. Everything is read in one snapshot, so a release in
    the middle cannot mix two. The files hold pseudonymised rows of persons: the folder is closed
    to other users. from_staging: the border is what core reads of identity and staging, those
    columns alone; agencies' own keys are among them. Raises LifecourseError when the folder holds
    files, or a table is not there.
    """
    from orchestration import dbt

    if out.exists() and any(out.iterdir()):
        raise LifecourseError(f"{out} is not empty; name a new folder with --out.")
    manifest = json.loads(dbt.ensure_manifest(settings).read_text())
    plan = moved.plan(manifest, from_staging=from_staging)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    prints = {}
    with warehouse.connect(settings) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        for number, table in enumerate(plan.border, 1):
            columns = _columns(connection, table)
            if table in plan.read:
                columns = [column for column in columns if column[0] in plan.read[table]]
            rows = _write(connection, table, columns, out)
            say(f"{number} of {len(plan.border)}: {table}, {rows:,} rows")
        for table in plan.models:
            columns = [
                (name, fingerprint.KINDS[kind]) for name, kind, *_ in _columns(connection, table)
            ]
            keys = plan.keys[table]
            cursor = connection.execute(fingerprint.query(str(table), columns, keys, "postgres"))
            names = [column.name for column in cursor.description]
            figures = fingerprint.figures(dict(zip(names, cursor.fetchone(), strict=True)))
            prints[str(table)] = {"columns": columns, "keys": keys, "figures": figures}
    description = {
        "border": [[table.schema, table.name] for table in plan.border],
        "models": [[table.schema, table.name] for table in plan.models],
        "fingerprints": prints,
    }
    path = out / DESCRIPTION
    path.write_text(json.dumps(description, indent=1))
    return path


_Column = tuple[str, str, int | None, int | None]


def _columns(connection, table: moved.Table) -> list[_Column]:
    """(name, type, digits, decimals) of a table or view, in order."""
    found = connection.execute(
        """select column_name, data_type, numeric_precision, numeric_scale
        from information_schema.columns where table_schema = %s and table_name = %s
        order by ordinal_position""",
        [table.schema, table.name],
    ).fetchall()
    if not found:
        raise LifecourseError(
            f"There is no {table} in the warehouse; run `lifecourse run` first, then export again."
        )
    return found


def _write(connection, table: moved.Table, columns: list[_Column], out: Path) -> int:
    """One table through COPY as CSV, a batch at a time; returns its rows."""
    import pyarrow as pa
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    def arrow(kind: str, precision: int | None, scale: int | None) -> pa.DataType:
        if kind == "numeric":
            # A sum in SQL has no declared precision; 38 digits is the most that engines hold.
            return pa.decimal128(precision or 38, scale if precision else 10)
        plain = {
            "boolean": pa.bool_(),
            "date": pa.date32(),
            "integer": pa.int32(),
            "smallint": pa.int16(),
            "bigint": pa.int64(),
            "timestamp without time zone": pa.timestamp("us"),
        }
        return plain.get(kind, pa.string())

    types = {name: arrow(kind, precision, scale) for name, kind, precision, scale in columns}
    listed = ", ".join(
        # COPY writes a boolean as t and f, which the reader of CSV does not know.
        f'"{name}"::int::text as "{name}"' if kind == "boolean" else f'"{name}"'
        for name, kind, *_ in columns
    )
    path = out / table.schema / f"{table.name}.parquet"
    path.parent.mkdir(exist_ok=True, mode=0o700)
    schema = pa.schema(list(types.items()))
    rows = 0
    convert = pacsv.ConvertOptions(
        column_types=types,
        true_values=["1"],
        false_values=["0"],
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    read = pacsv.ReadOptions(column_names=list(types))
    parse = pacsv.ParseOptions(newlines_in_values=True)
    statement = f"copy (select {listed} from {table}) to stdout (format csv)"
    with (
        pq.ParquetWriter(path, schema, compression="zstd") as writer,
        connection.cursor().copy(statement) as copy,
    ):
        # A row never comes in two blocks: PostgreSQL sends one message a row.
        block = io.BytesIO()

        def flush() -> int:
            if not block.tell():
                return 0
            block.seek(0)
            batch = pacsv.read_csv(
                block, read_options=read, parse_options=parse, convert_options=convert
            )
            writer.write_table(batch.cast(schema))
            block.seek(0)
            block.truncate()
            return batch.num_rows

        for part in copy:
            block.write(part)
            if block.tell() > 32_000_000:
                rows += flush()
        rows += flush()
    return rows
