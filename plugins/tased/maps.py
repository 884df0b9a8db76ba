"""How TASED-Net's maps are finished."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.postprocess import FloatMap, relative

SIGMA = 7.0
"""Pixels of the network's map."""


def smoothed(values: NDArray[np.floating], sigma: float = SIGMA) -> FloatMap:
    """``[h, w]`` through a Gaussian filter (mirrored borders, cut at four deviations), divided by its maximum."""
    from scipy.ndimage import gaussian_filter

    return relative(gaussian_filter(np.asarray(values, np.float32), sigma, mode="reflect", truncate=4.0))
