"""DAVE with two ears, for the place of sounds. All keys are those of the published checkpoint."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from gazenet.backbones.dave import CHANNELS, AudioBranch, AudioVisualSaliency, everywhere

Hearing = Literal["binaural", "monaural", "visual"]
"""Both ears; the left one in the place of both; none."""

HEARINGS: tuple[Hearing, ...] = get_args(Hearing)


class BinauralDaveNet(AudioVisualSaliency):
    """A clip ``[N, 3, 16, H, W]``, RGB normalised, and per ear log-mel examples ``[N, 3, 16, 64, 64]`` to
    ``[N, 1, H/8, W/8]``, not negative, without an upper limit.

    Args:
        hearing: one of :data:`HEARINGS`; all have the same state dict.

    Raises ValueError for another.
    """

    def __init__(self, hearing: Hearing = "binaural") -> None:
        super().__init__()
        if hearing not in HEARINGS:
            raise ValueError(f"hearing {hearing!r}: choose from {', '.join(HEARINGS)}")
        self.hearing = hearing
        self.audio_branch_left = AudioBranch()
        self.audio_branch_right = AudioBranch()
        self.combinedAudioEmbedding = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)

    def forward(self, clip: Tensor, left: Tensor | None = None, right: Tensor | None = None) -> Tensor:
        video = self.video_features(clip)
        return self.decode(video, self._heard(video, left, right))

    def _heard(self, seen: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor | None:
        """The half of the sound, ``[N, 512, h, w]``; an ear without sound is zeros, no sound at all no half."""
        if self.hearing == "visual" or (left is None and right is None):
            return None
        one = _ear(self.audio_branch_left, left, seen)
        if self.hearing == "monaural":
            return one
        other = _ear(self.audio_branch_right, right, seen)
        found: Tensor = self.combinedAudioEmbedding(torch.cat((one, other), 1))
        return found


def _ear(branch: AudioBranch, sound: Tensor | None, seen: Tensor) -> Tensor:
    return torch.zeros_like(seen) if sound is None else everywhere(branch(sound), seen)
