"""Binaural DAVE as an extractor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

import torch
from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_published
from gazenet.backbones.clip_statistics import use_batch_statistics
from gazenet.backbones.dave import SOUND
from gazenet.cues.clip_saliency import ClipSaliency
from gazenet.cues.exportable import noise
from gazenet.cues.extractor import AssetPath, VideoContext, Windows
from gazenet.cues.extractor_parameters import checked_choice
from gazenet.cues.logmel_examples import AlignedExamples, PublishedExamples, is_sound
from gazenet.cues.postprocess import FloatMap, stretched
from gazenet.media.frames import Waveform
from gazenet_plugins.binauraldave.network import BinauralDaveNet, Hearing
from gazenet_plugins.binauraldave.spec import SPEC


class BinauralDave(ClipSaliency):
    """Predicts the map of each frame from 16 frames and the sound of each ear, rescaled to 0..1.

    The first channel is the left ear, the second the right one; a single channel is used for both. Without sound the
    network uses the frames only. In published mode the sound lies a second ahead, and batch norms use the statistics
    of the clip.

    Args:
        mode: see :class:`gazenet.cues.clip_saliency.ClipSaliency`.
        weights: likewise.
        hearing: ``binaural``; ``monaural``: the left ear in place of both; ``visual``: no sound.
        ahead: in corrected mode, the seconds of sound after a frame that belong to it.

    Raises UsageError for another hearing.
    """

    spec = SPEC
    checkpoint = "last_model.pt"
    size = (256, 320)

    def __init__(
        self, mode: str = "corrected", weights: str = "", hearing: str = "binaural", ahead: float = 0.0
    ) -> None:
        super().__init__(mode, weights)
        self._hearing = cast(Hearing, checked_choice(SPEC.name, "hearing", hearing, get_args(Hearing)))
        self._ahead = ahead

    def build(self, path: Path) -> nn.Module:
        """Build the network with the weights of a checkpoint."""
        return load_published(BinauralDaveNet(self._hearing), path)

    def load(self, device: torch.device, dtype: torch.dtype, asset_path: AssetPath) -> None:
        """Load the network; in published mode its batch norms use the statistics of the clip."""
        super().load(device, dtype, asset_path)
        if self.published:
            use_batch_statistics(self.built)

    def sound_examples(self) -> Mapping[str, Tensor]:
        """Return an example of the sound of each ear."""
        ears = {"visual": (), "monaural": ("left",)}.get(self._hearing, ("left", "right"))
        return {ear: noise(2, *SOUND) for ear in ears}

    def begin(self, video: VideoContext) -> None:
        """Prepare the log-mel examples of the video."""
        super().begin(video)
        ears = _ears(video.waveform)
        self._collected = [PublishedExamples(ear, video.rate, newest=True) for ear in ears if self.published]
        self._aligned = [AlignedExamples(ear, self._ahead) for ear in ears if not self.published]

    def saliency(self, clip: Tensor, windows: Windows, b: int) -> Tensor:
        """Return the map of window ``b`` from its clip and sound."""
        examples = [ear.at(int(windows.index[b])) for ear in self._collected]
        examples += [ear.at(windows.times[b]) for ear in self._aligned]
        ears = (None if ear is None else ear.to(self.device, self.dtype) for ear in examples)
        saliency: Tensor = self.run(clip, *ears)
        return saliency[:, 0]

    def finish(self, saliency: FloatMap) -> FloatMap:
        """Rescale a map to 0..1."""
        return stretched(saliency)


def _ears(sound: Waveform | None) -> list[Waveform]:
    """Return the left and the right channel; empty without sound."""
    if sound is None or not is_sound(sound):
        return []
    return [Waveform(sound.samples[[k]], sound.rate, sound.start) for k in (0, min(1, len(sound.samples) - 1))]
