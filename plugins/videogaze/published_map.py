"""The published picture of gaze following: summed heat maps, coloured, then resized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import Picture, blended, jet, stretched, wrapped
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


def overlay(coloured: Picture, frame: Picture, alpha: float) -> Picture:
    """Blend the picture over a frame ``[H, W, 3]``, for viewing."""
    return blended(stretched(coloured, (frame.shape[0], frame.shape[1])), frame, alpha)


def peak(heat: Heat, height: int, width: int) -> tuple[int, int]:
    """Return the pixel (x, y) of the top left corner of the brightest cell."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return int(column / heat.shape[1] * width), int(row / heat.shape[0] * height)
