"""What a run's quality report tells, and what it must not.

Add here: a figure of the report. Keep out: who is one person (test_linkage.py).
"""

from __future__ import annotations

import collections
import json
import random
from html.parser import HTMLParser

import pandas
import pytest
from test_linkage import FAMILIES, deliver, people, record
from test_linkage_review import crowd

from orchestration import linkage
from orchestration.errors import LifecourseError
from orchestration.linkage import cells, hidden_numbers, model, quality, subgroups
from orchestration.warehouse import connect


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("linkage_quality")


def test_small_cells_are_suppressed_and_so_are_shares_that_tell_one():
    assert [cells.cell(n) for n in (0, 1, 10, 11)] == [0, None, None, 11]
    assert cells.share(50, 100) == 50.0
    assert cells.share(3, 100) is None
    assert cells.share(97, 100) is None
    assert cells.share(100, 100) == 100.0
    assert cells.share(5, 10) is None
    low, high = cells.interval(50, 100)
    # Wilson's interval of 50 in 100
    assert (low, high) == (40.38, 59.62)


def test_a_gap_is_between_groups_that_are_large_enough_and_known():
    frame = pandas.DataFrame(
        {kind: ["a"] * 400 + ["b"] * 400 + ["c"] * 50 + ["not known"] * 400
         for kind in subgroups.KINDS}
    )  # fmt: skip
    found = pandas.Series([True] * 360 + [False] * 40 + [True] * 300 + [False] * 100
                          + [False] * 50 + [False] * 400)  # fmt: skip
    told = subgroups.rates(found, frame)["sex"]
    assert told["gap"] == 15.0
    assert told["groups"]["a"] == {"of": 400, "share": 90.0, "interval": [86.67, 92.57]}
    assert list(told["groups"])[-1] == "not known"


def test_a_hidden_number_is_found_again_by_what_else_is_known(settings):
    rng = random.Random(6)
    rows = []
    for number in range(60):
        name = (
            f"{rng.choice(['HELENA', 'MARCUS'])} {'BCDFGH'[number % 6]}ALD{chr(65 + number // 6)}"
        )
        born = f"{1950 + number}-0{1 + number % 9}-1{number % 9}"
        ssn = f"4{10 + number}223{100 + number}"[:9]
        rows.append(record("benefits", f"B{number}", name, born, ssn=ssn))
        # two thirds say when they were born, the rest give a name and a number only
        rows.append(record("hmis", f"H{number}", name, born if number % 3 else None, ssn=ssn))
    # borrowed: one number, two given names, nothing to find again
    rows.append(record("benefits", "B99", "ROSA SALINAS", "1977-09-30", ssn="523117788"))
    rows.append(record("wages", "W99", "HECTOR SALINAS", ssn="523117788"))
    deliver(settings, rows)
    with connect(settings) as connection:
        found = hidden_numbers.recovered(connection, model.load())
        again = hidden_numbers.recovered(connection, model.load())
    assert found.equals(again)
    assert len(found) == 60
    number = found["source_person_key"].str[1:].astype(int)
    assert found.loc[number % 3 > 0, "found"].mean() > 0.9
    # a name alone is found again only where it is the only one
    assert found.loc[number % 3 == 0, "found"].mean() < 0.6


class _Page(HTMLParser):
    """Counts what a page needs and collects what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: collections.Counter[str] = collections.Counter()
        self.loads: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        for name, value in attributes:
            if name in ("src", "href") and not (value or "").startswith("#"):
                self.loads.append(value)


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
    assert told["errors"]["split"]["groups"]["race_ethnicity"]["groups"]["B"]["of"] is None
    assert told["against_last_run"] == []
    page = (out / "linkage_report.html").read_text()
    for row in [*FAMILIES, *crowd()]:
        for field in ("ssn", "last_name"):
            assert not row.get(field) or f">{row[field]}<" not in page
    for number in _numbers(told):
        assert number == 0 or number >= cells.LEAST_CELL
    read = _Page()
    read.feed(page)
    # opens offline; every table says what it is
    assert read.loads == []
    assert read.tags["table"] == read.tags["caption"] > 5

    deliver(settings, [*FAMILIES, *crowd(),
                       record("k12", "0000009997", "NOVEL NEWCOMER", "2012-02-02", sex="F")],
            afresh=False)  # fmt: skip
    linkage.link(settings)
    later = linkage.report(settings, out)
    assert {"figure": "source_records", "before": len(found), "now": len(found) + 1} in later[
        "against_last_run"
    ]


def _numbers(told: dict) -> list[int]:
    """Every count of the report that is about persons or records of some kind."""
    shown = [*told["sizes"].values(), *told["implausible"].values(), *told["changes"].values()]
    shown += [v for row in told["weights"] for k, v in row.items() if k not in ("from", "to")]
    shown += [row["records"] for row in told["completeness"].values()]
    shown += [row["source records"] for row in told["links"].values()]
    for part in (told["recall"], told["reach"], told["errors"]["split"]):
        shown.append(part["in all"]["of"])
        shown += [one["of"] for kind in part["groups"].values() for one in kind["groups"].values()]
    return [number for number in shown if number is not None]


def test_a_report_needs_a_run(fresh_settings, tmp_path):
    with pytest.raises(LifecourseError, match="Nothing is linked yet"):
        quality.report(fresh_settings("no_run"), tmp_path)
