"""The published picture of gaze following: summed heat maps, coloured, then resized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import Picture, jet, wrapped
from gazenet_plugins.videogaze.network import CELLS

Heat = NDArray[np.floating]


def total(heats: Sequence[Heat], cells: int = CELLS) -> Heat:
    """Return the sum ``[cells, cells]`` of heat maps; 0 without any."""
    return np.sum(heats, axis=0) if heats else np.zeros((cells, cells), np.float32)


def levels(heat: Heat) -> Picture:
    """Convert a summed map to bytes: truncated; sums above 1 wrap around."""
    return wrapped(255 * heat)


def picture(heat: Heat) -> Picture:
    """Draw a summed map as a picture BGR, one pixel per cell; zeros are dark blue."""
    return jet(levels(heat))
