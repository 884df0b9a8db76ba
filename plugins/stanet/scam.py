"""Crop boxes from fused maps, boxes smoothed over time, cropped frames and pseudo-fixations.

Boxes are (first row, last row, first column, last column), counted from 0, both ends inclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazenet_plugins.stanet.maps import FINE_EPS, GRID, Array, Image, fused, resized

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class BoxRule:
    """The rule of the attended region: pixels above ``alpha`` times the mean.

    ``alpha`` falls by ``step`` until the region is at least ``extent`` from first to last row and column.
    """

    alpha: float = 2.0
    step: float = 0.05
    extent: int = 100


def crop_box(map_: Array, rule: BoxRule | None = None) -> tuple[Box, float]:
    """Return the box around the attended region of a map ``[H, W]``, and the threshold factor that gave it.

    Below a factor of 0 every pixel counts, so the search ends. Raises ValueError for a map that is smaller than the
    smallest extent.
    """
    rule = rule or BoxRule()
    if min(map_.shape) <= rule.extent:
        raise ValueError(f"a map of {map_.shape[0]}x{map_.shape[1]} holds no box of extent {rule.extent}")
    alpha, mean = rule.alpha, map_.mean()
    while True:
        rows, columns = np.nonzero(map_ > alpha * mean)
        if len(rows):
            box = int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
            if box[1] - box[0] >= rule.extent and box[3] - box[2] >= rule.extent:
                return box, alpha
        if alpha < 0:  # a map that is zero everywhere is above no threshold that is a multiple of its mean
            return (0, map_.shape[0] - 1, 0, map_.shape[1] - 1), alpha
        alpha -= rule.step


def smoothed_boxes(boxes: Mapping[int, Box]) -> dict[int, Box]:
    """Average the box of each second with those of the seconds before and after; itself replaces missing ones."""
    return {second: _mean([boxes.get(second + k, box) for k in (-1, 0, 1)]) for second, box in boxes.items()}


def _mean(boxes: Sequence[Box]) -> Box:
    top, bottom, left, right = (int(sum(side) / len(boxes)) for side in zip(*boxes, strict=True))
    return top, bottom, left, right


def cropped(frame: Image, box: Box, size: int = GRID) -> Image:
    """Resize a frame ``[H, W, 3]`` to ``size`` x ``size`` and cut out the box."""
    top, bottom, left, right = box
    return np.asarray(resized(frame, size, size)[top : bottom + 1, left : right + 1], np.uint8)


def pseudo_fixations(
    maps: Sequence[NDArray[np.generic]],
    confidences: Sequence[float],
    box: Box,
    size: int = GRID,
    eps: float = FINE_EPS,
) -> Image:
    """Paste the fused maps of the crop at its position into a black uint8 ``[size, size]``, without blur."""
    top, bottom, left, right = box
    grid = np.zeros((size, size))
    grid[top : bottom + 1, left : right + 1] = resized(
        fused(maps, confidences, eps), bottom - top + 1, right - left + 1
    )
    return (grid * 255).astype(np.uint8)
