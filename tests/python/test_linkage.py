"""Linkage on small hand-made records and a real warehouse: who is one person, who is not,
and whose id stays.

Add here: a scenario that linkage must get right for ever. Keep out: accuracy on a population
(lifecourse linkage score) and anything that needs dbt.
"""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from hashlib import md5
from itertools import combinations

import numpy
import pytest

from orchestration import linkage
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import cells, clusters, comparisons, identifiers, model, records, scoring
from orchestration.warehouse import connect

TABLE = """
create schema identity;
create table identity.identity_record (
    identity_record_id text, source_system text, source_person_key text, agency text,
    first_name text, middle_name text, last_name text, suffix text, maiden_name text,
    birth_date date, birth_date_precision text, ssn text, ssn_last4 text, sex text,
    address_key text, zip text, plurality_order text, encoding text, first_load_id int,
    last_load_id int,
    is_linkable boolean
)
"""


def record(system: str, key: str, name: str, born: str | None = None, **fields) -> dict:
    """One identity record. name: 'FIRST [MIDDLE] LAST'; born: 'YYYY-MM-DD' or 'YYYY-MM'."""
    first, *middle, last = name.split()
    row = {
        "source_system": system,
        "source_person_key": key,
        "agency": system.split("_")[0],
        "first_name": first,
        "middle_name": " ".join(middle) or None,
        "last_name": last,
        "birth_date": f"{born}-01" if born and len(born) == 7 else born,
        "birth_date_precision": {10: "day", 7: "month"}.get(len(born or "")),
        "first_load_id": 1,
        "last_load_id": 1,
        "is_linkable": True,
        **fields,
    }
    if row.get("ssn"):
        row.setdefault("ssn_last4", row["ssn"][-4:])
    row["identity_record_id"] = md5(repr(sorted(row.items())).encode()).hexdigest()
    return row


def deliver(settings, rows: list[dict], *, afresh: bool = True) -> None:
    """Put the records into identity.identity_record; afresh also forgets earlier runs."""
    with connect(settings) as connection:
        connection.execute("drop schema if exists identity cascade")
        if afresh:
            connection.execute("drop schema if exists linkage cascade")
        connection.execute(TABLE)
        if not rows:
            return
        names = sorted({name for row in rows for name in row})
        with connection.cursor().copy(
            f"copy identity.identity_record ({', '.join(names)}) from stdin"
        ) as copy:
            for row in rows:
                copy.write_row([row.get(name) for name in names])


def people(settings) -> dict[tuple[str, str], int]:
    with connect(settings) as connection:
        return {
            (system, key): person
            for system, key, person in connection.execute(
                "select source_system, source_person_key, person_id"
                " from linkage.crosswalk where closed_run_id is null"
            )
        }


def events(settings, run_id: int) -> list[tuple]:
    with connect(settings) as connection:
        return connection.execute(
            "select event_type, from_person_id, to_person_id, record_count"
            " from linkage.person_event where run_id = %s order by event_id",
            [run_id],
        ).fetchall()


def dump(settings) -> bytes:
    """The open crosswalk as bytes."""
    with (
        connect(settings) as connection,
        connection.cursor().copy(
            "copy (select * from linkage.crosswalk order by source_system, source_person_key,"
            " opened_run_id) to stdout"
        ) as copy,
    ):
        return b"".join(bytes(block) for block in copy)


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("linkage")


# --- who is one person --------------------------------------------------------------------

HOME = "14 OAK ST 19801"
FAMILIES = [
    # twins with names one letter apart, and their mother
    record("vital_child", "100-2019", "JAYDEN LEE OKAFOR", "2019-03-02", sex="M",
           address_key=HOME, plurality_order="1"),
    record("vital_child", "101-2019", "JAYLEN RAY OKAFOR", "2019-03-02", sex="M",
           address_key=HOME, plurality_order="2"),
    record("vital_mother", "100-2019", "GRACE OKAFOR", "1990-01-05", sex="F", address_key=HOME),
    record("vital_mother", "101-2019", "GRACE OKAFOR", "1990-01-05", sex="F", address_key=HOME),
    record("k12", "0000000100", "JAYDEN OKAFOR", "2019-03-02", sex="M", address_key=HOME),
    record("k12", "0000000101", "JAYLEN OKAFOR", "2019-03-02", sex="M", address_key=HOME),
    # twins without a birth certificate here, brother and sister
    record("k12", "0000000110", "MARCO BELLINI", "2010-07-09", sex="M", address_key="9 ELM 19802"),
    record("k12", "0000000111", "SOFIA BELLINI", "2010-07-09", sex="F", address_key="9 ELM 19802"),
    record("benefits", "B110", "SOFIA BELLINI", "2010-07-09", sex="F", address_key="9 ELM 19802"),
    # father and son of one name, one address; the son works under the father's number
    record("benefits", "B200", "WALTER PRUITT", "1961-05-17", ssn="431201234", sex="M",
           suffix="SR", address_key="3 PINE 19803"),
    record("benefits", "B201", "WALTER PRUITT", "1988-11-02", ssn="431205678", sex="M",
           suffix="JR", address_key="3 PINE 19803"),
    record("jail", "J200", "WALTER PRUITT", "1961-05-17", sex="M", address_key="3 PINE 19803"),
    record("jail", "J201", "WALTER PRUITT", "1988-11-02", sex="M", address_key="3 PINE 19803"),
    # a wife paid under her husband's number
    record("benefits", "B300", "HECTOR SALINAS", "1975-02-08", ssn="523117788", sex="M",
           address_key="77 LAKE 19804"),
    record("benefits", "B301", "ROSA SALINAS", "1977-09-30", ssn="523119911", sex="F",
           address_key="77 LAKE 19804"),
    record("wages", "523117788|HECTOR||SALINAS", "HECTOR SALINAS", ssn="523117788"),
    record("wages", "523117788|ROSA||SALINAS", "ROSA SALINAS", ssn="523117788"),
    # a surname changed by marriage, maiden name on the birth record only
    record("wages", "612334455|PRIYA||RAMANATHAN", "PRIYA RAMANATHAN", ssn="612334455"),
    record("wages", "612334455|PRIYA||WHITFIELD", "PRIYA WHITFIELD", ssn="612334455"),
    record("vital_mother", "400-2021", "PRIYA WHITFIELD", "1992-12-12", sex="F",
           ssn="612334455", maiden_name="RAMANATHAN", address_key="5 HILL 19805"),
    record("hmis", "H400", "PRIYA RAMANATHAN", "1992-12-12", sex="F"),
    # a birth date known to the month
    record("benefits", "B500", "THEODORE ABERNATHY", "1983-06", sex="M",
           address_key="21 MILL 19806"),
    record("jail", "J500", "THEODORE ABERNATHY", "1983-06-21", sex="M",
           address_key="21 MILL 19806"),
    # a nickname
    record("hmis", "H510", "TED ABERNATHY", "1983-06-21", sex="M", ssn_last4="9090"),
    # one student number given to a second child; a child given a second number
    record("k12", "0000000600", "ELENA VASQUEZ", "2006-01-15", sex="F", last_load_id=1,
           address_key="8 BAY 19807"),
    record("k12", "0000000600", "DMITRI PETROV", "2013-10-03", sex="M", last_load_id=2,
           address_key="40 PARK 19808"),
    record("benefits", "B600", "ELENA VASQUEZ", "2006-01-15", sex="F", address_key="8 BAY 19807"),
    record("benefits", "B601", "DMITRI PETROV", "2013-10-03", sex="M",
           address_key="40 PARK 19808"),
    record("k12", "0000000602", "DMITRI PETROV", "2013-10-03", sex="M",
           address_key="40 PARK 19808"),
    # an alias and a false birth date under one jacket number
    record("jail", "J700", "CLARENCE MONTAGUE", "1979-04-04", sex="M", address_key="1 RIO 19809"),
    record("jail", "J700", "DEREK SMALLS", "1985-09-19", sex="M", address_key="1 RIO 19809"),
    record("benefits", "B700", "CLARENCE MONTAGUE", "1979-04-04", sex="M",
           address_key="1 RIO 19809"),
    # names alone: a wage record knows no birth date, a school record no number
    record("wages", "733221144|XIMENA||QUINTEROS", "XIMENA QUINTEROS", ssn="733221144"),
    record("k12", "0000000750", "XIMENA LUZ QUINTEROS", "2004-05-06", sex="F",
           address_key="2 VINE 19801"),
    # two workers of one name: neither is the detainee's only namesake
    record("wages", "733225555|OSWALDO||BRIZUELA", "OSWALDO BRIZUELA", ssn="733225555"),
    record("wages", "733226666|OSWALDO||BRIZUELA", "OSWALDO BRIZUELA", ssn="733226666"),
    record("jail", "J760", "OSWALDO BRIZUELA", "1990-10-10", sex="M"),
    # a worker and a child of that name
    record("wages", "733227777|HEATH||WACHENDORF", "HEATH WACHENDORF", ssn="733227777"),
    record("k12", "0000000770", "HEATH WACHENDORF", "2009-12-18", sex="M"),
    # a worker and a young man whose suffix tells of another one
    record("wages", "733228888|RUFUS||OGLETREE", "RUFUS OGLETREE", ssn="733228888"),
    record("jail", "J780", "RUFUS OGLETREE", "2003-02-11", sex="M", suffix="JR"),
    # first and middle name in another order
    record("wages", "733229999|ERIC|J|HALVORSEN", "ERIC J HALVORSEN", ssn="733229999"),
    record("wages", "733229999|JAMES|E|HALVORSEN", "JAMES E HALVORSEN", ssn="733229999"),
    # too little known: no name, no date
    record("hmis", "H800", "X Y", first_name=None, last_name=None, is_linkable=False),
    record("hmis", "H801", "X Y", first_name=None, last_name=None, is_linkable=False),
    record("hmis", "H802", "ANN UNKNOWN", is_linkable=False),
    record("hmis", "H803", "ANN UNKNOWN", is_linkable=False),
]  # fmt: skip


@pytest.fixture(scope="module")
def families(settings) -> dict[tuple[str, str], int]:
    deliver(settings, FAMILIES)
    report = linkage.link(settings)
    assert report.records == len(FAMILIES)
    return people(settings)


def one(found: dict, *keys: tuple[str, str]) -> bool:
    return len({found[key] for key in keys}) == 1


def apart(found: dict, *keys: tuple[str, str]) -> bool:
    return len({found[key] for key in keys}) == len(keys)


def test_every_source_record_has_a_person(families):
    assert set(families) == {(r["source_system"], r["source_person_key"]) for r in FAMILIES}
    assert min(families.values()) == identifiers.FIRST_PERSON_ID
    assert set(families.values()) == set(
        range(identifiers.FIRST_PERSON_ID, max(families.values()) + 1)
    )


def test_twins_stay_two_people_and_their_mother_one(families):
    assert apart(families, ("vital_child", "100-2019"), ("vital_child", "101-2019"))
    assert one(families, ("vital_child", "100-2019"), ("k12", "0000000100"))
    assert one(families, ("vital_child", "101-2019"), ("k12", "0000000101"))
    assert one(families, ("vital_mother", "100-2019"), ("vital_mother", "101-2019"))
    assert families["vital_mother", "100-2019"] not in (
        families["vital_child", "100-2019"],
        families["vital_child", "101-2019"],
    )


def test_twins_without_a_birth_certificate_stay_two(families):
    assert apart(families, ("k12", "0000000110"), ("k12", "0000000111"))
    assert one(families, ("k12", "0000000111"), ("benefits", "B110"))


def test_father_and_son_of_one_name_stay_two(families):
    assert apart(families, ("benefits", "B200"), ("benefits", "B201"))
    assert one(families, ("benefits", "B200"), ("jail", "J200"))
    assert one(families, ("benefits", "B201"), ("jail", "J201"))


def test_a_number_shared_in_a_household_does_not_merge(families):
    assert apart(families, ("benefits", "B300"), ("benefits", "B301"))
    assert one(families, ("benefits", "B300"), ("wages", "523117788|HECTOR||SALINAS"))
    assert apart(families, ("benefits", "B300"), ("wages", "523117788|ROSA||SALINAS"))


def test_a_changed_surname_links(families):
    assert one(
        families,
        ("wages", "612334455|PRIYA||RAMANATHAN"),
        ("wages", "612334455|PRIYA||WHITFIELD"),
        ("vital_mother", "400-2021"),
        ("hmis", "H400"),
    )


def test_a_birth_date_known_to_the_month_links(families):
    assert one(families, ("benefits", "B500"), ("jail", "J500"), ("hmis", "H510"))


def test_an_id_given_to_a_second_person_does_not_merge_the_two(families):
    assert apart(families, ("benefits", "B600"), ("benefits", "B601"))
    # the newest holder has the number
    assert one(families, ("k12", "0000000600"), ("benefits", "B601"), ("k12", "0000000602"))


def test_an_alias_under_one_jacket_number_is_one_person(families):
    assert one(families, ("jail", "J700"), ("benefits", "B700"))


def test_an_only_namesake_links_and_nobody_elses_does(families):
    assert one(families, ("wages", "733221144|XIMENA||QUINTEROS"), ("k12", "0000000750"))
    assert apart(
        families,
        ("wages", "733225555|OSWALDO||BRIZUELA"),
        ("wages", "733226666|OSWALDO||BRIZUELA"),
        ("jail", "J760"),
    )
    assert apart(families, ("wages", "733228888|RUFUS||OGLETREE"), ("jail", "J780"))


def test_wages_are_nobodys_who_is_too_young_to_work(families):
    """The newest birth here is of 2019; who was born in 2009 was ten."""
    assert apart(families, ("wages", "733227777|HEATH||WACHENDORF"), ("k12", "0000000770"))


def test_first_and_middle_name_in_another_order_link(families):
    assert one(
        families,
        ("wages", "733229999|ERIC|J|HALVORSEN"),
        ("wages", "733229999|JAMES|E|HALVORSEN"),
    )


def test_without_name_and_date_each_record_is_its_own_person(families, settings):
    keys = [("hmis", "H800"), ("hmis", "H801"), ("hmis", "H802"), ("hmis", "H803")]
    assert apart(families, *keys)
    with connect(settings) as connection:
        methods = connection.execute(
            "select distinct method from linkage.crosswalk"
            " where source_person_key in ('H800', 'H801', 'H802', 'H803')"
        ).fetchall()
    assert methods == [("unlinkable",)]


def test_links_are_explained_as_sums_of_log_odds(families, settings):
    person = families["hmis", "H510"]
    told = linkage.explain(settings, person)
    assert [r["source_system"] for r in told["records"]] == ["benefits", "hmis", "jail"]
    linked = [link for link in told["links"] if link["decision"] == "linked"]
    assert linked
    prior = model.load().prior
    for link in linked:
        total = link["prior"] + sum(step["weight"] for step in link["evidence"])
        assert total == pytest.approx(link["match_weight"], abs=0.05)
        assert link["prior"] == pytest.approx(prior, abs=0.05)
    # one of the two says TED, the other THEODORE
    assert "nickname" in {step["level"] for link in linked for step in link["evidence"]}
    vetoed = linkage.explain(settings, families["benefits", "B300"])["links"]
    assert {link["veto"] for link in vetoed if link["decision"] == "vetoed"}
    with pytest.raises(UsageError, match="No record carries person id 1 now"):
        linkage.explain(settings, 1)


def test_an_explanation_holds_nobodys_value_unless_asked_and_then_it_is_logged(families, settings):
    person = families["wages", "733221144|XIMENA||QUINTEROS"]
    told = json.dumps(linkage.explain(settings, person))
    for value in ("XIMENA", "QUINTEROS", "733221144", "2004"):
        assert value not in told

    def looks() -> list[tuple]:
        with connect(settings) as connection:
            return connection.execute(
                "select command, person_id from linkage.access_log"
            ).fetchall()

    assert looks() == []
    shown = linkage.explain(settings, person, identified=True)
    assert "733221144|XIMENA||QUINTEROS" in {r["source_person_key"] for r in shown["records"]}
    assert looks() == [("explain", person)]


# --- bad input ----------------------------------------------------------------------------


def _invented_name(rng: random.Random) -> str:
    return "".join(rng.choice("BDFGHJKLMNPRSTVWXYZ") + rng.choice("AEIOU") for _ in range(4))


def test_ten_thousand_records_with_one_number_neither_crash_nor_merge(settings):
    rng = random.Random(11)
    rows = [
        record(
            "benefits",
            f"C{number:05}",
            f"{_invented_name(rng)} {_invented_name(rng)}",
            f"{rng.randint(1940, 2015)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            ssn="219099999",
        )
        for number in range(10_000)
    ]
    deliver(settings, rows)
    report = linkage.link(settings)
    assert report.persons == 10_000


def test_a_large_component_is_cut_and_not_merged(settings, tmp_path):
    """A roster of one name at one address whose birth dates differ by a digit each chains
    into one component; with every block let through, its size must still be capped."""
    small = json.loads(model.DEFAULT.read_text())
    small["thresholds"].update(block_cap=100_000, component_cap=50)
    path = tmp_path / "small.json"
    path.write_text(json.dumps(small))
    rows = [
        record("hmis", f"R{year}{month:02}{day:02}", "JOHN DOEWELL", f"{year}-{month:02}-{day:02}",
               address_key="1 SHELTER 19801")
        for year in (1980, 1981) for month in range(1, 10) for day in range(11, 20)
    ]  # fmt: skip
    deliver(settings, rows)
    report = linkage.link(settings, model_path=path)
    assert report.components_cut >= 1
    sizes = numpy.unique(list(people(settings).values()), return_counts=True)[1]
    assert sizes.max() <= 50


def test_a_component_of_five_thousand_records_is_cut_and_not_merged(settings):
    """Each record could be the next one, whose surname is a letter off or whose birth date is
    a day off, through the shipped model with its own blocks and caps; the first and the last
    have nothing in common."""
    letters = "BCDFGHJKLMNPRSTVWXZ"

    def surname(number: int) -> str:
        # counts so that the next one differs by one letter
        last = ""
        for place in range(3):
            turn, at = divmod(number // len(letters) ** place, len(letters))
            last += letters[len(letters) - 1 - at if turn % 2 else at] + "AOA"[place]
        return last + "WELL"

    start = date(1950, 1, 1)
    rows = [
        record("hmis", f"R{number:05}", f"{'JON' if number % 4 > 1 else 'JOHN'} "
               f"{surname(number // 4)}", (start + timedelta(days=(number + 1) // 2)).isoformat(),
               address_key=f"{number // 2} OAK ST||19801")
        for number in range(6_400)
    ]  # fmt: skip
    deliver(settings, rows)
    report = linkage.link(settings)
    with connect(settings) as connection:
        pairs = connection.execute(
            "select left_node, right_node from linkage.edge"
            " where veto is null and match_weight >= 0"
        ).fetchall()
    left, right = numpy.array(pairs).T
    chain = numpy.bincount(clusters.components(left, right, int(max(left.max(), right.max())) + 1))
    assert chain.max() >= 5_000 and report.components_cut == 1
    sizes = numpy.unique(list(people(settings).values()), return_counts=True)[1]
    assert sizes.sum() == len(rows)
    assert sizes.max() <= len(rows) / 100


def test_a_chain_longer_than_the_cap_falls_apart_at_its_weakest_edges():
    left = numpy.arange(0, 5_000)
    weight = numpy.full(5_000, 30.0)
    weight[99::100] = 1.0
    label, cut = clusters.capped_components(left, left + 1, weight, 5_001, edge=0.0, cap=100)
    assert cut == 1
    assert numpy.bincount(label).max() == 100
    everywhere = numpy.full(5_000, 90.0)
    label, _ = clusters.capped_components(left, left + 1, everywhere, 5_001, edge=0.0, cap=100)
    assert numpy.bincount(label).max() == 1


def test_an_empty_identity_layer_links_to_nothing(settings):
    deliver(settings, [])
    assert linkage.link(settings).persons == 0


def test_a_missing_identity_layer_is_one_clear_sentence(settings):
    with connect(settings) as connection:
        connection.execute("drop schema if exists identity cascade")
    with pytest.raises(LifecourseError, match=r"no table identity\.identity_record"):
        linkage.link(settings)


def test_a_missing_model_is_one_clear_sentence(settings, tmp_path):
    with pytest.raises(UsageError, match="There is no linkage model none"):
        linkage.link(settings, model_path=tmp_path / "none.json")


# --- average linkage ----------------------------------------------------------------------


def test_one_wrong_edge_does_not_chain_two_people():
    left, right = numpy.array(list(combinations(range(6), 2))).T
    same = (left < 3) == (right < 3)
    weight = numpy.where(same, 8.0, -9.0)
    weight[(left == 2) & (right == 3)] = 6.0
    none = numpy.zeros(len(left), dtype=bool)
    component = numpy.zeros(6, dtype=int)
    label = clusters.average_linkage(left, right, weight, none, component, cut=0.0, unscored=-14.0)
    assert label.tolist() == [0, 0, 0, 3, 3, 3]


def test_a_veto_holds_for_whole_clusters():
    left, right = numpy.array(list(combinations(range(4), 2))).T
    weight = numpy.full(6, 20.0)
    vetoed = (left == 0) & (right == 3)
    label = clusters.average_linkage(
        left, right, weight, vetoed, numpy.zeros(4, dtype=int), cut=0.0, unscored=-14.0
    )
    assert label[0] != label[3]


# --- ids stay -----------------------------------------------------------------------------

BRIDGE = [
    record("benefits", "B900", "ANNA MARCHETTI", "1986-08-08", ssn="701229876", sex="F"),
    record("benefits", "B900", "ANNA KOWALCZYK", "1986-08-08", ssn="701229876", sex="F"),
]
BANKS = [
    record("hmis", "H900", "ANNA KOWALCZYK", "1986-08-08", sex="F"),
    record("hmis", "H901", "ANNA KOWALCZYK", "1986-08-08", sex="F"),
    record("wages", "701229876|ANNA||MARCHETTI", "ANNA MARCHETTI", ssn="701229876"),
]


def test_three_equal_records_are_three_witnesses_where_records_are_weighed():
    """Nodes 0 and 1 are one person; 2 agrees with 0 and contradicts 1: by nodes it stays out, by
    records it comes in where 0 is three of them, and stays out where 1 is."""
    left, right = numpy.array([0, 0, 1]), numpy.array([1, 2, 2])
    weight = numpy.array([20.0, 5.0, -7.0])
    none, component = numpy.zeros(3, dtype=bool), numpy.zeros(3, dtype=int)

    def together(size) -> list[int]:
        return clusters.average_linkage(
            left, right, weight, none, component, cut=0.0, unscored=-14.0, size=size
        ).tolist()

    assert together(None) == together(numpy.array([1, 1, 1])) == [0, 0, 2]
    assert together(numpy.array([3, 1, 1])) == [0, 0, 0]
    assert together(numpy.array([1, 3, 1])) == [0, 0, 2]
    assert together(numpy.array([10_000, 1, 1])) == [0, 0, 0]


def test_the_same_records_in_any_order_give_the_same_bytes(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    first = dump(settings)
    deliver(settings, random.Random(3).sample(FAMILIES, len(FAMILIES)))
    linkage.link(settings)
    assert dump(settings) == first


def test_a_second_run_on_the_same_records_is_skipped_and_says_so(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    first = dump(settings)
    said: list[str] = []
    report = linkage.link(settings, said.append)
    assert report.skipped
    assert "nothing changed" in said[-1]
    assert dump(settings) == first
    with connect(settings) as connection:
        assert connection.execute("select count(*) from linkage.run").fetchone() == (1,)


def test_another_model_runs_again_and_keeps_the_ids(settings, tmp_path):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    before = people(settings)
    other = json.loads(model.DEFAULT.read_text())
    other["name"] = "another"
    path = tmp_path / "another.json"
    path.write_text(json.dumps(other))
    assert not linkage.link(settings, model_path=path).skipped
    assert people(settings) == before


def test_new_records_leave_every_other_id_alone(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    before = people(settings)
    more = [
        record("jail", "J999", "THEODORE ABERNATHY", "1983-06-21", sex="M"),
        record("k12", "0000009999", "NOVEL NEWCOMER", "2012-02-02", sex="F"),
    ]
    deliver(settings, [*FAMILIES, *more], afresh=False)
    linkage.link(settings)
    after = people(settings)
    assert {key: after[key] for key in before} == before
    assert after["jail", "J999"] == before["jail", "J500"]
    assert after["k12", "0000009999"] == max(before.values()) + 1
    assert events(settings, 2) == [("create", None, max(before.values()) + 1, 1)]


def test_a_record_that_comes_later_joins_its_only_namesake(settings):
    school = record("k12", "0000000950", "XIMENA LUZ QUINTEROS", "2004-05-06", sex="F")
    work = record("wages", "733221144|XIMENA||QUINTEROS", "XIMENA QUINTEROS", ssn="733221144")
    deliver(settings, [*BANKS, school])
    linkage.link(settings)
    before = people(settings)
    deliver(settings, [*BANKS, school, work], afresh=False)
    linkage.link(settings)
    after = people(settings)
    assert {key: after[key] for key in before} == before
    assert after["wages", "733221144|XIMENA||QUINTEROS"] == before["k12", "0000000950"]


def test_a_merge_keeps_the_larger_persons_id_and_a_split_brings_the_other_back(settings):
    deliver(settings, BANKS)
    linkage.link(settings)
    before = people(settings)
    large = before["hmis", "H900"]
    small = before["wages", "701229876|ANNA||MARCHETTI"]
    assert large == before["hmis", "H901"] != small

    deliver(settings, [*BANKS, *BRIDGE], afresh=False)
    merged = linkage.link(settings)
    assert merged.merged == 1
    assert set(people(settings).values()) == {large}
    assert events(settings, 2) == [("merge", small, large, 1)]
    with connect(settings) as connection:
        assert connection.execute(
            "select status, merged_into from linkage.person where person_id = %s", [small]
        ).fetchone() == ("merged", large)

    deliver(settings, BANKS, afresh=False)
    split = linkage.link(settings)
    assert split.split == 1
    assert people(settings) == before
    assert events(settings, 3) == [("split", large, small, 1)]
    with connect(settings) as connection:
        assert connection.execute(
            "select count(*) from linkage.crosswalk"
            " where source_system = 'wages' and closed_run_id is not null"
        ).fetchone() == (2,)
        # one open row a record, enforced by the database
        assert (
            connection.execute(
                "select count(*) from linkage.crosswalk where closed_run_id is null"
                " group by source_system, source_person_key having count(*) > 1"
            ).fetchall()
            == []
        )


def test_a_withdrawn_record_retires_its_person_and_gets_the_id_back(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    before = people(settings)
    gone = ("hmis", "H800")
    rest = [r for r in FAMILIES if (r["source_system"], r["source_person_key"]) != gone]
    deliver(settings, rest, afresh=False)
    linkage.link(settings)
    assert gone not in people(settings)
    assert events(settings, 2) == [("retire", before[gone], None, 0)]
    deliver(settings, FAMILIES, afresh=False)
    linkage.link(settings)
    assert people(settings) == before
    assert events(settings, 3) == [("restore", None, before[gone], 1)]


def test_records_move_to_the_person_of_the_larger_share():
    keys = [("s", str(number)) for number in range(6)]
    given = identifiers.assign(
        cluster=[0, 0, 0, 1, 1, 1],
        keys=keys,
        before=[11, 11, 12, 12, 12, 0],
        former={},
        active={11, 12},
        next_id=13,
    )
    assert given.person == [11, 11, 11, 12, 12, 12]
    assert given.events == [identifiers.Event("move", 12, 11, 1)]


def test_equal_shares_go_to_the_older_id():
    given = identifiers.assign(
        cluster=[0, 0],
        keys=[("s", "a"), ("s", "b")],
        before=[12, 11],
        former={},
        active={11, 12},
        next_id=13,
    )
    assert given.person == [11, 11]
    assert given.merged == {12: 11}


def test_the_order_of_new_ids_does_not_follow_the_keys():
    keys = [("wages", f"{number:09}|A||B") for number in range(200)]
    given = identifiers.assign(range(200), keys, [0] * 200, {}, set(), 1)
    assert sorted(given.person) == list(range(1, 201))
    assert abs(numpy.corrcoef(given.person, range(200))[0, 1]) < 0.3


# --- stewards' decisions ------------------------------------------------------------------


def decide(settings, kind: str, left: tuple[str, str], right: tuple[str, str]) -> int:
    with connect(settings) as connection:
        return connection.execute(
            "insert into linkage.override (kind, left_source_system, left_source_person_key,"
            " right_source_system, right_source_person_key, reason, steward)"
            " values (%s, %s, %s, %s, %s, 'seen the file', 'steward') returning override_id",
            [kind, *left, *right],
        ).fetchone()[0]


def withdraw(settings) -> None:
    with connect(settings) as connection:
        connection.execute("update linkage.override set withdrawn_at = now()")


def test_a_steward_joins_and_parts_and_takes_it_back(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    before = people(settings)
    same = (("vital_mother", "100-2019"), ("vital_mother", "101-2019"))
    twins = (("k12", "0000000110"), ("k12", "0000000111"))
    namesakes = (("wages", "733221144|XIMENA||QUINTEROS"), ("k12", "0000000750"))
    scored = (("benefits", "B500"), ("hmis", "H510"))
    for pair in (same, namesakes, scored):
        assert one(before, *pair)
        decide(settings, "cannot_link", *pair)
    decide(settings, "must_link", *twins)

    assert not linkage.link(settings).skipped
    after = people(settings)
    assert one(after, *twins)
    for pair in (same, namesakes, scored):
        assert apart(after, *pair)
    concerned = {before[key] for pair in (same, namesakes, scored, twins) for key in pair}
    assert {k: v for k, v in after.items() if before[k] not in concerned} == {
        k: v for k, v in before.items() if v not in concerned
    }
    with connect(settings) as connection:
        assert connection.execute(
            "select method from linkage.crosswalk where source_person_key = '0000000110'"
            " and closed_run_id is null"
        ).fetchone() == ("steward",)
    # decisions survive a run on other records
    deliver(settings, [*FAMILIES, *BANKS], afresh=False)
    linkage.link(settings)
    assert {k: v for k, v in people(settings).items() if k in after} == after

    withdraw(settings)
    linkage.link(settings)
    assert {k: v for k, v in people(settings).items() if k in before} == before


def test_decisions_that_contradict_each_other_are_one_clear_sentence(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    before = dump(settings)
    twins = (("k12", "0000000110"), ("k12", "0000000111"))
    decide(settings, "must_link", *twins)
    wrong = decide(settings, "cannot_link", *twins)
    with pytest.raises(LifecourseError, match=f"override {wrong} parts records"):
        linkage.link(settings)
    assert dump(settings) == before


# --- the score ----------------------------------------------------------------------------


def test_score_counts_pairs_as_brute_force_does():
    rng = numpy.random.default_rng(5)
    truth = rng.integers(0, 40, 300)
    found = numpy.where(rng.random(300) < 0.8, truth, rng.integers(0, 40, 300))
    source = numpy.array(["a", "b", "c"])[rng.integers(0, 3, 300)]
    counts = {"all": [0, 0, 0]}
    for i, j in combinations(range(300), 2):
        for name in ("all", "|".join(sorted((source[i], source[j])))):
            tally = counts.setdefault(name, [0, 0, 0])
            tally[0] += truth[i] == truth[j]
            tally[1] += found[i] == found[j]
            tally[2] += truth[i] == truth[j] and found[i] == found[j]
    figures = scoring.pair_figures(truth, found, source)
    for name, (true, guessed, correct) in counts.items():
        told = figures if name == "all" else figures["by_source"][name]
        assert (told["true_pairs"], told["found_pairs"], told["correct_pairs"]) == (
            true,
            guessed,
            correct,
        )
    assert figures["precision"] == figures["correct_pairs"] / figures["found_pairs"]
    assert figures["recall"] == figures["correct_pairs"] / figures["true_pairs"]


def test_score_reads_the_truth_over_records_in_both(families, settings, tmp_path):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    (tmp_path / "records.csv").write_text(
        "source_system,source_person_key,person\n"
        "benefits,B200,p1\njail,J200,p1\nbenefits,B201,p2\njail,J201,p1\nk12,nowhere,p9\n"
    )
    figures = linkage.score(settings, tmp_path)
    assert (figures["n_records"], figures["not_in_crosswalk"]) == (4, 1)
    assert (figures["true_pairs"], figures["found_pairs"], figures["correct_pairs"]) == (3, 2, 1)
    assert (figures["split_persons"], figures["mixed_person_ids"]) == (1, 1)
    assert figures["split_by_race"] is None
    (tmp_path / "persons.csv").write_text("person,race_ethnicity\np1,A\np2,B\n")
    # two persons are no group
    assert linkage.score(settings, tmp_path)["split_by_race"] == {
        "groups": {},
        "gap": None,
        "standardised_gap": None,
    }
    with pytest.raises(UsageError, match=r"no records\.csv"):
        linkage.score(settings, tmp_path / "nowhere")


def test_split_rates_are_of_persons_with_two_records_in_groups_that_count():
    """Three in ten of 400 split, one in ten of 300; persons of one record and a group of 299
    count for nothing."""
    truth, found, group = [], [], []
    for name, persons, of_ten in (("a", 400, 3), ("b", 300, 1), ("few", 299, 9), ("", 300, 9)):
        for person in range(persons):
            is_split = person % 10 < of_ten
            truth += [f"{name}{person}"] * 2
            found += [f"{name}{person}", f"{name}{person}" + "x" * is_split]
            group += [name] * 2
    truth += [f"alone{n}" for n in range(500)]
    found += truth[-500:]
    group += ["a"] * 500
    told = scoring.split_rates(*map(numpy.array, (truth, found, group)))
    assert {name: (rate["of"], rate["share"]) for name, rate in told["groups"].items()} == {
        "a": (400, 30.0),
        "b": (300, 10.0),
    }
    assert told["groups"]["a"]["interval"] == cells.interval(120, 400)
    assert told["gap"] == 20.0
    assert told["standardised_gap"] == 20.0


def test_a_gap_that_comes_of_more_records_alone_is_none_when_standardised():
    """One in ten of two records split, five in ten of four, in either group."""
    truth, found, group = [], [], []
    for name, persons in (("a", {2: 300, 4: 100}), ("b", {2: 100, 4: 300})):
        for records_each, count in persons.items():
            for person in range(count):
                is_split = person % 10 < (1 if records_each == 2 else 5)
                own = f"{name}{records_each}-{person}"
                truth += [own] * records_each
                found += [own] * (records_each - 1) + [own + "x" * is_split]
                group += [name] * records_each
    told = scoring.split_rates(*map(numpy.array, (truth, found, group)))
    assert told["gap"] == 20.0
    assert told["standardised_gap"] == 0.0


def test_linkage_never_reads_a_truth(settings):
    """The true person beside every record, and even as a column of it, changes nothing."""
    assert not {"person", "person_id", "simulant_id", "household_id"} & set(records.COLUMNS)
    deliver(settings, FAMILIES)
    linkage.link(settings)
    first = dump(settings)
    deliver(settings, FAMILIES)
    with connect(settings) as connection:
        connection.execute("alter table identity.identity_record add column person text")
        connection.execute("update identity.identity_record set person = 'everybody'")
    linkage.link(settings)
    assert dump(settings) == first


# --- training -----------------------------------------------------------------------------


def test_a_model_is_trained_without_labels_and_links(settings, tmp_path):
    rng = random.Random(4)
    rows = []
    for number in range(400):
        first = rng.choice(["JAMES", "MARY", "LINDA", "ROBERT", "SUSAN", "DAVID"])
        born = f"{rng.randint(1940, 2005)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        ssn = f"{rng.randint(100, 665)}{rng.randint(10, 99)}{rng.randint(1000, 9999)}"
        name = f"{first} {_invented_name(rng)}"
        rows.append(record("benefits", f"B{number}", name, born, ssn=ssn))
        # every tenth without a number, every fifteenth born on another day
        rows.append(
            record("hmis", f"H{number}", name, born if number % 15 else "1950-01-02",
                   ssn=ssn if number % 10 else None)
        )  # fmt: skip
    deliver(settings, rows)
    path = tmp_path / "little.json"
    linkage.train(settings, path, trained_on="a test", seed=3)
    trained = model.load(path)
    assert (trained.name, trained.card["trained_on"], trained.card["seed"]) == (
        "little",
        "a test",
        3,
    )
    # surnames here are borne by one person each: none may stand in the file
    assert trained.frequencies["ln"]["shares"] == {}
    assert set(trained.frequencies["fn"]["shares"]) == {
        "JAMES", "MARY", "LINDA", "ROBERT", "SUSAN", "DAVID"
    }  # fmt: skip
    # 27 have another birth date; the 14 of them that also lack the number stay apart
    report = linkage.link(settings, model_path=path)
    assert report.model_version == "little"
    assert 400 <= report.persons <= 427


def test_the_frozen_model_says_how_it_came_about():
    frozen = model.load()
    assert frozen.name == model.DEFAULT.stem
    assert {"trained_on", "trained_at", "seed", "splink_version", "records"} <= set(frozen.card)
    assert frozen.card["seed"] != 2026
    for shares in frozen.frequencies.values():
        assert min(shares["shares"].values()) > shares["floor"] > 0
    for comparison in frozen.splink["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                assert 0 < level["m_probability"] < 1
                assert 0 < level["u_probability"] < 1


def test_the_frozen_model_is_of_the_comparisons_in_the_code():
    """A changed level without a newly trained model would score with another level's weight."""
    frozen = model.load()
    conditions = [
        [
            (level["sql_condition"], level.get("tf_adjustment_column"))
            for level in comparison["comparison_levels"]
        ]
        for comparison in frozen.splink["comparisons"]
    ]
    assert conditions == [
        [
            (level["sql_condition"], level.get("tf_adjustment_column"))
            for level in comparison["comparison_levels"]
        ]
        for comparison in comparisons.settings(frozen.profile.comparisons)["comparisons"]
    ]


def test_a_model_of_other_comparisons_is_refused(tmp_path):
    old = json.loads(model.DEFAULT.read_text())
    old["comparisons_version"] = -1
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    with pytest.raises(UsageError, match="train it again"):
        model.load(path)
