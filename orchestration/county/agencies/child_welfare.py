"""Child protection and foster care: the state's case-management system and its federal files.

clients.csv        children and caregivers with names and addresses, the system's own numbers
child_file.csv     NCANDS Child File: one row per report and child, closed reports only
removals.csv       episodes of foster care
placements.csv     every placement of every episode, in order
foster_care_*.csv  AFCARS, one per half-year: one row per child in care, the latest episode
id_links.csv       client number -> the encrypted ids of each federal submission year

All but the AFCARS file are snapshots since 1 January seven years before the first delivery. The
AFCARS file of a half-year ending in March or September arrives two months later; the first
delivery brings the three latest.
Quirks: report ids are given out anew each submission year; the encrypted child id is another one
every submission year; expunged reports disappear, and with the last of them the client; a removal
ordered before the birth, a report of an unborn child; episodes of less than a week; open ends
written 3999-12-31 (removals) and 9999-12-31 (placements); respite care that overlaps the
placement it relieves; trial home visits; discharges after 18; removals of another agency
(juvenile justice) in the same table; entries made weeks later.

Codes. sex: 1 M, 2 F, 9 unknown. race: 1 White, 2 Black, 3 American Indian or Alaska Native,
4 Asian, 5 Pacific Islander, 6 Hispanic, 7 two or more, 9 unknown. role: C child, P parent or
caregiver. responsible_agency: CPS, JJ juvenile justice. purpose: R regular, S respite, T trial
home visit. Federal codes as in lives/child_welfare.py.
Add here: services, court dates. Keep out: adult protection.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import digits
from orchestration.county.delivery import Columns, Desk
from orchestration.county.lives import child_welfare as life
from orchestration.county.places import COUNTY_CODE, STATE
from orchestration.county.randomness import hashed_bits
from orchestration.county.records import (
    Habits,
    Ledger,
    address_lines,
    entered,
    expunged,
    numbers,
    open_ledger,
)
from orchestration.county.timeline import OPEN, age_on, dates, month_start, parts
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.018, nickname=0.05, middle_blank=0.4, middle_initial=0.3,
                 suffix_kept=0.4, day_month_swap=0.006, dob_digit=0.009, ssn_blank=0.45,
                 ssn_digit=0.008, ssn_borrowed=0.003, old_surname=0.05)  # fmt: skip
_RACE = np.array(["1", "2", "4", "3", "5", "6", "7"])
_OPEN_REMOVAL, _OPEN_PLACEMENT = "3999-12-31", "9999-12-31"
_UNBORN_AGE = "77"


def deliver(world: World, desk: Desk) -> None:
    """Write the snapshots of every delivery and the AFCARS half-years that are due."""
    window = world.window
    truth: life.ChildWelfare = world.lives["child_welfare"]
    reports = _Reports(world, truth.reports)
    removals = _Removals(world, truth)
    clients = _Clients(world, truth, reports, removals)
    halves: list[tuple[int, np.ndarray]] = []
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        for half in _due(window, i):
            columns, record = removals.half_year(half, clients)
            halves.append((half // 12 + 1970 + (half % 12 > 8), record))
            period = f"{half // 12 + 1970:04d}{half % 12 + 1:02d}"
            desk.put("child_welfare", folder, f"foster_care_{period}.csv", columns)
        child_file, children = reports.child_file(as_of, clients)
        desk.put("child_welfare", folder, "child_file.csv", child_file)
        desk.put("child_welfare", folder, "removals.csv", removals.episodes(as_of, clients))
        desk.put("child_welfare", folder, "placements.csv", removals.placements(as_of))
        columns, record = clients.table(i, as_of)
        desk.put("child_welfare", folder, "clients.csv", columns)
        desk.put(
            "child_welfare", folder, "id_links.csv",
            clients.links(child_file, children, halves, record),
        )  # fmt: skip
        desk.record("child_welfare", columns["client_id"], clients.ledger.person[record])
    rows, at = truth.removals, removals.shown(window.as_of(window.months - 1))
    last = np.where(rows.end[at] < OPEN, rows.end[at] - 1, OPEN)
    desk.tell("foster_care", rows.person[at], rows.start[at], last)


def _due(window, i: int) -> list[int]:
    """The last months of the half-years whose AFCARS file is handed over in delivery i."""
    month = window.first + i
    ends = [m for m in range(month - 20, month - 1) if m % 12 in (2, 8)]
    return ends[-3:] if i == 0 else [m for m in ends if m == month - 2]


def submission_year(days: np.ndarray) -> np.ndarray:
    """The federal fiscal year of each day: it begins on 1 October of the year before."""
    year, month, _ = parts(days)
    return year + (month >= 10)


def _encrypted(world: World, name: str, years: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Twelve hexadecimal digits for a client in a submission year."""
    bits = hashed_bits(f"{world.seed}/{name}", years, record) >> np.uint64(16)
    return np.array([f"{b:012X}" for b in bits.tolist()], dtype="U12")


class _Reports:
    """Reports as the agency keeps them: number, county, dates as entered, expungement."""

    def __init__(self, world: World, rows: life.Reports):
        self.world, self.rows = world, rows
        rng = world.stream("child protection records")
        n, m = len(rows.person), int(rows.report.max(initial=-1)) + 1
        self.year = submission_year(rows.closed)
        # report ids count up within a submission year, in the order of receipt
        year = np.zeros(m, dtype=np.int64)
        year[rows.report] = self.year
        order = np.lexsort((np.arange(m), year))
        first = np.r_[True, year[order][1:] != year[order][:-1]] if m else np.zeros(0, bool)
        begin = np.maximum.accumulate(np.where(first, np.arange(m), 0))
        number = np.zeros(m, dtype=np.int64)
        number[order] = np.arange(m) - begin + 1
        self.report_id = digits(4 * 10**8 + number, 12)[rows.report]
        odd = rng.random(m)
        county = np.select([odd < 0.012, odd < 0.022, odd < 0.05], ["998", "999", "001"],
                           COUNTY_CODE)  # fmt: skip
        self.county = county[rows.report]
        # one in twelve reports that found nothing is expunged within five years
        founded = np.zeros(m, dtype=bool)
        founded[rows.report[np.isin(rows.finding, (1, 2, 3))]] = True
        closed = np.full(m, OPEN)
        closed[rows.report] = rows.closed
        gone = expunged(np.where(founded, OPEN, closed), rng, share=0.08, least=180, most=1800)
        self.expunged = gone[rows.report]
        # a report made while the mother was still pregnant
        dob = world.people.dob[rows.person]
        unborn = (rows.received - dob < 21) & (rng.random(n) < 0.25)
        self.received = np.where(unborn, dob - rng.integers(1, 30, n), rows.received)
        self.started = rows.received + rng.integers(0, 4, m)[rows.report]
        self.started = np.where(rng.random(n) < 0.02, OPEN, self.started)
        self.dob_unknown = rng.random(n) < 0.006
        self.sex_unknown = rng.random(n) < 0.004

    def shown(self, as_of: int) -> np.ndarray:
        """Rows in the Child File: the report is closed and not expunged."""
        return np.flatnonzero((self.rows.closed <= as_of) & (self.expunged > as_of))

    def child_file(self, as_of: int, clients: _Clients) -> tuple[Columns, np.ndarray]:
        """The NCANDS rows, and the record of the child in each."""
        rows, at = self.rows, self.shown(as_of)
        record = clients.child[at]
        one = clients.at_first.take(record)
        born = one.dob
        age = age_on(born, self.received[at])
        age_text = np.where(
            self.dob_unknown[at], "99",
            np.where(self.received[at] < born, _UNBORN_AGE, np.clip(age, 0, 21).astype("U2")),
        )  # fmt: skip
        sex = np.where(self.sex_unknown[at], "9", np.where(one.sex == "M", "1", "2"))
        columns = {
            "SUBYR": self.year[at],
            "STATERR": np.full(len(at), STATE),
            "RPTID": self.report_id[at],
            "CHID": clients.chid[at],
            "RPTCNTY": self.county[at],
            "RPTDT": dates(self.received[at], "mmddyyyy"),
            "INVDATE": dates(self.started[at], "mmddyyyy"),
            "RPTSRC": rows.source[at],
            "RPTDISP": rows.finding[at],
            "RPTDISDT": dates(rows.closed[at], "mmddyyyy"),
            "CHAGE": age_text,
            "CHBDATE": dates(np.where(self.dob_unknown[at], OPEN, born), "mmddyyyy"),
            "CHSEX": sex,
        }
        for k in range(4):
            kind, level = rows.types[at, k], rows.levels[at, k]
            columns[f"CHMAL{k + 1}"] = np.where(kind > 0, kind.astype("U2"), "")
            columns[f"MAL{k + 1}LEV"] = np.where(kind > 0, level.astype("U2"), "")
        columns["MALDEATH"] = np.where(rows.fatal[at], "1", "2")
        order = np.lexsort((columns["CHID"], columns["RPTID"], columns["SUBYR"]))
        return {k: v[order] for k, v in columns.items()}, record[order]


class _Removals:
    """Episodes and placements as entered by the caseworker."""

    def __init__(self, world: World, truth: life.ChildWelfare):
        self.world, self.rows = world, truth.removals
        rows, stays = truth.removals, truth.placements
        rng = world.stream("removal records")
        n = len(rows.person)
        self.ids = np.char.add("R", digits(50_000 + np.arange(n) * 3, 8))
        dob = world.people.dob[rows.person]
        # the court ordered some removals of newborns before the birth
        early = (rows.start - dob < 12) & (rng.random(n) < 0.5)
        self.start = np.where(early, dob - rng.integers(1, 12, n), rows.start)
        self.entered = entered(rows.start, rng, days=8, late=0.08)
        left = entered(np.minimum(rows.end, world.window.end), rng, days=8, late=0.08)
        self.left_entered = np.where(rows.end < OPEN, left, OPEN)
        self.manner = np.where(rng.random(n) < 0.06, "1", "2")
        age = age_on(dob, rows.start)
        self.agency = np.where((age >= 13) & (rng.random(n) < 0.12), "JJ", "CPS")
        self.plan = np.select(
            [np.isin(rows.discharge, (3,)), np.isin(rows.discharge, (5,)),
             np.isin(rows.discharge, (2,)), age >= 16],
            ["3", "6", "2", "5"], "1",
        )  # fmt: skip
        self.plan_made = rows.start + rng.integers(10, 70, n)
        self.reasons = rng.random((n, 3)) < np.array([0.14, 0.63, 0.36])
        same = np.r_[False, rows.person[1:] == rows.person[:-1]][:n]
        begin = np.maximum.accumulate(np.where(same, 0, np.arange(n))) if n else np.zeros(0, int)
        self.first = begin
        self.number = np.arange(n) - begin + 1
        self._stays(world, rows, stays, rng)

    def _stays(self, world: World, rows: life.Removals, stays: life.Placements, rng) -> None:
        """Placements, and the respite stays that overlap them."""
        m = len(stays.removal)
        until = np.minimum(stays.end, world.window.end)
        begin = np.where(
            np.r_[True, stays.removal[1:] != stays.removal[:-1]] if m else np.zeros(0, bool),
            self.start[stays.removal], stays.start,
        )  # fmt: skip
        homes = np.isin(stays.setting, (2, 3)) & (until - stays.start > 60)
        relieved = np.flatnonzero(homes & (rng.random(m) < 0.12))
        at = stays.start[relieved] + 20 + (
            rng.random(len(relieved)) * (until - stays.start - 50)[relieved]
        ).astype(np.int64)  # fmt: skip
        removal = np.r_[stays.removal, stays.removal[relieved]]
        start, end = np.r_[begin, at], np.r_[stays.end, at + rng.integers(2, 7, len(at))]
        setting = np.r_[stays.setting, np.full(len(at), 3)]
        purpose = np.where(setting == life.TRIAL_HOME_VISIT, "T", "R")
        purpose[m:] = "S"
        order = np.lexsort((end, start, removal))
        self.stay_removal, self.stay_start, self.stay_end, self.setting, self.purpose = (
            x[order] for x in (removal, start, end, setting, purpose)
        )
        k = np.arange(len(order))
        same = np.r_[False, self.stay_removal[1:] == self.stay_removal[:-1]][: len(k)]
        self.stay_number = k - np.maximum.accumulate(np.where(same, 0, k)) + 1
        self.stay_ids = np.char.add("PL", digits(70_000 + k * 7, 9))
        home = (world.uniform("foster home", self.stay_removal, self.stay_start)
                * max(12, world.persons // 400)).astype(np.int64)  # fmt: skip
        self.home = np.where(np.isin(self.setting, (7, 8)), "",
                             np.char.add("FH", digits(home, 5)))  # fmt: skip

    def shown(self, as_of: int) -> np.ndarray:
        """Episodes on record."""
        return np.flatnonzero(self.entered <= as_of)

    def episodes(self, as_of: int, clients: _Clients) -> Columns:
        """removals.csv."""
        rows, at = self.rows, self.shown(as_of)
        over = self.left_entered[at] <= as_of
        plan = np.where(self.plan_made[at] <= as_of, self.plan[at], "7")
        return {
            "removal_id": self.ids[at],
            "client_id": clients.ids[clients.removed[at]],
            "removal_number": self.number[at],
            "caregiver_client_id": np.where(
                rows.caregiver[at] >= 0, clients.ids[clients.removed_from[at]], ""
            ),
            "responsible_agency": self.agency[at],
            "removal_manner": self.manner[at],
            "removal_date": dates(self.start[at]),
            "removal_entered_date": dates(self.entered[at]),
            "case_goal": plan,
            "discharge_date": np.where(over, dates(rows.end[at]), _OPEN_REMOVAL),
            "discharge_entered_date": dates(np.where(over, self.left_entered[at], OPEN)),
            "discharge_reason": np.where(over, rows.discharge[at].astype("U2"), ""),
        }

    def placements(self, as_of: int) -> Columns:
        """placements.csv."""
        removal = self.stay_removal
        at = np.flatnonzero((self.entered[removal] <= as_of) & (self.stay_start <= as_of))
        row = removal[at]
        end = self.stay_end[at]
        # the last placement stays open until the discharge is entered
        final = end == self.rows.end[row]
        known = (end <= as_of) & (~final | (self.left_entered[row] <= as_of))
        return {
            "placement_id": self.stay_ids[at],
            "removal_id": self.ids[row],
            "placement_seq": self.stay_number[at],
            "setting": self.setting[at],
            "purpose": self.purpose[at],
            "foster_home_id": self.home[at],
            "begin_date": dates(self.stay_start[at]),
            "end_date": np.where(known, dates(end), _OPEN_PLACEMENT),
        }

    def half_year(self, month: int, clients: _Clients) -> tuple[Columns, np.ndarray]:
        """The AFCARS rows of the half-year that ends in `month` (a month number), and the
        record of the child in each."""
        world, rows = self.world, self.rows
        begin, last = (int(d) for d in month_start(np.array([month - 5, month + 1])))
        last -= 1
        by = last + 45  # what was entered by the day of the submission
        inside = (rows.start <= last) & (rows.end >= begin) & (self.entered <= by)
        inside &= rows.end - rows.start > 1  # episodes of a day are not reported
        at = np.flatnonzero(inside)
        latest = np.r_[rows.person[at][1:] != rows.person[at][:-1], np.ones(min(len(at), 1), bool)]
        at = at[latest]
        record = clients.removed[at]
        one = clients.at_first.take(record)
        over = (rows.end[at] <= last) & (self.left_entered[at] <= by)
        n = len(at)
        previous = np.where(self.number[at] > 1, rows.end[at - 1], OPEN)
        # the placement in force on the last day, by removal and start
        stay_key = self.stay_removal * (4 * OPEN) + self.stay_start
        regular = np.flatnonzero(self.purpose != "S")
        low = np.searchsorted(stay_key[regular], at * (4 * OPEN), side="left")
        high = np.searchsorted(stay_key[regular], at * (4 * OPEN) + last, side="right")
        stay = regular[np.maximum(high - 1, 0)] if len(regular) else np.zeros(n, dtype=np.int64)
        year = np.full(n, int(submission_year(np.array([last]))[0]))
        number = _encrypted(world, "record number", year, record)
        reasons = self.reasons[at].astype(np.int64)
        race = world.people.race[rows.person[at]]
        columns = {
            "StFCID": np.char.add(STATE, number),
            "RecNumbr": number,
            "RepDat": np.full(n, f"{month // 12 + 1970:04d}{month % 12 + 1:02d}"),
            "FIPSCode": np.full(n, "10" + COUNTY_CODE),
            "DOB": dates(one.dob, "compact"),
            "Sex": np.where(one.sex == "M", "1", "2"),
            "HisOrgin": np.where(race == 5, "1", np.where(race == 6, "3", "2")),
            "Rem1Dt": dates(self.start[self.first[at]], "compact"),
            "TotalRem": self.number[at],
            "DLstFCDt": dates(previous, "compact"),
            "LatRemDt": dates(self.start[at], "compact"),
            "RemTrnDt": dates(self.entered[at], "compact"),
            "CurSetDt": dates(self.stay_start[stay], "compact"),
            "NumPlep": np.maximum(high - low, 1),
            "ManRem": self.manner[at],
            "PhyAbuse": reasons[:, 0],
            "Neglect": reasons[:, 1],
            "DAParent": reasons[:, 2],
            "CurPlSet": self.setting[stay],
            "CaseGoal": np.where(self.plan_made[at] <= last, self.plan[at], "7"),
            "DoDFCDt": dates(np.where(over, rows.end[at], OPEN), "compact"),
            "DoDTrnDt": dates(np.where(over, self.left_entered[at], OPEN), "compact"),
            "DISREASN": np.where(over, rows.discharge[at].astype("U1"), "0"),
        }
        return columns, record


class _Clients:
    """The people file, and which record stands behind each row of the others."""

    def __init__(self, world: World, truth: life.ChildWelfare, reports: _Reports,
                 removals: _Removals):  # fmt: skip
        self.world = world
        r, m = truth.reports, truth.removals
        self.reports, self.removals = r, m
        carers, taken_from = r.caregiver >= 0, m.caregiver >= 0
        person = np.concatenate([r.person, r.caregiver[carers], m.person, m.caregiver[taken_from]])
        on = np.concatenate([r.received, r.received[carers], m.start, m.start[taken_from]])
        who, inverse = np.unique(person, return_inverse=True)
        first = np.full(len(who), OPEN)
        np.minimum.at(first, inverse, on)
        self.ledger: Ledger = open_ledger(
            world, who, first, _HABITS, "child welfare", twice=0.03,
            cut_from=world.window.history + 400,
        )  # fmt: skip
        ledger = self.ledger
        count = len(ledger.person)
        self.ids = np.char.add(
            "CW", np.char.zfill(numbers(world, "child welfare", count, 10**5, 10**8), 8)
        )
        self.at_first = ledger.before
        self.child = ledger.record(r.person, r.received)
        self.removed = ledger.record(m.person, m.start)
        self.removed_from = ledger.record(np.where(taken_from, m.caregiver, who[0] if count else 0),
                                          m.start)  # fmt: skip
        self.carer = ledger.record(np.where(carers, r.caregiver, who[0] if count else 0),
                                   r.received)  # fmt: skip
        self.chid = _encrypted(world, "child id", reports.year, self.child)
        rng = world.stream("child welfare clients")
        self.no_race, self.no_sex = rng.random(count) < 0.05, rng.random(count) < 0.006
        # contacts: (record, day, the day it vanishes), for the address and for who is in the file
        self.contact = np.concatenate(
            [self.child, self.carer[carers], self.removed, self.removed_from[taken_from]]
        )
        self.contact_day = np.concatenate(
            [r.received, r.received[carers], removals.entered, removals.entered[taken_from]]
        )
        self.contact_until = np.concatenate(
            [reports.expunged, reports.expunged[carers], np.full(len(m.person), OPEN),
             np.full(taken_from.sum(), OPEN)]
        )  # fmt: skip
        order = np.lexsort((self.contact_day, self.contact))
        self.contact, self.contact_day, self.contact_until = (
            x[order] for x in (self.contact, self.contact_day, self.contact_until)
        )
        subject = ledger.person[self.contact]
        at = world.address_at(subject, self.contact_day)
        self.lines = address_lines(world, subject, at, "child welfare", errors=0.025)
        child = np.isin(np.arange(count), np.r_[self.child, self.removed])
        self.role = np.where(child, "C", "P")

    def table(self, i: int, as_of: int) -> tuple[Columns, np.ndarray]:
        """clients.csv of delivery i, and the records in it."""
        seen = np.flatnonzero((self.contact_day <= as_of) & (self.contact_until > as_of))
        last = np.r_[self.contact[seen][1:] != self.contact[seen][:-1],
                     np.ones(min(len(seen), 1), dtype=bool)]  # fmt: skip
        latest = seen[last]
        record = self.contact[latest]
        one = self.ledger.identity(i).take(record)
        street, unit, city, zip_ = (x[latest] for x in self.lines)
        race = _RACE[self.world.people.race[self.ledger.person[record]]]
        columns = {
            "client_id": self.ids[record],
            "role": self.role[record],
            "last_name": one.last,
            "first_name": one.first,
            "middle_name": one.middle,
            "suffix": one.suffix,
            "birth_date": dates(one.dob, "us"),
            "sex": np.where(self.no_sex[record], "9", np.where(one.sex == "M", "1", "2")),
            "race": np.where(self.no_race[record], "9", race),
            "ssn": one.ssn,
            "street_address": street,
            "unit": unit,
            "city": city,
            "zip": zip_,
            "last_contact_date": dates(self.contact_day[latest]),
        }
        order = np.argsort(columns["client_id"], kind="stable")
        return {k: v[order] for k, v in columns.items()}, record[order]

    def links(self, child_file: Columns, children: np.ndarray,
              halves: list[tuple[int, np.ndarray]], there: np.ndarray) -> Columns:  # fmt: skip
        """id_links.csv: each client of a submitted file, by submission year.

        children: the records of the Child File's rows; halves: submission year and records of
        each AFCARS file handed over so far; there: the records of the people file.
        """
        count = len(self.ids)
        in_care = np.concatenate(
            [year * count + record for year, record in halves] or [np.zeros(0, dtype=np.int64)]
        )
        reported = child_file["SUBYR"] * count + children
        key = np.unique(np.concatenate([reported, in_care]))
        key = key[np.isin(key % count, there)] if count else key
        years, record = key // max(count, 1), key % max(count, 1)
        return {
            "SUBYR": years,
            "client_id": self.ids[record],
            "CHID": _encrypted(self.world, "child id", years, record),
            "RecNumbr": np.where(
                np.isin(key, in_care), _encrypted(self.world, "record number", years, record), ""
            ),
        }
