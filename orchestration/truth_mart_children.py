"""Counts of early childhood, made a second time from the truth files.

Add here: a count of a mart about children's first years. Keep out: how a count is judged
(truth_marts.py), counts by program (truth_mart_counts.py) and by place (truth_mart_places.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.truth_marts import Count, Truth, rows

if TYPE_CHECKING:
    import psycopg


def counts(connection: psycopg.Connection, truth: Truth) -> dict[str, dict[str, Count]]:
    """By mart and count."""
    return {
        "prek_exposure": _prek(connection, truth),
        "child_risks": _risks(connection, truth),
        "outreach_lists": _outreach(connection, truth),
    }


def _prek(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Children who were in a program of the set in the covered part of the year before
    kindergarten. Who entered when is the release's word: the truth knows enrolments, not grades."""
    entries = rows(connection, "select * from marts_research.prek_exposure")
    entries["person"] = entries["person_id"].map(truth.person)
    entries = entries.dropna(subset=["person"])
    sets = rows(connection, "select program_set, program_id from policy.policy_program_set")
    coverage = rows(connection, "select * from core.program_coverage")
    asked = entries.merge(sets, on="program_set").merge(coverage, on="program_id")
    both = asked.merge(
        truth["spells"], left_on=["person", "program_id"], right_on=["person", "program"]
    )
    last = both[["last_day", "coverage_end"]].min(axis=1)
    first = both[["start_date", "coverage_start"]].max(axis=1)
    hit = both[
        (first <= last) & (last >= both["window_start"]) & (first < both["kindergarten_entry_date"])
    ]
    true = hit.drop_duplicates(["program_set", "person_id"]).groupby("program_set").size()
    found = entries[entries["was_exposed"].eq(True)].groupby("program_set").size()
    programs = sets.groupby("program_set")["program_id"].agg(list)
    return {
        f"exposed, {name}": Count(
            int(true.get(name, 0)),
            int(found.get(name, 0)),
            (
                truth.agencies.get("k12_enrollment", ()),
                tuple(s for program in programs[name] for s in truth.agencies.get(program, ())),
            ),
        )
        for name in sorted(set(entries["program_set"]))
    }


def _risks(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Children on delivered birth certificates: their mothers' age, their nights in a shelter, and
    how many the mart has. What a certificate or a clinic says is in no truth file."""
    import pandas

    found = rows(
        connection,
        "select risk, person_id, has_risk, birth_month from marts_research.child_risks",
    )
    hit = found[found["has_risk"].eq(True)].groupby("risk").size()
    people = truth["persons"]
    children = people[people["person"].isin(truth.recorded_in(["vital_child"]))]
    children = children[children["birth_date"] >= found["birth_month"].min()]
    kin = truth["kin"][truth["kin"]["relationship"] == "mother"]
    born = people.set_index("person")["birth_date"]
    mothers = children.merge(kin, on="person")
    below = connection.execute(
        "select limit_value from policy.policy_early_risk where risk = 'teen_mother'"
    ).fetchone()[0]
    no_longer = mothers["related_person"].map(born) + pandas.DateOffset(years=int(below))
    figures = {
        "children": Count(
            children["person"].nunique(), found["person_id"].nunique(), (("vital_child",),)
        ),
        "teen_mother": Count(
            mothers[no_longer > mothers["birth_date"]]["person"].nunique(),
            int(hit.get("teen_mother", 0)),
            (("vital_child", "vital_mother"),),
        ),
    }
    coverage = rows(connection, "select * from core.program_coverage where program_id = 'shelter'")
    if len(coverage):
        stays = truth["spells"][truth["spells"]["program"] == "shelter"]
        both = children.merge(stays, on="person")
        nights = both[
            (both["last_day"] >= both["birth_date"])
            & (both["last_day"] >= coverage["coverage_start"].min())
            & (both["start_date"] <= coverage["coverage_end"].max())
            & (both["start_date"] < both["birth_date"] + pandas.DateOffset(months=60))
        ]
        figures["homelessness"] = Count(
            nights["person"].nunique(),
            int(hit.get("homelessness", 0)),
            (("vital_child",), truth.agencies.get("shelter", ())),
        )
    return figures


def _outreach(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Of those on the list, how many are truly alive and below five; all of them should be."""
    import pandas

    listed = rows(
        connection, "select distinct person_id, data_as_of from marts_restricted.outreach_lists"
    )
    listed["person"] = listed["person_id"].map(truth.person)
    listed = listed.dropna(subset=["person"])
    people = truth["persons"].set_index("person")
    born = listed["person"].map(people["birth_date"])
    died = listed["person"].map(people["death_date"])
    fifth = born.dt.to_period("M").dt.to_timestamp() + pandas.DateOffset(months=60)
    rightly = (born <= listed["data_as_of"]) & (fifth > listed["data_as_of"]) & died.isna()
    return {
        "alive and below five": Count(int(rightly.sum()), len(listed), (("vital_child",),)),
    }
