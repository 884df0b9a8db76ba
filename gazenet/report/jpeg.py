"""Small JPEG pictures for the report, as bytes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]


def frame_picture(image: Image, side: int, quality: int = 76) -> bytes:
    """An RGB frame with its longer side at most ``side`` pixels."""
    return _jpeg(cv2.cvtColor(fit(image, side), cv2.COLOR_RGB2BGR), quality)


def map_picture(grey: Image, side: int, quality: int = 82) -> bytes:
    """A grey map ``[h, w]`` with its longer side at most ``side`` pixels."""
    return _jpeg(fit(np.ascontiguousarray(grey), side), quality)


def face_picture(image: Image, box: Box, size: tuple[int, int], side: int) -> bytes | None:
    """A square RGB crop around a face, ``side`` pixels wide; None where the box lies outside the picture.

    ``box`` is in pixels of a frame of ``size`` (height, width) that ``image`` is a copy of.
    """
    height, width = image.shape[:2]
    sy, sx = height / size[0], width / size[1]
    half = 0.62 * max((box[2] - box[0]) * sx, (box[3] - box[1]) * sy)
    x, y = (box[0] + box[2]) / 2 * sx, (box[1] + box[3]) / 2 * sy
    left, right = (int(np.clip(round(edge), 0, width)) for edge in (x - half, x + half))
    top, bottom = (int(np.clip(round(edge), 0, height)) for edge in (y - half, y + half))
    if right <= left or bottom <= top:
        return None
    crop = cv2.resize(image[top:bottom, left:right], (side, side), interpolation=cv2.INTER_AREA)
    return _jpeg(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), 80)


def fit(image: Image, side: int) -> Image:
    """The picture made smaller so that its longer side is at most ``side`` pixels; never larger."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Any, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be encoded")
    return bytes(data.tobytes())
