"""ViNet as an extractor."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from gazenet.backbones.checkpoint import checked_state, read_state
from gazenet.backbones.vinet import ViNet, variant
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.postprocess import FloatMap, blurred, twice_squashed
from gazenet_plugins.vinet.spec import SPEC


class VinetSaliency(ClipSaliency):
    """The map of each frame from 32 (8, 16, 48 where the weights are those of such a variant).

    Finished as by the authors (smoothed, stretched), or as by the platform (squashed twice, in bytes).
    """

    spec = SPEC
    checkpoint = "ViNet_Dave.pt"
    resampling = "bilinear"

    def build(self, path: Path) -> nn.Module:
        state = read_state(path)
        built = ViNet(*variant(state))
        built.load_state_dict(checked_state(built, state, path))
        return built

    def length(self) -> int:
        return int(self.built.num_clips)

    def finish(self, saliency: FloatMap) -> FloatMap:
        return twice_squashed(saliency) if self.published else blurred(saliency, saliency.shape)
