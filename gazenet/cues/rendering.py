"""Rendering of people into maps that cover the complete frame: blobs on faces and cones along the gaze.

Map coordinates: cell (row i, column j) of an ``[h, w]`` map covers the part of the frame whose centre lies at
``((j + 0.5) / w * width, (i + 0.5) / h * height)`` pixels. All functions return float32 in 0..1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """The geometry between a frame of ``size`` (height, width) pixels and a map of ``shape`` (h, w) cells."""

    size: tuple[int, int]
    shape: tuple[int, int]

    def empty(self) -> FloatMap:
        """Return a map of zeros."""
        return np.zeros(self.shape, np.float32)

    def columns(self) -> FloatMap:
        """Return the pixel x of every column's centre, ``[1, w]``."""
        w = self.shape[1]
        return ((np.arange(w, dtype=np.float32) + 0.5) * (self.size[1] / w))[None, :]

    def rows(self) -> FloatMap:
        """Return the pixel y of every row's centre, ``[h, 1]``."""
        h = self.shape[0]
        return ((np.arange(h, dtype=np.float32) + 0.5) * (self.size[0] / h))[:, None]

    def blob(self, centre: tuple[float, float], sigma: tuple[float, float]) -> FloatMap:
        """Draw a Gaussian of height 1 at ``centre`` (x, y) with ``sigma`` (x, y), all in pixels of the frame."""
        # A blob thinner than a cell would vanish between cell centres.
        sx = max(sigma[0], 0.7 * self.size[1] / self.shape[1])
        sy = max(sigma[1], 0.7 * self.size[0] / self.shape[0])
        across = np.exp(-0.5 * ((self.columns() - centre[0]) / sx) ** 2)
        down = np.exp(-0.5 * ((self.rows() - centre[1]) / sy) ** 2)
        return (down * across).astype(np.float32)

    def face_blob(self, face: Face, scale: float = 0.35) -> FloatMap:
        """Draw a Gaussian on a face; sigma is ``scale`` times width and height of its box."""
        width, height = face.size
        return self.blob(face.centre, (scale * width, scale * height))

    def cone(self, apex: tuple[float, float], direction: tuple[float, float], half_angle: float) -> FloatMap:
        """Draw a cone from ``apex`` (x, y in pixels) along ``direction`` (x, y; of any length) with a soft edge.

        ``half_angle`` in radians is the standard deviation of the Gaussian fall-off in angle. A direction of length 0
        gives an empty map.
        """
        length = float(np.hypot(*direction))
        if length == 0:
            return self.empty()
        dx, dy = self.columns() - apex[0], self.rows() - apex[1]
        along = (dx * direction[0] + dy * direction[1]) / length
        across = np.abs(dx * direction[1] - dy * direction[0]) / length
        angle = np.arctan2(across, along)
        return np.exp(-0.5 * (angle / half_angle) ** 2).astype(np.float32)


def brightest(maps: Iterable[FloatMap], canvas: Canvas) -> FloatMap:
    """Return the cell-wise maximum of maps; a map of zeros without any."""
    result = canvas.empty()
    for one in maps:
        np.maximum(result, one, out=result)
    return result
