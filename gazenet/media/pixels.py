"""Conversion of pixels to RGB of 8 bits; transparency becomes black, so that hidden colours never show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
"""Pillow's modes with transparency; other modes have it where the file names a transparent colour."""


def over_black(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blend uint8 ``[H, W, 4]`` with straight alpha over black: uint8 ``[H, W, 3]``."""
    alpha = rgba[..., 3]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    product = rgba[..., :3].astype(np.uint16) * alpha[..., None] + 127
    return (product // 255).astype(np.uint8)


def rgb_of(picture: Image) -> NDArray[np.uint8]:
    """Convert a decoded picture to RGB uint8 ``[H, W, 3]``.

    Transparency becomes black. Integers of 16 bits are divided by 256, independent of the brightest pixel, so that the
    frames of a sequence stay comparable. Floats range from 0 (black) to 1 (white); if any is above 1, all must be
    whole numbers from 0 to 255. Other modes (CMYK, one bit, palettes) are converted as Pillow does.

    Raises ValueError with the reason for values outside of these ranges.
    """
    if picture.mode.startswith("I"):
        return _grey(_of_integers(np.asarray(picture).astype(np.int64)))
    if picture.mode == "F":
        return _grey(_of_floats(np.asarray(picture, np.float64)))
    if picture.mode in TRANSPARENT or "transparency" in picture.info:
        return over_black(np.asarray(picture.convert("RGBA"), np.uint8))
    return np.array(picture.convert("RGB"), np.uint8)


def _of_integers(values: NDArray[np.int64]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ValueError(f"its pixels are integers from {low} to {high}; scale them to 8 or 16 bits first")
    return (values >> 8).astype(np.uint8)


def _of_floats(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    if not np.isfinite(values).all():
        raise ValueError("some of its pixels are not finite numbers; replace them first")
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return np.round(255 * values).astype(np.uint8)
    if low >= 0 and high <= 255 and (values == np.round(values)).all():
        return values.astype(np.uint8)
    raise ValueError(f"its pixels are floats from {low:g} to {high:g}; scale them to 0..1 first")


def _grey(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(values[..., None], 3, axis=2)
