"""Still pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.media.source import checked_file, display_name

ORIENTATION, LYING = 274, 5
"""EXIF's tag of how a picture is turned, and the first of its values that swap width and height."""


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """A picture as RGB uint8 ``[H, W, 3]``, upright by its EXIF orientation; of several pictures the first.

    16-bit grey values are divided by 256. Raises MediaError where it is unreadable, truncated, or beyond 180
    million pixels.
    """
    from PIL import Image, ImageOps

    file = checked_file(path)
    name = display_name(file)
    try:
        with Image.open(file) as opened:
            opened.load()  # unlike other readers, this refuses pictures that end too early
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith("I"):
                grey = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            return np.array(picture.convert("RGB"), np.uint8)
    except Image.DecompressionBombError:
        raise MediaError(f"{name}: has too many pixels; scale it down first") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        cause = "of an unknown format" if "identify" in str(error) else " ".join(str(error).split())
        raise MediaError(f"{name}: not a readable picture ({cause or 'damaged'})") from None


def read_grey(path: str | Path) -> NDArray[np.uint8]:
    """A picture as grey uint8 ``[H, W]``, as :func:`read_image` reads it. Raises MediaError."""
    import cv2

    return np.asarray(cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY), np.uint8)


def picture_size(path: str | Path) -> tuple[int, int]:
    """(height, width) of a picture, upright, of which only the beginning is read. Raises MediaError."""
    from PIL import Image

    file = checked_file(path)
    try:
        with Image.open(file) as opened:
            width, height = opened.size
            turned = opened.getexif().get(ORIENTATION, 1) >= LYING
    except (OSError, ValueError, SyntaxError) as error:
        raise MediaError(f"{display_name(file)}: not a readable picture ({error})") from None
    return (width, height) if turned else (height, width)
