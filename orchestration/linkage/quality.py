"""The quality report of the last linkage run, as JSON and as one HTML page.

Counts and rates only, with small cells suppressed; a truth adds error rates. Add here: a figure
a reader of linked data needs to judge it. Keep out: names, keys, single persons.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

# Counts of 1 to 10 are not shown: the rule of the Centers for Medicare & Medicaid Services for
# cells of persons, and of the project's published tables. 2026-11-23.
LEAST_CELL = 11
_FIELDS = {
    "first name": "first_name is not null",
    "last name": "last_name is not null",
    "birth date to the day": "birth_date_precision = 'day'",
    "social security number": "ssn is not null",
    "last four of it": "ssn_last4 is not null",
    "sex": "sex is not null",
    "address": "address_key is not null",
    "linkable": "is_linkable",
}
_SIZES = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, None))
_BIN = 5


def report(settings: Settings, out: Path, *, truth_dir: Path | None = None) -> dict:
    """Write linkage_report.json and linkage_report.html into folder `out`; return the content.

    Keys: run, completeness (share of identity records by source and field), links (by source:
    records, share linked to another record, to another source, and by method), weights
    (histogram of match weights by decision, bins of 5), sizes (persons by number of source
    records), implausible (persons with two numbers, dates, sexes or birth certificates),
    changes (events of the run); with a truth also errors: split and false-link rates in all,
    by race and by sex with 95 % intervals (Wilson).

    A count of 1 to 10 is None, and so is a share of fewer than 11 or that leaves 1 to 10 out.
    Suppression is of single cells: do not publish two reports of one run beside each other.

    Raises LifecourseError before the first run, UsageError when truth_dir lacks its files.
    """
    with warehouse.connect(settings) as connection:
        if (
            not connection.execute("select to_regclass('linkage.run')").fetchone()[0]
            or not connection.execute("select count(*) from linkage.run").fetchone()[0]
        ):
            raise LifecourseError("Nothing is linked yet; run the pipeline first (lifecourse run).")
        facts = {
            "run": _run(connection),
            "completeness": _completeness(connection),
            "links": _links(connection),
            "weights": _weights(connection),
            "sizes": _sizes(connection),
            "implausible": _implausible(connection),
            "changes": _changes(connection),
        }
    if truth_dir is not None:
        facts["errors"] = _errors(settings, Path(truth_dir))
    out.mkdir(parents=True, exist_ok=True)
    (out / "linkage_report.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (out / "linkage_report.html").write_text(_html(facts), encoding="utf-8")
    return facts


def cell(count: int) -> int | None:
    """A count that may be shown; None for 1 to 10."""
    return None if 0 < count < LEAST_CELL else count


def share(part: int, whole: int) -> float | None:
    """part of whole in percent, None where either it or its complement is a small cell."""
    if whole < LEAST_CELL or cell(part) is None or cell(whole - part) is None:
        return None
    return round(100 * part / whole, 1)


def interval(part: int, whole: int) -> list[float] | None:
    """95 % interval of a share, in percent (Wilson 1927); None where the share is."""
    if share(part, whole) is None:
        return None
    z, rate = 1.959964, part / whole
    middle = (rate + z * z / (2 * whole)) / (1 + z * z / whole)
    half = (
        z / (1 + z * z / whole) * (rate * (1 - rate) / whole + z * z / (4 * whole * whole)) ** 0.5
    )
    return [round(100 * max(0.0, middle - half), 2), round(100 * min(1.0, middle + half), 2)]


def _run(connection: psycopg.Connection) -> dict:
    names = ("run_id", "model_version", "records", "source_records", "persons", "nodes", "pairs",
             "components_cut", "finished_at")  # fmt: skip
    row = connection.execute(
        f"select {', '.join(names)} from linkage.run order by run_id desc limit 1"
    ).fetchone()
    return {**dict(zip(names, row, strict=True)), "finished_at": row[-1].isoformat()}


def _completeness(connection: psycopg.Connection) -> dict:
    counted = ", ".join(f"count(*) filter (where {test})" for test in _FIELDS.values())
    return {
        row[0]: {
            "records": cell(row[1]),
            **{name: share(known, row[1]) for name, known in zip(_FIELDS, row[2:], strict=True)},
        }
        for row in connection.execute(
            f"select source_system, count(*), {counted} from identity.identity_record"
            " group by source_system order by source_system"
        )
    }


def _links(connection: psycopg.Connection) -> dict:
    methods = ("exact", "probabilistic", "steward", "single", "unlinkable")
    counted = ", ".join(f"count(*) filter (where method = '{method}')" for method in methods)
    return {
        row[0]: {
            "source records": cell(row[1]),
            "linked to another record": share(row[2], row[1]),
            "linked to another source": share(row[3], row[1]),
            **{
                method: share(count, row[1]) for method, count in zip(methods, row[4:], strict=True)
            },
        }
        for row in connection.execute(
            f"""
            with open_row as (select * from linkage.crosswalk where closed_run_id is null),
            person as (
                select person_id, count(*) as records, count(distinct source_system) as sources
                from open_row group by person_id
            )
            select
                source_system, count(*), count(*) filter (where records > 1),
                count(*) filter (where sources > 1), {counted}
            from open_row join person using (person_id)
            group by source_system order by source_system
            """
        )
    }


def _weights(connection: psycopg.Connection) -> list[dict]:
    decisions = ("linked", "not linked", "vetoed")
    counted = ", ".join(f"count(*) filter (where decision = '{name}')" for name in decisions)
    return [
        {
            "from": row[0],
            "to": row[0] + _BIN,
            **{name: cell(count) for name, count in zip(decisions, row[1:], strict=True)},
        }
        for row in connection.execute(
            f"select (floor(greatest(-20, least(39, match_weight)) / {_BIN}) * {_BIN})::integer,"
            f" {counted} from linkage.edge group by 1 order by 1"
        )
    ]


def _sizes(connection: psycopg.Connection) -> dict:
    counts = connection.execute(
        "select records, count(*) from (select count(*) as records from linkage.crosswalk"
        " where closed_run_id is null group by person_id) as person group by records"
    ).fetchall()
    return {
        (str(low) if low == high else f"{low} or more" if high is None else f"{low} to {high}"): (
            cell(sum(n for size, n in counts if low <= size and (high is None or size <= high)))
        )
        for low, high in _SIZES
    }


def _implausible(connection: psycopg.Connection) -> dict:
    tests = {
        "two social security numbers": "count(distinct ssn) > 1",
        "two birth dates, both to the day": "count(distinct birth_date)"
        " filter (where birth_date_precision = 'day') > 1",
        "both sexes": "count(distinct sex) > 1",
        "two birth certificates": "count(distinct source_person_key)"
        " filter (where source_system = 'vital_child') > 1",
        "two death certificates": "count(distinct source_person_key)"
        " filter (where source_system = 'vital_death') > 1",
        "more than 100 records": "count(*) > 100",
    }
    counted = ", ".join(f"({test})::integer" for test in tests.values())
    columns = ", ".join(f"t{number}" for number in range(len(tests)))
    summed = ", ".join(f"coalesce(sum(t{number}), 0)" for number in range(len(tests)))
    row = connection.execute(
        f"""
        select {summed} from (
            select {counted} from identity.identity_record
            join linkage.crosswalk using (source_system, source_person_key)
            where closed_run_id is null group by person_id
        ) as person ({columns})
        """
    ).fetchone()
    return {name: cell(int(count)) for name, count in zip(tests, row, strict=True)}


def _changes(connection: psycopg.Connection) -> dict:
    return {
        kind: cell(count)
        for kind, count in connection.execute(
            "select event_type, count(*) from linkage.person_event"
            " where run_id = (select max(run_id) from linkage.run) group by 1 order by 1"
        )
    }


def _errors(settings: Settings, truth_dir: Path) -> dict:
    """Over true persons with two source records or more: split into several ids, or sharing an
    id with somebody else."""
    import pandas

    from orchestration.linkage import scoring

    figures = scoring.score(settings, truth_dir)
    truth = pandas.read_csv(truth_dir / "records.csv", dtype=str, keep_default_na=False)
    with warehouse.connect(settings) as connection:
        rows = connection.execute(
            "select source_system, source_person_key, person_id from linkage.crosswalk"
            " where closed_run_id is null"
        ).fetchall()
    linked = pandas.DataFrame(rows, columns=["source_system", "source_person_key", "person_id"])
    both = truth.drop_duplicates(["source_system", "source_person_key"]).merge(
        linked, on=["source_system", "source_person_key"]
    )
    both["mixed"] = both.groupby("person_id")["person"].transform("nunique") > 1
    person = both.groupby("person").agg(
        records=("person_id", "size"), ids=("person_id", "nunique"), mixed=("mixed", "any")
    )
    person = person[person["records"] > 1].assign(split=lambda frame: frame["ids"] > 1)
    groups = {"all": {"all": person}}
    if (truth_dir / "persons.csv").is_file():
        known = pandas.read_csv(truth_dir / "persons.csv", dtype=str).set_index("person")
        for column in ("race_ethnicity", "sex"):
            if column in known:
                groups[column] = {
                    str(name): rows
                    for name, rows in person.join(known[[column]]).groupby(column, sort=True)
                }
    return {
        **{name: round(figures[name], 5) for name in ("precision", "recall", "f1")},
        "groups": {
            kind: {
                name: {
                    "persons": cell(len(rows)),
                    "split": share(int(rows["split"].sum()), len(rows)),
                    "split_interval": interval(int(rows["split"].sum()), len(rows)),
                    "false_link": share(int(rows["mixed"].sum()), len(rows)),
                    "false_link_interval": interval(int(rows["mixed"].sum()), len(rows)),
                }
                for name, rows in members.items()
            }
            for kind, members in groups.items()
        },
    }


# --- the page -----------------------------------------------------------------------------

_TITLES = {
    "run": "The run",
    "completeness": "Completeness of identity records, percent by source",
    "links": "Source records and how they were linked, percent",
    "weights": "Compared pairs by match weight (log2 odds)",
    "sizes": "Persons by number of source records",
    "implausible": "Persons whose records do not fit together",
    "changes": "What the run changed, events",
    "errors": "Errors against the truth, percent of persons with two records or more",
}
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "th,td{padding:.2rem .7rem;border-bottom:1px solid #ccc;text-align:right}"
    "th:first-child,td:first-child{text-align:left}"
)


def _html(facts: dict) -> str:
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>Linkage report</title><style>{_STYLE}</style></head><body>",
        f"<h1>Linkage report, run {facts['run']['run_id']}</h1>",
        f"<p>A dash stands for a count of 1 to {LEAST_CELL - 1} and for a share that would tell "
        "one.</p>",
    ]
    for name, content in facts.items():
        parts.append(f"<h2>{escape(_TITLES[name])}</h2>")
        if name == "errors":
            parts.append(_table([{k: content[k] for k in ("precision", "recall", "f1")}]))
            parts += [_table(_rows(kind, groups)) for kind, groups in content["groups"].items()]
        elif name in ("completeness", "links"):
            parts.append(_table(_rows("source", content)))
        elif name == "weights":
            parts.append(_table(content))
        else:
            parts.append(_table([{"": key, "value": value} for key, value in content.items()]))
    return "\n".join([*parts, "</body></html>", ""])


def _rows(first: str, content: dict[str, dict]) -> list[dict]:
    return [{first: name, **values} for name, values in content.items()]


def _table(rows: list[dict]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th>{escape(str(name).replace('_', ' '))}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_shown(value)}</td>" for value in row.values()) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return escape(" to ".join(str(part) for part in value))
    return escape(f"{value:,}" if isinstance(value, int) else str(value))
