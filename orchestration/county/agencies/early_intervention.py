"""Early intervention (IDEA Part C) and home visiting: one office, two programs.

referrals.csv               Part C referrals of the last four years, evaluation, plan and exit
services_<month>.csv        Part C services of a month, one row per appointment
home_visiting_families.csv  families with home visits of the last four years: caregiver and child
home_visits_<month>.csv     home visits of a month

Referrals and families are snapshots. Local layouts; exit reasons as in the federal exit report.
Quirks: evaluations later than the 45 days the law allows; exits that were never entered, so that
a plan seems to go on after the third birthday; a child with two ids; families enrolled before the
birth, whose child is blank until it is born; twins, of whom the form holds one; appointments that
were cancelled or missed.

Codes. sex: F, M, U. race: 1 White, 2 Black, 3 American Indian or Alaska Native, 4 Asian, 5 Pacific
Islander, 6 Hispanic, 7 two or more, 9 unknown. referral_source: MED, HOS, PAR, CPS, CHC child
care, OTH. eligibility: E, N, U not finished. eligibility_reason: DD delay, DX diagnosis, CO
clinical opinion. service: SI special instruction, ST speech, OT, PT, SC coordination. status:
P provided, N no show, C cancelled. model: HFA, NFP, PAT. visit status: C completed, A attempted.
mode: H at home, V video. exit_reason of families: G graduated, D dropped out, M moved.
Add here: outcomes at exit. Keep out: preschool special education.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import digits
from orchestration.county.delivery import Columns, Desk
from orchestration.county.lives import early_intervention as life
from orchestration.county.records import Habits, address_lines, entered, numbers, open_ledger, title
from orchestration.county.timeline import OPEN, birthday, dates, month_start
from orchestration.county.world import World

_RACE = np.array(["1", "2", "4", "3", "5", "6", "7"])
_HABITS = Habits(name_typo=0.014, nickname=0.04, middle_blank=0.6, middle_initial=0.3,
                 suffix_kept=0.3, day_month_swap=0.005, ssn_blank=1)  # fmt: skip
_SERVICES = np.array(["SI", "ST", "OT", "PT", "SC"])


def deliver(world: World, desk: Desk) -> None:
    """Write the four files of every delivery."""
    window = world.window
    part_c, visits = _PartC(world), _HomeVisiting(world)
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)

        def put(name: str, columns: Columns, folder: str = folder) -> None:
            desk.put("early_intervention", folder, name, columns)

        put("referrals.csv", part_c.referrals(i, as_of))
        put(f"services_{folder}.csv", part_c.services(window.first + i))
        put("home_visiting_families.csv", visits.families(i, as_of))
        put(f"home_visits_{folder}.csv", visits.visits(window.first + i))
        seen = part_c.shown(as_of)
        desk.record("part_c", part_c.ids[part_c.record[seen]], part_c.rows.person[seen])
        seen = visits.shown(as_of)
        desk.record("home_visiting_caregiver", visits.ids[seen], visits.rows.mother[seen])
        seen = seen[world.people.dob[visits.rows.child[seen]] <= as_of]
        desk.record("home_visiting_child", visits.ids[seen], visits.rows.child[seen])


def _appointments(world: World, name: str, month: int, start, end, per_month: float):
    """Appointments within [start, end) in a month: (row, day), about `per_month` for each."""
    first, following = (int(d) for d in month_start(np.array([month, month + 1])))
    rng = world.stream(f"{name} {month}")
    low, high = np.maximum(start, first), np.minimum(end, following)
    active = np.flatnonzero(low < high)
    share = (high - low)[active] / (following - first)
    times = rng.poisson(per_month * share * (0.6 + 0.8 * world.uniform(name, active)))
    row = np.repeat(active, times)
    on = low[row] + (rng.random(len(row)) * (high - low)[row]).astype(np.int64)
    order = np.lexsort((on, row))
    return row[order], on[order], rng


class _PartC:
    """Children referred, under the numbers of the office."""

    def __init__(self, world: World):
        self.world = world
        self.rows: life.Referrals = world.lives["early_intervention"].referrals
        rows = self.rows
        who, at = np.unique(rows.person, return_index=True)
        self.ledger = open_ledger(
            world, who, rows.referred[at], _HABITS, "part c", twice=0.04,
            cut_from=life.begins(world) + 200,
        )  # fmt: skip
        self.record = self.ledger.record(rows.person, rows.referred)
        m, n = len(self.ledger.person), len(rows.person)
        self.ids = np.char.add(
            "EI", digits(numbers(world, "part c", m, 10**4, 10**7).astype(np.int64), 7)
        )
        rng = world.stream("part c records")
        self.referral_id = digits(
            numbers(world, "part c referral", n, 10**5, 10**8).astype(np.int64), 9
        )
        self.source = rng.choice(["MED", "HOS", "PAR", "CPS", "CHC", "OTH"], n,
                                 p=[0.36, 0.12, 0.26, 0.12, 0.08, 0.06])  # fmt: skip
        self.reason = rng.choice(["DD", "DX", "CO"], n, p=[0.66, 0.24, 0.10])
        self.known = entered(np.minimum(rows.exit, world.window.end), rng, days=5, late=0.04)
        # one exit in fourteen is never entered
        self.known = np.where(rng.random(n) < 0.07, OPEN, self.known)
        self.no_race, self.no_sex = rng.random(n) < 0.06, rng.random(n) < 0.005
        address = world.address_at(rows.person, rows.referred)
        self.lines = address_lines(world, rows.person, address, "part c")

    def shown(self, as_of: int) -> np.ndarray:
        """Referrals on record."""
        return np.flatnonzero(self.rows.referred <= as_of)

    def referrals(self, i: int, as_of: int) -> Columns:
        """referrals.csv."""
        rows, at = self.rows, self.shown(as_of)
        one = self.ledger.identity(i).take(self.record[at])
        done = rows.evaluated[at] <= as_of
        planned = rows.plan[at] <= as_of
        gone = planned & (rows.exit[at] <= as_of) & (self.known[at] <= as_of)
        found = done & (rows.eligible[at] == "E")
        race = _RACE[self.world.people.race[rows.person[at]]]
        street, unit, city, zip_ = (c[at] for c in self.lines)
        return {
            "referral_id": self.referral_id[at],
            "child_id": self.ids[self.record[at]],
            "last_name": title(one.last),
            "first_name": title(one.first),
            "middle_name": title(one.middle),
            "birth_date": dates(one.dob, "us"),
            "sex": np.where(self.no_sex[at], "U", one.sex),
            "race": np.where(self.no_race[at], "9", race),
            "street_address": title(street),
            "unit": title(unit),
            "city": title(city),
            "zip": zip_,
            "referral_date": dates(rows.referred[at], "us"),
            "referral_source": self.source[at],
            "evaluation_date": dates(np.where(done, rows.evaluated[at], OPEN), "us"),
            "eligibility": np.where(done, rows.eligible[at], "U"),
            "eligibility_reason": np.where(found, self.reason[at], ""),
            "ifsp_date": dates(np.where(planned, rows.plan[at], OPEN), "us"),
            "exit_date": dates(np.where(gone, rows.exit[at], OPEN), "us"),
            "exit_reason": np.where(gone, rows.exit_reason[at], ""),
        }

    def services(self, month: int) -> Columns:
        """services_<month>.csv."""
        rows = self.rows
        until = np.where(rows.plan < OPEN, rows.exit, 0)
        row, on, rng = _appointments(self.world, "part c services", month, rows.plan, until, 5.5)
        n = len(row)
        kind = np.where(rng.random(n) < 0.15, 4, (rows.person[row] + rng.integers(0, 2, n)) % 4)
        draw = rng.random(n)
        return {
            "service_id": np.char.add(f"S{month:04d}", digits(np.arange(n), 7)),
            "referral_id": self.referral_id[row],
            "service": _SERVICES[kind],
            "service_date": dates(on, "us"),
            "status": np.select([draw < 0.83, draw < 0.90], ["P", "N"], "C"),
            "minutes": np.where(draw < 0.83, rng.choice([30, 45, 60, 60, 90], n), 0),
            "setting": np.where(rng.random(n) < 0.86, "HOME", "CLIN"),
        }


class _HomeVisiting:
    """Families with home visits; the form holds one caregiver and one child."""

    def __init__(self, world: World):
        self.world = world
        self.rows: life.Visited = world.lives["early_intervention"].visited
        rows = self.rows
        n = len(rows.mother)
        who, at = np.unique(np.r_[rows.mother, rows.child], return_index=True)
        first = np.r_[rows.start, np.maximum(rows.start, world.people.dob[rows.child])][at]
        self.ledger = open_ledger(world, who, first, _HABITS, "home visiting", twice=0)
        self.ids = np.char.add(
            "HV", digits(numbers(world, "home visiting", n, 10**4, 10**7).astype(np.int64), 8)
        )
        rng = world.stream("home visiting records")
        self.model = rng.choice(["HFA", "NFP", "PAT"], n, p=[0.4, 0.25, 0.35])
        self.dropped = np.where(rng.random(n) < 0.2, "M", "D")
        self.known = entered(np.minimum(rows.end, world.window.end), rng, days=6, late=0.05)
        address = world.address_at(rows.mother, rows.start)
        self.lines = address_lines(world, rows.mother, address, "home visiting")

    def shown(self, as_of: int) -> np.ndarray:
        """Families on record."""
        return np.flatnonzero(self.rows.start <= as_of)

    def families(self, i: int, as_of: int) -> Columns:
        """home_visiting_families.csv."""
        rows, at = self.rows, self.shown(as_of)
        identity = self.ledger.identity(i)
        mother = identity.take(self.ledger.record(rows.mother[at], 0))
        child = identity.take(self.ledger.record(rows.child[at], 0))
        born = self.world.people.dob[rows.child[at]] <= as_of
        gone = (rows.end[at] <= as_of) & (self.known[at] <= as_of)
        two = rows.end[at] >= birthday(self.world.people.dob[rows.child[at]], 2)
        street, unit, city, zip_ = (c[at] for c in self.lines)
        return {
            "enrollment_id": self.ids[at],
            "model": self.model[at],
            "caregiver_last_name": title(mother.last),
            "caregiver_first_name": title(mother.first),
            "caregiver_birth_date": dates(mother.dob, "us"),
            "child_last_name": np.where(born, title(child.last), ""),
            "child_first_name": np.where(born, title(child.first), ""),
            "child_birth_date": dates(np.where(born, child.dob, OPEN), "us"),
            "child_sex": np.where(born, child.sex, ""),
            "street_address": title(street),
            "unit": title(unit),
            "city": title(city),
            "zip": zip_,
            "enrolled_date": dates(rows.start[at], "us"),
            "exit_date": dates(np.where(gone, rows.end[at], OPEN), "us"),
            "exit_reason": np.where(gone, np.where(two, "G", self.dropped[at]), ""),
        }

    def visits(self, month: int) -> Columns:
        """home_visits_<month>.csv."""
        rows = self.rows
        row, on, rng = _appointments(self.world, "home visits", month, rows.start, rows.end, 2.6)
        n = len(row)
        done = rng.random(n) < 0.84
        return {
            "visit_id": np.char.add(f"V{month:04d}", digits(np.arange(n), 7)),
            "enrollment_id": self.ids[row],
            "visit_date": dates(on, "us"),
            "status": np.where(done, "C", "A"),
            "mode": np.where(rng.random(n) < 0.85, "H", "V"),
            "minutes": np.where(done, rng.choice([45, 60, 60, 75, 90], n), 0),
        }
