"""Food and cash assistance (SNAP, TANF): one row per case member and month, and who consented.

Names mostly in capitals with a middle initial; nicknames; the SSN may be a placeholder.
Quirks: placeholder SSNs and birth dates, case numbers used again for another family, client ids
given out again half a year after their last use, people with two client ids, some of which are
merged, children on two cases at once.

consents.csv is the register of the application portal: who agreed to be screened for other
programs, and until when. The head answers for the case, a member now and then refuses; the agency
ends a consent with the case, and some take theirs back.

Codes. relation_to_head: 01 head, 02 spouse, 03 child, 04 other relative, 05 unrelated.
sex: 1 M, 2 F, 9 unknown. race: 1 White, 2 Black, 3 American Indian or Alaska Native, 4 Asian,
5 Pacific Islander, 6 Hispanic, 7 two or more, 9 unknown. case_status: A active,
S suspended. benefit_amount is the case's, in whole dollars, on every member's row.
Add here: Medicaid, child care subsidy. Keep out: the federal TANF report (tanf_acf.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestration.county.columns import Coded, Columns, coded, digits, ranks
from orchestration.county.delivery import Desk
from orchestration.county.lives import assistance as life
from orchestration.county.population import CHILD, GRANDCHILD, HEAD, PARTNER, SPOUSE
from orchestration.county.records import (
    Habits,
    Ledger,
    address_lines,
    numbers,
    open_ledger,
    reissued,
)
from orchestration.county.timeline import OPEN, age_on, dates, month_start, text
from orchestration.county.world import World

_RACE = np.array(["1", "2", "4", "3", "5", "6", "7"])
_HABITS = Habits(name_typo=0.016, nickname=0.06, middle_blank=0.35, middle_initial=1.0,
                 ssn_digit=0.007, ssn_borrowed=0.003, double_surname=0.4, suffix_kept=0.6,
                 old_surname=0.05)  # fmt: skip
_PLACEHOLDERS = np.array(["000000000", "111111111", "999999999", "123456789"])
# monthly maximum for 1 .. 8 persons, SNAP federal fiscal year 2025, 48 states
_SNAP_MAX = np.array([292, 536, 768, 975, 1158, 1390, 1536, 1756])
_TANF_GRANT = np.array([201, 270, 338, 407, 475, 544, 612, 681])


def deliver(world: World, desk: Desk) -> Columns:
    """Write the monthly files; the last month's columns, for the bad delivery after it."""
    window, people = world.window, world.people
    truth: life.Assistance = world.lives["assistance"]
    rng = world.stream("benefits records")
    program = np.concatenate(
        [np.full(len(truth.snap.person), 0), np.full(len(truth.tanf.person), 1)]
    )
    person = np.concatenate([truth.snap.person, truth.tanf.person])
    household = np.concatenate([truth.snap.household, truth.tanf.household])
    month = np.concatenate([truth.snap.month, truth.tanf.month])
    unpaid = np.concatenate([truth.snap.suspended, truth.tanf.suspended])
    first_month = np.full(len(people), 10**6)
    np.minimum.at(first_month, person, month)
    shown = month >= window.first
    program, person, household, month, unpaid = (
        x[shown] for x in (program, person, household, month, unpaid)
    )
    cases = [_Cases.of(world, k, part) for k, part in enumerate((truth.snap, truth.tanf))]
    # children of parted parents on the other parent's case as well, for some months
    who = np.unique(person)
    ledger = open_ledger(world, who, month_start(first_month[who]), _HABITS, "benefits")
    m = len(ledger.person)
    draw = rng.random(m)
    placeholder = draw < 0.02
    filler = _PLACEHOLDERS[rng.integers(0, 4, m)]
    no_ssn = (draw >= 0.02) & (draw < 0.03)
    bad_dob = rng.random(m)
    unknown_sex = rng.random(m) < 0.004
    unknown_race = rng.random(m) < 0.015
    mixed_case = rng.random(m) < 0.05  # typed by one office in mixed case
    last: Columns = {}
    twice = _two_cases(world, person, household, month, program, people)
    ids = _client_ids(world, ledger, np.r_[person, twice[:, 1]], np.r_[month, twice[:, 0]])
    rank = ranks(ids)
    for i in range(window.months):
        this = window.first + i
        begin = int(month_start(np.array([this]))[0])
        rows = np.flatnonzero(month == this)
        prog, who_, home = program[rows], person[rows], household[rows]
        relation = _relations(people, prog, who_, home, begin)
        add = twice[twice[:, 0] == this]
        prog = np.concatenate([prog, np.zeros(len(add), dtype=prog.dtype)])
        who_ = np.concatenate([who_, add[:, 1]])
        home = np.concatenate([home, add[:, 2]])
        relation = np.concatenate([relation, np.full(len(add), "04")])
        record = ledger.record(who_, begin, i)
        identity = ledger.identity(i)
        ssn = np.where(placeholder, filler, np.where(no_ssn, "", identity.ssn))
        dob = text(identity.dob, "us")
        dob = np.where(bad_dob < 0.004, "01/01/1900", np.where(bad_dob < 0.008, "99/99/9999", dob))
        sex = np.where(unknown_sex, "9", np.where(identity.sex == "M", "1", "2"))
        case = np.where(prog == 0, cases[0].number(home, this), cases[1].number(home, this))
        amount = _amounts(world, prog, home, this)
        key = prog * 10**9 + home
        suspended = np.isin(key, key[: len(rows)][unpaid[rows]])
        issued = begin + 1 + case % 10 + 2 * prog
        # the address is the case's: known with a delay, the same on every member's row
        lag = (world.uniform("address delay", home) * 60).astype(np.int64)
        address = world.address_at(who_, begin - lag)
        at_home = world.household_at(who_, begin - lag) == home
        moved_in = np.where(at_home, address, world.address_at(who_, begin))
        street, unit, city, zip_ = address_lines(world, home, moved_in, "benefits")
        race = np.where(unknown_race, "9", _RACE[people.race[ledger.person]])
        names = {
            field: coded(
                np.where(mixed_case, ledger.column(field, i, str.title), ledger.column(field, i))
            )
            for field in ("first", "last")
        }
        columns: Columns = {
            "report_month": np.full(len(who_), window.folder(i)),
            "program": Coded(prog, ["SNAP", "TANF"]),
            "case_number": digits(case, 8),
            "client_id": ids[record],
            "relation_to_head": relation,
            "first_name": names["first"][record],
            "middle_initial": ledger.column("middle", i)[record],
            "last_name": names["last"][record],
            "suffix": ledger.column("suffix", i)[record],
            "birth_date": coded(dob)[record],
            "ssn": coded(ssn)[record],
            "sex": sex[record],
            "race": race[record],
            "street_address": street,
            "unit": unit,
            "city": city,
            "zip": zip_,
            "benefit_amount": amount,
            "case_status": Coded(suspended, ["A", "S"]),
            "issued_date": dates(issued, "us"),
        }
        order = np.lexsort((rank[record], case, prog))
        last = {k: v[order] for k, v in columns.items()}
        desk.put("benefits", window.folder(i), f"case_members_{window.folder(i)}.csv", last)
        desk.record("benefits", columns["client_id"], who_)
        _consents(world, desk, ledger, ids, person, household, month, i)
    return last


def _consents(world: World, desk: Desk, ledger: Ledger, ids: Coded, person: np.ndarray,
              household: np.ndarray, month: np.ndarray, i: int) -> None:  # fmt: skip
    """Write consents.csv of delivery i: every consent given so far to be screened."""
    window = world.window
    key = person * 10**9 + household
    pair, first = np.unique(key, return_index=True)
    last = np.zeros(len(pair), dtype=np.int64)
    at = np.searchsorted(pair, key)
    began = np.full(len(pair), 10**6)
    np.minimum.at(began, at, month)
    np.maximum.at(last, at, month)
    who, home = person[first], household[first]
    agreed = (world.uniform("screening consent", home) < 0.45) & (
        world.uniform("screening consent of a member", who) < 0.95
    )
    number = np.flatnonzero(agreed)
    who, home, began, last = (column[agreed] for column in (who, home, began, last))
    granted = month_start(began) + (28 * world.uniform("consent day", home)).astype(np.int64)
    closed = np.where(last < window.first + window.months - 1, month_start(last + 1), OPEN)
    taken_back = granted + 30 + (300 * world.uniform("consent days", who)).astype(np.int64)
    regrets = world.uniform("consent taken back", who) < 0.08
    ended = np.where(regrets, np.minimum(taken_back, closed), closed)
    ended = np.maximum(ended, granted)
    as_of = window.as_of(i)
    shown = np.flatnonzero(granted <= as_of)
    shown = shown[np.lexsort((number[shown], granted[shown]))]
    record = ledger.record(who[shown], month_start(began[shown]), i)
    columns: Columns = {
        "consent_id": np.char.add("C", digits(number[shown], 8)),
        "client_id": ids[record],
        "purpose": np.full(len(shown), "SCREEN"),
        "granted_on": dates(granted[shown], "us"),
        "revoked_on": dates(np.where(ended[shown] <= as_of, ended[shown], OPEN), "us"),
        "channel": np.where(world.uniform("consent channel", home[shown]) < 0.7, "W", "O"),
    }
    desk.put("benefits", window.folder(i), "consents.csv", columns)


def _client_ids(world: World, ledger: Ledger, person: np.ndarray, month: np.ndarray) -> Coded:
    """The id of each record; one in 25 of the newer ones had another client's before."""
    m = len(ledger.person)
    first, last = np.full(m, 10**6), np.full(m, 10**6)
    for this in np.unique(month).tolist():  # upwards, so that the last one stays
        begin = int(month_start(np.array([this]))[0])
        used = ledger.record(person[month == this], begin, this - world.window.first)
        first[used] = np.minimum(first[used], this)
        last[used] = this
    ids = numbers(world, "benefits", m, 10**6, 10**9)
    rng = world.stream("client ids again")
    shown = np.flatnonzero(first < 10**6)
    ids[shown] = reissued(ids[shown], ledger.person[shown], first[shown], last[shown],
                          gap=7, share=0.04, rng=rng)  # fmt: skip
    return coded(digits(ids, 9))


def _relations(people, program, who, home, on: int) -> np.ndarray:
    """Relation to the head within each case; the oldest adult heads a case without one."""
    code = people.relation[who]
    age = age_on(people.dob[who], on)
    out = np.select(
        [code == HEAD, np.isin(code, (SPOUSE, PARTNER)), code == CHILD, code == GRANDCHILD],
        ["01", "02", "03", "04"], "04",
    )  # fmt: skip
    key = program * 10**9 + home
    order = np.lexsort((-age, code != HEAD, key))
    first = order[np.r_[True, key[order][1:] != key[order][:-1]]]
    heads = first[age[first] >= 16]
    out[heads] = "01"
    return out


@dataclass
class _Cases:
    """The case numbers of one program: `issued` of each opening, and the opening of each
    household and month (`key` is household * 10,000 + month, in order)."""

    key: np.ndarray
    opening: np.ndarray
    issued: np.ndarray

    def number(self, household: np.ndarray, month: int) -> np.ndarray:
        """The number of the household's case in that month; anything where it has none."""
        at = np.searchsorted(self.key, household * 10_000 + month)
        return self.issued[self.opening[np.minimum(at, len(self.key) - 1)]]

    @classmethod
    def of(cls, world: World, program: int, part: life.Participation) -> _Cases:
        """One number per opening, some used again later.

        A household that returns within a year gets its old number back. The number of a case
        that closed two months before or more is now and then given to another household.
        """
        key = np.unique(part.household * 10_000 + part.month)
        home, month = key // 10_000, key % 10_000
        opened = np.r_[True, (home[1:] != home[:-1]) | (month[1:] > month[:-1] + 12)]
        opening = np.cumsum(opened) - 1
        issued = numbers(world, f"case {program}", int(opening[-1]) + 1, 10**6, 10**8)
        last_seen = np.zeros(len(issued), dtype=np.int64)
        np.maximum.at(last_seen, opening, month)
        first_seen, owner = month[opened], home[opened]
        again = reissued(
            issued, owner, np.maximum(first_seen, world.window.first),
            np.where(last_seen < world.window.first, 10**6, last_seen),
            gap=2, share=0.15, rng=world.stream(f"case numbers again {program}"),
        )  # fmt: skip
        return cls(key, opening, again.astype(np.int64))


def _two_cases(world: World, person, household, month, program, people) -> np.ndarray:
    """Children also listed on another family's SNAP case: rows of (month, person, household)."""
    rng = world.stream("two cases")
    window = world.window
    snap = program == 0
    age = age_on(people.dob[person], window.start)
    kids = np.unique(person[snap & (age < 16) & (age >= 0)])
    chosen = kids[rng.random(len(kids)) < 0.008]
    homes = np.unique(household[snap])
    other = homes[rng.integers(0, len(homes), len(chosen))]
    begin = window.first + rng.integers(-2, window.months, len(chosen))
    # up to four months each
    row, step = np.divmod(np.arange(4 * len(chosen)), 4)
    at = begin[row] + step
    active = np.isin(other[row] * 10_000 + at, household[snap] * 10_000 + month[snap])
    member = person[snap] * 10**10 + household[snap] * 10_000 + month[snap]
    own = np.isin(chosen[row] * 10**10 + other[row] * 10_000 + at, member)
    keep = active & ~own & (at >= window.first)
    return np.stack([at, chosen[row], other[row]], axis=1)[keep]


def _amounts(world: World, program, home, month: int) -> np.ndarray:
    """The case's benefit: by size, less what income counts for; steady from month to month."""
    key = program * 10**9 + home
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    size = np.minimum(count[inverse], 8) - 1
    income = world.uniform("countable income", home, np.full(len(home), month // 6))
    share = np.where(
        program == 0, np.clip(1.15 - 0.8 * income, 0.1, 1), np.clip(1.4 - income, 0.4, 1)
    )
    full = np.where(program == 0, _SNAP_MAX[size], _TANF_GRANT[size])
    return np.maximum(np.round(full * share), 23).astype(np.int64)
