"""Ground truth as pictures: drawn by the rule of the released system, or stored with a data set.

The released system has a byte density and plus-shaped fixations on another grid than ``density``: pixel i lies at
coordinate i, not at i + 1/2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Points, Size, Weights, peak_one
from gazenet.data.fixations import FrameFixations

_PLUS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))


def published_density(points: Points, size: Size, sigma: float, weights: Weights | None = None) -> NDArray[np.uint8]:
    """Draw uint8 ``[H, W]``: Gaussians of height ``weights`` summed, divided by the maximum, times 255, truncated.

    Points outside the frame contribute their tails; NaN points are ignored.
    """
    heights = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    finite = np.isfinite(points).all(axis=1) & np.isfinite(heights)
    x, y = points[finite].T
    across = np.exp(-0.5 * ((np.arange(size[1]) - x[:, None]) / sigma) ** 2)
    down = heights[finite, None] * np.exp(-0.5 * ((np.arange(size[0]) - y[:, None]) / sigma) ** 2)
    summed = down.T @ across
    peak = summed.max(initial=0.0)
    return (summed / peak * 255 if peak else summed).astype(np.uint8)


def published_fixations(points: Points, size: Size) -> NDArray[np.uint8]:
    """Draw uint8 ``[H, W]``, 255 on the five pixels of a plus at each point's whole part, clipped at the frame."""
    marked = np.zeros(size, np.uint8)
    at = np.trunc(points[np.isfinite(points).all(axis=1)])
    for dx, dy in _PLUS:
        x, y = at[:, 0] + dx, at[:, 1] + dy
        kept = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
        marked[y[kept].astype(int), x[kept].astype(int)] = 255
    return marked


@dataclass(frozen=True)
class PublishedFixations(FrameFixations):
    """Fixations whose maps are drawn at the frame's own size and stretched from there."""

    def density(self, frame: int, h: int, w: int, sigma: float) -> NDArray[np.float32]:
        """Return float32 ``[h, w]`` in 0..1: :func:`published_density`, stretched (bilinear)."""
        weights = None if self.weights is None else self.weights[frame]
        picture = published_density(self.points[frame], self.size, sigma, weights)
        return _stretched(picture, h, w).astype(np.float32) / np.float32(255)

    def fixation_map(self, frame: int, h: int, w: int) -> NDArray[np.uint8]:
        """Return uint8 ``[h, w]``: 1 wherever anything of a stretched plus is left, as the released metrics count."""
        return (_stretched(published_fixations(self.points[frame], self.size), h, w) > 0).astype(np.uint8)

    def fixation_counts(self, frame: int, h: int, w: int) -> NDArray[np.int64]:
        """Return the marks of :meth:`fixation_map` as int64: a picture does not show how often a cell was fixated."""
        return self.fixation_map(frame, h, w).astype(np.int64)


@dataclass(frozen=True)
class PictureFixations(FrameFixations):
    """Ground truth whose density is a picture: ``picture`` returns the grey one of a frame, or None."""

    picture: Callable[[int], NDArray[np.uint8] | None] | None = None

    def density(self, frame: int, h: int, w: int, sigma: float) -> NDArray[np.float32]:
        """Return float32 ``[h, w]``: the picture resized, largest value 1; ``sigma`` is ignored.

        All 0 where the frame has no picture.
        """
        picture = None if self.picture is None else self.picture(frame)
        if picture is None:
            return np.zeros((h, w), np.float32)
        shrinks = h <= picture.shape[0] and w <= picture.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return peak_one(np.asarray(cv2.resize(picture.astype(np.float32), (w, h), interpolation=method), np.float32))


def _stretched(picture: NDArray[np.uint8], h: int, w: int) -> NDArray[np.uint8]:
    """Stretch bilinearly without smoothing, like the released writer."""
    return np.asarray(cv2.resize(picture, (w, h), interpolation=cv2.INTER_LINEAR), np.uint8)
