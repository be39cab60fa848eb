"""Counts that depend on where persons live, made a second time from the truth files.

Add here: a count by place or of residents. Keep out: how a count is judged (truth_marts.py), how
true single addresses are (truth_score.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.truth_marts import Count, Truth, rounding_base, rows

if TYPE_CHECKING:
    import pandas
    import psycopg

    from orchestration.settings import Settings


def counts(connection: psycopg.Connection, truth: Truth) -> dict[str, dict[str, Count]]:
    """By mart and count."""
    frames = _frames(connection, truth)
    return {
        "population_frame": {name: found for name, (found, _) in frames.items()},
        "sample_draws": _samples(connection, frames),
        "area_priorities": _areas(connection, truth),
        "child_care_supply_demand": _demand(connection, truth),
    }


def residents(settings: Settings, truth_dir: Path) -> dict[str, dict]:
    """How far each frame of population_frame covers the true residents of its reference date.

    {frame: {"residents": true ones whom it asks for, "in_frame", "covered": share of residents in
    it, "residing": share of it that resides there}}. Nobody's linkage makes up for who is in no
    file, and nobody tells an agency that they left: this is coverage, and states no error.
    """
    from orchestration import truth_marts, warehouse
    from orchestration.truth_score import true_person

    tables = truth_marts.read(truth_dir)
    with warehouse.connect(settings) as connection:
        truth = Truth(tables, true_person(connection, tables["records"]), {})
        figures = {}
        for frame, (_, people) in _frames(connection, truth).items():
            inside = _rows_of(connection, truth, frame)
            living = _at_home(truth, people["day"])
            asked = people["asked"] & living
            figures[frame] = {
                "residents": len(asked),
                "in_frame": len(inside),
                "covered": round(len(asked & inside) / len(asked), 4) if asked else None,
                "residing": round(len(inside & living) / len(inside), 4) if inside else None,
            }
    return figures


def birthplaces(settings: Settings, truth_dir: Path) -> dict:
    """Whether the tract of a birth, by which area_priorities counts, is where people lived.

    {"children": with a tract at birth, "mother_there": share of them whose mother lived in it on
    the day, "child_there": share who lived in it from their first day on}. A certificate knows
    the mother's home and no other: that some live with a father from the first day on is no error
    of the count, and is what the count does not say.
    """
    from orchestration import truth_marts, warehouse
    from orchestration.truth_score import true_person

    tables = truth_marts.read(Path(truth_dir))
    with warehouse.connect(settings) as connection:
        truth = Truth(tables, true_person(connection, tables["records"]), {})
        told = rows(
            connection,
            "select distinct on (person_id) births.person_id, homes.place_id"
            " from core.birth_detail as births join core.residence_spell as homes using (person_id)"
            " where births.birth_month between homes.start_date"
            " and coalesce(homes.last_day, births.birth_month)"
            " order by person_id, homes.start_date",
        )
    told["person"] = told["person_id"].map(truth.person)
    people = truth["persons"][["person", "birth_date"]]
    told = told.merge(people, on="person").drop_duplicates("person")
    theirs = _birthplaces(truth, told[["person", "birth_date"]]).set_index("person")["tract_geoid"]
    homes = truth["residence"].sort_values("start_date")
    own = told.merge(homes, on="person")
    own = own[own["last_day"] >= own["birth_date"]].drop_duplicates("person")
    own = own.set_index("person")["tract_geoid"]
    children = len(told)
    return {
        "children": children,
        "mother_there": _share(told["person"].map(theirs) == told["place_id"]),
        "child_there": _share(told["person"].map(own) == told["place_id"]),
    }


def _share(right: pandas.Series) -> float | None:
    return round(float(right.mean()), 4) if len(right) else None


def _heard(connection: psycopg.Connection, truth: Truth, day: pandas.Timestamp) -> set[str]:
    """True persons of whom a source of addresses and one of birth dates have a record, and whose
    home on `day` any address told within the time an address lasts."""
    ids = rows(
        connection,
        "select distinct person_id from core.residence_spell"
        " where start_date <= %s and (last_day is null or last_day >= %s)",
        day,
        day,
    )["person_id"]
    crosswalk = rows(
        connection,
        "select source_system, source_person_key, person_id from linkage.crosswalk"
        " where closed_run_id is null",
    )
    at_home = crosswalk[crosswalk["person_id"].isin(ids)]
    heard = set(
        at_home.merge(truth["records"], on=["source_system", "source_person_key"])["person"]
    )
    for (sources,) in connection.execute(
        "select array_agg(source_system) from policy.policy_survivorship"
        " where attribute in ('residence', 'birth_date') group by attribute"
    ).fetchall():
        heard &= truth.recorded_in(sources)
    return heard


def _links(connection: psycopg.Connection) -> tuple[tuple[str, ...], ...]:
    """Sources of addresses."""
    return tuple(
        tuple(sources)
        for (sources,) in connection.execute(
            "select array_agg(source_system) from policy.policy_survivorship"
            " where attribute = 'residence'"
        ).fetchall()
    )


def _at_home(truth: Truth, day: pandas.Timestamp) -> set[str]:
    homes = truth["residence"]
    return set(homes[(homes["start_date"] <= day) & (homes["last_day"] >= day)]["person"])


def _rows_of(connection: psycopg.Connection, truth: Truth, frame: str) -> set[str]:
    inside = rows(
        connection,
        "select person_id from marts_research.population_frame where frame = %s and is_in_frame",
        frame,
    )["person_id"]
    return set(inside.map(truth.person).dropna())


def _frames(connection: psycopg.Connection, truth: Truth) -> dict[str, tuple[Count, dict]]:
    """By frame: the persons it asks for whose home a source told lately, and who is asked for.

    The frame speaks of homes that were told of: who moved away in silence is in it and who was
    not heard of is not, which `residents` counts.
    """
    import pandas

    figures = {}
    for frame, reference, age, found in connection.execute(
        """
        select
            population.frame, population.reference_date, policies.min_age_years,
            count(*) filter (where population.is_in_frame)
        from marts_research.population_frame as population
        inner join policy.policy_population_frame as policies
            on population.frame = policies.frame
        group by population.frame, population.reference_date, policies.min_age_years
        """
    ).fetchall():
        day = pandas.Timestamp(reference)
        people, inside = truth["persons"], truth["institutions"]
        old_enough = people[
            (people["birth_date"] <= day - pandas.DateOffset(years=age))
            & ~(people["death_date"] <= day)
        ]["person"]
        jailed = inside[
            (inside["kind"] == "jail") & (inside["start_date"] <= day) & (inside["last_day"] >= day)
        ]["person"]
        asked = set(old_enough) - set(jailed)
        heard = asked & _heard(connection, truth, day)
        count = Count(len(heard), found, _links(connection))
        figures[frame] = (count, {"asked": asked, "day": day})
    return figures


def _samples(connection: psycopg.Connection, frames: dict) -> dict[str, Count]:
    """Persons of whom a draw speaks, by its weights."""
    return {
        f"{frame}: weighted persons": Count(
            frames[frame][0].true, round(float(weight)), frames[frame][0].links
        )
        for frame, weight in connection.execute(
            "select frame, sum(sample_weight) from marts_research.sample_draws group by frame"
        ).fetchall()
        if frame in frames
    }


def _areas(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Children of each birth year in the tracts whose counts are published, each where the mother
    lived on the day of the birth; of a child without a known mother, where it lived first."""
    found = rows(
        connection,
        "select place_id, cohort_start, children from marts_indicators.area_priorities"
        " where children is not null",
    )
    base = rounding_base(connection)
    people = truth["persons"]
    children = people[people["person"].isin(truth.recorded_in(["vital_child"]))]
    first = _birthplaces(truth, children)
    first["cohort_start"] = first["birth_date"].dt.to_period("Y").dt.to_timestamp()
    true = first.groupby(["tract_geoid", "cohort_start"]).size()
    figures = {}
    for cohort, cells in found.groupby("cohort_start"):
        places = [(place, cohort) for place in cells["place_id"]]
        figures[f"children born in {cohort.year}, published tracts"] = Count(
            int(true.reindex(places).fillna(0).sum()),
            int(cells["children"].sum()),
            (("vital_child", "vital_mother"),),
            # rounding errors of so many cells partly cancel
            base / 2 * len(cells) ** 0.5,
        )
    return figures


def _birthplaces(truth: Truth, children: pandas.DataFrame) -> pandas.DataFrame:
    """The children who had one, with the tract_geoid of their mother's home at the birth; without
    a mother in the truth their own first."""
    import pandas

    homes = truth["residence"].sort_values("start_date")
    mothers = truth["kin"][truth["kin"]["relationship"] == "mother"][["person", "related_person"]]
    named = children.merge(mothers, on="person")
    theirs = named.merge(homes.rename(columns={"person": "related_person"}), on="related_person")
    theirs = theirs[
        (theirs["start_date"] <= theirs["birth_date"])
        & (theirs["last_day"] >= theirs["birth_date"])
    ].drop_duplicates("person")
    own = children[~children["person"].isin(theirs["person"])].merge(homes, on="person")
    own = own[own["last_day"] >= own["birth_date"]].drop_duplicates("person")
    columns = ["person", "birth_date", "tract_geoid"]
    return pandas.concat([theirs[columns], own[columns]], ignore_index=True)


def _demand(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Children of each age group with a home that was told of lately."""
    import pandas

    found = rows(
        connection,
        "select age_group, children, as_of_date, min_age_months, below_age_months"
        " from marts_indicators.child_care_supply_demand"
        " join reference.ref_child_care_age_group using (age_group)"
        " where place_id = 'all' and children is not null",
    )
    if found.empty:
        return {}
    base = rounding_base(connection)
    day = found["as_of_date"].iloc[0]
    people = truth["persons"]
    born = people["birth_date"].dt.to_period("M")
    months = day.to_period("M").ordinal - born.map(
        lambda month: month.ordinal, na_action="ignore"
    ).astype("float")
    heard = _heard(connection, truth, day)
    here = people["person"].isin(heard) & ~(people["death_date"] <= pandas.Timestamp(day))
    return {
        f"children, {row.age_group}": Count(
            int((here & (months >= row.min_age_months) & (months < row.below_age_months)).sum()),
            int(row.children),
            _links(connection),
            base / 2,
        )
        for row in found.itertuples()
    }
