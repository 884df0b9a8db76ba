"""TASED-Net, version 2: saliency of one frame from 32 (Min, Corso, ICCV 2019).

An S3D encoder, and a decoder that un-pools values to the positions of the encoder's maxima; time is reduced first to
four steps, at the end to one. All keys are the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from gazenet.backbones.conv3d_as_2d import max_pool
from gazenet.backbones.s3d import EPS, MOMENTUM, S3dEncoder
from gazenet.backbones.unpool import unpool

CLIP = 32
STEPS = 4
"""Time steps of the decoder."""


class TasedNet(S3dEncoder):
    """The network from clips ``[N, 3, 32, H, W]``, RGB in -1..1, multiples of 32, to saliency ``[N, H, W]`` 0..1."""

    places: Mapping[str, str] = {
        "logits": "convtsp4",
        "base4": "base4",
        "unpool1": ">convtsp2",
        "unpool3": ">convtsp4",
    }
    """Inner values by their names in reference vectors: the output of a module, or its input after ``>``."""

    def __init__(self) -> None:
        super().__init__()
        self.convtsp1 = nn.Sequential(*_joint(nn.Conv3d(1024, 1024, 1, bias=False)), *_joint(_wide(1024, 832)))
        self.convtsp2 = nn.Sequential(*_joint(_wide(832, 480)))
        self.convtsp3 = nn.Sequential(*_joint(_wide(480, 192)))
        self.convtsp4 = nn.Sequential(
            *_joint(_enlarging(192, 64)),
            *_joint(_halving_time(64)),
            *_joint(nn.ConvTranspose3d(64, 4, 1, bias=False)),
            *_joint(_halving_time(4)),
            _enlarging(4, 4),
            nn.Conv3d(4, 1, 1),
        )

    def forward(self, clip: Tensor) -> Tensor:
        """Return the map of the last frame. Raises ValueError for clips of another length."""
        if clip.shape[2] != CLIP:
            raise ValueError(f"a clip of {clip.shape[2]} frames: the network takes {CLIP}")
        return self.after_chains(self.near(self.frame_stem(clip)))

    def after_chains(self, shallow: Sequence[Tensor]) -> Tensor:
        """Return the map from the levels y3 and y2 of the encoder."""
        y3, y2 = shallow
        short1, short2, short3 = (_shortened(level) for level in (self.middle(y2), y2, y3))
        y0 = max_pool(short1, (1, 2, 2), (1, 2, 2))
        x = unpool(short1, self.convtsp1(self.base4(y0)))
        x = unpool(short2, self.convtsp2(x), 3)
        x = unpool(short3, self.convtsp3(x), 3)
        return torch.sigmoid(self.convtsp4(x)).flatten(0, 2)


def _shortened(x: Tensor) -> Tensor:
    """Pool over time to four steps."""
    step = x.shape[2] // STEPS
    return max_pool(x, (step, 1, 1), (step, 1, 1))


def _joint(convolution: nn.Conv3d | nn.ConvTranspose3d) -> list[nn.Module]:
    """Return the convolution with its batch norm and its ReLU."""
    return [convolution, nn.BatchNorm3d(convolution.out_channels, EPS, MOMENTUM), nn.ReLU(inplace=True)]


def _wide(inputs: int, outputs: int) -> nn.ConvTranspose3d:
    return nn.ConvTranspose3d(inputs, outputs, (1, 3, 3), 1, (0, 1, 1), bias=False)


def _enlarging(inputs: int, outputs: int) -> nn.ConvTranspose3d:
    return nn.ConvTranspose3d(inputs, outputs, (1, 4, 4), (1, 2, 2), (0, 1, 1), bias=False)


def _halving_time(channels: int) -> nn.Conv3d:
    return nn.Conv3d(channels, channels, (2, 1, 1), (2, 1, 1), bias=False)
