"""Who is whose kin in truth: parents, brothers and sisters, husbands, wives and partners.

Add here: another true relationship. Keep out: what an agency was told of it (agencies/), and
who shares a home without being kin (households.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.population import HEAD, PARTNER
from orchestration.county.timeline import OPEN, birthday
from orchestration.county.world import World

KINDS = ("mother", "father", "sibling", "half_sibling", "spouse", "partner")


@dataclass
class Kin:
    """One row per link: `related` is the person's KINDS[kind] from day start until end.

    Half-open; end is OPEN while both live (partners: while they live together). Symmetrical
    links stand once, the person with the lower number first.
    """

    person: np.ndarray
    related: np.ndarray
    kind: np.ndarray
    start: np.ndarray
    end: np.ndarray


def links(world: World) -> Kin:
    """All links between persons of the world, by person, kind and related person."""
    people = world.people
    parts = [_parents(people), *_siblings(people), _spouses(world), _partners(world)]
    person, related, kind, start, end = (np.concatenate(c) for c in zip(*parts, strict=True))
    end = np.minimum.reduce([end, people.dod[person], people.dod[related]])
    swap = (kind > 1) & (related < person)
    person, related = np.where(swap, related, person), np.where(swap, person, related)
    order = np.lexsort((related, kind, person))
    order = order[start[order] < end[order]]
    return Kin(*(c[order] for c in (person, related, kind, start, end)))


def _parents(people):
    child = [np.flatnonzero(parent >= 0) for parent in (people.mother, people.father)]
    related = np.concatenate([people.mother[child[0]], people.father[child[1]]])
    kind = np.repeat([0, 1], [len(c) for c in child])
    child = np.concatenate(child)
    # a father may die before the birth: the link begins all the same, and is over that day
    start = np.minimum(people.dob[child], people.dod[related] - 1)
    return child, related, kind, start, np.full(len(child), OPEN)


def _siblings(people) -> list[tuple[np.ndarray, ...]]:
    """Full where both parents are the same and known, else half."""
    n = len(people)
    pairs = []
    for parent in (people.mother, people.father):
        order = np.argsort(parent, kind="stable")
        order = order[parent[order] >= 0]
        # each with the next, the one after that, ... of the same parent
        for step in range(1, 30):
            a, b = order[:-step], order[step:]
            same = parent[a] == parent[b]
            if not same.any():
                break
            pairs.append(a[same] * np.int64(n) + b[same])
    # pairs of rows ascend within a parent, so that a pair of both parents is one key
    key = np.unique(np.concatenate(pairs)) if pairs else np.zeros(0, dtype=np.int64)
    a, b = key // n, key % n
    full = (people.mother[a] == people.mother[b]) & (people.mother[a] >= 0)
    full &= (people.father[a] == people.father[b]) & (people.father[a] >= 0)
    start = np.maximum(people.dob[a], people.dob[b])
    return [(a, b, np.where(full, 2, 3), start, np.full(len(a), OPEN))]


def _spouses(world: World):
    people = world.people
    a = np.flatnonzero(people.spouse > np.arange(len(people)))
    b = people.spouse[a]
    together, _ = _together(world, a, b)
    start = np.where(people.married[a] < OPEN, people.married[a], together)
    return a, b, np.full(len(a), 4), start, np.full(len(a), OPEN)


def _partners(world: World):
    """Unmarried couples: the head of a home and the partner, while both live there."""
    people = world.people
    head = np.full(len(world.houses), -1)
    heads = np.flatnonzero((people.relation == HEAD) & (people.home >= 0))
    head[people.home[heads]] = heads
    a = np.flatnonzero((people.relation == PARTNER) & (people.home >= 0))
    a = a[head[people.home[a]] >= 0]
    b = head[people.home[a]]
    start, end = _together(world, a, b)
    return a, b, np.full(len(a), 5), start, end


def _together(world: World, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first day and the end of both living in a's home as adults; start OPEN where they
    never did."""
    res, home = world.residence, world.people.home
    here = res.household == home[res.person]
    first = np.full(len(home), OPEN)
    last = np.zeros(len(home), dtype=np.int64)
    np.minimum.at(first, res.person[here], res.start[here])
    np.maximum.at(last, res.person[here], res.end[here])
    grown = birthday(np.maximum(world.people.dob[a], world.people.dob[b]), 18)
    start = np.maximum.reduce([first[a], first[b], grown])
    end = np.minimum(last[a], last[b])
    never = (start >= end) | (home[a] != home[b])
    return np.where(never, OPEN, start), np.where(never, OPEN, end)
