"""The child support agency: cases, who is in them, orders, and payments month by month.

Names in capitals with SSNs. member_id is the agency's number of a person over all cases.
Quirks: the other parent left blank until paternity is established; a member with two numbers
that are merged later; a custodial parent who is the other parent on another case; orders that are
changed; SSNs of nines for the unknown.

Codes. case_type: A current assistance, F former, N never. role: CP custodial parent, NCP
noncustodial parent, CH child. closure_code: EM youngest child grown, RQ asked for by the
applicant, LC located nowhere. order_type: CS current support, MO the same as changed.
sex: M, F. Add here: enforcement actions. Keep out: the court's own cases (courts.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import support as life
from orchestration.county.records import Habits, address_lines, numbers, open_ledger
from orchestration.county.timeline import OPEN, dates
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.014, nickname=0.03, middle_blank=0.3, middle_initial=0.6,
                 suffix_kept=0.6, ssn_blank=0.02, ssn_digit=0.006, ssn_borrowed=0.002,
                 double_surname=0.3, old_surname=0.04)  # fmt: skip
CP, NCP, CH = range(3)


def deliver(world: World, desk: Desk) -> None:
    """Write cases, participants and orders whole, and the month's payments, in every delivery."""
    window = world.window
    rows: life.Support = world.lives["child_support"]
    cases = rows.cases
    n = len(cases.custodian)
    case_id = coded(digits(numbers(world, "support case", n, 10**6, 10**8).astype(np.int64), 9))
    rng = world.stream("child support records")
    known = np.flatnonzero(cases.other >= 0)
    case = np.concatenate([np.arange(n), known, rows.child_case])
    role = np.repeat([CP, NCP, CH], [n, len(known), len(rows.child)])
    person = np.concatenate([cases.custodian, cases.other[known], rows.child])
    added = np.concatenate([
        cases.opened, cases.opened[known] + rng.integers(0, 60, len(known)),
        np.maximum(cases.opened[rows.child_case], world.people.dob[rows.child] + 30),
    ])  # fmt: skip
    order = np.lexsort((person, role, case))
    case, role, person, added = case[order], role[order], person[order], added[order]
    who = np.unique(person)
    first = np.full(len(world.people), OPEN)
    np.minimum.at(first, person, added)
    ledger = open_ledger(world, who, first[who], _HABITS, "child_support", twice=0.015)
    ids = coded(digits(numbers(world, "support member", len(ledger.person), 10**5,
                               10**9).astype(np.int64), 10))  # fmt: skip
    ssn = np.where(rng.random(len(ledger.person)) < 0.02, "999999999", "")
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        _put_cases(world, desk, folder, as_of, cases, case_id)
        shown = np.flatnonzero(added <= as_of)
        record = ledger.record(person[shown], np.maximum(added[shown], window.start), i)
        # nobody stands on a case twice, however many numbers they had
        _, once = np.unique(np.column_stack([case[shown], role[shown], record]), axis=0,
                            return_index=True)  # fmt: skip
        shown, record = shown[np.sort(once)], record[np.sort(once)]
        one = ledger.identity(i)
        lag = (world.uniform("support delay", ledger.person) * 200).astype(np.int64)
        address = world.address_at(ledger.person, as_of - lag)
        street, unit, city, zip_ = (
            coded(c) for c in address_lines(world, ledger.person, address, "child_support")
        )
        columns = {
            "case_id": case_id[case[shown]],
            "member_id": ids[record],
            "role": Coded(role[shown], ("CP", "NCP", "CH")),
            "last_name": ledger.column("last", i)[record],
            "first_name": ledger.column("first", i)[record],
            "middle_name": ledger.column("middle", i)[record],
            "suffix": ledger.column("suffix", i)[record],
            "birth_date": dates(one.dob[record], "us"),
            "ssn": coded(np.where(ssn != "", ssn, one.ssn))[record],
            "sex": coded(one.sex)[record],
            "street": street[record],
            "unit": unit[record],
            "city": city[record],
            "zip": zip_[record],
            "added_date": dates(added[shown], "us"),
        }
        desk.put("child_support", folder, "participants.csv", columns)
        desk.record("child_support", columns["member_id"], person[shown])
        _put_orders(world, desk, folder, as_of, cases, case_id)
        _put_payments(desk, folder, window.first + i, rows, case_id)


def _put_cases(world: World, desk: Desk, folder: str, as_of: int, cases, case_id) -> None:
    shown = np.flatnonzero(cases.opened <= as_of)
    closed = cases.closed[shown] <= as_of
    need = world.need(cases.custodian[shown])
    kind = np.where(need > 0.8, 0, np.where(need > 0.6, 1, 2))
    why = world.uniform("closure", shown)
    columns = {
        "case_id": case_id[shown],
        "case_type": Coded(kind, ("A", "F", "N")),
        "opened_date": dates(cases.opened[shown], "us"),
        "closed_date": dates(np.where(closed, cases.closed[shown], OPEN), "us"),
        "closure_code": Coded(
            np.where(closed, np.where(why < 0.7, 0, np.where(why < 0.9, 1, 2)), 3),
            ("EM", "RQ", "LC", ""),
        ),
        "paternity_established": Coded(np.where(cases.other[shown] < 0, 1, 0), ("Y", "N")),
    }
    desk.put("child_support", folder, "cases.csv", columns)


def _put_orders(world: World, desk: Desk, folder: str, as_of: int, cases, case_id) -> None:
    """One row per order: the first one, and the changed one that ends it."""
    first = np.flatnonzero(cases.ordered <= as_of)
    second = np.flatnonzero(cases.changed <= as_of)
    case = np.concatenate([first, second])
    number = np.repeat([1, 2], [len(first), len(second)])
    begin = np.where(number == 1, cases.ordered[case], cases.changed[case])
    over = np.minimum(np.where(number == 1, cases.changed[case], OPEN), cases.closed[case])
    order = np.lexsort((number, case))
    case, number, begin, over = case[order], number[order], begin[order], over[order]
    columns = {
        "case_id": case_id[case],
        "order_no": number,
        "order_type": Coded(number - 1, ("CS", "MO")),
        "effective_date": dates(begin, "us"),
        # the last day on which it is in force
        "end_date": dates(np.where(over <= as_of, over - 1, OPEN), "us"),
        "monthly_amount": np.where(number == 1, cases.amount[case], cases.later[case]),
    }
    desk.put("child_support", folder, "orders.csv", columns)


def _put_payments(desk: Desk, folder: str, month: int, rows: life.Support, case_id) -> None:
    shown = np.flatnonzero(rows.pay_month == month)
    columns = {
        "case_id": case_id[rows.pay_case[shown]],
        "payment_month": Coded(np.zeros(len(shown), dtype=np.int64), (folder,)),
        "amount_due": rows.due[shown],
        "amount_paid": rows.paid[shown],
        "arrears_balance": rows.arrears[shown],
    }
    desk.put("child_support", folder, f"payments_{folder}.csv", columns)
