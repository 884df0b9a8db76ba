"""ViNet: saliency of one frame from a clip (Jain et al., IROS 2021).

An S3D encoder and a decoder that concatenates the encoder's levels to its maps along time, then removes time by
strides. All keys are the published ones. AViNet adds sound between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from gazenet.backbones.conv3d_as_2d import concatenated
from gazenet.backbones.s3d import S3D, S3dLevels, ShallowLevels
from gazenet.backbones.sliding_windows import Chain

CLIPS = (8, 16, 32, 48)
"""Supported lengths of a clip, in frames."""

LEVELS = 3


class ViNet(nn.Module):
    """The network from clips ``[N, 3, T, H, W]`` to saliency ``[N, H, W]`` in 0..1.

    Frames are RGB, normalised by mean and standard deviation of ImageNet; H and W are multiples of 32.

    Args:
        num_clips: T, one of :data:`CLIPS`.
        num_hier: levels of the encoder that the decoder uses beside the deepest, 0 to 3; fewer than 3 only with
            T = 32.

    Raises ValueError for another combination.
    """

    places: Mapping[str, str] = {"y1": "backbone.base3", "y0": "backbone.base4", "logits": "decoder.convtsp4"}
    """Modules of inner values by their names in reference vectors."""

    def __init__(self, num_clips: int = 32, num_hier: int = LEVELS) -> None:
        super().__init__()
        self.num_clips = num_clips
        self.backbone = S3D()
        self.decoder = Decoder(num_clips, num_hier)

    def forward(self, clip: Tensor) -> Tensor:
        """Return the map of the last frame. Raises ValueError for clips of another length."""
        if clip.shape[2] != self.num_clips:
            raise ValueError(f"a clip of {clip.shape[2]} frames: the network takes {self.num_clips}")
        return self.after_chains(self.backbone.near(self.frame_stem(clip)))

    def frame_stem(self, frames: Tensor) -> Tensor:
        """Apply :meth:`gazenet.backbones.s3d.S3dEncoder.frame_stem`."""
        return self.backbone.frame_stem(frames)

    def chains(self) -> Sequence[Chain]:
        """Return the layers that sliding windows share."""
        return self.backbone.chains()

    def after_chains(self, shallow: Sequence[Tensor]) -> Tensor:
        """Return the map from the levels y3 and y2 of the encoder."""
        return self.decoder(self.backbone.deeper(ShallowLevels(*shallow)))


class Decoder(nn.Module):
    """The decoder from levels of a clip to saliency ``[N, H, W]`` in 0..1.

    Arguments and errors as of :class:`ViNet`.
    """

    def __init__(self, num_clips: int = 32, num_hier: int = LEVELS) -> None:
        super().__init__()
        if num_clips not in CLIPS or not 0 <= num_hier <= LEVELS or (num_clips != 32 and num_hier != LEVELS):
            raise ValueError(f"no ViNet for clips of {num_clips} frames with {num_hier} levels")
        self.num_hier = num_hier
        # Concatenating a level lengthens the map by the factor by which the next convolution shortens it.
        times = [k if num_hier >= level else 1 for level, k in enumerate((3, 5, 5), 1)]
        self.convtsp1 = _enlarging(1024, 832, 1)
        self.convtsp2 = _enlarging(832, 480, times[0])
        self.convtsp3 = _enlarging(480, 192, times[1])
        last = _enlarging(64, 32, 1 if num_clips == 8 else 2)
        self.convtsp4 = nn.Sequential(*_enlarging(192, 64, times[2]), *last, *_reading(num_clips))

    def forward(self, levels: S3dLevels) -> Tensor:
        """Return saliency ``[N, H, W]``."""
        x = self.convtsp1(levels.y0)
        beside = (levels.y1, levels.y2, levels.y3)
        for number, layer in enumerate((self.convtsp2, self.convtsp3, self.convtsp4), 1):
            x = layer(concatenated((x, beside[number - 1]), 2) if number <= self.num_hier else x)
        return torch.sigmoid(x).flatten(0, 2)


def _reading(num_clips: int) -> list[nn.Module]:
    """Return the last layers: the rest of the time axis is removed, then one map remains."""
    if num_clips < 32:
        return [nn.Conv3d(32, 1, 1)]
    steps = num_clips // 16
    fold = nn.Conv3d(32, 32, (steps, 1, 1), (steps, 1, 1), bias=num_clips == 48)
    return [fold, nn.ReLU(), nn.Conv3d(32, 1, 1)]


def _enlarging(inputs: int, outputs: int, time: int) -> nn.Sequential:
    """Build a 3x3 convolution that reduces ``time`` steps to one, a ReLU and an upsampling by two."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, (time, 3, 3), (time, 1, 1), (0, 1, 1), bias=False),
        nn.ReLU(),
        nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear"),
    )


def variant(state: Mapping[str, Tensor], prefix: str = "decoder.") -> tuple[int, int]:
    """Return the arguments of the network that a state dict belongs to, by the kernels of its decoder.

    (32, 3) if they are unclear: the comparison of keys and shapes then reports what is wrong.
    """

    def time(layer: str) -> int:
        weight = state.get(f"{prefix}{layer}.weight")
        return 0 if weight is None or weight.ndim != 5 else weight.shape[2]

    levels = sum(time(layer) > 1 for layer in ("convtsp2.0", "convtsp3.0", "convtsp4.0"))
    lengths = {(1, 1): 8, (2, 1): 16, (2, 2): 32, (2, 3): 48}
    return lengths.get((time("convtsp4.3"), time("convtsp4.6")), 32), levels or (0 if time("convtsp2.0") else LEVELS)
