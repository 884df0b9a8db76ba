"""Reading of picture files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.media.media_files import checked_file, display_name
from gazenet.media.pixels import rgb_of

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION, LYING = 274, 5
"""EXIF tag of the orientation, and the first of its values that swap width and height."""


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Read the (first) picture of a file as RGB uint8 ``[H, W, 3]``, upright by its EXIF orientation.

    Transparency becomes black; :func:`~gazenet.media.pixels.rgb_of` describes the conversion of more than 8 bits.
    Raises MediaError for files that are unreadable, truncated, have values that cannot be scaled, or exceed 180
    million pixels.
    """
    with open_picture(path) as picture:
        return upright(picture)


@contextmanager
def open_picture(path: str | Path) -> Iterator[Image]:
    """Open a file with Pillow, at its first picture. Raises MediaError, also for errors of Pillow within the block."""
    from PIL import Image

    file = checked_file(path)
    name = display_name(file)
    try:
        with Image.open(file) as opened:
            yield opened
    except Image.DecompressionBombError:
        raise MediaError(f"{name}: has too many pixels; scale it down first") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        cause = "of an unknown format" if "identify" in str(error) else " ".join(str(error).split())
        raise MediaError(f"{name}: not a readable picture ({cause or 'damaged'})") from None


def upright(picture: Image) -> NDArray[np.uint8]:
    """Decode Pillow's current picture to upright RGB uint8 ``[H, W, 3]``. Raises OSError and ValueError."""
    from PIL import ImageOps

    picture.load()  # raises for truncated pictures
    return rgb_of(ImageOps.exif_transpose(picture))


def read_grey(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture as grey uint8 ``[H, W]``, otherwise as :func:`read_image` does. Raises MediaError."""
    import cv2

    return np.asarray(cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY), np.uint8)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return the upright (height, width) of a picture from the beginning of its file. Raises MediaError."""
    with open_picture(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(ORIENTATION, 1) >= LYING
    return (width, height) if turned else (height, width)
