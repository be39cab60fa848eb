"""The housing authority: family reports on form HUD-50058, one per action, and their members.

All actions that took effect since 1 January two years before the first delivery, and the last one
before that of households then in the program. household_no is the authority's; members are known
by their line in the household, so a person who changes household has another key.
Quirks: members who moved out stay on the lease until the next reexamination; ends of participation
that were never entered; void reports that take back the report of the same day; portability moves;
placeholder SSNs of members who have none; actions that take effect after they were entered.

Codes of the form. action_type: 1 new admission, 2 annual, 3 interim reexamination, 4 portability
move-in, 5 move-out, 6 end of participation, 7 other change of unit, 15 void. program_type: P public
housing, VO voucher. relation: H head, S spouse, K co-head, Y youth under 18, E student of 18 or
over, A other adult. race: 1 White, 2 Black, 3 American Indian or Alaska Native, 4 Asian, 5 Native
Hawaiian or Pacific Islander. ethnicity: 1 Hispanic, 2 not.
Add here: inspections, income. Keep out: evictions (courts.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import homelessness
from orchestration.county.lives import renting as life
from orchestration.county.population import HEAD, PARTNER, SPOUSE
from orchestration.county.records import Habits, address_lines, entered, numbers, write_down
from orchestration.county.timeline import OPEN, age_on, dates, parts
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.012, nickname=0.02, middle_blank=0.3, middle_initial=1.0,
                 suffix_kept=0.6, ssn_blank=0.0, ssn_digit=0.005, ssn_borrowed=0.002,
                 double_surname=0.3, old_surname=0.03)  # fmt: skip
NEW, ANNUAL, INTERIM, PORT_IN, PORT_OUT, END, MOVE, VOID = 1, 2, 3, 4, 5, 6, 7, 15
_RACE = ("1", "2", "4", "3", "5", "1", "1")


def deliver(world: World, desk: Desk) -> None:
    """Write family_reports.csv and family_members.csv of every delivery."""
    window = world.window
    renting: life.Renting = world.lives["renting"]
    rows = renting.tenancies
    tenancy, action, on = _actions(world, renting)
    rng = world.stream("housing records")
    # annual reexaminations are entered ahead of the day on which they take effect
    ahead = np.isin(action, (ANNUAL, MOVE)) & (rng.random(len(on)) < 0.6)
    on_file = np.where(ahead, on - rng.integers(0, 45, len(on)),
                       entered(on, rng, days=6.0, late=0.02))  # fmt: skip
    # nothing is taken back before it is on file
    void = np.flatnonzero(action == VOID)
    on_file[void] = np.maximum(on_file[void], on_file[void - 1])
    household = coded(digits(numbers(world, "subsidised household", len(rows.household), 10**4,
                                     10**8).astype(np.int64), 8))  # fmt: skip
    low = homelessness.begins(world)
    shown_since = np.full(len(rows.household), -OPEN)
    before = on < low
    np.maximum.at(shown_since, tenancy[before], on[before])
    ever = rows.ended[tenancy] > low
    kept = ever & ((on >= low) | (on == shown_since[tenancy]))
    tenancy, action, on, on_file = tenancy[kept], action[kept], on[kept], on_file[kept]
    money = _money(world, rows, tenancy, on)
    home = rows.household[tenancy]
    address = _address(renting.dwellings, home, on)
    street, unit, city, zip_ = (coded(c) for c in address_lines(world, home, address, "housing"))
    people = _members(world, rows, tenancy, action, on)
    keys = people["key"](household)
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        there = on_file <= as_of
        at = np.flatnonzero(there)
        reports = {
            "household_no": household[tenancy[at]],
            "effective_date": dates(on[at], "us"),
            "action_type": action[at],
            "program_type": Coded(rows.kind[tenancy[at]], ("VO", "P")),
            "admission_date": dates(rows.admitted[tenancy[at]], "us"),
            "unit_street": street[at],
            "unit_no": unit[at],
            "unit_city": city[at],
            "unit_zip": zip_[at],
            "bedrooms": money["bedrooms"][at],
            "total_tenant_payment": money["payment"][at],
            "contract_rent": coded(money["rent"].astype("U5")).where(
                rows.kind[tenancy] == life.VOUCHER
            )[at],
            "entered_date": dates(on_file[at], "us"),
        }
        desk.put("housing", folder, "family_reports.csv", reports)
        line = np.flatnonzero(there[people["report"]])
        report = people["report"][line]
        columns = {
            "household_no": household[tenancy[report]],
            "effective_date": dates(on[report], "us"),
            "action_type": action[report],
            "member_no": people["number"][line],
            **{name: people[name][line] for name in _SHOWN},
        }
        desk.put("housing", folder, "family_members.csv", columns)
        desk.record("housing", keys[line], people["person"][line])
        if i == window.months - 1:
            desk.tell("subsidized_tenancy", *_told(tenancy, on, people, there))


_SHOWN = ("last_name", "first_name", "middle_initial", "suffix", "birth_date", "sex", "relation",
          "ssn", "race", "ethnicity")  # fmt: skip


def _told(tenancy, on, people: dict, there: np.ndarray) -> tuple[np.ndarray, ...]:
    """Persons, first and last days for which reports name them: each speaks until the next one of
    the household. Who came and left between two reports is in none."""
    filed = np.flatnonzero(there)
    following = np.full(len(on), OPEN)
    same = tenancy[filed[1:]] == tenancy[filed[:-1]]
    following[filed[:-1][same]] = on[filed[1:][same]]
    line = np.flatnonzero(there[people["report"]])
    report = people["report"][line]
    until = following[report]
    line, report = line[until > on[report]], report[until > on[report]]
    last = np.where(following[report] < OPEN, following[report] - 1, OPEN)
    return people["person"][line], on[report], last


def _actions(world: World, renting: life.Renting) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of the tenancies, action and day of effect, by tenancy and day: one action a day."""
    rows, homes, window = renting.tenancies, renting.dwellings, world.window
    rng = world.stream("housing actions")
    n = len(rows.household)
    each = np.arange(n)
    end = np.minimum(rows.ended, window.end)
    years = (end - rows.admitted) // 365
    annual = np.repeat(each, years)
    place = np.arange(len(annual)) - np.repeat(np.cumsum(years) - years, years) + 1
    annual_on = rows.admitted[annual] + 365 * place
    times = rng.poisson(0.35 * (end - rows.admitted) / 365.25)
    interim = np.repeat(each, times)
    interim_on = rows.admitted[interim] + 20 + (
        rng.random(len(interim)) * np.maximum(end - rows.admitted - 40, 1)[interim]
    ).astype(np.int64)  # fmt: skip
    # a new dwelling of the household during the subsidy
    known = np.full(len(world.houses), -1)
    known[rows.household] = each
    moved = known[homes.household]
    at = np.flatnonzero((moved >= 0) & (homes.start > rows.admitted[moved] + 5)
                        & (homes.start < end[moved] - 5))  # fmt: skip
    over = np.flatnonzero(rows.ended < window.end)
    forgotten = rng.random(len(over)) < 0.06
    leaves = np.where((rows.kind[over] == life.VOUCHER) & (rng.random(len(over)) < 0.12),
                      PORT_OUT, END)[~forgotten]  # fmt: skip
    over = over[~forgotten]
    tenancy = np.concatenate([each, annual, interim, moved[at], over])
    action = np.concatenate([
        np.where(rows.ported, PORT_IN, NEW), np.full(len(annual), ANNUAL),
        np.full(len(interim), INTERIM), np.full(len(at), MOVE), leaves,
    ])  # fmt: skip
    on = np.concatenate([rows.admitted, annual_on, interim_on, homes.start[at], rows.ended[over]])
    inside = (on < end[tenancy]) | np.isin(action, (END, PORT_OUT))
    tenancy, action, on = tenancy[inside], action[inside], on[inside]
    order = np.lexsort((action, on, tenancy))
    tenancy, action, on = tenancy[order], action[order], on[order]
    once = np.r_[True, (tenancy[1:] != tenancy[:-1]) | (on[1:] != on[:-1])]
    tenancy, action, on = tenancy[once], action[once], on[once]
    # a report taken back: the void stands on the day of the report
    void = np.flatnonzero(np.isin(action, (ANNUAL, INTERIM)) & (rng.random(len(on)) < 0.015))
    tenancy = np.concatenate([tenancy, tenancy[void]])
    action = np.concatenate([action, np.full(len(void), VOID)])
    on = np.concatenate([on, on[void]])
    order = np.lexsort((action, on, tenancy))
    return tenancy[order], action[order], on[order]


def _money(world: World, rows: life.Tenancies, tenancy, on) -> dict[str, np.ndarray]:
    rent = 700 + (world.uniform("contract rent", tenancy) * 900).astype(np.int64)
    share = world.uniform("tenant payment", tenancy, parts(on)[0])
    return {
        "bedrooms": 1 + (world.uniform("bedrooms", tenancy) * 4).astype(np.int64),
        "payment": (50 + 450 * share).astype(np.int64),
        "rent": rent,
    }


def _address(homes: life.Dwellings, household: np.ndarray, on: np.ndarray) -> np.ndarray:
    """The dwelling of each household on each day."""
    key = homes.household * (4 * OPEN) + homes.start
    row = np.searchsorted(key, household * (4 * OPEN) + on, side="right") - 1
    first = np.searchsorted(homes.household, household)
    row = np.maximum(row, first)
    return homes.address[row]


def _members(world: World, rows: life.Tenancies, tenancy, action, on) -> dict:
    """The members on each report: those in the household when it was last examined."""
    whose, person, start, end = life.members(world, rows)
    people = world.people
    n = len(person)
    # the head is the eldest of the first day; others follow by age
    order = np.lexsort((people.dob[person], people.relation[person] != HEAD,
                        start > rows.admitted[whose] + 1, whose))  # fmt: skip
    whose, person, start, end = whose[order], person[order], start[order], end[order]
    number = np.arange(n) - np.searchsorted(whose, whose) + 1
    one = write_down(world, person, np.maximum(start, people.dob[person] + 1), _HABITS, "housing")
    # reports x members of the household
    low = np.searchsorted(whose, tenancy, side="left")
    count = np.searchsorted(whose, tenancy, side="right") - low
    report = np.repeat(np.arange(len(tenancy)), count)
    within = np.arange(len(report)) - np.repeat(np.cumsum(count) - count, count)
    member = low[report] + within
    # an end or a move is written from the last examination, so its members are those of then
    examined = np.where(np.isin(action, (END, PORT_OUT, MOVE, VOID)), -1, on)
    last = np.maximum.accumulate(np.where(examined >= 0, np.arange(len(on)), -1))
    own = last >= np.searchsorted(tenancy, tenancy)
    seen_on = np.where(own, on[last], on)
    when = seen_on[report]
    there = (start[member] <= when) & (end[member] > when) | (number[member] == 1)
    report, member = report[there], member[there]
    age = age_on(people.dob[person[member]], on[report])
    code = people.relation[person[member]]
    relation = np.select(
        [number[member] == 1, age < 18, np.isin(code, (SPOUSE,)), code == PARTNER,
         (age < 22) & (world.uniform("student", person[member]) < 0.4)],
        [0, 3, 1, 2, 4], 5,
    )  # fmt: skip
    race = people.race[person]
    ssn = np.where(world.uniform("no number", person) < 0.015, "999999999", one.ssn)

    def key(household: Coded) -> np.ndarray:
        text = np.char.add(np.asarray(household[whose]).astype("U8"), "|")
        return coded(np.char.add(text, number.astype("U2")))[member]

    return {
        "report": report, "person": person[member], "number": number[member], "key": key,
        "last_name": coded(one.last)[member], "first_name": coded(one.first)[member],
        "middle_initial": coded(one.middle)[member], "suffix": coded(one.suffix)[member],
        "birth_date": dates(one.dob, "us")[member], "sex": coded(one.sex)[member],
        "relation": Coded(relation, ("H", "S", "K", "Y", "E", "A")), "ssn": coded(ssn)[member],
        "race": Coded(race, _RACE)[member],
        "ethnicity": Coded((race != 5).astype(np.int64), ("1", "2"))[member],
    }  # fmt: skip
