"""How good the linkage is on public samples: link, score, tell.

Every sample goes through the engine the warehouse uses and through the one scorer. Labels,
where a benchmark uses them, are of one half of the blocks of households and score the other.
Add here: a benchmark of accuracy. Keep out: reading samples, speed, figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestration.errors import UsageError

if TYPE_CHECKING:
    import duckdb
    import numpy

    from orchestration.bench.samples import Sample
    from orchestration.linkage.model import Model

NAMES = ("febrl3", "febrl4", "pseudopeople-2020", "pseudopeople-all")
# Splink's estimate of chance agreement settles long before the ten million pairs of a model
# that is frozen: fewer keep a benchmark under a minute.
_SAMPLE_PAIRS = 2e6
_SEED = 1


def run(
    name: str,
    *,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Link sample `name` without labels and with cross-fitted labels.

    name: one of NAMES. FEBRL's persons are individuals, pseudopeople's live in households
    (linkage/profiles.py). Returns {"benchmark", "records", "persons", "no_labels", "labels",
    "seconds"}. Each figure set: precision, recall, f1, true_pairs,
    found_pairs, correct_pairs, cpu_seconds; split_persons and mixed_clusters without labels.
    labels is None where either half has too few labelled pairs to learn from.

    Raises UsageError for an unknown name or a package that is not installed.
    """
    from orchestration.bench import samples

    if name not in NAMES:
        raise UsageError(f"There is no linkage benchmark {name}; name one of {', '.join(NAMES)}.")
    say = progress or (lambda text: None)
    started = time.monotonic()
    say(f"bench: reading {name}")
    population = "households"
    if name == "pseudopeople-2020":
        sample = samples.pseudopeople(2020, seed=1)
    elif name == "pseudopeople-all":
        sample = samples.pseudopeople(None, seed=1, all_sources=True)
    else:
        sample, population = samples.febrl(int(name[-1])), "individuals"
    say(f"bench: {sample.records.num_rows:,} records")
    facts = {
        "benchmark": name,
        "records": sample.records.num_rows,
        "persons": len(set(sample.person.tolist())),
        **evaluate(sample, population=population, threads=threads, progress=say),
        "seconds": round(time.monotonic() - started, 1),
    }
    return facts


def evaluate(
    sample: Sample,
    *,
    population: str = "households",
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """{"no_labels", "labels"} of a sample; see run. The truth reaches the scorer, and one
    half of it at a time the training."""
    from orchestration.linkage import engine, records, training

    say = progress or (lambda text: None)
    duck = engine.memory(threads)
    try:
        records.prepare(duck, sample.records)
        model = training.train(
            duck,
            name="bench",
            trained_on="itself",
            seed=_SEED,
            sample_pairs=_SAMPLE_PAIRS,
            population=population,
        )
        say("bench: trained without labels")
        return {
            "no_labels": _without_labels(sample, model, threads),
            "labels": _with_labels(sample, model, duck, threads),
        }
    finally:
        duck.close()


def _without_labels(sample: Sample, model: Model, threads: int | None) -> dict:
    import numpy

    from orchestration.linkage import engine, scoring

    before = time.process_time()
    cluster = engine.link_records(sample.records, model, threads=threads).cluster
    spent = time.process_time() - before
    figures = scoring.pair_figures(sample.person, cluster, numpy.zeros(len(cluster), dtype="int64"))
    figures.pop("by_source")
    return {
        **figures,
        **_persons(sample.person, cluster),
        **_gap(sample, cluster),
        "cpu_seconds": round(spent, 1),
    }


def _with_labels(
    sample: Sample, model: Model, duck: duckdb.DuckDBPyConnection, threads: int | None
) -> dict | None:
    """Each half of the blocks is scored under a model whose labels are of the other half.

    A found pair across the halves is wrong under both models and counts half for each.
    """
    import numpy

    from orchestration.linkage import engine, scoring, training

    _, person = numpy.unique(sample.person, return_inverse=True)
    half = sample.block % 2
    counts = {"correct_pairs": 0.0, "true_pairs": 0.0, "found_pairs": 0.0}
    spent = 0.0
    cross_fitted = numpy.empty(len(person), dtype="int64")
    for taught in (0, 1):
        learned = training.learn(duck, model, numpy.where(half == taught, person, -1))
        if learned.rescoring is None:
            return None
        before = time.process_time()
        cluster = engine.link_records(sample.records, learned, threads=threads).cluster
        spent += time.process_time() - before
        scored = scoring.pair_figures(sample.person, cluster, half)["by_source"]
        held_out = 1 - taught
        cross_fitted[half == held_out] = cluster[half == held_out] + held_out * len(person)
        for cell, share in ((f"{held_out}|{held_out}", 1.0), ("0|1", 0.5)):
            for count in counts:
                counts[count] += share * scored.get(cell, {}).get(count, 0)
    correct, true, found = (counts[name] for name in ("correct_pairs", "true_pairs", "found_pairs"))
    return {
        "precision": correct / found if found else 1.0,
        "recall": correct / true if true else 1.0,
        "f1": 2 * correct / (true + found) if true + found else 1.0,
        **counts,
        **_persons(sample.person, cross_fitted),
        **_gap(sample, cross_fitted),
        "cpu_seconds": round(spent, 1),
    }


def _persons(person: numpy.ndarray, cluster: numpy.ndarray) -> dict[str, int]:
    import pandas

    frame = pandas.DataFrame({"person": person, "cluster": cluster})
    return {
        "split_persons": int((frame.groupby("person")["cluster"].nunique() > 1).sum()),
        "mixed_clusters": int((frame.groupby("cluster")["person"].nunique() > 1).sum()),
    }


def _gap(sample: Sample, cluster: numpy.ndarray) -> dict:
    """scoring.split_rates between the groups of a sample, where it has any."""
    from orchestration.linkage import scoring

    if sample.group is None:
        return {}
    told = scoring.split_rates(sample.person, cluster, sample.group)
    return {
        "split_rate_by_group": told["groups"],
        "split_rate_gap_points": told["gap"],
        "standardised_gap_points": told["standardised_gap"],
    }
