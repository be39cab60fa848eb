"""Estimate a model's weights: from unlabelled records, and from labels where somebody has them.

Add here: a way to estimate. Keep out: a truth that also scores.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import UsageError
from orchestration.linkage import (
    clusters,
    collapse,
    comparisons,
    encoding,
    engine,
    model,
    nodes,
    overrides,
    profiles,
    records,
    rescoring,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb
    import numpy
    import pyarrow

    from orchestration.settings import Settings

# Expectation maximisation learns from pairs that share one field, so the field itself is
# learnt from the other rules. Each rule must mix matches with non-matches.
_EM_BLOCKS = (
    "l.ssn = r.ssn",
    "l.dob = r.dob",
    "l.ln = r.ln and left(l.fn, 3) = left(r.fn, 3)",
)
# Records that agree on these are nearly always one person; together they find about this
# share of all matching pairs. Both only set the prior.
_CERTAIN = ("l.ssn = r.ssn and l.fn = r.fn", "l.fn = r.fn and l.ln = r.ln and l.dob = r.dob")
_CERTAIN_RECALL = 0.8
# Share of the prior belief (comparisons.py) in a trained m. EM on a few thousand pairs gives
# 0 for whatever it did not see, which would be a weight of minus infinity for a rare slip.
_BELIEF = 0.05
SAMPLE_PAIRS = 1e7
# Where labels may cut clusters: from even odds to 64 to 1.
_CUTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_CUT_CHOSEN = (
    "clusters are cut where the labelled records' F1 of pairs is highest; the others at even odds"
)
# No level is rarer than this among two persons' pairs; the sample holds some 1e7 pairs.
_LEAST_U = 1e-6


def train_from_warehouse(
    settings: Settings,
    out: Path,
    *,
    trained_on: str,
    seed: int,
    truth: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Train on identity.identity_record and write the model, named after the file, to `out`.

    Labels, where there are enough (rescoring.LEAST_LABELS of either kind), are those of the
    file `truth` (CSV: source_system, source_person_key, person; other columns are ignored),
    else the decisions stewards made. Raises UsageError when `truth` cannot be read or teaches
    too little.
    """
    say = progress or (lambda text: None)
    person = _labels(truth) if truth else None
    with warehouse.connect(settings) as connection:
        table = records.read(connection)
        decisions = overrides.none()
        if connection.execute("select to_regclass('linkage.override')").fetchone()[0]:
            decisions = overrides.read(connection)
    say(f"linkage: training on {table.num_rows:,} identity records")
    duck = engine.memory()
    try:
        records.prepare(duck, table)
        trained = train(duck, name=out.stem, trained_on=trained_on, seed=seed)
        if person is not None:
            trained = learn(duck, trained, _labels_by_rid(table, person))
            if trained.rescoring is None:
                raise UsageError(
                    f"{truth.name} labels too few pairs of records that are compared; "
                    f"{rescoring.LEAST_LABELS} of one person and as many of two are needed."
                )
        elif decisions.num_rows:
            trained = learn_from_decisions(duck, trained, decisions)
    finally:
        duck.close()
    model.save(trained, out)
    say(f"linkage: wrote model {out.stem}")


def train(
    duck: duckdb.DuckDBPyConnection,
    *,
    name: str,
    trained_on: str,
    seed: int,
    sample_pairs: float | None = None,
    population: str = profiles.HOUSEHOLDS.name,
) -> model.Model:
    """Estimate a model from table `record`. sample_pairs: random pairs that tell u, SAMPLE_PAIRS
    when not given. population: name of the profile (profiles.py) the records are of."""
    import numpy
    import splink
    from splink.internals.exceptions import EMTrainingException

    profile = profiles.named(population)
    fields = encoding.encode(duck)
    count = fields.count
    each = numpy.arange(count, dtype="int32")
    collapse.register(duck, "component_of", rid=each, node=each)
    frequencies = _name_frequencies(duck)
    nodes.build(duck, fields, nodes.consensus(fields, each, each), frequencies)
    # one identity in one source counts once, however often it was delivered
    duck.execute("create or replace table training as select * from node where is_linkable")

    with model.quiet():
        database = splink.DuckDBAPI(connection=duck)
        linker = splink.Linker(
            database.register("training"), comparisons.settings(profile.comparisons)
        )
        linker.training.estimate_probability_two_random_records_match(
            list(_CERTAIN), recall=_CERTAIN_RECALL
        )
        linker.training.estimate_u_using_random_sampling(
            max_pairs=sample_pairs or SAMPLE_PAIRS, seed=seed, min_count_per_level=None
        )
        for block in _EM_BLOCKS:
            # too few matches under this rule: what it would have taught stays as believed
            with suppress(ValueError, EMTrainingException):
                linker.training.estimate_parameters_using_expectation_maximisation(
                    block, estimate_without_term_frequencies=True
                )
        trained = linker.misc.save_model_to_json()
    _temper(trained["comparisons"], profile.comparisons)
    trained.pop("linker_uid", None)
    trained["probability_two_random_records_match"] = _rounded(
        trained["probability_two_random_records_match"]
    )
    return model.Model(
        name=name,
        card={
            "trained_on": trained_on,
            "trained_at": date.today().isoformat(),
            "records": count,
            "method": "Fellegi-Sunter weights by expectation maximisation, no labels",
            "thresholds": "even odds; that of an only namesake was checked on a training county's"
            " truth",
            "rules": "the vetoes and doubts of comparisons.py and the rule of namesakes.py were"
            " written after reading errors in counties that models were trained on, never in one"
            " that is scored",
            "seed": seed,
            "splink_version": splink.__version__,
        },
        thresholds=dict(model.THRESHOLDS),
        frequencies=frequencies,
        splink=trained,
        population=population,
    )


def learn(
    duck: duckdb.DuckDBPyConnection, unlabelled: model.Model, person: numpy.ndarray
) -> model.Model:
    """Add to a model what labels teach (rescoring.py); the model itself when they are too few.

    Reads table `record`. person: per rid the labelled person as an integer, -1 for no label.
    Pairs of labelled records the model compares are learnt from, one per pair of nodes. Which
    vetoes labels overrule and where clusters are cut is what gives the labelled records, and no
    others, the highest F1 of pairs: the regression weighs one pair like another, but a cluster
    of a person's twenty records stands for many.
    """

    def label(node: numpy.ndarray, left: numpy.ndarray, right: numpy.ndarray) -> tuple:
        of = _node_labels(node, person)
        return of[left] == of[right], (of[left] >= 0) & (of[right] >= 0)

    overrides.prepare(duck, overrides.none())
    return _learn(duck, unlabelled, label, person)


def learn_from_decisions(
    duck: duckdb.DuckDBPyConnection, unlabelled: model.Model, decisions: pyarrow.Table
) -> model.Model:
    """As `learn`, from pairs stewards joined or parted.

    Stewards see doubtful pairs only, so what they teach is about those; the regression keeps
    the rest near Fellegi-Sunter.
    """
    import numpy

    overrides.prepare(duck, decisions)
    decided = duck.execute("select l, r, kind from decided").fetchnumpy()
    # decisions judge the pairs here, they do not form the nodes
    overrides.prepare(duck, overrides.none())

    def label(node: numpy.ndarray, left: numpy.ndarray, right: numpy.ndarray) -> tuple:
        one, other = node[decided["l"]], node[decided["r"]]
        low, high = numpy.minimum(one, other), numpy.maximum(one, other)
        count = int(node.max(initial=-1)) + 1
        pair = left.astype("int64") * count + right
        said = low.astype("int64") * count + high
        same = numpy.isin(pair, said[decided["kind"] == "must_link"])
        parted = numpy.isin(pair, said[decided["kind"] == "cannot_link"])
        return same, same ^ parted

    return _learn(duck, unlabelled, label)


def _learn(
    duck: duckdb.DuckDBPyConnection,
    unlabelled: model.Model,
    label: Callable[[numpy.ndarray, numpy.ndarray, numpy.ndarray], tuple],
    person: numpy.ndarray | None = None,
) -> model.Model:
    """label(node per rid, left, right) -> (is one person, is labelled) per pair of nodes.
    person: as for `learn`, None where pairs are labelled and not records."""
    plain = replace(unlabelled, rescoring=None)
    found = engine.run(duck, plain, lambda text: None, features=True, explained=False)
    pairs = duck.execute("select * exclude (veto, doubt) from scored order by l, r").fetchnumpy()
    is_match, chosen = label(found.node, pairs["l"], pairs["r"])
    features = rescoring.features(pairs)

    def taught(contradicted: float) -> model.Model:
        fitted = rescoring.fit(features, is_match, chosen, contradicted=contradicted)
        if fitted is None:
            return unlabelled
        fitted["prior"] = round(plain.prior, 6)
        card = {
            **unlabelled.card,
            "method": "Fellegi-Sunter weights by expectation maximisation, then a logistic"
            " regression on labelled pairs",
            "labels": fitted["labels"],
        }
        return replace(unlabelled, rescoring=fitted, card=card)

    if person is None:
        return taught(rescoring.CONTRADICTED[0])
    best, highest = unlabelled, -1.0
    tried = []
    for contradicted in rescoring.CONTRADICTED:
        learned = taught(contradicted)
        if learned.rescoring is None or learned.rescoring["learned"] in tried:
            continue
        tried.append(learned.rescoring["learned"])
        for cut, f1 in _by_cut(duck, learned, person):
            if f1 > highest:
                highest = f1
                card = {**learned.card, "thresholds": _CUT_CHOSEN}
                best = replace(
                    learned, thresholds={**learned.thresholds, "cluster": cut}, card=card
                )
    return best


def _by_cut(
    duck: duckdb.DuckDBPyConnection, learned: model.Model, person: numpy.ndarray
) -> list[tuple[float, float]]:
    """(where clusters are cut, F1 of the pairs of labelled records), before namesakes."""
    import numpy

    from orchestration.linkage import scoring

    found = engine.run(duck, learned, lambda text: None, explained=False)
    pairs = engine.scored(duck)
    component = numpy.empty(int(found.node.max(initial=-1)) + 1, dtype="int64")
    component[found.node] = found.component
    known = numpy.flatnonzero(person >= 0)
    source = numpy.zeros(len(known), dtype="int64")
    told = []
    for cut in _CUTS:
        label = clusters.average_linkage(*pairs, component, cut=cut, unscored=learned.prior)
        figures = scoring.pair_figures(person[known], label[found.node[known]], source)
        told.append((cut, figures["f1"]))
    return told


def _labels(path: Path) -> dict[tuple[str, str], str]:
    import csv

    wanted = ("source_system", "source_person_key", "person")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if not set(wanted) <= set(rows.fieldnames or ()):
                raise UsageError(f"{path.name} needs the columns {', '.join(wanted)}.")
            return {(row["source_system"], row["source_person_key"]): row["person"] for row in rows}
    except FileNotFoundError:
        raise UsageError(f"There is no truth file {path.name} in {path.parent.name}/.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is not UTF-8 text.") from None


def _labels_by_rid(table: pyarrow.Table, person: dict[tuple[str, str], str]) -> numpy.ndarray:
    import numpy

    number = {name: at for at, name in enumerate(sorted(set(person.values())))}
    return numpy.array(
        [
            number[person[key]] if key in person else -1
            for key in zip(
                table["source_system"].to_pylist(),
                table["source_person_key"].to_pylist(),
                strict=True,
            )
        ],
        dtype="int64",
    )


def _node_labels(node: numpy.ndarray, person: numpy.ndarray) -> numpy.ndarray:
    """The person of every node; -1 where its records have no label or several persons'."""
    import numpy

    known = person >= 0
    count = int(node.max(initial=-1)) + 1
    lowest = numpy.full(count, numpy.iinfo("int64").max)
    highest = numpy.full(count, -1, dtype="int64")
    numpy.minimum.at(lowest, node[known], person[known])
    numpy.maximum.at(highest, node[known], person[known])
    return numpy.where(lowest == highest, highest, -1)


def _temper(trained: list[dict], prior: tuple[dict, ...]) -> None:
    """Mix the prior belief into every m and put a floor under every u, in place."""
    for comparison, believed in zip(trained, prior, strict=True):
        for level, belief in zip(
            comparison["comparison_levels"], believed["comparison_levels"], strict=True
        ):
            if belief.get("is_null_level"):
                continue
            m = level.get("m_probability")
            u = level.get("u_probability")
            m = m if isinstance(m, float) else belief["m_probability"]
            u = u if isinstance(u, float) else belief["u_probability"]
            # nine digits: the last ones of a parallel sum differ from run to run
            level["m_probability"] = _rounded((1 - _BELIEF) * m + _BELIEF * belief["m_probability"])
            level["u_probability"] = _rounded(max(u, _LEAST_U))


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")


def _name_frequencies(duck: duckdb.DuckDBPyConnection) -> dict[str, dict]:
    frequencies = {}
    for column in ("fn", "ln"):
        rows = duck.execute(
            f"""
            with person as (
                select distinct source_system, source_person_key, {column} from record
                where {column} >= 0
            )
            select word, count(*), sum(count(*)) over () from person
            join name_word on code = {column} group by word
            order by count(*) desc, word
            """
        ).fetchall()
        total = rows[0][2] if rows else 1
        frequencies[column] = {
            "floor": round(model.MIN_NAME_COUNT / 2 / total, 9),
            "shares": {r[0]: round(r[1] / total, 7) for r in rows if r[1] >= model.MIN_NAME_COUNT},
        }
    return frequencies
