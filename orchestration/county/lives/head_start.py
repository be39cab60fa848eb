"""Head Start and Early Head Start: which young children of poor families attend, and when.

A program year runs from September to the end of May, for children under three to mid-August. The
poorest, the homeless and children in foster care are taken first. Days run from the entry date
through the exit date, both included. Histories begin with the program year two before that of the
first delivery. Add here: another fact of an enrolment. Keep out: ids and files (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.places import TRACTS
from orchestration.county.timeline import OPEN, age_on, day, parts
from orchestration.county.world import World


@dataclass
class Enrolments:
    """One row per child, center and entry, by child and day; year names the autumn.

    early: Early Head Start. real: False for children who were enrolled and never came.
    leaves: why it ends: C end of the year, T another center, W withdrew, N never came.
    """

    person: np.ndarray
    year: np.ndarray
    early: np.ndarray
    center: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    leaves: np.ndarray
    real: np.ndarray


def program_year(on: int) -> int:
    """The program year on record on a day, named by its autumn: it begins on 1 September."""
    year, month, _ = (int(x[0]) for x in parts(np.array([on])))
    return year - (month < 9)


def centers(world: World) -> int:
    """How many centers there are."""
    return max(3, round(world.persons / 4000))


def history(world: World) -> Enrolments:
    """Enrolments of all program years that any delivery shows."""
    first = program_year(world.window.start) - 2
    blocks = [
        _one_year(world, year) for year in range(first, program_year(world.window.end - 1) + 1)
    ]
    columns = [np.concatenate(x) for x in zip(*blocks, strict=True)]
    order = np.lexsort((columns[4], columns[0]))
    return Enrolments(*(c[order] for c in columns))


def _one_year(world: World, year: int) -> tuple[np.ndarray, ...]:
    people, res = world.people, world.residence
    rng = world.stream(f"head start {year}")
    begin = day(year, 9, 4)
    finish, late_finish = day(year + 1, 5, 29), day(year + 1, 8, 14)
    rows = np.flatnonzero((res.end > begin) & (res.start <= finish - 60)
                          & (people.dob[res.person] > begin - 6 * 366))  # fmt: skip
    who, at = np.unique(res.person[rows], return_index=True)
    rows = rows[at]
    age = age_on(people.dob[who], day(year, 8, 31))
    need = world.need(who)
    care = world.lives["child_welfare"].removals
    first = np.isin(who, world.lives["homelessness"].person) | np.isin(
        who, care.person[(care.start < finish) & (care.end > begin)]
    )
    wish = world.uniform("head start", who)
    share = np.clip((need - 0.55) / 0.45, 0, 1)
    takes = wish < np.where(first, 0.5, share * np.where(age >= 3, 0.55, 0.15))
    takes &= (age <= 4) & (people.dob[who] + 42 < begin + 120)
    who, rows, age = who[takes], rows[takes], age[takes]
    n = len(who)
    late = rng.random(n) < 0.28
    entry = begin + np.where(late, rng.integers(3, 150, n), 0)
    entry = np.maximum(np.maximum(entry, res.start[rows] + 5), people.dob[who] + 42)
    early = age < 3
    until = np.where(early, late_finish, finish)
    gone = rng.random(n) < 0.16
    leave = np.where(gone, entry + rng.integers(15, 240, n), until)
    leave = np.minimum.reduce([leave, until, people.dod[who], _stays(world, who, rows)])
    fits = entry < leave - 8
    who, early, entry, leave, until, rows = (
        x[fits] for x in (who, early, entry, leave, until, rows)
    )
    n = len(who)
    tract = world.addresses.tract[res.address[rows]]
    many = centers(world)
    aside = world.uniform("head start center", who) * 2 - 1
    center = np.clip((tract / len(TRACTS) * many + aside).astype(np.int64), 0, many - 1)
    why = np.where(leave >= until, "C", "W")
    year_of = np.full(n, year)
    columns = [who, year_of, early, center, entry, leave, why, np.ones(n, dtype=bool)]
    # one in twenty-five changes to another center during the year
    moves = np.flatnonzero((rng.random(n) < 0.04) & (leave - entry > 60) & (many > 1))
    on = entry[moves] + 20 + (rng.random(len(moves)) * (leave - entry - 40)[moves]).astype(np.int64)
    second = [c[moves].copy() for c in columns]
    second[3], second[4] = (center[moves] + 1) % many, on + 1
    columns[5][moves], columns[6][moves] = on, "T"
    # one in sixty was enrolled at another center first and never came
    never = np.flatnonzero((rng.random(n) < 0.017) & (entry == begin) & (many > 1))
    third = [c[never].copy() for c in columns]
    third[3], third[5] = (center[never] + many - 1) % many, entry[never] + 14
    third[6], third[7] = np.full(len(never), "N"), np.zeros(len(never), dtype=bool)
    return tuple(np.concatenate(c) for c in zip(columns, second, third, strict=True))


def _stays(world: World, who: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The last day on which each child lives in the county, counted from its row on."""
    res = world.residence
    last = np.full(int(who.max(initial=0)) + 1, 0)
    inside = np.isin(res.person, who)
    np.maximum.at(last, res.person[inside], np.minimum(res.end[inside], OPEN))
    return last[who] - 1


def spells(world: World, rows: Enrolments) -> Spells:
    """One spell per child and program year, from the first entry to the last exit."""
    at = np.flatnonzero(rows.real)
    key = rows.person[at] * 10_000 + rows.year[at]
    values, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    start, last = np.full(len(values), OPEN), np.zeros(len(values), dtype=np.int64)
    np.minimum.at(start, inverse, rows.entry[at])
    np.maximum.at(last, inverse, rows.exit[at])
    person = rows.person[at][first]
    over = np.where(last < world.window.end, last, OPEN)
    return Spells(person, np.full(len(person), "head_start"), start, over)
