"""The published picture of gaze directions: the depth of a cone around the corner of each face box.

A widening cone of points starts at the box's corner and runs ten pixels along the gaze; every pixel gets the depth of
the nearest point, smoothed; the nearer to the camera, the brighter. Radii and length are pixels at any frame size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import Picture, blended, jet, wrapped

STEPS = 100
LENGTH = 10
RADII = (1, 60)
SIGMA = 6.0
TRUNCATE = 4

Depth = NDArray[np.float64]
Render = Callable[[NDArray[np.int64], int, int], Depth]


def cone_points(corner: tuple[float, float], gaze: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return points ``[10000, 3]`` (x, y, depth) of the cone, angle by angle, truncated to whole pixels.

    ``corner``: x, y in pixels. ``gaze`` float32 ``[3]``, length 1, used as (x, y, depth) without mirroring.
    """
    start = np.array([corner[0], corner[1], 0.0])
    axis = (start + LENGTH * gaze) - start
    length = np.linalg.norm(axis)
    axis /= length
    beside = np.array([1.0, 1.0, 0.0])
    if (axis == beside).all():
        beside = np.array([0.0, 1.0, 0.0])
    first = np.cross(axis, beside)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    along, turn = np.linspace(0, length, STEPS), np.linspace(0, 2 * np.pi, STEPS)[:, None]
    radius = np.linspace(*RADII, STEPS)
    across, down = (radius * np.sin(turn))[..., None], (radius * np.cos(turn))[..., None]
    points = start + axis * along[None, :, None] + across * first + down * second
    return points.reshape(-1, 3).astype(np.int64)


def exact_depth(points: NDArray[np.int64], height: int, width: int, as_integers: bool = True) -> Depth:
    """Return the smoothed depth ``[height, width]`` of the nearest point, as the published code does (slow).

    Many points share a position; a search tree decides between them. ``as_integers``: integers before and after
    smoothing, as in the environment of the release.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    x, y = np.meshgrid(np.linspace(0, width, width), np.linspace(0, height, height))
    nearest = cKDTree(points[:, :2].astype(np.float64)).query(np.stack([x.ravel(), y.ravel()], 1))[1]
    depth = points[nearest, 2].reshape(height, width)
    smooth = gaussian_filter(depth if as_integers else depth.astype(np.float64), SIGMA, truncate=TRUNCATE)
    return np.asarray(smooth, np.float64)


def fast_depth(points: NDArray[np.int64], height: int, width: int, zoom: float = 1.0) -> Depth:
    """Approximate :func:`exact_depth` by one distance transform, ``[height * zoom, width * zoom]``.

    Points at the same position give their mean. ``zoom`` below 1 computes a smaller field of the same picture.
    """
    places = np.floor(points[:, :2] * zoom).astype(np.int64)
    h, w = max(1, round(height * zoom)), max(1, round(width * zoom))
    low = np.minimum(places.min(0), 0)
    columns, rows = np.maximum(places.max(0) + 1, (w, h)) - low
    flat = (places[:, 1] - low[1]) * columns + places[:, 0] - low[0]
    counts = np.bincount(flat, minlength=rows * columns)
    sums = np.bincount(flat, points[:, 2], rows * columns)
    empty = (counts == 0).astype(np.uint8).reshape(rows, columns)
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    occupied = counts > 0
    of_label = np.zeros(int(labels.max()) + 1)
    of_label[labels.ravel()[occupied]] = sums[occupied] / counts[occupied]
    depth = of_label[labels[-low[1] :, -low[0] :][:h, :w]]
    reach = 2 * int(TRUNCATE * SIGMA * zoom + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(depth, (reach, reach), SIGMA * zoom, borderType=cv2.BORDER_REFLECT), np.float64)


def levels(depth: Depth) -> Picture:
    """Convert depth to bytes, brightest nearest to the camera; a constant field gives 255."""
    span = depth.max() - depth.min()
    return np.asarray(255 - wrapped((depth - depth.min()) / span * 255 if span else np.zeros_like(depth)), np.uint8)


def picture(depths: Sequence[Depth], height: int, width: int) -> Picture:
    """Draw the coloured picture BGR ``[height, width, 3]``: faces over each other, each at half strength."""
    result: Picture = np.zeros((height, width, 3), np.uint8)
    for depth in depths:
        result = blended(jet(levels(depth)), result, 0.5)
    return result


def grey(depths: Sequence[Depth]) -> NDArray[np.float32]:
    """Draw it before colouring, float32 ``[h, w]`` in 0..1; the weights of the faces (1/2, 1/4, ...) sum to 1."""
    result: NDArray[np.float64] = np.zeros(depths[0].shape)
    for depth in depths:
        result = 0.5 * result + 0.5 * levels(depth) / 255
    return (result / (1 - 0.5 ** len(depths))).astype(np.float32)
