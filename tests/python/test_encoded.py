"""A source that shares encodings instead of identifiers: what leaves its agency, what is
linked on it, and what is not.

Add here: what an encoding must keep secret, or a pair it must (not) link. Keep out: accuracy on
a population (lifecourse bench encoded).
"""

from __future__ import annotations

import csv
import random
import re
from base64 import b64decode
from dataclasses import replace

import numpy
import pytest
from test_linkage import deliver, one, people, record

from orchestration import intake, landing, linkage, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import bloom, encoded_files, encoded_links, encoded_values
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse import connect

KEY = b"a made up key of more than thirty-two characters"
CONTRACT = PROJECT_ROOT / "expectations" / "reentry" / "enrollments.yml"
HEADER = [
    "participant_no", "first_name", "middle_name", "last_name", "birth_date", "ssn", "street",
    "unit", "zip", "enrolled_on", "exited_on",
]  # fmt: skip
PEOPLE = [
    ["P-1", "Marisol", "T", "Testperson", "1988-05-17", "431-20-1234", "14 Oak Street", "Apt 2",
     "19801", "2025-01-06", ""],
    ["P-2", "Anselm", "", "Example", "1979-11-30", "", "3 Pine Avenue", "", "19802",
     "2025-02-01", "2025-02-20"],
]  # fmt: skip


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    path = tmp_path / "project.key"
    path.write_bytes(KEY + b"\n")
    monkeypatch.setenv(encoded_files.KEY_FILE, str(path))
    return path


def own_file(tmp_path, rows=PEOPLE, header=HEADER):
    path = tmp_path / "own.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# --- what leaves the agency ---------------------------------------------------------------


def test_an_encoded_file_holds_nobodys_identifiers(tmp_path):
    out = tmp_path / "enrollments_2025-02.csv"
    assert encoded_files.encode_file(own_file(tmp_path), CONTRACT, KEY, out) == 2
    text = out.read_text()
    for row in PEOPLE:
        for value in row[:9]:
            # a letter alone is in any encoding
            assert len(value) < 2 or value.lower() not in text.lower()
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["participant_no", "enrolled_on", "exited_on", "encoding"]
    assert [row["enrolled_on"] for row in rows] == ["2025-01-06", "2025-02-01"]
    assert all(len(b64decode(row["encoding"].split(":")[2])) == 128 for row in rows)
    again = tmp_path / "again.csv"
    encoded_files.encode_file(own_file(tmp_path), CONTRACT, KEY, again)
    assert again.read_bytes() == out.read_bytes()
    encoded_files.encode_file(own_file(tmp_path), CONTRACT, KEY[::-1], again)
    with again.open(newline="") as file:
        other = list(csv.DictReader(file))
    for mine, theirs in zip(rows, other, strict=True):
        assert mine["participant_no"] != theirs["participant_no"]
        assert mine["encoding"].split(":")[2] != theirs["encoding"].split(":")[2]


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ([*HEADER[:4], *HEADER[5:]], [[*r[:4], *r[5:]] for r in PEOPLE], "no column birth_date"),
        (HEADER, [PEOPLE[0], PEOPLE[1][:-2]], "more or fewer fields at line 3"),
    ],
)
def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path, header, rows, said):
    out = tmp_path / "out.csv"
    with pytest.raises(LifecourseError, match=said):
        encoded_files.encode_file(own_file(tmp_path, rows, header), CONTRACT, KEY, out)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scheme: bloom-1", "scheme: bloom-0", "names scheme bloom-0"),
        ("zip: zip\n", "zip: enrolled_on\n", "would deliver enrolled_on as it is and encoded"),
        ("flip: 0", "flip: 40", "flip is a whole number from 0 to 10"),
        ("first_name: first_name", "nickname: first_name", "encodes nickname"),
        ("name: exited_on,", "name: last_name,", "last_name as it is and encoded"),
    ],
)
def test_a_contract_that_would_leak_or_misread_is_refused(tmp_path, old, new, said):
    wrong = tmp_path / "reentry" / "enrollments.yml"
    wrong.parent.mkdir()
    text = CONTRACT.read_text()
    assert old in text
    wrong.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=said):
        encoded_files.plan(wrong)


def test_a_contract_with_another_identifier_is_refused(tmp_path):
    wrong = tmp_path / "reentry" / "enrollments.yml"
    wrong.parent.mkdir()
    wrong.write_text(
        CONTRACT.read_text().replace("role, value: content", "role, value: identifier", 1)
    )
    with pytest.raises(UsageError, match="identifier, which an encoded source does not share"):
        encoded_files.plan(wrong)


def test_a_key_is_long_and_lies_outside_the_project(tmp_path, monkeypatch):
    monkeypatch.delenv(encoded_files.KEY_FILE, raising=False)
    with pytest.raises(UsageError, match="set LIFECOURSE_LINKAGE_KEY_FILE"):
        encoded_files.key()
    short = tmp_path / "short.key"
    short.write_text("secret")
    with pytest.raises(UsageError, match="fewer than 32 characters") as error:
        encoded_files.key(short)
    assert "secret " not in str(error.value)
    with pytest.raises(UsageError, match="lies in the project's folder"):
        encoded_files.key(PROJECT_ROOT / "pyproject.toml")


# --- bits -----------------------------------------------------------------------------------


def values(*rows: dict) -> dict:
    return {name: [row.get(name) for row in rows] for name in bloom.FIELDS}


ONE = {
    "first_name": "MARISOL", "middle_initial": "T", "last_name": "TESTPERSON",
    "birth_date": "19880517", "ssn": "431201234", "street_address": "14 OAK ST 2", "zip": "19801",
}  # fmt: skip


def test_similar_values_have_similar_bits_and_missing_ones_none():
    typo = {**ONE, "last_name": "TESTPERSAN", "ssn": None}
    other = {**ONE, "last_name": "ZWICKLHUBER"}
    filters = bloom.encode(values(ONE, typo, other), KEY)
    told = bloom.dice(filters[[0, 0]], filters[[1, 2]])
    assert 0.75 < told["last_name"][0] < 1.0
    assert told["last_name"][1] < 0.6  # bits that meet by chance
    assert numpy.isnan(told["ssn"][0])
    assert told["ssn"][1] == told["first_name"][0] == 1.0


def test_a_salted_name_has_other_bits_in_another_year():
    older = {**ONE, "birth_date": "19870517"}
    salted = bloom.Hardening(salt=True)
    told = bloom.dice(*numpy.split(bloom.encode(values(ONE, older), KEY, salted), 2))
    assert told["first_name"][0] < 0.6
    assert told["ssn"][0] == 1.0


def test_dice_is_corrected_for_bits_turned_over():
    count = 400
    hard = bloom.Hardening(flip=5)
    ids = [str(number) for number in range(count)]
    clear = bloom.encode(values(*[ONE] * count), KEY)
    flipped = bloom.encode(values(*[ONE] * count), KEY, hard, ids)
    assert not numpy.array_equal(clear, flipped)
    assert numpy.array_equal(flipped, bloom.encode(values(*[ONE] * count), KEY, hard, ids))
    for name, mean in bloom.dice(flipped, clear, 5, 0).items():
        # clipped at 1, so a little below it
        assert 0.9 < mean.mean() <= 1.0, name
    raw = bloom.dice(flipped, clear)
    assert raw["street_address"].mean() < bloom.dice(flipped, clear, 5, 0)["street_address"].mean()


def test_encodings_read_back_under_their_key_only():
    filters = bloom.encode(values(ONE), KEY)
    hard = bloom.Hardening(salt=True, flip=3)
    texts = bloom.written(filters, KEY, hard)
    read, hardened = bloom.read(texts, KEY)
    assert numpy.array_equal(read, filters) and hardened == [hard]
    for wrong, key, said in (
        (texts[0], KEY[::-1], "under the key given"),
        (texts[0].replace("bloom-1", "bloom-9"), KEY, "not of scheme"),
        (texts[0][:-8], KEY, "cut short"),
    ):
        with pytest.raises(UsageError, match=said):
            bloom.read([wrong], key)


# --- who is one person ----------------------------------------------------------------------


def _population(count: int, seed: int) -> list[dict]:
    rng = random.Random(seed)

    def name(parts: int) -> str:
        return "".join(rng.choice("BDFGKLMNPRST") + rng.choice("AEIOU") for _ in range(parts))

    return [
        {
            "first_name": name(3), "last_name": name(4),
            "birth_date": f"{rng.randint(1940, 2010)}{rng.randint(1, 12):02}"
            f"{rng.randint(1, 28):02}",
            "ssn": f"4{rng.randint(10**7, 10**8 - 1)}",
            "street_address": f"{rng.randint(1, 999)} {name(3)} ST", "zip": f"198{number % 90:02}",
        }
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "hardening",
    [bloom.PLAIN, bloom.Hardening(salt=True), bloom.Hardening(flip=5), bloom.Hardening(True, 5)],
    ids=lambda hardening: hardening.head,
)
def test_people_link_whatever_the_hardening_and_strangers_do_not(hardening):
    known = _population(600, 1)
    rng = random.Random(2)
    seen = []
    for row in known[:200]:
        said = {**row, "ssn": None}
        said["last_name"] = said["last_name"][:3] + rng.choice("QXZ") + said["last_name"][4:]
        seen.append(said)
    seen += _population(200, 3)
    others = bloom.encode(values(*known), KEY, bloom.Hardening(salt=hardening.salt))
    ids = [str(number) for number in range(len(seen))]
    encoded = bloom.encode(values(*seen), KEY, hardening, ids)
    found = encoded_links.match(encoded, others, numpy.arange(600), flip=hardening.flip)
    assert (found.group[:200] == numpy.arange(200)).mean() >= 0.97
    assert (found.group[200:] >= 0).sum() == 0


@pytest.mark.parametrize("flip", [0, 5])
@pytest.mark.parametrize(
    "other",
    [
        {"first_name": "ESTEBAN", "ssn": None},  # twins
        {"birth_date": "19610203", "ssn": None},  # father and son
        {"first_name": "ESTEBAN", "birth_date": "19790130"},  # one number in a household
    ],
)
def test_twins_juniors_and_lenders_of_numbers_stay_apart(other, flip):
    hard = bloom.Hardening(flip=flip)
    encoded = bloom.encode(values({**ONE, **other}), KEY, hard, ["1"])
    crowd = bloom.encode(values(ONE, *_population(50, 4)), KEY)
    found = encoded_links.match(encoded, crowd, numpy.arange(51), flip=flip)
    assert found.group[0] == -1


def test_two_people_as_likely_are_nobody():
    named = {**ONE, "ssn": None}
    crowd = bloom.encode(values(named, named), KEY)
    found = encoded_links.match(bloom.encode(values(named), KEY), crowd, numpy.arange(2))
    assert found.group[0] == -1
    one_person = encoded_links.match(bloom.encode(values(named), KEY), crowd, numpy.zeros(2, int))
    assert one_person.group[0] == 0


def test_agency_and_warehouse_clean_alike():
    raw = {
        "first_name": "Bob", "middle_name": "j.", "last_name": "O'Brien-Smith",
        "birth_date": "05/17/1988", "ssn": "431-20-1234", "street_address": "14 Oak Street",
        "unit": "Apt 2", "zip": "19801-1234",
    }  # fmt: skip
    fields = {name: [value] for name, value in raw.items() if name != "middle_name"}
    agency = encoded_values.clean({**fields, "middle_initial": ["j."]}, "%m/%d/%Y")
    ours = encoded_values.of_identity_records(
        {
            "first_name": ["BOB"], "middle_name": ["J"], "last_name": ["O BRIEN SMITH"],
            "birth_date": ["1988-05-17"], "birth_date_precision": ["day"], "ssn": ["431201234"],
            "address_key": ["14 OAK ST|2|19801"], "zip": ["19801"],
        }
    )  # fmt: skip
    assert agency == ours


# --- in the warehouse -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("encoded")


def encoded_record(key: str, fields: dict, hardening=bloom.PLAIN, **more) -> dict:
    text = bloom.written(bloom.encode(values(fields), KEY, hardening, [key]), KEY, hardening)[0]
    return record(
        "reentry", key, "X Y", first_name=None, last_name=None, is_linkable=False,
        encoding=text, **more,
    )  # fmt: skip


CLEAR = [
    record("jail", "J1", "MARISOL T TESTPERSON", "1988-05-17", ssn="431201234", sex="F",
           address_key="14 OAK ST|2|19801"),
    record("k12", "K1", "MARISOL TESTPERSON", "1988-05-17", sex="F",
           address_key="14 OAK ST|2|19801"),
    record("jail", "J2", "ANSELM EXAMPLE", "1979-11-30", sex="M",
           address_key="3 PINE AVE||19802"),
]  # fmt: skip
NOBODY = {"first_name": "ZEBEDEE", "last_name": "ABSENT", "birth_date": "19900909"}
ENCODED = [
    encoded_record("r1", {**ONE, "ssn": None}),
    encoded_record("r1", {**ONE, "last_name": "MARRIEDNAME", "ssn": None}, last_load_id=2),
    encoded_record("r2", NOBODY),
    encoded_record("r3", NOBODY, last_load_id=2),
    encoded_record("r4", {}),
]


def crosswalk(settings) -> dict:
    with connect(settings) as connection:
        return {
            row[0]: row[1:]
            for row in connection.execute(
                "select source_person_key, method, rule, match_weight from linkage.crosswalk"
                " where closed_run_id is null and source_system = 'reentry'"
            )
        }


def test_an_encoded_record_goes_to_the_person_it_is_like(settings, key_file):
    deliver(settings, CLEAR + ENCODED)
    said: list[str] = []
    linkage.link(settings, said.append)
    found = people(settings)
    assert one(found, ("jail", "J1"), ("k12", "K1"), ("reentry", "r1"))
    assert one(found, ("reentry", "r2"), ("reentry", "r3"))
    assert len(set(found.values())) == 4
    told = crosswalk(settings)
    assert told["r1"][:2] == ("pprl", "encoding") and told["r1"][2] > 3
    assert told["r2"][:2] == ("single", "no match")
    assert told["r3"][0] == "pprl"
    assert told["r4"][0] == "unlinkable"
    explained = linkage.explain(settings, found["reentry", "r1"])
    links = [link for link in explained["links"] if "encoded" in str(link["evidence"])]
    assert len(links) == 1
    total = links[0]["prior"] + sum(step["weight"] for step in links[0]["evidence"])
    assert total == pytest.approx(links[0]["match_weight"], abs=0.02)
    assert not re.search(r"bloom-1|[A-Za-z0-9+/]{100}", f"{said} {explained}")
    assert linkage.link(settings).skipped


def test_ids_stay_when_more_encodings_come_and_a_steward_is_obeyed(settings, key_file):
    before = people(settings)
    late = encoded_record(
        "r5", {"first_name": "ANSELM", "last_name": "EXAMPLE", "birth_date": "19791130",
               "street_address": "3 PINE AVE", "zip": "19802"}, bloom.Hardening(True, 2)
    )  # fmt: skip
    deliver(settings, [*CLEAR, *ENCODED, late], afresh=False)
    linkage.link(settings)
    found = people(settings)
    assert one(found, ("jail", "J2"), ("reentry", "r5"))
    assert {key: found[key] for key in before} == before
    linkage.decide(
        settings, "cannot_link", ("reentry", "r5"), ("jail", "J2"), reason="asked the program",
        steward="A. Testperson",
    )  # fmt: skip
    report = linkage.link(settings)
    assert report.split == 1
    found = people(settings)
    assert not one(found, ("jail", "J2"), ("reentry", "r5"))
    others = set(before) - {("jail", "J2")}
    assert {key: found[key] for key in others} == {key: before[key] for key in others}


def test_without_the_key_nothing_is_linked_and_nothing_changes(settings, monkeypatch):
    before = people(settings)
    monkeypatch.delenv(encoded_files.KEY_FILE, raising=False)
    deliver(settings, [*CLEAR, *ENCODED], afresh=False)
    with pytest.raises(UsageError, match="need the project's key"):
        linkage.link(settings)
    assert people(settings) == before


def test_an_encoded_file_passes_the_gate_and_is_staged(fresh_settings, tmp_path, key_file):
    settings = fresh_settings("encoded_landing")
    folder = tmp_path / "deliveries" / "reentry" / "2025-02"
    folder.mkdir(parents=True)
    contracts = [c for c in landing.load_contracts(settings.contracts) if c.agency == "reentry"]
    with connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, contracts)
    encoded_files.encode_file(own_file(tmp_path), CONTRACT, KEY, folder / "enrollments_2025-02.csv")
    settings = replace(settings, deliveries=tmp_path / "deliveries")
    (file_set,) = intake.file_sets(contracts)
    intake.load(settings, file_set, "2025-02")
    assert all(report.passed for report in intake.gate(settings, file_set, "2025-02"))
    intake.publish(settings, file_set, "2025-02")
    with connect(settings) as connection:
        staged = connection.execute(
            "select participant_no, encoding from staging_reentry.enrollments_current"
        ).fetchall()
    assert {row[0] for row in staged} == {bloom.pseudonym(KEY, row[0]) for row in PEOPLE}
    filters, _ = bloom.read([row[1] for row in staged], KEY)
    assert filters.any(axis=1).all()
