"""Residual stages in space and time, as the published checkpoints name them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

Triple = tuple[int, int, int]


class Residual(nn.Module):
    """Convolutions ``conv1``, ``conv2``, ... each with ``bn1``, ... beside the identity or ``downsample``.

    Args:
        inputs: channels in.
        outputs: channels of every convolution in turn; the last is that of the block.
        kernels: (time, height, width) of every convolution; padding keeps the size.
        stride: of the block.
        strided: position of the convolution that has the stride.
    """

    def __init__(
        self, inputs: int, outputs: Sequence[int], kernels: Sequence[Triple], stride: Triple, strided: int
    ) -> None:
        super().__init__()
        self.depth = len(kernels)
        channels = inputs
        for k, (after, kernel) in enumerate(zip(outputs, kernels, strict=True)):
            step = stride if k == strided else 1
            pad = tuple(side // 2 for side in kernel)
            self.add_module(f"conv{k + 1}", nn.Conv3d(channels, after, kernel, step, pad, bias=False))
            self.add_module(f"bn{k + 1}", nn.BatchNorm3d(after))
            channels = after
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if max(stride) > 1 or inputs != channels:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, channels, 1, stride, bias=False), nn.BatchNorm3d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        inside = x
        for k in range(1, self.depth + 1):
            inside = self.get_submodule(f"bn{k}")(self.get_submodule(f"conv{k}")(inside))
            inside = self.relu(inside) if k < self.depth else inside
        return self.relu(inside + (x if self.downsample is None else self.downsample(x)))


Block = Callable[[int, int, Triple], Residual]
"""(channels in, planes, stride) to a block."""


def basic(inputs: int, planes: int, stride: Triple) -> Residual:
    """Two convolutions over 3 x 3 x 3 cells."""
    return Residual(inputs, (planes, planes), ((3, 3, 3), (3, 3, 3)), stride, 0)


def bottleneck(inputs: int, planes: int, stride: Triple) -> Residual:
    """Narrow, look around in space and time, widen to four times the planes."""
    kernels = ((1, 1, 1), (3, 3, 3), (1, 1, 1))
    return Residual(inputs, (planes, planes, 4 * planes), kernels, stride, 1)


def factorised(temporal: int) -> Block:
    """A bottleneck that looks over ``temporal`` frames while narrowing, and around in space only afterwards."""

    def block(inputs: int, planes: int, stride: Triple) -> Residual:
        kernels = ((temporal, 1, 1), (1, 3, 3), (1, 1, 1))
        return Residual(inputs, (planes, planes, 4 * planes), kernels, stride, 1)

    return block


def stage(block: Block, inputs: int, planes: int, count: int, stride: Triple, expansion: int) -> nn.Sequential:
    """``count`` blocks, of which the first has the stride."""
    first = block(inputs, planes, stride)
    return nn.Sequential(first, *(block(expansion * planes, planes, (1, 1, 1)) for _ in range(1, count)))
