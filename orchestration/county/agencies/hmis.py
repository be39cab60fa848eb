"""Homeless services: the HUD HMIS CSV export, FY2026 or FY2024, all files of the standard.

world.hmis_csv says which; FY2024 is handed over as the agency hmis_2024, in its own layout.

A snapshot since 1 January two years before the first delivery. Files the county's providers do
not use are handed over with a header only. ExportID and DateDeleted are in every file.
Quirks: exits never entered, deleted rows still in the file, overlapping shelter stays, partial
SSNs (x for missing digits, SSNDataQuality 2), unknown or approximate birth dates, households
with two heads, street names, clients with two PersonalIDs, some of which are merged: everything
is then the remaining one's.

Codes are those of the standard: NameDataQuality, SSNDataQuality and DOBDataQuality 1 full,
2 partial, 8 doesn't know, 9 prefers not, 99 not collected; Sex 0 female, 1 male, 99; race
columns 0, 1; RelationshipToHoH 1 self, 2 child, 3 spouse or partner, 4 other relative,
5 unrelated. Add here: another file of the standard. Keep out: other layouts.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from orchestration.county import noise
from orchestration.county.agencies.hmis_layout import LAYOUTS
from orchestration.county.columns import Coded, Columns, Table, coded, digits, mapped
from orchestration.county.delivery import Desk
from orchestration.county.lives import homelessness as life
from orchestration.county.places import STATE
from orchestration.county.records import Habits, numbers, open_ledger, title
from orchestration.county.timeline import OPEN, age_on, dates, day, parts, text
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.022, nickname=0.10, middle_blank=0.55, middle_initial=0.3,
                 suffix_kept=0.4, double_surname=0.4, day_month_swap=0.006, dob_digit=0.012,
                 ssn_digit=0.012, ssn_borrowed=0.003, old_surname=0.05)  # fmt: skip
_COC = "DE-500"
_GEOCODE = "109003"
_ORGANIZATIONS = ("Harbor Mission", "Mercy Street Ministries", "Bright Door", "Lighthouse Homes",
                  "County Housing Office")  # fmt: skip
_ORG_OF = (0, 1, 2, 3, 3, 4, 0, 1, 4, 4)
_RESIDENTIAL = (0, 1, 2, 3, 13)


def deliver(world: World, desk: Desk) -> None:
    """Write all files of the standard in every delivery."""
    tables = _tables(world)
    window, version = world.window, world.hmis_csv
    agency = "hmis" if version == "2026" else f"hmis_{version}"
    low = text(np.array([life.begins(world)]))[0]
    for i in range(window.months):
        as_of, folder = window.as_of(i), window.folder(i)
        today = text(np.array([as_of]))[0]
        export_id = folder.replace("-", "") + "01"
        for name, header in LAYOUTS[version].items():
            columns = tables[name](i, as_of) if name in tables else {}
            rows = len(next(iter(columns.values()))) if columns else 0
            columns["ExportID"] = np.full(rows, export_id)
            if name == "Export.csv":
                columns = _export(export_id, today, low, version)
                rows = 1
            if name == "Client.csv" and version == "2024":
                columns = _as_fy2024(columns)
            empty = np.full(rows, "", dtype=object)
            desk.put(agency, folder, name, {h: columns.get(h, empty) for h in header})
        desk.record("hmis", *tables["keys"](i, as_of))
    for program, stays in tables["told"](as_of).items():
        desk.tell(program, *stays)


def _as_fy2024(client: Columns) -> Columns:
    """Clients with the gender columns of FY2024 for the sex of FY2026, and its spelling."""
    sex = np.asarray(client["Sex"])
    flag = {"Woman": "0", "Man": "1"}
    asked = np.where(sex == "99", "", "0")
    genders = {
        name: np.where(sex == flag[name], "1", asked) if name in flag else asked
        for name in ("Woman", "Man", "NonBinary", "CulturallySpecific", "Transgender",
                     "Questioning", "DifferentIdentity")
    }  # fmt: skip
    return {
        **client, **genders, "GenderNone": np.where(sex == "99", "99", ""),
        "HispanicLatinaeo": client["HispanicLatinao"],
    }  # fmt: skip


def _export(export_id: str, today: str, low: str, version: str) -> Columns:
    values = {
        "ExportID": export_id, "SourceType": "1", "SourceID": _COC,
        "SourceName": "County Homeless Management Information System",
        "SourceContactFirst": "Data", "SourceContactLast": "Desk",
        "ExportDate": f"{today} 23:30:00", "ExportStartDate": low, "ExportEndDate": today,
        "SoftwareName": "ShelterTrack", "SoftwareVersion": "7.2", "CSVVersion": version,
        "ExportPeriodType": "3", "ExportDirective": "2", "HashStatus": "1",
        "ImplementationID": "county-1",
    }  # fmt: skip
    return {k: np.array([v], dtype=object) for k, v in values.items()}


# hours in which the offices enter records, and the days of which the table of times knows
_HOURS = 9
_FIRST_DAY, _LAST_DAY = day(1980, 1, 1), day(2110, 1, 1)


@cache
def _times() -> Table:
    """Each day at a quarter past each office hour; the last value is empty, for OPEN."""
    days, hours = np.divmod(np.arange((_LAST_DAY - _FIRST_DAY) * _HOURS), _HOURS)
    clock = np.array([f" {8 + h:02d}:15:00" for h in range(_HOURS)])
    return Table(np.append(np.char.add(text(_FIRST_DAY + days), clock[hours]), ""))


def _stamped(created: np.ndarray, updated: np.ndarray, deleted: np.ndarray, users: np.ndarray):
    """The columns every file ends with; days become times of office hours."""
    hour = created % _HOURS
    never = (_LAST_DAY - _FIRST_DAY) * _HOURS

    def stamp(days):
        return Coded(np.where(days < OPEN, (days - _FIRST_DAY) * _HOURS + hour, never), _times())

    return {
        "DateCreated": stamp(created), "DateUpdated": stamp(updated),
        "DateDeleted": stamp(deleted), "UserID": users,
    }  # fmt: skip


def _tables(world: World) -> dict:
    people, window = world.people, world.window
    rng = world.stream("hmis records")
    rows, mistaken = _with_mistakes(world.lives["homelessness"], rng)
    n = len(rows.person)
    low = life.begins(world)
    who = np.unique(rows.person)
    first_entry = np.full(len(people), OPEN)
    np.minimum.at(first_entry, rows.person, rows.entry)
    ledger = open_ledger(
        world, who, first_entry[who], _HABITS, "hmis", twice=0.06, cut_from=low + 90
    )
    m = len(ledger.person)
    ids = coded(numbers(world, "hmis client", m, 10**5, 10**6))
    quality = _qualities(world, ledger, rng)
    enrolment_ids = coded(numbers(world, "hmis enrolment", n, 10**6, 10**7))
    groups = numbers(world, "hmis household", int(rows.group.max()) + 1, 10**7, 10**8)
    household_ids = np.char.add("H", groups)
    users = np.array(["101", "102", "103", "104", "105"])
    user = users[rng.integers(0, 5, n)]
    kind = np.array([p[1] for p in life.PROJECTS])[rows.project]
    project_id = np.array([str(11 + k) for k in range(len(life.PROJECTS))])
    created = rows.entry + rng.geometric(0.35, n) - 1
    deleted = np.where(mistaken, created + rng.integers(3, 90, n), OPEN)
    # of households of several, one in twenty-five has a second head by mistake
    others = np.flatnonzero(rows.relation != 1)
    _, first = np.unique(rows.group[others], return_index=True)
    two_heads = np.zeros(n, dtype=bool)
    two_heads[others[first]] = True
    two_heads &= world.uniform("two heads", rows.group) < 0.04
    relation = np.where(two_heads, 1, rows.relation)
    relation = np.where(rng.random(n) < 0.006, 99, relation)
    age = age_on(people.dob[rows.person], rows.entry)
    adult = age >= 18
    disabled = np.where(rng.random(n) < np.where(adult, 0.42, 0.08), "1", "0")
    disabled = np.where(rng.random(n) < 0.03, "99", disabled)
    situation = np.where(
        np.isin(kind, (0, 1, 4, 11, 14)),
        rng.choice(np.array(["116", "101", "302", "335", "336", "207", "204", "435"]), n,
                   p=[0.34, 0.22, 0.03, 0.12, 0.14, 0.05, 0.02, 0.08]),
        rng.choice(np.array(["101", "302", "116", "335", "410", "435"]), n,
                   p=[0.42, 0.16, 0.12, 0.1, 0.14, 0.06]),
    )  # fmt: skip
    length_of_stay = rng.choice(np.array(["10", "11", "2", "3", "4", "5", "99"]), n,
                                p=[0.1, 0.15, 0.2, 0.25, 0.15, 0.12, 0.03])  # fmt: skip
    times = rng.choice(np.array(["1", "2", "3", "4", "99"]), n, p=[0.45, 0.2, 0.12, 0.18, 0.05])
    months_homeless = np.array([str(v) for v in range(101, 114)])[rng.integers(0, 13, n)]
    street_since = rows.entry - rng.integers(1, 500, n)
    engaged = np.where(kind == 4, rows.entry + rng.integers(0, 20, n), OPEN)
    engaged = np.where(engaged < np.minimum(rows.exit, window.end), engaged, OPEN)
    # exits: one in twenty is never entered
    lost = rng.random(n) < 0.05
    exit_known = np.where(lost | (rows.exit >= OPEN), OPEN, rows.exit + rng.geometric(0.25, n) - 1)
    destination = np.where(
        people.dod[rows.person] == rows.exit, "24",
        rng.choice(np.array(["101", "116", "302", "312", "313", "204", "207", "410", "421",
                             "435", "17", "30", "99"]), n,
                   p=[0.12, 0.10, 0.05, 0.10, 0.08, 0.02, 0.05, 0.20, 0.06, 0.08, 0.03, 0.09,
                      0.02]),
    )  # fmt: skip
    assessment = rng.choice(np.array(["1", "3", "4", "6", "7", "99"]), n)

    def records(i: int) -> np.ndarray:
        """The client record of each enrolment in delivery i."""
        return ledger.record(rows.person, rows.entry, i)

    exit_ids, income_ids, health_ids = (
        coded(np.char.add(mark, digits(np.arange(n), 6))) for mark in "956"
    )
    condition_ids = coded(np.char.add("7", digits(np.arange(6 * n), 7)))

    def seen(as_of: int) -> np.ndarray:
        """Enrolments on record (deleted ones stay in the file, marked)."""
        return np.flatnonzero((created <= as_of) & (rows.exit > low))

    def marks(sel, as_of, when=created):
        gone = np.where(deleted[sel] <= as_of, deleted[sel], OPEN)
        updated = np.where(
            exit_known[sel] <= as_of, np.maximum(exit_known[sel], when[sel]), when[sel]
        )
        return _stamped(when[sel], updated, gone, user[sel])

    def enrollment(i, as_of):
        sel = seen(as_of)
        moved = np.where(rows.moved_in[sel] <= as_of, rows.moved_in[sel], OPEN)
        met = np.where(engaged[sel] <= as_of, engaged[sel], OPEN)
        grown = adult[sel]
        return {
            "EnrollmentID": enrolment_ids[sel], "PersonalID": ids[records(i)[sel]],
            "ProjectID": project_id[rows.project[sel]], "EntryDate": dates(rows.entry[sel]),
            "HouseholdID": Coded(rows.group[sel], household_ids),
            "RelationshipToHoH": relation[sel],
            "EnrollmentCoC": np.where(relation[sel] == 1, _COC, ""),
            "LivingSituation": np.where(grown, situation[sel], ""),
            "LengthOfStay": np.where(grown, length_of_stay[sel], ""),
            "DateToStreetESSH": np.where(grown, text(street_since[sel]), ""),
            "TimesHomelessPastThreeYears": np.where(grown, times[sel], ""),
            "MonthsHomelessPastThreeYears": np.where(grown, months_homeless[sel], ""),
            "DisablingCondition": disabled[sel], "DateOfEngagement": dates(met),
            "MoveInDate": dates(moved), **marks(sel, as_of),
        }  # fmt: skip

    def exits(i, as_of):
        sel = seen(as_of)
        sel = sel[exit_known[sel] <= as_of]
        return {
            "ExitID": exit_ids[sel],
            "EnrollmentID": enrolment_ids[sel], "PersonalID": ids[records(i)[sel]],
            "ExitDate": dates(rows.exit[sel]), "Destination": destination[sel],
            "HousingAssessment": np.where(kind[sel] == 12, assessment[sel], ""),
            **marks(sel, as_of, np.minimum(exit_known, OPEN - 1)),
        }  # fmt: skip

    def client(i, as_of):
        one = ledger.identity(i)
        sel = np.unique(records(i)[seen(as_of)])
        return _client(world, ledger, one, sel, ids, quality, first_entry, users)

    def keys(i, as_of):
        sel = np.unique(records(i)[seen(as_of)])
        return ids[sel], ledger.person[sel]

    income_roll, amount = rng.random(n), rng.integers(20, 240, n) * 10
    benefit_roll, insured = rng.random(n), rng.random(n)

    def told(as_of):
        """By program, whose enrolments are on record and when they truly were."""
        sel = seen(as_of)
        sel = sel[deleted[sel] > as_of]
        stays = life.spells(life.Enrolments(*(column[sel] for column in vars(rows).values())))
        columns = (stays.person, stays.start, stays.last_day)
        return {
            program: tuple(column[stays.program == program] for column in columns)
            for program in np.unique(stays.program).tolist()
        }

    def income(i, as_of):
        sel = seen(as_of)
        sel = sel[adult[sel]]
        has = income_roll[sel] < 0.52
        earned = income_roll[sel] < 0.24
        disability = (income_roll[sel] >= 0.24) & (income_roll[sel] < 0.42)
        cash = (income_roll[sel] >= 0.42) & has
        money = amount[sel].astype("U5")
        flag = np.array(["0", "1"])
        snap = (benefit_roll[sel] < 0.55).astype(int)
        covered = (insured[sel] < 0.8).astype(int)
        out = {
            "IncomeBenefitsID": income_ids[sel],
            "EnrollmentID": enrolment_ids[sel], "PersonalID": ids[records(i)[sel]],
            "InformationDate": dates(rows.entry[sel]),
            "IncomeFromAnySource": flag[has.astype(int)],
            "TotalMonthlyIncome": np.where(has, money, "0"),
            "Earned": flag[earned.astype(int)], "EarnedAmount": np.where(earned, money, ""),
            "SSI": flag[disability.astype(int)], "SSIAmount": np.where(disability, money, ""),
            "TANF": flag[cash.astype(int)], "TANFAmount": np.where(cash, money, ""),
            "BenefitsFromAnySource": flag[snap], "SNAP": flag[snap], "WIC": flag[snap * 0],
            "InsuranceFromAnySource": flag[covered], "Medicaid": flag[covered],
            "DataCollectionStage": np.full(len(sel), "1"), **marks(sel, as_of),
        }  # fmt: skip
        for name in ("Unemployment", "SSDI", "GA", "ChildSupport", "Pension", "OtherIncomeSource"):
            out[name] = np.full(len(sel), "0")
        return out

    violence = rng.random(n)
    health = rng.choice(np.array(["1", "2", "3", "4", "5", "99"]), n)

    def health_and_dv(i, as_of):
        sel = seen(as_of)
        sel = sel[adult[sel]]
        hurt = violence[sel] < 0.24
        return {
            "HealthAndDVID": health_ids[sel],
            "EnrollmentID": enrolment_ids[sel], "PersonalID": ids[records(i)[sel]],
            "InformationDate": dates(rows.entry[sel]),
            "DomesticViolenceSurvivor": np.where(
                hurt, "1", np.where(violence[sel] > 0.96, "99", "0")
            ),
            "WhenOccurred": np.where(hurt, np.where(violence[sel] < 0.09, "1", "4"), ""),
            "CurrentlyFleeing": np.where(hurt, np.where(violence[sel] < 0.06, "1", "0"), ""),
            "GeneralHealthStatus": health[sel], "DataCollectionStage": np.full(len(sel), "1"),
            **marks(sel, as_of),
        }  # fmt: skip

    conditions = np.array(["5", "6", "7", "8", "9", "10"])
    condition_share = np.array([0.16, 0.06, 0.17, 0.015, 0.3, 0.18])
    condition_roll = rng.random((6, n))

    def disabilities(i, as_of):
        sel = seen(as_of)
        which = np.tile(np.arange(6), len(sel))
        row = np.repeat(sel, 6)
        share = condition_share[which] * np.where(adult[row], 1, 0.2)
        yes = (condition_roll[which, row] < share) & (disabled[row] == "1")
        answer = np.where(yes, np.where(which == 5, "3", "1"), "0")
        return {
            "DisabilitiesID": condition_ids[row * 6 + which],
            "EnrollmentID": enrolment_ids[row], "PersonalID": ids[records(i)[row]],
            "InformationDate": dates(rows.entry[row]), "DisabilityType": conditions[which],
            "DisabilityResponse": answer, "IndefiniteAndImpairs": np.where(yes, "1", ""),
            "DataCollectionStage": np.full(len(row), "1"), **marks(row, as_of),
        }  # fmt: skip

    # bed nights of the night-by-night shelter: five nights in six
    beds = np.flatnonzero(kind == 1)
    until = np.minimum(rows.exit[beds], window.end)
    nights = np.maximum(until - np.maximum(rows.entry[beds], low), 0)
    bed_row = np.repeat(beds, nights)
    within = np.arange(len(bed_row)) - np.repeat(np.cumsum(nights) - nights, nights)
    bed_day = np.maximum(rows.entry[bed_row], low) + within
    used = (world.uniform("bed", bed_row, bed_day) < 0.84) | (within == 0)
    bed_row, bed_day = bed_row[used], bed_day[used]
    bed_id = coded(np.char.add("8", digits(np.arange(len(bed_row)), 7)))

    def services(i, as_of):
        sel = np.flatnonzero((bed_day <= as_of) & (created[bed_row] <= as_of))
        row, day_ = bed_row[sel], bed_day[sel]
        gone = np.where(deleted[row] <= as_of, deleted[row], OPEN)
        return {
            "ServicesID": bed_id[sel], "EnrollmentID": enrolment_ids[row],
            "PersonalID": ids[records(i)[row]], "DateProvided": dates(day_),
            "RecordType": np.full(len(sel), "200"), "TypeProvided": np.full(len(sel), "200"),
            **_stamped(day_, day_, gone, user[row]),
        }  # fmt: skip

    tables = {
        "Client.csv": client, "Enrollment.csv": enrollment, "Exit.csv": exits,
        "IncomeBenefits.csv": income, "HealthAndDV.csv": health_and_dv,
        "Disabilities.csv": disabilities, "Services.csv": services, "Export.csv": lambda i, d: {},
        "keys": keys, "told": told,
    }  # fmt: skip
    tables.update(_providers(world, project_id, users))
    return tables


def _with_mistakes(rows: life.Enrolments, rng) -> tuple[life.Enrolments, np.ndarray]:
    """The enrolments and some entered at the wrong project, which are deleted later."""
    real = len(rows.person)
    pick = np.flatnonzero((rng.random(real) < 0.02) & (rows.relation == 1))
    columns = {k: np.concatenate([v, v[pick]]) for k, v in vars(rows).items()}
    more = np.arange(real, real + len(pick))
    columns["group"][more] = rows.group.max() + 1 + np.arange(len(pick))
    columns["project"][more] = (columns["project"][more] + 1) % len(life.PROJECTS)
    columns["exit"][more] = np.where(rng.random(len(pick)) < 0.5, columns["entry"][more] + 1, OPEN)
    columns["moved_in"][more] = OPEN
    return life.Enrolments(**columns), np.arange(real + len(pick)) >= real


def _qualities(world: World, ledger, rng) -> dict:
    m = len(ledger.person)
    ssn = rng.choice(np.array(["1", "2", "8", "9", "99"]), m, p=[0.68, 0.19, 0.04, 0.05, 0.04])
    name = rng.choice(np.array(["1", "2", "99"]), m, p=[0.965, 0.025, 0.01])
    dob = rng.choice(np.array(["1", "2", "8", "99"]), m, p=[0.945, 0.03, 0.015, 0.01])
    return {"ssn": ssn, "name": name, "dob": dob, "street": rng.integers(0, 2**40, m),
            "veteran": rng.random(m), "none": rng.random(m)}  # fmt: skip


def _client(world, ledger, one, sel, ids, quality, first_entry, users) -> Columns:
    people = world.people
    person = ledger.person[sel]
    q_ssn, q_name, q_dob = (quality[k][sel] for k in ("ssn", "name", "dob"))
    ssn = one.ssn[sel]
    partial = mapped(ssn, lambda v: "xxxxx" + v[-4:] if v else "")
    ssn = np.where(q_ssn == "1", ssn, np.where(q_ssn == "2", partial, ""))
    q_ssn = np.where((q_ssn == "1") & (ssn == ""), "99", q_ssn)
    dob = one.dob[sel]
    guess = np.char.add(digits(parts(dob)[0], 4), "-01-01")
    dob_text = np.where(q_dob == "1", text(dob), np.where(q_dob == "2", guess, ""))
    first = one.first[sel]
    short = np.array(
        [noise.nickname(v, int(b)) for v, b in zip(first, quality["street"][sel], strict=True)],
        dtype=object,
    )
    first = np.where(q_name == "2", short, np.where(q_name == "99", "Anonymous", first))
    last = np.where(q_name == "99", "", one.last[sel])
    race = people.race[person]
    blank = quality["none"][sel] < 0.04

    def flag(*codes):
        return np.where(np.isin(race, codes) & ~blank, "1", "0")

    created = np.minimum(first_entry[person], world.window.end - 1)
    adult = people.dob[person] < world.window.start - 18 * 366
    veteran = np.where(adult, np.where(quality["veteran"][sel] < 0.06, "1", "0"), "")
    return {
        "PersonalID": ids[sel], "FirstName": title(first),
        "MiddleName": np.where(q_name == "99", "", title(one.middle[sel])),
        "LastName": title(last), "NameSuffix": title(one.suffix[sel]), "NameDataQuality": q_name,
        "SSN": ssn, "SSNDataQuality": q_ssn, "DOB": dob_text, "DOBDataQuality": q_dob,
        "Sex": np.where(quality["none"][sel] > 0.99, "99", np.where(one.sex[sel] == "F", "0", "1")),
        "AmIndAKNative": flag(3), "Asian": flag(2), "BlackAfAmerican": flag(1),
        "HispanicLatinao": flag(5), "MidEastNAfrican": flag(-1), "NativeHIPacific": flag(4),
        "White": flag(0, 6), "RaceNone": np.where(blank, "99", ""), "VeteranStatus": veteran,
        **_stamped(created, created, np.full(len(sel), OPEN), users[sel % 5]),
    }  # fmt: skip


def _providers(world: World, project_id: np.ndarray, users: np.ndarray) -> dict:
    """Organisations, projects, users, beds and funders: the same in every delivery."""
    n = len(life.PROJECTS)
    kinds = np.array([p[1] for p in life.PROJECTS])
    opened = np.full(n, life.begins(world) - 2000)
    never = np.full(n, OPEN)

    def common(count):
        return _stamped(np.full(count, int(opened[0])), np.full(count, int(opened[0]) + 400),
                        np.full(count, OPEN), np.full(count, users[0]))  # fmt: skip

    shelters = [v for k, v in world.addresses.named.items() if k.startswith("shelter ")]
    at = np.array([shelters[k % len(shelters)] for k in range(n)])
    a = world.addresses
    orgs = len(_ORGANIZATIONS)
    bedded = np.flatnonzero(np.isin(kinds, _RESIDENTIAL))
    funded = np.arange(n)
    organization = {
        "OrganizationID": np.array([str(k + 1) for k in range(orgs)]),
        "OrganizationName": np.array(_ORGANIZATIONS),
        "VictimServiceProvider": np.full(orgs, "0"), **common(orgs),
    }  # fmt: skip
    project = {
        "ProjectID": project_id,
        "OrganizationID": np.array([str(k + 1) for k in _ORG_OF]),
        "ProjectName": np.array([p[0] for p in life.PROJECTS]),
        "OperatingStartDate": text(opened), "OperatingEndDate": text(never),
        "ContinuumProject": np.full(n, "1"), "ProjectType": kinds.astype("U2"),
        "HousingType": np.where(np.isin(kinds, _RESIDENTIAL), "1", ""),
        "RRHSubType": np.where(kinds == 13, "2", ""),
        "TargetPopulation": np.full(n, "4"), "PITCount": np.full(n, ""), **common(n),
    }  # fmt: skip
    user = {
        "UserID": users, "UserFirstName": np.array(["Intake"] * 5),
        "UserLastName": np.array(["Desk A", "Desk B", "Desk C", "Desk D", "Desk E"]),
        **{k: v for k, v in common(5).items() if k != "UserID"},
    }  # fmt: skip
    coc = {
        "ProjectCoCID": np.char.add("2", project_id), "ProjectID": project_id,
        "CoCCode": np.full(n, _COC), "Geocode": np.full(n, _GEOCODE),
        "Address1": np.array([f"{a.number[k]} {a.street[k]}".title() for k in at]),
        "City": np.array([a.city[k].title() for k in at]), "State": np.full(n, STATE),
        "ZIP": a.zip[at], "GeographyType": np.full(n, "1"), **common(n),
    }  # fmt: skip
    participation = {
        "HMISParticipationID": np.char.add("3", project_id), "ProjectID": project_id,
        "HMISParticipationType": np.full(n, "1"),
        "HMISParticipationStatusStartDate": text(opened), **common(n),
    }  # fmt: skip
    b = len(bedded)
    family = np.array([life.PROJECTS[k][4] > life.PROJECTS[k][3] for k in bedded.tolist()])
    scale = max(world.persons / 20_000, 0.1)
    count = np.ceil(np.array([40, 30, 36, 24, 30, 24])[:b] * scale).astype(int)
    inventory = {
        "InventoryID": np.char.add("4", project_id[bedded]), "ProjectID": project_id[bedded],
        "CoCCode": np.full(b, _COC), "HouseholdType": np.where(family, "3", "1"),
        "Availability": np.where(np.isin(kinds[bedded], (0, 1)), "1", ""),
        "UnitInventory": np.where(family, count // 3 + 1, count).astype("U5"),
        "BedInventory": count.astype("U5"), "OtherBedInventory": count.astype("U5"),
        "ESBedType": np.where(np.isin(kinds[bedded], (0, 1)), "1", ""),
        "InventoryStartDate": text(opened[bedded]), **common(b),
    }  # fmt: skip
    funder = {
        "FunderID": np.char.add("1", project_id[funded]), "ProjectID": project_id[funded],
        "Funder": np.array(["8", "8", "8", "5", "2", "3", "35", "46", "10", "4"])[funded],
        "GrantID": np.char.add("G-", project_id[funded]), "StartDate": text(opened[funded]),
        **common(n),
    }  # fmt: skip
    fixed = {
        "Organization.csv": organization, "Project.csv": project, "User.csv": user,
        "ProjectCoC.csv": coc, "HMISParticipation.csv": participation,
        "Inventory.csv": inventory, "Funder.csv": funder,
    }  # fmt: skip
    return {name: (lambda i, d, c=columns: dict(c)) for name, columns in fixed.items()}
