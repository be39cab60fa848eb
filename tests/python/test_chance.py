"""What the gate takes for chance: counts and distributions drawn from the same source.

Add here: a figure whose chance limit is new. Keep out: rules on loads (test_stability).
"""

from __future__ import annotations

import numpy as np
import pytest

from orchestration.quality import chance

NOISE = 4.0
DRAWS = 200_000


@pytest.mark.parametrize("expected", [0.3, 2.0, 10.0, 100.0, 1000.0])
def test_a_poisson_count_stays_within_its_limit(expected: float) -> None:
    counts = np.random.default_rng(1).poisson(expected, DRAWS)
    outside = np.abs(counts - expected) > chance.count_limit(expected, NOISE)
    assert outside.mean() < 1e-4


def test_counts_of_clusters_need_the_dispersion() -> None:
    rng = np.random.default_rng(2)
    visits = rng.poisson(10, 20_000)
    rows = visits * 3  # three rows go with each visit
    plain = np.abs(rows - 30) > chance.count_limit(30, NOISE)
    clustered = np.abs(rows - 30) > chance.count_limit(30, NOISE, dispersion=3)
    assert plain.mean() > 20 * max(clustered.mean(), 1e-5)
    assert clustered.mean() < 1e-3


def test_two_samples_of_one_distribution_are_near() -> None:
    rng = np.random.default_rng(3)
    share = rng.dirichlet(np.ones(64))
    outside = 0
    for _ in range(2_000):
        now, before = (
            dict(zip(map(str, range(64)), rng.multinomial(n, share), strict=True))
            for n in (200, 600)
        )
        outside += chance.distance(now, before) > chance.distance_limit(now, before, NOISE)
    assert outside == 0


def test_a_trend_is_no_dispersion_and_a_jumpy_count_is() -> None:
    assert chance.dispersion([1000 - 10 * i for i in range(12)]) == 1.0
    assert chance.dispersion([100, 160, 90, 170, 80, 150]) > 3
    assert chance.dispersion([10, 500]) == 1.0  # two counts say nothing of their spread
    assert chance.dispersion([], cluster=50.0) == chance.MOST_DISPERSION
