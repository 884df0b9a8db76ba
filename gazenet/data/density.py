"""Maps of fixated points: a fixation map of pixels and a smooth density.

Points ``[n, 2]`` are (x, y) in pixels of the full frame, origin at the outer corner of the first pixel, so that pixel
i covers ``i <= x < i + 1``. Cell (row i, column j) of an ``[h, w]`` map covers an equal share of the complete frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
Points = NDArray[np.float64]
Size = tuple[int, int]


def inside(points: Points, size: Size) -> Points:
    """Return the points that lie in a frame of ``size`` (height, width)."""
    kept: Points = points[within(points, size)]
    return kept


def within(points: Points, size: Size) -> NDArray[np.bool_]:
    """Return which points lie in a frame of ``size`` (height, width)."""
    x, y = points[:, 0], points[:, 1]
    mask: NDArray[np.bool_] = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    return mask


def cells(points: Points, size: Size, shape: Size) -> NDArray[np.int64]:
    """Return row and column ``[n, 2]`` of each point in a map of ``shape``; points outside the frame are dropped."""
    kept = inside(points, size)
    cells = np.floor(kept[:, ::-1] * (np.array(shape) / np.array(size))).astype(np.int64)
    limited: NDArray[np.int64] = np.minimum(cells, np.array(shape) - 1)
    return limited


def fixation_map(points: Points, size: Size, shape: Size) -> NDArray[np.uint8]:
    """Return uint8 ``[h, w]``: 1 in every cell that holds at least one point."""
    marked = np.zeros(shape, np.uint8)
    rows_columns = cells(points, size, shape)
    marked[rows_columns[:, 0], rows_columns[:, 1]] = 1
    return marked


def fixation_counts(points: Points, size: Size, shape: Size) -> NDArray[np.int64]:
    """Return int64 ``[h, w]``: the number of points in each cell."""
    rows_columns = cells(points, size, shape)
    flat = rows_columns[:, 0] * shape[1] + rows_columns[:, 1]
    return np.bincount(flat, minlength=shape[0] * shape[1]).astype(np.int64).reshape(shape)


def density(
    points: Points,
    size: Size,
    shape: Size,
    sigma: float,
    distinct: bool = False,
    weights: Weights | None = None,
) -> NDArray[np.float32]:
    """Return float32 ``[h, w]``: the sum of a Gaussian of ``sigma`` pixels (of the full frame) around every point.

    Cells are sampled at their centres, mass outside the frame is lost. ``distinct`` counts a pixel of the full frame
    once, however often it was fixated (as published fixation maps do). ``weights`` ``[n]`` are the heights of the
    Gaussians (default 1). Without points the map is zero; no other normalisation. Raises ValueError for a sigma that
    is not positive, for weights of another length, and for weights of points that are to count once.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    if weights is not None and (distinct or len(weights) != len(points)):
        raise ValueError(f"{len(weights)} weights do not fit {len(points)} points, or points that count once")
    held = within(points, size)
    kept = points[held]
    if distinct:
        kept = np.unique(np.floor(kept), axis=0) + 0.5
    down, across = profiles(kept, size, shape, sigma)
    if weights is not None:
        down = down * weights[held, None]
    # A Gaussian is separable, so the sum over points is one matrix product.
    return (down.T @ across).astype(np.float32)


def profiles(points: Points, size: Size, shape: Size, sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``[n, h]`` and ``[n, w]``: the Gaussian of each point is the outer product of its two rows."""
    return _profile(points[:, 1], size[0], shape[0], sigma), _profile(points[:, 0], size[1], shape[1], sigma)


def _profile(positions: NDArray[np.float64], length: int, count: int, sigma: float) -> NDArray[np.float64]:
    """``[n, count]``: the Gaussian around each position at the centres of ``count`` cells over ``length`` pixels."""
    centres = (np.arange(count) + 0.5) * (length / count)
    return np.exp(-0.5 * ((centres[None, :] - positions[:, None]) / sigma) ** 2)


def peak_one(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a map to the largest value 1; a map of zeros stays zero."""
    peak = float(values.max()) if values.size else 0.0
    return values / np.float32(peak) if peak > 0 else values


def sigma_for(sigma: float, reference_width: int, width: int) -> float:
    """Convert a sigma from pixels of frames ``reference_width`` wide to pixels of frames ``width`` wide."""
    return sigma * width / reference_width


def sigma_of_degrees(degrees: float, width: int, screen_width_cm: float, distance_cm: float) -> float:
    """Return the pixels that ``degrees`` of visual angle cover at the centre of a frame ``width`` pixels wide."""
    return 2 * distance_cm * math.tan(math.radians(degrees) / 2) * width / screen_width_cm


@dataclass(frozen=True)
class ViewingConditions:
    """Viewing conditions: a screen ``screen_cm`` wide, from ``distance_cm``.

    ``screen_pixels``: its width in pixels where frames were shown pixel by pixel; None: frames filled its width.
    """

    screen_cm: float
    distance_cm: float
    screen_pixels: int | None = None

    def __post_init__(self) -> None:
        pixels = 1 if self.screen_pixels is None else self.screen_pixels
        if not min(self.screen_cm, self.distance_cm, pixels) > 0:
            raise ValueError(f"{self}: widths and distance must be positive")

    @classmethod
    def spanning(cls, degrees: float) -> ViewingConditions:
        """Return the conditions of frames whose width covered ``degrees``. Raises ValueError outside 0..180."""
        if not 0 < degrees < 180:
            raise ValueError(f"a field of view lies between 0 and 180 degrees, not {degrees}")
        return cls(2 * math.tan(math.radians(degrees) / 2), 1.0)

    def pixels(self, degrees: float, width: int) -> float:
        """Return the pixels that ``degrees`` cover at the centre of a frame ``width`` pixels wide."""
        return sigma_of_degrees(degrees, self.screen_pixels or width, self.screen_cm, self.distance_cm)


@dataclass(frozen=True)
class GaussianWidth:
    """Standard deviation of the ground-truth Gaussian.

    ``unit`` pixels: of a frame ``reference_width`` wide and in proportion in others; without it, the same number of
    pixels in every frame. ``unit`` degrees: of visual angle, which needs ``viewing``. Raises ValueError for a value
    that is not positive and for degrees without a viewing geometry.
    """

    value: float
    unit: Literal["pixels", "degrees"] = "pixels"
    reference_width: int | None = None
    viewing: ViewingConditions | None = None

    def __post_init__(self) -> None:
        if not self.value > 0:
            raise ValueError(f"a spread must be positive, not {self.value}")
        if self.unit == "degrees" and self.viewing is None:
            raise ValueError("a spread in degrees needs the width of the screen and the distance to it (viewing)")

    def pixels(self, width: int) -> float:
        """Return sigma in pixels of a frame ``width`` pixels wide."""
        if self.viewing is not None and self.unit == "degrees":
            return self.viewing.pixels(self.value, width)
        return self.value if self.reference_width is None else sigma_for(self.value, self.reference_width, width)
