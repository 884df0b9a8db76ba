"""ViNet as an extractor."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from gazenet.backbones.checkpoint import load_state, read_state
from gazenet.backbones.vinet import ViNet, variant
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.postprocess import FloatMap, blurred, twice_squashed
from gazenet_plugins.vinet.spec import SPEC


class VinetSaliency(ClipSaliency):
    """Predicts the map of each frame from 32 frames (8, 16 or 48 with the weights of such a variant).

    Maps are postprocessed as by the authors (smoothed, rescaled), or as by the released pipeline (a second sigmoid,
    bytes).
    """

    spec = SPEC
    checkpoint = "ViNet_Dave.pt"
    resampling = "bilinear"

    def build(self, path: Path) -> nn.Module:
        """Build the variant that the checkpoint belongs to."""
        state = read_state(path)
        return load_state(ViNet(*variant(state)), state, path)

    def length(self) -> int:
        """Return the number of frames in a clip."""
        return int(self.built.num_clips)

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Postprocess a map as the mode requires."""
        return twice_squashed(saliency) if self.published else blurred(saliency, saliency.shape)
