"""The people: families taken from pseudopeople's sample population, given 2025's ages.

The households of the 2020 census sample that pseudopeople 1.3.1 ships (9,606 persons in
4,070 households; names, sexes, ages, races, relationships, guardians) are the templates. The
first copy of a household keeps its names and its social security numbers; further copies get
other names from the same pools, new numbers and birth dates shifted by up to five months, so
that any number of persons can be made. Families are then completed with what the sample has
not: parents, maiden names, marriages, Jr and Sr, twins, young adults who left home, and the
dead of the last seven years.
Add here: another fact of identity or family. Keep out: where people live (households.py) and
what happens to them (lives.py).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from orchestration.county.noise import package_data
from orchestration.county.timeline import OPEN, Window, age_on, birthday, day, parts

RACES = ("White", "Black", "Asian", "AIAN", "NHOPI", "Latino", "Multiracial or Other")
HEAD, SPOUSE, PARTNER, CHILD, GRANDCHILD, RELATIVE, UNRELATED = range(7)
_RELATIONS = {
    "Reference person": HEAD,
    "Opposite-sex spouse": SPOUSE,
    "Same-sex spouse": SPOUSE,
    "Opposite-sex unmarried partner": PARTNER,
    "Same-sex unmarried partner": PARTNER,
    "Biological child": CHILD,
    "Adopted child": CHILD,
    "Stepchild": CHILD,
    "Grandchild": GRANDCHILD,
    "Other nonrelative": UNRELATED,
    "Roommate or housemate": UNRELATED,
    "Foster child": UNRELATED,
}
_CENSUS_DAY = day(2020, 4, 1)


@dataclass
class People:
    """All persons who ever play a part, one row each; numbers index rows, -1 means none.

    Names in capitals; last_born is the name at birth, last the name from day `renamed` on.
    dob and dod are days (dod OPEN while alive); married is the day of the present marriage.
    home: household at the start of the window; relation: to its head (HEAD .. UNRELATED).
    birth_order: 0 for a single birth, else 1, 2 among twins.
    """

    first: np.ndarray
    middle: np.ndarray
    last_born: np.ndarray
    last: np.ndarray
    renamed: np.ndarray
    suffix: np.ndarray
    sex: np.ndarray
    race: np.ndarray
    dob: np.ndarray
    dod: np.ndarray
    ssn: np.ndarray
    home: np.ndarray
    relation: np.ndarray
    mother: np.ndarray
    father: np.ndarray
    spouse: np.ndarray
    married: np.ndarray
    birth_order: np.ndarray

    def __len__(self) -> int:
        return len(self.dob)

    def append(self, **columns: np.ndarray) -> np.ndarray:
        """Add rows; columns not given take their empty value. The new rows' numbers."""
        old, new = len(self), len(columns["dob"])
        empty = {
            "renamed": OPEN, "suffix": "", "dod": OPEN, "mother": -1, "father": -1,
            "spouse": -1, "married": OPEN, "birth_order": 0,
        }  # fmt: skip
        columns.setdefault("last", columns["last_born"])
        for field in fields(self):
            have = getattr(self, field.name)
            add = columns.get(field.name)
            if add is None:
                add = np.full(new, empty[field.name], dtype=have.dtype)
            setattr(self, field.name, np.concatenate([have, np.asarray(add).astype(have.dtype)]))
        return np.arange(old, old + new)

    def surname(self, who: np.ndarray, on: np.ndarray | int) -> np.ndarray:
        """The legal surname of persons `who` on days `on`."""
        return np.where(self.renamed[who] <= on, self.last[who], self.last_born[who])


@dataclass
class Households:
    """One row per household. kind: 'now' lived here at the start, 'left' moved out of the
    county before, 'arriving' moves in during the window, 'other' exists for a while only.

    exists_from, exists_until: half-open days in the county. need: 0 (best off) to 1 (poorest).
    """

    kind: np.ndarray
    exists_from: np.ndarray
    exists_until: np.ndarray
    need: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def append(self, kind: str, exists_from, exists_until, need) -> np.ndarray:
        """Add households; the new rows' numbers."""
        old = len(self)
        new = len(need)
        self.kind = np.concatenate([self.kind, np.full(new, kind, dtype=self.kind.dtype)])
        self.exists_from = np.concatenate(
            [self.exists_from, np.broadcast_to(np.asarray(exists_from, dtype=np.int64), new)]
        )
        self.exists_until = np.concatenate(
            [self.exists_until, np.broadcast_to(np.asarray(exists_until, dtype=np.int64), new)]
        )
        self.need = np.concatenate([self.need, need])
        return np.arange(old, old + new)


@dataclass
class Stays:
    """Who lived in which household when (half-open days), before addresses are known."""

    person: np.ndarray
    household: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Pools:
    """Names and numbers to draw from; frequencies are those of the sample population."""

    def __init__(self, used_ssn: np.ndarray):
        import pandas as pd

        folder = package_data() / "sample_datasets"
        persons = pd.read_parquet(
            folder / "social_security" / "social_security.parquet",
            columns=["first_name", "middle_name", "date_of_birth", "sex", "event_type"],
        )
        persons = persons[persons["event_type"] == "creation"]
        decade = np.clip(persons["date_of_birth"].dt.year.to_numpy() // 10, 192, 203)
        sex = np.where(persons["sex"].astype(str) == "Female", "F", "M")
        first = _capitals(persons["first_name"])
        middle = _capitals(persons["middle_name"])
        self._given = {
            (s, d): (first[(sex == s) & (decade == d)], middle[(sex == s) & (decade == d)])
            for s in "FM"
            for d in range(192, 204)
        }
        census = pd.read_parquet(
            folder / "decennial_census" / "decennial_census.parquet",
            columns=["last_name", "race_ethnicity", "relationship_to_reference_person",
                     "street_name"],
        )  # fmt: skip
        heads = census[census["relationship_to_reference_person"] == "Reference person"]
        race = heads["race_ethnicity"].astype(str).to_numpy()
        surname = _capitals(heads["last_name"])
        self._surnames = [surname[race == r] for r in RACES]
        kinds = {"ST", "AVE", "DR", "RD", "LN", "CT", "PL", "BLVD", "CIR", "WAY", "TER"}
        streets = sorted({s.upper() for s in census["street_name"].dropna().astype(str).unique()})
        words = [s.split() for s in streets]
        # two or three plain words ending in a known kind of street; the pool holds typos too
        self.streets = np.array(
            [
                s
                for s, w in zip(streets, words, strict=True)
                if 2 <= len(w) <= 3
                and w[-1] in kinds
                and all(x.isalpha() and len(x) > 3 for x in w[:-1])
                and not any(x in ("STREET", "ROAD", "AVENUE", "DRIVE") for x in w[:-1])
            ],
            dtype=object,
        )
        self._ssn = set(used_ssn.tolist())

    def given(self, sex: np.ndarray, dob: np.ndarray, rng: np.random.Generator):
        """First and middle names usual for people of that sex and decade of birth."""
        decade = np.clip(parts(dob)[0] // 10, 192, 203)
        first = np.empty(len(sex), dtype=object)
        middle = np.empty(len(sex), dtype=object)
        draws = rng.random((2, len(sex)))
        for (s, d), (firsts, middles) in self._given.items():
            rows = (sex == s) & (decade == d)
            first[rows] = firsts[(draws[0][rows] * len(firsts)).astype(int)]
            middle[rows] = middles[(draws[1][rows] * len(middles)).astype(int)]
        return first, middle

    def surnames(self, race: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Surnames usual among heads of household of that race (index into RACES)."""
        out = np.empty(len(race), dtype=object)
        draws = rng.random(len(race))
        for r, names in enumerate(self._surnames):
            rows = race == r
            out[rows] = names[(draws[rows] * len(names)).astype(int)]
        return out

    def ssns(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n numbers no one has yet: area 001-899 without 666, group 01-99, serial 0001-9999."""
        found: list[str] = []
        while len(found) < n:
            want = n - len(found)
            area = rng.integers(1, 899, want)
            area += area >= 666
            group = rng.integers(1, 100, want)
            serial = rng.integers(1, 10_000, want)
            number = area * 1_000_000 + group * 10_000 + serial
            for text in np.char.zfill(number.astype("U9"), 9).tolist():
                if text not in self._ssn:
                    self._ssn.add(text)
                    found.append(text)
        return np.array(found, dtype="U9")


def _capitals(column) -> np.ndarray:
    return np.array([str(v).upper() for v in column.astype(object)], dtype=object)


@dataclass
class Templates:
    """The census households, persons in household order; `offset` marks where each begins."""

    offset: np.ndarray
    first: np.ndarray
    middle: np.ndarray
    last: np.ndarray
    sex: np.ndarray
    race: np.ndarray
    dob: np.ndarray
    ssn: np.ndarray
    relation: np.ndarray
    guardians: np.ndarray


def read_templates() -> Templates:
    """The 2020 census households of the installed sample population."""
    import pandas as pd

    folder = package_data() / "sample_datasets"
    census = pd.read_parquet(
        folder / "decennial_census" / "decennial_census.parquet",
        columns=["household_id", "simulant_id", "year", "first_name", "middle_initial",
                 "last_name", "date_of_birth", "sex", "race_ethnicity", "housing_type",
                 "relationship_to_reference_person", "guardian_1", "guardian_2"],
    )  # fmt: skip
    census = census[(census["year"] == 2020) & (census["housing_type"] == "Household")]
    security = pd.read_parquet(
        folder / "social_security" / "social_security.parquet",
        columns=["simulant_id", "ssn", "middle_name", "event_type"],
    )
    security = security[security["event_type"] == "creation"].drop_duplicates("simulant_id")
    number = {str(s): i for i, s in enumerate(security["simulant_id"].astype(object))}
    simulant = census["simulant_id"].astype(object).to_numpy()
    household = census["household_id"].astype(str).str.split("_").str[-1].astype(int).to_numpy()
    relation = np.array(
        [_RELATIONS.get(r, RELATIVE)
         for r in census["relationship_to_reference_person"].astype(object)]
    )  # fmt: skip
    dob = census["date_of_birth"].to_numpy().astype("M8[D]").astype(np.int64)
    order = np.lexsort(
        (np.array([int(s.split("_")[1]) for s in simulant]), dob, relation, household)
    )
    where = {simulant[o]: i for i, o in enumerate(order)}
    household = household[order]
    middles, ssns = _capitals(security["middle_name"]), security["ssn"].astype(object).to_numpy()
    initials = _capitals(census["middle_initial"])
    middle = np.array(
        [middles[number[simulant[o]]] if simulant[o] in number else initials[o] for o in order],
        dtype=object,
    )
    ssn = np.array(
        [ssns[number[simulant[o]]].replace("-", "") if simulant[o] in number else ""
         for o in order],
        dtype="U9",
    )  # fmt: skip
    _, once, counts = np.unique(ssn, return_index=True, return_counts=True)
    keep = np.zeros(len(ssn), dtype=bool)
    keep[once[counts == 1]] = True
    offset = np.flatnonzero(np.r_[True, household[1:] != household[:-1]])
    offset = np.r_[offset, len(household)]
    inside = np.searchsorted(offset, np.arange(len(household)), side="right") - 1
    guardians = np.full((len(household), 2), -1)
    for k, name in enumerate(("guardian_1", "guardian_2")):
        ids = census[name].astype(object).to_numpy()[order]
        found = np.array([where.get(g, -1) if isinstance(g, str) else -1 for g in ids])
        same = (found >= 0) & (inside[found] == inside)
        guardians[:, k] = np.where(same, found - np.arange(len(found)), OPEN)
    races = {r: i for i, r in enumerate(RACES)}
    return Templates(
        offset=offset,
        first=_capitals(census["first_name"])[order],
        middle=middle,
        last=_capitals(census["last_name"])[order],
        sex=np.where(census["sex"].astype(str).to_numpy()[order] == "Female", "F", "M"),
        race=np.array([races[r] for r in census["race_ethnicity"].astype(object)])[order],
        dob=dob[order],
        ssn=np.where(keep, ssn, ""),
        relation=relation[order],
        guardians=guardians,
    )


def _choose_households(t: Templates, window: Window, persons: int, rng: np.random.Generator):
    """Template number, copy number and kind of each household, until there are enough persons."""
    sizes = np.diff(t.offset)
    # 2.3 % a year left the county since 2018; in the window 0.35 % a month arrive and leave
    wanted = {
        "now": persons,
        "left": persons * 0.16,
        "arriving": persons * 0.0035 * window.months,
    }
    total = sum(wanted.values())
    passes = int(total // sizes.sum()) + 2
    template = np.concatenate([rng.permutation(len(sizes)) for _ in range(passes)])
    copy = np.repeat(np.arange(passes), len(sizes))
    upto = np.cumsum(sizes[template])
    first = int(np.searchsorted(upto, wanted["now"])) + 1
    second = int(np.searchsorted(upto, wanted["now"] + wanted["left"])) + 1
    last = int(np.searchsorted(upto, total)) + 1
    kind = np.repeat(["now", "left", "arriving"], [first, second - first, last - second])
    return template[:last], copy[:last], kind


def build(window: Window, persons: int, rng: np.random.Generator):
    """The people alive at the start (about `persons` of them), those who left or will arrive,
    the dead since window.history, their households and stays.

    Returns (People, Households, Stays, Pools). Births during the window come later (lives.py).
    """
    t = read_templates()
    template, copy, kind = _choose_households(t, window, persons, rng)
    sizes = np.diff(t.offset)[template]
    home = np.repeat(np.arange(len(template)), sizes)
    begin = np.cumsum(sizes) - sizes
    source = np.arange(len(home)) - begin[home] + t.offset[template][home]
    fresh = copy[home] > 0

    dob = t.dob[source] + (window.start - _CENSUS_DAY)
    dob = dob + np.where(copy > 0, rng.integers(-150, 151, len(copy)), 0)[home]
    late = dob >= window.start
    dob = np.where(late, window.start - 1 - rng.integers(0, 120, len(dob)), dob)

    ssn = np.where(fresh, "", t.ssn[source])
    pools = Pools(ssn[ssn != ""])
    need_ssn = np.flatnonzero(ssn == "")
    ssn[need_ssn] = pools.ssns(len(need_ssn), rng)
    sex, race = t.sex[source], t.race[source]
    first, middle, last = t.first[source], t.middle[source], t.last[source]
    new_first, new_middle = pools.given(sex, dob, rng)
    first = np.where(fresh, new_first, first)
    middle = np.where(fresh, new_middle, middle)
    # one new surname for each surname of a household
    _, family, where = np.unique(
        np.char.add(np.char.add(home.astype("U9"), "|"), last.astype("U60")),
        return_index=True,
        return_inverse=True,
    )
    last = np.where(fresh, pools.surnames(race[family], rng)[where], last)

    n = len(home)
    people = People(
        first=first, middle=middle, last_born=last.copy(), last=last.copy(),
        renamed=np.full(n, OPEN), suffix=np.full(n, "", dtype=object), sex=sex, race=race,
        dob=dob, dod=np.full(n, OPEN), ssn=ssn, home=home.copy(), relation=t.relation[source],
        mother=np.full(n, -1), father=np.full(n, -1), spouse=np.full(n, -1),
        married=np.full(n, OPEN), birth_order=np.zeros(n, dtype=np.int64),
    )  # fmt: skip
    houses = Households(
        kind=kind.astype("U8"),
        exists_from=np.full(len(template), window.history),
        exists_until=np.full(len(template), OPEN),
        need=np.zeros(len(template)),
    )
    _parents(people, t.guardians[source], len(template), rng)
    _needs(people, houses, rng)
    _come_and_go(people, houses, window, rng)
    _twins(people, window, rng)
    _namesakes(people, rng)
    stays: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    settled_from = np.full(n, window.history)  # when the person joined the household of now
    settled_until = np.full(n, OPEN)
    _marriages(people, houses, pools, window, settled_from, stays, rng)
    _leave_home(people, houses, window, settled_from, stays, rng)
    _separations(people, houses, window, settled_until, stays, rng)
    who = np.arange(n)
    stays.append((who, people.home[who], settled_from, settled_until))
    _the_dead(people, houses, pools, t, window, persons, stays, rng)
    _deaths(people, houses, window, rng)
    _births(people, houses, pools, window, stays, rng)
    person, household, start, end = (np.concatenate(x) for x in zip(*stays, strict=True))
    return people, houses, Stays(person, household, start, end), pools


def _parents(people: People, guardians: np.ndarray, households: int, rng) -> None:
    """Mother and father: the guardians where they can be, else the head and their partner."""
    n = len(people)
    rows = np.arange(n)
    head = np.full(households, -1)
    mate = np.full(households, -1)
    heads = np.flatnonzero(people.relation == HEAD)
    head[people.home[heads]] = heads
    mates = np.flatnonzero((people.relation == SPOUSE) | (people.relation == PARTNER))
    mate[people.home[mates][::-1]] = mates[::-1]
    candidates = [
        np.where(guardians[:, 0] < OPEN, rows + guardians[:, 0], -1),
        np.where(guardians[:, 1] < OPEN, rows + guardians[:, 1], -1),
        np.where(people.relation == CHILD, head[people.home], -1),
        np.where(people.relation == CHILD, mate[people.home], -1),
    ]
    for candidate in candidates:
        age = people.dob - people.dob[candidate]
        fits = (candidate >= 0) & (candidate != rows) & (age > 14.5 * 365) & (age < 48 * 365)
        # a head who is the guardian of a grandchild is not its parent
        elder = (people.relation == GRANDCHILD) & (people.relation[candidate] == HEAD)
        fits &= ~elder
        women = fits & (people.sex[candidate] == "F") & (people.mother < 0)
        people.mother = np.where(women, candidate, people.mother)
        men = fits & (people.sex[candidate] == "M") & (people.father < 0)
        people.father = np.where(men, candidate, people.father)
    # couples: the head and the first spouse
    both = (head >= 0) & (mate >= 0)
    both[both] &= people.relation[mate[both]] == SPOUSE
    people.spouse[head[both]] = mate[both]
    people.spouse[mate[both]] = head[both]
    # most children raised by a father, grandparents or others have a mother in the county
    lost = np.flatnonzero((people.mother < 0) & (people.dob > people.dob.max() - 17 * 365))
    _, first, inverse = np.unique(
        people.home[lost] * (n + 1) + people.father[lost] + 1,
        return_index=True,
        return_inverse=True,
    )
    women = np.flatnonzero((people.sex == "F") & (people.relation != CHILD))
    if len(first) and len(women) > 50:
        women = women[np.argsort(people.dob[women], kind="stable")]
        target = people.dob[lost[first]] - rng.integers(19 * 365, 36 * 365, len(first))
        at = np.clip(np.searchsorted(people.dob[women], target), 0, len(women) - 1)
        chosen = women[at]
        known = (rng.random(len(first)) < 0.75) & (people.home[chosen] != people.home[lost[first]])
        gap = people.dob[lost] - people.dob[chosen[inverse]]
        ok = known[inverse] & (gap > 15 * 365) & (gap < 45 * 365)
        people.mother[lost[ok]] = chosen[inverse][ok]
    # half of the children whose father lives elsewhere have one in the county
    minors = np.flatnonzero((people.mother >= 0) & (people.father < 0))
    mothers, inverse = np.unique(people.mother[minors], return_inverse=True)
    men = np.flatnonzero((people.sex == "M") & (people.relation != CHILD))
    if len(mothers) and len(men) > 50:
        men = men[np.argsort(people.dob[men], kind="stable")]
        target = people.dob[mothers] - rng.integers(-700, 2600, len(mothers))
        at = np.searchsorted(people.dob[men], target) + rng.integers(-20, 21, len(mothers))
        chosen = men[np.clip(at, 0, len(men) - 1)]
        known = (rng.random(len(mothers)) < 0.5) & (people.home[chosen] != people.home[mothers])
        gap = people.dob[minors] - people.dob[chosen[inverse]]
        ok = known[inverse] & (gap > 15 * 365) & (gap < 60 * 365)
        people.father[minors[ok]] = chosen[inverse][ok]


def _needs(people: People, houses: Households, rng) -> None:
    """Rank the households from best off (0) to poorest (1).

    Lone parents, young and very old heads, and no second earner raise need; weights are ours,
    chosen so that about a third of lone-parent households fall into the poorest tenth.
    """
    h = len(houses)
    age = age_on(people.dob, int(people.dob.max()))
    adults = np.bincount(people.home, weights=age >= 18, minlength=h)
    minors = np.bincount(people.home, weights=age < 18, minlength=h)
    head = np.zeros(h)
    is_head = people.relation == HEAD
    head[people.home[is_head]] = age[is_head]
    black_or_latino = np.zeros(h)
    black_or_latino[people.home[is_head]] = np.isin(people.race[is_head], (1, 5))
    score = (
        0.9 * ((adults <= 1) & (minors > 0))
        + 0.35 * (adults <= 1)
        + 0.12 * minors
        + 0.5 * (head < 27)
        + 0.3 * (head > 76)
        + 0.4 * black_or_latino
        + rng.normal(0, 0.8, h)
    )
    houses.need = np.argsort(np.argsort(score, kind="stable"), kind="stable") / max(h - 1, 1)


def _come_and_go(people: People, houses: Households, window: Window, rng) -> None:
    """When households came to the county and left it; those with small children moved less."""
    n = len(houses)
    now = houses.kind == "now"
    small = np.bincount(people.home, weights=people.dob > window.history, minlength=n) > 0
    came = now & (rng.random(n) < np.where(small, 0.12, 0.30))
    span = window.start - window.history
    houses.exists_from[came] = window.history + rng.integers(30, span, came.sum())
    left = houses.kind == "left"
    houses.exists_until[left] = window.start - rng.integers(1, span, left.sum())
    arriving = houses.kind == "arriving"
    houses.exists_from[arriving] = rng.integers(window.start + 1, window.end, arriving.sum())
    leaving = now & (rng.random(n) < 0.0035 * window.months)
    houses.exists_until[leaving] = rng.integers(window.start + 5, window.end, leaving.sum())


def _twins(people: People, window: Window, rng) -> None:
    """Give some brothers and sisters of nearly one age one birth date."""
    order = np.lexsort((people.dob, people.mother))
    order = order[people.mother[order] >= 0]
    elder, younger = order[:-1], order[1:]
    gap = people.dob[younger] - people.dob[elder]
    close = (people.mother[elder] == people.mother[younger]) & (gap < 800)
    close &= people.dob[elder] > window.start - 19 * 365
    # 7 % of close pairs give about 3 % of births; pairs too close to be two births become one
    pick = close & ((rng.random(len(close)) < 0.07) | (gap < 25))
    pick[1:] &= ~pick[:-1]
    a, b = elder[pick], younger[pick]
    differ = people.first[a] != people.first[b]
    a, b = a[differ], b[differ]
    people.dob[b] = people.dob[a]
    people.father[b] = people.father[a]
    people.last_born[b] = people.last_born[a]
    people.last[b] = people.last[a]
    people.birth_order[a] = 1
    people.birth_order[b] = 2


def _namesakes(people: People, rng) -> None:
    """Eldest sons with their father's whole name: Jr and Sr at one address."""
    sons = np.flatnonzero((people.sex == "M") & (people.father >= 0) & (people.birth_order == 0))
    sons = sons[np.argsort(people.dob[sons], kind="stable")]
    _, eldest = np.unique(people.father[sons], return_index=True)
    sons = sons[np.sort(eldest)]
    father = people.father[sons]
    pick = (people.last_born[sons] == people.last_born[father]) & (rng.random(len(sons)) < 0.06)
    sons, father = sons[pick], father[pick]
    people.first[sons] = people.first[father]
    people.middle[sons] = people.middle[father]
    third = rng.random(len(sons)) < 0.15
    people.suffix[sons] = np.where(third, "III", "JR")
    people.suffix[father] = np.where(third, "JR", "SR")


def _marriages(people, houses, pools, window: Window, settled_from, stays, rng) -> None:
    """Wedding days, maiden names, and where the bride lived before."""
    wives = np.flatnonzero((people.spouse >= 0) & (people.sex == "F"))
    husbands = people.spouse[wives]
    mixed = people.sex[husbands] == "M"
    wives, husbands = wives[mixed], husbands[mixed]
    age = np.clip(rng.normal(28, 5.5, len(wives)), 19, 60)
    later_born = np.maximum(people.dob[wives], people.dob[husbands])
    wedding = np.maximum(people.dob[wives] + (age * 365.25).astype(int),
                         birthday(later_born, 18) + 30)  # fmt: skip
    wedding = np.minimum(wedding, window.start - rng.integers(1, 900, len(wives)))
    # a tenth of the weddings of young couples are yet to come, in the window
    young = people.dob[wives] > window.start - 33 * 365
    coming = young & (rng.random(len(wives)) < 0.03 * window.months / 6)
    wedding = np.where(coming, rng.integers(window.start, window.end, len(wives)), wedding)
    people.married[wives] = wedding
    people.married[husbands] = wedding
    shared = people.last[wives] == people.last[husbands]
    changes = shared | (rng.random(len(wives)) < 0.35)
    maiden = pools.surnames(people.race[wives], rng)
    people.last_born[wives] = np.where(shared, maiden, people.last_born[wives])
    hyphen = rng.random(len(wives)) < 0.08
    double = np.array(
        [f"{m}-{h}" for m, h in zip(people.last_born[wives], people.last[husbands], strict=True)],
        dtype=object,
    )
    simple = np.array([len(d) < 20 and d.count("-") == 1 and " " not in d for d in double], bool)
    new = np.where(hyphen & simple, double, people.last[husbands])
    people.last[wives] = np.where(changes, new, people.last_born[wives])
    people.renamed[wives] = np.where(changes, wedding, OPEN)
    # brides of the last years who had no child with the groom lived alone before the wedding
    firstborn = np.full(len(people), OPEN)
    known = people.mother >= 0
    np.minimum.at(firstborn, people.mother[known], people.dob[known])
    recent = (wedding > window.history) & (firstborn[wives] > wedding)
    recent &= houses.exists_from[people.home[wives]] < wedding
    alone = recent & (rng.random(len(wives)) < 0.6)
    brides = wives[alone]
    begin = np.maximum(birthday(people.dob[brides], 19), window.history)
    ok = begin < wedding[alone] - 60
    brides, begin, until = brides[ok], begin[ok], wedding[alone][ok]
    need = np.clip(houses.need[people.home[brides]] + rng.normal(0, 0.1, len(brides)), 0, 1)
    rooms = houses.append("other", begin, until, need)
    settled_from[brides] = until
    stays.append((brides, rooms, begin, until))


def _leave_home(people, houses, window: Window, settled_from, stays, rng) -> None:
    """Young people living alone who left a parent's household of this county some time ago."""
    size = np.bincount(people.home, minlength=len(houses))
    age = age_on(people.dob, window.start)
    young = np.flatnonzero(
        (size[people.home] == 1) & (age >= 19) & (age <= 31)
        & np.isin(houses.kind[people.home], ("now", "left"))
    )  # fmt: skip
    young = young[rng.random(len(young)) < 0.5]
    heads = np.flatnonzero(
        (people.relation == HEAD) & (houses.kind[people.home] == "now") & (size[people.home] > 1)
    )
    taken = np.zeros(len(people), dtype=bool)
    rows = []
    for race in range(len(RACES)):
        children = young[people.race[young] == race]
        parents = heads[people.race[heads] == race]
        parents = parents[np.argsort(people.dob[parents], kind="stable")]
        if not len(parents):
            continue
        target = people.dob[children] - rng.integers(21 * 365, 36 * 365, len(children))
        at = np.searchsorted(people.dob[parents], target)
        for child, spot in zip(children.tolist(), at.tolist(), strict=True):
            spot = min(spot, len(parents) - 1)
            parent = int(parents[spot])
            gap = people.dob[child] - people.dob[parent]
            if not taken[parent] and 18 * 365 < gap < 45 * 365:
                taken[parent] = True
                rows.append((child, parent))
    if not rows:
        return
    child, parent = (np.array(x) for x in zip(*sorted(rows), strict=True))
    other = people.spouse[parent]
    mother = np.where(people.sex[parent] == "F", parent, other)
    father = np.where(people.sex[parent] == "M", parent, other)
    for column, value in (("mother", mother), ("father", father)):
        age = people.dob[child] - people.dob[value]
        ok = (value >= 0) & (age > 15 * 365) & (age < 60 * 365)
        getattr(people, column)[child] = np.where(ok, value, -1)
    people.last_born[child] = people.last[parent]
    people.last[child] = people.last[parent]
    day_left = np.maximum(birthday(people.dob[child], 18) + rng.integers(20, 300, len(child)),
                          window.history + 60)  # fmt: skip
    span = np.maximum(window.end - 20 - day_left, 1)
    leave = day_left + (rng.random(len(child)) * span).astype(np.int64)
    flat = people.home[child]
    leave = np.minimum(leave, houses.exists_until[flat] - 1)
    houses.exists_from[flat] = leave
    settled_from[child] = leave
    stays.append((child, people.home[parent], np.full(len(child), window.history), leave))


def _separations(people, houses, window: Window, settled_until, stays, rng) -> None:
    """Couples who part during the window: one of them moves out."""
    pairs = np.flatnonzero((people.relation == SPOUSE) | (people.relation == PARTNER))
    pairs = pairs[houses.kind[people.home[pairs]] == "now"]
    pairs = pairs[houses.exists_until[people.home[pairs]] >= OPEN]
    pairs = pairs[rng.random(len(pairs)) < 0.0015 * window.months]
    when = rng.integers(window.start, window.end, len(pairs))
    settled = people.married[pairs] < when - 200
    pairs, when = (
        pairs[settled | (people.married[pairs] >= OPEN)],
        when[settled | (people.married[pairs] >= OPEN)],
    )
    need = np.clip(houses.need[people.home[pairs]] + 0.15, 0, 1)
    flats = houses.append("other", when, OPEN, need)
    settled_until[pairs] = when
    stays.append((pairs, flats, when, np.full(len(pairs), OPEN)))


def yearly_deaths(age: np.ndarray) -> np.ndarray:
    """The share of people of that age who die within a year.

    A Gompertz curve (doubling every 7.7 years); the level gives about 8.5 deaths per 1,000
    persons a year in the sample population.
    """
    return np.minimum(np.exp(-10.05 + 0.09 * np.asarray(age, dtype=float)), 0.6)


def _the_dead(people, houses, pools, t: Templates, window, persons, stays, rng) -> None:
    """Persons who died between window.history and the start, with homes of their own or as
    the late husband or wife of a head who lives alone; and a few infants."""
    years = (window.start - window.history) / 365.25
    age = np.maximum((_CENSUS_DAY - t.dob) / 365.25, 0)
    weight = yearly_deaths(age) * (age > 17)
    # the county was a tenth smaller on average over those years
    count = round(0.9 * persons * weight.sum() / len(age) * years)
    pick = rng.choice(len(age), size=count, p=weight / weight.sum())
    died = window.history + rng.integers(0, window.start - window.history, count)
    died = np.sort(died, kind="stable")
    dob = died - (age[pick] * 365.25).astype(np.int64) - rng.integers(0, 365, count)
    sex, race = t.sex[pick], t.race[pick]
    first, middle = pools.given(sex, dob, rng)
    last = pools.surnames(race, rng)
    new = people.append(
        first=first, middle=middle, last_born=last, sex=sex, race=race, dob=dob, dod=died,
        ssn=pools.ssns(count, rng), home=np.full(count, -1), relation=np.full(count, HEAD),
    )  # fmt: skip
    # widows and widowers among the single heads of the same race and generation
    size = np.bincount(people.home[people.home >= 0], minlength=len(houses))
    single = np.flatnonzero(
        (people.relation == HEAD) & (people.home >= 0) & (people.spouse < 0)
        & (people.dob < window.start - 55 * 365) & (people.dod >= OPEN)
    )  # fmt: skip
    single = single[(size[people.home[single]] <= 2) & (houses.kind[people.home[single]] == "now")]
    single = rng.permutation(single)
    used = np.zeros(len(single), dtype=bool)
    own = np.ones(count, dtype=bool)
    for i in np.flatnonzero((age[pick] > 55) & (rng.random(count) < 0.45)).tolist():
        head = single[:4000]
        fits = (
            ~used[:4000]
            & (people.sex[head] != sex[i])
            & (people.race[head] == race[i])
            & (np.abs(people.dob[head] - dob[i]) < 7 * 365)
            & (houses.exists_from[people.home[head]] < died[i])
        )
        found = np.flatnonzero(fits)
        if not len(found):
            continue
        k = int(found[0])
        used[k] = True
        own[i] = False
        widow, late = int(head[k]), int(new[i])
        people.home[late] = people.home[widow]
        people.relation[late] = SPOUSE
        wed = max(int(people.dob[widow]), int(dob[i])) + 24 * 365
        people.married[late] = wed
        if sex[i] == "M":
            people.last_born[late] = people.last[late] = people.last[widow]
            people.last_born[widow] = pools.surnames(people.race[[widow]], rng)[0]
            people.renamed[widow] = wed
        else:
            people.last[late] = people.last[widow]
            people.renamed[late] = wed
    alone = new[own]
    flats = houses.append("other", window.history, people.dod[alone], rng.random(len(alone)))
    people.home[alone] = flats
    stays.append((new, people.home[new], np.full(count, window.history), people.dod[new]))
    # infants: six in a thousand births (the national rate is 5.6)
    infants = max(1, round(persons * 0.0115 * years * 0.006))
    mothers = np.flatnonzero(
        (people.sex == "F") & (people.home >= 0) & (people.dod >= OPEN)
        & (people.dob < window.start - 21 * 365) & (people.dob > window.start - 41 * 365)
    )  # fmt: skip
    mothers = mothers[(houses.kind[people.home[mothers]] == "now")]
    has = np.isin(mothers, people.mother)
    mothers = mothers[~has & (houses.exists_from[people.home[mothers]] <= window.history)]
    mothers = np.sort(rng.permutation(mothers)[:infants])
    m = len(mothers)
    lo = np.maximum(window.history, birthday(people.dob[mothers], 18))
    dob = lo + (rng.random(m) * (window.start - 300 - lo)).astype(np.int64)
    died = dob + np.minimum((rng.exponential(45, m)).astype(np.int64), 290)
    sex = np.where(rng.random(m) < 0.51, "M", "F")
    first, middle = pools.given(sex, dob, rng)
    new = people.append(
        first=first, middle=middle, last_born=people.surname(mothers, dob), sex=sex,
        race=people.race[mothers], dob=dob, dod=died, ssn=pools.ssns(m, rng),
        home=people.home[mothers], relation=np.full(m, CHILD), mother=mothers,
        father=people.spouse[mothers],
    )  # fmt: skip
    stays.append((new, people.home[new], dob, died))


def _deaths(people: People, houses: Households, window: Window, rng) -> None:
    """Who dies during the window."""
    age = age_on(people.dob, window.start)
    here = (people.home >= 0) & (people.dod >= OPEN)
    here &= np.isin(houses.kind[people.home], ("now", "other"))
    years = (window.end - window.start) / 365.25
    dies = here & (rng.random(len(people)) < yearly_deaths(np.maximum(age, 16)) * years)
    dies &= people.dob < window.start
    people.dod[dies] = rng.integers(window.start, window.end, dies.sum())


def _births(people: People, houses: Households, pools: Pools, window: Window, stays, rng) -> None:
    """Children born during the window, living where their mothers live."""
    age = age_on(people.dob, window.start)
    fit = (people.sex == "F") & (age >= 16) & (age <= 42) & (people.dod >= OPEN)
    fit &= (people.home >= 0) & np.isin(houses.kind[people.home], ("now", "arriving"))
    youngest = np.full(len(people), -OPEN)
    known = people.mother >= 0
    np.maximum.at(youngest, people.mother[known], people.dob[known])
    mothers = np.flatnonzero(fit & (youngest < window.start - 300))
    weight = np.exp(-(((age[mothers] - 28.5) / 6.0) ** 2) / 2) + 0.02
    weight = weight * np.where(people.spouse[mothers] >= 0, 1.5, 1.0)
    # 11.5 births a year per 1,000 persons
    count = min(round(len(people) * 0.0104 * (window.end - window.start) / 365.25), len(mothers))
    mothers = np.sort(rng.choice(mothers, size=count, replace=False, p=weight / weight.sum()))
    dob = rng.integers(window.start, window.end, count)
    twin = rng.random(count) < 0.016
    order = np.concatenate([twin.astype(np.int64), np.full(twin.sum(), 2)])
    mothers = np.concatenate([mothers, mothers[twin]])
    dob = np.concatenate([dob, dob[twin]])
    n = len(mothers)
    sex = np.where(rng.random(n) < 0.512, "M", "F")
    first, middle = pools.given(sex, np.maximum(dob, day(2021, 1, 1)), rng)
    for i in range(count, n):  # twins do not get one name
        while first[i] == first[np.flatnonzero(mothers == mothers[i])[0]]:
            first[i] = pools.given(sex[i : i + 1], dob[i : i + 1], rng)[0][0]
    husband = people.spouse[mothers]
    married = (husband >= 0) & (people.married[mothers] <= dob)
    lover = np.full(len(people), -1)
    partners = np.flatnonzero((people.relation == PARTNER) & (people.home >= 0))
    head_of = np.full(len(houses), -1)
    heads = np.flatnonzero(people.relation == HEAD)
    head_of[people.home[heads]] = heads
    lover[partners] = head_of[people.home[partners]]
    back = lover[partners] >= 0
    lover[lover[partners[back]]] = partners[back]
    father = np.where(married | (husband >= 0), husband, lover[mothers])
    father = np.where((father >= 0) & (people.sex[father] == "M"), father, -1)
    takes_father = (father >= 0) & (rng.random(n) < 0.85)
    takes_father[count:] = takes_father[:count][twin]
    last = np.where(takes_father, people.last[father], people.surname(mothers, dob))
    new = people.append(
        first=first, middle=middle, last_born=last, sex=sex, race=people.race[mothers], dob=dob,
        ssn=pools.ssns(n, rng), home=people.home[mothers], relation=np.full(n, CHILD),
        mother=mothers, father=father, birth_order=order,
    )  # fmt: skip
    grandchild = people.relation[mothers] == CHILD
    people.relation[new[grandchild]] = GRANDCHILD
    other = ~np.isin(people.relation[mothers], (HEAD, SPOUSE, PARTNER, CHILD))
    people.relation[new[other]] = RELATIVE
    # wherever the mother lives or will live, the child does
    person = np.concatenate([s[0] for s in stays])
    household, start, end = (np.concatenate([s[k] for s in stays]) for k in (1, 2, 3))
    order_ = np.argsort(person, kind="stable")
    low = np.searchsorted(person[order_], mothers, side="left")
    high = np.searchsorted(person[order_], mothers, side="right")
    times = high - low
    child = np.repeat(np.arange(n), times)
    within = np.arange(len(child)) - np.repeat(np.cumsum(times) - times, times)
    row = order_[low[child] + within]
    stays.append((new[child], household[row], start[row], end[row]))
