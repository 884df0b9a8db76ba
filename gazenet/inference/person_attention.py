"""The share of a predicted density that falls on each person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face
from gazenet.cues.rendering import Canvas

REACH = 1.5
"""A person's neighbourhood is the face box enlarged by this factor about its centre."""


def face_shares(
    density: NDArray[np.float32], faces: Sequence[Face], size: tuple[int, int]
) -> tuple[dict[int, float], float]:
    """Share 0..1 of the density per track, and the share that falls on no person.

    ``density`` ``[h, w]`` covers a frame of ``size`` (height, width) pixels. Cells in several neighbourhoods count for
    the nearest face, distances in units of the face's size. A density of zeros gives zero shares.
    """
    canvas = Canvas(size, (density.shape[0], density.shape[1]))
    total = float(density.sum())
    owner = np.full(density.shape, -1)
    nearest = np.full(density.shape, np.inf, np.float32)
    for k, face in enumerate(faces):
        width, height = (max(side, 1.0) * REACH / 2 for side in face.size)
        dx = np.abs(canvas.columns() - face.centre[0]) / width
        dy = np.abs(canvas.rows() - face.centre[1]) / height
        distance = np.hypot(dx, dy)
        mine = (dx <= 1) & (dy <= 1) & (distance < nearest)
        owner[mine], nearest[mine] = k, distance[mine]
    shares = {face.track: float(density[owner == k].sum()) / total if total else 0.0 for k, face in enumerate(faces)}
    rest = float(density[owner < 0].sum()) / total if total else 0.0
    return shares, rest


def peak(density: NDArray[np.float32], size: tuple[int, int]) -> tuple[float, float]:
    """(x, y) of the maximum's cell centre in pixels of the frame."""
    row, column = np.unravel_index(int(density.argmax()), density.shape)
    return (column + 0.5) * size[1] / density.shape[1], (row + 0.5) * size[0] / density.shape[0]
