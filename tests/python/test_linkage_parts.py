"""Runs on a part of the records: what they answer is what a run on everything would answer,
and nobody else is touched.

Add here: a change after which a partial run must agree with a full one. Keep out: who is one
person (test_linkage.py).
"""

from __future__ import annotations

import random

import pytest
from test_linkage import deliver, dump, people, record

from orchestration import linkage
from orchestration.linkage import linking
from orchestration.warehouse import connect


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("linkage_parts")


@pytest.fixture(scope="module")
def other_settings(fresh_settings):
    return fresh_settings("linkage_parts_full")


FIRST = ["ANSELM", "BRIGITTA", "CASPAR", "DOLORES", "EDMUND", "FELICITY", "GREGOR", "HONORA"]
LAST = ["TESTPERSON", "EXAMPLE", "SAMPLE", "SPECIMEN", "MUSTERMANN"]


def population(seed: int, persons: int) -> list[dict]:
    """Records of made-up people in households, several each, with errors, shared numbers and
    one key used for two people."""
    rng = random.Random(seed)
    rows = []
    for number in range(persons):
        last, home = LAST[number % len(LAST)], f"{number // 3} OAK ST||19801"
        first = rng.choice(FIRST)
        born = f"{rng.randint(1950, 2012)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        ssn = f"43120{number // (2 if rng.random() < 0.2 else 1):04}"
        for copy in range(rng.randint(1, 4)):
            fields = {
                "sex": rng.choice("FM") if rng.random() < 0.1 else "F",
                "address_key": home if rng.random() < 0.7 else None,
            }
            if rng.random() < 0.5:
                fields["ssn"] = ssn
            name = first if rng.random() < 0.9 else first[:-1] + "X"
            system = ("jail", "k12", "benefits", "wages")[copy]
            said = born if rng.random() < 0.8 else None
            if said is None:
                fields["is_linkable"] = "ssn" in fields
            key = f"{system[0]}{number if rng.random() < 0.97 else number // 2}"
            rows.append(record(system, key, f"{name} {last}", said, **fields))
    return list({row["identity_record_id"]: row for row in rows}.values())


def groups(settings) -> set[frozenset]:
    members: dict[int, set] = {}
    for key, person in people(settings).items():
        members.setdefault(person, set()).add(key)
    return {frozenset(keys) for keys in members.values()}


def evidence(settings) -> list[tuple]:
    """Every kept pair by the records it is about, free of the numbers of one run."""
    with connect(settings) as connection:
        return connection.execute(
            """
            with named as (
                select node_id, string_agg(identity_record_id, ' ' order by identity_record_id)
                    as records
                from linkage.variant group by node_id
            )
            select least(l.records, r.records), greatest(l.records, r.records), match_weight,
                decision, veto, doubt
            from linkage.edge
            join named as l on l.node_id = left_node join named as r on r.node_id = right_node
            order by 1, 2
            """
        ).fetchall()


def told(settings) -> list[tuple]:
    with connect(settings) as connection:
        return connection.execute(
            "select source_system, source_person_key, method, rule, match_weight"
            " from linkage.crosswalk where closed_run_id is null order by 1, 2"
        ).fetchall()


def waiting(settings) -> list[tuple]:
    """What waits for a steward, by the keys it is about."""
    with connect(settings) as connection:
        return connection.execute(
            """
            select kind, least(l.source_person_key, r.source_person_key),
                greatest(l.source_person_key, r.source_person_key), reason, match_weight
            from linkage.review_queue
            join linkage.source_record as l on l.record_number = left_record
            join linkage.source_record as r on r.record_number = right_record
            where closed_run_id is null and override_id is null
            order by 1, 2, 3, 4
            """
        ).fetchall()


@pytest.mark.parametrize("seed", range(2))
def test_a_run_on_a_part_answers_as_a_run_on_everything(settings, other_settings, seed):
    rng = random.Random(seed)
    everyone = population(seed, 60)
    rng.shuffle(everyone)
    now, later = everyone[:-12], everyone[-12:]
    deliver(settings, now)
    linkage.link(settings)
    for step in range(2):
        # four come, three go, one is written otherwise
        now = now[3:] + later[:4]
        later = later[4:]
        changed = {**now[5], "last_name": "RENAMED"}
        changed["identity_record_id"] = f"{seed}{step}" * 16
        now[5] = changed
        before = people(settings)
        deliver(settings, now, afresh=False)
        report = linkage.link(settings)
        assert 0 < report.recomputed < report.source_records
        deliver(other_settings, now)
        whole = linkage.link(other_settings)
        assert groups(settings) == groups(other_settings), (seed, step)
        assert (report.persons, report.source_records) == (whole.persons, whole.source_records)
        assert told(settings) == told(other_settings)
        assert evidence(settings) == evidence(other_settings)
        assert waiting(settings) == waiting(other_settings)
        # what does not stand near a change keeps its id
        after = people(settings)
        moved = {key for key in before.keys() & after.keys() if before[key] != after[key]}
        assert len(moved) <= report.recomputed
    # and a full run on top finds nothing to mend
    assert linkage.preview(settings, full=True) == []
    before = people(settings)
    linkage.link(settings, full=True)
    assert people(settings) == before


def test_a_number_that_new_records_make_nobodys_links_nobody_any_more(settings, other_settings):
    lent = "431209999"
    old = [
        record("k12", "kx", "ANSELM TESTPERSON", "1990-05-06", sex="M", ssn=lent),
        record("benefits", "bx", "ANSELM TESTPERSON", "1952-05-06", sex="M", ssn=lent),
        *population(7, 30),
    ]
    borrowers = [
        record("jail", f"jx{number}", f"{name} SPECIMEN", f"197{number}-02-03", ssn=lent)
        for number, name in enumerate([*FIRST[1:], "IGNATIA", "JOACHIM"])
    ]
    deliver(settings, old)
    linkage.link(settings)
    assert people(settings)["k12", "kx"] == people(settings)["benefits", "bx"]
    deliver(settings, [*old, *borrowers], afresh=False)
    report = linkage.link(settings)
    assert 0 < report.recomputed < report.source_records
    deliver(other_settings, [*old, *borrowers])
    linkage.link(other_settings)
    with connect(settings) as connection:
        assert connection.execute("select * from linkage.placeholder_number").fetchall() == [
            (lent,)
        ]
    assert groups(settings) == groups(other_settings)
    assert evidence(settings) == evidence(other_settings)


def test_relink_mends_what_runs_on_a_part_leave(settings, monkeypatch):
    from click.testing import CliRunner

    from orchestration.cli import main

    monkeypatch.setenv("LIFECOURSE_DATABASE_URL", settings.database_url)
    lent = "431209999"
    old = population(7, 30)
    borrowers = [
        record("jail", f"jx{number}", f"{name} SPECIMEN", f"197{number}-02-03", ssn=lent)
        for number, name in enumerate([*FIRST, "IGNATIA", "JOACHIM"])
    ]
    deliver(settings, old)
    linkage.link(settings)
    before = groups(settings)
    for now in ([*old, *borrowers], old):
        deliver(settings, now, afresh=False)
        linkage.link(settings)

    def nobodys() -> list[tuple]:
        with connect(settings) as connection:
            return connection.execute("select ssn from linkage.placeholder_number").fetchall()

    assert nobodys() == [(lent,)]
    asked = CliRunner().invoke(main, ["linkage", "relink"])
    assert asked.exit_code == 2 and "Nothing is changed; add --yes" in asked.output
    assert nobodys() == [(lent,)]
    done = CliRunner().invoke(main, ["linkage", "relink", "--yes"])
    assert done.exit_code == 0, done.output
    assert "No person would be merged, split or moved." in done.output
    assert nobodys() == []
    assert groups(settings) == before


def test_records_far_from_the_new_ones_are_not_looked_at(settings):
    rows = population(9, 60)
    deliver(settings, rows)
    linkage.link(settings)
    before = people(settings)
    newcomer = record("k12", "new", "ZEPHYRINE QUACKENBUSH", "2001-09-09", sex="F",
                      address_key="999 FAR RD||19899")  # fmt: skip
    deliver(settings, [*rows, newcomer], afresh=False)
    report = linkage.link(settings)
    assert report.recomputed == 1 and report.created == 1
    assert {key: people(settings)[key] for key in before} == before


def test_the_same_history_gives_the_same_bytes(settings, other_settings):
    rows = population(4, 40)
    for place in (settings, other_settings):
        deliver(place, rows[:-4])
        linkage.link(place)
        deliver(place, rows, afresh=False)
        linkage.link(place)
    assert dump(settings) == dump(other_settings)


def test_a_decision_touches_the_persons_it_is_about_alone(settings, other_settings):
    rows = population(5, 60)
    for place in (settings, other_settings):
        deliver(place, rows)
        linkage.link(place)
    found = people(settings)
    left = min(found)
    right = min(key for key in found if found[key] != found[left])
    for place in (settings, other_settings):
        linkage.decide(place, "must_link", left, right, reason="file seen",
                       steward="A. Testperson", approved_by="B. Sample")  # fmt: skip
    report = linkage.link(settings)
    linking.link(other_settings, full=True)
    assert 0 < report.recomputed < report.source_records
    assert groups(settings) == groups(other_settings)
    after = people(settings)
    ends = {found[left], found[right]}
    assert all(after[key] == person for key, person in found.items() if person not in ends)
