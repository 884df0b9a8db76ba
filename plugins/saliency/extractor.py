"""Image saliency of single frames."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional as F

from gazenet.cues.types import AssetPath, CueMaps, VideoContext, Windows
from gazenet_plugins.saliency.backbone import Backbone
from gazenet_plugins.saliency.network import SaliencyReadout
from gazenet_plugins.saliency.spec import SPEC

WEIGHTS = Path(__file__).with_name("readout.safetensors")


class ImageSaliency:
    """The fixation density of each frame, brought to a maximum of 1.

    Args:
        weights: another readout's file; empty for the one in the package.
    """

    spec = SPEC

    def __init__(self, weights: str = "") -> None:
        self._weights = Path(weights) if weights else WEIGHTS

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        from safetensors.torch import load_file

        self._device = device
        self._backbone = Backbone(asset_path("open_nsfw"))
        self._readout = SaliencyReadout()
        self._readout.load_state_dict({key: value.float() for key, value in load_file(self._weights).items()})
        self._readout.eval().to(device)

    def begin(self, video: VideoContext) -> None:
        """Nothing is kept between videos."""

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """One map ``[h, w]`` per window from its anchor frame."""
        assert windows.frames is not None
        images = windows.frames[:, windows.anchor].permute(0, 2, 3, 1).cpu().numpy()
        return CueMaps(torch.stack([self._one(image, windows.map_size) for image in images]))

    def _one(self, image: object, map_size: tuple[int, int]) -> torch.Tensor:
        levels = [level[None].to(self._device) for level in self._backbone(image)]  # type: ignore[arg-type]
        density = self._readout(levels).exp()[:, None]
        density = F.interpolate(density, map_size, mode="bilinear", align_corners=False, antialias=True)[0, 0]
        return density / density.max().clamp_min(1e-12)
