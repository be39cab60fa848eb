"""An agency's record of a person: identity as that agency once wrote it down.

Errors belong to the record, not to the delivery: they are drawn once and stay, until the
agency corrects the record (a second version, from some delivery on). About one person in a
hundred has two records in one agency, some of which are merged later. `reissued`, `entered`
and `expunged` are for ids given out again and for records that come late or vanish.
Add here: another way a record differs from the person. Keep out: layouts and files (agencies/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from orchestration.county import noise
from orchestration.county.columns import Coded, coded, digits, mapped
from orchestration.county.timeline import OPEN, month_of, parts
from orchestration.county.world import World

DAY_KNOWN, DATE_UNKNOWN = 0, 1


@dataclass(frozen=True)
class Habits:
    """How often an agency errs, as shares of records. Levels follow the measured ranges of
    administrative data (names 1-3 % per field, day and month swapped 0.5 %, another's SSN
    0.3 %); each agency sets its own.
    """

    name_typo: float = 0.015
    nickname: float = 0.0
    first_middle_swap: float = 0.003
    middle_blank: float = 0.15
    middle_initial: float = 0.0
    suffix_kept: float = 0.75
    suffix_in_last: float = 0.12
    double_surname: float = 0.3
    old_surname: float = 0.02
    day_month_swap: float = 0.005
    dob_digit: float = 0.006
    ssn_blank: float = 0.0
    ssn_digit: float = 0.006
    ssn_borrowed: float = 0.003
    sex_wrong: float = 0.002
    accents: float = 0.0
    corrected: float = 0.15
    renamed_later: float = 0.6


@dataclass
class Identity:
    """Columns of recorded identities: text in capitals, dob a day, sex F, M."""

    first: np.ndarray
    middle: np.ndarray
    last: np.ndarray
    suffix: np.ndarray
    dob: np.ndarray
    ssn: np.ndarray
    sex: np.ndarray

    def take(self, rows: np.ndarray) -> Identity:
        """The identities of the given records."""
        return Identity(*(c[rows] for c in vars(self).values()))


_ACCENTS = {
    "MUNOZ": "MUÑOZ", "NUNEZ": "NUÑEZ", "PENA": "PEÑA", "ZUNIGA": "ZUÑIGA",
    "ORDONEZ": "ORDOÑEZ", "GARCIA": "GARCÍA", "GONZALEZ": "GONZÁLEZ", "HERNANDEZ": "HERNÁNDEZ",
    "RODRIGUEZ": "RODRÍGUEZ", "LOPEZ": "LÓPEZ", "MARTINEZ": "MARTÍNEZ", "JIMENEZ": "JIMÉNEZ",
    "RAMIREZ": "RAMÍREZ", "SANCHEZ": "SÁNCHEZ", "PEREZ": "PÉREZ", "GOMEZ": "GÓMEZ",
}  # fmt: skip


def write_down(
    world: World, who: np.ndarray, when: np.ndarray, habits: Habits, name: str
) -> Identity:
    """Identities of persons `who` as an agency noted them on days `when`, errors included."""
    people, rng = world.people, world.stream(f"records {name}")
    n = len(who)
    draw = rng.random((12, n))
    stale = draw[0] < habits.old_surname
    last = people.surname(who, np.where(stale, when - 3 * 365, when)).astype(object)
    first, middle = people.first[who].copy(), people.middle[who].copy()
    last = noise.apply(last, _double(last) & (draw[1] < habits.double_surname), rng,
                       noise.double_name)  # fmt: skip
    if habits.accents:
        use = draw[2] < habits.accents
        last = np.array(
            [_ACCENTS.get(v, v) if u else v for v, u in zip(last, use, strict=True)], dtype=object
        )
    first = noise.apply(first, draw[3] < habits.nickname, rng, noise.nickname)
    swap = (draw[4] < habits.first_middle_swap) & (middle != "")
    first, middle = np.where(swap, middle, first), np.where(swap, first, middle)
    middle = noise.apply(middle, draw[5] < habits.middle_blank, rng, noise.blank)
    middle = noise.apply(middle, draw[6] < habits.middle_initial, rng, noise.initial)
    for column in (first, last, middle):
        column[:] = noise.apply(column, rng.random(n) < habits.name_typo, rng, noise.typo)
    suffix = people.suffix[who]
    inside = np.flatnonzero((suffix != "") & (draw[7] > 1 - habits.suffix_in_last))
    last[inside] = last[inside] + " " + suffix[inside]
    suffix = np.where(draw[7] < min(habits.suffix_kept, 1 - habits.suffix_in_last), suffix, "")
    suffix = suffix.astype(object)
    dob = people.dob[who].copy()
    swapped = noise.swapped_day_and_month(dob)
    dob = np.where((draw[8] < habits.day_month_swap) & (swapped <= when), swapped, dob)
    shifts = np.array([1, -1, 10, -10, 365, -365, 3653, 31, -30, 2])
    wrong = dob + shifts[rng.integers(0, len(shifts), n)]
    dob = np.where((draw[9] < habits.dob_digit) & (wrong <= when), wrong, dob)
    ssn = people.ssn[who].astype(object)
    ssn = noise.apply(ssn, rng.random(n) < habits.ssn_digit, rng, noise.digits)
    relative = _someone_at_home(world)[who]
    borrowed = (draw[10] < habits.ssn_borrowed) & (relative >= 0)
    ssn = np.where(borrowed, people.ssn[relative], ssn)
    ssn = np.where(rng.random(n) < habits.ssn_blank, "", ssn).astype(object)
    other = np.where(people.sex[who] == "F", "M", "F")
    sex = np.where(draw[11] < habits.sex_wrong, other, people.sex[who])
    return Identity(first, middle, last, suffix, dob, ssn, sex)


def _double(values: np.ndarray) -> np.ndarray:
    return np.array(["-" in v or " " in v for v in values], dtype=bool)


def _someone_at_home(world: World) -> np.ndarray:
    """For each person another one of the same home (-1 where they live alone)."""
    home = world.people.home
    order = np.argsort(home, kind="stable")
    following = np.r_[order[1:], order[0]]
    out = np.full(len(home), -1)
    same = (home[order] == home[following]) & (home[order] >= 0)
    out[order[same]] = following[same]
    # the last of a home looks back to the one before
    lonely = order[1:][~same[1:] & (home[order[1:]] == home[order[:-1]]) & (home[order[1:]] >= 0)]
    before = order[:-1][~same[1:] & (home[order[1:]] == home[order[:-1]]) & (home[order[1:]] >= 0)]
    out[lonely] = before
    return out


# a delivery number that never comes
NEVER = 10_000


@dataclass
class Ledger:
    """All records of one agency. Record r is about `person[r]`.

    A person has one record, or two: then things before `cut` belong to the first and later
    ones to the second. Each record is `before` up to delivery `change` and `after` from it on.
    From delivery `merged[r]` on (NEVER for most) record r is no more: what was its, is now
    record `into[r]`'s.
    """

    person: np.ndarray
    cut: np.ndarray
    second: np.ndarray
    before: Identity
    after: Identity
    change: np.ndarray
    who: np.ndarray
    merged: np.ndarray
    into: np.ndarray

    def record(
        self, who: np.ndarray, on: np.ndarray | int, delivery: int | None = None
    ) -> np.ndarray:
        """The record number for each person on each day.

        delivery: 0-based; given, the records that were merged by then stand for what they were
        merged into. An agency whose ids are never merged leaves it out.
        """
        at = np.searchsorted(self.who, who)
        row = np.where((self.second[at] >= 0) & (on >= self.cut[at]), self.second[at], at)
        return (
            row if delivery is None else np.where(self.merged[row] <= delivery, self.into[row], row)
        )

    def identity(self, delivery: int) -> Identity:
        """All records as they stand in a delivery (0-based)."""
        fixed = self.change <= delivery
        return Identity(
            *(
                np.where(fixed, a, b)
                for a, b in zip(vars(self.after).values(), vars(self.before).values(), strict=True)
            )
        )

    def column(
        self, field: str, delivery: int, change: Callable[[str], str] | None = None
    ) -> Coded:
        """One text field of `identity(delivery)` as a column for big files.

        `change` (str.title, say) is called once per distinct value in all deliveries together.
        """
        key = (field, change)
        if key not in self._columns:
            before, after = getattr(self.before, field), getattr(self.after, field)
            both = coded(np.concatenate([before, after]))
            self._columns[key] = both if change is None else both.map(change)
        both, n = self._columns[key], len(self.person)
        fixed = self.change <= delivery
        return Coded(np.where(fixed, both.codes[n:], both.codes[:n]), both.table)

    def day_of_birth(self, delivery: int) -> np.ndarray:
        """The birth dates of `identity(delivery)`, as days."""
        return np.where(self.change <= delivery, self.after.dob, self.before.dob)

    def __post_init__(self) -> None:
        self._columns: dict[tuple, Coded] = {}


def open_ledger(
    world: World, who: np.ndarray, first_seen: np.ndarray, habits: Habits, name: str,
    *, twice: float = 0.01, cut_from: int | None = None,
) -> Ledger:  # fmt: skip
    """Records for the persons `who` (sorted, distinct), first met on `first_seen`.

    twice: share of persons with two records; their second one starts on a day between
    `cut_from` (default: the start of the window) and the end of the window.
    """
    window = world.window
    rng = world.stream(f"ledger {name}")
    n = len(who)
    low = window.start if cut_from is None else cut_from
    again = rng.random(n) < twice
    cut = np.where(again, rng.integers(low, window.end, n), OPEN)
    second = np.full(n, -1)
    second[again] = n + np.arange(again.sum())
    person = np.concatenate([who, who[again]])
    seen = np.concatenate([first_seen, np.maximum(first_seen[again], cut[again])])
    before = write_down(world, person, seen, habits, name)
    # corrections: some wrong records are put right; new surnames reach some records
    m = len(person)
    clean = write_down(
        world, person, seen,
        replace(habits, name_typo=0, day_month_swap=0, dob_digit=0, ssn_digit=0, ssn_borrowed=0,
                sex_wrong=0, first_middle_swap=0, nickname=0, old_surname=0, double_surname=0,
                accents=0),
        name + " corrected",
    )  # fmt: skip
    draw = rng.random(m)
    when = rng.integers(1, max(2, window.months), m)
    fixes = draw < habits.corrected
    # a correction puts the wrong field right and leaves the rest of the record as it is
    after = Identity(*(np.array(c, copy=True) for c in vars(before).values()))
    for field in ("first", "last", "dob", "ssn", "sex"):
        wrong = fixes & (getattr(before, field) != getattr(clean, field))
        wrong &= getattr(before, field) != ""
        getattr(after, field)[wrong] = getattr(clean, field)[wrong]
    change = np.where(fixes, when, NEVER)
    wed = world.people.renamed[person]
    hears = (wed >= np.maximum(seen, window.start)) & (wed < window.end)
    hears &= rng.random(m) < habits.renamed_later
    months_on = (wed - window.start) // 30 + 1 + rng.integers(0, 2, m)
    after.last[hears] = world.people.last[person][hears]
    change = np.where(hears, months_on, change)
    merged, into = _merges(world, cut, second, name)
    return Ledger(person, cut, second, before, after, change, who, merged, into)


def _merges(world: World, cut, second, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Two fifths of the doubled persons are found out one to eight deliveries after the second
    record began. The older record stays, but in one case of four the newer one."""
    window = world.window
    rng = world.stream(f"ledger merges {name}")
    n = len(second)
    pairs = np.flatnonzero(second >= 0)
    k = len(pairs)
    began = month_of(np.maximum(cut[pairs], window.start)) - window.first
    when = np.where(rng.random(k) < 0.4, began + rng.integers(1, 9, k), NEVER)
    newer_stays = rng.random(k) < 0.25
    merged = np.full(n + k, NEVER)
    into = np.arange(n + k)
    gone = np.where(newer_stays, pairs, second[pairs])
    merged[gone] = when
    into[gone] = np.where(newer_stays, second[pairs], pairs)
    return merged, into


def reissued(
    ids: np.ndarray, owner: np.ndarray, first: np.ndarray, last: np.ndarray, *,
    gap: int, share: float, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """The ids with some given out again to another owner after a gap.

    ids, owner, first, last: per record, its id, whose it is, and the first and last step
    (delivery, month, day) in which it is used. A `share` of the records whose first step leaves
    room takes the id of one that was last used `gap` steps or more before; no id goes to more
    than two. The truth then names the id twice, the first owner first.
    """
    if not len(first):
        return np.asarray(ids)
    order = np.argsort(first, kind="stable")
    takers = order[first[order] >= first[order[0]] + gap]
    takers = takers[rng.random(len(takers)) < share]
    givers = rng.permutation(np.setdiff1d(np.arange(len(ids)), takers))
    givers = givers[np.argsort(last[givers], kind="stable")]
    # the longest unused id goes to whoever comes first; as many as fit
    k = min(len(takers), len(givers))
    takers, givers = takers[:k], givers[:k]
    fits = (last[givers] + gap <= first[takers]) & (owner[givers] != owner[takers])
    out = np.asarray(ids).copy()
    out[takers[fits]] = out[givers[fits]]
    return out


def entered(
    on: np.ndarray, rng: np.random.Generator, *, days: float = 3.0, late: float = 0.02,
    most: int = 150,
) -> np.ndarray:  # fmt: skip
    """The day on which a record of something that happened on day `on` is in the agency's files.

    days: the mean delay; late: the share that takes 30 to `most` days, so that it belongs to
    an earlier month than the delivery in which it first appears.
    """
    n = len(on)
    usual = on + rng.geometric(1 / (1 + days), n) - 1
    slow = on + rng.integers(30, most, n)
    return np.where(rng.random(n) < late, slow, usual)


def expunged(
    since: np.ndarray, rng: np.random.Generator, *, share: float, least: int = 60, most: int = 500
) -> np.ndarray:
    """The day from which a record is sealed or expunged and in no delivery any more; else OPEN.

    `share` of the records go, `least` to `most` days after the day `since` (of the dismissal,
    of the finding). Choose whom by giving the others' since as OPEN.
    """
    n = len(since)
    goes = (rng.random(n) < share) & (since < OPEN)
    return np.where(goes, since + rng.integers(least, most, n), OPEN)


def numbers(world: World, name: str, count: int, low: int, high: int) -> np.ndarray:
    """`count` distinct id numbers between low and high, in no order, as text."""
    rng = world.stream(f"ids {name}")
    found = np.unique(rng.integers(low, high, count + count // 8 + 32))
    while len(found) < count:
        found = np.unique(np.concatenate([found, rng.integers(low, high, count)]))
    return rng.permutation(found)[:count].astype("U20")


def address_lines(
    world: World, who: np.ndarray, address: np.ndarray, name: str, errors: float = 0.02
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Number and street, unit, town, ZIP as the agency's record of that person has them.

    The same person and address always come out the same in one agency. -1: empty.
    """
    a = world.addresses
    known = address >= 0
    street = a.line[address]
    unit, city, zip_ = a.unit[address], a.city[address], a.zip[address]
    hit = world.uniform(f"street error {name}", who, address) < errors
    bits = (world.uniform(f"street bits {name}", who, address) * 2**53).astype(np.int64)
    for row in np.flatnonzero(hit & known).tolist():
        number, rest = street[row].split(" ", 1)
        street[row] = number + " " + noise.street(rest, int(bits[row]))
    style = world.uniform(f"unit style {name}", who, address)
    for row in np.flatnonzero((style < 0.12) & (unit != "")).tolist():
        value = unit[row].split(" ")[-1]
        unit[row] = ("#" + value, "", "UNIT " + value, "APT " + value)[int(style[row] * 1000) % 4]
    if not known.all():
        street, unit, city, zip_ = (np.where(known, c, "") for c in (street, unit, city, zip_))
    return street, unit, city, zip_


@dataclass(frozen=True)
class AddressBook:
    """The addresses of an agency's records by delivery, each written down once.

    row: deliveries x records, the row of the text columns; street, unit, city, zip as
    address_lines gives them.
    """

    row: np.ndarray
    street: np.ndarray
    unit: np.ndarray
    city: np.ndarray
    zip: np.ndarray

    def lines(self, delivery: int, records: np.ndarray) -> tuple[np.ndarray, ...]:
        """Street, unit, town and ZIP of the records as they stand in a delivery (0-based)."""
        at = self.row[delivery, records]
        return self.street[at], self.unit[at], self.city[at], self.zip[at]


def address_book(
    world: World, who: np.ndarray, name: str, *, errors: float = 0.02, slow: int = 90
) -> AddressBook:
    """What the agency has as the home of its records' persons `who`, delivery by delivery.

    slow: most days that pass before the agency hears of a move; each person has a delay.
    """
    delay = (world.uniform(f"address delay {name}", who) * slow).astype(np.int64)
    deliveries = range(world.window.months)
    address = np.array([world.address_at(who, world.window.as_of(i) - delay) for i in deliveries])
    pair = np.asarray(who, dtype=np.int64) * (len(world.addresses.number) + 1) + address + 1
    found, row = np.unique(pair, return_inverse=True)
    person, place = np.divmod(found, len(world.addresses.number) + 1)
    street, unit, city, zip_ = address_lines(world, person, place - 1, name, errors)
    return AddressBook(row.reshape(pair.shape), street, unit, city, zip_.astype(object))


def title(values: np.ndarray | Coded) -> np.ndarray:
    """Text in title case (O'Neil and Mc names come out as a clerk's shift key leaves them)."""
    return mapped(values, str.title)


_TWO_DIGITS = digits(np.arange(100), 2)
_YEARS = digits(np.arange(10_000), 4)


def date_parts(days: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Year, two-digit month and day as text; 9999, 99, 99 for OPEN."""
    known = days < OPEN
    y, m, d = parts(np.where(known, days, 0))
    return (
        _YEARS[np.where(known, y, 9999)],
        _TWO_DIGITS[np.where(known, m, 99)],
        _TWO_DIGITS[np.where(known, d, 99)],
    )
