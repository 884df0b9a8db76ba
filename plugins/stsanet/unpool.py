"""Pooling, and how the results of an attention on pooled maps are put back to where the maxima stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.conv3d_as_2d import max_pool
from gazenet.backbones.unpool import unpool

POOL = (1, 2, 2)


def pool(x: Tensor) -> Tensor:
    """Pool the maxima of windows of 2 x 2 pixels: ``[B, C, T, H, W]`` to ``[B, C, T, H/2, W/2]``, H and W even."""
    return max_pool(x, POOL, POOL)


Unpool = Callable[[Tensor, Tensor], Tensor]


class ConvolvedUpsampling(nn.Sequential):
    """Trilinear upsampling, a 3 x 3 x 3 convolution and a ReLU; its weights are in no published checkpoint."""

    def __init__(self, channels: int) -> None:
        up = nn.Upsample(scale_factor=POOL, mode="trilinear", align_corners=False)
        super().__init__(up, nn.Conv3d(channels, channels, 3, padding=1), nn.ReLU())

    def forward(self, pooled_from: Tensor, values: Tensor) -> Tensor:  # type: ignore[override]
        """As :func:`unpool`, whose place it takes; where the maxima stood is forgotten."""
        return super().forward(values)


def _nearest(pooled_from: Tensor, values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=POOL, mode="nearest")


def _trilinear(pooled_from: Tensor, values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=POOL, mode="trilinear", align_corners=False)


REPLACEMENTS: Mapping[str, Unpool] = {"exact": unpool, "nearest": _nearest, "trilinear": _trilinear}
"""The un-pooling of the published network, and its replacements in ports, to reproduce their results."""
