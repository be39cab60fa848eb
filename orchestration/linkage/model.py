"""A linkage model: Splink's weights, name frequencies and thresholds in one frozen JSON file.

Add here: what a model file holds, how it is trained, how it scores pairs. Keep out: levels
(comparisons.py) and anything that reads a truth.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

FOLDER = Path(__file__).parent / "models"
DEFAULT = FOLDER / "county-1.json"

# A name borne by fewer source persons than this is not written into a model file and shares the
# floor: a file that may leave the building must not single out a person by a rare name.
MIN_NAME_COUNT = 20


@dataclass(frozen=True)
class Model:
    """name: the model version stored with every link; thresholds: see THRESHOLDS;
    frequencies: shares of names, by column; card: how it came about; splink: Splink settings;
    rescoring: what labels added (rescoring.fit), None for a model trained without."""

    name: str
    card: dict
    thresholds: dict
    frequencies: dict
    splink: dict
    rescoring: dict | None = None

    @property
    def prior(self) -> float:
        """Match weight (log2 odds) of two random nodes before anything is compared."""
        from math import log2

        share = self.splink["probability_two_random_records_match"]
        odds = log2(share / (1 - share))
        if self.rescoring:
            return self.rescoring["base"] + self.rescoring["scale"] * odds
        return odds


# Match weights are log2 odds. Set by what the odds mean, not tuned to a truth. 2026-11-23.
THRESHOLDS = {
    # even odds: pairs below do not tie a component together
    "edge": 0.0,
    # even odds, on average over all pairs of two clusters
    "cluster": 0.0,
    # nodes sharing one blocking value
    "block_cap": 100,
    # nodes in one component; average-linkage is quadratic in memory
    "component_cap": 300,
    # 8 to 1 that an only namesake is the same person, in a population of the training's size
    "namesake": 3.0,
}


def load(path: Path | None = None) -> Model:
    """Read a model file. Raises UsageError when it is missing or of other comparisons."""
    from orchestration.linkage.comparisons import COMPARISONS_VERSION

    path = path or DEFAULT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"There is no linkage model {path.name} in {path.parent.name}/; "
            "name one that is there or train one (lifecourse linkage train --out FILE)."
        ) from None
    if content["comparisons_version"] != COMPARISONS_VERSION:
        raise UsageError(
            f"Linkage model {path.name} was trained on comparisons version "
            f"{content['comparisons_version']}, the code has {COMPARISONS_VERSION}; train it again."
        )
    return Model(
        name=content["name"],
        card=content["card"],
        thresholds=content["thresholds"],
        frequencies=content["name_frequencies"],
        splink=content["splink"],
        rescoring=content.get("rescoring"),
    )


def save(model: Model, path: Path) -> None:
    from orchestration.linkage.comparisons import COMPARISONS_VERSION

    content = {
        "name": model.name,
        "comparisons_version": COMPARISONS_VERSION,
        "card": model.card,
        "thresholds": model.thresholds,
        "name_frequencies": model.frequencies,
        "splink": model.splink,
        **({"rescoring": model.rescoring} if model.rescoring else {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def score_pairs(
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    pairs: str,
    scored: str,
    *,
    features: bool = False,
) -> None:
    """Make table `scored` (l, r, match_weight, veto, doubt, weight, namesake, evidence).

    pairs: a table (l, r) of node ids. match_weight: Splink's, log2 odds, rescored where labels
    trained the model. veto, doubt: the first that holds (comparisons.py). weight: match_weight
    as clustering uses it, held down by a doubt. evidence: what each comparison adds, name
    frequency included. features: also columns `feature` and `fellegi_sunter` for rescoring.fit.
    """
    import splink

    from orchestration.linkage import rescoring
    from orchestration.linkage.comparisons import DOUBTS, MOST_DOUBTFUL, NAMESAKE, VETOES

    names = [c["output_column_name"] for c in model.splink["comparisons"]]
    with_levels = features or model.rescoring is not None
    with quiet():
        database = splink.DuckDBAPI(connection=duck)
        linker = splink.Linker(
            database.register("node", table_name=f"node_for_{scored}"),
            # levels come only with the compared columns, which cost time
            {**model.splink, "retain_matching_columns": with_levels},
            validate_settings=False,
        )
        duck.execute(
            f"create or replace table blocked_{scored} as"
            f" select '0' as match_key, l as join_key_l, r as join_key_r from {pairs}"
        )
        linker.table_management.register_blocked_pairs_for_predict(
            database.register(f"blocked_{scored}", table_name=f"blocked_for_{scored}")
        )
        predicted = linker.inference.predict(warning_mode="never").physical_name
    terms = {}
    columns = {row[0] for row in duck.execute(f"describe {predicted}").fetchall()}
    for name in names:
        terms[name] = " + ".join(
            f"coalesce({c}, 0)"
            for c in (
                f"mw_{name}",
                *(column for column in sorted(columns) if column.startswith(f"mw_tf_adj_{name}")),
            )
            if c in columns
        )
    fields = sorted(
        {
            "addr_all", "births", "deaths", "dob", "dob_all", "fn", "fn_all", "fn_forms",
            "generation", "ln", "ln_all", "mi", "mn", "parent_of", "plurality_all", "sex", "ssn",
            "ssn4", "ssn4_all", "ssn_all", "tf_fn", "tf_ln", "ym", "yr",
        }
    )  # fmt: skip
    both = ", ".join(f"l.{f} as {f}_l, r.{f} as {f}_r" for f in fields)
    learned = model.rescoring["learned"] if model.rescoring else ()
    veto = " ".join(
        f"when {sql} then '{name}'" for name, sql in VETOES.items() if name not in learned
    )
    doubt = " ".join(f"when {sql} then '{name}'" for name, sql in DOUBTS.items())
    told = ""
    levels = ""
    if with_levels:
        soft = {name: VETOES[name] for name in rescoring.LEARNABLE} | DOUBTS
        parts = {
            **{name: f"gamma_{name}" for name in names},
            **rescoring.EXTRA,
            **{rescoring.flag(name): f"coalesce({sql}, false)::integer"
               for name, sql in soft.items()},
        }  # fmt: skip
        told = ", {" + ", ".join(f"'{name}': {sql}" for name, sql in parts.items()) + "} as feature"
        told += ", match_weight as fellegi_sunter"
        levels = ", ".join(f"p.gamma_{name}" for name in names) + ","
    evidence = ", ".join(f"'{name}': round({term}, 2)" for name, term in terms.items())
    duck.execute(
        f"""
        create or replace table {scored} as
        with seen as (
            select
                p.node_id_l as l, p.node_id_r as r, p.match_weight,
                {{{evidence}}} as evidence, {levels} {both}
            from {predicted} as p
            join node as l on l.node_id = p.node_id_l
            join node as r on r.node_id = p.node_id_r
        )
        select
            l, r, match_weight, case {veto} end as veto, case {doubt} end as doubt,
            case when doubt is null then match_weight
                else least(match_weight, {MOST_DOUBTFUL}) end as weight,
            veto is null and {NAMESAKE} as namesake, evidence{told}
        from seen
        """
    )
    duck.execute(f"drop table {predicted}")
    if model.rescoring:
        _rescore(duck, model.rescoring, scored, keep_features=features)


def _rescore(
    duck: duckdb.DuckDBPyConnection, fitted: dict, scored: str, *, keep_features: bool
) -> None:
    """Put the rescored weight and its evidence in place of Fellegi-Sunter's.

    The evidence of a comparison is its Fellegi-Sunter weight, scaled, plus what labels added
    for its level; an interaction or a flag stands under its own name. Doubts are features
    then, and hold nothing down a second time.
    """
    import json

    import numpy
    import pyarrow

    from orchestration.linkage import rescoring

    rows = duck.execute(
        f"select l, r, to_json(evidence)::varchar as evidence from {scored} order by l, r"
    ).fetchnumpy()
    features = rescoring.columns(duck, scored)
    raw = features["match_weight"]
    clipped = numpy.clip(raw, *rescoring.CLIPPED)
    added = rescoring.apply(fitted, features)
    weight = fitted["base"] + fitted["scale"] * clipped + sum(added.values())
    # a sum that went beyond the bounds counts as the bound: each part shrinks alike
    shrunk = fitted["scale"] * numpy.where(raw == 0, 1.0, clipped / numpy.where(raw == 0, 1, raw))
    prior = fitted["prior"]
    told = []
    for number, text in enumerate(rows["evidence"]):
        shares = json.loads(text)
        parts = {name: value * shrunk[number] for name, value in shares.items()}
        # the part of a bounded sum that the prior does not account for
        rest = (shrunk[number] - fitted["scale"]) * prior
        if abs(rest) >= 0.01:
            parts["bounds"] = rest
        for name, values in added.items():
            if values[number]:
                parts[name] = parts.get(name, 0.0) + values[number]
        told.append(json.dumps({name: round(float(v), 2) for name, v in parts.items()}))
    duck.register(
        "_incoming",
        pyarrow.table(
            {
                "l": rows["l"],
                "r": rows["r"],
                "rescored": weight,
                "told": pyarrow.array(told, pyarrow.string()),
            }
        ),
    )
    dropped = "" if keep_features else "feature, fellegi_sunter, "
    duck.execute(
        f"""
        create or replace table {scored} as
        select * exclude ({dropped}rescored, told)
            replace (rescored as match_weight, rescored as weight, told::json as evidence)
        from {scored} join _incoming using (l, r)
        """
    )
    duck.unregister("_incoming")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Splink's log, which is long and may quote values, out of ours."""
    import logging
    import warnings

    # Splink sets the level of its own logger when a Linker is made, so only a general
    # switch holds.
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
