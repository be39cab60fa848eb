"""What stewards are shown and what their decisions do.

Add here: a reason to review, a step of a decision. Keep out: who is one person
(test_linkage.py), what a run's report tells (test_linkage_quality.py).
"""

from __future__ import annotations

import itertools
import random

import numpy
import pytest
from test_linkage import BANKS, BRIDGE, FAMILIES, deliver, events, people, record

from orchestration import linkage
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import review
from orchestration.warehouse import connect

DOUBTFUL = [
    # one name, one slip of the birth date, nothing else: near even odds
    record("hmis", "Q1", "JOSE GARCIA", "1980-01-01", sex="M"),
    record("jail", "Q2", "JOSE GARCIA", "1980-01-02", sex="M"),
    record("hmis", "Q3", "MARIA LOPEZ", "1975-04-09", sex="F", address_key="4 FIR 19801"),
    record("jail", "Q4", "MARIE LOPES", "1975-09-14", sex="F", address_key="4 FIR 19801"),
]
NAMES = ["JOSE GARCIA", "MARIA LOPEZ", "JAMES SMITH", "MARY JOHNSON", "JOHN WILLIAMS"]


def crowd() -> list[dict]:
    """Pairs of records of common names whose dates slip in more and more ways."""
    rng = random.Random(8)
    rows = list(DOUBTFUL)
    for number in range(120):
        name = NAMES[number % 5]
        born = f"{1940 + number // 2}-{rng.randint(1, 12):02}-{rng.randint(10, 28)}"
        other = f"{born[:5]}{rng.randint(1, 12):02}-{rng.randint(10, 28)}"
        rows.append(record("hmis", f"L{number}", name, born))
        rows.append(record("jail", f"R{number}", name, other))
    return rows


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("linkage_review")


def test_before_the_first_run_there_is_one_clear_sentence(settings):
    with pytest.raises(LifecourseError, match="Nothing is linked yet"):
        linkage.review_queue(settings)


def keys(item: dict) -> tuple[tuple[str, str], tuple[str, str]]:
    return item["left"][1:], item["right"][1:]


def state(settings, made: dict) -> str:
    return {d["override_id"]: d["state"] for d in linkage.decisions(settings)}[made["override_id"]]


def expire(settings, made: dict) -> None:
    """Let the days pass."""
    with connect(settings) as connection:
        connection.execute(
            "update linkage.override set expires_on = current_date - 1 where override_id = %s",
            [made["override_id"]],
        )


def test_doubtful_pairs_come_with_their_evidence_until_they_are_decided(settings):
    deliver(settings, [*FAMILIES, *crowd()])
    linkage.link(settings)
    waiting = linkage.review_queue(settings, limit=None)
    pairs = [item for item in waiting if item["kind"] == "pair"]
    assert pairs
    weights = [abs(item["match_weight"]) for item in pairs]
    assert weights == sorted(weights)
    for item in pairs:
        assert item["evidence"]
        assert 1 <= len(item["person_ids"]) <= 2
    assert linkage.review_queue(settings, limit=1) == waiting[:1]

    chosen = next(item for item in pairs if len(item["person_ids"]) == 2)
    left, right = keys(chosen)
    made = linkage.decide(settings, "must_link", left, right, reason="file seen", steward="s")
    assert made["needs_approval"] is False
    after = linkage.review_queue(settings, limit=None)
    assert chosen["item_id"] not in {item["item_id"] for item in after}
    assert len(after) < len(waiting)
    linkage.link(settings)
    found = people(settings)
    assert found[left] == found[right]
    with pytest.raises(UsageError, match="is about these two records already"):
        linkage.decide(settings, "cannot_link", right, left, reason="again", steward="s")


def test_a_decision_survives_runs_on_other_records_and_ends_when_it_expires(settings):
    deliver(settings, [*FAMILIES, *crowd()])
    linkage.link(settings)
    chosen = next(
        item
        for item in linkage.review_queue(settings, limit=None)
        if item["kind"] == "pair" and len(item["person_ids"]) == 2
    )
    left, right = keys(chosen)
    made = linkage.decide(settings, "must_link", left, right, reason="file seen", steward="s")
    linkage.link(settings)
    joined = people(settings)
    assert joined[left] == joined[right]
    more = record("k12", "0000009998", "NOVEL NEWCOMER", "2012-02-02", sex="F")
    deliver(settings, [*FAMILIES, *crowd(), more], afresh=False)
    linkage.link(settings)
    later = people(settings)
    assert {key: later[key] for key in joined} == joined
    assert chosen["item_id"] not in {i["item_id"] for i in linkage.review_queue(settings)}

    assert state(settings, made) == "in force"
    expire(settings, made)
    assert state(settings, made) == "expired"
    assert not linkage.link(settings).skipped
    parted = people(settings)
    assert parted[left] != parted[right]
    # what was doubtful is doubtful again
    assert (left, right) in {keys(item) for item in linkage.review_queue(settings, limit=None)}
    with connect(settings) as connection:
        assert connection.execute(
            "select distinct cause from linkage.person_event where event_type = 'split'"
        ).fetchall() == [("decision",)]


def test_what_a_rule_keeps_apart_is_joined_by_two_people_only(settings):
    deliver(settings, [*FAMILIES, *crowd()])
    linkage.link(settings)
    before = people(settings)
    # twins: two birth certificates
    left, right = ("vital_child", "100-2019"), ("vital_child", "101-2019")
    made = linkage.decide(settings, "must_link", left, right, reason="one child", steward="Ana")
    assert made["needs_approval"] and made["why"]
    assert made["expires_on"] is not None
    assert state(settings, made) == "waits for approval"
    assert linkage.link(settings).skipped
    assert people(settings) == before
    with pytest.raises(UsageError, match="somebody else than who made it"):
        linkage.approve(settings, made["override_id"], approver=" ana ")
    linkage.approve(settings, made["override_id"], approver="Ben")
    with pytest.raises(UsageError, match="does not wait for approval"):
        linkage.approve(settings, made["override_id"], approver="Cleo")
    linkage.link(settings)
    found = people(settings)
    assert found[left] == found[right]
    linkage.withdraw(settings, made["override_id"], steward="Ana", reason="two children")
    assert state(settings, made) == "withdrawn"
    linkage.link(settings)
    assert people(settings) == before


def test_parting_records_that_agree_exactly_needs_two_people(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    found = people(settings)
    left, right = ("vital_mother", "100-2019"), ("vital_mother", "101-2019")
    assert found[left] == found[right]
    made = linkage.decide(settings, "cannot_link", left, right, reason="two women", steward="Ana")
    assert made["needs_approval"]


def test_a_decision_that_makes_no_sense_is_refused(settings):
    deliver(settings, FAMILIES)
    linkage.link(settings)
    one, other = ("benefits", "B500"), ("hmis", "H510")
    for arguments, sentence in (
        (("maybe", one, other), "one of must_link"),
        (("must_link", one, one), "two different records"),
        (("must_link", one, ("hmis", "nobody")), "carries no person id"),
    ):
        with pytest.raises(UsageError, match=sentence):
            linkage.decide(settings, *arguments, reason="r", steward="s")
    with pytest.raises(UsageError, match="a reason and a steward"):
        linkage.decide(settings, "must_link", one, other, reason=" ", steward="s")
    with pytest.raises(UsageError, match="There is no decision 99"):
        linkage.withdraw(settings, 99, steward="s", reason="r")
    with pytest.raises(UsageError, match="There is no record 123456"):
        linkage.keys_of(settings, 123456)


# --- before it is applied -----------------------------------------------------------------


def test_the_next_runs_changes_and_their_spells_are_shown_and_not_applied(settings):
    deliver(settings, BANKS)
    linkage.link(settings)
    before = people(settings)
    large = before["hmis", "H900"]
    small = before["wages", "701229876|ANNA||MARCHETTI"]
    with connect(settings) as connection:
        connection.execute(
            "create schema core; create table core.spell_source"
            " (person_id bigint, source_system text, program_id text)"
        )
        connection.execute(
            "insert into core.spell_source values (%(small)s, 'wages', 'employment'),"
            " (%(small)s, 'wages', 'employment'), (%(large)s, 'hmis', 'shelter')",
            {"small": small, "large": large},
        )
    assert linkage.preview(settings) == []
    deliver(settings, [*BANKS, *BRIDGE], afresh=False)
    announced = [
        {
            "change": "merge",
            "from_person_id": small,
            "to_person_id": large,
            "records": 1,
            "of": 1,
            "spells": {"employment": 2},
            "is_exact": True,
        }
    ]
    assert linkage.preview(settings) == announced
    assert people(settings) == before
    linkage.link(settings)
    assert events(settings, 2) == [("merge", small, large, 1)]

    # a split of one of two records of a source: which spells go is not known above identity
    with connect(settings) as connection:
        connection.execute("update core.spell_source set person_id = %s", [large])
    apart = (("hmis", "H900"), ("hmis", "H901"))
    told = linkage.preview(settings, supposed=("cannot_link", *apart))
    assert [(c["change"], c["records"], c["of"]) for c in told] == [("split", 1, 4)]
    assert told[0]["spells"] == {"shelter": 1}
    assert told[0]["is_exact"] is False
    with connect(settings) as connection:
        connection.execute("drop schema core cascade")


def test_bridges_are_those_whose_removal_parts_the_graph():
    rng = numpy.random.default_rng(2)
    for _ in range(60):
        size = int(rng.integers(3, 9))
        every = list(itertools.combinations(range(size), 2))
        edges = [every[i] for i in rng.choice(len(every), int(rng.integers(2, 9)) % len(every) + 1)]
        expected = []
        for at, (left, right) in enumerate(edges):
            reached = {left}
            while True:
                more = {
                    b
                    for i, edge in enumerate(edges)
                    if i != at
                    for a, b in (edge, edge[::-1])
                    if a in reached
                } - reached
                if not more:
                    break
                reached |= more
            if right not in reached:
                whole = {right}
                while True:
                    more = {
                        b
                        for i, edge in enumerate(edges)
                        if i != at
                        for a, b in (edge, edge[::-1])
                        if a in whole
                    } - whole
                    if not more:
                        break
                    whole |= more
                expected.append((at, sorted((len(reached), len(whole)))))
        assert [(at, sorted(sides)) for at, sides in review.bridges(edges)] == expected
