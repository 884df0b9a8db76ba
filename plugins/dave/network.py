"""DAVE (Tavakoli et al., arXiv 1905.10693). All keys are the published ones."""

from __future__ import annotations

from torch import Tensor

from gazenet.backbones.dave import AudioBranch, AudioVisualSaliency, everywhere


class DaveNet(AudioVisualSaliency):
    """The network from a clip ``[N, 3, 16, H, W]`` and its sound ``[N, 3, 16, 64, 64]`` to ``[N, 1, H/8, W/8]``.

    Frames are RGB, normalised; the sound is log-mel examples. The map of the last frame is at least 0, without an
    upper limit. Both sides of the frames should be multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.audio_branch = AudioBranch()

    def forward(self, clip: Tensor, sound: Tensor | None = None) -> Tensor:
        """Return the map of the last frame; without sound its features are zeros."""
        video = self.video_features(clip)
        return self.decode(video, None if sound is None else everywhere(self.audio_branch(sound), video))
