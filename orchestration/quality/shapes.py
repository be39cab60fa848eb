"""The shape of each column of a load, from a sample: how its values are spread, not which.

A column's shape is a histogram of counts: of text its lengths and 64 buckets of a hash, of
numbers half-octaves, of dates their distance from the period and the calendar month. A bucket
holds no value and nothing leads back from it to one; yet a cut id, a swapped column, a unit
that changed and a shifted date each move rows to other buckets.
Add here: another shape. Keep out: how far a shape may move (stability_types).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestration.landing.calendars import month_number
from orchestration.landing.contracts import Column, Contract, Table
from orchestration.quality import chance, typed
from orchestration.quality.typed import literal, quote

if TYPE_CHECKING:
    import psycopg

# Rows looked at. A share of 10,000 rows is known to a point, and the scan costs 0.3 s for 30
# columns however large the file (2026-11-25).
SAMPLE = 10_000
# Fewer rows have no shape that chance would leave alone (2026-11-25).
FEWEST = 50
# Identifiers whose repetition says how many rows belong together; names repeat by themselves.
_KEY_LIKE = re.compile(r"(?:^|_)(?:id|no|number|patient|patientid|personalid)$", re.IGNORECASE)

Shape = dict[str, int]


def sampled(connection: psycopg.Connection, relation: str, rows: int) -> str:
    """Where the rows are that figures from a sample look at: set apart once, because finding them
    is a scan of the load; the load itself where it is small. Gone when the transaction ends."""
    every = max(1, rows // SAMPLE)
    if every == 1:
        return relation
    connection.execute("drop table if exists pg_temp.looked_at")
    connection.execute(
        f"create temporary table looked_at on commit drop as select * from {relation} "  # type: ignore[arg-type]
        f"where _row_number % {every} = 0"
    )
    return "pg_temp.looked_at"


def figures(
    connection: psycopg.Connection, contract: Contract, table: Table, relation: str,
    rows: int, period: str,
) -> list[tuple[str, str, str, float, Shape | None]]:  # fmt: skip
    """(metric, column, slice, value, shape) of one table: metric `shape`, slice the kind of
    histogram, value the rows in it; and `cluster`, the rows that share an id of that column.

    relation: SQL for FROM that yields the load's rows, or sampled()'s of them. rows: of the load.
    Empty for a table of a few rows.
    """
    if rows < FEWEST:
        return []
    every = max(1, rows // SAMPLE)
    companions = typed.companions(table.columns)
    start = _start(period)
    names: list[str] = []
    wanted: list[tuple[str, str, str]] = []
    for column in table.columns:
        if column.codes:
            continue
        names.append(quote(column.name))
        wanted += [(column.name, kind, sql) for kind, sql in _bins(column, companions, start)]
    named = ", ".join(names)
    made = "".join(f", {sql} as {quote(name)}" for name, sql in companions.items())
    found: list[tuple[str, str, str, float, Shape | None]] = []
    sample = (
        f"with sample as materialized (select {named or 'null'}{made} from {relation} "
        f"where _row_number % {every} = 0) "
    )
    if wanted:
        # Not a VALUES list: PostgreSQL prepares each expression of one anew for every row, which
        # took twice as long with 18 of them (2026-11-25).
        bins = ", ".join(sql for *_, sql in wanted)
        for place, shape in connection.execute(
            f"{sample}, counted as (select one.place, one.bin, count(*) as n "  # type: ignore[arg-type]
            f"from sample cross join lateral unnest(array[{bins}]) "
            "with ordinality as one (bin, place) where one.bin is not null group by 1, 2) "
            "select place, jsonb_object_agg(bin, n) from counted group by 1 order by 1"
        ):
            name, kind, _ = wanted[place - 1]
            found.append(("shape", name, kind, float(sum(shape.values())), shape))
    # Of persons, who are what a file is of, for every column; of a provider or a project for the
    # column that names it: one that comes or goes takes all its rows along.
    keys = {
        c.name: "cluster" if c.role == "identifier" else "own_cluster"
        for c in table.columns
        if not c.codes and _KEY_LIKE.search(c.name)
    }
    if keys and every == 1:
        counts = ", ".join(f"count({quote(i)}), count(distinct {quote(i)})" for i in keys)
        told = connection.execute(f"select {counts} from {relation}").fetchone()  # type: ignore[arg-type]
        assert told is not None
        for place, (name, metric) in enumerate(keys.items()):
            filled, different = told[2 * place], told[2 * place + 1]
            if different > (metric == "own_cluster"):
                found.append((metric, name, "", filled / different, None))
    return found


def moved(
    connection: psycopg.Connection,
    table: Table,
    found: list[tuple[str, str, str, float, Shape | None]],
    loads: list[int],
) -> list[tuple[str, str, str, float, None]]:
    """How far each shape is from that of the latest load with one, as metric `moved`."""
    rows = connection.execute(
        "select distinct on (column_name, slice) column_name, slice, bins "
        "from quality.metric_history where table_name = %s and load_id = any(%s) "
        "and metric = 'shape' order by column_name, slice, load_id desc",
        [table.name, loads[:1]],
    )
    before = {(column, kind): bins for column, kind, bins in rows}
    return [
        ("moved", column, kind, chance.distance(shape, before[column, kind]), None)
        for _, column, kind, _, shape in found
        if shape and (column, kind) in before
    ]


def _start(period: str) -> str:
    """The first day of the month of a period (calendars.month_number), or of its year. A name of
    another form counts from 2000, which does as well, as long as it is the same from load to
    load."""
    number = month_number(period)
    if number is not None:
        return f"{number // 12}-{number % 12 + 1:02d}-01"
    year = re.match(r"(\d{4})", period)
    return f"{year[1]}-01-01" if year else "2000-01-01"


def _bins(column: Column, companions: dict[str, str], start: str) -> list[tuple[str, str]]:
    """(kind, SQL of the bucket as text) of one column."""
    text = quote(column.name)
    for kind in ("date", "timestamp"):
        if f"{column.name}_as_{kind}" in companions:
            day = f"cast({quote(f'{column.name}_as_{kind}')} as date)"
            lag = f"({day} - date {literal(start)})"
            far = f"floor(2 * log(2.0, abs({lag}) / 8.0 + 1))"
            since = f"case when {lag} < 0 then '-' else '' end || {far}"
            near = f"abs({lag}) < 1100"
            # Far from the period a month says too little: decades.
            calendar = (
                f"case when {near} then to_char({day}, 'YYYY-MM') "
                f"else left(to_char({day}, 'YYYY'), -1) || '0s' end"
            )
            return [("lag", since), ("calendar", calendar)]
    if f"{column.name}_as_number" in companions:
        number = quote(f"{column.name}_as_number")
        octave = f"floor(2 * log(2.0, abs({number})))"
        return [
            (
                "size",
                f"case when {number} = 0 then '0' when {number} < 0 then '-' || {octave} "
                f"when {number} > 0 then cast({octave} as text) end",
            )
        ]
    return [
        ("length", f"cast(least(length({text}), 40) as text)"),
        ("bucket", f"cast(hashtext({text}) & 63 as text)"),
    ]
