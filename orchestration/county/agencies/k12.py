"""Public schools: enrolments (this school year and the one before), attendance, schools.

In title case. exit_date is the last day of membership; blank while the enrolment is open,
and exits at the end of a year are entered only at the roll-over on 1 August.
Quirks: enrolments of one day, no-shows, two open enrolments during a slow transfer, part-time
second schools, transfers entered months late, students whose id was issued anew, or who had two
until one was merged into the other and vanished.

Codes. sex: F, M, X. race_ethnicity: 1 American Indian or Alaska Native, 2 Asian, 3 Black,
4 Hispanic, 5 White, 6 Pacific Islander, 7 two or more. entry_type: E1 first of the year,
E2 transfer within the district, E3 from another district, E4 from outside the county.
exit_type: W1 transfer within the district, W2 moved away or to another district, W3 dropped
out, W4 graduated, W5 never came, W6 end of year, W7 died, W8 entered in error.
Add here: discipline, programmes. Keep out: private schools.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.agencies import k12_daily, k12_staff
from orchestration.county.columns import Coded, Columns, coded, digits, ranks
from orchestration.county.delivery import Desk
from orchestration.county.lives import attendance as daily
from orchestration.county.lives import school as life
from orchestration.county.records import (
    Habits,
    Ledger,
    address_lines,
    entered,
    numbers,
    open_ledger,
    title,
)
from orchestration.county.timeline import OPEN, Window, dates, month_of, month_start, text
from orchestration.county.world import World

_RACE = np.array(["5", "3", "2", "1", "6", "4", "7"])
_HABITS = Habits(name_typo=0.012, nickname=0.02, middle_blank=0.3, middle_initial=0.2,
                 day_month_swap=0.004, ssn_blank=1, accents=0.25)  # fmt: skip
_NAMES = ("Maplewood", "Riverbend", "Old Mill", "Harriet Dunmore", "Stonegate", "Larkspur",
          "Fairhaven", "Quarry Road", "Eastbrook", "Juniper Hill", "Clayton Ridge", "Westfield",
          "Summerlin", "Bayview", "North Star", "Cedar Grove")  # fmt: skip
_DISTRICTS = (("0031", "Brandy Hill Unified"), ("0033", "Portham Consolidated"),
              ("0090", "Open Door Charter"))  # fmt: skip
_LEVELS = np.array(["ES", "MS", "HS"])
_GRADES = np.array(["PK", "KG", *(f"{g:02d}" for g in range(1, 13))])
_NO_REPORT = (7, 8)  # months without a report of attendance


def deliver(world: World, desk: Desk) -> None:
    """Write enrollments.csv, schools.csv and, but for July and August, the month of attendance."""
    window, people = world.window, world.people
    rows = world.lives["school"]
    plan = life.schools(world)
    n_schools = len(plan.level)
    school_ids = np.char.zfill((410 + 7 * np.arange(n_schools)).astype("U6"), 6)
    district_ids = np.array([d[0] for d in _DISTRICTS])[plan.district]
    who, at = np.unique(rows.person, return_index=True)
    ledger = open_ledger(world, who, rows.entry[at], _HABITS, "k12")
    ids = coded(digits(numbers(world, "k12", len(ledger.person), 10**7, 3 * 10**8), 10))
    rank = ranks(ids)
    rng = world.stream("k12 records")
    no_sex = rng.random(len(ledger.person)) < 0.003
    lag = rng.integers(0, 75, len(ledger.person))
    never = rng.random(len(ledger.person)) < 0.06  # the address at first enrolment stays
    first_seen = rows.entry[at][np.searchsorted(who, ledger.person)]
    # one transfer in fifty is entered only months later
    late = entered(rows.entry, world.stream("k12 late entries"), days=0, late=0.02)
    on_record = np.where(rows.entry_type == "E1", rows.entry, late)
    entry_type, exit_type = coded(rows.entry_type), coded(rows.exit_type)
    staff = k12_staff.prepare(world)
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        current = life.school_year(as_of)
        shown = np.flatnonzero((on_record <= as_of) & (rows.year >= current - 1)
                               & (rows.year <= current))  # fmt: skip
        record = _record(ledger, rows, shown, window.start, as_of, i)
        # by student, school and entry date
        order = np.lexsort((rows.entry[shown], rows.school[shown], rank[record]))
        shown, record = shown[order], record[order]
        person = rows.person[shown]
        known = np.where(never, first_seen, as_of - lag)
        known = np.maximum(known, first_seen)
        address = world.address_at(ledger.person, known)
        home = [coded(c).map(str.title)[record] for c in
                address_lines(world, ledger.person, address, "k12")]  # fmt: skip
        gone = (rows.exit[shown] <= as_of) & (rows.known_from[shown] <= as_of)
        columns = {
            "student_id": ids[record],
            "district_id": Coded(rows.school[shown], district_ids),
            "school_id": Coded(rows.school[shown], school_ids),
            "school_year": rows.year[shown],
            "first_name": ledger.column("first", i, str.title)[record],
            "middle_name": ledger.column("middle", i, str.title)[record],
            "last_name": ledger.column("last", i, str.title)[record],
            "suffix": ledger.column("suffix", i, str.title)[record],
            "birth_date": dates(ledger.day_of_birth(i)[record]),
            "sex": ledger.column("sex", i).where(~no_sex, "X")[record],
            "race_ethnicity": Coded(people.race[person], _RACE),
            "home_street": home[0],
            "home_unit": home[1],
            "home_city": home[2],
            "home_zip": home[3],
            "grade_level": Coded(rows.grade[shown] + 1, _GRADES),
            "entry_date": dates(rows.entry[shown]),
            "entry_type": entry_type[shown],
            "exit_date": dates(np.where(gone, rows.exit[shown], OPEN)),
            "exit_type": exit_type[shown].where(gone),
        }
        desk.put("k12", folder, "enrollments.csv", columns)
        desk.record("k12", columns["student_id"], person)
        month = int(month_of(np.array([as_of]))[0])
        if month % 12 + 1 not in _NO_REPORT:
            attendance = _attendance(
                world, rows, shown, columns["student_id"], rank[record], school_ids, month, current
            )
            desk.put("k12", folder, f"attendance_{folder}.csv", attendance)
        desk.put("k12", folder, "schools.csv", _schools(world, plan, school_ids, district_ids))
        desk.put("k12", folder, "student_id_changes.csv", _changes(ledger, ids, window, i, desk))

        def student(row, now=as_of, delivery=i):
            return ids[_record(ledger, rows, row, window.start, now, delivery)]

        k12_daily.deliver(world, desk, i, student, school_ids, tuple(d[0] for d in _DISTRICTS))
        k12_staff.deliver(world, desk, i, staff, student, school_ids)


def _record(
    ledger: Ledger, rows: life.Enrolments, at: np.ndarray, start: int, as_of: int, i: int
) -> np.ndarray:
    """The records under which enrolments (rows `at`) stand in delivery i.

    A new id is used for everything from its first day on.
    """
    person = rows.person[at]
    old = ledger.record(person, np.maximum(rows.entry[at], start), i)
    return np.where(rows.exit[at] >= start, ledger.record(person, as_of, i), old)


def _changes(ledger: Ledger, ids: Coded, window: Window, i: int, desk: Desk) -> Columns:
    """Ids that were replaced since the first delivery, new ones issued or two merged."""
    as_of = window.as_of(i)
    first = np.flatnonzero(ledger.second >= 0)
    second = ledger.second[first]
    current = ledger.record(ledger.person[first], as_of, i)
    old = np.where(current == first, second, first)
    merged = ledger.merged[old] <= i
    issued = (current == second) & (ledger.cut[first] > window.as_of(0)) & ~merged
    when = np.where(
        merged, month_start(window.first + np.minimum(ledger.merged[old], i)), ledger.cut[first]
    )
    shown = np.flatnonzero((merged | issued) & (ledger.cut[first] <= as_of))
    for side in (old, current):
        desk.record("k12", ids[side[shown]], ledger.person[first[shown]])
    return {
        "student_id": ids[old[shown]],
        "current_student_id": ids[current[shown]],
        "changed_date": dates(when[shown]),
    }


def _schools(world: World, plan: life.Schools, school_ids, district_ids) -> dict:
    n = len(plan.level)
    kind = np.array(["Elementary School", "Middle School", "High School"])[plan.level]
    names = np.array(
        [f"{_NAMES[k % len(_NAMES)]}{'' if k < len(_NAMES) else ' ' + str(k // len(_NAMES) + 1)}"
         f" {w}" for k, w in enumerate(kind.tolist())]
    )  # fmt: skip
    names[plan.charter] = "Open Door Charter School"
    street, _, city, zip_ = address_lines(world, np.arange(n), plan.address, "schools", errors=0)
    return {
        "school_id": school_ids,
        "school_name": names,
        "district_id": district_ids,
        "district_name": np.array([d[1] for d in _DISTRICTS])[plan.district],
        "level": _LEVELS[plan.level],
        "street": title(street),
        "city": title(city),
        "zip": zip_,
        "open_date": text(plan.opened),
        "close_date": text(plan.closed),
    }


def _attendance(
    world: World, rows: life.Enrolments, shown: np.ndarray, student_id: Coded, rank: np.ndarray,
    school_ids: np.ndarray, month: int, year: int,
) -> Columns:  # fmt: skip
    """Days enrolled, present and absent in one month, per student and school.

    shown: rows of the enrolments; student_id and rank: the id of each and its place in order.
    """
    days = life.session_days(year)
    days = days[month_of(days) == month]
    real = np.flatnonzero(rows.real[shown] & (rows.year[shown] == year))
    entry, leave = rows.entry[shown][real], rows.exit[shown][real]
    enrolled = np.searchsorted(days, leave, side="right") - np.searchsorted(days, entry)
    key = rank[real].astype(np.int64) * len(school_ids) + rows.school[shown][real]
    keys, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    total = np.zeros(len(keys), dtype=np.int64)
    np.add.at(total, inverse, np.maximum(enrolled, 0))
    person = rows.person[shown][real][first]
    lived: daily.Attendance = world.lives["attendance"]
    missed = lived.absences
    place = keys % len(school_ids)
    # what the school has reported by now: nothing, if it is late, and nobody seems to be absent
    at = np.flatnonzero(month_of(missed.on) == month)
    at = at[lived.reported[rows.school[missed.row[at]], month - lived.first_month] <= month]
    own = rows.person[missed.row[at]] * len(school_ids) + rows.school[missed.row[at]]
    mine = person * len(school_ids) + place
    order = np.argsort(mine, kind="stable")
    found = np.minimum(np.searchsorted(mine[order], own), max(len(mine) - 1, 0))
    hit = mine[order][found] == own if len(mine) else own > own
    into, at = order[found[hit]], at[hit]
    halves = np.where(missed.half[at], 1, 2)
    count = np.zeros((3, len(keys)), dtype=np.int64)
    kind = np.select([missed.category[at] == daily.DISCIPLINE,
                      np.isin(missed.category[at], daily.EXCUSED)], [2, 0], 1)  # fmt: skip
    np.add.at(count, (kind, into), halves)
    excused, unexcused, suspended = count
    present = np.maximum(2 * total - count.sum(axis=0), 0)
    keep = np.flatnonzero(total > 0)
    report = f"{month // 12 + 1970:04d}-{month % 12 + 1:02d}"
    return {
        "student_id": student_id[real[first[keep]]],
        "school_id": Coded(keys[keep] % len(school_ids), school_ids),
        "report_month": np.full(len(keep), report),
        "days_enrolled": total[keep],
        "days_present": coded(daily.half_text(present[keep])),
        "days_absent_excused": coded(daily.half_text(excused[keep])),
        "days_absent_unexcused": coded(daily.half_text(unexcused[keep])),
        "days_suspended": coded(daily.half_text(suspended[keep])),
    }
