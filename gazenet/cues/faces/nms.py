"""Greedy non-maximum suppression in the variants of published face detectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]


def nms(
    boxes: Boxes, scores: NDArray[np.floating], limit: float, *, pixel: int = 0, smaller: bool = False
) -> list[int]:
    """Indices of the boxes that stay, best first.

    Args:
        boxes: ``[N, 4]`` left, top, right, bottom.
        scores: ``[N]``; of equal ones the first is better.
        limit: a box goes where its overlap with a better one is larger than this.
        pixel: 1: corners are the indices of pixels, hence sides are one longer than their difference.
        smaller: the overlap is measured in the smaller of both boxes instead of in their union.
    """
    area = (boxes[:, 2] - boxes[:, 0] + pixel) * (boxes[:, 3] - boxes[:, 1] + pixel)
    order = np.argsort(-scores, kind="stable")
    result: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        result.append(best)
        low = np.maximum(boxes[order, :2], boxes[best, :2])
        high = np.minimum(boxes[order, 2:4], boxes[best, 2:4])
        common = np.clip(high - low + pixel, 0, None).prod(1)
        whole = np.minimum(area[order], area[best]) if smaller else area[order] + area[best] - common
        order = order[common <= limit * whole]
    return result
