"""Densities and fixation maps: geometry, mass, agreement with a blurred image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gazenet.data.density import density, fixation_map, peak_one, sigma_for, sigma_of_degrees


def test_equals_a_blurred_map_at_full_resolution() -> None:
    points = np.random.default_rng(0).uniform([0, 0], [120, 80], (30, 2)).round() + 0.5
    points = points[(points < [120, 80]).all(1)]
    counts = np.zeros((80, 120))
    np.add.at(counts, tuple(np.floor(points[:, ::-1]).astype(int).T), 1)
    blurred = gaussian_filter(counts, 6, mode="constant", truncate=8)
    found = density(points, (80, 120), (80, 120), 6.0) / (2 * np.pi * 36)
    assert np.allclose(found, blurred, atol=2e-6 * blurred.max() + 1e-9)


def test_repeated_pixels_count_once_if_distinct() -> None:
    points = np.array([[3.2, 4.1], [3.9, 4.9], [8.0, 8.0]])
    once = density(points[1:], (20, 20), (20, 20), 1.0, distinct=True)
    assert np.allclose(density(points, (20, 20), (20, 20), 1.0, distinct=True), once)
    assert density(points, (20, 20), (20, 20), 1.0).sum() > 1.4 * once.sum()


def test_maps_cover_the_complete_frame_whatever_their_shape() -> None:
    corners = np.array([[0.0, 0.0], [1279.9, 719.9], [1280.0, 5.0], [-1.0, 5.0], [640.0, 360.0]])
    for shape in ((54, 96), (7, 5), (720, 1280)):
        marked = fixation_map(corners, (720, 1280), shape)
        assert marked.sum() == 3
        assert marked[0, 0] == marked[-1, -1] == marked[shape[0] // 2, shape[1] // 2] == 1


def test_the_peak_lies_at_the_point() -> None:
    found = density(np.array([[300.0, 100.0]]), (720, 1280), (54, 96), 40.0)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert abs((column + 0.5) * 1280 / 96 - 300) <= 1280 / 96 / 2
    assert abs((row + 0.5) * 720 / 54 - 100) <= 720 / 54 / 2
    assert peak_one(found).max() == 1
    assert peak_one(np.zeros((3, 3), np.float32)).max() == 0


def test_sigma_helpers() -> None:
    assert sigma_for(24.0, 800, 640) == pytest.approx(19.2)
    assert sigma_of_degrees(1.0, 1000, 50.0, 57.3) == pytest.approx(20.0, rel=1e-3)
    with pytest.raises(ValueError, match="sigma"):
        density(np.empty((0, 2)), (5, 5), (5, 5), 0.0)
