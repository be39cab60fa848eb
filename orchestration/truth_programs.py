"""How true the person-months and unduplicated counts of programs are, against a county's truth.

Reads the release and the truth and writes nothing. Add here: a measure of participation. Keep
out: households and residence (truth_score.py), links of records
(linkage/scoring.py), anything a build could use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage.scoring import folder_of
from orchestration.truth_score import true_person

if TYPE_CHECKING:
    import pandas

    from orchestration.settings import Settings


def score(settings: Settings, truth_dir: Path) -> dict:
    """Participation by program and in all, over the months that its sources cover whole.

    truth_dir: the folder of the truth files, or the county's, which holds it as `truth`.

    Returns {"programs": {program_id: figures}, "overall": figures, "not_scored": [truth program
    that no spell has]}. Figures: precision, recall and f1 of person-months (a person who is in
    the program on any day of a month of panels.person_month_program); true_person_months;
    true_persons and found_persons in those months, and count_error = found / true - 1. A
    person_id is the true person that most of its source records are of; one without a record in
    the truth is wrong wherever it is found, and a true person whom no file holds is missed.

    Raises UsageError when a truth file is missing, LifecourseError before the first release.
    """
    import pandas

    folder = folder_of(truth_dir)
    for name in ("records", "spells"):
        if not (folder / f"{name}.csv").is_file():
            raise UsageError(
                f"There is no {name}.csv in {truth_dir}; name the folder that holds the truth."
            )
    spells = pandas.read_csv(folder / "spells.csv", dtype=str)
    with warehouse.connect(settings) as connection:
        if not connection.execute("select to_regclass('panels.person_month_program')").fetchone()[
            0
        ]:
            raise LifecourseError("Nothing is released yet; run the pipeline (lifecourse run).")
        person = true_person(connection, pandas.read_csv(folder / "records.csv", dtype=str))
        found = pandas.DataFrame(
            connection.execute(_FOUND).fetchall(), columns=["person_id", "program", "month"]
        )
        covered = pandas.DataFrame(
            connection.execute(_COVERED).fetchall(), columns=["program", "month"]
        )
    found["person"] = found["person_id"].map(person)
    # an id of nobody the truth knows stays a person of its own
    stranger = "id " + found["person_id"].astype(str)
    found["person"] = found["person"].fillna(stranger)
    found = found.merge(covered, on=["program", "month"])
    true = _person_months(spells, covered)
    return {
        "programs": {
            program: _figures(true[true["program"] == program], found[found["program"] == program])
            for program in sorted(set(covered["program"]) & set(spells["program"]))
        },
        "overall": _figures(true, found),
        "not_scored": sorted(set(spells["program"]) - set(covered["program"])),
    }


_FOUND = "select person_id, program_id, month from panels.person_month_program"
_COVERED = """
    select distinct coverage.program_id, months.month_start
    from core.program_coverage as coverage
    join reference.ref_month as months
        on months.month_start >= coverage.coverage_start
        and months.next_month_start <= coverage.coverage_end + 1
    join policy.policy_panel as panel
        on panel.panel = 'person_month_program'
        and months.month_start >= panel.first_month
        and (panel.last_month is null or months.month_start <= panel.last_month)
"""


def _person_months(spells: pandas.DataFrame, covered: pandas.DataFrame) -> pandas.DataFrame:
    """person, program, month for every covered month that a true spell touches."""
    import pandas

    spells = spells.assign(
        start=pandas.to_datetime(spells["start_date"]),
        last=pandas.to_datetime(spells["last_day"]).fillna(pandas.Timestamp.max),
    )
    parts = []
    for (program, month), _ in covered.groupby(["program", "month"]):
        first = pandas.Timestamp(month)
        here = spells[
            (spells["program"] == program)
            & (spells["start"] <= first + pandas.offsets.MonthEnd(0))
            & (spells["last"] >= first)
        ]
        parts.append(here[["person", "program"]].assign(month=month))
    return pandas.concat(parts, ignore_index=True).drop_duplicates()


def _figures(true: pandas.DataFrame, found: pandas.DataFrame) -> dict:
    keys = ["person", "program", "month"]
    found_months = found[keys].drop_duplicates()
    correct = len(true.merge(found_months, on=keys))
    true_persons, found_persons = true["person"].nunique(), found["person_id"].nunique()
    return {
        "precision": _share(correct, len(found_months)),
        "recall": _share(correct, len(true)),
        "f1": _share(2 * correct, len(true) + len(found_months)),
        "true_person_months": len(true),
        "true_persons": true_persons,
        "found_persons": found_persons,
        "count_error": round(found_persons / true_persons - 1, 4) if true_persons else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
