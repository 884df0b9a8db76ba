"""Coloured pictures as the published pipeline draws them: BGR uint8, jet, with the published arithmetic of bytes."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

SHOWN = (500, 500)
"""Height and width that the published pipeline brings every picture to, whatever the shape of the video."""
SLACK = 1e-4
"""What k / 255 may lack of k, times 255, in single precision."""
TAKEN = (120, 120)
"""Height and width at which the published integrators take pictures, and at which they are cached."""


def wrapped(values: NDArray[np.floating]) -> Picture:
    """Floats to bytes as the published code does: truncated, then modulo 256; what is not a number becomes 0."""
    whole = np.where(np.isfinite(values), values, 0).astype(np.int64)
    return np.asarray(whole & 255, np.uint8)


def jet(levels: Picture) -> Picture:
    """Levels uint8 ``[h, w]`` as BGR ``[h, w, 3]``: 0 is dark blue (128, 0, 0), 255 dark red (0, 0, 128)."""
    return np.asarray(cv2.applyColorMap(np.ascontiguousarray(levels), cv2.COLORMAP_JET), np.uint8)


def blended(over: Picture, under: Picture, alpha: float) -> Picture:
    """``alpha`` of ``over`` on ``under``, rounded to the nearest even byte where it is halfway."""
    return np.asarray(cv2.addWeighted(over, alpha, under, 1 - alpha, 0), np.uint8)


def stretched(picture: Picture, size: tuple[int, int]) -> Picture:
    """``[h, w, ...]`` to ``size`` (height, width), bilinear without smoothing."""
    return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


def coloured(maps: Iterable[NDArray[np.floating]], size: tuple[int, int]) -> list[Picture]:
    """Saliency maps in 0..1 as RGB pictures ``[*size, 3]``: bytes rounded down, coloured, then stretched."""
    return [rgb(stretched(jet(rounded_down(one)), size)) for one in maps]


def rounded_down(values: NDArray[np.floating]) -> Picture:
    """A map in 0..1 as bytes; one that is in whole steps of 1/255 already keeps them."""
    return np.asarray(np.floor(np.asarray(values, np.float64) * 255 + SLACK), np.uint8)


def rgb(picture: Picture) -> Picture:
    """BGR ``[h, w, 3]`` as RGB, and the other way round."""
    return np.ascontiguousarray(picture[..., ::-1])


def taken(picture: Picture) -> Picture:
    """A picture ``[H, W, 3]`` of a frame as the published integrators take it: planes ``[3, 120, 120]``.

    Twice resized without smoothing, as in the released inference (its training smoothed: that mismatch is theirs).
    """
    small = stretched(stretched(picture, SHOWN), TAKEN)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


def as_pictures(planes: Picture) -> Picture:
    """Planes ``[..., 3, h, w]`` as pictures ``[..., h, w, 3]``, without copying."""
    return np.moveaxis(planes, -3, -1)
