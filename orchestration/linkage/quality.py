"""The quality report of the last linkage run, as JSON and as one HTML page.

Counts and rates only, with small cells left out; a truth adds error rates. Add here: a figure a
reader of linked data needs to judge it. Keep out: names, keys, single persons, and the page
(quality_page.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.linkage import (
    expected_errors,
    hidden_numbers,
    model,
    quality_page,
    schema,
    subgroups,
)
from orchestration.linkage.cells import cell, rate, share

if TYPE_CHECKING:
    import pandas
    import psycopg

    from orchestration.settings import Settings

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
METHODS = ("exact", "probabilistic", "pprl", "steward", "single", "unlinkable")
_SIZES = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, None))
# More source records than this are hardly one person's. 2026-11-23.
MOST_RECORDS = 100
_BIN = 5


def report(
    settings: Settings,
    out: Path,
    *,
    truth_dir: Path | None = None,
    model_path: Path | None = None,
) -> dict:
    """Write linkage_report.json and linkage_report.html into folder `out`; return the content.

    Keys: run; completeness (share of identity records by source and field); links (by source:
    records, share linked to another record, to another source, and by method); weights
    (histogram of match weights by decision, bins of 5); estimates (precision and recall of
    compared pairs as far as the match weights are true odds, and the records of each source that
    they expect to be wrong or missed); recall (share found again of
    links whose number was hidden, in all, by source and by group); reach (share of persons that
    two sources know, by group); sizes (persons by number of source records); implausible
    (persons whose records do not fit together); decisions (of stewards); changes (events of
    the run); against_last_run (the last report's figures that moved). With a truth also
    errors: split and false-link rates by group. Rates have 95 % intervals (Wilson); a gap is
    between groups of cells.LEAST_GROUP or more.

    A count of 1 to 10 is None, and so is a share of fewer than 11 or that leaves 1 to 10 out.
    Suppression is of single cells: do not publish two reports of one run beside each other.

    Raises LifecourseError before the first run, UsageError when truth_dir lacks its files.
    """
    with_model = model.load(model_path)
    with warehouse.connect(settings) as connection:
        schema.ensure(connection)
        schema.demand_run(connection)
        groups = subgroups.of_persons(connection)
        facts = {
            "run": _run(connection),
            "completeness": _completeness(connection),
            "links": _links(connection),
            "weights": _weights(connection),
            "estimates": {
                **_estimates(connection),
                "by source": expected_errors.by_source(connection),
            },
            "recall": _recall(connection, with_model, groups),
            "reach": _reach(connection, groups),
            "sizes": _sizes(connection),
            "implausible": _implausible(connection),
            "decisions": _decisions(connection),
            "changes": _changes(connection),
        }
        if truth_dir is not None:
            facts["errors"] = _errors(settings, connection, Path(truth_dir), groups)
        facts["against_last_run"] = _against_last(connection, facts)
        connection.execute(
            "insert into linkage.report (run_id, facts) values (%s, %s)"
            " on conflict (run_id) do update set facts = excluded.facts, made_at = now()",
            [facts["run"]["run_id"], json.dumps(facts)],
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "linkage_report.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (out / "linkage_report.html").write_text(quality_page.page(facts), encoding="utf-8")
    return facts


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
    counted = ", ".join(f"count(*) filter (where method = '{method}')" for method in METHODS)
    return {
        row[0]: {
            "source records": cell(row[1]),
            "linked to another record": share(row[2], row[1]),
            "linked to another source": share(row[3], row[1]),
            **{
                method: share(count, row[1]) for method, count in zip(METHODS, row[4:], strict=True)
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


def _estimates(connection: psycopg.Connection) -> dict:
    """Of compared pairs of groups of records: those linked, how many of them the weights expect
    to be wrong, and how many of the others to be missed; a weight w is odds of 2^w to 1."""
    linked, wrong, missed = connection.execute(
        """
        with judged as (
            select decision, 1 / (1 + power(2.0, least(60, greatest(-60, match_weight)))) as doubt
            from linkage.edge where decision <> 'vetoed'
        )
        select
            count(*) filter (where decision = 'linked'),
            coalesce(sum(doubt) filter (where decision = 'linked'), 0),
            coalesce(sum(1 - doubt) filter (where decision <> 'linked'), 0)
        from judged
        """
    ).fetchone()
    wrong, missed = float(wrong), float(missed)
    if linked < 11:
        return {"linked pairs": cell(linked), "precision": None, "recall": None}
    return {
        "linked pairs": cell(linked),
        "precision": round(100 * (1 - wrong / linked), 2),
        "recall": round(100 * (linked - wrong) / (linked - wrong + missed), 2),
    }


def _recall(
    connection: psycopg.Connection, with_model: model.Model, groups: pandas.DataFrame
) -> dict:
    found = hidden_numbers.recovered(connection, with_model)
    person = _person_of(connection)
    of = groups.reindex(
        [person.get(key) for key in zip(found["source_system"], found["source_person_key"],
                                        strict=True)]
    )  # fmt: skip
    return {
        "in all": rate(int(found["found"].sum()), len(found)),
        "by source": {
            str(name): rate(int(part.sum()), len(part))
            for name, part in found.groupby("source_system")["found"]
        },
        "groups": subgroups.rates(found["found"], of) if len(found) else {},
    }


def _person_of(connection: psycopg.Connection) -> dict[tuple[str, str], int]:
    return {
        (system, key): person
        for system, key, person in connection.execute(
            "select source_system, source_person_key, person_id from linkage.crosswalk"
            " where closed_run_id is null"
        )
    }


def _reach(connection: psycopg.Connection, groups: pandas.DataFrame) -> dict:
    import pandas

    known = pandas.Series(
        dict(
            connection.execute(
                "select person_id, count(distinct source_system) > 1 from linkage.crosswalk"
                " where closed_run_id is null group by person_id"
            ).fetchall()
        ),
        dtype=bool,
    )
    return {
        "in all": rate(int(known.sum()), len(known)),
        "groups": subgroups.rates(known, groups.reindex(known.index)),
    }


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
        f"more than {MOST_RECORDS} records": f"count(*) > {MOST_RECORDS}",
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
    found = {name: cell(int(count)) for name, count in zip(tests, row, strict=True)}
    if all(
        connection.execute("select to_regclass(%s)", [table]).fetchone()[0]
        for table in ("identity.person_demographic", "core.spell_source")
    ):
        # a month's grace: monthly files are closed before the death is known
        late = connection.execute(
            "select count(distinct person_id) from core.spell_source"
            " join identity.person_demographic using (person_id)"
            " where start_date > death_date + 31"
        ).fetchone()[0]
        found["a program begins more than a month after death"] = cell(late)
    return found


def _decisions(connection: psycopg.Connection) -> dict:
    from orchestration.linkage.overrides import IN_FORCE

    row = connection.execute(
        f"""
        select
            count(*) filter (where kind = 'must_link' and {IN_FORCE}),
            count(*) filter (where kind = 'cannot_link' and {IN_FORCE}),
            (select count(*) from linkage.review_queue
                where closed_run_id is null and override_id is null)
        from linkage.override
        """
    ).fetchone()
    # decisions and doubts are the stewards' work, not cells of persons
    names = ("must_link in force", "cannot_link in force", "waiting for a steward")
    return dict(zip(names, row, strict=True))


def _changes(connection: psycopg.Connection) -> dict:
    return {
        kind: cell(count)
        for kind, count in connection.execute(
            "select event_type, count(*) from linkage.person_event"
            " where run_id = (select max(run_id) from linkage.run) group by 1 order by 1"
        )
    }


def _against_last(connection: psycopg.Connection, facts: dict) -> list[dict]:
    """Figures that differ from the report of an earlier run: {"figure", "before", "now"}."""
    found = connection.execute(
        "select facts from linkage.report where run_id < %s order by run_id desc limit 1",
        [facts["run"]["run_id"]],
    ).fetchone()
    if not found:
        return []
    before, now = _figures(found[0]), _figures(facts)
    return [
        {"figure": name, "before": before.get(name), "now": value}
        for name, value in now.items()
        if before.get(name) != value
    ]


def _figures(facts: dict) -> dict[str, float | int | None]:
    """What a reader compares from run to run, by a name that says what it is."""
    figures = {name: facts["run"][name] for name in ("records", "source_records", "persons")}
    figures["precision expected of the weights, percent"] = facts["estimates"]["precision"]
    figures["recall without the number, percent"] = facts["recall"]["in all"]["share"]
    for source, told in facts["links"].items():
        figures[f"{source} linked to another source, percent"] = told["linked to another source"]
    for kind, told in facts["recall"]["groups"].items():
        figures[f"gap in recall by {subgroups.KINDS[kind]}, points"] = told["gap"]
    for name, count in facts["implausible"].items():
        figures[f"persons: {name}"] = count
    return figures


def _errors(
    settings: Settings,
    connection: psycopg.Connection,
    truth_dir: Path,
    groups: pandas.DataFrame,
) -> dict:
    """Over true persons with two source records or more: split into several ids, or sharing an
    id with somebody else. Race and ethnicity and sex are the truth's, the rest is observed."""
    import pandas

    from orchestration.linkage import scoring

    folder = scoring.folder_of(truth_dir)
    figures = scoring.score(settings, folder)
    truth = pandas.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    linked = pandas.DataFrame(
        [(*key, person) for key, person in _person_of(connection).items()],
        columns=["source_system", "source_person_key", "person_id"],
    )
    both = truth.drop_duplicates(["source_system", "source_person_key"]).merge(
        linked, on=["source_system", "source_person_key"]
    )
    both["mixed"] = both.groupby("person_id")["person"].transform("nunique") > 1
    person = both.groupby("person").agg(
        records=("person_id", "size"),
        ids=("person_id", "nunique"),
        mixed=("mixed", "any"),
        person_id=("person_id", "min"),
    )
    person = person[person["records"] > 1].assign(split=lambda frame: frame["ids"] > 1)
    of = groups.reindex(person["person_id"]).set_axis(person.index)
    if (folder / "persons.csv").is_file():
        known = pandas.read_csv(folder / "persons.csv", dtype=str).set_index("person")
        for kind in {"race_ethnicity", "sex"} & set(known):
            of[kind] = known[kind].reindex(person.index).fillna("not known")
    return {
        **{name: round(figures[name], 5) for name in ("precision", "recall", "f1")},
        **{
            name: {
                "in all": rate(int(person[column].sum()), len(person)),
                "groups": subgroups.rates(person[column], of),
            }
            for name, column in (("split", "split"), ("false link", "mixed"))
        },
    }
