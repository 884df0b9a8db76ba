"""3D layers whose kernels extend along space or time only, computed as 2D layers.

With the channels of a cell next to each other in memory, ``[N, C, T, H, W]`` is both a batch of N T pictures of H x W
cells and a batch of N pictures of T rows and H W columns. A convolution over 1 x k x k cells is a 2D convolution of
the former, one over k x 1 x 1 cells of the latter, without a copy. 2D convolutions are up to three times faster on
CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAST = torch.channels_last_3d
Sides = int | tuple[int, int, int]
"""The sides of a block of cells: time, height, width."""


def as_frames(x: Tensor) -> Tensor:
    """View ``[N, C, T, H, W]`` as pictures ``[N T, C, H, W]``."""
    count, channels, length, height, width = x.shape
    return _pictures(x, (count * length, height, width, channels))


def as_rows(x: Tensor) -> Tensor:
    """View ``[N, C, T, H, W]`` as pictures of T rows, ``[N, C, T, H W]``."""
    count, channels, length, height, width = x.shape
    return _pictures(x, (count, length, height * width, channels))


def _pictures(x: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
    # A view of the flat memory: strides of axes of length one would otherwise hide the layout from some layers.
    return x.contiguous(memory_format=LAST).permute(0, 2, 3, 4, 1).view(sides).permute(0, 3, 1, 2)


def from_frames(frames: Tensor, count: int) -> Tensor:
    """View pictures ``[N T, C, H, W]`` as ``[N, C, T, H, W]``; ``count`` is N."""
    return frames.unflatten(0, (count, -1)).transpose(1, 2)


class PointwiseConv(nn.Conv3d):
    """A convolution over single cells: a matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[N, C, T, H, W]``."""
        cells = x.contiguous(memory_format=LAST).permute(0, 2, 3, 4, 1)
        return F.linear(cells, self.weight.flatten(1), self.bias).permute(0, 4, 1, 2, 3)


class SpatialConv(nn.Conv3d):
    """A convolution over 1 x h x w cells."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[N, C, T, H, W]``."""
        out = F.conv2d(as_frames(x), self.weight[:, :, 0], self.bias, self.stride[1:], self.padding[1:])
        return from_frames(out, len(x))


class TemporalConv(nn.Conv3d):
    """A convolution over t x 1 x 1 cells."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[N, C, T, H, W]``."""
        return self.along(x, int(self.padding[0]))

    def along(self, x: Tensor, padding: int) -> Tensor:
        """Convolve with another padding in time."""
        out = F.conv2d(as_rows(x), self.weight[..., 0], self.bias, (self.stride[0], 1), (padding, 0))
        return out.unflatten(3, x.shape[3:])


def without_padding(layer: nn.Conv3d, x: Tensor) -> Tensor:
    """Apply a convolution over t x 1 x 1 cells without padding."""
    if isinstance(layer, TemporalConv):
        return layer.along(x, 0)
    return F.conv3d(x, layer.weight, layer.bias, layer.stride)


class TimeFoldingConv(nn.Conv3d):
    """A convolution over t x h x w cells with a stride of t in time: the channels of t frames are concatenated."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[N, C, T, H, W]``."""
        count, _, length, height, width = x.shape
        step = self.kernel_size[0]
        used = x[:, :, : length // step * step]
        groups = used.unflatten(2, (-1, step)).permute(0, 2, 4, 5, 3, 1).reshape(-1, height, width, step * x.shape[1])
        weight = self.weight.transpose(1, 2).flatten(1, 2)
        out = F.conv2d(groups.permute(0, 3, 1, 2), weight, self.bias, self.stride[1:], self.padding[1:])
        return from_frames(out, count)


class SpatialTransposedConv(nn.ConvTranspose3d):
    """A transposed convolution over 1 x h x w cells."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve ``[N, C, T, H, W]``."""
        stride, padding = self.stride[1:], self.padding[1:]
        out = F.conv_transpose2d(as_frames(x), self.weight[:, :, 0], self.bias, stride, padding)  # type: ignore[arg-type]
        return from_frames(out, len(x))


class MirroredSpatialConv(nn.ConvTranspose3d):
    """A transposed convolution over 1 x h x w cells without stride: a convolution with a mirrored kernel.

    Its weights have the layout of a convolution.
    """

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve ``[N, C, T, H, W]``."""
        _, height, width = self.kernel_size
        _, above, beside = (int(side) for side in self.padding)
        padding = height - 1 - above, width - 1 - beside
        return from_frames(F.conv2d(as_frames(x), self.weight[:, :, 0], self.bias, 1, padding), len(x))


class SpatialUpsample(nn.Upsample):
    """An upsampling of rows and columns, frame by frame."""

    def forward(self, x: Tensor) -> Tensor:
        """Upsample ``[N, C, T, H, W]``."""
        factors = tuple(self.scale_factor)[1:]  # type: ignore[arg-type]
        return from_frames(F.interpolate(as_frames(x), scale_factor=factors, mode="bilinear"), len(x))


class AxisMaxPool(nn.MaxPool3d):
    """A max pooling over time, then over space."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``[N, C, T, H, W]``."""
        return max_pool(x, self.kernel_size, self.stride, self.padding)


def max_pool(x: Tensor, kernel: Sides, stride: Sides, padding: Sides = 0) -> Tensor:
    """Pool like ``max_pool3d``; in the channels-last layout first over time, then over space."""
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
    """Concatenate ``[N, C, T, H, W]`` along C (axis 1) or T (axis 2), preserving the memory layout."""
    if not all(part.is_contiguous(memory_format=LAST) for part in parts):
        return torch.cat(tuple(parts), axis)
    laid = [part.permute(0, 2, 3, 4, 1) for part in parts]
    return torch.cat(laid, 4 if axis == 1 else axis - 1).permute(0, 4, 1, 2, 3)


def _three(sides: Sides) -> tuple[int, int, int]:
    return (sides,) * 3 if isinstance(sides, int) else sides


def use_2d_layers(network: nn.Module) -> None:
    """Convert the layers of a network that allow it, in place; the layout of their weights changes."""
    for layer in network.modules():
        kind = _kind(layer)
        if kind is not None:
            layer.__class__ = kind
            _lay_out(layer)


def _lay_out(layer: nn.Module) -> None:
    """Lay out the weights as the layers read them. They may be shared: only mirrored weights are replaced."""
    if isinstance(layer, MirroredSpatialConv):
        layer.weight = nn.Parameter(layer.weight.transpose(0, 1).flip(3, 4), requires_grad=False)
    if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
        # The channels of a cell are adjacent; where time is folded, those of all its frames.
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
