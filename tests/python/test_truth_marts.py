"""The truth check of the marts, on rows small enough to count by hand.

Add here: a case that the check must count right. Keep out: what a mart itself must hold (dbt).
"""

from __future__ import annotations

import pytest

from orchestration import truth_marts
from orchestration.errors import LifecourseError, UsageError
from orchestration.warehouse import connect

TRUTH = {
    "records": "source_system,source_person_key,person\nvital_child,1,P1\nk12,2,P2\n",
    # P1 is a child of P2, who was in jail before the birth and after it; P3 left the county
    "persons": "person,birth_date,death_date,sex,race_ethnicity\n"
    "P1,2024-03-05,,F,white\nP2,1990-01-01,,F,white\nP3,1980-01-01,,M,white\n",
    "spells": "person,program,start_date,last_day\n"
    "P2,jail,2024-01-10,2024-01-12\nP2,jail,2024-06-01,\nP2,snap,2024-01-01,\n"
    "P1,snap,2024-04-01,\nP1,head_start,2024-09-01,2024-12-31\n",
    "kin": "person,related_person,relationship,start_date,last_day\nP1,P2,mother,2024-03-05,\n",
    "residence": "person,tract_geoid,start_date,last_day\n"
    "P1,T,2024-03-05,\nP2,T,2018-01-01,\nP3,T,2018-01-01,2024-02-01\n",
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
        truth_marts.score(settings, truth, 0.02)
    with pytest.raises(UsageError, match=r"no persons\.csv"):
        truth_marts.score(settings, tmp_path / "nowhere", 0.02)


def test_counts_are_those_of_the_truth(settings, truth):
    with connect(settings) as connection:
        connection.execute(
            """
            create schema core; create schema reference; create schema policy;
            create schema marts_research; create schema marts_indicators;
            create schema marts_operations; create schema linkage;
            create table linkage.crosswalk as
                select * from (values ('vital_child', '1', 1, null::int), ('k12', '2', 2, null))
                as t (source_system, source_person_key, person_id, closed_run_id);
            create table reference.ref_month as
                select cast(m as date) as month_start,
                    cast(m + interval '1 month' as date) as next_month_start,
                    cast(extract(year from m) as integer) as calendar_year
                from generate_series(date '2024-01-01', date '2024-12-01', '1 month') as m;
            create table core.program_coverage as
                select * from (values ('jail', date '2024-01-01', date '2024-12-31'),
                    ('snap', date '2024-02-01', date '2024-12-31'))
                as t (program_id, coverage_start, coverage_end);
            create table core.source_coverage as select * from core.program_coverage;
            create table core.birth_detail as
                select 1 as person_id, date '2024-01-01' as birth_month;
            create table policy.policy_program_set as
                select * from (values ('family_support', 'snap')) as t (program_set, program_id);
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
                select 'adults' as frame, date '2024-12-31' as reference_date, true as is_in_frame;
            """
        )
    found = truth_marts.score(settings, truth, 0.02)

    def row(mart, name):
        return tuple(found[mart][name][key] for key in ("true", "found", "is_within"))

    # nine where there is one: outside of what linkage may cost
    assert row("child_program_years", "snap") == (1, 9, False)
    assert found["child_program_years"]["snap"]["error"] == 8.0
    # one off, and half the rounding base is 1
    assert row("unduplicated_counts", "family_support 2024") == (1, 2, True)
    # nobody looked on the day of the first booking; on that of the second SNAP was active
    assert row("continuity_of_care", "snap: bookings asked") == (1, 1, True)
    assert row("continuity_of_care", "snap: active at booking") == (1, 1, True)
    # the stay before the birth does not count, the one after it does
    assert row("adversity_indicators", "jail_of_mother") == (1, 1, True)
    # P2 is in jail, P3 is gone, P1 is too young
    assert row("population_frame", "adults") == (0, 1, True)
