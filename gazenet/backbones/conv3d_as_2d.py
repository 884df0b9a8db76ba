"""Layers over space and time that look along one of them, computed as layers of pictures.

With the channels of a cell next to each other in memory, ``[N, C, T, H, W]`` is at once a batch of N T pictures of
H x W cells, and a batch of N pictures of T rows and H W columns. A convolution over 1 x k x k cells is one of the
former, one over k x 1 x 1 cells one of the latter, and nothing is copied. Processors are up to three times faster at
convolutions of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAST = torch.channels_last_3d
Sides = int | tuple[int, int, int]
"""Of a block of cells: time, height, width."""


def as_frames(x: Tensor) -> Tensor:
    """``[N, C, T, H, W]`` as pictures ``[N T, C, H, W]``."""
    count, channels, length, height, width = x.shape
    return _pictures(x, (count * length, height, width, channels))


def as_rows(x: Tensor) -> Tensor:
    """``[N, C, T, H, W]`` as pictures of T rows, ``[N, C, T, H W]``."""
    count, channels, length, height, width = x.shape
    return _pictures(x, (count, length, height * width, channels))


def _pictures(x: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
    # A view of the flat memory: strides of axes of length one would otherwise hide the layout from some layers.
    return x.contiguous(memory_format=LAST).permute(0, 2, 3, 4, 1).view(sides).permute(0, 3, 1, 2)


def from_frames(frames: Tensor, count: int) -> Tensor:
    """Pictures ``[N T, C, H, W]`` as ``[N, C, T, H, W]``, N the count."""
    return frames.unflatten(0, (count, -1)).transpose(1, 2)


class PointwiseConv(nn.Conv3d):
    """A convolution over single cells: a matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        cells = x.contiguous(memory_format=LAST).permute(0, 2, 3, 4, 1)
        return F.linear(cells, self.weight.flatten(1), self.bias).permute(0, 4, 1, 2, 3)


class SpatialConv(nn.Conv3d):
    """A convolution over 1 x h x w cells."""

    def forward(self, x: Tensor) -> Tensor:
        found = F.conv2d(as_frames(x), self.weight[:, :, 0], self.bias, self.stride[1:], self.padding[1:])
        return from_frames(found, len(x))


class TemporalConv(nn.Conv3d):
    """A convolution over t x 1 x 1 cells."""

    def forward(self, x: Tensor) -> Tensor:
        return self.along(x, int(self.padding[0]))

    def along(self, x: Tensor, padding: int) -> Tensor:
        """The same with another padding."""
        found = F.conv2d(as_rows(x), self.weight[..., 0], self.bias, (self.stride[0], 1), (padding, 0))
        return found.unflatten(3, x.shape[3:])


def without_padding(layer: nn.Conv3d, x: Tensor) -> Tensor:
    """What a convolution over t x 1 x 1 cells makes of its input alone."""
    if isinstance(layer, TemporalConv):
        return layer.along(x, 0)
    return F.conv3d(x, layer.weight, layer.bias, layer.stride)


class TimeFoldingConv(nn.Conv3d):
    """A convolution over t x h x w cells that makes one frame of every t: their channels lie behind each other."""

    def forward(self, x: Tensor) -> Tensor:
        count, _, length, height, width = x.shape
        step = self.kernel_size[0]
        used = x[:, :, : length // step * step]
        groups = used.unflatten(2, (-1, step)).permute(0, 2, 4, 5, 3, 1).reshape(-1, height, width, step * x.shape[1])
        weight = self.weight.transpose(1, 2).flatten(1, 2)
        found = F.conv2d(groups.permute(0, 3, 1, 2), weight, self.bias, self.stride[1:], self.padding[1:])
        return from_frames(found, count)


class SpatialTransposedConv(nn.ConvTranspose3d):
    """A transposed convolution over 1 x h x w cells."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        stride, padding = self.stride[1:], self.padding[1:]
        found = F.conv_transpose2d(as_frames(x), self.weight[:, :, 0], self.bias, stride, padding)  # type: ignore[arg-type]
        return from_frames(found, len(x))


class MirroredSpatialConv(nn.ConvTranspose3d):
    """A transposed convolution over 1 x h x w cells without a stride: a plain one with its kernel turned around.

    Its weights are laid out as those of a plain one.
    """

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        _, height, width = self.kernel_size
        _, above, beside = (int(side) for side in self.padding)
        padding = height - 1 - above, width - 1 - beside
        return from_frames(F.conv2d(as_frames(x), self.weight[:, :, 0], self.bias, 1, padding), len(x))


class SpatialUpsample(nn.Upsample):
    """Rows and columns enlarged, each frame by itself."""

    def forward(self, x: Tensor) -> Tensor:
        factors = tuple(self.scale_factor)[1:]  # type: ignore[arg-type]
        return from_frames(F.interpolate(as_frames(x), scale_factor=factors, mode="bilinear"), len(x))


class AxisMaxPool(nn.MaxPool3d):
    """The largest of a block of cells: in time, then in space."""

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(x, self.kernel_size, self.stride, self.padding)


def max_pool(x: Tensor, kernel: Sides, stride: Sides, padding: Sides = 0) -> Tensor:
    """As ``max_pool3d``; in this layout of memory the maxima in time are taken first, then those in space."""
    if not x.is_contiguous(memory_format=LAST):
        return F.max_pool3d(x, kernel, stride, padding)
    (kt, *ks), (st, *ss), (pt, *ps) = (_three(one) for one in (kernel, stride, padding))
    x = _largest_in_time(x, kt, st, pt) if kt > 1 else x
    return from_frames(F.max_pool2d(as_frames(x), ks, ss, ps), len(x)) if max(ks) > 1 else x


def _largest_in_time(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    if padding:
        outside = torch.full_like(x[:, :, :padding], -torch.inf)
        x = concatenated((outside, x, outside), 2)
    reach = (x.shape[2] - kernel) // stride * stride + 1
    return reduce(torch.maximum, [x[:, :, k : k + reach : stride] for k in range(kernel)])


def concatenated(parts: Sequence[Tensor], axis: int = 1) -> Tensor:
    """Parts ``[N, C, T, H, W]`` behind each other along C (1) or T (2), in their layout of memory."""
    if not all(part.is_contiguous(memory_format=LAST) for part in parts):
        return torch.cat(tuple(parts), axis)
    laid = [part.permute(0, 2, 3, 4, 1) for part in parts]
    return torch.cat(laid, 4 if axis == 1 else axis - 1).permute(0, 4, 1, 2, 3)


def _three(sides: Sides) -> tuple[int, int, int]:
    return (sides,) * 3 if isinstance(sides, int) else sides


def planar(network: nn.Module) -> None:
    """Has the layers of a network computed in this way that can be; the layout of their weights changes."""
    for layer in network.modules():
        kind = _kind(layer)
        if kind is not None:
            layer.__class__ = kind
            _lay_out(layer)


def _lay_out(layer: nn.Module) -> None:
    """Weights as the layers read them. Others may share them: only mirrored ones are replaced."""
    if isinstance(layer, MirroredSpatialConv):
        layer.weight = nn.Parameter(layer.weight.transpose(0, 1).flip(3, 4), requires_grad=False)
    if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
        # Channels of one cell side by side; where time is folded, those of all times.
        order = (0, 3, 4, 2, 1) if isinstance(layer, TimeFoldingConv) else (0, 2, 3, 4, 1)
        back = [order.index(axis) for axis in range(5)]
        layer.weight.data = layer.weight.data.permute(order).contiguous().permute(back)


def _kind(layer: nn.Module) -> type[nn.Module] | None:
    if type(layer) is nn.Conv3d:
        return _kind_of_convolution(layer)
    if type(layer) is nn.ConvTranspose3d and layer.kernel_size[0] == layer.stride[0] == 1:
        return SpatialTransposedConv if max(layer.stride) > 1 else MirroredSpatialConv
    if type(layer) is nn.Upsample and layer.mode == "trilinear" and _keeps_time(layer):
        return SpatialUpsample
    if type(layer) is nn.MaxPool3d and layer.dilation == 1 and not (layer.ceil_mode or layer.return_indices):
        return AxisMaxPool
    return None


def _kind_of_convolution(layer: nn.Conv3d) -> type[nn.Module] | None:
    length, height, width = layer.kernel_size
    if layer.groups > 1 or max(layer.dilation) > 1 or isinstance(layer.padding, str):
        return None
    if layer.kernel_size == layer.stride == (1, 1, 1) and layer.padding == (0, 0, 0):
        return PointwiseConv
    if length == layer.stride[0] == 1:
        return SpatialConv
    if height == width == 1 == max(layer.stride[1:]):
        return TemporalConv
    return TimeFoldingConv if length == layer.stride[0] and layer.padding[0] == 0 else None


def _keeps_time(layer: nn.Upsample) -> bool:
    factors = layer.scale_factor
    return isinstance(factors, tuple) and factors[0] == 1 and not layer.align_corners
