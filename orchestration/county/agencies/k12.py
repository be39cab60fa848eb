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

from orchestration.county.columns import Coded, Columns, coded, digits, ranks
from orchestration.county.delivery import Desk
from orchestration.county.lives import school as life
from orchestration.county.records import Habits, address_lines, entered, numbers, open_ledger, title
from orchestration.county.timeline import OPEN, dates, month_of, text
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
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        current = life.school_year(as_of)
        shown = np.flatnonzero((on_record <= as_of) & (rows.year >= current - 1)
                               & (rows.year <= current))  # fmt: skip
        record = ledger.record(rows.person[shown], np.maximum(rows.entry[shown], window.start), i)
        # a new id is used for everything from its first day on
        record = np.where(
            rows.exit[shown] >= window.start, ledger.record(rows.person[shown], as_of, i), record
        )
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
    homeless = np.isin(person, world.lives["homelessness"].person)
    # absent 5.5 % of days on average, more with need, age and homelessness
    own = world.uniform("absence", person)
    rate = 0.012 + 0.11 * own**2.2 + 0.05 * world.need(person) ** 2 + 0.08 * homeless
    rng = world.stream(f"attendance {month}")
    absent = rng.binomial(total, np.clip(rate, 0, 0.6))
    excused = rng.binomial(absent, 0.58)
    suspended = rng.binomial(
        absent - excused, np.where(rows.grade[shown][real][first] > 5, 0.04, 0.01)
    )
    unexcused = absent - excused - suspended
    keep = np.flatnonzero(total > 0)
    report = f"{month // 12 + 1970:04d}-{month % 12 + 1:02d}"
    return {
        "student_id": student_id[real[first[keep]]],
        "school_id": Coded(keys[keep] % len(school_ids), school_ids),
        "report_month": np.full(len(keep), report),
        "days_enrolled": total[keep],
        "days_present": (total - absent)[keep],
        "days_absent_excused": excused[keep],
        "days_absent_unexcused": unexcused[keep],
        "days_suspended": suspended[keep],
    }
