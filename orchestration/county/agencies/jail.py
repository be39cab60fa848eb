"""The county jail's bookings since 1 January of the year before the first delivery.

Pipe-delimited, Windows code page 1252, in capitals; an address and the last four digits of the
SSN as the person gave them. jacket_no is the jail's number of a person.
Quirks: aliases with made-up birth dates (the fingerprint usually finds the old jacket), people
with two jackets, some found out and merged, open bookings, a release and a new booking on one day
after a transfer, bookings entered months late, dismissed ones that a court had expunged and that
are in no later file.

Codes. sex: M, F, U. race: W white, B black, A Asian or Pacific Islander, I American Indian,
H Hispanic, U unknown. release_reason: BND bond, ROR own recognizance, TSV time
served, TRN transferred, DSM dismissed, OTH. charge_level: F felony, M misdemeanor, V violation.
hold_flag: Y when another agency asked to hold the person.
Add here: charges, court dates. Keep out: state prisons.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import Coded, coded, digits, mapped
from orchestration.county.delivery import Desk
from orchestration.county.lives import custody as life
from orchestration.county.records import (
    Habits,
    address_lines,
    entered,
    expunged,
    numbers,
    open_ledger,
)
from orchestration.county.timeline import OPEN, dates, parts, text
from orchestration.county.world import World

_RACE = np.array(["W", "B", "A", "I", "A", "H", "U"])
_HABITS = Habits(name_typo=0.02, nickname=0.03, middle_blank=0.35, middle_initial=0.2,
                 suffix_kept=0.5, day_month_swap=0.008, dob_digit=0.012, ssn_blank=0.08,
                 ssn_digit=0.012, ssn_borrowed=0.003, accents=0.3)  # fmt: skip
_CHARGES = (
    ("DUI-1ST", "M"), ("THEFT-M", "M"), ("THEFT-F", "F"), ("ASSAULT-3", "M"), ("ASSAULT-2", "F"),
    ("DRUG-POSS", "M"), ("DRUG-DIST", "F"), ("FTA", "M"), ("PROB-VIOL", "V"), ("TRESPASS", "V"),
    ("DISORD", "V"), ("BURGLARY-2", "F"), ("DOM-VIOL", "M"), ("CONTEMPT", "V"), ("WEAPON", "F"),
)  # fmt: skip


# HH:MM of each minute of a day
_CLOCK = np.char.add(np.char.add(digits(np.arange(1440) // 60, 2), ":"),
                     digits(np.arange(1440) % 60, 2))  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write bookings.csv of every delivery."""
    people, window = world.people, world.window
    rows: life.Bookings = world.lives["custody"]
    rng = world.stream("jail records")
    n = len(rows.person)
    on = rows.booked // 1440
    who, at = np.unique(rows.person, return_index=True)
    ledger = open_ledger(
        world, who, on[at], _HABITS, "jail", twice=0.04, cut_from=life.begins(world) + 60
    )
    jackets = coded(
        np.char.add("J", digits(numbers(world, "jail", len(ledger.person), 10**4, 10**6), 6))
    )
    # aliases: another given name, often a cousin's surname, and a birth date some years off
    alias = rng.random(n) < 0.03
    false_first, _ = world.pools.given(people.sex[rows.person], people.dob[rows.person], rng)
    false_last = world.pools.surnames(people.race[rows.person], rng)
    own_last = rng.random(n) < 0.55
    false_dob = people.dob[rows.person] + rng.integers(-1500, 1500, n)
    order = np.lexsort((rows.person, rows.booked))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    year = np.char.add(digits(parts(on)[0] % 100, 2), "-")
    booking_no = coded(np.char.add(year, digits(rank + 1, 6)))
    charge = rng.integers(0, len(_CHARGES), n)
    stay = rows.released - rows.booked
    draw = rng.random(n)
    reason = coded(np.select(
        [rows.transferred, stay < 3 * 1440, draw < 0.62, draw < 0.8, draw < 0.92],
        ["TRN", np.where(draw < 0.5, "ROR", np.where(draw < 0.88, "BND", "DSM")), "TSV", "BND",
         "DSM"], "OTH",
    ))  # fmt: skip
    unknown_race, unknown_sex = rng.random(n) < 0.03, rng.random(n) < 0.003
    hold = rng.random(n) < 0.06
    # one in seven gives an old address, one in twelve none
    address_day = np.where(rng.random(n) < 0.15, on - 300, on)
    address = world.address_at(rows.person, address_day)
    address = np.where(rng.random(n) < 0.08, -1, address)
    lines = [coded(c) for c in address_lines(world, rows.person, address, "jail", errors=0.03)]
    midnight = (rng.random(n) < 0.1) & (rows.released < life.STILL_IN)
    out_minute = np.where(midnight, rows.released // 1440 * 1440, rows.released)
    out_minute = np.where(out_minute <= rows.booked, rows.released, out_minute)
    rng = world.stream("jail late and expunged")
    entered_on = entered(on, rng, days=0, late=0.015)
    dismissed = np.where((reason == "DSM") & (rows.released < life.STILL_IN), entered_on, OPEN)
    gone_from = expunged(np.maximum(dismissed, rows.released // 1440), rng, share=0.25)
    for i in range(window.months):
        as_of = window.as_of(i)
        shown = order[(entered_on[order] <= as_of) & (gone_from[order] > as_of)]
        record = ledger.record(rows.person[shown], on[shown], i)
        one = ledger.identity(i).take(record)
        false = alias[shown]
        first = np.where(false, false_first[shown], one.first)
        last = np.where(false & ~own_last[shown], false_last[shown], one.last)
        dob = np.where(false, false_dob[shown], one.dob)
        last4 = mapped(one.ssn, lambda v: v[-4:])
        gone = (out_minute[shown] // 1440 <= as_of) & (out_minute[shown] < life.STILL_IN)
        released = np.where(gone, out_minute[shown], 0)
        columns = {
            "booking_no": booking_no[shown],
            "jacket_no": jackets[record],
            "last_name": last,
            "first_name": first,
            "middle_name": np.where(false, "", one.middle),
            "suffix": one.suffix,
            "birth_date": dates(dob, "compact"),
            "sex": np.where(unknown_sex[shown], "U", people.sex[rows.person[shown]]),
            "race": np.where(unknown_race[shown], "U", _RACE[people.race[rows.person[shown]]]),
            "ssn_last4": np.where(false, "", last4),
            "street": lines[0][shown],
            "unit": lines[1][shown],
            "city": lines[2][shown],
            "zip": lines[3][shown],
            "booking_dttm": _stamp(rows.booked[shown]),
            "release_dttm": np.where(gone, _stamp(released), ""),
            "release_reason": reason[shown].where(gone),
            "charge_code": Coded(charge[shown], [c[0] for c in _CHARGES]),
            "charge_level": Coded(charge[shown], [c[1] for c in _CHARGES]),
            "hold_flag": np.where(hold[shown], "Y", "N"),
        }
        desk.put(
            "jail", window.folder(i), "bookings.csv", columns, delimiter="|", encoding="cp1252"
        )
        desk.record("jail", columns["jacket_no"], rows.person[shown])
        if i == window.months - 1:
            desk.tell("jail", rows.person[shown], on[shown], np.where(gone, released // 1440, OPEN))


def _stamp(minutes: np.ndarray) -> np.ndarray:
    """YYYY-MM-DD HH:MM."""
    days, rest = minutes // 1440, minutes % 1440
    clock = _CLOCK[rest]
    return np.char.add(np.char.add(text(np.minimum(days, OPEN - 1)), " "), clock)
