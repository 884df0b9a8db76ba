"""Residual networks in space and time (Hara et al., CVPR 2018), with the usual key names.

Keys: ``conv1``, ``bn1``, ``layer1`` .. ``layer4`` with ``conv1``, ``bn1``, ``conv2``, ... and ``downsample.0``,
``downsample.1`` inside each block, ``fc``. Networks that keep time, split kernels or attend between stages are built
from :class:`Residual` and :func:`stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Triple = tuple[int, int, int]
Shortcut = Literal["projection", "padding"]

COUNTS: dict[int, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks of the four stages by depth."""

PLANES = (64, 128, 256, 512)
"""Nominal width of the four stages."""


def expansion(depth: int) -> int:
    """Return the ratio of a stage's output channels to its planes: from 50 layers on blocks are bottlenecks."""
    return 4 if depth >= 50 else 1


class PaddedChannels(nn.Module):
    """The shortcut without weights: every ``stride``-th cell, and zeros for the added channels."""

    def __init__(self, added: int, stride: Triple) -> None:
        super().__init__()
        self.added, self.stride = added, stride

    def forward(self, x: Tensor) -> Tensor:
        """Subsample ``[N, C, T, H, W]`` and append channels of zeros."""
        t, h, w = self.stride
        strided = x[:, :, ::t, ::h, ::w]
        return torch.cat((strided, strided.new_zeros(len(strided), self.added, *strided.shape[2:])), 1)


class Residual(nn.Module):
    """Convolutions ``conv1``, ``conv2``, ... each with ``bn1``, ... beside the identity or ``downsample``.

    Args:
        inputs: channels in.
        outputs: channels of every convolution in turn; the last is that of the block.
        kernels: (time, height, width) of every convolution; padding keeps the size.
        stride: of the block.
        strided: position of the convolution that has the stride.
        shortcut: where size or channels change, a 1x1x1 convolution with batch norm, or zeros for new channels.
    """

    def __init__(
        self,
        inputs: int,
        outputs: Sequence[int],
        kernels: Sequence[Triple],
        stride: Triple,
        strided: int,
        shortcut: Shortcut = "projection",
    ) -> None:
        super().__init__()
        self.depth = len(kernels)
        channels = inputs
        for k, (after, kernel) in enumerate(zip(outputs, kernels, strict=True)):
            step = stride if k == strided else 1
            pad = kernel[0] // 2, kernel[1] // 2, kernel[2] // 2
            self.add_module(f"conv{k + 1}", nn.Conv3d(channels, after, kernel, step, pad, bias=False))
            self.add_module(f"bn{k + 1}", nn.BatchNorm3d(after))
            channels = after
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, channels, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, inputs, T, H, W]`` to ``[N, outputs, T, H, W]``, divided by the stride."""
        inside = x
        for k in range(1, self.depth + 1):
            inside = self.get_submodule(f"bn{k}")(self.get_submodule(f"conv{k}")(inside))
            inside = self.relu(inside) if k < self.depth else inside
        return self.relu(inside + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: Triple, kind: Shortcut) -> nn.Module | None:
    if max(stride) == 1 and inputs == outputs:
        return None
    if kind == "padding":
        return PaddedChannels(outputs - inputs, stride)
    return nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))


Block = Callable[[int, int, Triple], Residual]
"""A function from (input channels, planes, stride) to a block."""


def basic(inputs: int, planes: int, stride: Triple, shortcut: Shortcut = "projection") -> Residual:
    """Build a block of two convolutions over 3 x 3 x 3 cells."""
    return Residual(inputs, (planes, planes), ((3, 3, 3), (3, 3, 3)), stride, 0, shortcut)


def bottleneck(inputs: int, planes: int, stride: Triple, shortcut: Shortcut = "projection") -> Residual:
    """Build a block that narrows, convolves over 3 x 3 x 3 cells, and widens to four times the planes."""
    kernels = ((1, 1, 1), (3, 3, 3), (1, 1, 1))
    return Residual(inputs, (planes, planes, 4 * planes), kernels, stride, 1, shortcut)


def stage(block: Block, inputs: int, planes: int, count: int, stride: Triple) -> nn.Sequential:
    """Build ``count`` blocks, of which the first has the stride."""
    blocks = [block(inputs, planes, stride)]
    outputs = blocks[0].get_submodule(f"bn{blocks[0].depth}").num_features
    assert isinstance(outputs, int)
    blocks += [block(outputs, planes, (1, 1, 1)) for _ in range(1, count)]
    return nn.Sequential(*blocks)


class ResNet3d(nn.Module):
    """A 3D residual network: ``[N, 3, T, H, W]`` to logits ``[N, classes]``, or to the maps of its stages.

    Args:
        depth: 18, 34, 50, 101 or 152.
        shortcut: of all blocks that change size or channels.
        stages: number of stages; fewer than four for networks with later layers of their own.
        classes: outputs of ``fc``; 0: no ``fc``, and the result is the map of the last stage.
        clip: (T, S), length and side of the clips that ``fc`` classifies.
        dropout: before ``fc``, in training.

    Raises ValueError for an unknown depth.
    """

    def __init__(
        self,
        depth: int,
        *,
        shortcut: Shortcut = "projection",
        stages: int = 4,
        classes: int = 0,
        clip: tuple[int, int] = (16, 112),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth not in COUNTS:
            raise ValueError(f"no 3D residual network of depth {depth} (known: {', '.join(map(str, COUNTS))})")
        wide = expansion(depth)
        self._stages = stages
        self.conv1 = nn.Conv3d(3, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, 1)

        def block(inputs: int, planes: int, stride: Triple) -> Residual:
            return (bottleneck if wide > 1 else basic)(inputs, planes, stride, shortcut)

        inputs = 64
        for k, (planes, count) in enumerate(zip(PLANES[:stages], COUNTS[depth], strict=False)):
            stride = (2, 2, 2) if k else (1, 1, 1)
            self.add_module(f"layer{k + 1}", stage(block, inputs, planes, count, stride))
            inputs = planes * wide
        self._last = (-(-clip[0] // 16), *(-(-clip[1] // 32),) * 2)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(inputs, classes) if classes else None

    def stem(self, clip: Tensor) -> Tensor:
        """Return the input of the first pool, ``[N, 64, T, H/2, W/2]``."""
        return self.relu(self.bn1(self.conv1(clip)))

    def stages(self, pooled: Tensor) -> tuple[Tensor, ...]:
        """Return the output of every stage from the pooled stem ``[N, 64, T/2, H/4, W/4]``; each halves all sides."""
        maps = [pooled]
        for k in range(1, self._stages + 1):
            maps.append(self.get_submodule(f"layer{k}")(maps[-1]))
        return tuple(maps[1:])

    def forward(self, clip: Tensor) -> Tensor:
        """Return logits, or the map of the last stage."""
        return self.classify(self.stages(self.maxpool(self.stem(clip)))[-1])

    def classify(self, last: Tensor) -> Tensor:
        """Return logits from the map of the last stage; the map itself in a network without classes.

        Raises ValueError for clips of a size that ``fc`` does not take.
        """
        if self.fc is None:
            return last
        if tuple(last.shape[2:]) != self._last:
            raise ValueError(f"a last map of {list(last.shape[2:])} cells, clips for fc give {list(self._last)}")
        return self.fc(self.dropout(last.mean((2, 3, 4))))
