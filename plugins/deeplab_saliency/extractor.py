"""DeepLab as an extractor: saliency of single frames."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional as F

from gazenet.cues.exportable import Call, Exportable, fixed_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Windows
from gazenet.cues.extractor_parameters import weights_path
from gazenet.cues.standalone import Standalone
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency
from gazenet_plugins.deeplab_saliency.network import SIZE, normalised, to_maximum
from gazenet_plugins.deeplab_saliency.spec import SPEC
from gazenet_plugins.deeplab_saliency.standalone import standalone


class DeepLabSaliencyMaps(Extractor):
    """Predicts the map of each frame, scaled to a maximum of 1.

    Args:
        weights: a checkpoint file; empty for the asset.
    """

    spec = SPEC

    def __init__(self, weights: str = "") -> None:
        self._weights = weights

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network onto ``device`` in ``dtype``."""
        network = load_saliency(weights_path(self._weights, SPEC.assets[0], asset_path))
        self._variant = network.variant
        self._network = network.to(device, dtype)
        self._run: Call = self._network
        self._dtype = dtype

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the network from normalised frames ``[N, 3, H, W]`` to maps. Raises UsageError for another size."""
        window = () if self._variant.frames == 1 else (self._variant.frames,)
        frames = noise(2, *window, 3, *fixed_size(SPEC.name, size, SIZE))
        return Exportable(self._network, (frames,), ("frame",), ("saliency",), use=partial(setattr, self, "_run"))

    def standalone(self) -> Standalone:
        """Return the evaluator of frame sequences with this network, as a file of its own."""
        return standalone(self._network)

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window from its anchor frame and, with such weights, some frames before it."""
        assert windows.frames is not None
        maps = self._run(normalised(self._network_frames(windows.frames, windows.anchor)).to(self._dtype)).float()
        maps = F.interpolate(maps, windows.map_size, mode="bilinear", align_corners=False, antialias=True)
        return CueMaps(to_maximum(maps)[:, 0].clamp(0, 1))

    def _network_frames(self, frames: torch.Tensor, anchor: int) -> torch.Tensor:
        """Select the frames that the network takes of ``[N, L, 3, H, W]``: the last ones, in its form."""
        if self._variant.frames == 1:
            return frames[:, anchor]
        return frames[:, anchor - self._variant.before : anchor + 1 : self._variant.spacing]
