"""Ports of STSANet that replace its un-pooling, which cannot be exported by indices."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.unpool import unpool
from gazenet_plugins.stsanet.attention import LEVELS, POOL, Unpool
from gazenet_plugins.stsanet.network import STSANet


class ConvolvedUpsampling(nn.Sequential):
    """Trilinear upsampling, a 3 x 3 x 3 convolution and a ReLU; its weights are in no published checkpoint."""

    def __init__(self, channels: int) -> None:
        up = nn.Upsample(scale_factor=POOL, mode="trilinear", align_corners=False)
        super().__init__(up, nn.Conv3d(channels, channels, 3, padding=1), nn.ReLU())

    def forward(self, pooled_from: Tensor, values: Tensor) -> Tensor:  # type: ignore[override]
        """Upsample the values; where the maxima stood is forgotten."""
        return super().forward(values)


def _nearest(pooled_from: Tensor, values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=POOL, mode="nearest")


def _trilinear(pooled_from: Tensor, values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=POOL, mode="trilinear", align_corners=False)


REPLACEMENTS: Mapping[str, Unpool] = {"exact": unpool, "nearest": _nearest, "trilinear": _trilinear}
"""The un-pooling of the published network, and its replacements in ports, to reproduce their results."""


def ported(size: tuple[int, int], kind: str) -> STSANet:
    """The network with the un-pooling of a port. Raises ValueError for unknown ones."""
    network = STSANet(size)
    if kind == "convolution":
        layer = ConvolvedUpsampling(LEVELS[0].channels)
        network.add_module("unpool_conv", layer)
        network.put_back = layer.forward
    elif kind in REPLACEMENTS:
        network.put_back = REPLACEMENTS[kind]
    else:
        raise ValueError(f"unknown un-pooling {kind!r} (known: {', '.join(REPLACEMENTS)}, convolution)")
    return network
