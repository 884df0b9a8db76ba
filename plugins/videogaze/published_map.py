"""The published picture of gaze following: summed heat maps, coloured, then stretched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import Picture, blended, jet, stretched, wrapped
from gazenet_plugins.videogaze.network import CELLS

Heat = NDArray[np.floating]


def total(heats: Sequence[Heat], cells: int = CELLS) -> Heat:
    """The sum ``[cells, cells]`` of heat maps; 0 without any."""
    return np.sum(heats, axis=0) if heats else np.zeros((cells, cells), np.float32)


def levels(heat: Heat) -> Picture:
    """Bytes of a summed map: truncated; sums above 1 wrap."""
    return wrapped(255 * heat)


def picture(heat: Heat) -> Picture:
    """The coloured picture BGR of a summed map, one pixel per cell; without anybody it is dark blue."""
    return jet(levels(heat))


def overlay(coloured: Picture, frame: Picture, alpha: float) -> Picture:
    """The picture over a frame ``[H, W, 3]``, for viewing."""
    return blended(stretched(coloured, (frame.shape[0], frame.shape[1])), frame, alpha)


def peak(heat: Heat, height: int, width: int) -> tuple[int, int]:
    """Pixel (x, y) of the brightest cell's top left corner."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return int(column / heat.shape[1] * width), int(row / heat.shape[0] * height)
