"""From S3FD's heads to boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.cues.faces.nms import nms
from gazenet_plugins.s3fd.network import STRIDES

Boxes = NDArray[np.float32]

FLOOR = 0.05
OVERLAP = 0.3
SCORE = 0.5
VARIANCES = (0.1, 0.2)


def candidates(heads: Sequence[tuple[Tensor, Tensor]]) -> Boxes:
    """Boxes and scores ``[N, 5]`` of all cells of one picture (``heads`` of batch size 1) above the floor."""
    found = []
    for stride, (classes, offsets) in zip(STRIDES, heads, strict=True):
        score = classes[0].softmax(0)[1]
        rows, columns = torch.nonzero(score > FLOOR, as_tuple=True)
        offset, side = offsets[0, :, rows, columns], 4.0 * stride
        cell = torch.stack([columns, rows]).to(offset)
        centre = (cell + 0.5) * stride + offset[:2] * VARIANCES[0] * side
        half = side * torch.exp(offset[2:] * VARIANCES[1]) / 2
        found.append(torch.cat([centre - half, centre + half, score[rows, columns][None]]).T)
    return np.asarray(torch.cat(found).float().cpu().numpy(), np.float32)


def faces(found: Boxes, score: float = SCORE) -> Boxes:
    """The candidates that stay, best first: overlapping ones go, then those up to ``score``."""
    best = found[nms(found[:, :4], found[:, 4], OVERLAP, inclusive=True)]
    return best[best[:, 4] > score]


def published_boxes(found: Boxes) -> NDArray[np.int64]:
    """Whole pixels ``[N, 4]`` (top, right, bottom, left): clipped below 0, then truncated."""
    return np.maximum(found[:, [1, 2, 3, 0]], 0).astype(np.int64)
