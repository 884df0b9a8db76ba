"""STAViS (Tsiami et al., CVPR 2020). All keys are the published ones; both published modes have all of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.resnet3d import ResNet3d
from gazenet.backbones.soundnet import numbered

CLIP, SIZE = 16, 112
SIDE_CHANNELS = 16
TRUNK = (64, 256, 512, 1024)
"""Channels of the trunk at its four levels; level k has 1 / 2^k of the sides of the frame."""

FUSED, SOUND, JOINT = 64, 1024, 128
FUSED_STEP = 8
"""Ratio of the frame to the level that is fused with the sound."""

RARE = -6.0
"""Bias of logits before training: fixations are rare."""


class SideOutput(NamedTuple):
    """A side branch output: features ``[N, 16, H, W]``, logits ``[N, 1, H, W]``, attention ``[N, 1, 1, h, w]``."""

    features: Tensor
    logits: Tensor
    attention: Tensor


class SideBranch(nn.Module):
    """A side branch: features and logits of the size of the frame, and attention, from one level of the trunk.

    Args:
        channels: of the level.
        level: 1 to 4; features are upsampled by 2^level.
    """

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        step = 2**level
        self.side_prep = nn.Conv2d(channels, SIDE_CHANNELS, 3, padding=1)
        self.score_dsn = nn.Conv2d(SIDE_CHANNELS, 1, 1)
        self.upscale = nn.ConvTranspose2d(SIDE_CHANNELS, SIDE_CHANNELS, 2 * step, step, bias=False)
        self.upscale_ = nn.ConvTranspose2d(1, 1, 2 * step, step, bias=False)
        nn.init.constant_(self.score_dsn.bias, RARE)  # type: ignore[arg-type]
        for layer in (self.upscale, self.upscale_):
            layer.weight.data.copy_(bilinear_kernels(layer.in_channels, step))
            layer.weight.requires_grad_(False)

    def forward(self, level: Tensor, size: tuple[int, int]) -> SideOutput:
        """Return features, logits and attention of a level ``[N, C, T, h, w]`` averaged over time."""
        narrow = self.side_prep(level.mean(2))
        score = self.score_dsn(narrow)
        attention = score.flatten(1).softmax(1).view_as(score)[:, :, None]
        return SideOutput(cropped(self.upscale(narrow), size), cropped(self.upscale_(score), size), attention)


def bilinear_kernels(channels: int, step: int) -> Tensor:
    """Return kernels ``[channels, channels, 2 step, 2 step]`` that upsample each channel bilinearly by ``step``."""
    centre = step - 0.5
    line = 1 - (torch.arange(2 * step) - centre).abs() / step
    return torch.eye(channels)[:, :, None, None] * torch.outer(line, line)


def cropped(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Crop the middle of ``[..., h, w]``; an odd row or column is cut off at the end."""
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


class AudioVisualFusion(nn.Module):
    """A bilinear fusion of video ``[N, 512, h, w]`` and audio ``[N, 1024]`` features to ``[N, 64, h, w]``."""

    def __init__(self) -> None:
        super().__init__()
        self.affine_rgb = nn.Linear(TRUNK[2], JOINT)
        self.affine_audio = nn.Linear(SOUND, JOINT)
        self.w_a_rgb = nn.Bilinear(JOINT, JOINT, FUSED)

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Return ``[N, 64, h, w]``."""
        places = F.relu(self.affine_rgb(video.permute(0, 2, 3, 1)))
        sound = F.relu(self.affine_audio(audio))
        # A contraction instead of the layer: runtimes support it, and the sound is computed once for all positions.
        weight = torch.einsum("oij,nj->noi", self.w_a_rgb.weight, sound)
        return torch.einsum("nhwi,noi->nohw", places, weight) + self.w_a_rgb.bias[:, None, None]


class StavisOutput(NamedTuple):
    """Logits ``[N, 1, H, W]`` of the middle of the clip, and those of the four side branches."""

    logits: Tensor
    sides: tuple[Tensor, ...]


class StavisNet(ResNet3d):
    """The network from a clip ``[N, 3, 16, H, W]`` and its sound ``[N, 1, 1, L]`` to logits ``[N, 1, H, W]``.

    Frames are RGB 0..255 minus a mean. Without sound the last layer has weights of its own. Frames may have any size,
    preferably multiples of 16; other lengths of the clip must be multiples of 8. L as in
    :mod:`gazenet.media.soundnet_clip` for 16 frames.
    """

    def __init__(self) -> None:
        super().__init__(50, stages=3)
        self.score_dsn = nn.ModuleList(SideBranch(channels, k) for k, channels in enumerate(TRUNK, 1))
        self.fuse = nn.Conv2d(4 * SIDE_CHANNELS, 1, 1)
        self.fuseav = nn.Conv2d(4 * SIDE_CHANNELS + FUSED, 1, 1)
        self.soundnet8 = numbered()
        self.fusion3 = AudioVisualFusion()
        for layer in (self.fuse, self.fuseav):
            nn.init.constant_(layer.bias, RARE)  # type: ignore[arg-type]

    def forward(self, clip: Tensor, sound: Tensor | None = None) -> StavisOutput:  # type: ignore[override]
        """Return the logits of the middle of the clip."""
        size = (clip.shape[-2], clip.shape[-1])
        sides, third = self._encoded(clip, size)
        features = [side.features for side in sides]
        if sound is None:
            logits = self.fuse(torch.cat(features, 1))
        else:
            logits = self.fuseav(torch.cat((*features, self._fused(third, sound, size)), 1))
        return StavisOutput(logits, tuple(side.logits for side in sides))

    def _encoded(self, clip: Tensor, size: tuple[int, int]) -> tuple[list[SideOutput], Tensor]:
        """Return the side branches, whose attention weights the input of the next level, and the third level."""
        level, levels, sides = self.stem(clip), [], []
        for k, branch in enumerate(self.score_dsn):
            levels.append(level)
            sides.append(branch(level, size))
            if k < len(self.score_dsn) - 1:
                weighed = (1 + sides[-1].attention) * level
                level = self.get_submodule(f"layer{k + 1}")(weighed if k else self.maxpool(weighed))
        return sides, levels[2]

    def _fused(self, level: Tensor, sound: Tensor, size: tuple[int, int]) -> Tensor:
        """Fuse the middle of the clip with its sound, ``[N, 64, H, W]``."""
        middle = level.shape[2] // 2
        video = level[:, :, middle - 1 : middle + 1].mean(2)
        fused = self.fusion3(video, self.soundnet8(sound).flatten(1))
        large = F.interpolate(fused, scale_factor=FUSED_STEP, mode="bilinear", align_corners=False)
        return cropped(large, size)
