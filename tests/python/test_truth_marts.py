"""The truth check of the marts, on rows small enough to count by hand.

Add here: a case that the check must count right. Keep out: what a mart itself must hold (dbt).
"""

from __future__ import annotations

from types import SimpleNamespace

import pandas
import pytest

from orchestration import truth_mart_cohorts, truth_mart_places, truth_marts
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import expected_errors, schema
from orchestration.warehouse import connect

TRUTH = {
    "records": "source_system,source_person_key,person\nvital_child,1,P1\nk12,2,P2\n",
    # P1 is a child of P2, who was in jail before the birth and after it; P3 left the county
    "persons": "person,birth_date,death_date,sex,race_ethnicity\n"
    "P1,2024-03-05,,F,white\nP2,1990-01-01,,F,white\nP3,1980-01-01,,M,white\n",
    "spells": "person,program,start_date,last_day\n"
    "P2,jail,2024-01-10,2024-01-12\nP2,jail,2024-06-01,\nP2,snap,2024-01-01,\n"
    "P1,snap,2024-04-01,\nP1,head_start,2024-09-01,2024-12-31\n",
    # the first stay in jail was expunged: the newest delivery tells of the second alone
    "recorded": "person,program,start_date,last_day\nP2,jail,2024-06-01,\n",
    "kin": "person,related_person,relationship,start_date,last_day\nP1,P2,mother,2024-03-05,\n",
    "residence": "person,tract_geoid,start_date,last_day\n"
    "P1,U,2024-03-05,\nP2,T,2018-01-01,\nP3,T,2018-01-01,2024-02-01\n",
    "institutions": "person,kind,start_date,last_day\nP2,jail,2024-06-01,\n",
}


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("truth_marts")


@pytest.fixture
def truth(tmp_path):
    for name, text in TRUTH.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_before_a_release_there_is_one_clear_sentence(settings, truth, tmp_path):
    with pytest.raises(LifecourseError, match="Nothing is released yet"):
        truth_marts.score(settings, truth)
    with pytest.raises(UsageError, match=r"no persons\.csv"):
        truth_marts.score(settings, tmp_path / "nowhere")
    (truth / "recorded.csv").unlink()
    with pytest.raises(UsageError, match=r"no recorded\.csv"):
        truth_marts.score(settings, truth)


def test_what_was_taken_off_the_record_is_not_asked_for(truth):
    (truth / "recorded.csv").write_text(
        "person,program,start_date,last_day\n"
        "P2,jail,2024-06-03,2024-06-05\nP2,jail,2024-06-06,2024-06-09\nP2,jail,2024-06-20,\n"
    )
    spells = truth_marts.read(truth)["spells"]
    stays = spells[spells["program"] == "jail"]
    assert [str(day.date()) for day in stays["start_date"]] == ["2024-06-03", "2024-06-20"]
    assert str(stays["last_day"].iloc[0].date()) == "2024-06-09"
    # nobody tells of SNAP month by month: its spells stay whole
    assert (spells["program"] == "snap").sum() == 2


LINKED = """
    insert into linkage.run (run_id, inputs_hash, config_hash, model_version, as_of_load, records,
        source_records, persons, nodes, pairs, components_cut, newest_birth_year)
        values (1, 'x', 'x', 'test', 1, 4, 4, 3, 4, 2, 0, 2024);
    insert into linkage.person (person_id, status, created_run_id, created_load_id)
        values (1, 'active', 1, 1), (2, 'active', 1, 1), (3, 'active', 1, 1);
    insert into linkage.source_record (record_number, source_system, source_person_key,
        identity_hash, first_load_id)
        values (1, 'vital_child', '1', 'x', 1), (2, 'k12', '2', 'x', 1),
            (3, 'jail', '3', 'x', 1), (4, 'jail', '4', 'x', 1);
    insert into linkage.crosswalk (source_system, source_person_key, person_id, method, rule,
        model_version, valid_from_load, opened_run_id)
        values ('vital_child', '1', 1, 'single', 'x', 'test', 1, 1),
            ('k12', '2', 2, 'probabilistic', 'x', 'test', 1, 1),
            ('jail', '3', 2, 'probabilistic', 'x', 'test', 1, 1),
            ('jail', '4', 3, 'single', 'x', 'test', 1, 1);
    insert into linkage.node (node_id, region_id, first_record, is_linkable)
        values (1, 1, 1, true), (2, 1, 2, true), (3, 1, 3, true), (4, 1, 4, true);
    insert into linkage.variant (identity_record_id, record_number, node_id)
        select record_number::text, record_number, record_number from linkage.source_record;
    -- linked at 3 to 1; one more pair left apart at 1 to 1
    insert into linkage.edge (left_node, right_node, match_weight, evidence, decision,
        model_version, run_id)
        values (2, 3, log(2.0, 3.0), '{}', 'linked', 'test', 1),
            (3, 4, 0, '{}', 'not linked', 'test', 1);
"""


def test_a_gap_within_the_grace_is_none_and_a_window_must_be_covered_whole(truth):
    (truth / "recorded.csv").write_text(
        "person,program,start_date,last_day\n"
        "P2,jail,2024-06-01,2024-06-03\nP2,jail,2024-06-06,2024-06-09\n"
        "P2,jail,2024-06-20,2024-06-21\n"
    )
    known = truth_marts.Truth(truth_marts.read(truth), pandas.Series(dtype=str), {})
    graces = pandas.Series({"jail": 2})
    stays = truth_mart_cohorts._joined(known, "jail", graces)
    assert [str(day.date()) for day in stays["last_day"]] == ["2024-06-09", "2024-06-21"]

    coverage = pandas.DataFrame(
        {"program_id": ["jail"], "coverage_start": [pandas.Timestamp("2024-01-01")],
         "coverage_end": [pandas.Timestamp("2024-07-09")]}
    )  # fmt: skip
    policy = SimpleNamespace(program_id="jail", offset_start=1, offset_end=31, offset_unit="day")
    anchors = stays.rename(columns={"last_day": "anchor"})[["person", "anchor"]]
    followed = truth_mart_cohorts._followed(known, policy, anchors, graces, coverage)
    # back within thirty days; of the second release only nineteen days are covered
    assert followed["exposed"].tolist() == [True, False]
    coverage["coverage_end"] = pandas.Timestamp("2024-07-08")
    followed = truth_mart_cohorts._followed(known, policy, anchors, graces, coverage)
    assert followed["exposed"].tolist() == [False, False]


def test_linkage_expects_its_errors_from_the_weights(settings, monkeypatch):
    monkeypatch.setattr(expected_errors, "LEAST_CELL", 1)
    with connect(settings) as connection:
        schema.ensure(connection)
        connection.execute(LINKED)
        found = expected_errors.by_source(connection)
    # a quarter for the school's record; of the jail's two, a quarter and two halves
    assert found["k12"]["wrong"]["share"] == 25.0
    assert found["k12"]["missed"]["share"] == 0.0
    assert found["jail"]["wrong"]["share"] == 12.5
    assert found["jail"]["missed"]["share"] == 50.0
    assert found["jail"]["error"]["interval"][1] == 100.0
    assert found["vital_child"]["error"] == {"share": 0.0, "interval": [0.0, 0.0]}


def test_counts_are_those_of_the_truth(settings, truth):
    with connect(settings) as connection:
        connection.execute(
            """
            create schema core; create schema reference; create schema policy;
            create schema marts_research; create schema marts_indicators;
            create schema marts_operations; create schema marts_restricted;
            create table reference.ref_source_system as
                select * from (values ('jail', 'jail'), ('benefits', 'benefits'))
                as t (source_system, agency);
            create table reference.ref_month as
                select cast(m as date) as month_start,
                    cast(m + interval '1 month' as date) as next_month_start,
                    cast(extract(year from m) as integer) as calendar_year
                from generate_series(date '2024-01-01', date '2024-12-01', '1 month') as m;
            create table core.program_coverage as
                select * from (values ('jail', date '2024-01-01', date '2024-12-31'),
                    ('snap', date '2024-02-01', date '2024-12-31'))
                as t (program_id, coverage_start, coverage_end);
            create table core.source_coverage as
                select *, 'jail' as source_system from core.program_coverage;
            create table core.residence_spell as
                select person_id, date '2024-03-01' as start_date, null::date as last_day,
                    'T' as place_id
                from generate_series(1, 2) as person_id;
            create table core.birth_detail as
                select 1 as person_id, date '2024-03-01' as birth_month;
            create table policy.policy_program_set as
                select * from (values ('family_support', 'snap')) as t (program_set, program_id);
            create table policy.policy_early_risk as
                select 'teen_mother' as risk, 20 as limit_value;
            create table reference.ref_child_care_age_group as
                select 'infant' as age_group, 0 as min_age_months, 18 as below_age_months;
            create table policy.policy_disclosure as select 'default' as policy, 2 as rounding_base;
            create table policy.policy_survivorship as
                select * from (values ('residence', 'k12'), ('birth_date', 'k12'),
                    ('residence', 'vital_child'), ('birth_date', 'vital_child'))
                as t (attribute, source_system);
            create table policy.policy_population_frame as
                select 'adults' as frame, null::date as reference_date, 12 as min_age_years;
            create table marts_research.child_program_years as
                select 1 as person_id, 'snap' as program_id, 2024 as calendar_year
                from generate_series(1, 9)
                union all select 99, 'snap', 2020;
            create table marts_indicators.unduplicated_counts as
                select 'family_support' as program_set, 2024 as calendar_year, 2 as persons,
                    'all' as place_id, 'birth_to_5' as age_band;
            create table marts_operations.continuity_of_care as
                select * from (values ('snap', true, date '2024-06-01'),
                    ('snap', null, date '2024-01-10'))
                as t (program_id, was_active_at_booking, booked_date);
            create table marts_research.adversity_indicators as
                select 1 as person_id, 'jail_of_mother' as indicator, true as is_exposed;
            create table marts_research.population_frame as
                select 'adults' as frame, date '2024-12-31' as reference_date, true as is_in_frame,
                    1 as person_id;
            create table marts_research.sample_draws as
                select 'adults' as frame, 1.0 as sample_weight;
            create table marts_research.prek_exposure as
                select 1 as person_id, 'family_support' as program_set, true as was_exposed,
                    date '2024-03-10' as window_start, date '2025-03-10' as kindergarten_entry_date;
            create table marts_research.child_risks as
                select 1 as person_id, 'teen_mother' as risk, true as has_risk,
                    date '2024-03-01' as birth_month;
            create table marts_restricted.outreach_lists as
                select person_id, date '2024-12-31' as data_as_of
                from generate_series(1, 2) as person_id;
            create table marts_indicators.area_priorities as
                select 'T' as place_id, date '2024-01-01' as cohort_start, 15 as children;
            create table marts_indicators.child_care_supply_demand as
                select 'infant' as age_group, 'all' as place_id, 2 as children,
                    date '2024-12-31' as as_of_date;
            create table core.consent as
                select person_id, date '2024-12-31' as data_as_of, 'screening' as purpose,
                    'active' as status from generate_series(1, 2) as person_id;
            create table policy.policy_screening as select 'screening' as purpose;
            create table policy.policy_screening_rule as
                select * from (values
                    ('head_start', 'cash', 'age_months', 'below', 60, null),
                    ('head_start', 'cash', 'in_program', 'is', null, 'snap'),
                    ('head_start', 'income', 'income_percent_of_poverty', 'at_most', 100, null),
                    ('head_start', 'snap', 'in_program', 'is', null, 'snap'))
                as t (program_id, pathway, criterion, operator, limit_value, evidence_program_id);
            create table marts_operations.benefit_screenings as
                select * from (values (1, 'head_start', 'cash', null), (1, 'snap', null, true),
                    (2, 'head_start', 'snap', null), (2, 'snap', null, false))
                as t (person_id, program_id, met_pathway, is_enrolled);
            create table policy.policy_cohort as
                select * from (values ('birth', 'snap_after_birth'), ('jail', 'jail_after_jail'))
                as t (perspective, exposure);
            create table policy.policy_exposure_window as
                select * from (values ('snap_after_birth', 'birth', 0, 6, 'month', 'snap'),
                    ('jail_after_jail', 'jail_release', 1, 31, 'day', 'jail'))
                as t (exposure, anchor_transition, offset_start, offset_end, offset_unit,
                    program_id);
            create table policy.policy_transition as
                select 'jail_release' as transition_type, 'exit' as basis, 'jail' as program_id,
                    null as end_reason_std_code;
            create table policy.policy_spell_rule as
                select 'jail' as program_id, 2 as grace_days, 1 as rule_version;
            create table core.transition as
                select 1 as person_id, date '2024-03-01' as transition_date,
                    'birth' as transition_type;
            create table core.exposure as
                select * from (values ('snap_after_birth', 1, date '2024-03-01'),
                    ('snap_after_birth', 99, date '2020-03-01')) as t (exposure, person_id,
                    anchor_date);
            create table marts_indicators.cohort_outcomes as
                select * from (values ('birth', date '2024-01-01', 2, 9),
                    ('birth', date '2020-01-01', 50, 50), ('jail', date '2024-01-01', 3, null))
                as t (perspective, cohort_start, persons, persons_exposed);
            """
        )
    found = truth_marts.score(settings, truth)

    def row(mart, name):
        return tuple(found[mart][name][key] for key in ("true", "found", "is_within"))

    # nine where there is one: outside of what linkage may cost
    assert row("child_program_years", "snap") == (1, 9, False)
    assert found["child_program_years"]["snap"]["error"] == 8.0
    # one off, and half the rounding base is 1
    assert row("unduplicated_counts", "family_support 2024") == (1, 2, True)
    # the first booking was expunged; on the day of the other one SNAP was active
    assert row("continuity_of_care", "snap: bookings asked") == (1, 1, True)
    assert row("continuity_of_care", "snap: active at booking") == (1, 1, True)
    # the certificate names no mother, so nobody can see her stay
    assert row("adversity_indicators", "jail_of_mother") == (0, 1, True)
    assert row("prek_exposure", "exposed, family_support") == (1, 1, True)
    # born to a mother of 34
    assert row("child_risks", "teen_mother") == (0, 1, True)
    assert row("child_risks", "children") == (1, 1, True)
    # P2 is no child
    assert row("outreach_lists", "alive and below five") == (1, 2, True)
    # P2 is in jail, P3 is gone, P1 is too young
    assert row("population_frame", "adults") == (0, 1, True)
    assert row("sample_draws", "adults: weighted persons") == (0, 1, True)
    # the child lives elsewhere from the first day on; its mother lived there
    assert row("area_priorities", "children born in 2024, published tracts") == (1, 15, False)
    assert row("child_care_supply_demand", "children, infant") == (1, 2, True)
    assert row("benefit_screenings", "persons") == (2, 2, True)
    assert row("benefit_screenings", "in snap") == (2, 1, True)
    # P2 is too old for it; a pathway behind one that asks for an income is not judged
    assert row("benefit_screenings", "head_start by cash") == (1, 1, True)
    assert set(found["benefit_screenings"]) == {"persons", "in snap", "head_start by cash"}
    # 99 is nobody the truth knows: the cohort of 2020 is not judged
    assert row("cohort_outcomes", "birth: persons") == (1, 2, True)
    assert row("cohort_outcomes", "birth: in the program") == (1, 9, False)
    assert row("cohort_outcomes", "jail: persons") == (0, 3, False)
    assert truth_mart_places.birthplaces(settings, truth) == {
        "children": 1,
        "mother_there": 1.0,
        "child_there": 0.0,
    }
    assert truth_mart_places.residents(settings, truth) == {
        "adults": {"residents": 0, "in_frame": 1, "covered": None, "residing": 1.0}
    }
