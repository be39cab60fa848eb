"""The scores of released tables, on rows small enough to count by hand.

Add here: a case a score must count right. Keep out: linkage's own score (test_linkage.py).
"""

from __future__ import annotations

import pytest

from orchestration import truth_score
from orchestration.errors import LifecourseError, UsageError
from orchestration.warehouse import connect

TRUTH = {
    # P2 was delivered twice and linked to two persons
    "records": "source_system,source_person_key,person\n"
    + "".join(f"k12,{n},P{n}\n" for n in (1, 2, 3, 4))
    + "hmis,9,P2\n",
    "households": "person,household,start_date,last_day\n"
    "P1,H1,2018-01-01,\nP2,H1,2018-01-01,2025-01-10\nP2,H2,2025-01-11,\n"
    "P3,H1,2018-01-01,\nP4,H4,2018-01-01,\n",
    "residence": "person,tract_geoid,start_date,last_day\n"
    "P1,T1,2018-01-01,\nP2,T1,2018-01-01,2025-02-10\nP2,T2,2025-02-11,\n"
    "P3,T1,2018-01-01,\n",
}


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("truth_score")


@pytest.fixture
def truth(tmp_path):
    for name, text in TRUTH.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_before_a_release_there_is_one_clear_sentence(settings, truth, tmp_path):
    with pytest.raises(LifecourseError, match="Nothing is released yet"):
        truth_score.score(settings, truth)
    with pytest.raises(UsageError, match=r"no records\.csv"):
        truth_score.score(settings, tmp_path / "nowhere")


def test_person_months_are_counted_as_by_hand(settings, truth):
    with connect(settings) as connection:
        connection.execute(
            """
            create schema linkage; create schema core; create schema reference;
            create table linkage.crosswalk as
                select * from (values ('k12', '1', 1, null::int), ('k12', '2', 2, null),
                    ('hmis', '9', 12, null), ('k12', '3', 3, null), ('k12', '4', 4, null))
                as t (source_system, source_person_key, person_id, closed_run_id);
            create table reference.ref_month as
                select * from (values (date '2025-01-01', date '2025-02-01'),
                    (date '2025-02-01', date '2025-03-01'))
                as t (month_start, next_month_start);
            create table core.household_month as
                select * from (values (1, 'h', date '2025-01-01'), (2, 'h', date '2025-01-01'),
                    (12, 'h', date '2025-01-01'), (3, 'h', date '2025-01-01'),
                    (4, 'alone', date '2025-01-01'), (1, 'h', date '2025-02-01'),
                    (3, 'g', date '2025-02-01'))
                as t (person_id, household_id, month);
            create table core.residence_spell as
                select * from (values (1, 'T1', date '2024-01-01', null::date),
                    (2, 'T1', date '2024-01-01', null),
                    (3, 'T2', date '2024-01-01', date '2025-01-31'))
                as t (person_id, place_id, start_date, last_day);
            """
        )
    assert truth_score.score(settings, truth) == {
        # January: 1, 2, 3 together, where 2 had left; 4 is alone; in February nobody is together
        "household": {
            "accuracy": round(2 / 3, 4),
            "person_months": 3,
            "pair_precision": round(1 / 3, 4),
            # 1 and 3 in January and, apart in the table, in February
            "pair_recall": 0.5,
            "pair_months": 2,
        },
        # right: 1 twice, 2 in January; wrong: 2 in February, 3 in January; nothing of 3 in February
        "residence": {"accuracy": 0.6, "person_months": 5, "coverage": round(5 / 6, 4)},
    }
