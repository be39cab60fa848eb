"""Subsidised child care, a month at a time: the federal case file and the names behind it.

subsidy_<month>.csv         ACF-801 elements, one row per family, child, provider and month
family_members_<month>.csv  the lead agency's own companion: applicant and children with names

Only the second has names; both number the children of a family anew each month, and birth is
told by year and month alone. Children in foster care are a family of one without an applicant.
Quirks: the child's ordinal is no id; two providers in one month; months paid without an hour of
care; a provider's old number for a month or two after it was relicensed; numbers of unlicensed
providers; families that get a new identifier when they come back.

Codes. single_parent, homeless_status, the income sources, race, disability: 1 yes, 0 no, 9 not
reported. reason_for_care: 1 employment, 2 training, 3 both, 4 protective services. gender:
1 male, 2 female, 9. type_of_care: 02 licensed family home, 03 licensed group home, 04 licensed
centre, 05 and 07 relative without a licence in the child's, in their own home.
qris_participation: 1 yes, 0 no. member_role: A applicant, C child.
Add here: payments that are taken back. Keep out: licences (licensing.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.agencies.licensing import licences
from orchestration.county.columns import digits, ranks
from orchestration.county.delivery import Columns, Desk
from orchestration.county.lives import child_care as life
from orchestration.county.places import COUNTY_CODE
from orchestration.county.population import HEAD, PARTNER, SPOUSE
from orchestration.county.records import Habits, address_lines, numbers, open_ledger
from orchestration.county.timeline import OPEN, month_of, month_start
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.014, nickname=0.05, middle_blank=0.6, middle_initial=0.6,
                 suffix_kept=0.4, ssn_blank=1, double_surname=0.35, old_surname=0.04)  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write both files of every delivered month."""
    window = world.window
    office = _Office(world)
    for i in range(window.months):
        folder = window.folder(i)
        members = office.members(window.first + i)
        names, keys = office.family_members(i, members)
        desk.put("child_care", folder, f"family_members_{folder}.csv", names)
        desk.put("child_care", folder, f"subsidy_{folder}.csv",
                 office.subsidy(window.first + i, members))  # fmt: skip
        desk.record("child_care", keys, members["person"])


class _Office:
    """The lead agency's records; a month's files are cut from them."""

    def __init__(self, world: World):
        self.world = world
        self.rows: life.Care = world.lives["child_care"].care
        self.providers: life.Providers = world.lives["child_care"].providers
        self.held = licences(world)
        people, rows = world.people, self.rows
        self.applicant = self._applicants(rows)
        grown = self.applicant[self.applicant >= 0]
        at = month_start(rows.month)
        who, inverse = np.unique(np.r_[rows.person, grown], return_inverse=True)
        first = np.full(len(who), OPEN)
        np.minimum.at(first, inverse, np.r_[at, at[self.applicant >= 0]])
        self.ledger = open_ledger(world, who, np.maximum(first, people.dob[who]), _HABITS,
                                  "child care", twice=0)  # fmt: skip
        self.family_id, self.since = self._families(rows)
        rng = world.stream("child care records")
        self.disabled = world.uniform("disabled", who) < 0.05
        self.no_sex = world.uniform("no sex", who) < 0.004
        n = len(self.providers)
        self.exempt_id = np.char.add(
            "EX", digits(numbers(world, "exempt provider", n, 10**4, 10**6).astype(np.int64), 8)
        )
        self.in_home = rng.random(n) < 0.3
        couple = np.isin(people.relation, (SPOUSE, PARTNER)) & (people.home >= 0)
        self.couple = np.bincount(people.home[couple], minlength=len(world.houses)) > 0
        self.size = np.bincount(people.home[people.home >= 0], minlength=len(world.houses))
        help_ = world.lives["assistance"]
        case = np.where(rows.family < OPEN, rows.family, 0) * 10_000 + rows.month
        self.on = {
            name: np.isin(case, part.household * 10_000 + part.month) & (rows.family < OPEN)
            for name, part in (("snap", help_.snap), ("tanf", help_.tanf))
        }
        self.homeless = world.lives["homelessness"]

    def _applicants(self, rows: life.Care) -> np.ndarray:
        """Who applied: the mother where she lives there, else the head; nobody for a ward."""
        people = self.world.people
        heads = np.flatnonzero((people.relation == HEAD) & (people.home >= 0))
        head = np.full(len(self.world.houses), -1)
        head[people.home[heads]] = heads
        home = np.where(rows.family < OPEN, rows.family, 0)
        mother = people.mother[rows.person]
        near = (mother >= 0) & (people.home[np.maximum(mother, 0)] == home)
        who = np.where(near, mother, head[home])
        dead = people.dod[np.maximum(who, 0)] <= month_start(rows.month)
        return np.where((rows.family < OPEN) & (who >= 0) & ~dead, who, -1)

    def _families(self, rows: life.Care) -> tuple[np.ndarray, np.ndarray]:
        """The family's identifier in each row, and the month in which its assistance began.

        Who comes back after six months or more gets a new identifier.
        """
        order = np.lexsort((rows.month, rows.family))
        family, month = rows.family[order], rows.month[order]
        new = np.r_[True, (family[1:] != family[:-1]) | (month[1:] > month[:-1] + 6)]
        new = new[: len(family)]
        opening = np.cumsum(new) - 1
        ids = digits(
            numbers(self.world, "child care family", int(new.sum()), 10**7, 10**10).astype(
                np.int64
            ),
            12,
        )
        where = np.empty(len(order), dtype=np.int64)
        where[order] = opening
        return ids[where], month[new][where]

    def members(self, month: int) -> dict[str, np.ndarray]:
        """Everybody in a month's families: person, ordinal, family id, row of a care record.

        The applicant has ordinal 0, the children 1, 2, ... in an order that changes from
        quarter to quarter.
        """
        rows = self.rows
        at = np.flatnonzero((rows.month == month) & (rows.setting == 0))
        person, family = rows.person[at], rows.family[at]
        mix = self.world.uniform("ordinal", person, np.full(len(at), month // 3))
        order = np.lexsort((mix, family))
        at, person, family = at[order], person[order], family[order]
        new = np.r_[True, family[1:] != family[:-1]] if len(at) else np.zeros(0, dtype=bool)
        k = np.arange(len(at))
        ordinal = k - np.maximum.accumulate(np.where(new, k, 0)) + 1 if len(at) else k
        lead = at[new]
        lead = lead[self.applicant[lead] >= 0]
        return {
            "row": np.r_[lead, at],
            "person": np.r_[self.applicant[lead], person],
            "ordinal": np.r_[np.zeros(len(lead), dtype=np.int64), ordinal],
        }

    def family_members(self, i: int, m: dict[str, np.ndarray]) -> tuple[Columns, np.ndarray]:
        """family_members_<month>.csv, and the key of each row."""
        world, window = self.world, self.world.window
        record = self.ledger.record(m["person"], 0)
        one = self.ledger.identity(i).take(record)
        # one family lives at one address, known with a delay
        family = self.rows.family[m["row"]]
        lag = (world.uniform("child care address delay", family) * 75).astype(np.int64)
        spokesman = np.where(self.applicant[m["row"]] >= 0, self.applicant[m["row"]], m["person"])
        address = world.address_at(spokesman, window.as_of(i) - lag)
        street, unit, city, zip_ = address_lines(world, spokesman, address, "child care")
        born = _year_month(month_of(one.dob))
        sex = np.where(self.no_sex[self.ledger_row(m["person"])], "9",
                       np.where(one.sex == "M", "1", "2"))  # fmt: skip
        columns = {
            "report_month": np.full(len(record), window.folder(i)),
            "unique_state_identifier": self.family_id[m["row"]],
            "member_ordinal": digits(m["ordinal"], 2),
            "member_role": np.where(m["ordinal"] == 0, "A", "C"),
            "last_name": one.last,
            "first_name": one.first,
            "middle_initial": one.middle,
            "suffix": one.suffix,
            "birth_year_month": born,
            "sex": sex,
            "street_address": street,
            "unit": unit,
            "city": city,
            "zip": zip_,
        }
        order = np.lexsort((m["ordinal"], ranks(columns["unique_state_identifier"])))
        keys = np.array(
            [f"{f}|{b}|{n}" for f, b, n in
             zip(columns["unique_state_identifier"].tolist(), born.tolist(), one.first.tolist(),
                 strict=True)],
            dtype=object,
        )  # fmt: skip
        return {k: v[order] for k, v in columns.items()}, keys

    def ledger_row(self, person: np.ndarray) -> np.ndarray:
        """The place of each person among those in the files."""
        return np.searchsorted(self.ledger.who, person)

    def subsidy(self, month: int, m: dict[str, np.ndarray]) -> Columns:
        """subsidy_<month>.csv."""
        world, rows = self.world, self.rows
        child = m["ordinal"] > 0
        # the ordinal of each child of the month
        by_person = np.argsort(m["person"][child], kind="stable")
        person_of, ordinal_of = m["person"][child][by_person], m["ordinal"][child][by_person]
        at = np.flatnonzero(rows.month == month)
        person, family = rows.person[at], rows.family[at]
        ordinal = ordinal_of[np.searchsorted(person_of, person)]
        ward = family >= OPEN
        home = np.where(ward, 0, family)
        need = np.where(ward, 1.0, world.houses.need[home])
        works = world.uniform("reason", family)
        reason = np.where(ward, "4", np.where(works < 0.78, "1", np.where(works < 0.9, "2", "3")))
        first = int(month_start(np.array([month]))[0])
        away = (self.homeless.entry <= first + 27) & (self.homeless.exit > first)
        away &= np.isin(self.homeless.project, (0, 1, 2, 3))
        homeless = np.isin(person, self.homeless.person[away]) | on_street(world, family, month)
        income = np.rint(3400 * np.clip(1.25 - need, 0.1, 1) + 400 * works).astype(np.int64)
        income = np.where(ward | (reason == "2"), income // 4, income)
        copay = np.where(ward, 0, np.maximum(income - 1200, 0) * 7 // 100)
        race = world.people.race[person]
        record = self.ledger_row(person)
        months = month - month_of(self.ledger.before.dob[record])
        provider = rows.provider[at]
        kind = self.providers.kind[provider]
        licensed = kind != life.EXEMPT
        # the old number for a month or two after a new licence
        day = first - (world.uniform("slow to learn", provider) * 75).astype(np.int64)
        licence = self.held.at(provider, day)
        known = np.maximum(licence, 0)
        stars = np.where(licensed, self.held.rating(known, np.full(len(at), first)), 0)
        care = np.where(
            licensed, np.array(["04", "02", "03", ""])[kind],
            np.where(self.in_home[provider], "05", "07"),
        )  # fmt: skip
        identity = self.ledger.identity(month - world.window.first).take(record)
        size = np.where(ward, 1, np.clip(self.size[home], 2, 12))

        def yes(flags: np.ndarray) -> np.ndarray:
            return np.where(flags, "1", "0")

        columns = {
            "reporting_period": np.full(len(at), f"{month // 12 + 1970:04d}{month % 12 + 1:02d}"),
            "unique_state_identifier": self.family_id[at],
            "family_fips": np.full(len(at), "10" + COUNTY_CODE),
            "single_parent": np.where(ward, "0", yes(~self.couple[home])),
            "reason_for_care": reason,
            "monthly_copay": copay,
            "assistance_started": _year_month(self.since[at]),
            "monthly_income": income,
            "income_employment": yes((reason != "2") & ~ward),
            "income_tanf": yes(self.on["tanf"][at]),
            "income_housing": yes(world.uniform("voucher", family) < 0.12 * (need > 0.6)),
            "income_snap": yes(self.on["snap"][at]),
            "family_size": size,
            "homeless_status": yes(homeless),
            "family_zip": self._zip(person, first),
            "child_ordinal": digits(ordinal, 2),
            "hispanic": yes(race == 5),
            "american_indian": yes(race == 3),
            "asian": yes(race == 2),
            "black": yes(race == 1),
            "pacific_islander": yes(race == 4),
            "white": yes(np.isin(race, (0, 6))),
            "gender": np.where(self.no_sex[record], "9", np.where(identity.sex == "M", "1", "2")),
            "birth_year_month": _year_month(month_of(identity.dob)),
            "disability": yes(self.disabled[record] & (months >= 0)),
            "setting_ordinal": digits(rows.setting[at] + 1, 2),
            "type_of_care": care,
            "amount_paid": rows.paid[at],
            "hours": rows.hours[at],
            "provider_fein": np.where(licensed, self.held.fein[known],
                                      "000000000"),
            "provider_state_id": np.where(licensed, self.held.ids[known],
                                          self.exempt_id[provider]),
            "qris_participation": yes(stars > 0),
            "qris_rating": np.where(stars > 0, stars.astype("U1"), ""),
        }  # fmt: skip
        order = np.lexsort((rows.setting[at], ordinal, ranks(columns["unique_state_identifier"])))
        return {k: v[order] for k, v in columns.items()}

    def _zip(self, person: np.ndarray, on: int) -> np.ndarray:
        address = self.world.address_at(person, on)
        return np.where(address >= 0, self.world.addresses.zip[np.maximum(address, 0)], "")


def on_street(world: World, family: np.ndarray, month: int) -> np.ndarray:
    """Families doubled up or in motels, whom no shelter knows: one in forty."""
    return world.uniform("doubled up", family, np.full(len(family), month // 6)) < 0.025


def _year_month(months: np.ndarray) -> np.ndarray:
    """Month numbers as YYYYMM."""
    months = np.asarray(months, dtype=np.int64)
    return digits((months // 12 + 1970) * 100 + months % 12 + 1, 6)
