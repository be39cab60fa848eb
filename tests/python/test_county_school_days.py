"""The county's schools by the day: absences, discipline, submissions, teachers and their classes.

Add here: a quirk of these files. Keep out: enrolments, and what holds for every file
(test_county.py).
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from orchestration import county

DELIVERIES = ("2025-03", "2025-04", "2025-05", "2025-06", "2025-07", "2025-08", "2025-09")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("county")
    county.generate(
        out, persons=4_000, months=len(DELIVERIES), seed=11, start="2025-03", bad_delivery=False
    )
    return out


def rows(made: Path, delivery: str, name: str) -> list[dict[str, str]]:
    with (made / "observed/k12" / delivery / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def sent(made: Path) -> list[tuple[str, dict[str, str]]]:
    """Every row of the daily absences with the delivery that brought it."""
    return [(d, r) for d in DELIVERIES for r in rows(made, d, f"absences_{d}.csv")]


def test_absences_fall_on_days_of_school_while_enrolled(made):
    calendar = defaultdict(set)
    for d in (DELIVERIES[0], DELIVERIES[-1]):
        for c in rows(made, d, "calendar.csv"):
            calendar[c["district_id"]].add(c["session_date"])
    assert all(160 < len({x for x in days if x < "2025-07"}) < 400 for days in calendar.values())
    days = set.union(*calendar.values())
    assert {r["attendance_event_date"] for _, r in sent(made)} <= days
    for d in DELIVERIES[:4]:
        spans = defaultdict(list)
        for e in rows(made, d, "enrollments.csv"):
            spans[(e["student_id"], e["school_id"])].append(
                (e["entry_date"], e["exit_date"] or "9999")
            )
        inside = [
            any(a <= r["attendance_event_date"] <= b
                for a, b in spans[(r["student_id"], r["school_id"])])
            for r in rows(made, d, f"absences_{d}.csv")
        ]  # fmt: skip
        # but for students whose transfer is entered later than their absences
        assert sum(inside) >= 0.98 * len(inside)


def test_a_late_school_looks_perfect_until_it_reports(made):
    """The trap: no absences, full days present; only the submissions tell."""
    found = 0
    for now, after in pairwise(DELIVERIES[:4]):
        waiting = {s["school_id"] for s in rows(made, now, "submissions.csv")
                   if s["report_month"] == now and not s["submitted_date"]}  # fmt: skip
        assert waiting
        later = {s["school_id"]: s["submitted_date"] for s in rows(made, after, "submissions.csv")
                 if s["report_month"] == now}  # fmt: skip
        month = rows(made, now, f"attendance_{now}.csv")
        fresh = rows(made, now, f"absences_{now}.csv")
        for school in waiting:
            own = [a for a in month if a["school_id"] == school]
            assert all(float(a["days_present"]) == float(a["days_enrolled"]) for a in own)
            assert not [r for r in fresh if r["school_id"] == school
                        and r["attendance_event_date"].startswith(now)]  # fmt: skip
            assert later[school].startswith(after)
            found += sum(r["school_id"] == school and r["attendance_event_date"].startswith(now)
                         for r in rows(made, after, f"absences_{after}.csv"))  # fmt: skip
    assert found > 20


def test_corrections_come_a_month_later_and_half_days_occur(made):
    words = defaultdict(list)
    for _, r in sent(made):
        key = (r["student_id"], r["school_id"], r["attendance_event_date"])
        words[key].append(r["attendance_status"])
    assert any(w == ["UnexcusedAbsence", "ExcusedAbsence"] for w in words.values())
    assert any(w[-1] == "Present" and len(w) == 2 for w in words.values())
    assert max(map(len, words.values())) == 2
    durations = Counter(r["attendance_event_duration_day"] for _, r in sent(made))
    assert 0.05 < durations["0.5"] / durations.total() < 0.25
    for d in DELIVERIES:
        keys = Counter((r["student_id"], r["school_id"], r["attendance_event_date"])
                       for r in rows(made, d, f"absences_{d}.csv"))  # fmt: skip
        assert max(keys.values(), default=1) == 1
    assert not [r for r in rows(made, "2025-08", "absences_2025-08.csv")
                if r["attendance_event_date"] < "2025-08"]  # fmt: skip


def test_suspensions_out_of_school_are_days_missed(made):
    actions = rows(made, "2025-06", "discipline_actions.csv")
    assert {a["action"] for a in actions} == {"ISS", "OSS"}
    assert len({a["incident_id"] for a in actions}) < len(actions)  # two pupils of one incident
    missed = defaultdict(set)
    for _, r in sent(made):
        if r["absent_category"] == "DIS":
            missed[r["student_id"]].add(r["attendance_event_date"])
    out = [a for a in actions if a["action"] == "OSS" and a["action_start_date"] < "2025-05-01"]
    hit = sum(a["action_start_date"] in missed[a["student_id"]] for a in out)
    assert hit > 0.7 * len(out) > 5


def test_student_numbers_that_changed_are_listed(made):
    changes = rows(made, "2025-09", "student_id_changes.csv")
    assert changes
    before = {e["student_id"] for e in rows(made, "2025-03", "enrollments.csv")}
    old = {c["student_id"] for c in changes}
    assert old & before
    assert not old & {c["current_student_id"] for c in changes}


def test_classes_have_teachers_and_teachers_miss_days(made):
    staff = {t["staff_id"]: t for t in rows(made, "2025-06", "staff.csv")}
    sections = rows(made, "2025-06", "sections.csv")
    assert {s["staff_id"] for s in sections} <= staff.keys()
    assert {s["subject"] for s in sections} == {"HR", "ELA", "MATH", "SCI"}
    spells = defaultdict(list)
    for s in sections:
        spells[s["section_id"]].append((s["assignment_start_date"], s["assignment_end_date"]))
    changed = [sorted(v) for v in spells.values() if len(v) > 1]
    assert changed  # the teacher of record changed during the year
    for first, second, *_ in changed:
        assert (date.fromisoformat(second[0]) - date.fromisoformat(first[1])).days == 1
    counts = [r for name in ("rosters_2025-03.csv",) for r in rows(made, "2025-03", name)]
    assert {r["count_date"] for r in counts} == {"2025-03-01"}
    current = {s["section_id"] for s in sections if s["school_year"] == "2025"}
    assert {r["section_id"] for r in counts} <= current
    sizes = Counter(r["section_id"] for r in counts)
    assert max(sizes.values()) <= 23
    enrolled = {e["student_id"] for e in rows(made, "2025-03", "enrollments.csv")}
    seated = {r["student_id"] for r in counts}
    assert len(seated & enrolled) >= 0.98 * len(seated)
    absent = [r for d in DELIVERIES[1:4] for r in rows(made, d, f"staff_absences_{d}.csv")]
    assert {r["staff_id"] for r in absent} <= staff.keys()
    assert {r["absence_fraction"] for r in absent} == {"0.5", "1.0"}
    assert not rows(made, "2025-07", "staff_absences_2025-07.csv")
    assert all(t["ssn_last4"].isdigit() and len(t["ssn_last4"]) == 4 for t in staff.values())
