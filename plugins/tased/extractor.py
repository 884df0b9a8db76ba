"""TASED-Net as an extractor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from gazenet.backbones.checkpoint import load_published
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.postprocess import FloatMap, relative
from gazenet_plugins.tased.network import TasedNet
from gazenet_plugins.tased.spec import SPEC

SIGMA = 7.0
"""Standard deviation of the smoothing, in pixels of the network's map."""


class TasedSaliency(ClipSaliency):
    """Predicts the map of each frame from 32 frames; the modes differ in the clip only."""

    spec = SPEC
    checkpoint = "model.pt"

    def build(self, path: Path) -> nn.Module:
        """Build the network with the weights of a checkpoint."""
        return load_published(TasedNet(), path)

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Smooth a map and divide it by its maximum."""
        return smoothed(saliency)


def smoothed(values: NDArray[np.floating], sigma: float = SIGMA) -> FloatMap:
    """Smooth ``[h, w]`` by a Gaussian (mirrored borders, cut at four sigma) and divide it by its maximum."""
    from scipy.ndimage import gaussian_filter

    return relative(gaussian_filter(np.asarray(values, np.float32), sigma, mode="reflect", truncate=4.0))
