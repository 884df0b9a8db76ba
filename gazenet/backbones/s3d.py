"""S3D: inception blocks whose convolutions are first spatial, then temporal (Xie et al., ECCV 2018).

The encoder of TASED-Net, ViNet and STSANet, with their keys: ``base1`` .. ``base4``, inside them ``conv_s``, ``bn_s``,
``conv_t``, ``bn_t`` (separable) and ``conv``, ``bn`` (1x1x1), in blocks ``branch0`` .. ``branch3``. The pools between
the groups have no weights, and networks on top of it need the indices of some of them, so they are not submodules.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.conv3d_as_2d import concatenated, max_pool, without_padding
from gazenet.backbones.sliding_windows import Chain, FramewiseLayers, ParallelChains, TemporalLayers

EPS, MOMENTUM = 1e-3, 1e-3

MIXED: dict[str, tuple[int, int, int, int, int, int, int]] = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}
"""Channels of a block: input, branch 0, branch 1 (reduced, output), branch 2 (reduced, output), branch 3."""


class BasicConv(nn.Module):
    """A 1x1x1 convolution, batch norm, ReLU: ``[N, inputs, T, H, W]`` to ``[N, outputs, T, H, W]``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm3d(outputs, EPS, MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, outputs, T, H, W]``."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class SeparableConv(nn.Module):
    """A k x k convolution in space, then one of length k in time, each with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, k: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv_s = nn.Conv3d(inputs, outputs, (1, k, k), (1, stride, stride), (0, padding, padding), bias=False)
        self.bn_s = nn.BatchNorm3d(outputs, EPS, MOMENTUM)
        self.conv_t = nn.Conv3d(outputs, outputs, (k, 1, 1), (stride, 1, 1), (padding, 0, 0), bias=False)
        self.bn_t = nn.BatchNorm3d(outputs, EPS, MOMENTUM)

    def spatial(self, x: Tensor) -> Tensor:
        """Apply the spatial half, frame by frame."""
        return F.relu(self.bn_s(self.conv_s(x)), inplace=True)

    def temporal(self, x: Tensor) -> Tensor:
        """Apply the temporal half, pixel by pixel."""
        return F.relu(self.bn_t(self.conv_t(x)), inplace=True)

    def unpadded(self, x: Tensor) -> Tensor:
        """Apply the temporal half without padding, which shortens time."""
        return F.relu(self.bn_t(without_padding(self.conv_t, x)), inplace=True)

    def moving(self) -> TemporalLayers:
        """Return the temporal half for sliding windows."""
        conv = self.conv_t
        return TemporalLayers(self.unpadded, conv.kernel_size[0], conv.stride[0], int(conv.padding[0]))

    def chain(self) -> Chain:
        """Return both halves for sliding windows."""
        return FramewiseLayers(self.spatial), self.moving()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, outputs, T, H, W]``, divided by the stride."""
        return self.temporal(self.spatial(x))


class Mixed(nn.Module):
    """An inception block of four parallel branches, concatenated in order. ``name``: a key of :data:`MIXED`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        inputs, out0, mid1, out1, mid2, out2, out3 = MIXED[name]
        self.branch0 = nn.Sequential(BasicConv(inputs, out0))
        self.branch1 = nn.Sequential(BasicConv(inputs, mid1), SeparableConv(mid1, out1, 3, padding=1))
        self.branch2 = nn.Sequential(BasicConv(inputs, mid2), SeparableConv(mid2, out2, 3, padding=1))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), BasicConv(inputs, out3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the concatenated branches."""
        return concatenated((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)))

    def chain(self) -> Chain:
        """Return the block for sliding windows."""
        separable = ((FramewiseLayers(one[0]), *one[1].chain()) for one in (self.branch1, self.branch2))  # type: ignore[operator]
        return (
            ParallelChains(
                (
                    (FramewiseLayers(self.branch0),),
                    *separable,
                    (TemporalLayers(_largest, 3, 1, 1), FramewiseLayers(self.branch3[1])),
                )
            ),
        )


def _largest(x: Tensor) -> Tensor:
    """Pool without padding in time. Values are never negative here: zeros outside do not change a maximum."""
    return max_pool(x, 3, 1, (0, 1, 1))


class S3dLevels(NamedTuple):
    """Features of a clip of T frames of H x W pixels, the deepest first, under the names used in the decoders.

    ``y0`` ``[N, 1024, T/8, H/32, W/32]``, ``y1`` ``[N, 832, T/4, H/16, W/16]``, ``y2`` ``[N, 480, T/2, H/8, W/8]``,
    ``y3`` ``[N, 192, T/2, H/4, W/4]``.
    """

    y0: Tensor
    y1: Tensor
    y2: Tensor
    y3: Tensor


class ShallowLevels(NamedTuple):
    """The two shallowest levels, as in :class:`S3dLevels`."""

    y3: Tensor
    y2: Tensor


def shrink(x: Tensor) -> Tensor:
    """Halve height and width by max pooling, as between the first two groups and inside the first."""
    return max_pool(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))


class S3dEncoder(nn.Module):
    """The layers of S3D, for networks that keep its keys at their own top level and have a ``forward`` of their own.

    It is divided where networks on top need it: :meth:`frame_stem` takes every frame by itself, so that windows can
    share it; :meth:`near` returns the two shallowest levels, of which windows share most; :meth:`deeper` continues
    with :meth:`middle` and :meth:`deepest`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base1 = nn.Sequential(
            SeparableConv(3, 64, 7, 2, 3),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            BasicConv(64, 64),
            SeparableConv(64, 192, 3, 1, 1),
        )
        self.base2 = nn.Sequential(Mixed("3b"), Mixed("3c"))
        self.base3 = nn.Sequential(Mixed("4b"), Mixed("4c"), Mixed("4d"), Mixed("4e"), Mixed("4f"))
        self.base4 = nn.Sequential(Mixed("5b"), Mixed("5c"))

    def frame_stem(self, frames: Tensor) -> Tensor:
        """Apply the spatial half of the first convolution: ``[N, 3, T, H, W]`` to ``[N, 64, T, H/2, W/2]``.

        Each frame is computed by itself: stems of single frames, concatenated along T, equal that of a window.
        """
        return self._first.spatial(frames)

    def levels(self, stem: Tensor) -> S3dLevels:
        """Return all levels from the stem of a window's frames."""
        return self.deeper(self.near(stem))

    def near(self, stem: Tensor) -> ShallowLevels:
        """Return the levels y3 and y2 from the stem of a window's frames."""
        y3 = self.base1[1:](self._first.temporal(stem))
        return ShallowLevels(y3, self.base2(shrink(y3)))

    def chains(self) -> tuple[Chain, Chain]:
        """Return :meth:`near` for sliding windows: the chain to y3, and the chain from there to y2.

        Deeper levels depend on the ends of the window almost everywhere.
        """
        _, pool, point, last = self.base1
        first = (self._first.moving(), FramewiseLayers(pool), FramewiseLayers(point), *last.chain())  # type: ignore[operator]
        return first, (FramewiseLayers(shrink), *(step for block in self.base2 for step in block.chain()))  # type: ignore[operator]

    def middle(self, y2: Tensor) -> Tensor:
        """Return the level y1 from y2."""
        return self.base3(max_pool(y2, 3, 2, 1))

    def deepest(self, y1: Tensor) -> Tensor:
        """Return the level y0 from y1."""
        return self.base4(max_pool(y1, 2, 2))

    def deeper(self, near: ShallowLevels) -> S3dLevels:
        """Return all levels from the two shallowest."""
        y1 = self.middle(near.y2)
        return S3dLevels(self.deepest(y1), y1, near.y2, near.y3)

    @property
    def _first(self) -> SeparableConv:
        first = self.base1[0]
        assert isinstance(first, SeparableConv)
        return first


class S3D(S3dEncoder):
    """The encoder from clips ``[N, 3, T, H, W]`` (RGB, normalised as its weights require) to :class:`S3dLevels`.

    T must be a multiple of 8, H and W multiples of 32.
    """

    def forward(self, clip: Tensor) -> S3dLevels:
        """Return all levels of a clip."""
        return self.levels(self.frame_stem(clip))
