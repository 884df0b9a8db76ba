"""Still pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.media.source import checked_file


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """A picture as RGB uint8 ``[H, W, 3]``, upright by its EXIF orientation. Raises MediaError where unreadable."""
    file = checked_file(path)
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise MediaError(f"{file}: cannot be read: {error}") from None
    if image is None:
        raise MediaError(f"{file}: not a readable picture (damaged, or of an unknown format)")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
