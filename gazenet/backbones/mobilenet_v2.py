"""MobileNetV2 (Sandler et al., CVPR 2018) as UNISAL uses it: strides are slices, and inner maps are returned.

Keys: ``features.N.conv.I`` of the inverted residuals, ``features.N.0`` and ``features.N.1`` of the plain convolutions.
Source of the variant: Droste, Jiao, Noble, ECCV 2020, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
"""A function from a number of channels to a normalisation layer."""

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, output channels, blocks and stride of the first of them."""

STEM = 32
TAP_4X, TAP_2X = 7, 14
"""Blocks whose outputs are returned before subsampling: at 1/8 and 1/16 of the picture's size."""


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter each channel by 3x3, project by 1x1: ``[N, inputs, H, W]`` to ``[N, outputs, H, W]``.

    Args:
        inputs, outputs: channels; where they are equal the input is added, unless ``residual`` is false.
        expansion: channels inside, in units of ``inputs``; at 1 there is no expanding convolution.
        norm: makes each normalisation; it is called with the channels.
        residual: false where a block leads to a smaller map.
    """

    def __init__(
        self, inputs: int, outputs: int, expansion: int, norm: Norm = nn.BatchNorm2d, residual: bool = True
    ) -> None:
        super().__init__()
        inside = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(inputs, inside, 1, bias=False), norm(inside), nn.ReLU6(inplace=True)]
        layers += [
            nn.Conv2d(inside, inside, 3, 1, 1, groups=inside, bias=False),
            norm(inside),
            nn.ReLU6(inplace=True),
            nn.Conv2d(inside, outputs, 1, bias=False),
            norm(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = residual and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, outputs, H, W]``."""
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetFeatures(NamedTuple):
    """The maps of a picture of H x W pixels.

    ``x``: ``[N, C, H/32, W/32]`` with the channels of the last convolution, or 320 without it. ``feat_2x``: ``[N, 160,
    H/16, W/16]``. ``feat_4x``: ``[N, 64, H/8, W/8]``.
    """

    x: Tensor
    feat_2x: Tensor
    feat_4x: Tensor


class MobileNetV2(nn.Module):
    """The network from pictures ``[N, 3, H, W]`` (RGB, normalised, multiples of 32) to :class:`MobileNetFeatures`.

    Blocks that halve the size filter at full size and keep every second row and column of their output, so that the
    returned maps are finer than in the usual form of the network.

    Args:
        last_channel: channels of a last 1x1 convolution; None for no such convolution.
    """

    def __init__(self, last_channel: int | None = 1280) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, STEM, 3, 2)]
        self._halved: set[int] = set()
        inputs = STEM
        for expansion, outputs, count, stride in STAGES:
            for position in range(count):
                halves = stride == 2 and position == 0
                if halves:
                    self._halved.add(len(layers))
                layers.append(InvertedResidual(inputs, outputs, expansion, residual=not halves))
                inputs = outputs
        if last_channel is not None:
            layers.append(_convolution(inputs, last_channel, 1, 1))
        self.features = nn.Sequential(*layers)

    def forward(self, picture: Tensor) -> MobileNetFeatures:
        """Return the maps of a picture ``[N, 3, H, W]``."""
        taps: dict[int, Tensor] = {}
        x = picture
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in (TAP_2X, TAP_4X):
                taps[number] = x
            if number in self._halved:
                x = x[..., ::2, ::2]
        return MobileNetFeatures(x, taps[TAP_2X], taps[TAP_4X])


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )
