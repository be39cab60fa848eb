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
    frequencies: shares of names, by column; card: how it came about; splink: Splink settings."""

    name: str
    card: dict
    thresholds: dict
    frequencies: dict
    splink: dict

    @property
    def prior(self) -> float:
        """Match weight (log2 odds) of two random nodes before anything is compared."""
        from math import log2

        share = self.splink["probability_two_random_records_match"]
        return log2(share / (1 - share))


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
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def score_pairs(duck: duckdb.DuckDBPyConnection, model: Model, pairs: str, scored: str) -> None:
    """Make table `scored` (l, r, match_weight, veto, doubt, weight, namesake, evidence).

    pairs: a table (l, r) of node ids. match_weight: Splink's, log2 odds. veto, doubt: the first
    that holds (comparisons.py). weight: match_weight as clustering uses it, held down by a
    doubt. evidence: what each comparison adds, name frequency included.
    """
    import splink

    from orchestration.linkage.comparisons import DOUBTS, MOST_DOUBTFUL, NAMESAKE, VETOES

    names = [c["output_column_name"] for c in model.splink["comparisons"]]
    with quiet():
        database = splink.DuckDBAPI(connection=duck)
        linker = splink.Linker(
            database.register("node", table_name=f"node_for_{scored}"),
            dict(model.splink),
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
            "ssn4", "ssn4_all", "ssn_all", "ym", "yr",
        }
    )  # fmt: skip
    both = ", ".join(f"l.{f} as {f}_l, r.{f} as {f}_r" for f in fields)
    veto = " ".join(f"when {sql} then '{name}'" for name, sql in VETOES.items())
    doubt = " ".join(f"when {sql} then '{name}'" for name, sql in DOUBTS.items())
    evidence = ", ".join(f"'{name}': round({term}, 2)" for name, term in terms.items())
    duck.execute(
        f"""
        create or replace table {scored} as
        with seen as (
            select
                p.node_id_l as l, p.node_id_r as r, p.match_weight,
                {{{evidence}}} as evidence, {both}
            from {predicted} as p
            join node as l on l.node_id = p.node_id_l
            join node as r on r.node_id = p.node_id_r
        )
        select
            l, r, match_weight, case {veto} end as veto, case {doubt} end as doubt,
            case when doubt is null then match_weight
                else least(match_weight, {MOST_DOUBTFUL}) end as weight,
            veto is null and {NAMESAKE} as namesake, evidence
        from seen
        """
    )
    duck.execute(f"drop table {predicted}")


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
