"""The county's community clinics: four files a month out of their electronic health record.

Columns are named as in the CSV export of the Synthea patient generator, a common and open form.
patients.csv is a snapshot of everyone seen since the first delivery; encounters, immunizations
and observations of a month are increments. Instants are UTC with a Z. Ids of patients are
UUIDs of the record; a visit belongs to one patient, one organization (clinic site).
Visits for the treatment of a substance use disorder are masked as 42 CFR Part 2 asks: the row
is there without code, description, reason and organization, class `masked`.
Quirks: patients with two records, maiden names in MAIDEN, SSN with dashes or the placeholder
999-99-9999, lead results below the limit of detection as <1, names with a number behind them
do not occur here. Codes: SNOMED CT for visits, CVX for vaccines, LOINC for observations.
Add here: conditions, medications. Keep out: who is ill (lives/care.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import care as life
from orchestration.county.records import Habits, address_book, open_ledger
from orchestration.county.timeline import OPEN, dates, text
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.01, nickname=0.03, middle_blank=1.0, suffix_kept=0.6,
                 ssn_blank=0.25, ssn_digit=0.004, ssn_borrowed=0.002)  # fmt: skip
SITES = ("CLINIC-EAST", "CLINIC-NORTH", "CLINIC-RIVER", "HOSPITAL-ED")
# class, SNOMED CT code, words
_VISITS = (
    ("wellness", "410620009", "Well child visit (procedure)"),
    ("ambulatory", "185345009", "Encounter for symptom (procedure)"),
    ("emergency", "50849002", "Emergency room admission (procedure)"),
    ("outpatient", "162673000", "General examination of patient (procedure)"),
    ("masked", "", ""),
)
# CVX code and words by place in life.MONTHS: what is given at that visit
VACCINES = {
    0: ((8, "Hep B  adolescent or pediatric"),),
    1: ((8, "Hep B  adolescent or pediatric"),),
    2: ((20, "DTaP"), (10, "IPV"), (133, "Pneumococcal conjugate PCV 13")),
    3: ((20, "DTaP"), (10, "IPV"), (133, "Pneumococcal conjugate PCV 13")),
    4: ((20, "DTaP"), (10, "IPV"), (133, "Pneumococcal conjugate PCV 13")),
    6: ((3, "MMR"), (21, "varicella"), (83, "Hep A  ped/adol  2 dose")),
    7: ((20, "DTaP"),),
    8: ((83, "Hep A  ped/adol  2 dose"),),
}
_LEAD = ("10368-9", "Lead [Mass/volume] in Capillary blood")
_WEIGHT = ("29463-7", "Body Weight")
_RACE = np.array(["white", "black", "asian", "native", "hawaiian", "other", "other"])
_HISPANIC = 5  # row of population.RACES


def deliver(world: World, desk: Desk) -> None:
    """Write the four files of every delivery."""
    people, window = world.people, world.window
    visits: life.Care = world.lives["care"]
    rng = world.stream("clinic records")
    who, at = np.unique(visits.person, return_index=True)
    ledger = open_ledger(world, who, visits.day[at], _HABITS, "clinic", twice=0.025)
    record = ledger.record(visits.person, visits.day)
    ids = coded(_uuids(world, "patients", len(ledger.person)))
    first_seen = np.full(len(ledger.person), OPEN)
    np.minimum.at(first_seen, record, visits.day)
    # nearly everyone who comes in the window had been a patient before
    old = world.uniform("clinic before", ledger.person) < 0.93
    born = people.dob[ledger.person] < window.start - 60
    first_record = np.arange(len(ledger.person)) < len(ledger.who)
    first_seen = np.where(old & born & first_record, window.start - 1, first_seen)
    book = address_book(world, ledger.person, "clinic", errors=0.015, slow=200)
    n = len(visits.day)
    visit_id = coded(_uuids(world, "visits", n))
    minute = rng.integers(13 * 60, 22 * 60, n)
    started = coded(_instant(visits.day, minute))
    stopped = coded(_instant(visits.day, minute + 15 + 15 * (visits.kind == life.EMERGENCY)))
    site = np.where(visits.kind == life.EMERGENCY, 3, (world.uniform(
        "clinic site", visits.person) * 3).astype(np.int64))  # fmt: skip
    site = np.where(visits.kind == life.SUBSTANCE, len(SITES), site)
    cost = np.where(visits.kind == life.EMERGENCY, 900, 120) + rng.integers(0, 400, n)
    fixed = _fixed(world, ledger.person, rng)
    for i in range(window.months):
        as_of, month = window.as_of(i), window.folder(i)
        shown = np.flatnonzero((visits.day <= as_of) & (visits.day > window.as_of(i - 1)))
        shown = shown[np.lexsort((minute[shown], visits.day[shown]))]
        kind = visits.kind[shown]
        desk.put("clinic", month, f"encounters_{month}.csv", {
            "Id": visit_id[shown],
            "START": started[shown],
            "STOP": stopped[shown],
            "PATIENT": ids[record[shown]],
            "ORGANIZATION": Coded(site[shown], [*SITES, ""]),
            "ENCOUNTERCLASS": Coded(kind, [v[0] for v in _VISITS]),
            "CODE": Coded(kind, [v[1] for v in _VISITS]),
            "DESCRIPTION": Coded(kind, [v[2] for v in _VISITS]),
            "TOTAL_CLAIM_COST": np.char.add(cost[shown].astype("U6"), ".00"),
        })  # fmt: skip
        _immunizations(desk, month, visits, shown, started, ids[record], visit_id)
        _observations(desk, month, visits, shown, started, ids[record], visit_id, world)
        _patients(desk, month, i, ledger, ids, first_seen <= as_of, book, fixed, people)
        desk.record("clinic", ids[record[shown]], visits.person[shown])


def _immunizations(desk, month, visits, shown, started, patient, visit_id) -> None:
    step = visits.step[shown]
    rows, code, words = [], [], []
    for at, given in VACCINES.items():
        here = shown[step == at]
        for number, name in given:
            rows.append(here)
            code.append(np.full(len(here), number))
            words.append(np.full(len(here), name, dtype=object))
    row = np.concatenate(rows)
    order = np.lexsort((np.concatenate(code), row))
    row = row[order]
    desk.put("clinic", month, f"immunizations_{month}.csv", {
        "DATE": started[row],
        "PATIENT": patient[row],
        "ENCOUNTER": visit_id[row],
        "CODE": np.concatenate(code)[order],
        "DESCRIPTION": np.concatenate(words)[order],
    })  # fmt: skip


def _observations(desk, month, visits, shown, started, patient, visit_id, world) -> None:
    """Blood lead, and the weight at well-child visits."""
    lead = shown[~np.isnan(visits.lead[shown])]
    weighed = shown[visits.kind[shown] == life.WELL]
    level = visits.lead[lead]
    value = np.where(level < 1, "<1", np.char.mod("%.1f", level))
    age = (visits.day[weighed] - world.people.dob[visits.person[weighed]]) / 365.25
    kilos = np.where(age < 2, 3.5 + 4.6 * age, 8 + 2.6 * age)
    kilos *= 0.9 + 0.2 * world.uniform("weight", visits.person[weighed])
    row = np.concatenate([lead, weighed])
    which = np.concatenate([np.zeros(len(lead), np.int64), np.ones(len(weighed), np.int64)])
    order = np.lexsort((which, row))
    row, which = row[order], which[order]
    desk.put("clinic", month, f"observations_{month}.csv", {
        "DATE": started[row],
        "PATIENT": patient[row],
        "ENCOUNTER": visit_id[row],
        "CATEGORY": Coded(which, ["laboratory", "vital-signs"]),
        "CODE": Coded(which, [_LEAD[0], _WEIGHT[0]]),
        "DESCRIPTION": Coded(which, [_LEAD[1], _WEIGHT[1]]),
        "VALUE": np.concatenate([value, np.char.mod("%.1f", kilos)])[order],
        "UNITS": Coded(which, ["ug/dL", "kg"]),
        "TYPE": np.full(len(row), "numeric"),
    })  # fmt: skip


def _patients(desk, month, i, ledger, ids, seen, book, fixed, people) -> None:
    rows = np.flatnonzero(seen)
    rows = rows[np.argsort(ids.codes[rows], kind="stable")]
    one = ledger.identity(i).take(rows)
    street, unit, city, zip_ = book.lines(i, rows)
    number = np.asarray(one.ssn).astype("U9")
    dashed = np.array(
        [f"{v[:3]}-{v[3:5]}-{v[5:]}" if v else "" for v in number.tolist()], dtype=object
    )
    line = np.where(unit == "", street, street.astype(object) + " " + unit)
    desk.put("clinic", month, "patients.csv", {
        "Id": ids[rows],
        "BIRTHDATE": dates(one.dob),
        "DEATHDATE": dates(np.where(fixed["told"][rows], people.dod[ledger.person[rows]], OPEN)),
        "SSN": np.where(fixed["no_number"][rows], "999-99-9999", dashed),
        "FIRST": np.array([v.title() for v in one.first], dtype=object),
        "LAST": np.array([v.title() for v in one.last], dtype=object),
        "SUFFIX": one.suffix,
        "MAIDEN": fixed["maiden"][rows],
        "RACE": fixed["race"][rows],
        "ETHNICITY": fixed["ethnicity"][rows],
        "GENDER": one.sex,
        "ADDRESS": line,
        "CITY": city,
        "STATE": np.where(street == "", "", "DE"),
        "ZIP": zip_,
    })  # fmt: skip


def _fixed(world: World, person: np.ndarray, rng) -> dict[str, np.ndarray]:
    """What a record says once and for all."""
    people, n = world.people, len(person)
    married = (people.renamed[person] < world.window.start) & (rng.random(n) < 0.4)
    maiden = np.where(married, people.last_born[person], "")
    silent = rng.random(n) < 0.08
    return {
        "maiden": maiden.astype(object),
        "race": np.where(silent, "", _RACE[people.race[person]]),
        "ethnicity": np.where(
            silent, "", np.where(people.race[person] == _HISPANIC, "hispanic", "nonhispanic")
        ),
        "no_number": rng.random(n) < 0.015,
        "told": rng.random(n) < 0.6,
    }


def _instant(day: np.ndarray, minute: np.ndarray) -> np.ndarray:
    clock = np.char.add(np.char.add(digits(minute // 60, 2), ":"), digits(minute % 60, 2))
    return np.char.add(np.char.add(np.char.add(text(day), "T"), clock), ":00Z")


def _uuids(world: World, name: str, count: int) -> np.ndarray:
    """Random ids in the form of UUIDs of version 4."""
    bits = world.stream(f"ids clinic {name}").integers(0, 256, (count, 16), dtype=np.uint8)
    bits[:, 6] = bits[:, 6] & 0x0F | 0x40
    bits[:, 8] = bits[:, 8] & 0x3F | 0x80
    letters = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    flat = np.stack([letters[bits >> 4], letters[bits & 15]], axis=2).reshape(count, 32)
    out = np.full((count, 36), ord("-"), dtype=np.uint8)
    for begin, end, at in ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24)):
        out[:, at : at + end - begin] = flat[:, begin:end]
    return out.view("S36").ravel()
