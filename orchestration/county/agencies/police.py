"""Police arrests: the arrestee segment of NIBRS, with the name index of the records system.

All arrests since 1 January of the year before the first delivery; pipe-delimited, in capitals.
mni_no is the number of a person in the master name index; the same person has several where an
officer did not find the first, and the index is cleaned up now and then.
Quirks: juvenile arrests are never in it; an expunged arrest is gone from the next delivery on;
arrests entered weeks late; ages given as 00 when unknown; two numbers for one person, merged later.

Codes. type_of_arrest: O on-view, S summoned or cited, T taken into custody. sex: M, F, U.
race: W White, B Black, I American Indian or Alaska Native, A Asian, P Pacific Islander, U unknown.
ethnicity: H Hispanic, N not, U unknown. resident_status: R of the jurisdiction, N not, U unknown.
ucr_arrest_offense_code: of NIBRS. Add here: incidents, victims. Keep out: charges (courts.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import custody
from orchestration.county.lives import justice as life
from orchestration.county.records import Habits, address_lines, entered, numbers, open_ledger
from orchestration.county.timeline import age_on, dates, parts
from orchestration.county.world import World

_RACES = ("W", "B", "A", "I", "P", "W", "W", "U")  # by world.RACES; the last for unknown
_HABITS = Habits(name_typo=0.02, nickname=0.04, middle_blank=0.4, middle_initial=0.3,
                 suffix_kept=0.5, day_month_swap=0.006, dob_digit=0.012, ssn_blank=1,
                 accents=0.0)  # fmt: skip
_ORIS = ("DE0020100", "DE0020000")


def transaction_numbers(world: World, arrests: life.Arrests) -> Coded:
    """The arrest transaction number of each arrest: year and a running number."""
    year = parts(arrests.on)[0]
    start = np.searchsorted(year, year)
    running = np.arange(len(year)) - start + 1
    text = np.char.add(np.char.add(digits(year, 4), "-"), digits(running, 6))
    return coded(text)


def deliver(world: World, desk: Desk) -> None:
    """Write arrests.csv of every delivery."""
    people, window = world.people, world.window
    rows: life.Arrests = world.lives["justice"].arrests
    rng = world.stream("police records")
    n = len(rows.person)
    transaction = transaction_numbers(world, rows)
    adult = np.flatnonzero(~rows.juvenile)
    who, at = np.unique(rows.person[adult], return_index=True)
    ledger = open_ledger(
        world, who, rows.on[adult][at], _HABITS, "police", twice=0.05,
        cut_from=custody.begins(world) + 60,
    )  # fmt: skip
    ids = coded(np.char.add("M", numbers(world, "police", len(ledger.person), 10**6, 10**7)))
    on_file = entered(rows.on, rng, days=1.0, late=0.015, most=120)
    address = world.address_at(rows.person, rows.on)
    address = np.where(rng.random(n) < 0.1, -1, address)
    street, unit, city, zip_ = (
        coded(c) for c in address_lines(world, rows.person, address, "police", errors=0.03)
    )
    race = people.race[rows.person]
    seen = np.where(rng.random(n) < 0.03, len(_RACES) - 1, race)
    latino = np.where(rng.random(n) < 0.12, 2, np.where(race == 5, 0, 1))
    age = np.where(rng.random(n) < 0.01, 0, age_on(people.dob[rows.person], rows.on))
    sex = Coded(np.where(rng.random(n) < 0.002, 2, people.sex[rows.person] == "F"), ("M", "F", "U"))
    here = np.where(address < 0, 2, ~world.resident(rows.person, rows.on))
    ori = Coded((rng.random(n) < 0.3).astype(np.int64), _ORIS)
    incident = coded(numbers(world, "police incident", n, 10**7, 10**8))
    offense = Coded(rows.offense, [o[0] for o in life.OFFENSES])
    kind = coded(rows.kind)
    for i in range(window.months):
        as_of = window.as_of(i)
        shown = adult[(on_file[adult] <= as_of) & (rows.gone[adult] > as_of)]
        person, on = rows.person[shown], rows.on[shown]
        record = ledger.record(person, on, i)
        columns = {
            "ori": ori[shown],
            "incident_no": incident[shown],
            "arrest_transaction_no": transaction[shown],
            "mni_no": ids[record],
            "last_name": ledger.column("last", i)[record],
            "first_name": ledger.column("first", i)[record],
            "middle_name": ledger.column("middle", i)[record],
            "suffix": ledger.column("suffix", i)[record],
            "birth_date": dates(ledger.identity(i).dob[record], "compact"),
            "age": coded(digits(age[shown], 2)),
            "sex": sex[shown],
            "race": Coded(seen[shown], _RACES),
            "ethnicity": Coded(latino[shown], ("H", "N", "U")),
            "resident_status": Coded(here[shown], ("R", "N", "U")),
            "street": street[shown],
            "unit": unit[shown],
            "city": city[shown],
            "zip": zip_[shown],
            "arrest_date": dates(on, "compact"),
            "type_of_arrest": kind[shown],
            "ucr_arrest_offense_code": offense[shown],
        }
        desk.put("police", window.folder(i), "arrests.csv", columns, delimiter="|")
        desk.record("police", columns["mni_no"], person)
