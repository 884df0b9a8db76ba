"""From fixated points to maps: a fixation map of pixels and a smooth density.

Points ``[n, 2]`` are (x, y) in pixels of the full frame, origin at the outer corner of the first pixel, so that pixel
i covers ``i <= x < i + 1``. Cell (row i, column j) of an ``[h, w]`` map covers an equal share of the complete frame.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Size = tuple[int, int]


def inside(points: Points, size: Size) -> Points:
    """The points that lie in a frame of ``size`` (height, width)."""
    x, y = points[:, 0], points[:, 1]
    kept: Points = points[(x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])]
    return kept


def cells(points: Points, size: Size, shape: Size) -> NDArray[np.int64]:
    """Row and column ``[n, 2]`` of each point in a map of ``shape``; points outside the frame are dropped."""
    kept = inside(points, size)
    found = np.floor(kept[:, ::-1] * (np.array(shape) / np.array(size))).astype(np.int64)
    limited: NDArray[np.int64] = np.minimum(found, np.array(shape) - 1)
    return limited


def fixation_map(points: Points, size: Size, shape: Size) -> NDArray[np.uint8]:
    """uint8 ``[h, w]``: 1 in every cell that holds at least one point."""
    marked = np.zeros(shape, np.uint8)
    rows_columns = cells(points, size, shape)
    marked[rows_columns[:, 0], rows_columns[:, 1]] = 1
    return marked


def density(points: Points, size: Size, shape: Size, sigma: float, distinct: bool = False) -> NDArray[np.float32]:
    """float32 ``[h, w]``: the sum of a Gaussian of ``sigma`` pixels (of the full frame) around every point.

    Cells are sampled at their centres, mass outside the frame is lost. ``distinct`` counts a pixel of the full frame
    once, however often it was fixated (as published fixation maps do). Without points the map is zero; no other
    normalisation. Raises ValueError for a sigma that is not positive.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    kept = inside(points, size)
    if distinct:
        kept = np.unique(np.floor(kept), axis=0) + 0.5
    down = _profile(kept[:, 1], size[0], shape[0], sigma)
    across = _profile(kept[:, 0], size[1], shape[1], sigma)
    # A Gaussian is separable, so the sum over points is one matrix product.
    return (down.T @ across).astype(np.float32)


def _profile(positions: NDArray[np.float64], length: int, count: int, sigma: float) -> NDArray[np.float64]:
    """``[n, count]``: the Gaussian around each position at the centres of ``count`` cells over ``length`` pixels."""
    centres = (np.arange(count) + 0.5) * (length / count)
    return np.exp(-0.5 * ((centres[None, :] - positions[:, None]) / sigma) ** 2)


def peak_one(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled so that the largest value is 1; a map of zeros stays one."""
    peak = float(values.max()) if values.size else 0.0
    return values / np.float32(peak) if peak > 0 else values


def sigma_for(sigma: float, reference_width: int, width: int) -> float:
    """A sigma given in pixels of frames ``reference_width`` wide, in pixels of frames ``width`` wide."""
    return sigma * width / reference_width


def sigma_of_degrees(degrees: float, width: int, screen_width_cm: float, distance_cm: float) -> float:
    """Pixels that ``degrees`` of visual angle cover at the centre of a frame ``width`` pixels wide on a screen."""
    return 2 * distance_cm * math.tan(math.radians(degrees) / 2) * width / screen_width_cm
