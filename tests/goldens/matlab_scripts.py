"""The Matlab postprocessing of the authors in NumPy: resizing, boxes, recovery of crops, smoothing over time.

Boxes count from 1, both ends inclusive: (first row, last row, first column, last column). Frames are numbered from 1.
All arithmetic is float64. It follows the scripts; it was not compared with a run of Matlab.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gazenet_plugins.stanet.maps import Array, normalised

Box = tuple[int, int, int, int]

CROP_FACTOR, SMOOTH_FACTOR = 2.0, 3.0
"""Thresholds in means: pixels above belong to the crop; smoothed values below become 0."""
REACH = 2
"""Frames before and after that take part in the smoothing."""


def imresize(image: Array, height: int, width: int) -> Array:
    """Resize ``[h, w]`` by a bicubic kernel (a = -0.5), widened where the picture shrinks, edges mirrored."""
    scales = height / image.shape[0], width / image.shape[1]
    out = image.astype(np.float64)
    for axis in sorted((0, 1), key=lambda axis: scales[axis]):
        weights = _resize_matrix(image.shape[axis], (height, width)[axis], scales[axis])
        out = weights @ out if axis == 0 else out @ weights.T
    return out


def _resize_matrix(size_in: int, size_out: int, scale: float) -> Array:
    """``[size_out, size_in]``: what each input pixel contributes to each output pixel; rows sum to 1."""
    shrink = min(scale, 1.0)
    width = 4 / shrink
    centres = np.arange(1, size_out + 1) / scale + 0.5 * (1 - 1 / scale)
    taps = np.floor(centres - width / 2)[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = shrink * _cubic(shrink * (centres[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    mirror = np.concatenate([np.arange(size_in), np.arange(size_in)[::-1]])
    columns = mirror[(taps.astype(int) - 1) % (2 * size_in)]
    matrix = np.zeros((size_out, size_in))
    np.add.at(matrix, (np.arange(size_out)[:, None], columns), weights)
    return matrix


def _cubic(x: Array) -> Array:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def crop_box(map_: Array, factor: float = CROP_FACTOR) -> Box | None:
    """Return the box around the pixels above ``factor`` means; None without any (the frame is skipped)."""
    rows, columns = np.nonzero(map_ > factor * map_.mean())
    if not len(rows):
        return None
    return int(rows.min()) + 1, int(rows.max()) + 1, int(columns.min()) + 1, int(columns.max()) + 1


def recovered(fine: Array, box: Box, size: int) -> Array:
    """Paste the map of a crop into a black ``[size, size]``; the filter may exceed 0..1 slightly."""
    top, bottom, left, right = box
    grid = np.zeros((size, size))
    grid[top - 1 : bottom, left - 1 : right] = imresize(fine, bottom - top + 1, right - left + 1)
    return grid


def smoothed(maps: Sequence[Array], factor: float = SMOOTH_FACTOR) -> dict[int, Array]:
    """Smooth recursively over five frames: maps by frame number, for frames 4 to n - 4 of n.

    Each result, before values below ``factor`` means become 0, takes the place of the newest of its five frames and so
    weighs on the frames after it.
    """
    if len(maps) < 2 * REACH + 1:
        return {}
    buffer = [normalised(map_) for map_ in maps[: 2 * REACH + 1]]
    buffer[-1] = _mean_of(buffer)
    out = {}
    for frame in range(REACH + 2, len(maps) - REACH - 1):
        buffer = [*buffer[1:], normalised(maps[frame + REACH - 1])]
        buffer[-1] = _mean_of(buffer)
        out[frame] = np.where(buffer[-1] < factor * buffer[-1].mean(), 0.0, buffer[-1])
    return out


def _mean_of(maps: Sequence[Array]) -> Array:
    return normalised(np.mean(maps, axis=0))


def accumulated(spatial: Sequence[Array], temporal: Sequence[Array], with_sound: Array | None = None) -> Array:
    """Fuse the frames around one in the older way: add up spatial and temporal maps frame by frame.

    ``with_sound``: the spatial-auditory map of the middle frame, if there is one. The published script does not run:
    this is what it says.
    """
    total = np.zeros(spatial[0].shape)
    for map_, other in zip(spatial, temporal, strict=True):
        total = normalised(normalised(map_) + normalised(other) + total)
    return total if with_sound is None else normalised(total + normalised(with_sound))


def brightest(maps: Sequence[Array]) -> Array:
    """STANet+'s last fusion: the pixel-wise maximum of stretched maps ``[H, W]`` of one size, stretched."""
    return normalised(np.max([normalised(map_) for map_ in maps], axis=0))
