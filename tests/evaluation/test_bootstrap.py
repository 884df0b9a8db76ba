"""Bootstrap intervals: cover, pair, respect groups, count what they leave out."""

from __future__ import annotations

import numpy as np
import pytest

from gazenet.evaluation.bootstrap import bootstrap_mean, paired_difference


def test_matches_the_normal_interval_of_many_values() -> None:
    values = np.random.default_rng(1).normal(2.0, 1.0, 400)
    found = bootstrap_mean(values)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(found.mean - half, abs=0.02)
    assert found.high == pytest.approx(found.mean + half, abs=0.02)
    assert (found.count, found.invalid) == (400, 0) and found.low > 0
    assert bootstrap_mean(values) == found


def test_pairing_finds_a_small_steady_difference() -> None:
    base = np.random.default_rng(2).normal(0, 5, 200)
    gain = paired_difference(base + 0.1, base)
    assert gain.mean == pytest.approx(0.1)
    assert gain.low > 0
    alone = bootstrap_mean(base + 0.1)
    assert alone.low < 0 < alone.high


def test_groups_widen_the_interval_of_correlated_frames() -> None:
    videos = np.repeat(np.arange(6), 50)
    values = np.random.default_rng(3).normal(0, 1, 6)[videos] + np.random.default_rng(4).normal(0, 0.1, 300)
    single, grouped = bootstrap_mean(values), bootstrap_mean(values, groups=list(videos))
    assert grouped.mean == single.mean
    assert grouped.high - grouped.low > 3 * (single.high - single.low)


def test_values_that_are_not_finite_are_counted() -> None:
    found = bootstrap_mean([1.0, np.nan, 3.0, np.inf], groups=["a", "a", "b", "b"])
    assert (found.mean, found.count, found.invalid) == (2.0, 2, 2)
    empty = bootstrap_mean([np.nan])
    assert np.isnan(empty.mean) and empty.count == 0 and np.isnan(empty.low)
    pair = paired_difference([1.0, np.nan], [0.5, 1.0])
    assert (pair.count, pair.invalid) == (1, 1)


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean([1.0], level=95)
    with pytest.raises(ValueError, match="one length"):
        paired_difference([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="groups"):
        bootstrap_mean([1.0], groups=["a", "b"])
