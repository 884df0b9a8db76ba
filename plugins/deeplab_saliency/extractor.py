"""Saliency of single frames by DeepLab."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from gazenet.cues.exportable import Call, Exportable, fixed_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, VideoContext, Windows
from gazenet.cues.extractor_parameters import weights_path
from gazenet.cues.standalone import Standalone
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency
from gazenet_plugins.deeplab_saliency.network import SIZE, normalised, to_maximum
from gazenet_plugins.deeplab_saliency.spec import SPEC
from gazenet_plugins.deeplab_saliency.standalone import standalone


class DeepLabSaliencyMaps:
    """The map of each frame, brought to a maximum of 1.

    Args:
        weights: a checkpoint file; empty for the asset.
    """

    spec = SPEC

    def __init__(self, weights: str = "") -> None:
        self._weights = weights

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        network = load_saliency(weights_path(self._weights, SPEC.assets[0], asset_path))
        self._variant = network.variant
        self._network = network.to(device, dtype)
        self._run: Call = self._network
        self._dtype = dtype

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """The network, from normalised frames ``[N, 3, H, W]`` to maps. Raises UsageError for another size."""
        window = () if self._variant.frames == 1 else (self._variant.frames,)
        frames = noise(2, *window, 3, *fixed_size(SPEC.name, size, SIZE))
        return Exportable(self._network, (frames,), ("frame",), ("saliency",), use=partial(setattr, self, "_run"))

    def standalone(self) -> Standalone:
        """The evaluator of sequences with this network."""
        return standalone(self._network)

    def begin(self, video: VideoContext) -> None:
        """Nothing is kept between videos."""

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """One map ``[h, w]`` per window from its anchor frame, and, as the weights want, some before it."""
        assert windows.frames is not None
        maps = self._run(normalised(self._seen(windows.frames, windows.anchor)).to(self._dtype)).float()
        maps = F.interpolate(maps, windows.map_size, mode="bilinear", align_corners=False, antialias=True)
        return CueMaps(to_maximum(maps)[:, 0].clamp(0, 1))

    def _seen(self, frames: torch.Tensor, anchor: int) -> torch.Tensor:
        """The frames ``[N, 3, H, W]`` or ``[N, frames, 3, H, W]`` that the network wants of ``[N, L, 3, H, W]``."""
        if self._variant.frames == 1:
            return frames[:, anchor]
        return frames[:, anchor - self._variant.before : anchor + 1 : self._variant.spacing]
