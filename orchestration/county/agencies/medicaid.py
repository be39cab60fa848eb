"""Medicaid: who is enrolled (eligibles.csv) and from when to when (enrollment_spans_YYYY-MM.csv).

Both in the vocabulary of the federal T-MSIS eligibility file, with its segments for
demographics and contact (ELG00002, ELG00004) and for enrollment time spans (ELG00021) as plain
CSV files; names of columns are those of the standard with underscores. Dates are CCYYMMDD.
eligibles is a snapshot of everyone on file since the first delivery. A file of spans holds the
spans in force in its month and those made or changed since the file before.
Quirks: the open end is 99991231 or blank, by the system that wrote it; one plan in five starts
a new span each month, the others once a year; coverage approved up to three months late and
from the past; a newborn on the mother's id for the first weeks and then on an own one, from
the day of birth; ids that change; spans of the dead that go on; late closures.

Codes. SEX: M, F, U. RACE: 001 White, 002 Black, 003 American Indian or Alaska Native, 010 Asian,
012 Pacific Islander, 014 several, 017 not given. ETHNICITY_CODE: 0 not Hispanic, 5 Hispanic, 6
not given. ENROLLMENT_TYPE: 1 Medicaid, 2 the children's program. ELIGIBILITY_GROUP: 01 parents,
05 pregnant women, 06 deemed newborns, 07 children, 11 recipients of SSI, 23 old and poor, 72
adults. ELIGIBILITY_CHANGE_REASON: 01 income, 02 moved away, 03 died, 04 new id, 05 renewed, 06
other group, 22 other; blank while open.
Add here: other segments. Keep out: what is paid for (clinic.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.delivery import Desk
from orchestration.county.lives import coverage as life
from orchestration.county.places import COUNTY_CODE, STATE
from orchestration.county.records import Habits, Ledger, address_book, numbers, open_ledger
from orchestration.county.timeline import OPEN, month_of, month_start, text
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.014, nickname=0.02, middle_blank=0.3, middle_initial=1.0,
                 double_surname=0.35, suffix_kept=0.6, old_surname=0.05, ssn_blank=0.03,
                 ssn_digit=0.006, ssn_borrowed=0.003)  # fmt: skip
_RACE = np.array(["001", "002", "010", "003", "012", "017", "014"], dtype=object)
_HISPANIC = 5  # row of population.RACES
_GROUP = np.array(["", "06", "07", "05", "01", "72", "23", "11"], dtype=object)
_INCOME, _MOVED, _DIED, _NEW_ID, _RENEWED, _GROUP_CHANGE, _OTHER = range(7)
_REASON = np.array(["01", "02", "03", "04", "05", "06", "22"], dtype=object)


@dataclass
class Spans:
    """The spans of all ids. start, end: half-open days; end OPEN when not over.

    known, closed: days on which the system has the span and its end. reason: why it ended.
    unnamed: until this day the span stands on the mother's id.
    """

    person: np.ndarray
    start: np.ndarray
    end: np.ndarray
    ground: np.ndarray
    known: np.ndarray
    closed: np.ndarray
    reason: np.ndarray
    unnamed: np.ndarray

    def take(self, rows: np.ndarray) -> Spans:
        return Spans(*(c[rows] for c in vars(self).values()))


def deliver(world: World, desk: Desk) -> None:
    """Write both files of every delivery."""
    people, window = world.people, world.window
    spans = _spans(world)
    who, at = np.unique(spans.person, return_index=True)
    ledger = open_ledger(world, who, spans.start[at], _HABITS, "medicaid", twice=0.03)
    spans = _split_by_id(world, spans, ledger)
    record = ledger.record(spans.person, spans.start)
    ids = np.char.zfill(numbers(world, "medicaid", len(ledger.person), 10**7, 10**10), 11)
    ids = ids.astype(object)
    mother = people.mother[spans.person]
    # the id under which a newborn stands at first: the mother's of that day
    has = np.isin(mother, who) & (spans.unnamed < OPEN)
    mothers_record = np.full(len(record), -1)
    mothers_record[has] = ledger.record(mother[has], spans.start[has])
    first_known = np.full(len(ledger.person), OPEN)
    own = np.where(spans.unnamed < OPEN, np.maximum(spans.unnamed, spans.known), spans.known)
    begin = np.array([int(month_start(np.array([window.first]))[0])])
    seen = (spans.end > begin) | (spans.closed >= begin)
    np.minimum.at(first_known, record[seen], own[seen])
    book = address_book(world, ledger.person, "medicaid", errors=0.02, slow=120)
    fixed = _fixed(world, ledger, ids)
    blank_end = world.uniform("medicaid open end", ledger.person) < 0.3
    kind = np.where(world.need(spans.person) < 0.62, "2", "1")
    kind = np.where(spans.ground == life.CHILD, kind, "1").astype(object)
    for i in range(window.months):
        as_of, before = window.as_of(i), window.as_of(i - 1)
        first = int(month_start(np.array([window.first + i]))[0])
        known = spans.known <= as_of
        ended = (spans.end < OPEN) & (spans.closed <= as_of)
        shown_end = np.where(ended, spans.end, OPEN)
        # what the file of a span's month had to say, and what has changed since
        due = known & (shown_end > first) & (spans.start <= as_of)
        due |= known & (spans.known > before) & (i > 0)
        due |= known & ended & (spans.closed > before) & (i > 0)
        named = np.maximum(spans.unnamed, spans.known)
        due |= (spans.unnamed < OPEN) & (named <= as_of) & (named > before)
        on_mother = (spans.unnamed < OPEN) & (spans.unnamed > as_of)
        rows = np.flatnonzero(due & (~on_mother | (mothers_record >= 0)))
        holder = np.where(on_mother, mothers_record, record)[rows]
        order = np.lexsort((spans.start[rows], ids[holder].astype("U11")))
        rows, holder = rows[order], holder[order]
        end = text(np.where(shown_end[rows] < OPEN, shown_end[rows] - 1, OPEN), "compact")
        open_end = np.where(blank_end[holder], "", "99991231")
        columns = {
            "SUBMITTING_STATE": np.full(len(rows), "10", dtype=object),
            "REPORTING_PERIOD": np.full(len(rows), window.folder(i).replace("-", ""), object),
            "RECORD_NUMBER": np.char.zfill(np.arange(1, len(rows) + 1).astype("U11"), 11),
            "MSIS_IDENTIFICATION_NUM": ids[holder],
            "ENROLLMENT_TYPE": kind[rows],
            "ELIGIBILITY_GROUP": _GROUP[spans.ground[rows]],
            "ENROLLMENT_EFF_DATE": text(spans.start[rows], "compact"),
            "ENROLLMENT_END_DATE": np.where(end == "", open_end, end),
            "ELIGIBILITY_CHANGE_REASON": np.where(end == "", "", _REASON[spans.reason[rows]]),
        }
        name = f"enrollment_spans_{window.folder(i)}.csv"
        desk.put("medicaid", window.folder(i), name, columns)
        shown = np.flatnonzero(first_known <= as_of)
        shown = shown[np.argsort(ids[shown].astype("U11"), kind="stable")]
        one = ledger.identity(i).take(shown)
        street, unit, city, zip_ = book.lines(i, shown)
        dead = (people.dod[ledger.person] + fixed["notice"] <= as_of)[shown]
        columns = {
            "SUBMITTING_STATE": np.full(len(shown), "10", dtype=object),
            "MSIS_IDENTIFICATION_NUM": ids[shown],
            "ELIGIBLE_FIRST_NAME": one.first,
            "ELIGIBLE_MIDDLE_INIT": one.middle,
            "ELIGIBLE_LAST_NAME": one.last,
            "ELIGIBLE_SUFFIX": one.suffix,
            "SEX": np.where(fixed["no_sex"][shown], "U", one.sex),
            "DATE_OF_BIRTH": text(one.dob, "compact"),
            "DATE_OF_DEATH": np.where(dead, text(people.dod[ledger.person[shown]], "compact"), ""),
            "SSN": one.ssn,
            "RACE": fixed["race"][shown],
            "ETHNICITY_CODE": fixed["ethnicity"][shown],
            "ELIGIBLE_ADDR_LN1": street,
            "ELIGIBLE_ADDR_LN2": unit,
            "ELIGIBLE_CITY": city,
            "ELIGIBLE_STATE": np.where(street == "", "", STATE),
            "ELIGIBLE_ZIP_CODE": zip_,
            "ELIGIBLE_COUNTY_CODE": np.where(street == "", "", COUNTY_CODE),
        }
        desk.put("medicaid", window.folder(i), "eligibles.csv", columns)
        desk.record("medicaid", columns["MSIS_IDENTIFICATION_NUM"], ledger.person[shown])
    told = np.flatnonzero((spans.known <= as_of) & ~on_mother)
    last = np.where(spans.end[told] < OPEN, spans.end[told] - 1, OPEN)
    desk.tell("medicaid", spans.person[told], spans.start[told], last)


def _fixed(world: World, ledger: Ledger, ids: np.ndarray) -> dict[str, np.ndarray]:
    """What a record says once and for all, and how late it hears of a death."""
    rng = world.stream("medicaid records")
    n = len(ids)
    race = world.people.race[ledger.person]
    silent = rng.random(n) < 0.06
    ethnicity = np.where(race == _HISPANIC, "5", "0").astype(object)
    return {
        "race": np.where(silent, "017", _RACE[race]).astype(object),
        "ethnicity": np.where(silent, "6", ethnicity).astype(object),
        "no_sex": rng.random(n) < 0.002,
        # a third of deaths never reach the file
        "notice": np.where(rng.random(n) < 0.33, OPEN, rng.integers(5, 120, n)),
    }


def _spans(world: World) -> Spans:
    """The stretches of coverage as the system cuts them, and when it learns of them."""
    rows: life.Coverage = world.lives["coverage"]
    people, window = world.people, world.window
    rng = world.stream("medicaid spans")
    n = len(rows.person)
    follows = np.r_[
        False, (rows.person[1:] == rows.person[:-1]) & (rows.start[1:] == rows.end[:-1])
    ]
    late = ~follows & (rng.random(n) < 0.12)
    # approved later and paid from the day of the application on, at most three months back
    known = rows.start + np.where(late, rng.integers(31, 92, n), rng.integers(0, 6, n))
    draw = rng.random(n)
    closed = rows.end + np.select([draw < 0.75, draw < 0.94], [0, rng.integers(5, 35, n)],
                                  rng.integers(35, 95, n))  # fmt: skip
    dead = (people.dod[rows.person] + 1 == rows.end) & (rows.end < OPEN)
    moved = (rows.end < OPEN) & ~world.resident(rows.person, np.minimum(rows.end, window.end))
    next_follows = np.r_[follows[1:], False]
    reason = np.select(
        [dead, next_follows, moved, rng.random(n) < 0.75], [_DIED, _GROUP_CHANGE, _MOVED, _INCOME],
        _OTHER,
    )  # fmt: skip
    # the dead stay on the rolls until the notice: for some the span ends with that month
    end = np.where(dead & (rng.random(n) < 0.4), month_start(month_of(closed) + 1), rows.end)
    end = np.where(dead & (end > window.end), OPEN, end)
    closed = np.where(dead, rows.end + rng.integers(3, 100, n), closed)
    closed = np.where(next_follows, np.maximum(rows.end, known), closed)
    closed = np.where(end < OPEN, np.maximum(closed, known), OPEN)
    born = (rows.start == people.dob[rows.person]) & (rows.start >= window.start - 60)
    unnamed = np.where(born, rows.start + rng.integers(12, 62, n), OPEN)
    known = np.where(born, rows.start + rng.integers(1, 8, n), known)
    spans = Spans(rows.person, rows.start, end, rows.ground, known, closed, reason, unnamed)
    return _cut(world, spans)


def _cut(world: World, spans: Spans) -> Spans:
    """New spans each month (from the month before the window on) or each year."""
    window = world.window
    monthly = world.uniform("medicaid plan", spans.person) < 0.2
    begin = month_of(spans.start)
    last = month_of(np.minimum(spans.end, window.end) - 1)
    # a year from the start; who was covered when the histories begin renews in any month
    to_renewal = 1 + (world.uniform("medicaid renewal", spans.person) * 12).astype(np.int64)
    to_renewal = np.where(begin > window.first - life.MONTHS_BEFORE, 12, to_renewal)
    whole = np.maximum(window.first - 1 - begin, 0)  # months before, told as one span
    first_cut = begin + np.where(monthly, np.maximum(whole, 1), to_renewal)
    every = np.where(monthly, 1, 12)
    pieces = np.maximum((last - first_cut) // every + 2, 1)
    row = np.repeat(np.arange(len(pieces)), pieces)
    step = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    out = spans.take(row)
    cut = month_start(first_cut[row] + every[row] * (step - 1))
    following = month_start(first_cut[row] + every[row] * step)
    final = step == pieces[row] - 1
    # the end of a month or a year of coverage is set when it begins
    fixed = ~final | (monthly[row] & (spans.end[row] >= OPEN))
    out.start = np.where(step == 0, spans.start[row], cut)
    out.end = np.where(fixed, following, out.end)
    out.known = np.where(step == 0, out.known, np.maximum(out.start, out.known))
    out.closed = np.where(fixed, out.known, np.maximum(out.closed, out.known))
    out.reason = np.where(fixed, _RENEWED, out.reason)
    out.unnamed = np.where(step == 0, out.unnamed, OPEN)
    return out.take(np.flatnonzero((out.start < window.end) & (out.start < out.end)))


def _split_by_id(world: World, spans: Spans, ledger: Ledger) -> Spans:
    """Spans in which a person's id changes become two: the old id's and the new id's."""
    cut = ledger.cut[np.searchsorted(ledger.who, spans.person)]
    rows = np.flatnonzero((cut > spans.start) & (cut < np.minimum(spans.end, world.window.end)))
    if not len(rows):
        return spans
    after = spans.take(rows)
    after.start, after.known = cut[rows], np.maximum(cut[rows], after.known)
    after.closed = np.where(after.end < OPEN, np.maximum(after.closed, after.known), OPEN)
    after.unnamed = np.full(len(rows), OPEN)
    spans.end[rows], spans.reason[rows] = cut[rows], _NEW_ID
    spans.closed[rows] = np.maximum(cut[rows], spans.known[rows])
    return Spans(
        *(np.concatenate([a, b]) for a, b in zip(vars(spans).values(), vars(after).values(),
                                                 strict=True))
    )  # fmt: skip
