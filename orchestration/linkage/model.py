"""A linkage model: Splink's weights, name frequencies and thresholds in one frozen JSON file.

Add here: what a model file holds, its thresholds. Keep out: levels (comparisons.py), how
pairs are weighed (weights.py) and anything that reads a truth.
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

    from orchestration.linkage.profiles import Profile

FOLDER = Path(__file__).parent / "models"
DEFAULT = FOLDER / "county-2.json"

# A name borne by fewer source persons than this is not written into a model file and shares the
# floor: a file that may leave the building must not single out a person by a rare name.
MIN_NAME_COUNT = 20


@dataclass(frozen=True)
class Model:
    """name: the model version stored with every link; thresholds: see THRESHOLDS;
    frequencies: shares of names, by column; card: how it came about; splink: Splink settings;
    rescoring: what labels added (rescoring.fit), None for a model trained without; population:
    name of the profile (profiles.py) the model is for."""

    name: str
    card: dict
    thresholds: dict
    frequencies: dict
    splink: dict
    rescoring: dict | None = None
    population: str = "households"

    @property
    def profile(self) -> Profile:
        from orchestration.linkage import profiles

        return profiles.named(self.population)

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
    # Even odds that a namesake is the same person, in a population of the training's size. The
    # weight does not know that it is the only one, which speaks for it: among the pairs between
    # even odds and 8 to 1 of the county that model county-2 was trained on, 369 of 384 were one
    # person. 2026-11-25.
    "namesake": 0.0,
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
        population=content["population"],
    )


def save(model: Model, path: Path) -> None:
    from orchestration.linkage.comparisons import COMPARISONS_VERSION

    content = {
        "name": model.name,
        "comparisons_version": COMPARISONS_VERSION,
        "population": model.population,
        "card": model.card,
        "thresholds": model.thresholds,
        "name_frequencies": model.frequencies,
        "splink": model.splink,
        **({"rescoring": model.rescoring} if model.rescoring else {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=False) + "\n", encoding="utf-8")


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
