"""The video frame as a cue."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Windows
from gazenet_plugins.captured.spec import SPEC

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luminance (ITU-R BT.601)."""


class Captured(Extractor):
    """The frame as a picture, and its luminance as the map, for integrators that take one channel."""

    spec = SPEC
    not_exportable = "the frame itself, without a network"

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Put the luminance weights on ``device``."""
        self._weights = torch.tensor(LUMINANCE, device=device).view(1, 3, 1, 1)

    def extract(self, windows: Windows) -> CueMaps:
        """Return luminance ``[B, h, w]`` and the frames."""
        assert windows.frames is not None
        frames = windows.frames[:, windows.anchor]
        grey = (frames.float() / 255 * self._weights).sum(1, keepdim=True)
        maps = F.interpolate(grey, windows.map_size, mode="area")[:, 0]
        pictures = [np.ascontiguousarray(one.permute(1, 2, 0).cpu().numpy()) for one in frames]
        return CueMaps(maps.clamp(0, 1), pictures=pictures)
