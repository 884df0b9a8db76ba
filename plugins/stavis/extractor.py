"""STAViS as an extractor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_published
from gazenet.backbones.clip_statistics import use_batch_statistics
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.exportable import SelectedOutputs, noise
from gazenet.cues.extractor import AssetPath, VideoContext, Windows
from gazenet.cues.frame_clips import Picture, Preprocessing, published_offsets, resized
from gazenet.cues.postprocess import FloatMap, sigmoid, stretched, truncated
from gazenet.errors import UsageError
from gazenet.media.soundnet_clip import AMPLITUDE, audio_excerpt, buffer_length, from_video_start
from gazenet_plugins.stavis.network import CLIP, SIZE, StavisNet
from gazenet_plugins.stavis.spec import PUBLISHED_INPUT, SPEC

STORED_SIZE = (240, 320)
"""(height, width) of the stored frames of the training data, to which frames are resized first."""

AFTER = 7
"""Frames of a clip after the one whose map it gives."""

PUBLISHED_SAMPLES = 48_000
SPLITS = (1, 2, 3)


class StavisSaliency(ClipSaliency):
    """Predicts the map of each frame from the 16 frames around it and their sound; without sound from silence.

    In published mode: from the frames before it, with another normalisation than in training, whose scale cancels
    because batch norms use the statistics of the clip; the sound is silence, scaled by 2^-23 once too often.

    Args:
        mode: ``corrected``: as the authors use the network; ``published``: as the released pipeline does.
        weights: a checkpoint, or a folder with the layout of the asset.
        sound: False: the weights and layers without sound.
        split: 1, 2 or 3: the part of the data held out from the training of the weights.

    Raises UsageError for another split.
    """

    spec = SPEC
    size = (SIZE, SIZE)
    resampling = "bilinear"

    def __init__(self, mode: str = "corrected", weights: str = "", sound: bool = True, split: int = 1) -> None:
        super().__init__(mode, weights)
        if split not in SPLITS:
            raise UsageError(f"{SPEC.name}: parameter 'split' must be 1, 2 or 3, not {split}")
        self._listens, self._split = sound, split
        if self.published:
            self._prepare = Preprocessing(self.size, PUBLISHED_INPUT.mean, PUBLISHED_INPUT.std)

    def build(self, path: Path) -> nn.Module:
        """Build the network with the weights of a checkpoint."""
        return SelectedOutputs(load_published(StavisNet(), path), attrgetter("logits"))

    def inside(self) -> str:
        """Return the path of the checkpoint inside a folder of weights."""
        kind = "audiovisual" if self._listens else "visual"
        folder = "stavis_audiovisual" if self._listens else "stavis_visual_only"
        return f"{folder}/{kind}_split{self._split}_save_60.pth"

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network; in published mode its batch norms use the statistics of the clip."""
        super().load(device, dtype, asset_path)
        if self.published:
            use_batch_statistics(self.built)

    def sound_examples(self) -> Mapping[str, Tensor]:
        """Return an example of the sound, if the network listens."""
        samples = PUBLISHED_SAMPLES if self.published else buffer_length(CLIP)
        return {"sound": noise(2, 1, 1, samples)} if self._listens else {}

    def begin(self, video: VideoContext) -> None:
        """Prepare the sound of the video."""
        super().begin(video)
        self._fps = video.rate
        sound = None if self.published else video.waveform
        self._rate = 1 if sound is None else sound.rate
        self._samples = np.zeros(0, np.float32) if sound is None else AMPLITUDE * from_video_start(sound)

    def offsets(self, frame: int) -> Sequence[int]:
        """Return the frames of the clip as offsets from ``frame``, oldest first."""
        return published_offsets(frame, CLIP) if self.published else range(AFTER - CLIP + 1, AFTER + 1)

    def saliency(self, clip: Tensor, windows: Windows, b: int) -> Tensor:
        """Return the logits of window ``b`` from its clip and sound."""
        logits: Tensor = self.run(clip, self._sound(windows, b)) if self._listens else self.run(clip)
        return logits[:, 0]

    def _sound(self, windows: Windows, b: int) -> Tensor:
        """Return the sound of window ``b``, ``[1, 1, 1, L]``."""
        if self.published:
            return torch.zeros(1, 1, 1, PUBLISHED_SAMPLES, device=self.device, dtype=self.dtype)
        last = int(windows.index[b]) + 1 + AFTER
        first = max(1, last - CLIP + 1)
        excerpt = audio_excerpt(self._samples, self._rate, self._fps, first, last, buffer_length(CLIP))
        return torch.from_numpy(excerpt).view(1, 1, 1, -1).to(self.device, self.dtype)

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Turn logits into a map in 0..1; in published mode in steps of a byte."""
        squashed = stretched(sigmoid(saliency))
        return truncated(squashed) if self.published else squashed

    def _prepared(self, picture: Picture) -> Tensor:
        return super()._prepared(picture if self.published else resized(picture, STORED_SIZE, "bilinear"))
