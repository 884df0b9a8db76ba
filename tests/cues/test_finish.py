"""Finished maps: ranges, constant maps, bytes, smoothing."""

from __future__ import annotations

import numpy as np
import pytest

from gazenet.cues.postprocess import blurred, relative, resized_map, sigmoid, stretched, truncated, twice_squashed

RAMP = np.linspace(-2, 6, 12, dtype=np.float32).reshape(3, 4)


def test_ranges() -> None:
    assert relative(RAMP).max() == 1 and relative(RAMP).min() == pytest.approx(-1 / 3)
    assert stretched(RAMP).min() == 0 and stretched(RAMP).max() == 1
    assert stretched(RAMP, 8.0).max() == pytest.approx(0.5)


@pytest.mark.parametrize("finish", [relative, stretched, twice_squashed, lambda x: blurred(x, (5, 6))])
def test_a_constant_map_says_nothing_and_is_no_error(finish) -> None:
    found = finish(np.zeros((4, 4), np.float32))
    assert np.array_equal(found, np.zeros_like(found))


def test_bytes_are_rounded_down() -> None:
    np.testing.assert_allclose(truncated(np.float32([0.999, 1.0, 0.0039])) * 255, [254, 255, 0], atol=1e-4)


def test_the_sigmoid_does_not_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.float32([-1000, 0, 1000])), [0, 0.5, 1], atol=1e-7)


def test_squashing_twice_keeps_the_order_and_the_range() -> None:
    values = np.linspace(0, 1, 50, dtype=np.float32).reshape(5, 10)
    found = twice_squashed(values)
    assert found[0, 0] == 0 and found[-1, -1] == 1 and (np.diff(found.ravel()) >= 0).all()
    assert np.abs(found - values).max() > 0.01, "the squashed map is bent"


def test_blurring_spreads_a_point_by_two_pixels() -> None:
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    found = blurred(point, (41, 41))
    spread = np.sqrt((found.sum(0) / found.sum() * (np.arange(41) - 20) ** 2).sum())
    assert spread == pytest.approx(2.0, abs=0.1) and found.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [(6, 8), (2, 2), (3, 4)])
def test_resizing_keeps_the_mean(size: tuple[int, int]) -> None:
    found = resized_map(RAMP, size)
    assert found.shape == size and found.mean() == pytest.approx(RAMP.mean(), abs=1e-4)
