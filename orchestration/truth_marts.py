"""How true the counts of the marts are, against the truth files of a fictional county.

Reads the release and the truth and writes nothing. Add here: the count of one mart, made a second
time from the truth files. Keep out: participation by program (truth_programs.py), households and
residence (truth_score.py), anything a build could use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.truth_score import true_person

if TYPE_CHECKING:
    import pandas
    import psycopg

    from orchestration.settings import Settings


def score(settings: Settings, truth_dir: Path, linkage_error: float) -> dict:
    """{mart: {count: {"true", "found", "error", "is_within"}}}.

    truth_dir: the folder of the truth files, or the county's, which holds it as `truth`.
    linkage_error: the stated one, from 0 to 1: one less the F1 of person-months over all programs.
    A count lies within it when it differs from the true one by no more than that share of it, or
    by two standard errors of a count of that size of errors, or by one; a published count may
    besides differ by half its rounding base. Persons whom the truth does not know at all (those of
    a public test file among the deliveries) and programs that it does not tell of are left out.
    error is found / true - 1, None where nothing is true.

    Raises UsageError when a truth file is missing, LifecourseError before the first release.
    """
    import pandas

    folder = Path(truth_dir)
    folder = folder / "truth" if (folder / "truth").is_dir() else folder
    truth = {}
    for name in ("persons", "spells", "kin", "residence", "institutions", "records"):
        if not (folder / f"{name}.csv").is_file():
            raise UsageError(
                f"There is no {name}.csv in {truth_dir}; name the folder that holds the truth."
            )
        truth[name] = pandas.read_csv(folder / f"{name}.csv", dtype=str)
    for frame in truth.values():
        for column in ("start_date", "last_day", "birth_date", "death_date"):
            if column in frame:
                frame[column] = pandas.to_datetime(frame[column])
    for name in ("spells", "kin", "residence", "institutions"):
        truth[name]["last_day"] = truth[name]["last_day"].fillna(pandas.Timestamp("2200-01-01"))
    with warehouse.connect(settings) as connection:
        if not connection.execute(
            "select to_regclass('marts_operations.continuity_of_care')"
        ).fetchone()[0]:
            raise LifecourseError("Nothing is released yet; run the pipeline (lifecourse run).")
        counts = {
            "child_program_years": _children(connection, truth),
            "unduplicated_counts": _unduplicated(connection, truth),
            "continuity_of_care": _continuity(connection, truth),
            "adversity_indicators": _adversity(connection, truth),
            "population_frame": _frame(connection, truth),
        }
    return {
        mart: {
            name: _judged(true, found, slack, linkage_error)
            for name, (true, found, slack) in sorted(figures.items())
        }
        for mart, figures in counts.items()
    }


def _judged(true: int, found: int, slack: float, linkage_error: float) -> dict:
    allowed = true * linkage_error
    # so few errors scatter: two standard deviations of a Poisson count of them
    allowed = max(allowed + 2 * allowed**0.5, 1) + slack
    return {
        "true": true,
        "found": found,
        "error": round(found / true - 1, 4) if true else None,
        "is_within": abs(found - true) <= allowed,
    }


def _rows(connection: psycopg.Connection, query: str) -> pandas.DataFrame:
    import pandas

    cursor = connection.execute(query)
    return pandas.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description])


_YEARS_COVERED = """
    select coverage.program_id, months.calendar_year,
        min(greatest(coverage.coverage_start, make_date(months.calendar_year, 1, 1))) as first_day,
        max(least(coverage.coverage_end, make_date(months.calendar_year, 12, 31))) as last_day
    from core.program_coverage as coverage
    join reference.ref_month as months
        on coverage.coverage_start <= months.month_start
        and coverage.coverage_end + 1 >= months.next_month_start
    group by coverage.program_id, months.calendar_year
"""


def _true_child_years(
    connection: psycopg.Connection, truth: dict[str, pandas.DataFrame]
) -> pandas.DataFrame:
    """person, program, calendar_year of every child up to five in a covered year."""
    import pandas

    people = truth["persons"].set_index("person")["birth_date"]
    parts = []
    for row in _rows(connection, _YEARS_COVERED).itertuples():
        year = int(row.calendar_year)
        spells = truth["spells"]
        here = spells[
            (spells["program"] == row.program_id)
            & (spells["start_date"] <= pandas.Timestamp(row.last_day))
            & (spells["last_day"] >= pandas.Timestamp(row.first_day))
        ]
        born = here["person"].map(people)
        here = here[(born.dt.year <= year) & (born.dt.year >= year - 5)]
        parts.append(here[["person", "program"]].assign(calendar_year=year))
    return pandas.concat(parts, ignore_index=True).drop_duplicates()


def _children(connection, truth) -> dict[str, tuple[int, int, float]]:
    true = _true_child_years(connection, truth).groupby("program").size()
    rows = _rows(connection, "select person_id, program_id from marts_research.child_program_years")
    known = true_person(connection, truth["records"])
    rows = rows[rows["person_id"].isin(known.index)]
    found = rows.groupby("program_id").size()
    return {
        program: (int(true.get(program, 0)), int(found.get(program, 0)), 0.0)
        for program in sorted(
            set(truth["spells"]["program"]) & (set(true.index) | set(found.index))
        )
    }


def _unduplicated(connection, truth) -> dict[str, tuple[int, int, float]]:
    sets = _rows(connection, "select program_set, program_id from policy.policy_program_set")
    true = (
        _true_child_years(connection, truth)
        .merge(sets, left_on="program", right_on="program_id")
        .drop_duplicates(["program_set", "calendar_year", "person"])
        .groupby(["program_set", "calendar_year"])
        .size()
    )
    base = connection.execute(
        "select rounding_base from policy.policy_disclosure where policy = 'default'"
    ).fetchone()[0]
    found = connection.execute(
        "select program_set, calendar_year, persons from marts_indicators.unduplicated_counts"
        " where place_id = 'all' and age_band = 'birth_to_5' and persons is not null"
    ).fetchall()
    # a published count cannot be taken apart: a year with strangers in it is not judged
    rows = _rows(
        connection, "select person_id, calendar_year from marts_research.child_program_years"
    )
    known = true_person(connection, truth["records"])
    strange = set(rows[~rows["person_id"].isin(known.index)]["calendar_year"])
    return {
        f"{name} {year}": (int(true.get((name, year), 0)), persons, base / 2)
        for name, year, persons in found
        if year not in strange
    }


def _continuity(connection, truth) -> dict[str, tuple[int, int, float]]:
    import pandas

    found = _rows(
        connection,
        "select program_id, count(*) as bookings,"
        " count(*) filter (where was_active_at_booking) as active,"
        " count(*) filter (where was_active_at_booking is not null) as asked"
        " from marts_operations.continuity_of_care as care"
        " where exists (select from core.program_coverage as seen"
        " where seen.program_id = care.program_id"
        " and care.booked_date between seen.coverage_start and seen.coverage_end)"
        " group by program_id",
    ).set_index("program_id")
    coverage = _rows(connection, "select * from core.program_coverage")
    spells = truth["spells"]
    jail = coverage[coverage["program_id"] == "jail"].iloc[0]
    jail_start, jail_end = map(pandas.Timestamp, (jail["coverage_start"], jail["coverage_end"]))
    booked = spells[
        (spells["program"] == "jail")
        & (spells["start_date"] > jail_start)
        & (spells["start_date"] <= jail_end)
    ]
    figures = {}
    for program in found.index:
        seen = coverage[coverage["program_id"] == program]
        days = booked["start_date"]
        looked = pandas.Series(False, index=booked.index)
        for stretch in seen.itertuples():
            looked |= (days >= pandas.Timestamp(stretch.coverage_start)) & (
                days <= pandas.Timestamp(stretch.coverage_end)
            )
        both = booked[looked].merge(
            spells[spells["program"] == program], on="person", suffixes=("", "_service")
        )
        active = both[
            (both["start_date_service"] <= both["start_date"])
            & (both["last_day_service"] >= both["start_date"])
        ].drop_duplicates(["person", "start_date"])
        figures[f"{program}: bookings asked"] = (
            int(looked.sum()), int(found.loc[program, "asked"]), 0.0
        )  # fmt: skip
        figures[f"{program}: active at booking"] = (
            len(active), int(found.loc[program, "active"]), 0.0
        )  # fmt: skip
    return figures


def _adversity(connection, truth) -> dict[str, tuple[int, int, float]]:
    """Children with a parent in jail or in an institution of their own, while they were children.

    Parents count through birth certificates that were delivered, so children without one are left
    out on both sides.
    """
    import pandas

    found = _rows(
        connection,
        "select indicator, count(*) as n from marts_research.adversity_indicators"
        " join core.birth_detail using (person_id) where is_exposed group by indicator",
    ).set_index("indicator")["n"]
    first_birth, data_end = connection.execute(
        "select min(birth_month), (select max(coverage_end) from core.source_coverage)"
        " from core.birth_detail"
    ).fetchone()
    people = truth["persons"]
    records = truth["records"]
    certified = records[records["source_system"] == "vital_child"]["person"]
    children = people[
        people["person"].isin(set(certified))
        & (people["birth_date"] >= pandas.Timestamp(first_birth))
        & (people["birth_date"] <= pandas.Timestamp(data_end))
        & people["death_date"].isna()
    ]
    children = children[
        children["birth_date"] > pandas.Timestamp(data_end) - pandas.DateOffset(years=18)
    ]
    window = _rows(
        connection,
        "select program_id, min(coverage_start) as first, max(coverage_end) as last"
        " from core.program_coverage group by program_id",
    ).set_index("program_id")
    figures = {}
    for indicator, via, program in (
        ("jail_of_mother", "mother", "jail"),
        ("jail_of_father", "father", "jail"),
        ("homelessness", None, "shelter"),
        ("foster_care", None, "foster_care"),
        ("early_education", None, "head_start"),
    ):
        if program not in window.index:
            continue
        links = children[["person", "birth_date"]].assign(exposing=children["person"])
        if via:
            kin = truth["kin"][truth["kin"]["relationship"] == via]
            links = children[["person", "birth_date"]].merge(kin, on="person")
            links = links.rename(columns={"related_person": "exposing"})
        spells = truth["spells"][truth["spells"]["program"] == program]
        both = links[["person", "birth_date", "exposing"]].merge(
            spells.rename(columns={"person": "exposing"}), on="exposing"
        )
        first, last = map(pandas.Timestamp, window.loc[program, ["first", "last"]])
        hit = both[
            (both["last_day"] >= both["birth_date"])
            & (both["last_day"] >= first)
            & (both["start_date"] <= last)
        ]
        figures[indicator] = (hit["person"].nunique(), int(found.get(indicator, 0)), 0.0)
    return figures


def _frame(connection, truth) -> dict[str, tuple[int, int, float]]:
    """True: residents whom at least one source of residences and one of birth dates know.

    Nobody else can be in a frame that asks for an age and a home; whom no agency knows is a matter
    of coverage, which the mart's description speaks of, and not of its count.
    """
    import pandas

    records = truth["records"]
    known = set(records["person"])
    for (sources,) in connection.execute(
        "select array_agg(source_system) from policy.policy_survivorship "
        "where attribute in ('residence', 'birth_date') group by attribute"
    ).fetchall():
        known &= set(records[records["source_system"].isin(sources)]["person"])
    figures = {}
    for frame, reference, age in connection.execute(
        """
        select distinct frame, population.reference_date, min_age_years
        from marts_research.population_frame as population
        inner join policy.policy_population_frame using (frame)
        """
    ).fetchall():
        day = pandas.Timestamp(reference)
        people = truth["persons"]
        old_enough = people[
            (people["birth_date"] <= day - pandas.DateOffset(years=age))
            & ~(people["death_date"] <= day)
        ]["person"]
        homes, inside = truth["residence"], truth["institutions"]
        resident = homes[(homes["start_date"] <= day) & (homes["last_day"] >= day)]["person"]
        jailed = inside[
            (inside["kind"] == "jail") & (inside["start_date"] <= day) & (inside["last_day"] >= day)
        ]["person"]
        true = (set(old_enough) & set(resident) & known) - set(jailed)
        found = connection.execute(
            "select count(*) from marts_research.population_frame where frame = %s and is_in_frame",
            [frame],
        ).fetchone()[0]
        figures[frame] = (len(true), found, 0.0)
    return figures
