"""What truly was, for the scorer alone: truth/*.csv.

records.csv    source_system, source_person_key, person: whose record each delivered key is
persons.csv    person, birth_date, death_date, sex, race_ethnicity
spells.csv     person, program, start_date, last_day (empty: not over at the last delivery)
residence.csv  person, tract_geoid, start_date, last_day: one row per unbroken stay in a tract
households.csv person, household, start_date, last_day

Persons are named P and seven digits; no delivered file holds such a name. Histories begin at
different days: births, deaths, homes and households seven years before the first delivery
(1 January), assistance 24 months, homelessness two years, jail one year, work two years before.
Add here: another truth the scorer needs. Keep out: anything a pipeline may read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from orchestration.county.columns import ranks, write_rows
from orchestration.county.handover import Handed
from orchestration.county.lives import Spells
from orchestration.county.population import RACES
from orchestration.county.timeline import OPEN, text
from orchestration.county.world import World


def names(persons: np.ndarray) -> np.ndarray:
    """The truth's names of persons."""
    return np.char.add("P", np.char.zfill((np.asarray(persons) + 1).astype("U9"), 7))


def write(world: World, handed: list[Handed], spells: list[Spells], out: Path) -> dict[str, int]:
    """Write truth/*.csv; the number of rows of each."""
    folder = out / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    people, res = world.people, world.residence
    tables = {}
    system, key, person = [], [], []
    parts: dict[str, list] = {}
    for one in handed:
        for name, noted in one.keys.items():
            parts.setdefault(name, []).append(noted)
    for name in sorted(parts):
        keys = np.concatenate([k.to_numpy(zero_copy_only=False) for k, _ in parts[name]])
        persons = np.concatenate([p for _, p in parts[name]])
        order = np.lexsort((np.arange(len(keys)), ranks(keys)))
        # a key of a second holder was noted again in every delivery: once is enough
        number = ranks(keys)[order].astype(np.int64) * 2**31 + persons[order]
        order = order[np.sort(np.unique(number, return_index=True)[1])]
        system.append(np.full(len(order), name))
        key.append(keys[order])
        person.append(persons[order])
    tables["records"] = {
        "source_system": np.concatenate(system),
        "source_person_key": np.concatenate(key),
        "person": names(np.concatenate(person)),
    }
    known = np.unique(np.concatenate([*person, res.person]))
    tables["persons"] = {
        "person": names(known),
        "birth_date": text(people.dob[known]),
        "death_date": text(people.dod[known]),
        "sex": people.sex[known],
        "race_ethnicity": np.array(RACES)[people.race[known]],
    }
    all_ = Spells(*(np.concatenate([getattr(s, f) for s in spells])
                    for f in ("person", "program", "start", "last_day")))  # fmt: skip
    last = np.where(all_.last_day < world.window.end, all_.last_day, OPEN)
    keep = all_.start < world.window.end
    order = np.lexsort((last, all_.start, all_.person, all_.program))
    order = order[keep[order]]
    tables["spells"] = {
        "person": names(all_.person[order]),
        "program": all_.program[order],
        "start_date": text(all_.start[order]),
        "last_day": text(last[order]),
    }
    tract = world.addresses.tract[res.address]
    rows = _unbroken(res.person, tract, res.start, res.end, world.window.end)
    tables["residence"] = {
        "person": names(rows[0]),
        "tract_geoid": np.array([t[0] for t in _tracts()])[rows[1]],
        "start_date": text(rows[2]),
        "last_day": text(rows[3]),
    }
    rows = _unbroken(res.person, res.household, res.start, res.end, world.window.end)
    tables["households"] = {
        "person": names(rows[0]),
        "household": np.char.add("H", np.char.zfill((rows[1] + 1).astype("U9"), 7)),
        "start_date": text(rows[2]),
        "last_day": text(rows[3]),
    }
    for name, columns in tables.items():
        with (folder / f"{name}.csv").open("wb") as handle:
            write_rows(handle.write, columns)
    return {name: len(columns["person"]) for name, columns in tables.items()}


def _tracts():
    from orchestration.county.places import TRACTS

    return TRACTS


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
