"""Child protection and foster care: who was reported, found maltreated, removed, placed where.

A report concerns a household: one child first, often brothers and sisters too. The poorer the
household the likelier, with a household's own share of trouble on top and more where the family
was homeless. Some victims are removed; a removal is an episode of foster care with one placement
or several. Histories begin seven years before the first delivery (1 January). A removal counts
from its day through the day before discharge; one that ends on its first day counts one day.
Codes are the federal ones (NCANDS, AFCARS), because every state can say what they mean.
Add here: another fact of a report or removal. Keep out: ids, files, slips (agencies/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.population import HEAD, PARTNER, SPOUSE
from orchestration.county.timeline import OPEN, age_on, birthday
from orchestration.county.world import World

# Report dispositions: 1 substantiated, 2 indicated, 3 and 4 alternative response (victim, not),
# 5 unsubstantiated, 6 intentionally false, 7 closed without a finding, 8 no alleged maltreatment.
FINDINGS = np.array([1, 2, 3, 4, 5, 6, 7, 8])
_FINDING_SHARES = np.array([0.17, 0.02, 0.01, 0.12, 0.53, 0.005, 0.085, 0.06])
# Maltreatment: 1 physical, 2 neglect, 3 medical neglect, 4 sexual, 5 psychological,
# 6 none alleged, 7 sex trafficking, 8 other.
_TYPES = np.array([2, 1, 4, 5, 3, 8, 7])
_TYPE_SHARES = np.array([0.62, 0.17, 0.075, 0.07, 0.03, 0.03, 0.005])
# Who reported: 1 social services, 2 medical, 3 mental health, 4 law, 5 education, 6 day care,
# 7 substitute care, 8 victim, 9 parent, 10 relative, 11 neighbour, 13 anonymous, 88 other.
_SOURCES = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 88])
_SOURCE_SHARES = np.array(
    [0.11, 0.11, 0.06, 0.21, 0.20, 0.01, 0.005, 0.005, 0.06, 0.06, 0.04, 0.07, 0.06]
)
# Discharge: 1 reunified, 2 living with a relative, 3 adoption, 4 emancipation, 5 guardianship,
# 6 transfer to another agency, 7 runaway, 8 death. Median days in care of those who leave so.
_DISCHARGES = np.array([1, 2, 3, 5, 6, 7])
_DISCHARGE_SHARES = np.array([0.51, 0.07, 0.26, 0.12, 0.025, 0.015])
_MEDIAN_DAYS = {1: 270, 2: 230, 3: 790, 5: 480, 6: 200, 7: 330}
# Placements: 1 pre-adoptive home, 2 relative's foster home, 3 other foster home, 4 group home,
# 5 institution, 6 supervised independent living, 7 runaway, 8 trial home visit.
TRIAL_HOME_VISIT = 8


@dataclass
class Reports:
    """One row per report and child, by day received.

    report numbers the reports; closed: day of the disposition; finding: FINDINGS; types and
    levels: four columns, 0 where fewer are alleged; caregiver: -1 where none lived there.
    """

    report: np.ndarray
    person: np.ndarray
    caregiver: np.ndarray
    received: np.ndarray
    closed: np.ndarray
    source: np.ndarray
    finding: np.ndarray
    types: np.ndarray
    levels: np.ndarray
    fatal: np.ndarray


@dataclass
class Removals:
    """One row per episode of foster care, by child and day; end is OPEN while in care."""

    person: np.ndarray
    caregiver: np.ndarray
    start: np.ndarray
    end: np.ndarray
    discharge: np.ndarray


@dataclass
class Placements:
    """One row per placement, by removal and day; removal is a row of Removals."""

    removal: np.ndarray
    start: np.ndarray
    end: np.ndarray
    setting: np.ndarray


@dataclass
class ChildWelfare:
    """Everything true about child protection."""

    reports: Reports
    removals: Removals
    placements: Placements


def history(world: World) -> ChildWelfare:
    """Reports, removals and placements since seven years before the first delivery."""
    reports = _reports(world)
    removals = _removals(world, reports)
    return ChildWelfare(reports, removals, _placements(world, removals))


def _reports(world: World) -> Reports:
    people, window = world.people, world.window
    rng = world.stream("child protection")
    low, end = window.history, window.end
    kids = np.flatnonzero((people.dob < end) & (people.dob > low - 18 * 365) & (people.home >= 0))
    begin = np.maximum(people.dob[kids], low)
    until = np.minimum(np.minimum(people.dob[kids] + 18 * 365, people.dod[kids]), end)
    years = np.maximum(until - begin, 0) / 365.25
    trouble = rng.gamma(0.8, 1 / 0.8, len(world.houses))
    homeless = np.isin(kids, world.lives["homelessness"].person)
    weight = years * np.exp(3.0 * world.need(kids)) * trouble[people.home[kids]]
    weight *= np.where(homeless, 3.0, 1.0)
    # about 58 children in 1,000 a year are the subject of a report (42 nationally, this county
    # is poorer); a report is about 1.6 children, and one in four drawn here comes to nothing
    count = round(years.sum() * 0.076 / 1.6)
    pick = rng.choice(len(kids), count, p=weight / weight.sum())
    received = begin[pick] + ((until - begin)[pick] * rng.random(count)).astype(np.int64)
    index = kids[pick]
    # and newborns, from the maternity ward
    new = kids[(people.dob[kids] >= low) & (rng.random(len(kids)) < 0.06 * world.need(kids) ** 2)]
    index = np.r_[index, new]
    received = np.r_[received, people.dob[new] + rng.integers(0, 8, len(new))]
    count = len(index)
    household = world.household_at(index, received)
    # the youngest most often
    here = (household >= 0) & ((received - people.dob[index] < 4 * 365) | (rng.random(count) < 0.7))
    index, received, household = index[here], received[here], household[here]
    order = np.lexsort((index, received))
    index, received, household = index[order], received[order], household[order]

    report, person = _at_home(world, household, received)
    age = age_on(people.dob[person], received[report])
    named = (world.uniform("sibling named", report, person) < 0.62) | (person == index[report])
    child = (age < 18) & named
    adult = (age >= 18) & np.isin(people.relation[person], (HEAD, SPOUSE, PARTNER))
    carer = np.full(len(index), -1)
    carer[report[adult][::-1]] = person[adult][::-1]
    mother = people.mother[index]
    at_home = (mother >= 0) & (world.household_at(np.maximum(mother, 0), received) == household)
    carer = np.where(at_home, mother, carer)

    report, person = report[child], person[child]
    n, m = len(report), len(index)
    closed = received + rng.integers(14, 76, m)
    source = rng.choice(_SOURCES, m, p=_SOURCE_SHARES)
    finding = rng.choice(FINDINGS, n, p=_FINDING_SHARES / _FINDING_SHARES.sum())
    infant = (received[report] - people.dob[person] < 365) & (rng.random(n) < 0.2)
    finding = np.where(infant, 1, finding)
    # brothers and sisters mostly share the finding
    first = np.searchsorted(report, report)
    finding = np.where(rng.random(n) < 0.75, finding[first], finding)
    many = 1 + np.searchsorted([0.78, 0.96, 0.99], rng.random(n), side="right")
    types = rng.choice(_TYPES, (n, 4), p=_TYPE_SHARES)
    repeated = np.zeros((n, 4), dtype=bool)
    for k in range(1, 4):
        repeated[:, k] = (types[:, :k] == types[:, k : k + 1]).any(axis=1)
    absent = repeated | (np.arange(4) >= many[:, None])
    none = finding == 8
    types[none, 0] = 6
    absent[none, 1:] = True
    levels = np.where(rng.random((n, 4)) < 0.6, finding[:, None], 5)
    levels[:, 0] = finding
    types, levels = np.where(absent, 0, types), np.where(absent, 0, levels)
    # the types alleged stand first
    place = np.argsort(types == 0, axis=1, kind="stable")
    types, levels = (np.take_along_axis(x, place, axis=1) for x in (types, levels))
    after = people.dod[person] - received[report]
    return Reports(
        report=report, person=person, caregiver=carer[report], received=received[report],
        closed=closed[report], source=source[report], finding=finding, types=types,
        levels=levels, fatal=(after >= 0) & (after < 30) & (finding <= 2),
    )  # fmt: skip


def _at_home(world: World, household: np.ndarray, on: np.ndarray):
    """Everybody living in each household on its day: (row of the arguments, person)."""
    res = world.residence
    order = np.argsort(res.household, kind="stable")
    ordered = res.household[order]
    low = np.searchsorted(ordered, household, side="left")
    times = np.searchsorted(ordered, household, side="right") - low
    row = np.repeat(np.arange(len(household)), times)
    at = order[low[row] + np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)]
    there = (res.start[at] <= on[row]) & (res.end[at] > on[row])
    return row[there], res.person[at[there]]


def _removals(world: World, reports: Reports) -> Removals:
    people, window = world.people, world.window
    rng = world.stream("removals")
    n = len(reports.person)
    victim = np.isin(reports.finding, (1, 2))
    infant = reports.received - people.dob[reports.person] < 365
    teen = reports.received - people.dob[reports.person] > 14 * 365
    newborn = reports.received - people.dob[reports.person] < 21
    chance = np.select(
        [victim & newborn, victim & infant, victim, teen], [0.7, 0.45, 0.33, 0.06], 0.012
    )
    taken = np.flatnonzero(rng.random(n) < chance)
    person, carer = reports.person[taken], reports.caregiver[taken]
    start = reports.received[taken] + (rng.random(len(taken)) ** 3 * 30).astype(np.int64)
    end, discharge = _outcomes(world, person, start, rng)
    # one in seven who went home comes back into care
    again = np.flatnonzero((discharge == 1) & (end < OPEN) & (rng.random(len(end)) < 0.15))
    second = end[again] + rng.integers(40, 700, len(again))
    late_end, late_discharge = _outcomes(world, person[again], second, rng)
    person, carer = np.r_[person, person[again]], np.r_[carer, carer[again]]
    start, end = np.r_[start, second], np.r_[end, late_end]
    discharge = np.r_[discharge, late_discharge]

    young = (start < birthday(people.dob[person], 18)) & (start >= people.dob[person])
    fits = young & (start < window.end) & (start < people.dod[person])
    fits &= world.resident(person, start)
    person, carer, start, end, discharge = (x[fits] for x in (person, carer, start, end, discharge))
    order = np.lexsort((start, person))
    person, carer, start, end, discharge = (
        x[order] for x in (person, carer, start, end, discharge)
    )
    # nobody is removed while in care: what begins before an earlier episode is over is no removal
    reach = np.maximum.accumulate(person * (4 * OPEN) + end)
    free = person * (4 * OPEN) + start > np.r_[-1, reach[:-1]]
    return Removals(*(x[free] for x in (person, carer, start, end, discharge)))


def _outcomes(world: World, person: np.ndarray, start: np.ndarray, rng):
    """When care ends and why, for children removed on `start`; OPEN and 0 while in care."""
    people, window = world.people, world.window
    n = len(person)
    age = age_on(people.dob[person], start)
    discharge = rng.choice(_DISCHARGES, n, p=_DISCHARGE_SHARES / _DISCHARGE_SHARES.sum())
    discharge = np.where((discharge == 3) & (age > 11), 5, discharge)
    discharge = np.where((discharge == 7) & (age < 13), 1, discharge)
    median = np.zeros(n)
    for code, days in _MEDIAN_DAYS.items():
        median[discharge == code] = days
    days = np.maximum(median * np.exp(rng.normal(0, 0.75, n)), 8).astype(np.int64)
    # one in seven is home again within the week
    short = rng.random(n) < 0.14
    days = np.where(short, rng.integers(0, 8, n), days)
    discharge = np.where(short, 1, discharge)
    end = start + days
    grown = birthday(people.dob[person], 18)
    out = end > grown
    # two in five who turn 18 in care stay on, to 21 at most
    stays = out & (rng.random(n) < 0.4)
    end = np.where(out, grown, end)
    end = np.where(stays, grown + rng.integers(20, 1090, n), end)
    discharge = np.where(out, 4, discharge)
    died = people.dod[person] <= end
    end = np.where(died, people.dod[person], end)
    discharge = np.where(died, 8, discharge)
    going_on = end >= window.end
    return np.where(going_on, OPEN, end), np.where(going_on, 0, discharge)


def _placements(world: World, removals: Removals) -> Placements:
    window = world.window
    rng = world.stream("placements")
    n = len(removals.person)
    until = np.minimum(removals.end, window.end)
    length = np.maximum(until - removals.start, 1)
    many = 1 + np.minimum(rng.poisson(length / 260), np.minimum(length // 4, 11))
    row = np.repeat(np.arange(n), many)
    first = np.r_[True, row[1:] != row[:-1]] if n else np.zeros(0, dtype=bool)
    start = removals.start[row] + np.where(
        first, 0, (rng.random(len(row)) * length[row]).astype(np.int64)
    )
    # three in ten who go home are at home on trial for the last weeks before
    trial = np.flatnonzero(
        (removals.discharge == 1) & (length > 120) & (rng.random(n) < 0.3)
    )  # fmt: skip
    at_home = until[trial] - rng.integers(20, 75, len(trial))
    row, start = np.r_[row, trial], np.r_[start, at_home]
    is_trial = np.r_[np.zeros(len(row) - len(trial), dtype=bool), np.ones(len(trial), dtype=bool)]
    order = np.lexsort((is_trial, start, row))
    row, start, is_trial = row[order], start[order], is_trial[order]
    # one placement begins on a day, and none after the trial at home
    home_from = np.full(n, OPEN)
    home_from[trial] = at_home
    last_of_day = np.r_[(row[1:] != row[:-1]) | (start[1:] != start[:-1]), np.ones(min(n, 1), bool)]
    keep = last_of_day & ((start < home_from[row]) | is_trial)
    row, start, is_trial = row[keep], start[keep], is_trial[keep]
    same = np.r_[row[1:] == row[:-1], False] if len(row) else np.zeros(0, dtype=bool)
    end = np.where(same, np.r_[start[1:], 0][: len(row)], removals.end[row])
    return Placements(row, start, end, _settings(world, removals, row, start, end, is_trial, rng))


def _settings(world: World, removals: Removals, row, start, end, is_trial, rng) -> np.ndarray:
    age = age_on(world.people.dob[removals.person[row]], start)
    draw = rng.random(len(row))
    last = np.r_[row[1:] != row[:-1], np.ones(min(len(row), 1), dtype=bool)]
    small = np.select([draw < 0.36, draw < 0.93, draw < 0.96], [2, 3, 5], 4)
    teen = np.select([draw < 0.26, draw < 0.62, draw < 0.80, draw < 0.93], [2, 3, 4, 5], 7)
    teen = np.where((teen == 7) & (end - start > 45), 4, teen)
    setting = np.where(age < 13, small, np.where(age < 18, teen, 6))
    adopted = last & (removals.discharge[row] == 3)
    setting = np.where(adopted, 1, setting)
    return np.where(is_trial, TRIAL_HOME_VISIT, setting)


def spells(rows: ChildWelfare) -> Spells:
    """Episodes of foster care. A child who was home again on the day of the removal spent no
    night in care and was in none."""
    r = rows.removals
    person, start, end = (column[r.end > r.start] for column in (r.person, r.start, r.end))
    last = np.where(end < OPEN, end - 1, OPEN)
    return Spells(person, np.full(len(person), "foster_care"), start, last)
