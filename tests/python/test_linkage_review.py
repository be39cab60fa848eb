"""What stewards are shown, what their decisions do, and what a run's report tells.

Add here: a reason to review, a figure of the report. Keep out: who is one person
(test_linkage.py).
"""

from __future__ import annotations

import collections
import itertools
import json
import random

import numpy
import pytest
from test_linkage import FAMILIES, deliver, people, record

from orchestration import linkage
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import quality, review

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
        review.queue(settings)


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
    linkage.decide(
        settings, "must_link", chosen["left"], chosen["right"], reason="file seen", steward="s"
    )
    after = linkage.review_queue(settings, limit=None)
    assert (chosen["left"], chosen["right"]) not in {(i["left"], i["right"]) for i in after}
    linkage.link(settings)
    found = people(settings)
    assert found[tuple(chosen["left"])] == found[tuple(chosen["right"])]


def test_a_decision_that_makes_no_sense_is_refused(settings):
    one, other = ("benefits", "B500"), ("hmis", "H510")
    for arguments, sentence in (
        (("maybe", one, other), "one of must_link"),
        (("must_link", one, one), "two different records"),
        (("must_link", one, ("hmis", "nobody")), "carries no person id"),
    ):
        with pytest.raises(UsageError, match=sentence):
            review.decide(settings, *arguments, reason="r", steward="s")
    with pytest.raises(UsageError, match="a reason and a steward"):
        review.decide(settings, "must_link", one, other, reason=" ", steward="s")


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


# --- the report ---------------------------------------------------------------------------


def test_small_cells_are_suppressed_and_so_are_shares_that_tell_one():
    assert [quality.cell(n) for n in (0, 1, 10, 11)] == [0, None, None, 11]
    assert quality.share(50, 100) == 50.0
    assert quality.share(3, 100) is None
    assert quality.share(97, 100) is None
    assert quality.share(100, 100) == 100.0
    assert quality.share(5, 10) is None
    low, high = quality.interval(50, 100)
    # Wilson's interval of 50 in 100
    assert (low, high) == (40.38, 59.62)


def test_the_report_counts_what_the_warehouse_holds(settings, tmp_path):
    deliver(settings, [*FAMILIES, *crowd()])
    linkage.link(settings)
    truth = tmp_path / "truth"
    truth.mkdir()
    found = people(settings)
    lines = [f"{s},{k},p{person}" for (s, k), person in found.items() if "," not in k]
    (truth / "records.csv").write_text(
        "source_system,source_person_key,person\n" + "\n".join(lines) + "\n"
    )
    held = collections.Counter(line.rsplit(",", 1)[1] for line in lines)
    persons = sorted(held, key=lambda person: -held[person])
    (truth / "persons.csv").write_text(
        "person,sex,race_ethnicity\n"
        + "\n".join(f"{p},{'FM'[i % 2]},{'AB'[i < 3]}" for i, p in enumerate(persons))
        + "\n"
    )
    out = tmp_path / "report"
    told = linkage.report(settings, out, truth_dir=truth)
    assert json.loads((out / "linkage_report.json").read_text()) == told
    assert told["run"]["source_records"] == len(found)
    assert told["completeness"]["hmis"]["records"] == sum(
        r["source_system"] == "hmis" for r in [*FAMILIES, *crowd()]
    )
    # six sources of the families have too few records to be told apart
    assert told["completeness"]["vital_child"]["records"] is None
    assert told["completeness"]["vital_child"]["first name"] is None
    assert told["errors"]["precision"] == told["errors"]["recall"] == 1.0
    assert told["errors"]["groups"]["race_ethnicity"]["B"]["persons"] is None
    page = (out / "linkage_report.html").read_text()
    for row in [*FAMILIES, *crowd()]:
        for field in ("ssn", "last_name"):
            assert not row.get(field) or f">{row[field]}<" not in page
    for number in _numbers(told):
        assert number == 0 or number >= quality.LEAST_CELL


def _numbers(told: dict) -> list[int]:
    """Every count of the report that is about persons or records of some kind."""
    shown = [*told["sizes"].values(), *told["implausible"].values(), *told["changes"].values()]
    shown += [v for row in told["weights"] for k, v in row.items() if k not in ("from", "to")]
    shown += [row["records"] for row in told["completeness"].values()]
    shown += [row["source records"] for row in told["links"].values()]
    return [number for number in shown if number is not None]


def test_a_report_needs_a_run(fresh_settings, tmp_path):
    with pytest.raises(LifecourseError, match="Nothing is linked yet"):
        quality.report(fresh_settings("no_run"), tmp_path)
