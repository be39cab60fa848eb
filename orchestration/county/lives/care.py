"""Health care in the county's clinics: visits, immunizations, blood lead, for the young and others.

Well-child visits at the ages of the usual schedule (newborn, 1, 2, 4, 6, 9, 12, 15, 18, 24, 30
months, then each birthday to 18), kept less often by poor families; immunizations at them; a
blood lead test at 12 and 24 months, its level rising with the poverty of the tract, where the
housing is old. Sick visits, emergencies and adults' visits come at random. A few visits are for
the treatment of a substance use disorder. Histories begin with the window.
Add here: another kind of care. Keep out: codes, ids and files (agencies/clinic.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.timeline import age_on, birthday
from orchestration.county.world import World

WELL, SICK, EMERGENCY, ADULT, SUBSTANCE = range(5)
# completed months of age at well-child visits to 30 months (Bright Futures periodicity, as our
# own list), and the vaccine groups due at each: see VACCINES in agencies/clinic.py
MONTHS = (0, 1, 2, 4, 6, 9, 12, 15, 18, 24, 30)


@dataclass
class Care:
    """One row per visit, by person and day. step: place in MONTHS of a well-child visit to 30
    months, else -1. lead: micrograms of lead per decilitre, or NaN where none was drawn."""

    person: np.ndarray
    day: np.ndarray
    kind: np.ndarray
    step: np.ndarray
    lead: np.ndarray


def history(world: World) -> Care:
    """All visits from the first day of the window to its last."""
    people, window = world.people, world.window
    rng = world.stream("care")
    everyone = np.arange(len(people))
    patients = everyone[world.uniform("clinic patient", everyone) < 0.62]
    parts = [_well(world, patients, rng), _others(world, patients, rng)]
    person, day, kind, step = (np.concatenate(c) for c in zip(*parts, strict=True))
    inside = (day >= window.start) & (day < window.end) & (day <= people.dod[person])
    inside &= (day >= people.dob[person]) & world.resident(person, day)
    person, day, kind, step = (c[inside] for c in (person, day, kind, step))
    order = np.lexsort((kind, day, person))
    person, day, kind, step = (c[order] for c in (person, day, kind, step))
    return Care(person, day, kind, step, _lead(world, person, day, step, rng))


def _well(world: World, patients: np.ndarray, rng) -> tuple[np.ndarray, ...]:
    people, window = world.people, world.window
    young = patients[
        (people.dob[patients] > window.start - 19 * 366) & (people.dob[patients] < window.end)
    ]
    kept = 0.93 - 0.4 * world.need(young)
    out = []
    for step, months in enumerate(MONTHS):
        day = people.dob[young] + np.round(months * 30.44).astype(np.int64)
        day = day + rng.integers(1, 4 if months == 0 else 21, len(young))
        goes = rng.random(len(young)) < kept * (1.05 if step < 5 else 0.95)
        out.append((young[goes], day[goes], step))
    for years in range(3, 19):
        day = birthday(people.dob[young], years) + rng.integers(-10, 60, len(young))
        goes = rng.random(len(young)) < kept * 0.75
        out.append((young[goes], day[goes], -1))
    person = np.concatenate([o[0] for o in out])
    day = np.concatenate([o[1] for o in out])
    step = np.concatenate([np.full(len(o[0]), o[2]) for o in out])
    return person, day, np.full(len(person), WELL), step


def _others(world: World, patients: np.ndarray, rng) -> tuple[np.ndarray, ...]:
    people, window = world.people, world.window
    years = (window.end - window.start) / 365.25
    age = age_on(people.dob[patients], window.start)
    need = world.need(patients)
    rates = (
        (SICK, np.select([age < 5, age < 18, age < 65], [2.2, 1.1, 0.5], 1.6)),
        (EMERGENCY, 0.12 + 0.45 * need),
        (ADULT, np.where(age >= 18, 0.7, 0.0)),
        (SUBSTANCE, np.where((age >= 18) & (age < 65), 0.06 * need**2, 0.0)),
    )
    person, day, kind = [], [], []
    for code, rate in rates:
        number = rng.poisson(rate * years)
        who = np.repeat(patients, number)
        person.append(who)
        day.append(rng.integers(window.start, window.end, len(who)))
        kind.append(np.full(len(who), code))
    who = np.concatenate(person)
    return who, np.concatenate(day), np.concatenate(kind), np.full(len(who), -1)


def _lead(world: World, person, day, step, rng) -> np.ndarray:
    """Blood lead at 12 and 24 months: log-normal, median 1.0 in good and 2.2 in poor tracts."""
    due = np.isin(step, (MONTHS.index(12), MONTHS.index(24)))
    due &= rng.random(len(step)) < 0.8
    address = world.address_at(person, day)
    poverty = np.where(address >= 0, world.addresses.poverty[address], 20.0)
    level = np.exp(np.log(0.8 + poverty / 45) + rng.normal(0, 0.65, len(step)))
    return np.where(due, np.round(level, 1), np.nan)
