"""What all saliency metrics agree on: shapes, normal forms, and which frames cannot be judged."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 2.2204e-16
"""The constant of the published toolboxes, with the digits they write."""


def flat(maps: Tensor) -> Tensor:
    """Maps ``[..., H, W]`` as float64 ``[..., H * W]``. Raises ValueError for fewer than two axes or no pixels."""
    if maps.ndim < 2 or maps.shape[-1] * maps.shape[-2] == 0:
        raise ValueError(f"a map must have the axes [..., H, W] and at least one pixel, not {tuple(maps.shape)}")
    return maps.flatten(-2).double()


def pair(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps flattened. Raises ValueError where their shapes differ."""
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} and ground truth {tuple(truth.shape)} differ in shape")
    return flat(prediction), flat(truth)


def is_constant(maps: Tensor) -> Tensor:
    """``[...]`` bool for flattened maps ``[..., P]``: every pixel has the same value."""
    return maps.amax(-1) == maps.amin(-1)


def not_finite(maps: Tensor) -> Tensor:
    """``[...]`` bool for flattened maps: some pixel is NaN or infinite."""
    return ~torch.isfinite(maps).all(-1)


def as_density(maps: Tensor, minimum: float = 0.0) -> Tensor:
    """Flattened maps scaled to sum 1; shifted first only if negative; a map of zeros becomes uniform.

    ``minimum`` is added to every pixel before scaling.
    """
    shifted = maps - maps.amin(-1, keepdim=True).clamp(max=0) + minimum
    total = shifted.sum(-1, keepdim=True)
    return torch.where(total > 0, shifted / total.clamp(min=1e-300), torch.full_like(maps, 1 / maps.shape[-1]))


def mark_invalid(values: Tensor, *invalid: Tensor) -> Tensor:
    """``values`` with NaN wherever one of the conditions holds."""
    for condition in invalid:
        values = torch.where(condition, torch.full_like(values, torch.nan), values)
    return values
