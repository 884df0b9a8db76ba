"""DAVE with two ears, for sound localisation. All keys are those of the published checkpoint."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from gazenet.backbones.dave import CHANNELS, AudioBranch, AudioVisualSaliency, everywhere

Hearing = Literal["binaural", "monaural", "visual"]
"""Both ears; the left one in place of both; none."""

HEARINGS: tuple[Hearing, ...] = get_args(Hearing)


class BinauralDaveNet(AudioVisualSaliency):
    """The network from a clip ``[N, 3, 16, H, W]`` and log-mel examples of each ear to a map ``[N, 1, H/8, W/8]``.

    Frames are RGB, normalised; examples are ``[N, 3, 16, 64, 64]``; the map is at least 0, without an upper limit.

    Args:
        hearing: one of :data:`HEARINGS`; all have the same state dict.

    Raises ValueError for any other value.
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
        """Return the map of the last frame."""
        video = self.video_features(clip)
        return self.decode(video, self._audio_features(video, left, right))

    def _audio_features(self, video: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor | None:
        """Return the features of the sound, ``[N, 512, h, w]``: zeros for a missing ear, None without sound."""
        if self.hearing == "visual" or (left is None and right is None):
            return None
        left_features = _ear(self.audio_branch_left, left, video)
        if self.hearing == "monaural":
            return left_features
        right_features = _ear(self.audio_branch_right, right, video)
        combined: Tensor = self.combinedAudioEmbedding(torch.cat((left_features, right_features), 1))
        return combined


def _ear(branch: AudioBranch, sound: Tensor | None, video: Tensor) -> Tensor:
    return torch.zeros_like(video) if sound is None else everywhere(branch(sound), video)
