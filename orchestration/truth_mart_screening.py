"""Counts of consent-aware screening, made a second time from the truth files.

Add here: a count of persons screened. Keep out: how a count is judged (truth_marts.py), counts of
programs among everybody (truth_mart_counts.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.truth_marts import Count, Truth, rows

if TYPE_CHECKING:
    import pandas
    import psycopg


def counts(connection: psycopg.Connection, truth: Truth) -> dict[str, dict[str, Count]]:
    """By mart and count."""
    return {"benefit_screenings": _screenings(connection, truth)}


def _screenings(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Persons screened, those of them who are in each program, and those whom another program
    makes eligible.

    Who consented is the release's word: the register of consents is no life that a truth could
    know. So is every income; a pathway that asks for one is left to it, and so are the pathways
    that come after such a one, for a person stands in the first that is met.
    """
    import pandas

    found = rows(connection, "select * from marts_operations.benefit_screenings")
    found = found[found["person_id"].isin(truth.person.index)]
    asked = rows(
        connection,
        "select distinct consents.person_id, consents.data_as_of from core.consent as consents"
        " join policy.policy_screening as policies using (purpose) where status = 'active'",
    )
    asked["person"] = asked["person_id"].map(truth.person)
    people = truth["persons"].set_index("person")
    asked = asked.dropna(subset=["person"]).drop_duplicates("person").set_index("person")
    if asked.empty:
        return {}
    day = pandas.Timestamp(asked["data_as_of"].iloc[0])
    died = people["death_date"].reindex(asked.index)
    asked = asked[~(died <= day)]
    consents = truth.agencies.get("snap", ())
    figures = {"persons": Count(len(asked), found["person_id"].nunique(), (consents,))}

    here = _programs_on(connection, truth, day)
    for program in sorted(set(found["program_id"]) & set(here)):
        of_program = found[found["program_id"] == program]
        figures[f"in {program}"] = Count(
            len(set(asked.index) & here[program]),
            int(of_program["is_enrolled"].eq(True).sum()),
            (consents, truth.agencies.get(program, ())),
        )
    born = people["birth_date"].reindex(asked.index).dt.to_period("M")
    months = born.map(lambda month: day.to_period("M").ordinal - month.ordinal, na_action="ignore")
    rules = rows(connection, "select * from policy.policy_screening_rule")
    for program, of_program in rules.groupby("program_id"):
        taken: set[str] = set()
        for pathway, criteria in of_program.sort_values("pathway").groupby("pathway"):
            if (criteria["criterion"] == "income_percent_of_poverty").any():
                break
            evidence = criteria["evidence_program_id"].dropna()
            if not set(evidence) <= set(here):
                break
            met = _meeting(criteria, months, here) - taken
            taken |= met
            by_it = (found["program_id"] == program) & (found["met_pathway"] == pathway)
            if met or by_it.any():
                figures[f"{program} by {pathway}"] = Count(
                    len(met),
                    int(by_it.sum()),
                    (consents, *(truth.agencies.get(name, ()) for name in evidence)),
                )
    return figures


def _programs_on(
    connection: psycopg.Connection, truth: Truth, day: pandas.Timestamp
) -> dict[str, set[str]]:
    """By program that is covered on that day: who is in it."""
    covered = rows(
        connection,
        "select distinct program_id from core.program_coverage"
        " where %s between coverage_start and coverage_end",
        day,
    )["program_id"]
    spells = truth["spells"]
    on = spells[(spells["start_date"] <= day) & (spells["last_day"] >= day)]
    known = set(truth["all_spells"]["program"])
    return {
        program: set(on[on["program"] == program]["person"])
        for program in covered
        if program in known
    }


def _meeting(
    criteria: pandas.DataFrame, months: pandas.Series, here: dict[str, set[str]]
) -> set[str]:
    """Of the persons whose ages in months are given: who meets every criterion."""
    met = set(months.index)
    for rule in criteria.itertuples():
        if rule.criterion == "in_program":
            met &= here[rule.evidence_program_id]
        elif rule.operator == "below":
            met &= set(months[months < float(rule.limit_value)].index)
        else:
            met &= set(months[months >= float(rule.limit_value)].index)
    return met
