"""What truly was, for the scorer alone: truth/*.csv.

records.csv       source_system, source_person_key, person: whose record each delivered key is;
                  a key that an agency gave to two persons has a row for each, the first first
persons.csv       person, birth_date, death_date, sex, race_ethnicity: everyone who is in a
                  delivered file or lived in the county
spells.csv        person, program, start_date, last_day
recorded.csv      person, program, start_date, last_day: of jail, foster care, homeless services,
                  subsidised tenancy and Medicaid, the stays that the agency's newest delivery tells
                  of, under whatever key; what is in spells.csv and not here was expunged, is not
                  entered yet or stands in no report: no reader of the files can know of it
residence.csv     person, tract_geoid, start_date, last_day: one row per unbroken stay in a tract
households.csv    person, household, start_date, last_day
institutions.csv  person, kind (jail, shelter, care_home, foster_care), start_date, last_day:
                  where the person stayed without a household of their own or away from it, which
                  goes on in residence.csv and households.csv
kin.csv           person, related_person, relationship, start_date, last_day: related_person is
                  the person's mother or father from the birth on; their sibling (both parents
                  the same) or half_sibling from the younger one's birth on; their spouse from the
                  wedding on; their partner while they share a home. Until one of them dies.
                  What goes both ways stands once.

last_day is empty for what was not over at the last delivery. Persons are named P and seven
digits, households H and seven; no delivered file holds such a name. Histories begin at
different days: births, deaths, homes and households seven years before the first delivery
(1 January), assistance 24 months, homelessness two years, jail one year, work two years before,
kin at birth or wedding.
Add here: another truth the scorer needs. Keep out: anything a pipeline may read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orchestration.county import kin
from orchestration.county.columns import Coded, Columns, Table, coded, digits, ranks, write_rows
from orchestration.county.handover import Handed
from orchestration.county.lives import Spells
from orchestration.county.places import TRACTS
from orchestration.county.population import RACES
from orchestration.county.timeline import OPEN, dates
from orchestration.county.world import World

# programs of the true spells that are stays in an institution
_INSTITUTIONS = {"jail": "jail", "shelter": "shelter", "foster_care": "foster_care"}


def write(world: World, handed: list[Handed], spells: list[Spells], out: Path) -> dict[str, int]:
    """Write truth/*.csv; the number of rows of each."""
    folder = out / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name, columns in _tables(world, handed, spells):
        with (folder / f"{name}.csv").open("wb") as handle:
            rows[name] = write_rows(handle.write, columns)
    return rows


def _tables(
    world: World, handed: list[Handed], spells: list[Spells]
) -> Iterator[tuple[str, Columns]]:
    people, res, window = world.people, world.residence, world.window
    names = Table(np.char.add("P", digits(np.arange(len(people)) + 1, 7)))
    system, key, person = _records(handed)
    yield (
        "records",
        {
            "source_system": system,
            "source_person_key": key,
            "person": Coded(person, names),
        },
    )
    known = np.zeros(len(people), dtype=bool)
    known[person] = True
    known[res.person] = True
    del system, key, person
    who = np.flatnonzero(known)
    yield (
        "persons",
        {
            "person": Coded(who, names),
            "birth_date": dates(people.dob[who]),
            "death_date": dates(people.dod[who]),
            "sex": people.sex[who],
            "race_ethnicity": Coded(people.race[who], RACES),
        },
    )
    every = Spells(*(np.concatenate([getattr(s, f) for s in spells])
                     for f in ("person", "program", "start", "last_day")))  # fmt: skip
    begun = np.flatnonzero(every.start < window.end)
    every = Spells(*(column[begun] for column in vars(every).values()))
    every.last_day = np.where(every.last_day < window.end, every.last_day, OPEN)
    order = np.lexsort((every.last_day, every.start, every.person, ranks(every.program)))
    yield (
        "spells",
        {
            "person": Coded(every.person[order], names),
            "program": coded(every.program)[order],
            "start_date": dates(every.start[order]),
            "last_day": dates(every.last_day[order]),
        },
    )
    yield "recorded", _recorded(handed, names)
    tract = world.addresses.tract[res.address]
    whose, value, start, last = _unbroken(res.person, tract, res.start, res.end, window.end)
    yield (
        "residence",
        {
            "person": Coded(whose, names),
            "tract_geoid": Coded(value, [t[0] for t in TRACTS]),
            "start_date": dates(start),
            "last_day": dates(last),
        },
    )
    whose, value, start, last = _unbroken(res.person, res.household, res.start, res.end, window.end)
    yield (
        "households",
        {
            "person": Coded(whose, names),
            "household": np.char.add("H", digits(value + 1, 7)),
            "start_date": dates(start),
            "last_day": dates(last),
        },
    )
    whose, kind, start, last = _institutions(world, every)
    yield (
        "institutions",
        {
            "person": Coded(whose, names),
            "kind": kind,
            "start_date": dates(start),
            "last_day": dates(last),
        },
    )
    links = kin.links(world)
    shown = known[links.person] & known[links.related] & (links.start < window.end)
    yield (
        "kin",
        {
            "person": Coded(links.person[shown], names),
            "related_person": Coded(links.related[shown], names),
            "relationship": Coded(links.kind[shown], kin.KINDS),
            "start_date": dates(links.start[shown]),
            "last_day": dates(np.where(links.end < window.end, links.end - 1, OPEN)[shown]),
        },
    )


def _records(handed: list[Handed]) -> tuple[Coded, np.ndarray, np.ndarray]:
    """Source system, key and person of every delivered key, by system and key."""
    parts: dict[str, list] = {}
    for one in handed:
        for name, noted in one.keys.items():
            parts.setdefault(name, []).append(noted)
    key, person, systems, counts = [], [], sorted(parts), []
    for name in systems:
        keys = np.concatenate([k.to_numpy(zero_copy_only=False) for k, _ in parts[name]])
        persons = np.concatenate([p for _, p in parts[name]])
        rank = ranks(keys).astype(np.int64)
        order = np.argsort(rank, kind="stable")
        # a key of a second holder was noted again in every delivery: once is enough
        number = rank[order] * 2**31 + persons[order]
        order = order[np.sort(np.unique(number, return_index=True)[1])]
        key.append(keys[order])
        person.append(persons[order])
        counts.append(len(order))
    system = Coded(np.repeat(np.arange(len(systems)), counts), systems)
    return system, np.concatenate(key), np.concatenate(person)


def _recorded(handed: list[Handed], names: Table) -> Columns:
    """The stays that the newest deliveries tell of, by program, person and day."""
    told = {name: rows for one in handed for name, rows in one.told.items()}
    programs = sorted(told)
    columns = [np.concatenate([told[name][k] for name in programs]) for k in range(3)]
    person, start, last = columns
    program = np.repeat(np.arange(len(programs)), [len(told[name][0]) for name in programs])
    order = np.lexsort((last, start, person, program))
    return {
        "person": Coded(person[order], names),
        "program": Coded(program[order], programs),
        "start_date": dates(start[order]),
        "last_day": dates(last[order]),
    }


def _institutions(world: World, spells: Spells):
    """Stays in institutions, by kind, person and day; of one kind, those that overlap or follow
    on one another are one."""
    res, window = world.residence, world.window
    homes = [row for name, row in world.addresses.named.items() if name.startswith("care home")]
    cared = np.flatnonzero(np.isin(res.address, homes) & (res.start < window.end))
    inside = np.flatnonzero(np.isin(spells.program, list(_INSTITUTIONS)))
    kind = np.concatenate([
        np.array([_INSTITUTIONS[p] for p in spells.program[inside].tolist()], dtype=object),
        np.full(len(cared), "care_home", dtype=object),
    ])  # fmt: skip
    person = np.concatenate([spells.person[inside], res.person[cared]])
    start = np.concatenate([spells.start[inside], res.start[cared]])
    last = np.concatenate([
        spells.last_day[inside], np.where(res.end[cared] < window.end, res.end[cared] - 1, OPEN)
    ])  # fmt: skip
    group = ranks(kind).astype(np.int64) * len(world.people) + person
    order = np.lexsort((start, group))
    group, kind, person, start, last = (x[order] for x in (group, kind, person, start, last))
    # the latest last day so far within a group; groups ascend, so one running maximum will do
    reach = np.maximum.accumulate(group * (2 * OPEN) + last) - group * (2 * OPEN)
    new = np.r_[True, (group[1:] != group[:-1]) | (start[1:] > reach[:-1] + 1)][: len(group)]
    first = np.flatnonzero(new)
    final = np.r_[first[1:] - 1, len(group) - 1][: len(first)]
    return person[first], coded(kind[first]), start[first], reach[final]


def _unbroken(person, value, start, end, window_end: int):
    """Join spells that follow on one another with the same value; last day, OPEN if not over."""
    inside = start < window_end
    person, value, start, end = (x[inside] for x in (person, value, start, end))
    new = np.r_[
        True,
        (person[1:] != person[:-1]) | (value[1:] != value[:-1]) | (start[1:] != end[:-1]),
    ]
    first = np.flatnonzero(new)
    last = np.r_[first[1:] - 1, len(person) - 1]
    finish = np.where(end[last] < window_end, end[last] - 1, OPEN)
    return person[first], value[first], start[first], finish
