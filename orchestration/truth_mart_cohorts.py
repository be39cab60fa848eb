"""Counts of cohorts that are followed, made a second time from the truth files.

Add here: a count of persons after, or before, a turn in their lives. Keep out: how a count is
judged (truth_marts.py), counts of a year (truth_mart_counts.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.truth_marts import Count, Truth, rounding_base, rows

if TYPE_CHECKING:
    import pandas
    import psycopg


def counts(connection: psycopg.Connection, truth: Truth) -> dict[str, dict[str, Count]]:
    """By mart and count."""
    return {"cohort_outcomes": _cohorts(connection, truth)}


def _cohorts(connection: psycopg.Connection, truth: Truth) -> dict[str, Count]:
    """Of each perspective the persons of its published cohorts, and those of them who were in the
    program within the window, where all of it is covered."""
    policies = rows(
        connection,
        "select cohorts.perspective, windows.* from policy.policy_cohort as cohorts"
        " join policy.policy_exposure_window as windows using (exposure)",
    )
    found = rows(connection, "select * from marts_indicators.cohort_outcomes")
    found["cohort"] = found["cohort_start"].dt.year
    coverage = rows(connection, "select * from core.program_coverage")
    graces = rows(
        connection,
        "select distinct on (program_id) program_id, grace_days from policy.policy_spell_rule"
        " order by program_id, rule_version desc",
    ).set_index("program_id")["grace_days"]
    # a published count cannot be taken apart: a cohort with strangers in it is not judged
    entered_by = rows(
        connection,
        "select distinct exposure, person_id, extract(year from anchor_date)::integer as cohort"
        " from core.exposure",
    )
    strange = entered_by[~entered_by["person_id"].isin(truth.person.index)]
    base = rounding_base(connection)
    figures = {}
    for policy in policies.itertuples():
        cells = found[found["perspective"] == policy.perspective]
        cells = cells[
            ~cells["cohort"].isin(strange[strange["exposure"] == policy.exposure]["cohort"])
        ]
        anchors, links = _anchors(connection, truth, policy.anchor_transition, graces, coverage)
        entered = _followed(truth, policy, anchors, graces, coverage)
        # a person enters the cohort of a year once, with the first time in it
        entered = entered.sort_values("anchor", kind="stable")
        entered["cohort"] = entered["anchor"].dt.year
        entered = entered.drop_duplicates(["person", "cohort"])
        for name, column, inside in (
            ("persons", "persons", entered),
            ("in the program", "persons_exposed", entered[entered["exposed"]]),
        ):
            shown = cells[cells[column].notna()]
            if shown.empty:
                continue
            program = truth.agencies.get(policy.program_id, ())
            figures[f"{policy.perspective}: {name}"] = Count(
                int(inside["cohort"].isin(shown["cohort"]).sum()),
                int(shown[column].sum()),
                (*links, program) if column == "persons_exposed" else links,
                # rounding errors of several cells partly cancel
                base / 2 * len(shown) ** 0.5,
            )
    return figures


def _anchors(
    connection: psycopg.Connection,
    truth: Truth,
    transition: str,
    graces: pandas.Series,
    coverage: pandas.DataFrame,
) -> tuple[pandas.DataFrame, tuple[tuple[str, ...], ...]]:
    """person, anchor of every turn of a kind, and the sources that have to be linked for it.

    Births, parents and exits are the truth's. Why a stay ended and in what grade a child is
    enrolled is in no truth file: of those turns the day is the release's word, the person the
    truth's.
    """
    import pandas

    if transition in ("birth", "parenthood"):
        records = truth["records"]
        children = records[records["source_system"] == "vital_child"]
        born = truth["persons"].set_index("person")["birth_date"]
        children = children.assign(anchor=children["person"].map(born).dt.to_period("M"))
        children["anchor"] = children["anchor"].dt.to_timestamp()
        if transition == "birth":
            found, sources = children, ("vital_child",)
        else:
            sources = ("vital_mother", "vital_father")
            parents = records[records["source_system"].isin(sources)]
            found = parents.merge(children[["source_person_key", "anchor"]], on="source_person_key")
        first = found.groupby("person", as_index=False)["anchor"].min()
        return first, (sources,)
    rule = rows(
        connection,
        "select * from policy.policy_transition where transition_type = %s",
        transition,
    ).iloc[0]
    links = (truth.agencies.get(rule["program_id"] or "k12_enrollment", ()),)
    if rule["basis"] == "exit" and not rule["end_reason_std_code"]:
        spells = _joined(truth, rule["program_id"], graces)
        seen = coverage[coverage["program_id"] == rule["program_id"]]
        ends = spells[
            (spells["last_day"] >= seen["coverage_start"].min())
            & (spells["last_day"] < seen["coverage_end"].max())
        ]
        died = ends["person"].map(truth["persons"].set_index("person")["death_date"])
        ends = ends[~(died <= ends["last_day"])]
        return ends[["person", "last_day"]].rename(columns={"last_day": "anchor"}), links
    told = rows(
        connection,
        "select person_id, transition_date as anchor from core.transition"
        " where transition_type = %s",
        transition,
    )
    told["person"] = told["person_id"].map(truth.person)
    told["anchor"] = pandas.to_datetime(told["anchor"])
    return told.dropna(subset=["person"])[["person", "anchor"]].drop_duplicates(), links


def _joined(truth: Truth, program: str, graces: pandas.Series) -> pandas.DataFrame:
    """True spells of a program; a gap of no more than its grace is none."""
    import pandas

    spells = truth["spells"]
    spells = spells[spells["program"] == program].sort_values(["person", "start_date", "last_day"])
    reach = spells.groupby("person")["last_day"].cummax().groupby(spells["person"]).shift()
    grace = pandas.Timedelta(days=int(graces.get(program, 0)) + 1)
    new = reach.isna() | (spells["start_date"] > reach + grace)
    return spells.groupby(["person", new.cumsum().rename("spell")], as_index=False).agg(
        start_date=("start_date", "min"), last_day=("last_day", "max")
    )


def _followed(
    truth: Truth,
    policy: object,
    anchors: pandas.DataFrame,
    graces: pandas.Series,
    coverage: pandas.DataFrame,
) -> pandas.DataFrame:
    """person, anchor, exposed: in the program on a day of a window that is covered whole. A window
    ends with the life; one without a day is none."""
    import pandas

    one_day = pandas.Timedelta(days=1)

    def moved(days: pandas.Series, by: int) -> pandas.Series:
        if policy.offset_unit == "month":
            return days + pandas.DateOffset(months=int(by))
        return days + by * one_day

    after_death = (
        anchors["person"].map(truth["persons"].set_index("person")["death_date"]) + one_day
    )
    windows = anchors.assign(
        first=moved(anchors["anchor"], policy.offset_start),
        end=moved(anchors["anchor"], policy.offset_end),
    ).reset_index(drop=True)
    windows["end"] = windows["end"].where(
        ~(after_death.reset_index(drop=True) < windows["end"]), after_death.reset_index(drop=True)
    )
    windows = windows[windows["first"] < windows["end"]].reset_index(drop=True)
    observed = pandas.Series(0, index=windows.index)
    for seen in coverage[coverage["program_id"] == policy.program_id].itertuples():
        begin = windows["first"].clip(lower=pandas.Timestamp(seen.coverage_start))
        end = windows["end"].clip(upper=pandas.Timestamp(seen.coverage_end) + one_day)
        observed += (end - begin).dt.days.clip(lower=0)
    whole = observed == (windows["end"] - windows["first"]).dt.days
    spells = _joined(truth, policy.program_id, graces)
    both = windows.reset_index().merge(spells, on="person")
    hit = both[(both["start_date"] < both["end"]) & (both["last_day"] >= both["first"])]
    inside = windows.index.isin(hit["index"])
    return windows[["person", "anchor"]].assign(exposed=whole & inside)
