"""The county's courts, police, child support and housing authority: the quirks of their files.

Add here: a quirk of one of these agencies. Keep out: what holds for every file (test_county.py).
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from orchestration import county

DELIVERIES = ("2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06")
LAST = DELIVERIES[-1]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("county")
    county.generate(out, persons=6_000, months=len(DELIVERIES), seed=11, bad_delivery=False)
    return out


def rows(made: Path, place: str, delimiter: str = ",") -> list[dict[str, str]]:
    with (made / "observed" / place).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter=delimiter))


def us(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


def compact(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()


def whose(made: Path, system: str) -> dict[str, str]:
    with (made / "truth/records.csv").open(newline="") as handle:
        return {
            r["source_person_key"]: r["person"]
            for r in csv.DictReader(handle)
            if r["source_system"] == system
        }


def births(made: Path) -> dict[str, date]:
    with (made / "truth/persons.csv").open(newline="") as handle:
        return {r["person"]: date.fromisoformat(r["birth_date"]) for r in csv.DictReader(handle)}


# -- police and courts ------------------------------------------------------------------------


def test_expunged_cases_and_their_arrests_are_gone_and_stay_gone(made):
    cases = [{c["case_no"]: c for c in rows(made, f"courts/{d}/charges.csv")} for d in DELIVERIES]
    arrests = [{a["arrest_transaction_no"] for a in rows(made, f"police/{d}/arrests.csv", "|")}
               for d in DELIVERIES]  # fmt: skip
    gone = {}
    for i in range(1, len(DELIVERIES)):
        for number in cases[i - 1].keys() - cases[i].keys():
            gone[number] = (i, cases[i - 1][number])
    assert gone
    for i, case in gone.values():
        assert case["disposition_code"] in ("NP", "DM", "NG")
        assert all(case["case_no"] not in later for later in cases[i:])
        # the police strike the arrest within a month
        if case["arrest_no"] and i + 2 < len(DELIVERIES):
            assert case["arrest_no"] not in arrests[i + 2]
    convicted = {n for n, c in cases[0].items() if c["disposition_code"] in ("GP", "GV")}
    assert convicted and convicted <= cases[-1].keys()


def test_nobody_under_18_is_in_the_files_of_police_and_courts(made):
    born = births(made)
    index, defendants = whose(made, "police"), whose(made, "court_case")

    def age(person: str, on: date) -> float:
        return (on - born[person]).days / 365.25

    arrests = rows(made, f"police/{LAST}/arrests.csv", "|")
    assert min(age(index[a["mni_no"]], compact(a["arrest_date"])) for a in arrests) > 17.99
    charges = rows(made, f"courts/{LAST}/charges.csv")
    assert min(age(defendants[c["case_no"]], us(c["filed_date"])) for c in charges) > 17.99
    ages = [age(index[a["mni_no"]], compact(a["arrest_date"])) for a in arrests]
    assert sum(a < 20 for a in ages) >= 3  # the young are there; only the minors are withheld
    assert not list((made / "observed").glob("*/*/juvenile*"))


def test_arrests_come_late_and_lead_to_charges(made):
    first = {}
    for d in DELIVERIES:
        for a in rows(made, f"police/{d}/arrests.csv", "|"):
            first.setdefault(a["arrest_transaction_no"], (d, a["arrest_date"]))
    late = [n for n, (d, on) in first.items() if d != DELIVERIES[0] and on[:6] < d.replace("-", "")]
    assert late
    arrests = {a["arrest_transaction_no"]: a for a in rows(made, f"police/{LAST}/arrests.csv", "|")}
    charges = rows(made, f"courts/{LAST}/charges.csv")
    linked = [c for c in charges if c["arrest_no"] in arrests]
    assert len(linked) > len(charges) / 2
    assert any(not c["arrest_no"] for c in charges)
    people, defendants = whose(made, "police"), whose(made, "court_case")
    for c in linked:
        assert people[arrests[c["arrest_no"]]["mni_no"]] == defendants[c["case_no"]]
        assert compact(arrests[c["arrest_no"]]["arrest_date"]) <= us(c["filed_date"])
    numbers = defaultdict(set)
    for number, person in people.items():
        numbers[person].add(number)
    assert any(len(n) > 1 for n in numbers.values())
    assert {a["age"] for a in arrests.values()} >= {"00", "25"}


def test_charges_have_outcomes_and_the_convicted_sentences(made):
    charges = rows(made, f"courts/{LAST}/charges.csv")
    keys = Counter((c["case_no"], c["charge_no"]) for c in charges)
    assert max(keys.values()) == 1 and len({c["case_no"] for c in charges}) < len(charges)
    assert {c["disposition_code"] for c in charges} == {"", "GP", "GV", "NG", "NP", "DM", "PB"}
    for c in charges:
        assert (c["disposition_code"] == "") == (c["disposition_date"] == "")
        if c["disposition_date"]:
            assert us(c["disposition_date"]) >= us(c["filed_date"])
        assert c["sentence_type"] == "" or c["disposition_code"] in ("GP", "GV", "PB")
    assert all(", " in c["defendant_name"] for c in charges)
    assert any(c["defendant_name"].endswith((" JR", " SR", " III")) for c in charges)


def test_evictions_go_step_by_step_and_some_end_outside(made):
    filings = rows(made, f"courts/{LAST}/evictions.csv")
    assert any(f["defendant_name"].startswith("OCCUPANT") for f in filings)
    assert {f["judgment_code"] for f in filings} == {"", "PP", "DF", "ST", "DD"}
    for f in filings:
        steps = [f[k] for k in ("filed_date", "judgment_date", "writ_issued_date",
                                "writ_executed_date") if f[k]]  # fmt: skip
        assert [us(s) for s in steps] == sorted(us(s) for s in steps)
        assert not f["writ_issued_date"] or f["judgment_code"] in ("PP", "DF")
    households = {f["case_no"]: f for f in filings}.values()
    out = sum(f["writ_executed_date"] != "" for f in households) / len(households)
    assert 0.02 < out < 0.4
    again = Counter((f["property_street"], f["property_unit"]) for f in households)
    assert max(again.values()) >= 2  # the same tenants, taken to court again
    seen = [{f["case_no"] for f in rows(made, f"courts/{d}/evictions.csv")} for d in DELIVERIES]
    assert any(seen[i] - seen[i + 1] for i in range(len(seen) - 1))  # sealed after a dismissal


# -- child support ----------------------------------------------------------------------------


def test_child_support_cases_have_parents_children_orders_and_payments(made):
    cases = {c["case_id"]: c for c in rows(made, f"child_support/{LAST}/cases.csv")}
    people = rows(made, f"child_support/{LAST}/participants.csv")
    on = defaultdict(lambda: defaultdict(set))
    for p in people:
        on[p["case_id"]][p["role"]].add(p["member_id"])
    assert all(len(on[c]["CP"]) == 1 and on[c]["CH"] for c in cases)
    blank = [c for c in cases if not on[c]["NCP"]]
    assert blank and any(cases[c]["paternity_established"] == "N" for c in blank)
    orders = rows(made, f"child_support/{LAST}/orders.csv")
    assert {o["case_id"] for o in orders} <= {c for c in cases if on[c]["NCP"]}
    changed = {o["case_id"] for o in orders if o["order_no"] == "2"}
    assert changed
    spans = defaultdict(list)
    for o in orders:
        spans[o["case_id"]].append((us(o["effective_date"]), o["end_date"] and us(o["end_date"])))
    for c in changed:
        (_, end), (begin, _) = sorted(spans[c])
        assert (begin - end).days == 1
    roles = defaultdict(set)
    for p in people:
        roles[p["member_id"]].add(p["role"])
    assert any(r == {"CP", "NCP"} for r in roles.values())
    assert sum(p["ssn"] == "999999999" for p in people) >= 2
    paid = [p for d in DELIVERIES for p in rows(made, f"child_support/{d}/payments_{d}.csv")]
    assert {p["payment_month"] for p in paid} == set(DELIVERIES)
    assert sum(int(p["amount_paid"]) for p in paid) / sum(int(p["amount_due"]) for p in paid) > 0.4
    history = defaultdict(list)
    for p in paid:
        history[p["case_id"]].append((int(p["amount_due"]), int(p["amount_paid"]),
                                      int(p["arrears_balance"])))  # fmt: skip
    for months in history.values():
        for before, now in pairwise(months):
            assert now[2] == before[2] + now[0] - now[1]


# -- housing authority ------------------------------------------------------------------------


def test_family_reports_tell_the_life_of_a_subsidy(made):
    reports = rows(made, f"housing/{LAST}/family_reports.csv")
    assert {r["action_type"] for r in reports} >= {"1", "2", "3", "6", "7", "15"}
    by_household = defaultdict(list)
    for r in reports:
        by_household[r["household_no"]].append(r)
    assert max(Counter((r["household_no"], r["effective_date"], r["action_type"])
                       for r in reports).values()) == 1  # fmt: skip
    for own in by_household.values():
        ends = [us(r["effective_date"]) for r in own if r["action_type"] in ("5", "6")]
        assert len(ends) <= 1
        if ends:
            assert max(us(r["effective_date"]) for r in own) == ends[0]
        assert all(us(r["effective_date"]) >= us(r["admission_date"]) for r in own)
        assert len({r["admission_date"] for r in own}) == 1
    voided = {(r["household_no"], r["effective_date"]) for r in reports if r["action_type"] == "15"}
    taken_back = {(r["household_no"], r["effective_date"])
                  for r in reports if r["action_type"] in ("2", "3")}  # fmt: skip
    assert voided and voided <= taken_back
    march, today = rows(made, "housing/2025-03/family_reports.csv"), date(2025, 3, 31)
    assert any(us(r["effective_date"]) > today for r in march)  # entered ahead
    assert all(us(r["entered_date"]) <= today for r in march)


def test_members_are_those_of_the_last_examination(made):
    members = rows(made, f"housing/{LAST}/family_members.csv")
    reports = {(r["household_no"], r["effective_date"], r["action_type"])
               for r in rows(made, f"housing/{LAST}/family_reports.csv")}  # fmt: skip
    grouped = defaultdict(list)
    for m in members:
        grouped[(m["household_no"], m["effective_date"], m["action_type"])].append(m)
    assert grouped.keys() == reports
    for own in grouped.values():
        assert [m["relation"] for m in own].count("H") == 1
        assert len({m["member_no"] for m in own}) == len(own)
    assert {m["relation"] for m in members} >= {"H", "Y", "A"}
    assert any(m["ssn"] == "999999999" for m in members)
    homes = defaultdict(set)
    for key, person in whose(made, "housing").items():
        homes[person].add(key.split("|")[0])
    sizes = {k: {n: len(v) for n, v in
                 ((g, own) for g, own in grouped.items() if g[0] == k)} for k in
             {g[0] for g in grouped}}  # fmt: skip
    assert any(len(set(s.values())) > 1 for s in sizes.values())  # households grow and shrink
