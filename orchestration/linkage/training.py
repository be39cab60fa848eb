"""Estimate a model's weights from unlabelled records. Never sees a truth.

Add here: a way to estimate. Keep out: anything that knows who is who.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.linkage import comparisons, engine, model, nodes, records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

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
# No level is rarer than this among two persons' pairs; the sample holds some 1e7 pairs.
_LEAST_U = 1e-6


def train_from_warehouse(
    settings: Settings,
    out: Path,
    *,
    trained_on: str,
    seed: int,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Train on identity.identity_record and write the model, named after the file, to `out`."""
    say = progress or (lambda text: None)
    with warehouse.connect(settings) as connection:
        table = records.read(connection)
    say(f"linkage: training on {table.num_rows:,} identity records")
    duck = engine.memory()
    try:
        records.prepare(duck, table)
        trained = train(duck, name=out.stem, trained_on=trained_on, seed=seed)
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
    sample_pairs: float = SAMPLE_PAIRS,
) -> model.Model:
    """Estimate a model from table `record`. sample_pairs: random pairs that tell u."""
    import splink

    count = duck.execute("select count(*) from record").fetchall()[0][0]
    duck.execute("create or replace table component_of as select rid, rid as node from record")
    frequencies = _name_frequencies(duck)
    nodes.build(duck, frequencies)
    # one identity in one source counts once, however often it was delivered
    duck.execute("create or replace table training as select * from node where is_linkable")

    with model.quiet():
        database = splink.DuckDBAPI(connection=duck)
        linker = splink.Linker(database.register("training"), comparisons.settings())
        linker.training.estimate_probability_two_random_records_match(
            list(_CERTAIN), recall=_CERTAIN_RECALL
        )
        linker.training.estimate_u_using_random_sampling(
            max_pairs=sample_pairs, seed=seed, min_count_per_level=None
        )
        for block in _EM_BLOCKS:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block, estimate_without_term_frequencies=True
            )
        trained = linker.misc.save_model_to_json()
    _temper(trained["comparisons"])
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
            "thresholds": "even odds, and 8 to 1 for an only namesake; not tuned to a truth",
            "rules": "the vetoes and doubts of comparisons.py and the rule of namesakes.py were"
            " written after reading errors in the county that model county-1 was trained on,"
            " never in one that is scored",
            "seed": seed,
            "splink_version": splink.__version__,
        },
        thresholds=dict(model.THRESHOLDS),
        frequencies=frequencies,
        splink=trained,
    )


def _temper(trained: list[dict]) -> None:
    """Mix the prior belief into every m and put a floor under every u, in place."""
    for comparison, believed in zip(trained, comparisons.COMPARISONS, strict=True):
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
            with person as (select distinct source_system, source_person_key, {column} from record)
            select {column}, count(*), sum(count(*)) over () from person
            where {column} is not null group by {column}
            order by count(*) desc, {column}
            """
        ).fetchall()
        total = rows[0][2] if rows else 1
        frequencies[column] = {
            "floor": round(model.MIN_NAME_COUNT / 2 / total, 9),
            "shares": {r[0]: round(r[1] / total, 7) for r in rows if r[1] >= model.MIN_NAME_COUNT},
        }
    return frequencies
