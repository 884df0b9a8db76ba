"""TASED-Net as an extractor."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from gazenet.backbones.checkpoint import load_published
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.postprocess import FloatMap
from gazenet_plugins.tased.maps import smoothed
from gazenet_plugins.tased.network import TasedNet
from gazenet_plugins.tased.spec import SPEC


class TasedSaliency(ClipSaliency):
    """The map of each frame from 32, smoothed and divided by its maximum; the modes differ in the clip only."""

    spec = SPEC
    checkpoint = "model.pt"

    def build(self, path: Path) -> nn.Module:
        built = TasedNet()
        load_published(built, path)
        return built

    def finish(self, saliency: FloatMap) -> FloatMap:
        return smoothed(saliency)
