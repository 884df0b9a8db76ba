"""Face crops as published networks want them: exactly the box, cut from the frames of a window."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Box = tuple[float, float, float, float]
PixelBox = tuple[int, int, int, int]
Image = NDArray[np.uint8]


def scaled(box: Box, size: tuple[int, int], frame: Tensor) -> Box:
    """A box in pixels of the full frame of ``size`` (height, width) in pixels of ``frame`` ``[..., h, w]``."""
    sx, sy = frame.shape[-1] / size[1], frame.shape[-2] / size[0]
    return box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy


def pixel_box(box: Box) -> PixelBox:
    """Whole pixels as the published pipeline makes them: below 0 clipped, then truncated; not clipped elsewhere."""
    left, top, right, bottom = (int(max(0.0, value)) for value in box)
    return left, top, right, bottom


def enlarged(box: Box, wider: float, higher: float, up: float = 0.0) -> Box:
    """A box ``wider`` and ``higher`` times as large, moved up by ``up`` of its former height."""
    width, height = (box[2] - box[0]) * wider, (box[3] - box[1]) * higher
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - up * (box[3] - box[1])
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def cut(frame: Tensor, box: PixelBox, side: int) -> Image | None:
    """The part of ``frame`` uint8 ``[3, h, w]`` inside ``box``, stretched bilinearly to uint8 ``[side, side, 3]``.

    What overshoots right or bottom is left away. None where nothing of the box lies inside the frame.
    """
    left, top, right, bottom = box
    part = frame[:, top:bottom, left:right]
    if 0 in part.shape:
        return None
    return stretched(np.ascontiguousarray(part.permute(1, 2, 0).cpu().numpy()), side)


def stretched(image: Image, side: int) -> Image:
    """uint8 ``[h, w, 3]`` to ``[side, side, 3]``, bilinear without smoothing, the aspect ratio not kept."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
