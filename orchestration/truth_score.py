"""How true the released tables are, against the truth files of a fictional county.

Reads the release and the truth and writes nothing. Add here: a measure of a released table
against a truth file. Keep out: links of records (linkage/scoring.py), anything a build could use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage.scoring import folder_of

if TYPE_CHECKING:
    import pandas
    import psycopg

    from orchestration.settings import Settings

_NEEDED = ("records", "households", "residence")


def score(settings: Settings, truth_dir: Path) -> dict:
    """Measures of the release by name; shares are of person-months, from 0 to 1.

    truth_dir: the folder of the truth files, or the county's, which holds it as `truth`. A
    person of the release is the true person that most of its source records are of; persons
    without a record in the truth are left out. Who moved within a month is where most of its days
    were spent.

    household: over core.household_month, in households of two or more known persons.
    `accuracy`: the person truly lives in the household that most of these do.
    pair_precision, pair_recall: of two persons together in a month; recall is over pairs of
    true housemates who are both in household_month or residence_spell that month.
    residence: over core.residence_spell. `accuracy`: the tract is the true one; `coverage`: the
    share of the months of known persons in the county for which it names any.

    Raises UsageError when a truth file is missing, LifecourseError before the first release.
    """
    folder = folder_of(truth_dir)
    for name in _NEEDED:
        if not (folder / f"{name}.csv").is_file():
            raise UsageError(
                f"There is no {name}.csv in {truth_dir}; name the folder that holds the truth."
            )
    with warehouse.connect(settings) as connection:
        if not connection.execute("select to_regclass('core.household_month')").fetchone()[0]:
            raise LifecourseError("Nothing is released yet; run the pipeline (lifecourse run).")
        person = true_person(connection, _read(folder, "records"))
        together = _by_month(connection, _HOUSEHOLDS, person)
        resident = _by_month(connection, _RESIDENCES, person)
    months = sorted(together["month"].unique())
    return {
        "household": _household(together, resident, _read(folder, "households"), months),
        "residence": _residence(resident, person, _read(folder, "residence"), months),
    }


_HOUSEHOLDS = "select person_id, household_id as value, month from core.household_month"
# One row a month and person: the spell that covers the last day of the month.
_RESIDENCES = """
    select person_id, place_id as value, month_start as month
    from core.residence_spell
    join reference.ref_month
        on start_date < next_month_start
        and (last_day is null or last_day >= next_month_start - 1)
    where month_start in (select month from core.household_month)
"""


def _read(folder: Path, name: str) -> pandas.DataFrame:
    import pandas

    return pandas.read_csv(folder / f"{name}.csv", dtype=str)


def true_person(connection: psycopg.Connection, records: pandas.DataFrame) -> pandas.Series:
    """The true person of every person_id; ties go to the first name."""
    import pandas

    linked = pandas.DataFrame(
        connection.execute(
            "select source_system, source_person_key, person_id from linkage.crosswalk"
            " where closed_run_id is null"
        ).fetchall(),
        columns=["source_system", "source_person_key", "person_id"],
    )
    both = linked.merge(records, on=["source_system", "source_person_key"])
    counted = both.groupby(["person_id", "person"]).size().rename("records").reset_index()
    counted = counted.sort_values(["person_id", "records", "person"], ascending=[True, False, True])
    return counted.drop_duplicates("person_id").set_index("person_id")["person"]


def _by_month(
    connection: psycopg.Connection, query: str, person: pandas.Series
) -> pandas.DataFrame:
    """person (true), value, month of every row of a person that the truth knows."""
    import pandas

    found = pandas.DataFrame(
        connection.execute(query).fetchall(), columns=["person_id", "value", "month"]
    )
    found["person"] = found["person_id"].map(person)
    found["month"] = pandas.to_datetime(found["month"])
    # two ids of one person, where linkage split it, count once
    found = found.dropna(subset=["person"]).sort_values(["person", "month", "person_id"])
    return found.drop_duplicates(["person", "month"])[["person", "value", "month"]]


def _of_most_days(spells: pandas.DataFrame, column: str, months: list) -> pandas.DataFrame:
    """person, true, month: the value of `column` on most days of each month, the earlier of two
    equals; nothing for a month in which the person was nowhere."""
    import pandas

    start = pandas.to_datetime(spells["start_date"])
    last = pandas.to_datetime(spells["last_day"])
    parts = []
    for month in months:
        end = month + pandas.offsets.MonthEnd(0)
        begins, ends = start.clip(lower=month), last.fillna(end).clip(upper=end)
        days = (ends - begins).dt.days + 1
        here = pandas.DataFrame(
            {"person": spells["person"], "true": spells[column], "days": days, "start": start}
        )[days > 0]
        spent = here.groupby(["person", "true"], as_index=False).agg(
            days=("days", "sum"), start=("start", "min")
        )
        spent = spent.sort_values(["person", "days", "start"], ascending=[True, False, True])
        parts.append(spent.drop_duplicates("person")[["person", "true"]].assign(month=month))
    return pandas.concat(parts, ignore_index=True)


def _household(
    together: pandas.DataFrame, resident: pandas.DataFrame, truth: pandas.DataFrame, months: list
) -> dict:
    import pandas

    true = _of_most_days(truth, "household", months)
    judged = together.merge(true, on=["person", "month"])
    group = ["value", "month"]
    judged = judged[judged.groupby(group)["person"].transform("size") > 1]
    votes = judged.groupby([*group, "true"]).size().rename("votes").reset_index()
    votes = votes.sort_values([*group, "votes", "true"], ascending=[True, True, False, True])
    most = votes.drop_duplicates(group).rename(columns={"true": "most"})[[*group, "most"]]
    right = int((judged.merge(most, on=group).eval("true == most")).sum())

    found = _pairs(judged, "value")
    correct = int((found["true_left"] == found["true_right"]).sum())
    known = pandas.concat([together, resident])[["person", "month"]].drop_duplicates()
    possible = len(_pairs(true.merge(known, on=["person", "month"]), "true"))
    return {
        "accuracy": round(right / len(judged), 4) if len(judged) else None,
        "person_months": len(judged),
        "pair_precision": round(correct / len(found), 4) if len(found) else None,
        "pair_recall": round(correct / possible, 4) if possible else None,
        "pair_months": possible,
    }


def _pairs(frame: pandas.DataFrame, column: str) -> pandas.DataFrame:
    """Pairs of persons with the same `column` in the same month."""
    two = frame.assign(group=frame[column])
    two = two.merge(two, on=["group", "month"], suffixes=("_left", "_right"))
    return two[two["person_left"] < two["person_right"]]


def _residence(
    resident: pandas.DataFrame, person: pandas.Series, truth: pandas.DataFrame, months: list
) -> dict:
    true = _of_most_days(truth, "tract_geoid", months)
    judged = resident.merge(true, on=["person", "month"])
    known = int(true["person"].isin(set(person)).sum())
    return {
        "accuracy": round(float((judged["value"] == judged["true"]).mean()), 4)
        if len(judged)
        else None,
        "person_months": len(judged),
        "coverage": round(len(judged) / known, 4) if known else None,
    }
