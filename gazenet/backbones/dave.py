"""What DAVE and its binaural form share: two 3D residual networks meet, a map comes out (Tavakoli et al., 2019).

All keys are the published ones, those of layers included that nothing evaluates.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.resnet3d import ResNet3d

CLIP = 16
"""Frames of a clip, examples of its sound."""

SOUND = (3, CLIP, 64, 64)
"""Channels, examples, time steps and bands of a sound."""

CHANNELS = 512
VIDEO_CLASSES, AUDIO_CLASSES = 400, 12


class DaveBranch(ResNet3d):
    """18 layers without weights in the shortcuts: ``[N, 3, T, H, W]`` to ``[N, 512, 1, H/32, W/32]`` for T <= 16.

    ``fc_new`` classifies in the checkpoint only.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(18, shortcut="padding")
        self.fc_new = nn.Linear(CHANNELS, classes)


class AudioBranch(DaveBranch):
    """Log-mel examples ``[N, 3, 16, 64, 64]`` to one vector for all places, ``[N, 512, 1, 1, 1]``."""

    def __init__(self) -> None:
        super().__init__(AUDIO_CLASSES)

    def forward(self, clip: Tensor) -> Tensor:
        return F.avg_pool3d(super().forward(clip), (1, 2, 2), 1)


class Upscale(nn.Module):
    """Twice the size, then a convolution; ``bn`` is in the checkpoint only."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.combine = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.combine(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)))


class AudioVisualSaliency(nn.Module):
    """The video branch and the way from both branches to the map; a subclass adds what it hears with."""

    def __init__(self) -> None:
        super().__init__()
        self.video_branch = DaveBranch(VIDEO_CLASSES)
        self.combinedEmbedding = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.upscale1 = Upscale(CHANNELS, CHANNELS)
        self.upscale2 = Upscale(CHANNELS, 128)
        self.saliency = nn.Conv2d(128, 1, 1)

    def seen(self, clip: Tensor) -> Tensor:
        """Video ``[N, 3, T, H, W]`` to ``[N, 512, H/32, W/32]``. Raises ValueError for clips above 16 frames."""
        if clip.shape[2] > CLIP:
            raise ValueError(f"a clip of {clip.shape[2]} frames: the network takes up to {CLIP}")
        found: Tensor = self.video_branch(clip)
        return found.squeeze(2)

    def decoded(self, seen: Tensor, heard: Tensor | None) -> Tensor:
        """Both halves ``[N, 512, h, w]`` to the map ``[N, 1, 4 h, 4 w]``, not negative.

        Without sound its half is zeros, which is not what the audio branch makes of silence.
        """
        both = torch.cat((seen, torch.zeros_like(seen) if heard is None else heard), 1)
        x = F.relu(self.combinedEmbedding(both))
        return F.relu(self.saliency(self.upscale2(self.upscale1(x))))


def everywhere(sound: Tensor, seen: Tensor) -> Tensor:
    """The vector of a sound ``[N, C, 1, 1, 1]`` at every place of ``seen`` ``[N, C, h, w]``, in its shape."""
    return sound.squeeze(2).expand_as(seen)
