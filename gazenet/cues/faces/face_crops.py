"""Face crops as published networks take them: exactly the box, cut from the frames of a window."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Box = tuple[float, float, float, float]
PixelBox = tuple[int, int, int, int]
Image = NDArray[np.uint8]


def scaled(box: Box, size: tuple[int, int], frame: Tensor) -> Box:
    """Convert a box in the full frame of ``size`` (height, width) to pixels of ``frame`` ``[..., h, w]``."""
    sx, sy = frame.shape[-1] / size[1], frame.shape[-2] / size[0]
    return box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy


def pixel_box(box: Box) -> PixelBox:
    """Convert a box to whole pixels as the published pipeline does: clipped at 0, truncated, not clipped otherwise."""
    left, top, right, bottom = (int(max(0.0, value)) for value in box)
    return left, top, right, bottom


def enlarged(box: Box, wider: float, higher: float, up: float = 0.0) -> Box:
    """Enlarge a box by the factors ``wider`` and ``higher`` and move it up by ``up`` of its former height."""
    width, height = (box[2] - box[0]) * wider, (box[3] - box[1]) * higher
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - up * (box[3] - box[1])
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def cut(frame: Tensor, box: PixelBox, side: int) -> Image | None:
    """Cut ``box`` out of ``frame`` uint8 ``[3, h, w]`` and resize it bilinearly to uint8 ``[side, side, 3]``.

    Parts of the box beyond the right and bottom edges are dropped. None if the box lies outside the frame.
    """
    left, top, right, bottom = box
    part = frame[:, top:bottom, left:right]
    if 0 in part.shape:
        return None
    return stretched(np.ascontiguousarray(part.permute(1, 2, 0).cpu().numpy()), side)


def stretched(image: Image, side: int) -> Image:
    """Resize uint8 ``[h, w, 3]`` to ``[side, side, 3]``, bilinear without smoothing, ignoring the aspect ratio."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
