"""Checks and normal forms that all saliency metrics share: shapes, scales, frames that cannot be scored.

On a CPU, large maps are worked on in pieces that fit its cache: fresh memory for whole maps costs more than the
arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

EPSILON = 2.2204e-16
"""The constant of the published toolboxes, with the digits they write."""
PIECE = 1 << 17


def check_pair(prediction: Tensor, truth: Tensor) -> None:
    """Raise ValueError for maps that differ in shape, have fewer than two axes or no pixels."""
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} and ground truth {tuple(truth.shape)} differ in shape")
    if prediction.ndim < 2 or prediction.shape[-1] * prediction.shape[-2] == 0:
        raise ValueError(f"a map must have the axes [..., H, W] and at least one pixel, not {tuple(prediction.shape)}")


def flat(maps: Tensor) -> Tensor:
    """Return maps ``[..., H, W]`` as ``[B, H * W]``: float64, or as they are in single precision or bytes."""
    pixels = maps.reshape(-1, maps.shape[-2] * maps.shape[-1])
    return pixels if pixels.dtype in (torch.float32, torch.float64, torch.uint8) else pixels.double()


def positive(marks: Tensor) -> Tensor:
    """Return bool ``[B, P]``: which pixels of ``[..., H, W]`` are marked."""
    pixels = marks.reshape(-1, marks.shape[-2] * marks.shape[-1])
    return pixels if pixels.dtype == torch.bool else pixels > 0


def places(mask: Tensor) -> Tensor:
    """Return the indices at which a bool vector holds, int64."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))  # several times faster than nonzero
    return mask.nonzero()[:, 0]


def below_zero(values: Tensor) -> Tensor:
    """Return the indices at which a vector is negative, int64."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(values.numpy() < 0))
    return places(values < 0)


def pieces(maps: Tensor, size: int = PIECE) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of the pieces, of ``size`` pixels at most, in which maps ``[B, P]`` are worked on."""
    count, pixels = maps.shape
    if maps.device.type != "cpu":
        size = max(1, maps.numel())
    step = max(1, size // pixels)
    for row in range(0, count, step):
        for start in range(0, pixels, size):
            yield slice(row, min(row + step, count)), slice(start, start + size)


def summed(term: Callable[..., Tensor], maps: Sequence[Tensor], by_row: Sequence[Tensor], terms: int = 1) -> Tensor:
    """float64 ``[B, terms]``: the sums of what ``term`` gives for pieces of maps ``[B, P]`` (``[R]``, ``[R, terms]``).

    It is called with its own copies of the pieces in float64, ``[R, n]``, then with the rows of ``by_row`` ``[B, 1]``.
    """
    total = torch.zeros(len(maps[0]), terms, dtype=torch.float64, device=maps[0].device)
    for rows, columns in pieces(maps[0]):
        parts = [one[rows, columns].to(torch.float64, copy=True) for one in maps]
        total[rows] += term(*parts, *(one[rows] for one in by_row)).view(-1, terms)
    return total


def extremes(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest and largest value ``[B, 1]``; NaN where one pixel is."""
    # Much faster than torch.aminmax along an axis.
    return maps.amin(-1, keepdim=True), maps.amax(-1, keepdim=True)


def is_constant(maps: Tensor) -> Tensor:
    """Return bool ``[B]``: every pixel has the same value."""
    low, high = extremes(maps)
    return (low == high)[:, 0]


def not_finite(maps: Tensor) -> Tensor:
    """Return bool ``[B]``: some pixel is NaN or infinite."""
    if not maps.dtype.is_floating_point:
        return torch.zeros(len(maps), dtype=torch.bool, device=maps.device)
    # Extremes carry NaN along, and are found much faster than by looking at every pixel.
    low, high = extremes(maps)
    return ~(torch.isfinite(low) & torch.isfinite(high))[:, 0]


def is_zero(maps: Tensor) -> Tensor:
    """Return bool ``[B]``: every pixel is 0."""
    low, high = extremes(maps)
    return ((low == 0) & (high == 0))[:, 0]


def mean(maps: Tensor) -> Tensor:
    """Return the means of maps ``[B, P]``, float64 ``[B, 1]``."""
    return maps.sum(-1, keepdim=True, dtype=torch.float64) / maps.shape[-1]


def scale_of(maps: Tensor, minimum: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return shift and factor, float64 ``[B, 1]``, that make ``(map + shift) * factor`` a density of sum 1.

    The map is shifted only if negative, then ``minimum`` is added to every pixel. A map of zeros becomes uniform.
    """
    pixels = maps.shape[-1]
    shift = minimum - maps.amin(-1, keepdim=True).double().clamp(max=0)
    total = maps.sum(-1, keepdim=True, dtype=torch.float64) + shift * pixels
    # Of its rounded sum a constant negative map may keep a trace.
    empty = maps.amax(-1, keepdim=True) + shift <= 0
    return torch.where(empty, shift + 1, shift), 1 / torch.where(empty, float(pixels), total)


def mark_invalid(values: Tensor, *invalid: Tensor) -> Tensor:
    """Return ``values`` with NaN wherever one of the conditions holds."""
    for condition in invalid:
        values = torch.where(condition, torch.full_like(values, torch.nan), values)
    return values
