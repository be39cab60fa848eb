"""Homelessness: who stays in shelters and other projects of the homeless services.

Single adults and families (a lone parent with children, mostly) from the poorest households;
one to five enrolments each since two years before the first delivery. A stay counts from the
entry date through the day before the exit date. Add here: another kind of project.
Keep out: HMIS codes and files (agencies/hmis.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.lives import Spells
from orchestration.county.population import HEAD, PARTNER, SPOUSE
from orchestration.county.timeline import OPEN, age_on, day
from orchestration.county.world import World

# name, HMIS project type, typical stay (median days), for singles, for families
PROJECTS = (
    ("Harbor Night Shelter", 1, 14, 30, 0),
    ("Mercy Street Shelter", 0, 26, 26, 0),
    ("Bright Door Family Shelter", 0, 42, 0, 46),
    ("Lighthouse Transitional Homes", 2, 170, 7, 12),
    ("Cornerstone Supportive Housing", 3, 420, 6, 5),
    ("Rapid Return Rehousing", 13, 130, 9, 26),
    ("County Street Outreach", 4, 60, 15, 0),
    ("Day Haven", 11, 40, 6, 0),
    ("Prevention Fund", 12, 45, 3, 9),
    ("Coordinated Entry", 14, 35, 10, 10),
)
PROGRAM = {
    0: "shelter", 1: "shelter", 2: "transitional_housing", 3: "permanent_housing",
    9: "permanent_housing", 10: "permanent_housing", 13: "permanent_housing",
    4: "street_outreach",
}  # fmt: skip


@dataclass
class Enrolments:
    """One row per person and enrolment; group numbers people who came together.

    project: row of PROJECTS; relation: to the head, HMIS code 1 self, 2 child, 3 partner.
    """

    person: np.ndarray
    group: np.ndarray
    project: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    relation: np.ndarray
    moved_in: np.ndarray


def begins(world: World) -> int:
    """The first day of the histories: 1 January two years before the first delivery."""
    return day(world.window.year - 2, 1, 1)


def history(world: World) -> Enrolments:
    """All enrolments that reach into the histories, heads before the others of their group."""
    people, window = world.people, world.window
    rng = world.stream("homelessness")
    low = begins(world)
    scale = world.persons / 20_000
    everyone = np.arange(len(people))
    lived = world.resident(everyone, low + 200) | world.resident(everyone, window.start)
    age = age_on(people.dob, low + 300)
    need = world.need(everyone)
    minors = np.bincount(
        people.home[people.home >= 0],
        weights=(age[people.home >= 0] < 17),
        minlength=len(world.houses),
    )
    own_kids = (people.home >= 0) & (minors[people.home] > 0)
    adult = lived & (age >= 18) & (age < 76)
    weight = np.where(
        adult & ~own_kids, np.exp(7.0 * need) * np.where(people.sex == "M", 1.6, 1), 0
    )
    weight *= np.where(age > 64, 0.4, 1.0)
    count = min(max(8, round(195 * scale)), int((weight > 0).sum()))
    singles = np.sort(rng.choice(everyone, count, replace=False, p=weight / weight.sum()))
    parent = adult & own_kids & np.isin(people.relation, (HEAD,)) & (age < 55)
    weight = np.where(parent, np.exp(8.0 * need), 0)
    count = min(max(4, round(54 * scale)), int(parent.sum()))
    parents = np.sort(rng.choice(everyone, count, replace=False, p=weight / weight.sum()))

    heads = np.concatenate([singles, parents])
    family = np.repeat([False, True], [len(singles), len(parents)])
    times = 1 + np.minimum(rng.poisson(0.75, len(heads)), 4)
    rows: list[tuple[int, int, int, int]] = []  # head index, project, entry, exit
    share = {
        False: np.array([p[3] for p in PROJECTS], dtype=float),
        True: np.array([p[4] for p in PROJECTS], dtype=float),
    }
    for i in range(len(heads)):
        who = int(heads[i])
        entry = int(rng.integers(low - 120, window.end))
        odds = share[bool(family[i])]
        for _ in range(int(times[i])):
            project = int(rng.choice(len(PROJECTS), p=odds / odds.sum()))
            nights = max(1, int(PROJECTS[project][2] * np.exp(rng.normal(0, 0.95))))
            leave = min(entry + nights, int(people.dod[who]))
            if entry >= window.end or leave <= entry or people.dod[who] <= entry:
                break
            if leave > low:
                rows.append((i, project, entry, leave))
            draw = rng.random()
            if draw < 0.25:  # from one project straight to the next
                entry = leave
            elif draw < 0.33:  # the next begins before the last one ends
                entry = leave - int(rng.integers(1, max(2, min(nights, 12))))
            else:
                entry = leave + 1 + int(rng.exponential(75))
    head, project, entry, leave = (np.array(x) for x in zip(*rows, strict=True))
    order = np.lexsort((entry, head))
    head, project, entry, leave = head[order], project[order], entry[order], leave[order]
    person, group, relation = [], [], []
    by_home: dict[int, list[int]] = {}
    for who in np.flatnonzero(np.isin(people.home, people.home[parents])).tolist():
        by_home.setdefault(int(people.home[who]), []).append(who)
    for g in range(len(head)):
        who = int(heads[head[g]])
        person.append(who)
        group.append(g)
        relation.append(1)
        if not family[head[g]]:
            continue
        for other in by_home.get(int(people.home[who]), ()):
            if other == who or people.dob[other] > entry[g] or people.dod[other] <= entry[g]:
                continue
            years = int(age_on(people.dob[[other]], int(entry[g]))[0])
            if years < 18:
                person.append(other)
                group.append(g)
                relation.append(2)
            elif people.relation[other] in (SPOUSE, PARTNER):
                person.append(other)
                group.append(g)
                relation.append(3)
    person, group, relation = np.array(person), np.array(group), np.array(relation)
    kind = np.array([p[1] for p in PROJECTS])[project]
    moved = np.where(np.isin(kind, (3, 13)), entry + rng.integers(0, 60, len(entry)), OPEN)
    moved = np.where(moved < leave, moved, OPEN)
    return Enrolments(
        person, group, project[group], entry[group],
        np.where(leave[group] < window.end, leave[group], OPEN), relation, moved[group],
    )  # fmt: skip


def spells(rows: Enrolments) -> Spells:
    """One spell per person and enrolment, through the day before the exit."""
    kind = np.array([p[1] for p in PROJECTS])[rows.project]
    program = np.array([PROGRAM.get(int(k), "other_homeless_service") for k in kind])
    last = np.where(rows.exit < OPEN, np.maximum(rows.exit - 1, rows.entry), OPEN)
    return Spells(rows.person, program, rows.entry, last)
