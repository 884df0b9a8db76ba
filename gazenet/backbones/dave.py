"""The common base of DAVE and its binaural form: 3D residual networks for video and sound (Tavakoli et al., 2019).

All keys are the published ones, including those of layers that are never evaluated.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.resnet3d import ResNet3d

CLIP = 16
"""Frames of a clip, and examples of its sound."""

SOUND = (3, CLIP, 64, 64)
"""Shape of a sound: channels, examples, time steps, bands."""

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
    """The audio branch: log-mel examples ``[N, 3, 16, 64, 64]`` to one vector ``[N, 512, 1, 1, 1]``."""

    def __init__(self) -> None:
        super().__init__(AUDIO_CLASSES)

    def forward(self, clip: Tensor) -> Tensor:
        """Return ``[N, 512, 1, 1, 1]``."""
        return F.avg_pool3d(super().forward(clip), (1, 2, 2), 1)


class Upscale(nn.Module):
    """An upsampling by two and a convolution; ``bn`` exists in the checkpoint only."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.combine = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample ``[N, inputs, h, w]`` to ``[N, outputs, 2 h, 2 w]``."""
        return F.relu(self.combine(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)))


class AudioVisualSaliency(nn.Module):
    """The video branch and the decoder from both branches to the map; a subclass adds the audio branch."""

    def __init__(self) -> None:
        super().__init__()
        self.video_branch = DaveBranch(VIDEO_CLASSES)
        self.combinedEmbedding = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.upscale1 = Upscale(CHANNELS, CHANNELS)
        self.upscale2 = Upscale(CHANNELS, 128)
        self.saliency = nn.Conv2d(128, 1, 1)

    def video_features(self, clip: Tensor) -> Tensor:
        """Encode video ``[N, 3, T, H, W]`` to ``[N, 512, H/32, W/32]``.

        Raises ValueError for clips above 16 frames.
        """
        if clip.shape[2] > CLIP:
            raise ValueError(f"a clip of {clip.shape[2]} frames: the network takes up to {CLIP}")
        features: Tensor = self.video_branch(clip)
        return features.squeeze(2)

    def decode(self, video: Tensor, sound: Tensor | None) -> Tensor:
        """Decode the features ``[N, 512, h, w]`` of video and sound to the map ``[N, 1, 4 h, 4 w]``, at least 0.

        Without sound its features are zeros, unlike those of silence.
        """
        both = torch.cat((video, torch.zeros_like(video) if sound is None else sound), 1)
        x = F.relu(self.combinedEmbedding(both))
        return F.relu(self.saliency(self.upscale2(self.upscale1(x))))


def everywhere(sound: Tensor, video: Tensor) -> Tensor:
    """Expand the vector of a sound ``[N, C, 1, 1, 1]`` to the shape ``[N, C, h, w]`` of ``video``."""
    return sound.squeeze(2).expand_as(video)
