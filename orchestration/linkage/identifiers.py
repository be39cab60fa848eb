"""Which person id each cluster gets: the one its records had before.

Pure: arrays in, decisions out. A cluster keeps the id that most of its records carry; an id
is a number from our own sequence and is made of nothing a person has. Add here: a rule about
ids. Keep out: reading, writing, clustering.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIRST_PERSON_ID = 100_000_001


@dataclass(frozen=True, order=True)
class Event:
    """kind: create, merge, split, move, retire or restore; records: source records moved."""

    kind: str
    from_person: int | None
    to_person: int | None
    records: int

    def key(self) -> tuple:
        return (self.kind, self.from_person or 0, self.to_person or 0)


@dataclass(frozen=True)
class Assignment:
    """person: id per source record, in the order given; created, restored, retired: ids that
    came, came back or lost their last record; merged: id -> the id it went into."""

    person: list[int]
    created: list[int]
    restored: list[int]
    retired: list[int]
    merged: dict[int, int]
    events: list[Event] = field(default_factory=list)


def assign(
    cluster: Sequence[int],
    keys: Sequence[tuple[str, str]],
    before: Sequence[int],
    former: dict[tuple[str, str], Sequence[int]],
    active: set[int],
    next_id: int,
    at_stake: set[int] | None = None,
) -> Assignment:
    """Give every cluster an id.

    cluster: cluster number per source record; keys: (source_system, source_person_key) of
    each; before: the id it carries now, 0 for none; former: ids a record carried earlier;
    active: every id in use now (also of records that are no longer delivered); next_id: the
    first id never given out; at_stake: the ids that end when no cluster takes them, where the
    records are a part of all there are; `active` when not given.

    The largest overlap of records decides, then the older (smaller) id. A cluster that
    inherits no id in use takes back a former id of its own records before it gets a new one,
    so that undoing a merge brings the old id back. New ids follow a hash of the cluster's
    keys: their order says nothing about anybody.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(cluster):
        members[number].append(row)

    @cache
    def order(number: int) -> bytes:
        return sha256(repr(sorted(keys[row] for row in members[number])).encode()).digest()

    given: dict[int, int] = {}
    taken: set[int] = set()
    _greedy(Counter(zip(cluster, before, strict=True)), order, given, taken)

    restored: list[int] = []
    open_clusters = [number for number in members if number not in given]
    history: Counter[tuple[int, int]] = Counter()
    for number in open_clusters:
        for row in members[number]:
            for person in former.get(keys[row], ()):
                if person not in active:
                    history[number, person] += 1
    _greedy(history, order, given, taken)
    restored.extend(sorted(given[number] for number in open_clusters if number in given))

    created: list[int] = []
    for number in sorted((n for n in open_clusters if n not in given), key=order):
        given[number] = next_id
        created.append(next_id)
        next_id += 1

    person = [given[number] for number in cluster]
    moved = Counter(
        (old, new) for old, new in zip(before, person, strict=True) if old and old != new
    )
    fresh = set(created) | set(restored)
    events: list[Event] = []
    merged: dict[int, int] = {}
    retired: list[int] = []
    destinations: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (old, new), records in sorted(moved.items()):
        destinations[old].append((-records, new))
    for old in sorted((active if at_stake is None else at_stake) - taken):
        if old in destinations:
            merged[old] = min(destinations[old])[1]
        else:
            retired.append(old)
            events.append(Event("retire", old, None, 0))
    size = Counter(person)
    came_from_somebody = {new for _, new in moved}
    for new in sorted(fresh - came_from_somebody):
        kind = "restore" if new in restored else "create"
        events.append(Event(kind, None, new, size[new]))
    for (old, new), records in sorted(moved.items()):
        kind = "merge" if merged.get(old) == new else "split" if new in fresh else "move"
        events.append(Event(kind, old, new, records))
    return Assignment(
        person=person,
        created=created,
        restored=restored,
        retired=retired,
        merged=merged,
        events=sorted(events, key=Event.key),
    )


def _greedy(
    overlap: Counter[tuple[int, int]],
    order: Callable[[int], bytes],
    given: dict[int, int],
    taken: set[int],
) -> None:
    """Hand out ids by overlap; each cluster and each id at most once."""
    clusters, persons = (Counter(pair[side] for pair in overlap if pair[1]) for side in (0, 1))
    contested = []
    for (number, person), records in overlap.items():
        if not person or number in given or person in taken:
            continue
        if clusters[number] == persons[person] == 1:
            given[number] = person
            taken.add(person)
        else:
            contested.append((-records, person, order(number), number))
    for _, person, _, number in sorted(contested):
        if number not in given and person not in taken:
            given[number] = person
            taken.add(person)
