"""DAVE (Tavakoli et al., arXiv 1905.10693). All keys are the published ones."""

from __future__ import annotations

from torch import Tensor

from gazenet.backbones.dave import AudioBranch, AudioVisualSaliency, everywhere


class DaveNet(AudioVisualSaliency):
    """A clip ``[N, 3, 16, H, W]``, RGB normalised, and its sound ``[N, 3, 16, 64, 64]`` to ``[N, 1, H/8, W/8]``.

    The sound is log-mel examples. The map is that of the clip's last frame, not negative, without an upper limit.
    Both sides of the frames should be multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.audio_branch = AudioBranch()

    def forward(self, clip: Tensor, sound: Tensor | None = None) -> Tensor:
        video = self.video_features(clip)
        return self.decode(video, None if sound is None else everywhere(self.audio_branch(sound), video))
