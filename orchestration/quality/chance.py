"""By how much a figure moves with nothing wrong: counts, shares and distributions of few rows.

Rows seldom come one by one: several vaccines go with one visit, a household has several
members. `dispersion` says how many rows count as one independent thing; 1 is Poisson.
`noise` is in standard errors everywhere. Add here: the chance of another kind of figure.
Keep out: limits (expectations/_policy.yml) and rules (stability_types).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt

# More than this is a trend or a season and no chance: the rule would excuse it (2026-11-25).
MOST_DISPERSION = 6.0


def count_limit(expected: float, noise: float, dispersion: float = 1.0, loads: int = 0) -> float:
    """By how much a count may differ from `expected`, the mean of `loads` counts (0: known).

    The quantile of a Poisson count in the Cornish-Fisher expansion: noise * sd + (noise^2 - 1) /
    6. The second term is what sqrt(n) alone leaves out: of an expected 0.3, three rows are seen
    once in 300 times, not once in 10,000.
    """
    spread = expected * dispersion * (1 + (1 / loads if loads else 0))
    return noise * sqrt(spread) + dispersion * (noise * noise - 1) / 6


def share_limit(
    part: float, whole: float, part_before: float, whole_before: float, noise: float,
    dispersion: float = 1.0,
) -> float:  # fmt: skip
    """By how much two shares may differ, with nothing wrong."""
    pooled = (part + part_before) / (whole + whole_before)
    variance = pooled * (1 - pooled) * dispersion * (1 / whole + 1 / whole_before)
    return noise * sqrt(variance) + dispersion * (noise * noise - 1) / 6 / whole


def distance(now: Mapping[str, float], before: Mapping[str, float]) -> float:
    """Total variation distance: the share of rows that would have to change category, 0 to 1."""
    n, m = sum(now.values()), sum(before.values())
    if not n or not m:
        return 0.0
    return sum(abs(now.get(c, 0) / n - before.get(c, 0) / m) for c in {*now, *before}) / 2


def distance_limit(
    now: Mapping[str, float], before: Mapping[str, float], noise: float, dispersion: float = 1.0
) -> float:
    """The total variation distance of two samples of one distribution that is still chance.

    Of a normal figure the absolute deviation has a mean of 0.8 standard errors and a standard
    deviation of 0.6; the distance is half of their sum over the categories. A third more,
    because what one category lacks another has: they do not move by themselves.
    """
    n, m = sum(now.values()), sum(before.values())
    pooled = [(now.get(c, 0) + before.get(c, 0)) / (n + m) for c in {*now, *before}]
    variances = [p * (1 - p) * dispersion * (1 / n + 1 / m) for p in pooled]
    return 0.4 * sum(map(sqrt, variances)) + 0.4 * noise * sqrt(sum(variances))


def dispersion(counts: Sequence[float], cluster: float = 1.0) -> float:
    """Rows that count as one: from the counts of past loads, latest first, and from the rows
    that share an id (`cluster`), whichever is more; at least 1, at most MOST_DISPERSION.

    From differences of neighbours (von Neumann), so that a trend is no dispersion. Fewer than
    four counts say too little of their spread and are left out.
    """
    found = max(1.0, cluster)
    if len(counts) >= 4 and sum(counts):
        steps = [(a - b) ** 2 for a, b in pairwise(counts)]
        found = max(found, sum(steps) / len(steps) / 2 / (sum(counts) / len(counts)))
    return min(found, MOST_DISPERSION)
