"""Supplemental Security Income from the Social Security Administration: a monthly snapshot.

The vocabulary is that of the State Data Exchange (SDX); the federal layout is not public in
full, so the file is a plain CSV of those columns. One row per record on the rolls in the month;
there are no start and end dates. A record stays for three months after the last payment. In
capitals; the number is the administration's own and always right, the name often the one
before a marriage.
Quirks: records that the agreement restricts carry the number and nothing else of the person;
a terminated record and its new one in the same month; months in which a record is left out.

Codes. RECIPIENT_TYPE: AI aged, BI blind, DI disabled, DC disabled child.
PAYMENT_STATUS_CODE: C01 paid, E01 eligible but nothing due, S06 address unknown, N01 income too
high, T01 died, T30 terminated, a new record was made. SEX: M, F, U.
PAYEE_TYPE: PAR parent, SPO spouse, blank for none.
Add here: other federal files about persons. Keep out: aggregates (seeds/reference).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.delivery import Desk
from orchestration.county.lives import ssi as life
from orchestration.county.records import Habits, address_book, open_ledger
from orchestration.county.timeline import month_start, text
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.004, middle_blank=0.1, middle_initial=1.0, suffix_kept=0.85,
                 double_surname=0.15, old_surname=0.12, dob_digit=0.002, day_month_swap=0.001,
                 ssn_digit=0.0, ssn_borrowed=0.0, renamed_later=0.3)  # fmt: skip
_TYPE = np.array(["AI", "BI", "DI", "DC"], dtype=object)
_STATUS = np.array(["C01", "E01", "S06", "N01", "T01", "T30"], dtype=object)
_REPLACED = 5


def deliver(world: World, desk: Desk) -> None:
    """Write one ssi_recipients_YYYY-MM.csv a month."""
    people, window = world.people, world.window
    rolls: life.Rolls = world.lives["ssi"]
    who, at = np.unique(rolls.person, return_index=True)
    ledger = open_ledger(world, who, rolls.applied[at], _HABITS, "ssa", twice=0.0)
    book = address_book(world, who, "ssa", errors=0.01, slow=150)
    number = people.ssn.astype(object)
    restricted = world.uniform("ssa restricted", who) < 0.03
    # one record in a hundred is terminated and made anew in a month of the window
    draw = world.uniform("ssa new record", who)
    renewed = window.first + (draw * 100 * window.months).astype(np.int64)
    renewed = np.where(draw < 0.01, renewed, window.first + window.months)
    renewed_on = month_start(renewed) - 40
    payee = rolls.payee[at]
    given = np.where((payee >= 0) & ~restricted, people.first[payee], "")
    family = people.surname(payee, window.start)
    payee_name = np.where(given == "", "", given + " " + family)
    payee_kind = np.select([given == "", people.mother[who] == payee], ["", "PAR"], "SPO")
    for i in range(window.months):
        month = window.first + i
        rows = np.flatnonzero(rolls.month == month)
        person = rolls.person[rows]
        # left out of a month's file by mistake
        there = world.uniform("ssa left out", person, np.full(len(rows), month)) >= 0.004
        rows, person = rows[there], person[there]
        at_record = np.searchsorted(who, person)
        # the new record stands from its month on, the old one beside it for three months
        fresh = month >= renewed[at_record]
        again = fresh & (month < renewed[at_record] + 3)
        again &= rolls.status[rows] == life.PAID
        status = np.concatenate([rolls.status[rows], np.full(again.sum(), _REPLACED)])
        applied = np.where(fresh, renewed_on[at_record], rolls.applied[rows])
        applied = np.concatenate([applied, rolls.applied[rows][again]])
        rows = np.concatenate([rows, rows[again]])
        order = np.lexsort((applied, number[rolls.person[rows]].astype("U9")))
        rows, status, applied = rows[order], status[order], applied[order]
        person = rolls.person[rows]
        record = np.searchsorted(who, person)
        one = ledger.identity(i).take(record)
        hidden = restricted[record]
        street, unit, city, zip_ = book.lines(i, record)
        paid = status == life.PAID

        def shown(values: np.ndarray, hidden: np.ndarray = hidden) -> np.ndarray:
            return np.where(hidden, "", values)

        columns = {
            "PAYMENT_MONTH": np.full(len(rows), window.folder(i).replace("-", ""), dtype=object),
            "SSN": number[person],
            "LAST_NAME": shown(one.last),
            "FIRST_NAME": shown(one.first),
            "MIDDLE_INITIAL": shown(one.middle),
            "SUFFIX": shown(one.suffix),
            "DATE_OF_BIRTH": shown(text(one.dob, "compact")),
            "SEX": shown(one.sex),
            "RECIPIENT_TYPE": _TYPE[rolls.kind[rows]],
            "PAYMENT_STATUS_CODE": _STATUS[status],
            "FEDERAL_AMOUNT": np.where(paid, rolls.federal[rows], 0).astype("U5"),
            "STATE_AMOUNT": np.where(paid, rolls.state[rows], 0).astype("U5"),
            "APPLICATION_DATE": text(applied, "compact"),
            "RESIDENCE_STREET": shown(street),
            "RESIDENCE_UNIT": shown(unit),
            "RESIDENCE_CITY": shown(city),
            "RESIDENCE_STATE": shown(np.where(street == "", "", "DE")),
            "RESIDENCE_ZIP": shown(zip_),
            "PAYEE_NAME": payee_name[record],
            "PAYEE_TYPE": payee_kind[record],
        }
        desk.put("ssa", window.folder(i), f"ssi_recipients_{window.folder(i)}.csv", columns)
        desk.record("ssa", columns["SSN"], person)
