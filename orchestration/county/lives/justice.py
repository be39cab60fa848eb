"""Arrests and the criminal cases that follow them: who, when, for what, with what outcome.

Most bookings begin with an arrest; about as many people again are cited and released. Three
arrests in four of adults become a case with one to five charges, decided after some months. A
case without any conviction may be expunged, and then nothing of it or of its arrest is left.
Arrests of people under 18 happen and are nobody's to see. Histories begin with the jail's.
Add here: probation, warrants. Keep out: names, numbers and files (agencies/police, courts).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import custody
from orchestration.county.records import expunged
from orchestration.county.timeline import OPEN, age_on
from orchestration.county.world import World

# NIBRS offense code, statute, statute class, frequency, share of arrests taken into custody
OFFENSES = (
    ("13A", "11:0612", "FD", 5, 0.9), ("13B", "11:0611", "MA", 14, 0.55),
    ("23C", "11:0840", "MA", 13, 0.3), ("23H", "11:0841", "FG", 5, 0.5),
    ("220", "11:0824", "FF", 4, 0.85), ("240", "11:0841A", "FG", 2, 0.8),
    ("290", "11:0811", "MA", 4, 0.3), ("35A", "16:4763", "MB", 13, 0.45),
    ("35A", "16:4753", "FC", 3, 0.9), ("520", "11:1442", "FD", 3, 0.9),
    ("26A", "11:0861", "FG", 2, 0.4), ("90C", "11:1301", "MB", 7, 0.3),
    ("90D", "21:4177", "UM", 12, 0.5), ("90J", "11:0823", "MB", 5, 0.3),
    ("90Z", "11:2113", "UM", 8, 0.6),
)  # fmt: skip
# disposition of a charge: guilty by plea, by verdict, acquitted, prosecution dropped,
# dismissed, probation before judgment
DISPOSITIONS = ("GP", "GV", "NG", "NP", "DM", "PB")
GUILTY = ("GP", "GV")


@dataclass
class Arrests:
    """One row per arrest, by day. offense: row of OFFENSES; booking: row of the bookings or -1.

    kind: O on view, S cited (summoned), T taken into custody on a warrant. gone: the day from
    which it is expunged. juvenile: under 18 on that day.
    """

    person: np.ndarray
    on: np.ndarray
    offense: np.ndarray
    kind: np.ndarray
    booking: np.ndarray
    juvenile: np.ndarray
    gone: np.ndarray


@dataclass
class Cases:
    """One row per charge, by case and number. case numbers the cases in the order of filing.

    disposed is OPEN while undecided; sentence: I incarceration, P probation, F fine, S
    suspended, '' for none; gone: the day from which the case is expunged.
    """

    person: np.ndarray
    case: np.ndarray
    charge: np.ndarray
    arrest: np.ndarray
    offense: np.ndarray
    filed: np.ndarray
    disposition: np.ndarray
    disposed: np.ndarray
    sentence: np.ndarray
    days: np.ndarray
    gone: np.ndarray


@dataclass
class Justice:
    """Arrests and the cases made of them; cases.arrest are rows of arrests."""

    arrests: Arrests
    cases: Cases


def history(world: World) -> Justice:
    """Arrests and cases since the jail's histories begin; needs the lives 'custody'."""
    people, window = world.people, world.window
    rng = world.stream("justice")
    low = custody.begins(world)
    bookings: custody.Bookings = world.lives["custody"]
    # the others are booked on a hold, to serve a weekend, or by a court
    arrested = np.flatnonzero(~bookings.returned & (rng.random(len(bookings.person)) < 0.85))
    extra_who, extra_on = _cited(world, low, len(arrested), rng)
    person = np.concatenate([bookings.person[arrested], extra_who])
    on = np.concatenate([bookings.booked[arrested] // 1440, extra_on])
    booking = np.concatenate([arrested, np.full(len(extra_who), -1)])
    order = np.lexsort((booking, person, on))
    person, on, booking = person[order], on[order], booking[order]
    n = len(person)
    share = np.array([o[3] for o in OFFENSES], dtype=float)
    custodial = share * np.array([o[4] for o in OFFENSES])
    released = share - custodial
    offense = np.where(
        booking >= 0,
        rng.choice(len(OFFENSES), n, p=custodial / custodial.sum()),
        rng.choice(len(OFFENSES), n, p=released / released.sum()),
    )
    draw = rng.random(n)
    kind = np.where(booking >= 0, np.where(draw < 0.3, "T", "O"), np.where(draw < 0.7, "S", "O"))
    juvenile = age_on(people.dob[person], on) < 18
    arrests = Arrests(person, on, offense, kind, booking, juvenile, np.full(n, OPEN))
    cases = _cases(arrests, window.end, rng)
    # the police strike the arrest within a month of the court
    last = np.r_[cases.case[1:] != cases.case[:-1], True] if len(cases.case) else cases.case == 0
    arrests.gone[cases.arrest[last]] = np.where(
        cases.gone[last] < OPEN, cases.gone[last] + rng.integers(0, 30, last.sum()), OPEN
    )
    return Justice(arrests, cases)


def _cited(world: World, low: int, count: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """People cited or arrested and let go, and when: the young, the poor, more men than women."""
    people, window = world.people, world.window
    everyone = np.arange(len(people))
    age = age_on(people.dob, low + 200)
    lived = world.resident(everyone, low + 200) | world.resident(everyone, window.start)
    weight = np.where(lived & (age >= 12) & (age < 70), np.exp(2.6 * world.need(everyone)), 0.0)
    weight *= np.where(people.sex == "M", 1.0, 0.36)
    weight *= np.select([age < 15, age < 18, age < 30, age < 45], [0.5, 1.1, 1.3, 0.8], 0.3)
    weight *= rng.gamma(0.5, 2.0, len(people))
    who = rng.choice(everyone, count, p=weight / weight.sum())
    on = rng.integers(low, window.end, count)
    alive = (on < people.dod[who]) & (age_on(people.dob[who], on) >= 12)
    return who[alive], on[alive]


def _cases(arrests: Arrests, end: int, rng) -> Cases:
    n = len(arrests.person)
    chance = np.where(arrests.booking >= 0, 0.82, 0.7)
    filed = arrests.on + rng.geometric(0.15, n) - 1
    arrest = np.flatnonzero(~arrests.juvenile & (rng.random(n) < chance) & (filed < end))
    arrest = arrest[np.argsort(filed[arrest], kind="stable")]
    m = len(arrest)
    charges = 1 + np.minimum(rng.poisson(0.6, m), 4)
    case = np.repeat(np.arange(m), charges)
    number = np.arange(len(case)) - np.repeat(np.cumsum(charges) - charges, charges) + 1
    row = arrest[case]
    k = len(case)
    offense = np.where(number == 1, arrests.offense[row], rng.integers(0, len(OFFENSES), k))
    felony = np.array([o[2][0] == "F" for o in OFFENSES])
    heavy = felony[arrests.offense[arrest]]
    wait = np.exp(rng.normal(np.where(heavy, 5.25, 4.5), 0.6)).astype(np.int64) + 5
    decided = filed[arrest] + wait
    dropped = rng.random(m) < 0.3  # the whole case ends without a conviction
    draw = rng.random(k)
    pleads = np.select([draw < 0.62, draw < 0.68, draw < 0.86, draw < 0.94],
                       ["GP", "GV", "NP", "PB"], "DM")  # fmt: skip
    drops = np.select([draw < 0.55, draw < 0.9], ["NP", "DM"], "NG")
    disposition = np.where(dropped[case], drops, np.where(number == 1, _first(draw), pleads))
    guilty = np.isin(disposition, GUILTY)
    draw = rng.random(k)
    sentence = np.where(
        guilty,
        np.where(
            felony[offense],
            np.select([draw < 0.42, draw < 0.78], ["I", "P"], "S"),
            np.select([draw < 0.14, draw < 0.5, draw < 0.88], ["I", "P", "F"], "S"),
        ),
        np.where(disposition == "PB", "P", ""),
    )
    length = np.where(sentence == "I", np.exp(rng.normal(3.9, 1.0, k)),
                      30 * rng.integers(3, 25, k))  # fmt: skip
    days = np.where(np.isin(sentence, ("I", "P", "S")), length.astype(np.int64) + 1, 0)
    known = decided < end
    clean = ~np.isin(disposition, (*GUILTY, "PB"))
    spotless = np.ones(m, dtype=bool)
    np.logical_and.at(spotless, case, clean)
    gone = expunged(np.where(spotless & known, decided, OPEN), rng, share=0.4, least=45, most=300)
    undecided = ~known[case]
    return Cases(
        person=arrests.person[row], case=case, charge=number, arrest=row, offense=offense,
        filed=filed[row], disposition=np.where(undecided, "", disposition),
        disposed=np.where(undecided, OPEN, decided[case]),
        sentence=np.where(undecided, "", sentence), days=np.where(undecided, 0, days),
        gone=gone[case],
    )  # fmt: skip


def _first(draw: np.ndarray) -> np.ndarray:
    """Of the leading charge of a case that is not dropped as a whole."""
    return np.select([draw < 0.78, draw < 0.86], ["GP", "GV"], "PB")
