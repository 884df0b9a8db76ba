"""Saliency of single frames by DeepLab."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.cues.types import AssetPath, CueMaps, VideoContext, Windows
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency
from gazenet_plugins.deeplab_saliency.network import SIZE, normalised, to_maximum
from gazenet_plugins.deeplab_saliency.spec import SPEC


class DeepLabSaliencyMaps:
    """The map of each frame, brought to a maximum of 1.

    Args:
        weights: a checkpoint file; empty for the asset.
    """

    spec = SPEC

    def __init__(self, weights: str = "") -> None:
        self._weights = weights

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        self._network = load_saliency(self._weights or asset_path(SPEC.assets[0])).to(device, dtype)
        self._dtype = dtype

    def network(self) -> tuple[nn.Module, tuple[Tensor, ...]]:
        """The loaded network and an example of its input, two frames of noise: for export."""
        return self._network, (torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(0)),)

    def begin(self, video: VideoContext) -> None:
        """Nothing is kept between videos."""

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """One map ``[h, w]`` per window from its anchor frame."""
        assert windows.frames is not None
        maps = self._network(normalised(windows.frames[:, windows.anchor]).to(self._dtype)).float()
        maps = F.interpolate(maps, windows.map_size, mode="bilinear", align_corners=False, antialias=True)
        return CueMaps(to_maximum(maps)[:, 0].clamp(0, 1))
