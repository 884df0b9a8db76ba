"""Image saliency of single frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from gazenet.backbones.checkpoint import load_published
from gazenet.cues.exportable import Call, Exportable, FunctionModule, free_size, noise
from gazenet.cues.extractor import AssetPath, CueMaps, Extractor, Windows
from gazenet_plugins.saliency.backbone import Backbone
from gazenet_plugins.saliency.network import LEVELS, STRIDES, SaliencyReadout
from gazenet_plugins.saliency.spec import SPEC

WEIGHTS = Path(__file__).with_name("readout.safetensors")


class ImageSaliency(Extractor):
    """Predicts the fixation density of each frame, scaled to a maximum of 1.

    Args:
        weights: file of another readout; empty for the one in the package.
    """

    spec = SPEC

    def __init__(self, weights: str = "") -> None:
        self._weights = Path(weights) if weights else WEIGHTS

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load backbone (on the CPU) and readout (on ``device``)."""
        self._device = device
        self._backbone = Backbone(asset_path("open_nsfw"))
        self._readout = load_published(SaliencyReadout(), self._weights).eval().to(device)
        self._run: Call = self._by_levels()

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        """Return the readout from levels of the backbone to log densities; the backbone is an ONNX file already.

        Raises UsageError for sizes that are not multiples of 32.
        """
        assert SPEC.input is not None
        height, width = free_size(SPEC.name, size, (SPEC.input.height, SPEC.input.width))
        levels = tuple(noise(2, c, height // s, width // s).relu() for c, s in zip(LEVELS, STRIDES, strict=True))
        names, use = tuple(f"stride_{stride}" for stride in STRIDES), partial(setattr, self, "_run")
        return Exportable(self._by_levels(), levels, names, ("log_density",), use=use)

    def _by_levels(self) -> nn.Module:
        return FunctionModule(self._readout, lambda readout, *levels: readout(levels))

    @torch.inference_mode()
    def extract(self, windows: Windows) -> CueMaps:
        """Return one map ``[h, w]`` per window, of its anchor frame."""
        assert windows.frames is not None
        images = windows.frames[:, windows.anchor].permute(0, 2, 3, 1).cpu().numpy()
        return CueMaps(torch.stack([self._saliency(image, windows.map_size) for image in images]))

    def _saliency(self, image: object, map_size: tuple[int, int]) -> torch.Tensor:
        levels = [level[None].to(self._device) for level in self._backbone(image)]  # type: ignore[arg-type]
        density = self._run(*levels).exp()[:, None]
        density = F.interpolate(density, map_size, mode="bilinear", align_corners=False, antialias=True)[0, 0]
        return density / density.max().clamp_min(1e-12)
