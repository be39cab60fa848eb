"""Courts: criminal charges with their outcomes, and eviction filings of the landlord court.

Snapshots since 1 January of the year before the first delivery. The court knows a defendant by
the case alone: every case is a new one, and the name stands in one field as LAST, FIRST MIDDLE
SUFFIX. Quirks: expunged cases are gone from the next delivery on; juvenile cases are never in it;
dispositions entered months late; a charge that is amended keeps its number; eviction defendants
have a name and a rented address, no birth date, and often one of two tenants is just OCCUPANT.

Codes. statute_class: FA .. FG felony, MA, MB, UM misdemeanor. disposition_code: GP guilty by plea,
GV by verdict, NG acquitted, NP not prosecuted, DM dismissed, PB probation before judgment; blank
while pending. sentence_type: I incarceration, P probation, F fine, S suspended. race: W, B, A, I,
H, U. claim_type: NP not paid, LV lease broken, HO held over. judgment_code: PP possession to the
plaintiff, DF the same by default, ST stipulated, DD dismissed.
Add here: civil and family cases. Keep out: arrests (police.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.agencies.police import transaction_numbers
from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import justice, renting
from orchestration.county.records import Habits, address_lines, write_down
from orchestration.county.timeline import OPEN, dates, parts
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.015, nickname=0.01, middle_blank=0.3, middle_initial=0.45,
                 suffix_kept=0.6, suffix_in_last=0.0, day_month_swap=0.004, dob_digit=0.008,
                 ssn_blank=1, old_surname=0.03)  # fmt: skip
_TENANT = Habits(name_typo=0.025, nickname=0.06, middle_blank=0.75, middle_initial=0.9,
                 suffix_kept=0.3, suffix_in_last=0.0, ssn_blank=1, old_surname=0.05)  # fmt: skip
_RACES = ("W", "B", "A", "I", "A", "H", "W", "U")
_LANDLORDS = ("BRANDYWINE RIDGE APARTMENTS LLC", "PORTHAM HOUSING PARTNERS LP", "WESTMARCH REALTY",
              "FIRST STATE HOMES INC", "KEYSTONE GARDENS LLC", "HIGHFIELD MANOR", "ROW HOUSE CO",
              "COUNTY HOUSING AUTHORITY")  # fmt: skip


def case_numbers(prefix: str, day: np.ndarray) -> np.ndarray:
    """PREFIX-YEAR-NNNNNNN for cases given in the order of filing, afresh each year."""
    year = parts(day)[0]
    running = np.arange(len(year)) - np.searchsorted(year, year) + 1
    head = np.char.add(np.char.add(f"{prefix}-", digits(year, 4)), "-")
    return np.char.add(head, digits(running, 7))


def in_one_field(one) -> np.ndarray:
    """Names as LAST, FIRST MIDDLE SUFFIX."""
    given = np.char.add(one.first.astype("U"), np.where(one.middle == "", "", " "))
    given = np.char.add(given, one.middle.astype("U"))
    suffix = np.where(one.suffix == "", "", np.char.add(" ", one.suffix.astype("U")))
    return np.char.add(np.char.add(np.char.add(one.last.astype("U"), ", "), given), suffix)


def deliver(world: World, desk: Desk) -> None:
    """Write charges.csv and evictions.csv of every delivery."""
    _charges(world, desk)
    _evictions(world, desk)


def _charges(world: World, desk: Desk) -> None:
    window, people = world.window, world.people
    arrests: justice.Arrests = world.lives["justice"].arrests
    rows: justice.Cases = world.lives["justice"].cases
    rng = world.stream("court records")
    first = np.flatnonzero(np.r_[True, rows.case[1:] != rows.case[:-1]])
    person, filed = rows.person[first], rows.filed[first]
    m = len(first)
    case_no = coded(case_numbers("CR", filed))
    one = write_down(world, person, filed, _HABITS, "courts")
    name = coded(in_one_field(one))
    address = world.address_at(person, filed)
    address = np.where(rng.random(m) < 0.06, -1, address)
    street, unit, city, zip_ = (
        coded(c) for c in address_lines(world, person, address, "courts", errors=0.03)
    )
    race = Coded(np.where(rng.random(m) < 0.04, 7, people.race[person]), _RACES)
    sex = Coded((one.sex == "F").astype(np.int64), ("M", "F"))
    # one arrest in twelve is not written on the case
    number = transaction_numbers(world, arrests)
    arrest_no = number[rows.arrest].where(rng.random(m)[rows.case] >= 0.08)
    late = rng.random(m) < 0.03
    seen = (
        rows.disposed + np.where(late, rng.integers(30, 160, m), rng.integers(0, 6, m))[rows.case]
    )
    offense = rows.offense
    # some charges are amended to a lesser one when they are decided
    amended = (rows.charge == 1) & (rng.random(len(offense)) < 0.06)
    lesser = np.where(amended, (offense + 11) % len(justice.OFFENSES), offense)
    statute, kind = ([o[k] for o in justice.OFFENSES] for k in (1, 2))
    for i in range(window.months):
        as_of = window.as_of(i)
        shown = np.flatnonzero((rows.filed <= as_of) & (rows.gone > as_of))
        case = rows.case[shown]
        known = seen[shown] <= as_of
        now = np.where(known, lesser[shown], offense[shown])
        columns = {
            "case_no": case_no[case],
            "charge_no": rows.charge[shown],
            "defendant_name": name[case],
            "birth_date": dates(one.dob[case], "us"),
            "sex": sex[case],
            "race": race[case],
            "street": street[case],
            "unit": unit[case],
            "city": city[case],
            "zip": zip_[case],
            "filed_date": dates(rows.filed[shown], "us"),
            "arrest_no": arrest_no[shown],
            "statute": Coded(now, statute),
            "statute_class": Coded(now, kind),
            "disposition_code": coded(rows.disposition).where(seen <= as_of)[shown],
            "disposition_date": dates(np.where(known, rows.disposed[shown], OPEN), "us"),
            "sentence_type": coded(rows.sentence).where(seen <= as_of)[shown],
            "sentence_days": coded(rows.days.astype("U5")).where(
                (seen <= as_of) & (rows.days > 0)
            )[shown],
        }  # fmt: skip
        desk.put("courts", window.folder(i), "charges.csv", columns)
        desk.record("court_case", columns["case_no"], rows.person[shown])


def _evictions(world: World, desk: Desk) -> None:
    window = world.window
    rows: renting.Filings = world.lives["renting"].filings
    rng = world.stream("eviction records")
    m = len(rows.filed)
    case_no = coded(case_numbers("LT", rows.filed))
    # up to two named tenants of each filing: rows of (filing, number, person)
    second = np.flatnonzero(rows.second >= 0)
    filing = np.concatenate([np.arange(m), second])
    party = np.concatenate([np.ones(m, dtype=np.int64), np.full(len(second), 2)])
    person = np.concatenate([rows.first, rows.second[second]])
    order = np.lexsort((party, filing))
    filing, party, person = filing[order], party[order], person[order]
    one = write_down(world, person, rows.filed[filing], _TENANT, "evictions")
    unnamed = (party == 2) & (rng.random(len(party)) < 0.2)
    name = coded(np.where(unnamed, "OCCUPANT, ALL OTHER", in_one_field(one)))
    key = np.char.add(np.char.add(np.asarray(case_no[filing]).astype("U"), "|"), party.astype("U1"))
    street, unit, city, zip_ = (
        coded(c) for c in address_lines(world, rows.household, rows.address, "evictions")
    )
    landlord = Coded(rng.integers(0, len(_LANDLORDS), m), _LANDLORDS)
    claim = Coded(rng.choice(3, m, p=[0.84, 0.09, 0.07]), ("NP", "LV", "HO"))
    owed = coded((rows.owed).astype("U6"))
    judgment = coded(rows.judgment)
    for i in range(window.months):
        as_of = window.as_of(i)
        shown = np.flatnonzero((rows.filed[filing] <= as_of) & (rows.sealed[filing] > as_of))
        case = filing[shown]
        decided = rows.judged <= as_of

        def day(values, at=case, now=as_of):
            return dates(np.where(values[at] <= now, values[at], OPEN), "us")

        columns = {
            "case_no": case_no[case],
            "party_no": party[shown],
            "plaintiff_name": landlord[case],
            "defendant_name": name[shown],
            "property_street": street[case],
            "property_unit": unit[case],
            "property_city": city[case],
            "property_zip": zip_[case],
            "claim_type": claim[case],
            "amount_claimed": owed[case],
            "filed_date": day(rows.filed),
            "judgment_code": judgment.where(decided)[case],
            "judgment_date": day(rows.judged),
            "writ_issued_date": day(rows.writ),
            "writ_executed_date": day(rows.executed),
        }
        desk.put("courts", window.folder(i), "evictions.csv", columns)
        named = ~unnamed[shown]
        desk.record("eviction", key[shown][named], person[shown][named])
