"""Public school: who attends which school in which year, moves, dropping out, graduating.

A school year is named by the calendar year of its spring. Days of membership run from the
entry date through the exit date, both included. Add here: programmes inside school (special
education, meals). Keep out: what the district's file gets wrong (agencies/k12.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.places import TRACTS
from orchestration.county.timeline import OPEN, age_on, birthday, day, parts
from orchestration.county.world import World

ELEMENTARY, MIDDLE, HIGH = range(3)
NEVER_EXITED = OPEN


@dataclass
class Schools:
    """level: ELEMENTARY .. HIGH; address: row of the address table; zones[level][tract]."""

    level: np.ndarray
    district: np.ndarray
    address: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    zones: np.ndarray
    charter: int
    shut: int


@dataclass
class Enrolments:
    """One row per student, school and entry. grade: -1 PK, 0 KG, 1 .. 12.

    exit: last day of membership as the school records it; true_exit: as it was;
    known_from: day from which the exit is on record. real: False for no-shows and slips.
    """

    person: np.ndarray
    year: np.ndarray
    grade: np.ndarray
    school: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    true_exit: np.ndarray
    known_from: np.ndarray
    entry_type: np.ndarray
    exit_type: np.ndarray
    real: np.ndarray


def first_day(year: int) -> int:
    """The last Monday of August before the spring of `year`."""
    last = day(year - 1, 8, 31)
    return last - (last + 3) % 7


def last_day(year: int) -> int:
    """The second Friday of June."""
    june = day(year, 6, 1)
    return june + (4 - (june + 3) % 7) % 7 + 7


def school_year(on: int) -> int:
    """The school year on record on a day: a new one begins on 1 August."""
    year, month, _ = (int(x[0]) for x in parts(np.array([on])))
    return year + (month >= 8)


def years(world: World) -> list[int]:
    """All school years that any delivery shows: the current one and the one before."""
    w = world.window
    return list(range(school_year(w.start) - 1, school_year(w.end - 1) + 1))


def session_days(year: int) -> np.ndarray:
    """The days of instruction of a school year: weekdays without holidays and breaks."""
    days = np.arange(first_day(year), last_day(year) + 1)
    days = days[(days + 3) % 7 < 5]

    def nth(y: int, month: int, weekday: int, n: int) -> int:
        one = day(y, month, 1)
        return one + (weekday - (one + 3) % 7) % 7 + 7 * (n - 1)

    labor, thanks = nth(year - 1, 9, 0, 1), nth(year - 1, 11, 3, 4)
    off = {labor, thanks - 1, thanks, thanks + 1, nth(year, 1, 0, 3), nth(year, 2, 0, 3)}
    off |= set(range(day(year - 1, 12, 23), day(year, 1, 3)))
    spring = nth(year, 4, 0, 2)
    off |= set(range(spring, spring + 5)) | {nth(year, 6, 0, 1) - 7, day(year - 1, 11, 11)}
    return days[~np.isin(days, sorted(off))]


def schools(world: World) -> Schools:
    """The schools and their zones: neighbouring tracts share a school."""
    rows = [v for k, v in world.addresses.named.items() if k.startswith("school ")]
    n = len(rows)
    high = max(1, round(n * 2 / 13))
    middle = max(1, round(n * 3 / 13))
    elementary = n - high - middle - 2
    level = np.repeat([ELEMENTARY, MIDDLE, HIGH], [elementary + 1, middle + 1, high])
    # the last elementary school was shut in 2023; the last middle school is a charter, KG to 8
    shut, charter = elementary, elementary + 1 + middle
    share = (np.arange(len(TRACTS)) + 0.5) / len(TRACTS)
    zones = np.stack([
        (share * elementary).astype(int),
        elementary + 1 + (share * middle).astype(int),
        elementary + 1 + middle + 1 + (share * high).astype(int),
    ])  # fmt: skip
    district = np.where(np.arange(n) % 2 == 0, 0, 1)
    for lvl in (MIDDLE, HIGH):
        district[level == lvl] = np.arange((level == lvl).sum()) % 2
    district[charter] = 2
    # one every two years since 1962, and again from the start in a county of many schools
    opened = day(1962, 9, 4) + np.arange(n) * 730 % (50 * 365)
    closed = np.full(n, OPEN)
    closed[shut] = day(world.window.year - 2, 6, 30)
    return Schools(level, district, np.array(rows), opened, closed, zones, charter, shut)


def history(world: World) -> Enrolments:
    """Enrolment rows of all school years on record, by person, year and entry."""
    plan = schools(world)
    blocks = [_one_year(world, plan, year) for year in years(world)]
    columns = [np.concatenate(x) for x in zip(*blocks, strict=True)]
    order = np.lexsort((columns[3], columns[4], columns[1], columns[0]))
    return Enrolments(*(c[order] for c in columns))


def _one_year(world: World, plan: Schools, year: int):
    people, res = world.people, world.residence
    begin, finish = first_day(year), last_day(year)
    rows = np.flatnonzero((res.end > begin) & (res.start <= finish))
    who = res.person[rows]
    held = world.uniform("held back", who) < 0.025
    grade = age_on(people.dob[who], day(year - 1, 8, 31)) - 5 - held
    need = world.need(who)
    attends = (grade >= -1) & (grade <= 12) & (world.uniform("public", who) < 0.91)
    attends &= (grade >= 0) | (world.uniform("pre-k", who) < 0.2 + 0.35 * (need > 0.6))
    # a tenth of the poorest leave school for good between 16 and 18
    quits = world.uniform("quits", who) < 0.02 + 0.10 * np.maximum(need - 0.4, 0)
    quit_day = np.where(
        quits,
        birthday(people.dob[who], 16) + (world.uniform("quit day", who) * 700).astype(np.int64),
        OPEN,
    )
    attends &= quit_day > begin + 20
    rows, who, grade, quit_day = rows[attends], who[attends], grade[attends], quit_day[attends]
    start = np.maximum(res.start[rows], begin)
    end = np.minimum(np.minimum(res.end[rows], quit_day), finish + 1)
    ok = start < end
    rows, who, grade, start, end = rows[ok], who[ok], grade[ok], start[ok], end[ok]
    quit_day = quit_day[ok]
    level = np.select([grade <= 5, grade <= 8], [ELEMENTARY, MIDDLE], HIGH)
    tract = world.addresses.tract[res.address[rows]]
    school = plan.zones[level, tract]
    charter = (world.uniform("charter", who) < 0.07) & (grade >= 0) & (grade <= 8)
    school = np.where(charter, plan.charter, school)
    # three in ten who move stay at the school they know until summer
    first = np.searchsorted(who, who)
    stays = world.uniform(f"stays {year}", who) < 0.3
    school = np.where(stays, school[first], school)
    new = np.r_[True, (who[1:] != who[:-1]) | (school[1:] != school[:-1])]
    group = np.flatnonzero(new)
    last = np.r_[group[1:] - 1, len(who) - 1]
    person, grade, school = who[group], grade[group], school[group]
    start, end, quit_day = start[group], end[last], quit_day[last]

    rng = world.stream(f"school {year}")
    n = len(person)
    late = np.where(rng.random(n) < 0.05, rng.integers(1, 12, n), 0)
    entry = np.where(start == begin, begin + late, start + rng.integers(0, 5, n))
    weekday = (entry + 3) % 7
    entry = np.where(weekday > 4, entry + 7 - weekday, entry)
    real = entry < end - 1
    person, grade, school, start, end, entry, quit_day = (
        x[real] for x in (person, grade, school, start, end, entry, quit_day)
    )
    n = len(person)
    same_before = np.r_[False, person[1:] == person[:-1]]
    same_after = np.r_[person[1:] == person[:-1], False]
    next_entry = np.r_[entry[1:], 0]
    district = plan.district[school]
    near_before = np.r_[False, district[1:] == district[:-1]]
    near_after = np.r_[district[1:] == district[:-1], False]
    true_exit = np.where(same_after, next_entry - 1, np.where(end <= finish, end - 1, finish))
    entry_type = np.where(
        same_before, np.where(near_before, "E2", "E3"), np.where(start == begin, "E1", "E4")
    )
    dies = world.people.dod[person]
    exit_type = np.select(
        [
            same_after & near_after, same_after, (end <= finish) & (dies == end),
            (end <= finish) & (quit_day == end), end <= finish, grade == 12,
        ],
        ["W1", "W2", "W7", "W3", "W2", "W4"],
        "W6",
    )  # fmt: skip
    # an old school may learn of a transfer only weeks later: two open enrolments meanwhile
    slow = same_after & (rng.random(n) < 0.06)
    exit_ = np.where(slow, np.minimum(true_exit + rng.integers(8, 40, n), finish), true_exit)
    # exits at the end of the year are put on record at the roll-over on 1 August
    known = np.where(exit_ >= finish, day(year, 8, 1), exit_ + rng.integers(0, 10, n))
    real = np.ones(n, dtype=bool)
    columns = [
        person, np.full(n, year), grade, school, entry, exit_, true_exit, known,
        entry_type, exit_type, real,
    ]  # fmt: skip

    def extra(pick, at, e, x, e_type, x_type, is_real):
        m = len(pick)
        rows = (
            person[pick], np.full(m, year), grade[pick], at, e, x, x, x + 3,
            np.full(m, e_type), np.full(m, x_type), np.full(m, is_real),
        )  # fmt: skip
        for k, column in enumerate(rows):
            columns[k] = np.concatenate([columns[k], column])

    # no-shows: expected at a school on the first day, never came
    firsts = np.flatnonzero(~same_before & (entry >= begin))
    pick = firsts[rng.random(len(firsts)) < 0.009]
    pick = pick[plan.level[school[pick]] != HIGH]
    other = np.where(school[pick] == plan.charter, plan.zones[plan.level[school[pick]], 0],
                     plan.charter)  # fmt: skip
    extra(pick, other, np.full(len(pick), begin), np.full(len(pick), begin), "E1", "W5", False)
    # one-day slips of the keyboard: enrolled at the wrong school, undone the same day
    pick = np.flatnonzero(rng.random(n) < 0.006)
    size = np.bincount(plan.level)[plan.level[school[pick]]]
    base = np.searchsorted(plan.level, plan.level[school[pick]])
    wrong = base + (school[pick] - base + 1) % size
    differs = (wrong != school[pick]) & (wrong != plan.shut)
    pick, wrong = pick[differs], wrong[differs]
    extra(pick, wrong, entry[pick], entry[pick], "E2", "W8", False)
    slips = pick * len(plan.level) + wrong
    # part-time at a second high school all year (vocational courses)
    highs = np.flatnonzero(plan.level == HIGH)
    if len(highs) > 1:
        pick = np.flatnonzero((grade >= 11) & ~same_before & ~same_after & (exit_ >= finish))
        pick = pick[rng.random(len(pick)) < 0.02]
        other = highs[(np.searchsorted(highs, school[pick]) + 1) % len(highs)]
        # not where a slip of the keyboard has put the student on the same day
        free = ~np.isin(pick * len(plan.level) + other, slips)
        pick, other = pick[free], other[free]
        m = len(pick)
        extra(pick, other, entry[pick], np.full(m, finish), "E2", "W6", True)
        columns[7][-m:] = day(year, 8, 1) if m else columns[7][-m:]
    return columns


def spells(rows: Enrolments) -> Spells:
    """One spell per student and school year, from the first entry to the last true exit."""
    keep = rows.real
    key = rows.person[keep] * 10_000 + rows.year[keep]
    values, first = np.unique(key, return_index=True)
    start = np.full(len(values), OPEN)
    finish = np.zeros(len(values), dtype=np.int64)
    at = np.searchsorted(values, key)
    np.minimum.at(start, at, rows.entry[keep])
    np.maximum.at(finish, at, rows.true_exit[keep])
    person = rows.person[keep][first]
    return Spells(person, np.full(len(person), "k12_enrollment"), start, finish)
