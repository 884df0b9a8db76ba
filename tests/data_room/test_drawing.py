"""Published densities and fixation pictures against the formula, pixel by pixel; weights; visual angle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gazenet.data.density import GaussianWidth, ViewingConditions, density
from gazenet.data.drawn_truth import PublishedFixations, published_density, published_fixations

SIZE = (12, 16)


def by_hand(points: np.ndarray, weights: list[float], sigma: float) -> np.ndarray:
    total = np.zeros(SIZE)
    for (x0, y0), height in zip(points, weights, strict=True):
        for row in range(SIZE[0]):
            for column in range(SIZE[1]):
                total[row, column] += height * math.exp(-((column - x0) ** 2 + (row - y0) ** 2) / (2 * sigma**2))
    return (total / total.max() * 255).astype(np.uint8)


def test_density_follows_the_formula() -> None:
    points = np.array([[3.0, 4.0], [10.5, 7.25], [-2.0, 5.0]])
    weights = [1.0, 3.0, 2.0]
    found = published_density(points, SIZE, 2.5, np.array(weights))
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - by_hand(points, weights, 2.5)).max() <= 1
    alone = published_density(points[:1], SIZE, 2.5)
    assert np.array_equal(alone, by_hand(points[:1], [1.0], 2.5))
    assert np.argwhere(alone == 255).tolist() == [[4, 3]]


def test_nobody_and_nan_are_black() -> None:
    assert not published_density(np.empty((0, 2)), SIZE, 2.0).any()
    assert not published_density(np.full((2, 2), np.nan), SIZE, 2.0).any()
    assert not published_fixations(np.full((2, 2), np.nan), SIZE).any()


def test_fixations_are_plus_signs_cut_at_the_frame() -> None:
    drawn = published_fixations(np.array([[5.9, 6.2], [0.0, 0.0], [40.0, 3.0]]), SIZE)
    assert sorted(map(tuple, np.argwhere(drawn == 255).tolist())) == [
        *[(0, 0), (0, 1), (1, 0)],
        *[(5, 5), (6, 4), (6, 5), (6, 6), (7, 5)],
    ]
    assert set(np.unique(drawn)) == {0, 255}


def test_frames_drawn_as_published() -> None:
    truth = PublishedFixations(SIZE, [np.array([[3.0, 4.0], [12.0, 8.0]])], np.array([2]), [np.array([1.0, 2.0])])
    full = truth.density(0, *SIZE, 1.5)
    assert full[8, 12] == 1.0 and full[4, 3] == pytest.approx(0.5, abs=0.01)
    assert truth.density(0, 6, 8, 1.5).shape == (6, 8)
    assert truth.fixation_map(0, *SIZE).sum() == 10
    assert truth.fixation_map(0, 24, 32).sum() > 10


def test_weights_are_heights() -> None:
    points = np.array([[4.5, 4.5], [-1.0, 3.0], [12.5, 8.5]])
    found = density(points, SIZE, SIZE, 0.5, weights=np.array([1.0, 100.0, 3.0]))
    assert found[4, 4] == pytest.approx(1) and found[8, 12] == pytest.approx(3) and found.max() == found[8, 12]
    with pytest.raises(ValueError, match="2 weights do not fit 3 points"):
        density(points, SIZE, SIZE, 0.5, weights=np.ones(2))
    with pytest.raises(ValueError, match="count once"):
        density(points, SIZE, SIZE, 0.5, distinct=True, weights=np.ones(3))


def test_spread_in_pixels_and_degrees() -> None:
    assert GaussianWidth(20.0).pixels(300) == 20.0
    assert GaussianWidth(20.0, reference_width=600).pixels(300) == 10.0
    filling = ViewingConditions(screen_cm=40.0, distance_cm=60.0)
    one = 2 * 60 * math.tan(math.radians(0.5))
    assert GaussianWidth(1.0, "degrees", viewing=filling).pixels(800) == pytest.approx(one * 800 / 40)
    shown = ViewingConditions(40.0, 60.0, screen_pixels=1280)
    assert GaussianWidth(1.0, "degrees", viewing=shown).pixels(800) == pytest.approx(one * 1280 / 40)
    with pytest.raises(ValueError, match="needs the width of the screen"):
        GaussianWidth(1.0, "degrees")
    with pytest.raises(ValueError, match="must be positive"):
        GaussianWidth(0.0)
    with pytest.raises(ValueError, match="must be positive"):
        ViewingConditions(40.0, -1.0)


def test_a_field_of_view_is_a_screen_at_a_distance() -> None:
    view = 2 * math.degrees(math.atan(20 / 60))
    seen, spanning = ViewingConditions(screen_cm=40.0, distance_cm=60.0), ViewingConditions.spanning(view)
    assert spanning.pixels(1.5, 1280) == pytest.approx(seen.pixels(1.5, 1280))
    # All of it is the frame's width.
    assert spanning.pixels(view, 640) == pytest.approx(640)
    for wrong in (0, 180, -3):
        with pytest.raises(ValueError, match="between 0 and 180"):
            ViewingConditions.spanning(wrong)
