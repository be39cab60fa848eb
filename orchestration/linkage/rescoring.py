"""What labels add to Fellegi-Sunter: weights for levels and for pairs of levels.

Fellegi-Sunter adds its comparisons up as if they were independent; in a household surname,
address and a borrowed number come together. With labels, a logistic regression corrects the
sum level by level and pair of levels by pair of levels. It starts from the match weight, so
without evidence it says what the model said before. Add here: a feature labels may weigh.
Keep out: who labels (training.py), levels (comparisons.py).
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

    from orchestration.linkage.profiles import Profile

# Vetoes that labels may overrule: likelihoods, where the others are facts (one certificate is
# one person's, once). A veto with fewer labelled pairs than this stays a veto.
LEARNABLE = ("twins", "parent_and_child", "first_name_unlike", "two_identities",
             "sex_and_birth_date")  # fmt: skip
LEAST_SUPPORT = 30
# Which of those labels overrule, the two ways that training tries (training.learn): any, or one
# of whose labelled pairs one in twenty is of one person. As a term a veto is one weight in a sum,
# and where a person has twenty records the others outvote it; where a person has two, a term
# finds pairs that a veto would lose.
CONTRADICTED = (0.0, 0.05)
# Fewer labelled pairs of either kind than this teach nothing.
LEAST_LABELS = 50

# name -> SQL of a small integer, over node columns with _l and _r and facts in braces.
_RARITY = {
    "first_name_rarity": "case when {same_first} then"
    " least(5, greatest(1, floor(-log2(greatest(tf_fn_l, tf_fn_r)) / 2)::integer)) else 0 end",
    "surname_rarity": "case when {same_last} then"
    " least(6, greatest(1, floor(-log2(greatest(tf_ln_l, tf_ln_r)) / 2)::integer)) else 0 end",
}
_ADDRESS = {
    "address": "case when addr_l is null or addr_r is null then 0 when {same_address} then 1"
    " when jaro_winkler_similarity(addr_l, addr_r) >= 0.92 then 2 else 3 end",
}

# Comparisons whose evidence depends on each other, within a household or within a name.
INTERACTIONS = (
    ("first_name", "surname_address"),
    ("first_name", "social_security_number"),
    ("first_name", "middle_name"),
    ("first_name", "birth_date"),
    ("first_name", "sex"),
    ("surname_address", "social_security_number"),
    ("surname_address", "birth_date"),
    ("birth_date", "social_security_number"),
    ("birth_date", "address"),
    ("middle_name", "social_security_number"),
    ("middle_name", "birth_date"),
    ("middle_name", "address"),
    ("first_name_rarity", "surname_rarity"),
)


def flag(veto_or_doubt: str) -> str:
    """Name of the feature that says whether a veto or doubt holds."""
    return f"is_{veto_or_doubt}"


def extra(profile: Profile) -> dict[str, str]:
    """Features of a profile that are no comparison of its own."""
    compared = {comparison["output_column_name"] for comparison in profile.comparisons}
    return {**_RARITY, **(_ADDRESS if "address" not in compared else {})}


def soft(profile: Profile) -> list[str]:
    """Vetoes and doubts of a profile that labels may weigh."""
    return [*(name for name in LEARNABLE if name in profile.vetoes), *profile.doubts]


def features(found: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """The features among the columns of table `scored`: levels, extras and flags as codes of 0
    and up; and `match_weight`, Fellegi-Sunter's."""
    import numpy

    told = {
        name.removeprefix("level_"): numpy.asarray(values, dtype="int64") + 1
        for name, values in found.items()
        if name.startswith(("level_", "is_")) or name in (*_RARITY, *_ADDRESS)
    }
    return {**told, "match_weight": numpy.asarray(found["fellegi_sunter"], dtype="float64")}


def terms(names: list[str]) -> list[tuple[str, ...]]:
    """Main effects, then the interactions whose two sides are among `names`."""
    return [(name,) for name in names] + [
        pair for pair in INTERACTIONS if pair[0] in names and pair[1] in names
    ]


def fit(
    features: dict[str, numpy.ndarray],
    is_match: numpy.ndarray,
    chosen: numpy.ndarray,
    *,
    contradicted: float = CONTRADICTED[0],
) -> dict | None:
    """Learn from the pairs `chosen`; None when there are too few labels.

    contradicted: the share of a veto's labelled pairs that must be of one person before labels
    overrule it.

    Returns {"base", "scale", "learned", "terms"}: log2 odds are base + scale * match weight
    + the sum of terms["a & b"]["2 & 3"], the weight of level 2 of a with level 3 of b.
    learned: vetoes the terms now stand for.
    """
    import numpy
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    held = {name: features[flag(name)] == 2 for name in LEARNABLE if flag(name) in features}
    learned = []
    for name, holds in held.items():
        labelled = is_match[chosen & holds]
        if len(labelled) < LEAST_SUPPORT:
            continue
        if labelled.mean() >= contradicted:
            learned.append(name)
        else:
            # a pair that stays vetoed is not weighed, so it teaches nothing about weights
            chosen = chosen & ~holds
    label = is_match[chosen]
    if min(label.sum(), (~label).sum()) < LEAST_LABELS:
        return None
    names = [
        name
        for name in features
        if name != "match_weight"
        and not (name in map(flag, LEARNABLE) and name.removeprefix("is_") not in learned)
    ]
    blocks = [csr_matrix(_scaled(features["match_weight"][chosen])[:, None])]
    keys: list[tuple[tuple[str, ...], list[str]]] = []
    for term in terms(names):
        code = _codes(features, term)[chosen]
        levels, column = numpy.unique(code, return_inverse=True)
        blocks.append(
            csr_matrix(
                (numpy.ones(len(column)), (numpy.arange(len(column)), column)),
                shape=(len(column), len(levels)),
            )
        )
        keys.append((term, [_level(int(level), len(term)) for level in levels]))
    regression = LogisticRegression(C=1.0, max_iter=2000).fit(hstack(blocks).tocsr(), label)
    weight = regression.coef_[0] / log(2)
    told: dict[str, dict[str, float]] = {}
    at = 1
    for term, levels in keys:
        told[" & ".join(term)] = {
            level: round(float(w), 5)
            for level, w in zip(levels, weight[at : at + len(levels)], strict=True)
        }
        at += len(levels)
    return {
        "base": round(float(regression.intercept_[0] / log(2)), 5),
        "scale": round(float(weight[0]) / _SCALE, 5),
        "learned": learned,
        "labels": {"matches": int(label.sum()), "others": int((~label).sum())},
        "terms": told,
    }


def apply(fitted: dict, features: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    """Log2 odds each term adds to every pair, by name of the term. Unseen levels add 0."""
    import numpy

    added = {}
    for name, levels in fitted["terms"].items():
        code = _codes(features, tuple(name.split(" & ")))
        value = numpy.zeros(code.max(initial=0) + 1)
        for level, weight in levels.items():
            number = _code(level)
            if number < len(value):
                value[number] = weight
        added[name] = value[code]
    return added


# A match weight of 10 counts like one level in the penalty of the regression.
_SCALE = 10.0
_WIDTH = 32


def _scaled(match_weight: numpy.ndarray) -> numpy.ndarray:
    import numpy

    return numpy.clip(match_weight, *CLIPPED) / _SCALE


# Beyond these the match weight says no more: rare names alone reach any height.
CLIPPED = (-20.0, 20.0)


def _codes(features: dict[str, numpy.ndarray], term: tuple[str, ...]) -> numpy.ndarray:
    code = features[term[0]]
    for name in term[1:]:
        code = code * _WIDTH + features[name]
    return code


def _level(code: int, width: int) -> str:
    parts = []
    for _ in range(width):
        code, part = divmod(code, _WIDTH)
        parts.append(str(part - 1))
    return " & ".join(reversed(parts))


def _code(level: str) -> int:
    code = 0
    for part in level.split(" & "):
        code = code * _WIDTH + int(part) + 1
    return code
