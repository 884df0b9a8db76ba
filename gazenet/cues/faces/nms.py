"""Greedy non-maximum suppression in the variants of published face detectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]


def nms(
    boxes: Boxes,
    scores: NDArray[np.floating],
    iou_threshold: float,
    *,
    inclusive: bool = False,
    over_min_area: bool = False,
) -> list[int]:
    """Return the indices of the boxes that stay, best first.

    Args:
        boxes: ``[N, 4]`` left, top, right, bottom.
        scores: ``[N]``; of equal scores the first wins.
        iou_threshold: a box is dropped if its overlap with a better box is larger than this.
        inclusive: corners are pixel indices, so that sides are one longer than the difference of the corners.
        over_min_area: divide the intersection by the smaller area instead of by the union.
    """
    pixel = int(inclusive)
    area = (boxes[:, 2] - boxes[:, 0] + pixel) * (boxes[:, 3] - boxes[:, 1] + pixel)
    order = np.argsort(-scores, kind="stable")
    result: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        result.append(best)
        low = np.maximum(boxes[order, :2], boxes[best, :2])
        high = np.minimum(boxes[order, 2:4], boxes[best, 2:4])
        common = np.clip(high - low + pixel, 0, None).prod(1)
        reference = np.minimum(area[order], area[best]) if over_min_area else area[order] + area[best] - common
        order = order[common <= iou_threshold * reference]
    return result
