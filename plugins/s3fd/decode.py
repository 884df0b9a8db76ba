"""Decoding of the heads of S3FD to boxes."""

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
"""Lowest score of a candidate."""
OVERLAP = 0.3
"""IoU threshold of NMS."""
SCORE = 0.5
VARIANCES = (0.1, 0.2)


def candidates(heads: Sequence[tuple[Tensor, Tensor]]) -> Boxes:
    """Decode the heads of one picture (batch size 1) to boxes and scores ``[N, 5]`` above the floor."""
    per_scale = []
    for stride, (classes, offsets) in zip(STRIDES, heads, strict=True):
        score = classes[0].softmax(0)[1]
        rows, columns = torch.nonzero(score > FLOOR, as_tuple=True)
        offset, side = offsets[0, :, rows, columns], 4.0 * stride
        cell = torch.stack([columns, rows]).to(offset)
        centre = (cell + 0.5) * stride + offset[:2] * VARIANCES[0] * side
        half = side * torch.exp(offset[2:] * VARIANCES[1]) / 2
        per_scale.append(torch.cat([centre - half, centre + half, score[rows, columns][None]]).T)
    return np.asarray(torch.cat(per_scale).float().cpu().numpy(), np.float32)


def faces(boxes: Boxes, score: float = SCORE) -> Boxes:
    """Return the faces, best first: candidates after NMS with a score above ``score``."""
    best = boxes[nms(boxes[:, :4], boxes[:, 4], OVERLAP, inclusive=True)]
    return best[best[:, 4] > score]
