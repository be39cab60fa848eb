"""Pairs that codes tell to be too far below even odds are so, and nothing hangs on them.

Add here: a kind of record on which a bound could be too low. Keep out: weights themselves.
"""

from __future__ import annotations

import random

import numpy
import pyarrow
import pytest

from orchestration.bench import scale
from orchestration.linkage import (
    block_keys,
    bounds,
    candidates,
    collapse,
    encoding,
    engine,
    model,
    nodes,
    overrides,
    records,
    weights,
)

FIRST = ["ANNA", "ANN", "ANNE", "HANNAH", "JO", "JON", "JOHN", "JAMES", "MARTHA", "MARHTA", "ALEX",
         "ALEXANDER", "X", "ABE", "ABEL", "LIZ", "ELIZABETH", "ELISABETH"]  # fmt: skip
LAST = ["TESTPERSON", "TESTPRESON", "SAMPLE", "SIMPLE", "ALEX", "JAMES", "O'EXAMPLE-SAMPLE",
        "SAMPLE JONES", "DE LA TEST"]  # fmt: skip


def slipshod(seed: int, count: int) -> pyarrow.Table:
    """Records of few names, dates and numbers, so that every kind of likeness comes up."""
    rng = random.Random(seed)
    number = [f"43120{rng.randint(0, 40):02}{rng.randint(0, 60):02}" for _ in range(40)]
    rows = []
    for rid in range(count):
        born = f"19{rng.randint(78, 87)}-{rng.choice(['01', '02', '10', '12'])}-"
        born += rng.choice(["01", "02", "10", "12", "21"])
        ssn = rng.choice(number) if rng.random() < 0.6 else None
        said = {
            "identity_record_id": f"r{rid}",
            "source_system": rng.choice(["k12", "wages", "jail", "vital_child"]),
            # several records of one key are one node
            "source_person_key": f"k{rng.randint(0, count // 2)}",
            "first_name": rng.choice([*FIRST, None]),
            "middle_name": rng.choice([*FIRST, "A", "J", None]),
            "last_name": rng.choice([*LAST, None]),
            "suffix": rng.choice([None, None, "JR"]),
            "maiden_name": rng.choice([None, None, *LAST]),
            "birth_date": born if rng.random() < 0.8 else None,
            "birth_date_precision": rng.choice(["day", "day", "month", "year"]),
            "ssn": ssn,
            "ssn_last4": ssn[-4:] if ssn and rng.random() < 0.5 else rng.choice([None, "0001"]),
            "sex": rng.choice(["F", "M", None]),
            "address_key": rng.choice([None, *(f"{n} OAK ST||1980{n % 3}" for n in range(6))]),
            "zip": rng.choice(["19801", "19802", None]),
            "plurality_order": rng.choice([None, "1", "2"]),
            "is_linkable": "t",
            "last_load_id": "1",
        }
        rows.append({name: said[name] for name in records.COLUMNS})
    schema = pyarrow.schema([(name, pyarrow.string()) for name in records.COLUMNS])
    table = pyarrow.Table.from_pylist(rows, schema)
    return table.append_column("rid", pyarrow.array(numpy.arange(count, dtype="int32")))


@pytest.fixture(params=["slipshod", "population"])
def table(request) -> pyarrow.Table:
    return slipshod(7, 700) if request.param == "slipshod" else scale.population(6_000, 3)[0]


@pytest.fixture
def duck(table):
    duck = engine.memory(1)
    records.prepare(duck, table)
    overrides.prepare(duck, overrides.none())
    yield duck
    duck.close()


def every_pair(duck) -> tuple:
    """(fields, consensus, left, right) of all nodes: some of their pairs, and those proposed."""
    fields = encoding.encode(duck)
    node, _ = collapse.nodes(duck, fields)
    count = int(node.max()) + 1
    rng = numpy.random.default_rng(1)
    one, other = rng.integers(0, count, (2, 60_000))
    left, right = candidates.pairs(fields, node, 100)
    pairs = numpy.unique(
        numpy.concatenate(
            [numpy.stack([numpy.minimum(one, other), numpy.maximum(one, other)]),
             numpy.stack([left, right])], axis=1),
        axis=1,
    )  # fmt: skip
    left, right = pairs[:, pairs[0] < pairs[1]].astype("int32")
    return fields, nodes.consensus(fields, node, numpy.arange(count)), left, right


def sketches(fields, known) -> numpy.ndarray:
    frozen = model.load()
    keys = block_keys.BlockKeys(fields, frozen.profile.blocks)
    return bounds.Nodes.of(fields, known, frozen, stable=keys.stable).packed()


def test_no_pair_weighs_more_than_its_bound(duck):
    frozen = model.load()
    fields, known, left, right = every_pair(duck)
    nodes.build(duck, fields, known, frozen.frequencies)
    collapse.register(duck, "pair", l=left, r=right)
    weights.score_pairs(duck, frozen, "pair", "scored")
    found = duck.execute("select match_weight, namesake from scored order by l, r").fetchnumpy()
    for told in (
        bounds.Nodes.of(fields, known, frozen),
        bounds.Nodes.unpacked(sketches(fields, known)),
    ):
        pairs = bounds.Pairs(told, left, right)
        most = bounds.most(pairs, frozen)
        assert (most + bounds.SLACK >= found["match_weight"]).all()
        assert (pairs.namesake >= found["namesake"]).all()
        # and it is worth its trouble: it tells most pairs that are far from anything
        far = found["match_weight"] < -20
        assert (most[far] < 0).mean() > 0.5


def test_a_sketch_is_the_same_in_every_run(duck, table):
    fields, known, *_ = every_pair(duck)
    packed = sketches(fields, known)
    # another run, on every third node: all values have other ranks
    node = known.of_record
    rid = numpy.flatnonzero(node % 3 == 0)
    part = table.take(rid).drop_columns(["rid"])
    part = part.append_column("rid", pyarrow.array(numpy.arange(len(rid), dtype="int32")))
    nobodys = [number for (number,) in duck.execute("select shared from placeholder").fetchall()]
    records.prepare(duck, part, placeholders=nobodys)
    fields = encoding.encode(duck)
    again = nodes.consensus(fields, node[rid] // 3, numpy.arange(node.max() // 3 + 1))
    assert sketches(fields, again).tobytes() == packed[::3].tobytes()


def test_clusters_and_evidence_are_those_without_bounds(duck, monkeypatch):
    frozen = model.load()

    def linked() -> tuple:
        found = engine.run(duck, frozen, lambda text: None)
        told = duck.execute(
            "select l, r, match_weight, veto, doubt, namesake, evidence from scored"
            " where match_weight >= ? or namesake order by l, r",
            [weights.EXPLAINED_FROM],
        ).fetchall()
        return found, told

    with_bounds, told = linked()
    monkeypatch.setattr(bounds, "may_matter", lambda *_: numpy.ones(len(_[3]), dtype=bool))
    without, told_without = linked()
    for of_record in ("node", "rule", "cluster", "component"):
        assert (getattr(with_bounds, of_record) == getattr(without, of_record)).all()
    assert with_bounds.vetoed == without.vetoed
    assert with_bounds.namesakes == without.namesakes
    assert with_bounds.pairs < without.pairs
    assert told == told_without
