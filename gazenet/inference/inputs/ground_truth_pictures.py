"""Ground truth as the two pictures of the published layout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gazenet.config.inference_data import PublishedConfig
from gazenet.data.drawn_truth import PublishedFixations, published_fixations
from gazenet.data.fixations import FrameFixations
from gazenet.data.grouped_frames import FIXMAP, SALMAP
from gazenet.maps.colours import colourise
from gazenet.maps.frame_folders import Picture


def truth_pictures(truth: FrameFixations, sigma: float, config: PublishedConfig) -> Iterator[dict[str, Picture]]:
    """Density (coloured) and fixated spots (white on black) of every frame, black where nobody looked.

    Both are drawn at the size of the frame, as published. Fixations of corrected readers are drawn at the size of the
    picture: stretched from a large frame, spots could be lost. ``sigma`` in pixels of the frame.
    """
    height, width = truth.size
    for frame in range(len(truth)):
        grey = np.round(truth.density(frame, height, width, sigma) * 255).astype(np.uint8)
        density = colourise(grey, config.truth_colour) if grey.any() else np.zeros((*grey.shape, 3), np.uint8)
        yield {SALMAP: density, FIXMAP: _spots(truth, frame, config.size)}


def _spots(truth: FrameFixations, frame: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    if isinstance(truth, PublishedFixations):
        return published_fixations(truth[frame], truth.size)
    scale = np.array([size[1] / truth.size[1], size[0] / truth.size[0]])
    return published_fixations(truth[frame] * scale, size)
