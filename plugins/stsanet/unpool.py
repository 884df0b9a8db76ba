"""Pooling that remembers where each maximum stood, and un-pooling to there, written in plain comparisons.

The published network keeps the indices of a max pooling and later puts the results of an attention back at those
positions. Indices cannot be exported to every runtime, and an equality with the pooled value puts a result at several
positions where values tie, as zeros after a ReLU do. Comparisons among the four values of a window need neither: the
first maximum in raster order is chosen, always exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POOL = (1, 2, 2)


def pool(x: Tensor) -> Tensor:
    """The maxima of windows of 2 x 2 pixels: ``[B, C, T, H, W]`` to ``[B, C, T, H/2, W/2]``, H and W even."""
    return F.max_pool3d(x, POOL, POOL)


def unpool(pooled_from: Tensor, values: Tensor) -> Tensor:
    """``values`` at the places of the maxima, zero elsewhere; equals ``max_unpool3d`` exactly, also in half precision.

    Args:
        pooled_from: what was pooled, ``[B, C, T, H, W]``.
        values: what is put back, ``[B, C, T, H/2, W/2]``; not the pooled values themselves.

    Returns:
        ``[B, C, T, H, W]``.
    """
    channels, frames, height, width = pooled_from.shape[1:]
    # Folding channels and frames keeps the rank at six: eight is the most that deployment runtimes take.
    windows = pooled_from.reshape(-1, channels * frames, height // 2, 2, width // 2, 2)
    s00, s01, s10, s11 = (windows[:, :, :, a, :, b] for a in (0, 1) for b in (0, 1))
    first = (s00 >= s01) & (s00 >= s10) & (s00 >= s11)
    second = ~first & (s01 >= s10) & (s01 >= s11)
    third = ~first & ~second & (s10 >= s11)
    fourth = ~first & ~second & ~third
    folded = values.reshape(-1, channels * frames, height // 2, width // 2)
    zero = torch.zeros_like(folded)
    p00, p01, p10, p11 = (torch.where(mask, folded, zero) for mask in (first, second, third, fourth))
    rows = torch.stack((torch.stack((p00, p01), -1), torch.stack((p10, p11), -1)), 3)
    return rows.reshape(-1, channels, frames, height, width)


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
"""The published network's un-pooling, and what ports put in its place: for comparisons with their results."""
