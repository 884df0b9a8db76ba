"""AViNet as an extractor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_state, read_state
from gazenet.cues.clip_saliency import Clip, ClipSaliency
from gazenet.cues.exportable import fixed_size, noise
from gazenet.cues.extractor import VideoContext, Windows
from gazenet.cues.postprocess import FloatMap, blurred, twice_squashed
from gazenet.media.soundnet_clip import AMPLITUDE, audio_excerpt, buffer_length, from_video_start
from gazenet_plugins.avinet.network import CLIP, AViNet, fusion_of
from gazenet_plugins.avinet.spec import SPEC

PUBLISHED_SAMPLES = 48_000


class AvinetSaliency(ClipSaliency):
    """Predicts the map of each frame from 32 frames and their sound; without sound from silence.

    In published mode the sound is silence: the released pipeline scales it by 2^-23 once too often. Maps are
    postprocessed as by the authors (smoothed, rescaled), or as by the released pipeline (a second sigmoid, bytes).
    """

    spec = SPEC
    checkpoint = "AViNet_Dave.pt"
    resampling = "bilinear"

    def build(self, path: Path) -> nn.Module:
        """Build the network of the fusion that the checkpoint has."""
        state = read_state(path)
        return load_state(AViNet(fusion_of(state), self.size), state, path)

    def sound_examples(self) -> Mapping[str, Tensor]:
        """Return an example of the sound."""
        samples = PUBLISHED_SAMPLES if self.published else buffer_length(CLIP)
        return {"sound": noise(2, 1, samples, 1)}

    def frame_size(self, size: tuple[int, int] | None) -> tuple[int, int]:
        """Return the only size the fusion layers take."""
        return fixed_size(SPEC.name, size, self.size, "its fusion layers are")

    def begin(self, video: VideoContext) -> None:
        """Prepare the sound of the video."""
        super().begin(video)
        self._rate = video.rate
        sound = None if self.published else video.waveform
        self._sound_rate = 1 if sound is None else sound.rate
        self._samples = np.zeros(0, np.float32) if sound is None else AMPLITUDE * from_video_start(sound)

    def saliency(self, clip: Clip, windows: Windows, b: int) -> Tensor:
        """Return the map of window ``b`` from its clip and sound."""
        return self.run(clip, self._sound(windows, b))

    def _sound(self, windows: Windows, b: int) -> Tensor:
        """Return the sound of window ``b``, ``[1, 1, L, 1]``."""
        if self.published:
            return torch.zeros(1, 1, PUBLISHED_SAMPLES, 1, device=self.device, dtype=self.dtype)
        last = int(windows.index[b]) + 1
        first = max(1, last - CLIP + 1)
        excerpt = audio_excerpt(self._samples, self._sound_rate, self._rate, first, last, buffer_length(CLIP))
        return torch.from_numpy(excerpt).view(1, 1, -1, 1).to(self.device, self.dtype)

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Postprocess a map as the mode requires."""
        return twice_squashed(saliency) if self.published else blurred(saliency, saliency.shape)
