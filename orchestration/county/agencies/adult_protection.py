"""Adult protective services: investigations since 1 January two years before the first delivery.

investigations.csv, a snapshot in capitals: one row per investigation, client and maltreatment. The
layout is a plain one of our own that holds what the federal system of adult maltreatment asks.
Quirks: dates of birth that are unknown or a guess on 1 January (is_dob_estimated), open
investigations without a disposition, no perpetrator in self-neglect, clients who refused to give
a name, clients with two numbers.

Codes. sex: F, M, U. race: 1 White, 2 Black, 3 American Indian or Alaska Native, 4 Asian, 5 Pacific
Islander, 6 Hispanic, 7 two or more, 9 unknown. maltreatment: ABAN abandonment, EMOT emotional
abuse, FINX financial exploitation, NEGL neglect, PHYS physical abuse, SEXA sexual abuse, SELF
self-neglect, OTHR. disposition: SUB substantiated, UNS unsubstantiated, INC inconclusive, OTH.
report_source: MED, LAW, FAM, SOC, FIN bank, SLF, OTH. perpetrator: PAR partner, CHI child, REL
other relative, CAR paid carer, OTH. setting: OWN home, FAC facility.
Add here: services. Keep out: child protection.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import digits
from orchestration.county.delivery import Columns, Desk
from orchestration.county.lives import adult_protection as life
from orchestration.county.records import Habits, address_lines, numbers, open_ledger
from orchestration.county.timeline import OPEN, dates, day, parts
from orchestration.county.world import World

_RACE = np.array(["1", "2", "4", "3", "5", "6", "7"])
_HABITS = Habits(name_typo=0.018, nickname=0.06, middle_blank=0.5, middle_initial=0.4,
                 suffix_kept=0.4, dob_digit=0.01, ssn_blank=0.6, ssn_digit=0.008,
                 old_surname=0.03)  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write investigations.csv of every delivery."""
    window = world.window
    rows: life.Investigations = world.lives["adult_protection"]
    who = np.unique(rows.person)
    first = np.full(len(who), OPEN)
    np.minimum.at(first, np.searchsorted(who, rows.person), rows.received)
    ledger = open_ledger(
        world, who, first, _HABITS, "adult protection", twice=0.03,
        cut_from=life.begins(world) + 100,
    )  # fmt: skip
    record = ledger.record(rows.person, rows.received)
    m, n = len(ledger.person), int(rows.investigation.max(initial=-1)) + 1
    ids = np.char.add("AP", digits(numbers(world, "adult protection", m, 10**4, 10**7)
                                   .astype(np.int64), 8))  # fmt: skip
    rng = world.stream("adult protection records")
    case = rows.investigation
    number = digits(20_000_000 + np.arange(n) * 3, 9)[case]
    source = rng.choice(["MED", "LAW", "FAM", "SOC", "FIN", "SLF", "OTH"], n,
                        p=[0.22, 0.14, 0.2, 0.2, 0.07, 0.07, 0.1])[case]  # fmt: skip
    started = rows.received + rng.integers(0, 8, n)[case]
    perpetrator = rng.choice(["PAR", "CHI", "REL", "CAR", "OTH"], len(case),
                             p=[0.14, 0.34, 0.18, 0.16, 0.18])  # fmt: skip
    setting = np.where(rng.random(n) < 0.9, "OWN", "FAC")[case]
    no_dob, guess = rng.random(m) < 0.02, rng.random(m) < 0.04
    refused, no_race, no_sex = (rng.random(m) < s for s in (0.006, 0.06, 0.004))
    address = world.address_at(rows.person, rows.received)
    street, unit, city, zip_ = address_lines(
        world, rows.person, address, "adult protection", errors=0.03
    )
    january = np.array([day(int(y), 1, 1) for y in range(1850, 2100)])
    for i in range(window.months):
        as_of = window.as_of(i)
        shown = np.flatnonzero(rows.received <= as_of)
        of = record[shown]
        one = ledger.identity(i).take(of)
        closed = rows.closed[shown] <= as_of
        dob = np.where(guess[of], january[parts(one.dob)[0] - 1850], one.dob)
        race = _RACE[world.people.race[rows.person[shown]]]
        columns: Columns = {
            "investigation_id": number[shown],
            "client_id": ids[of],
            "last_name": np.where(refused[of], "REFUSED", one.last),
            "first_name": np.where(refused[of], "", one.first),
            "middle_name": np.where(refused[of], "", one.middle),
            "suffix": one.suffix,
            "birth_date": dates(np.where(no_dob[of], OPEN, dob)),
            "is_dob_estimated": np.where(guess[of], "Y", "N"),
            "sex": np.where(no_sex[of], "U", one.sex),
            "race": np.where(no_race[of], "9", race),
            "ssn": one.ssn,
            "street_address": street[shown],
            "unit": unit[shown],
            "city": city[shown],
            "zip": zip_[shown],
            "report_date": dates(rows.received[shown]),
            "investigation_date": dates(started[shown]),
            "closed_date": dates(np.where(closed, rows.closed[shown], OPEN)),
            "report_source": source[shown],
            "maltreatment": rows.kind[shown],
            "disposition": np.where(closed, rows.finding[shown], ""),
            "perpetrator": np.where(rows.kind[shown] == "SELF", "", perpetrator[shown]),
            "setting": setting[shown],
        }
        desk.put("adult_protection", window.folder(i), "investigations.csv", columns)
        desk.record("adult_protection", ids[of], rows.person[shown])
