"""The county jail: who was booked when, and released when.

Men between 18 and 45 from poor households most often; some many times. Half leave within a
day or two. Histories begin on 1 January of the year before the first delivery.
Add here: another fact of a booking. Keep out: aliases and files (agencies/jail.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.timeline import OPEN, age_on, day
from orchestration.county.world import World


@dataclass
class Bookings:
    """One row per booking, by person and time. booked and released in minutes since 1970.

    released is OPEN * 1440 while in custody. returned: booked anew on the day of a transfer.
    """

    person: np.ndarray
    booked: np.ndarray
    released: np.ndarray
    transferred: np.ndarray
    returned: np.ndarray


STILL_IN = OPEN * 1440


def begins(world: World) -> int:
    """The first day of the histories."""
    return day(world.window.year - 1, 1, 1)


def history(world: World) -> Bookings:
    """All bookings since begins(); the homeless, whose history must be known, are likelier."""
    people, window = world.people, world.window
    rng = world.stream("custody")
    low = begins(world)
    everyone = np.arange(len(people))
    age = age_on(people.dob, low + 200)
    lived = world.resident(everyone, low + 30) | world.resident(everyone, window.start)
    need = world.need(everyone)
    weight = np.where(lived & (age >= 18) & (age < 75), np.exp(3.6 * need), 0.0)
    weight *= np.where(people.sex == "M", 1.0, 0.24)
    weight *= np.select([age < 22, age < 35, age < 45, age < 55], [1.2, 1.5, 1.0, 0.5], 0.12)
    shelter = world.lives["homelessness"]
    weight[np.unique(shelter.person)] *= 5.0
    weight *= rng.gamma(0.35, 1 / 0.35, len(people))
    # 500 bookings a year in a county of 20,000
    count = round(world.persons * 0.0255 * (window.end - low) / 365.25)
    who = rng.choice(everyone, count, p=weight / weight.sum())
    minute = low * 1440 + (rng.random(count) * (window.end - low) * 1440).astype(np.int64)
    short = rng.random(count) < 0.48
    days = np.where(short, rng.exponential(0.7, count) + 0.1, np.exp(rng.normal(2.9, 1.1, count)))
    days = np.minimum(days, 420)
    released = minute + (days * 1440).astype(np.int64)
    released = np.minimum(released, np.maximum(people.dod[who] * 1440, minute + 60))
    order = np.lexsort((minute, who))
    who, minute, released = who[order], minute[order], released[order]
    alive = minute < people.dod[who] * 1440
    keep = alive.copy()
    until: dict[int, int] = {}
    for i in range(len(who)):  # nobody is booked while inside
        if keep[i]:
            p = int(who[i])
            if minute[i] <= until.get(p, 0):
                keep[i] = False
            else:
                until[p] = int(released[i])
    who, minute, released = who[keep], minute[keep], released[keep]
    n = len(who)
    transferred = (released - minute > 15 * 1440) & (rng.random(n) < 0.10)
    back = transferred & (rng.random(n) < 0.45)
    gap = rng.integers(2 * 60, 9 * 60, n)
    second = np.flatnonzero(back)
    m_who, m_in = who[second], released[second] + gap[second]
    m_out = m_in + (np.exp(rng.normal(2.2, 0.8, len(second))) * 1440).astype(np.int64)
    # a transfer and return is a new booking; it must not run into the next one
    following = np.r_[np.where(who[1:] == who[:-1], minute[1:], STILL_IN), STILL_IN]
    ok = m_out < following[second] - 1440
    columns = [
        np.concatenate([who, m_who[ok]]),
        np.concatenate([minute, m_in[ok]]),
        np.concatenate([released, m_out[ok]]),
        np.concatenate([transferred, np.zeros(ok.sum(), dtype=bool)]),
        np.concatenate([np.zeros(n, dtype=bool), np.ones(ok.sum(), dtype=bool)]),
    ]
    order = np.lexsort((columns[1], columns[0]))
    rows = Bookings(*(c[order] for c in columns))
    inside = rows.booked < window.end * 1440
    rows = Bookings(*(c[inside] for c in vars(rows).values()))
    rows.released = np.where(rows.released < window.end * 1440, rows.released, STILL_IN)
    return rows


def spells(rows: Bookings) -> Spells:
    """Days in custody, booking day through release day; a transfer with return is one spell."""
    start, last = rows.booked // 1440, rows.released // 1440
    first = np.flatnonzero(~rows.returned)
    final = np.r_[first[1:] - 1, len(rows.person) - 1] if len(first) else first
    return Spells(rows.person[first], np.full(len(first), "jail"), start[first], last[final])
