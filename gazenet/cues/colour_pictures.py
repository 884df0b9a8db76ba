"""Coloured pictures as the published pipeline draws them: BGR uint8, the jet colour map, its byte arithmetic."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

PUBLISHED_SIZE = (500, 500)
"""Height and width to which the published pipeline resizes every picture, whatever the aspect ratio of the video."""
SLACK = 1e-4
"""Tolerance in bytes: ``k / 255 * 255`` in single precision may fall just below ``k``."""
INTEGRATOR_SIZE = (120, 120)
"""Height and width at which the published integrators take pictures, and at which they are cached."""


def wrapped(values: NDArray[np.floating]) -> Picture:
    """Convert floats to bytes as the published code does: truncated, modulo 256; values that are not finite give 0."""
    integers = np.where(np.isfinite(values), values, 0).astype(np.int64)
    return np.asarray(integers & 255, np.uint8)


def jet(levels: Picture) -> Picture:
    """Colour levels uint8 ``[h, w]`` as BGR ``[h, w, 3]``: 0 is dark blue (128, 0, 0), 255 dark red (0, 0, 128)."""
    return np.asarray(cv2.applyColorMap(np.ascontiguousarray(levels), cv2.COLORMAP_JET), np.uint8)


def blended(over: Picture, under: Picture, alpha: float) -> Picture:
    """Blend ``alpha`` of ``over`` onto ``under``; halves round to the nearest even byte."""
    return np.asarray(cv2.addWeighted(over, alpha, under, 1 - alpha, 0), np.uint8)


def stretched(picture: Picture, size: tuple[int, int]) -> Picture:
    """Resize ``[h, w, ...]`` to ``size`` (height, width), bilinear without smoothing."""
    return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


def coloured(maps: Iterable[NDArray[np.floating]], size: tuple[int, int]) -> list[Picture]:
    """Draw saliency maps in 0..1 as RGB pictures ``[*size, 3]``: rounded down to bytes, coloured, then resized."""
    return [rgb(stretched(jet(rounded_down(one)), size)) for one in maps]


def rounded_down(values: NDArray[np.floating]) -> Picture:
    """Convert a map in 0..1 to bytes, rounding down; whole steps of 1/255 are preserved."""
    return np.asarray(np.floor(np.asarray(values, np.float64) * 255 + SLACK), np.uint8)


def rgb(picture: Picture) -> Picture:
    """Swap BGR ``[h, w, 3]`` and RGB."""
    return np.ascontiguousarray(picture[..., ::-1])


def integrator_planes(picture: Picture) -> Picture:
    """Return the picture ``[H, W, 3]`` of a frame as planes ``[3, 120, 120]``, the input of the published integrators.

    Resized twice without smoothing, as in the released inference (the released training did smooth).
    """
    small = stretched(stretched(picture, PUBLISHED_SIZE), INTEGRATOR_SIZE)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


def as_pictures(planes: Picture) -> Picture:
    """View planes ``[..., 3, h, w]`` as pictures ``[..., h, w, 3]``, without a copy."""
    return np.moveaxis(planes, -3, -1)
