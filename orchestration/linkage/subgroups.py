"""Who is linked worse than others: rates by race and ethnicity, sex, age, area and surname.

Add here: a way to divide persons. Keep out: the rates' own definitions, single persons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage import cells

if TYPE_CHECKING:
    import pandas
    import psycopg

KINDS = {
    "race_ethnicity": "race and ethnicity",
    "sex": "sex",
    "age_band": "age",
    "area": "social vulnerability of the tract",
    "surname": "surname",
}
_UNKNOWN = "not known"


def of_persons(connection: psycopg.Connection) -> pandas.DataFrame:
    """The groups of every person_id, by kind in KINDS. age_band: on the day of the last run;
    area: quarter of the county's tracts by the Social Vulnerability Index (CDC) of the last
    tract; surname: did it change. A kind whose table is not built yet is all 'not known'."""
    import pandas

    persons = pandas.DataFrame(
        connection.execute(
            "select distinct person_id from linkage.crosswalk where closed_run_id is null"
        ).fetchall(),
        columns=["person_id"],
    ).set_index("person_id")
    for kind, (needed, query) in _QUERIES.items():
        if all(
            connection.execute("select to_regclass(%s)", [table]).fetchone()[0] for table in needed
        ):
            persons[kind] = pandas.Series(dict(connection.execute(query).fetchall()), dtype=object)
        else:
            persons[kind] = None
    return persons.astype(object).where(persons.notna(), _UNKNOWN)


def rates(found: pandas.Series, groups: pandas.DataFrame) -> dict[str, dict]:
    """{kind: {"groups": {group: cells.rate}, "gap"}} of a yes-or-no per row.

    found: booleans; groups: the columns of of_persons for the same rows.
    """
    told = {}
    for kind in KINDS:
        by_group = {
            str(name): cells.rate(int(part.sum()), len(part))
            for name, part in sorted(
                found.groupby(groups[kind].to_numpy()), key=lambda item: _order(str(item[0]))
            )
        }
        known = {name: one for name, one in by_group.items() if name != _UNKNOWN}
        told[kind] = {"groups": by_group, "gap": cells.gap(known)}
    return told


# From least to most vulnerable.
_AREAS = ("least vulnerable quarter", "second quarter", "third quarter", "most vulnerable quarter")


def _order(group: str) -> tuple:
    """Ages by their years, areas by their rank, the rest by name, what is not known last."""
    years = group.split("-")[0].rstrip("+")
    return (
        group == _UNKNOWN,
        int(years) if years.isdigit() else 0,
        _AREAS.index(group) if group in _AREAS else 0,
        group,
    )


_QUERIES = {
    "race_ethnicity": (
        ["identity.person_demographic"],
        "select person_id, race_ethnicity from identity.person_demographic",
    ),
    "sex": (
        ["identity.person_demographic"],
        "select person_id, sex from identity.person_demographic",
    ),
    "age_band": (
        ["identity.person_demographic", "reference.ref_age_band"],
        """
        select person_id, age_band
        from identity.person_demographic
        cross join (select max(finished_at)::date as day from linkage.run) as run
        join reference.ref_age_band
            on extract(year from age(day, birth_date)) >= min_age_years
            and extract(year from age(day, birth_date)) < below_age_years
        """,
    ),
    "area": (
        ["core.residence_spell", "reference.ref_svi_tract"],
        f"""
        with latest as (
            select distinct on (person_id) person_id, place_id from core.residence_spell
            order by person_id, start_date desc
        ),
        quarter as (
            select tract_geoid, ntile(4) over (order by rank_overall, tract_geoid) as quarter
            from reference.ref_svi_tract
            where left(tract_geoid, 5) in (select left(place_id, 5) from latest)
        )
        select
            person_id,
            (array{list(_AREAS)})[quarter]
        from latest join quarter on tract_geoid = place_id
        """,
    ),
    "surname": (
        ["identity.identity_record"],
        """
        select person_id, case when count(distinct start) > 1 then 'changed' else 'one' end
        from (
            select person_id, left(replace(surname, ' ', ''), 4) as start
            from identity.identity_record
            join linkage.crosswalk using (source_system, source_person_key)
            cross join lateral (values (last_name), (maiden_name)) as names (surname)
            where closed_run_id is null and surname is not null
        ) as surnames
        group by person_id
        """,
    ),
}
