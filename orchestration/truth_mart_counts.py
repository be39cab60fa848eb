"""Counts of programs, bookings and adversities, made a second time from the truth files.

Add here: a count of persons by program or event. Keep out: how a count is judged
(truth_marts.py), counts of early childhood (truth_mart_children.py), counts that depend on where
persons live (truth_mart_places.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.truth_marts import Count, Truth, rounding_base, rows

if TYPE_CHECKING:
    import pandas
    import psycopg

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


def counts(connection: psycopg.Connection, truth: Truth) -> dict[str, dict[str, Count]]:
    """By mart and count."""
    return {
        "child_program_years": _children(connection, truth),
        "unduplicated_counts": _unduplicated(connection, truth),
        "continuity_of_care": _continuity(connection, truth),
        "adversity_indicators": _adversity(connection, truth),
    }


def _true_child_years(connection: psycopg.Connection, truth: Truth) -> pandas.DataFrame:
    """person, program, calendar_year of every child up to five in a covered year."""
    import pandas

    people = truth["persons"].set_index("person")["birth_date"]
    spells = truth["spells"]
    parts = []
    for row in rows(connection, _YEARS_COVERED).itertuples():
        year = int(row.calendar_year)
        here = spells[
            (spells["program"] == row.program_id)
            & (spells["start_date"] <= row.last_day)
            & (spells["last_day"] >= row.first_day)
        ]
        born = here["person"].map(people)
        here = here[(born.dt.year <= year) & (born.dt.year >= year - 5)]
        parts.append(here[["person", "program"]].assign(calendar_year=year))
    return pandas.concat(parts, ignore_index=True).drop_duplicates()


def _children(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    true = _true_child_years(connection, truth).groupby("program").size()
    found = rows(connection, "select person_id, program_id from marts_research.child_program_years")
    found = found[found["person_id"].isin(truth.person.index)].groupby("program_id").size()
    known = set(truth["all_spells"]["program"])
    return {
        program: Count(
            int(true.get(program, 0)),
            int(found.get(program, 0)),
            (truth.agencies.get(program, ()),),
        )
        for program in sorted(known & (set(true.index) | set(found.index)))
    }


def _unduplicated(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    sets = rows(connection, "select program_set, program_id from policy.policy_program_set")
    true = (
        _true_child_years(connection, truth)
        .merge(sets, left_on="program", right_on="program_id")
        .drop_duplicates(["program_set", "calendar_year", "person"])
        .groupby(["program_set", "calendar_year"])
        .size()
    )
    base = rounding_base(connection)
    found = connection.execute(
        "select program_set, calendar_year, persons from marts_indicators.unduplicated_counts"
        " where place_id = 'all' and age_band = 'birth_to_5' and persons is not null"
    ).fetchall()
    # a published count cannot be taken apart: a year with strangers in it is not judged
    years = rows(
        connection, "select person_id, calendar_year from marts_research.child_program_years"
    )
    strange = set(years[~years["person_id"].isin(truth.person.index)]["calendar_year"])
    programs = sets.groupby("program_set")["program_id"].agg(list)
    return {
        f"{name} {year}": Count(
            int(true.get((name, year), 0)),
            persons,
            (tuple(s for program in programs[name] for s in truth.agencies.get(program, ())),),
            base / 2,
        )
        for name, year, persons in found
        if year not in strange
    }


def _continuity(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    import pandas

    found = rows(
        connection,
        "select program_id,"
        " count(*) filter (where was_active_at_booking) as active,"
        " count(*) filter (where was_active_at_booking is not null) as asked"
        " from marts_operations.continuity_of_care as care"
        " where exists (select from core.program_coverage as seen"
        " where seen.program_id = care.program_id"
        " and care.booked_date between seen.coverage_start and seen.coverage_end)"
        " group by program_id",
    ).set_index("program_id")
    coverage = rows(connection, "select * from core.program_coverage")
    spells = truth["spells"]
    jail = coverage[coverage["program_id"] == "jail"].iloc[0]
    booked = spells[
        (spells["program"] == "jail")
        & (spells["start_date"] > jail["coverage_start"])
        & (spells["start_date"] <= jail["coverage_end"])
    ]
    of_jail = truth.agencies.get("jail", ())
    figures = {}
    for program in found.index:
        days = booked["start_date"]
        looked = pandas.Series(False, index=booked.index)
        for seen in coverage[coverage["program_id"] == program].itertuples():
            looked |= (days >= seen.coverage_start) & (days <= seen.coverage_end)
        both = booked[looked].merge(
            spells[spells["program"] == program], on="person", suffixes=("", "_service")
        )
        active = both[
            (both["start_date_service"] <= both["start_date"])
            & (both["last_day_service"] >= both["start_date"])
        ].drop_duplicates(["person", "start_date"])
        figures[f"{program}: bookings asked"] = Count(
            int(looked.sum()), int(found.loc[program, "asked"]), (of_jail,)
        )
        figures[f"{program}: active at booking"] = Count(
            len(active),
            int(found.loc[program, "active"]),
            (of_jail, truth.agencies.get(program, ())),
        )
    return figures


def _adversity(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Children with a parent in jail or in an institution of their own, while they were children.

    Children are those with a delivered birth certificate; parents are those it names, for nobody
    else's life can be seen from the child's.
    """
    import pandas

    found = rows(
        connection,
        "select indicator, count(*) as n from marts_research.adversity_indicators"
        " join core.birth_detail using (person_id) where is_exposed group by indicator",
    ).set_index("indicator")["n"]
    first_birth, data_end = connection.execute(
        "select min(birth_month), (select max(coverage_end) from core.source_coverage)"
        " from core.birth_detail"
    ).fetchone()
    people, records = truth["persons"], truth["records"]
    children = people[
        people["person"].isin(truth.recorded_in(["vital_child"]))
        & (people["birth_date"] >= pandas.Timestamp(first_birth))
        & (people["birth_date"] > pandas.Timestamp(data_end) - pandas.DateOffset(years=18))
        & (people["birth_date"] <= pandas.Timestamp(data_end))
        & people["death_date"].isna()
    ][["person", "birth_date"]]
    certificates = records[records["source_system"] == "vital_child"]
    window = rows(
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
        ("home_visiting", None, "home_visiting"),
    ):
        if program not in window.index:
            continue
        links = children.assign(exposing=children["person"])
        if via:
            named = records[records["source_system"] == f"vital_{via}"]["source_person_key"]
            seen = certificates[certificates["source_person_key"].isin(named)]["person"]
            kin = truth["kin"][truth["kin"]["relationship"] == via]
            links = children[children["person"].isin(seen)].merge(kin, on="person")
            links = links.rename(columns={"related_person": "exposing"})
        spells = truth["spells"][truth["spells"]["program"] == program]
        both = links[["person", "birth_date", "exposing"]].merge(
            spells.rename(columns={"person": "exposing"}), on="exposing"
        )
        hit = both[
            (both["last_day"] >= both["birth_date"])
            & (both["last_day"] >= window.loc[program, "first"])
            & (both["start_date"] <= window.loc[program, "last"])
        ]
        own = (("vital_child",), truth.agencies.get(program, ()))
        figures[indicator] = Count(
            hit["person"].nunique(),
            int(found.get(indicator, 0)),
            (*own, (f"vital_{via}",)) if via else own,
        )
    return figures
