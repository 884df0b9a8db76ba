"""The three networks of MTCNN, each finer than the one before.

Source: Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks", SPL 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F


class BoxOutput(NamedTuple):
    """The output of a network.

    ``shift`` ``[N, 4, ...]``: of the corners, in fractions of the box; ``probability`` ``[N, 2, ...]``: none, face;
    ``points`` ``[N, 10]``: five x, then five y, in fractions of the box, from the last network only.
    """

    shift: Tensor
    probability: Tensor
    points: Tensor | None = None


class ConvTrunk(nn.Module):
    """Convolutions without padding, each with a PReLU and an optional pool (kernel, stride 2, ceil mode)."""

    def __init__(self, channels: Sequence[int], kernels: Sequence[int], pools: Sequence[int]) -> None:
        super().__init__()
        self.pools = pools
        for k, kernel in enumerate(kernels, 1):
            self.add_module(f"conv{k}", nn.Conv2d(channels[k - 1], channels[k], kernel))
            self.add_module(f"prelu{k}", nn.PReLU(channels[k]))

    def trunk(self, x: Tensor) -> Tensor:
        """Return the map of the last convolution."""
        for k, pool in enumerate(self.pools, 1):
            x = self.get_submodule(f"prelu{k}")(self.get_submodule(f"conv{k}")(x))
            if pool:
                x = F.max_pool2d(x, pool, 2, ceil_mode=True)
        return x


def flattened(x: Tensor) -> Tensor:
    """Flatten maps in the order of the published weights: width, height, channels."""
    return x.permute(0, 3, 2, 1).flatten(1)


class PNet(ConvTrunk):
    """The proposal network: pictures ``[N, 3, H, W]`` to boxes per cell of 12 x 12 pixels, 2 pixels apart."""

    def __init__(self) -> None:
        super().__init__((3, 10, 16, 32), (3, 3, 3), (2, 0, 0))
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> BoxOutput:
        """Return shifts, probabilities and, from the last network, points."""
        x = self.trunk(x)
        return BoxOutput(self.conv4_2(x), self.conv4_1(x).softmax(1))


class RNet(ConvTrunk):
    """The refinement network: crops ``[N, 3, 24, 24]`` to better boxes."""

    def __init__(self) -> None:
        super().__init__((3, 28, 48, 64), (3, 3, 2), (3, 3, 0))
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> BoxOutput:
        """Return shifts, probabilities and, from the last network, points."""
        x = self.prelu4(self.dense4(flattened(self.trunk(x))))
        return BoxOutput(self.dense5_2(x), self.dense5_1(x).softmax(1))


class ONet(ConvTrunk):
    """The output network: crops ``[N, 3, 48, 48]`` to final boxes and points."""

    def __init__(self) -> None:
        super().__init__((3, 32, 64, 64, 128), (3, 3, 3, 2), (3, 3, 2, 0))
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> BoxOutput:
        """Return shifts, probabilities and, from the last network, points."""
        x = self.prelu5(self.dense5(flattened(self.trunk(x))))
        return BoxOutput(self.dense6_2(x), self.dense6_1(x).softmax(1), self.dense6_3(x))


def normalised(pictures: Tensor) -> Tensor:
    """Normalise RGB 0..255 to about -1..1."""
    return (pictures - 127.5) / 128


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize ``[1, 3, h, w]`` to ``size`` by area."""
    return F.interpolate(picture, size, mode="area")
