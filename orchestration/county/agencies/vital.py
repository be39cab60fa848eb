"""Vital records: births and deaths, in the vocabulary of the NCHS/NAPHSIS record layouts.

A snapshot of all events registered since seven years before the first delivery. In capitals.
births.csv is delimited; deaths.mor has the fixed positions of the IJE mortality record
(vital_layout.py), its lines cut after the middle name.
Quirks: dates in parts with 99 and 9999 for unknown, birth dates known to the month, fathers left
blank, twins (PLUR, SORD),
void records that a new one replaces, the mother's name at the birth and her maiden name,
late registrations, infant deaths that point at the birth certificate (BCNO).

Codes. ISEX, SEX: M, F, N (not known). MARN, WIC: Y, N, U. ACKN: Y, N, X (does not apply).
MEDUC: 1 (8th grade or less) .. 8 (doctorate), 9 unknown. PAY: 1 Medicaid, 2 private, 3 self,
8 other, 9 unknown. MRACE: 01 White, 02 Black, 03 American Indian or Alaska Native,
04 to 10 Asian, 13 Pacific Islander, 15 other, 21 several, 99 unknown (Hispanic origin is not in
this layout: most are 01). PLUR, SORD: two digits, SORD blank for a single birth.
RACE1 .. RACE15 of a death: Y, N for White, Black, American Indian or Alaska Native, Asian Indian,
Chinese, Filipino, Japanese, Korean, Vietnamese, other Asian, Native Hawaiian, Guamanian, Samoan,
other Pacific Islander, other. DETHNIC1 .. DETHNIC4: N not Hispanic, H Hispanic (Mexican, Puerto
Rican, Cuban, other), U unknown. AGETYPE: 1 years, 2 months, 4 days. MARITAL: M, D, W, S, U.
MANNER: N natural, A accident, S suicide, H homicide, P pending, C could not be determined.
Add here: fetal deaths, marriages. Keep out: other registries.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.agencies import vital_layout
from orchestration.county.columns import Coded, coded, digits, ranks
from orchestration.county.delivery import Desk
from orchestration.county.places import COUNTY_CODE, STATE
from orchestration.county.population import RACES
from orchestration.county.records import Habits, address_lines, date_parts, numbers, write_down
from orchestration.county.timeline import OPEN, age_on, parts
from orchestration.county.world import World

_CHILD = Habits(name_typo=0.006, middle_blank=0.12, corrected=0, ssn_blank=1, sex_wrong=0.001,
                dob_digit=0.001, day_month_swap=0.0)  # fmt: skip
_MOTHER = Habits(name_typo=0.012, middle_blank=0.25, ssn_blank=0.04, ssn_digit=0.008,
                 dob_digit=0.008)  # fmt: skip
_FATHER = Habits(name_typo=0.015, middle_blank=0.3, ssn_blank=0.06, ssn_digit=0.01, dob_digit=0.01)
_LATINO = RACES.index("Latino")
_DESIGNATORS = {"ST", "AVE", "DR", "RD", "LN", "CT", "PL", "BLVD", "CIR", "WAY", "TER"}
_DEAD = Habits(
    name_typo=0.008, middle_blank=0.2, suffix_kept=0.85, ssn_blank=0.03, old_surname=0.01
)


def deliver(world: World, desk: Desk) -> None:
    """Write births.csv and deaths.mor of every delivery."""
    births = _births(world)
    deaths = _deaths(world, births)
    lines = vital_layout.lines(deaths["columns"])
    void_at = vital_layout.MORTALITY["VOID"][0] - 1
    for i in range(world.window.months):
        folder = world.window.folder(i)
        rows, void = _registered(world, i, births)
        columns = {k: v[rows] for k, v in births["columns"].items()}
        columns["VOID"] = Coded(void, ["0", "1"])
        desk.put("vital", folder, "births.csv", columns)
        _record(desk, births, rows)
        rows, void = _registered(world, i, deaths)
        shown = lines[rows]
        shown[:, void_at] = np.where(void, ord("1"), ord("0"))
        desk.put_bytes("vital", folder, "deaths.mor", shown.tobytes(), rows=len(rows))
        _record(desk, deaths, rows)


def _registered(world: World, i: int, table: dict) -> tuple[np.ndarray, np.ndarray]:
    """The rows registered by the end of delivery i, and which of them are void by then."""
    as_of = world.window.as_of(i)
    rows = np.flatnonzero(table["registered"] <= as_of)
    return rows, table["void_from"][rows] <= as_of


def _record(desk: Desk, table: dict, rows: np.ndarray) -> None:
    for system, (key, person) in table["keys"].items():
        known = person[rows] >= 0
        desk.record(system, key[rows][known], person[rows][known])


def _file_numbers(world: World, year: np.ndarray, registered: np.ndarray) -> np.ndarray:
    """Six-digit numbers in the order of registration, afresh for each year of the event."""
    order = np.lexsort((np.arange(len(year)), registered, year))
    start = np.r_[0, np.flatnonzero(np.diff(year[order])) + 1]
    number = np.arange(len(year)) - np.repeat(start, np.diff(np.r_[start, len(year)]))
    out = np.empty(len(year), dtype=np.int64)
    out[order] = number + 1
    return digits(out, 6)


def _replaced(registered: np.ndarray, share: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Rows to write twice: (row numbers, day of the replacement) for a share of records."""
    rows = np.flatnonzero(rng.random(len(registered)) < share)
    return rows, registered[rows] + rng.integers(30, 200, len(rows))


def _births(world: World) -> dict:
    people, window = world.people, world.window
    rng = world.stream("vital births")
    child = np.flatnonzero((people.dob >= window.history) & (people.mother >= 0))
    mother = people.mother[child]
    child = child[world.resident(mother, people.dob[child])]
    # brothers and sisters less than 240 days apart who are no twins: one was born elsewhere
    order = np.lexsort((people.birth_order[child], people.dob[child], people.mother[child]))
    child = child[order]
    mother = people.mother[child]
    gap = np.r_[OPEN, np.diff(people.dob[child])]
    gap[np.r_[True, mother[1:] != mother[:-1]]] = OPEN
    twin = people.birth_order[child] > 0
    child = child[(gap > 240) | (twin & (gap == 0))]
    child = child[np.argsort(people.dob[child], kind="stable")]
    n = len(child)
    mother, father, dob = people.mother[child], people.father[child], people.dob[child]
    registered = dob + 3 + rng.geometric(0.12, n)
    late = rng.random(n) < 0.012
    registered = np.where(late, dob + rng.integers(200, 900, n), registered)
    void_from = np.full(n, OPEN)
    again, replaced = _replaced(registered, 0.008, rng)
    void_from[again] = replaced
    child = np.concatenate([child, child[again]])
    mother, father = (
        np.concatenate([mother, mother[again]]),
        np.concatenate([father, father[again]]),
    )
    dob = np.concatenate([dob, dob[again]])
    registered = np.concatenate([registered, replaced])
    void_from = np.concatenate([void_from, np.full(len(again), OPEN)])
    n = len(child)

    twin = people.birth_order[child] > 0
    one = write_down(world, child, dob, _CHILD, "birth child")
    mom = write_down(world, mother, dob, _MOTHER, "birth mother")
    dad = write_down(world, np.maximum(father, 0), dob, _FATHER, "birth father")
    unnamed = rng.random(n) < 0.004
    one.first[unnamed] = np.where(one.sex[unnamed] == "M", "BABY BOY", "BABY GIRL")
    married = (people.married[mother] <= dob) & (people.spouse[mother] == father) & (father >= 0)
    married_to_other = (people.married[mother] <= dob) & ~married
    acknowledged = (father >= 0) & ~married & (rng.random(n) < 0.7)
    shown = (father >= 0) & (married | acknowledged) & (rng.random(n) < 0.985)
    marn = np.where(rng.random(n) < 0.01, "U", np.where(married | married_to_other, "Y", "N"))
    ackn = np.where(marn == "Y", "X", np.where(acknowledged, "Y", "N"))
    need = world.need(mother)
    dyear, dmonth, dday = date_parts(one.dob)
    myear, mmonth, mday = date_parts(mom.dob)
    vague = rng.random(n) < 0.01
    mmonth, mday = np.where(vague, "99", mmonth), np.where(vague, "99", mday)
    # of some mothers only the month is known
    month_only = world.uniform("mother's day unknown", child) < 0.006
    mday = np.where(month_only, "99", mday)
    lost = rng.random(n) < 0.004
    myear, mmonth, mday = (np.where(lost, x, v) for x, v in
                           (("9999", myear), ("99", mmonth), ("99", mday)))  # fmt: skip
    fyear, fmonth, fday = date_parts(dad.dob)
    vague = rng.random(n) < 0.03
    fmonth, fday = np.where(vague, "99", fmonth), np.where(vague, "99", fday)
    blank_dad = ~shown
    weeks = np.clip(np.round(rng.normal(38.7, 1.9, n) - 2.5 * twin - 0.5 * need), 23, 43)
    weight = np.clip(3320 - 135 * (39 - weeks) + rng.normal(0, 380, n) - 150 * twin, 420, 5400)
    visits = np.clip(np.round(rng.normal(12.5 - 4 * need, 3.2, n)), 0, 30).astype(np.int64)
    visits = np.where(rng.random(n) < 0.02, 99, visits)
    medu_age = age_on(people.dob[mother], dob)
    meduc = np.clip(np.round(rng.normal(5.6 - 3.2 * need, 1.3, n)), 1, 8).astype(np.int64)
    meduc = np.where(medu_age < 18, np.minimum(meduc, 3), meduc)
    meduc = np.where(rng.random(n) < 0.012, 9, meduc)
    wic = np.where(rng.random(n) < 0.02, "U", np.where(rng.random(n) < need**1.5, "Y", "N"))
    pay = np.where(rng.random(n) < np.clip(need * 1.05 - 0.1, 0, 1), "1", "2")
    pay = np.where(rng.random(n) < 0.04, rng.choice(np.array(["3", "8", "9"]), n), pay)
    street, unit, city, zip_ = address_lines(
        world, mother, world.address_at(mother, dob), "births", errors=0.015
    )
    number, name = _split_number(street)
    ryear, rmonth, rday = date_parts(registered)
    fileno = _file_numbers(world, parts(one.dob)[0], registered)
    empty = np.full(n, "")

    def dads(values):
        return np.where(blank_dad, "", values)

    columns = {
        "FILENO": fileno, "BSTATE": np.full(n, STATE), "VOID": empty, "IDOB_YR": dyear,
        "IDOB_MO": dmonth, "IDOB_DY": dday,
        "ISEX": np.where(rng.random(n) < 0.002, "N", one.sex),
        "PLUR": np.where(twin, "02", "01"),
        "SORD": np.where(twin, np.char.add("0", people.birth_order[child].astype("U1")), ""),
        "KIDFNAME": one.first, "KIDMNAME": one.middle, "KIDLNAME": one.last,
        "KIDSUFX": one.suffix, "MOMFNAME": mom.first, "MOMMNAME": mom.middle,
        "MOMLNAME": mom.last, "MOMMAIDN": people.last_born[mother], "MDOB_YR": myear,
        "MDOB_MO": mmonth, "MDOB_DY": mday, "MOM_SSN": mom.ssn, "DADFNAME": dads(dad.first),
        "DADMNAME": dads(dad.middle), "DADLNAME": dads(dad.last), "FDOB_YR": dads(fyear),
        "FDOB_MO": dads(fmonth), "FDOB_DY": dads(fday), "DAD_SSN": dads(dad.ssn), "MARN": marn,
        "ACKN": ackn, "MEDUC": meduc.astype("U1"),
        "MRACE": _races(world, mother),
        "OWGEST": weeks.astype(np.int64).astype("U2"),
        "BWG": np.char.zfill(weight.astype(np.int64).astype("U4"), 4),
        "NPREV": np.char.zfill(visits.astype("U2"), 2), "WIC": wic, "PAY": pay,
        "STNUM": number, "STNAME": name, "UNITNUM": unit, "CITYC": city, "ZIPCODE": zip_,
        "COUNTYC": np.full(n, COUNTY_CODE), "DOR_YR": ryear, "DOR_MO": rmonth, "DOR_DY": rday,
    }  # fmt: skip
    order = np.lexsort((ranks(fileno), ranks(dyear)))
    key = coded(np.char.add(np.char.add(fileno, "-"), dyear)[order])
    return {
        "columns": {k: coded(v)[order] for k, v in columns.items()},
        "registered": registered[order],
        "void_from": void_from[order],
        "child": child[order],
        "fileno": fileno[order],
        "keys": {
            "vital_child": (key, child[order]),
            "vital_mother": (key, mother[order]),
            "vital_father": (key, np.where(shown, father, -1)[order]),
        },
    }


def _races(world: World, who: np.ndarray) -> np.ndarray:
    """The bridged race code on the certificate; the same person always reports the same."""
    draw = world.uniform("race on certificate", who)
    asian = np.array(["04", "05", "06", "07", "10"])[(draw * 5).astype(int)]
    latino = np.where(draw < 0.72, "01", np.where(draw < 0.8, "02", "15"))
    several = np.where(draw < 0.8, "21", "15")
    race = world.people.race[who]
    code = np.choose(race, ["01", "02", asian, "03", "13", latino, several])
    return np.where(world.uniform("race unknown", who) < 0.01, "99", code)


def _race_items(world: World, who: np.ndarray) -> dict[str, np.ndarray]:
    """The fifteen race items and four Hispanic ones of a death record, as its informant said."""
    code = _races(world, who).astype(int)
    several, unknown = code == 21, code == 99
    latino = world.people.race[who] == _LATINO
    # of several races most are White and another
    second = 2 + (world.uniform("second race", who) * 2).astype(int)
    items = {}
    for k in range(1, 16):
        said = (code == k) | (several & ((k == 1) | (k == second)))
        items[f"RACE{k}"] = np.where(unknown, "", np.where(said, "Y", "N"))
    origin = 1 + (world.uniform("origin", who) ** 2 * 4).astype(int)
    for k in range(1, 5):
        said = np.where(latino & (origin == k), "H", "N")
        items[f"DETHNIC{k}"] = np.where(unknown, "U", said)
    return items


def _split_designator(name: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Street names without their last word where that is a kind of street, and that word."""
    split = [(v.rsplit(" ", 1) if v.rsplit(" ", 1)[-1] in _DESIGNATORS and " " in v else [v, ""])
             for v in name.tolist()]  # fmt: skip
    return (
        np.array([p[0] for p in split], dtype=object),
        np.array([p[1] for p in split], dtype=object),
    )


def _split_number(street: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lines = coded(street)
    pairs = [(s.split(" ", 1) if " " in s else ["", s]) for s in lines.values.tolist()]
    number, name = (np.array(part, dtype=object) for part in zip(*pairs, strict=True))
    return number[lines.codes], name[lines.codes]


def _deaths(world: World, births: dict) -> dict:
    people, window = world.people, world.window
    rng = world.stream("vital deaths")
    who = np.flatnonzero((people.dod >= window.history) & (people.dod < window.end))
    who = who[world.residence.known_row(who, people.dod[who]) >= 0]
    last = world.residence.last_row(who, people.dod[who])
    who = who[(last >= 0) & (world.residence.end[last] >= people.dod[who])]
    who = who[np.argsort(people.dod[who], kind="stable")]
    n = len(who)
    died = people.dod[who]
    registered = died + 2 + rng.geometric(0.16, n)
    registered = np.where(rng.random(n) < 0.02, registered + rng.integers(30, 200, n), registered)
    void_from = np.full(n, OPEN)
    again, replaced = _replaced(registered, 0.01, rng)
    void_from[again] = replaced
    who, died = np.concatenate([who, who[again]]), np.concatenate([died, died[again]])
    registered = np.concatenate([registered, replaced])
    void_from = np.concatenate([void_from, np.full(len(again), OPEN)])
    n = len(who)
    one = write_down(world, who, died, _DEAD, "deaths")
    age = age_on(people.dob[who], died)
    byear, bmonth, bday = date_parts(one.dob)
    vague = rng.random(n) < 0.008
    bmonth, bday = np.where(vague, "99", bmonth), np.where(vague, "99", bday)
    dyear, dmonth, dday = date_parts(died)
    found_late = rng.random(n) < 0.004
    dday = np.where(found_late, "99", dday)
    draw = rng.random(n)
    manner = np.select(
        [draw < np.where(age < 45, 0.42, 0.05), draw < np.where(age < 45, 0.52, 0.065),
         draw < np.where(age < 45, 0.57, 0.067), draw < np.where(age < 45, 0.585, 0.075),
         draw < np.where(age < 45, 0.60, 0.08)],
        ["A", "S", "H", "C", "P"], "N",
    )  # fmt: skip
    natural = np.array(["I251", "I219", "C349", "J449", "I64", "G309", "E119", "C509", "N189",
                        "I500", "F03", "A419"])  # fmt: skip
    cause = natural[rng.integers(0, len(natural), n)]
    infant = age < 1
    cause = np.select(
        [infant & (manner == "N"), manner == "A", manner == "S", manner == "H",
         (manner == "C") | (manner == "P")],
        ["P072", np.where(rng.random(n) < 0.5, "X42", "V892"), "X70", "X95", "R99"], cause,
    )  # fmt: skip
    spouse = people.spouse[who]
    married = (spouse >= 0) & (people.married[who] <= died)
    widowed = married & (spouse >= 0) & (people.dod[np.maximum(spouse, 0)] < died)
    draw = rng.random(n)
    marital = np.select(
        [age < 17, widowed, married | (people.married[who] <= died), draw < 0.03,
         (age > 70) & (draw < 0.6), draw < 0.45],
        ["S", "W", "M", "U", "W", "D"], "S",
    )  # fmt: skip
    street, unit, city, zip_ = address_lines(
        world, who, world.address_at(who, died - 1), "deaths", errors=0.015
    )
    number, name = _split_number(street)
    name, designator = _split_designator(name)
    ryear, rmonth, rday = date_parts(registered)
    fileno = _file_numbers(world, parts(died)[0], registered)
    bcno = np.full(n, "", dtype="U6")
    birth_of = {int(c): str(f) for c, f in zip(births["child"], births["fileno"], strict=True)}
    for row in np.flatnonzero(infant & (rng.random(n) < 0.9)).tolist():
        bcno[row] = birth_of.get(int(who[row]), "")
    plus4 = numbers(world, "zip4", n, 1000, 10**6)
    zip9 = np.where(
        (zip_ != "") & (rng.random(n) < 0.4),
        np.char.add(zip_.astype("U5"), np.array([p[-4:] for p in plus4.tolist()])), zip_,
    )  # fmt: skip
    born_here = bcno != ""
    lived = died - people.dob[who]
    middle = one.middle.astype("U50")
    columns = {
        "FILENO": fileno, "DSTATE": np.full(n, STATE), "VOID": np.full(n, ""), "DOD_YR": dyear,
        "DOD_MO": dmonth, "DOD_DY": dday, "GNAME": one.first, "MNAME": middle.astype("U1"),
        "LNAME": one.last, "SUFF": one.suffix, "SEX": one.sex, "SSN": one.ssn,
        "AGETYPE": np.where(age > 0, "1", np.where(lived > 27, "2", "4")),
        "AGE": np.char.zfill(
            np.where(age > 0, age, np.where(lived > 27, lived // 30, lived)).astype("U3"), 3
        ),
        "DOB_YR": byear, "DOB_MO": bmonth, "DOB_DY": bday, "COUNTYC": np.full(n, COUNTY_CODE),
        "STATEC": np.full(n, STATE), "MARITAL": marital, **_race_items(world, who),
        "STNUM_R": number, "STNAME_R": name, "STDESIG_R": designator, "UNITNUM_R": unit,
        "CITYTEXT_R": city, "ZIP9_R": zip9, "MANNER": manner, "ACME_UC": cause, "BCNO": bcno,
        "IDOB_YR": np.where(born_here, parts(people.dob[who])[0].astype("U4"), ""),
        "BSTATE": np.where(born_here, STATE, ""), "DOR_YR": ryear, "DOR_MO": rmonth,
        "DOR_DY": rday, "DMIDDLE": middle,
    }  # fmt: skip
    order = np.lexsort((ranks(fileno), ranks(dyear)))
    key = coded(np.char.add(np.char.add(fileno, "-"), dyear)[order])
    return {
        "columns": {k: coded(v)[order] for k, v in columns.items()},
        "registered": registered[order],
        "void_from": void_from[order],
        "keys": {"vital_death": (key, who[order])},
    }
