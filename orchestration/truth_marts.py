"""How true the counts of the marts are, against the truth files of a fictional county.

Reads the release and the truth and writes nothing. Each mart is asked for what its sources could
know, and judged by the error that linkage itself expects of the sources the count depends on.
Add here: how a count is judged. Keep out: the counts (truth_mart_*.py, one file a kind),
participation by program (truth_programs.py), anything a build could use.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage.scoring import folder_of
from orchestration.truth_score import true_person

if TYPE_CHECKING:
    import pandas
    import psycopg

    from orchestration.settings import Settings

_FILES = ("persons", "spells", "recorded", "kin", "residence", "institutions", "records")
_OPEN = "2200-01-01"


@dataclass
class Count:
    """One count of a mart: the true one, the mart's, and what may part them.

    links: the groups of source systems whose records have to be linked for it; a count of parents
    and children has several. slack: what rounding of the published count may add.
    """

    true: int
    found: int
    links: tuple[tuple[str, ...], ...]
    slack: float = 0.0


@dataclass
class Truth:
    """The truth files as frames, days as timestamps, and what they say of the release.

    tables: by file; `spells` are those the newest deliveries tell of, `all_spells` every one.
    person: the true person of every person_id.
    """

    tables: dict[str, pandas.DataFrame]
    person: pandas.Series
    agencies: dict[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> pandas.DataFrame:
        return self.tables[name]

    def recorded_in(self, sources: list[str] | tuple[str, ...]) -> set[str]:
        """Persons of whom any of the sources has a record."""
        records = self["records"]
        return set(records[records["source_system"].isin(sources)]["person"])


def score(settings: Settings, truth_dir: Path) -> dict:
    """{mart: {count: {"true", "found", "error", "stated_error", "is_within"}}}.

    truth_dir: the folder of the truth files, or the county's, which holds it as `truth`. Of jail,
    foster care, homeless services, subsidised tenancy and Medicaid the stays count that the newest
    delivery tells of (recorded.csv), of the others all. Persons whom the truth does not know at all
    (those of a public test file among the deliveries) and programs that it does not tell of are
    left out.

    stated_error: a share, from 0 to 1, from linkage's own expectation (linkage/expected_errors.py)
    and not from the truth: for each group of sources that has to be linked, the upper end of the
    interval of its records that are expected wrong or missed; several groups compound. A count is
    within it when it differs from the true one by no more than that share of it and two standard
    errors of a count of so many errors, or by one; rounding of a published count comes on top.
    error is found / true - 1, None where nothing is true.

    Raises UsageError when a truth file is missing, LifecourseError before the first release.
    """
    from orchestration import (
        truth_mart_children,
        truth_mart_cohorts,
        truth_mart_counts,
        truth_mart_places,
        truth_mart_screening,
    )
    from orchestration.linkage import expected_errors

    tables = read(Path(truth_dir))
    with warehouse.connect(settings) as connection:
        if not connection.execute(
            "select to_regclass('marts_operations.continuity_of_care')"
        ).fetchone()[0]:
            raise LifecourseError("Nothing is released yet; run the pipeline (lifecourse run).")
        truth = Truth(tables, true_person(connection, tables["records"]), _agencies(connection))
        expected = expected_errors.by_source(connection)
        counts = {
            **truth_mart_counts.counts(connection, truth),
            **truth_mart_children.counts(connection, truth),
            **truth_mart_places.counts(connection, truth),
            **truth_mart_screening.counts(connection, truth),
            **truth_mart_cohorts.counts(connection, truth),
        }
    return {
        mart: {name: _judged(one, expected) for name, one in sorted(figures.items())}
        for mart, figures in counts.items()
    }


def rows(connection: psycopg.Connection, query: str, *values: object) -> pandas.DataFrame:
    """What the query returns, days as timestamps."""
    import pandas

    cursor = connection.execute(query, values or None)
    frame = pandas.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description])
    days = [c.name for c in cursor.description if c.type_code == 1082]
    frame[days] = frame[days].apply(pandas.to_datetime)
    return frame


def rounding_base(connection: psycopg.Connection) -> int:
    """What published counts are rounded to a multiple of."""
    return connection.execute(
        "select rounding_base from policy.policy_disclosure where policy = 'default'"
    ).fetchone()[0]


def read(truth_dir: Path) -> dict[str, pandas.DataFrame]:
    """The truth files by name, days as timestamps, an open last day far ahead; `spells` as told
    (Truth). Raises UsageError when one is missing."""
    import pandas

    folder = folder_of(truth_dir)
    tables = {}
    for name in _FILES:
        if not (folder / f"{name}.csv").is_file():
            raise UsageError(
                f"There is no {name}.csv in {truth_dir}; name the folder that holds the truth, or "
                "make the county again (lifecourse county generate) if it is of an older version."
            )
        frame = tables[name] = pandas.read_csv(folder / f"{name}.csv", dtype=str)
        for column in ("start_date", "last_day", "birth_date", "death_date"):
            if column in frame:
                frame[column] = pandas.to_datetime(frame[column])
        if "last_day" in frame:
            frame["last_day"] = frame["last_day"].fillna(pandas.Timestamp(_OPEN))
    tables["all_spells"] = tables["spells"]
    tables["spells"] = _told(tables["spells"], tables["recorded"])
    return tables


def _told(spells: pandas.DataFrame, recorded: pandas.DataFrame) -> pandas.DataFrame:
    """The parts of true spells that are on record; programs that no delivery tells of stay whole.

    Parts that follow on one another are one.
    """
    import pandas

    told = set(recorded["program"])
    both = spells[spells["program"].isin(told)].merge(
        recorded, on=["person", "program"], suffixes=("", "_told")
    )
    both["start_date"] = both[["start_date", "start_date_told"]].max(axis=1)
    both["last_day"] = both[["last_day", "last_day_told"]].min(axis=1)
    both = both[both["start_date"] <= both["last_day"]][list(spells.columns)]
    both = both.sort_values(["program", "person", "start_date", "last_day"])
    group = both.groupby(["program", "person"])
    reach = group["last_day"].cummax().groupby([both["program"], both["person"]]).shift()
    new = reach.isna() | (both["start_date"] > reach + pandas.Timedelta(days=1))
    joined = both.groupby(["program", "person", new.cumsum()], as_index=False).agg(
        start_date=("start_date", "min"), last_day=("last_day", "max")
    )
    rest = spells[~spells["program"].isin(told)]
    return pandas.concat([joined[list(spells.columns)], rest], ignore_index=True)


def _agencies(connection: psycopg.Connection) -> dict[str, tuple[str, ...]]:
    """The source systems of the agencies that report a program."""
    return {
        program: tuple(systems)
        for program, systems in connection.execute(
            """
            select coverage.program_id, array_agg(distinct systems.source_system)
            from core.source_coverage as coverage
            join reference.ref_source_system as systems
                on coverage.source_system in (systems.agency, systems.source_system)
            where coverage.program_id is not null
            group by coverage.program_id
            """
        )
    }


def _judged(count: Count, expected: dict[str, dict]) -> dict:
    right = 1.0
    for group in count.links:
        known = [expected[source] for source in set(group) if source in expected]
        records = sum(one["of"] for one in known)
        if records:
            upper = sum(one["of"] * one["error"]["interval"][1] for one in known) / records
            right *= 1 - min(upper, 100) / 100
    stated = 1 - right
    allowed = count.true * stated
    # so few errors scatter: two standard deviations of a Poisson count of them
    allowed = max(allowed + 2 * allowed**0.5, 1) + count.slack
    return {
        "true": count.true,
        "found": count.found,
        "error": round(count.found / count.true - 1, 4) if count.true else None,
        "stated_error": round(stated, 4),
        "is_within": abs(count.found - count.true) <= allowed,
    }
