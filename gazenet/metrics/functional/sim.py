"""Similarity: histogram intersection of two densities (Judd et al., 2012)."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import check_pair, flat, is_zero, mark_invalid, not_finite, scale_of, summed


def sim(prediction: Tensor, density: Tensor) -> Tensor:
    """Sum of pixel-wise minima of both maps scaled to sum 1, 0..1.

    Both maps ``[..., H, W]``; they are scaled by their sum only, shifted only if negative. Returns float64 ``[...]``,
    NaN where the ground truth is empty or a map is not finite.
    """
    check_pair(prediction, density)
    p, g = flat(prediction), flat(density)
    score = summed(_smaller, [p, g], [*scale_of(p), *scale_of(g)])[:, 0]
    return mark_invalid(score, is_zero(g), not_finite(p), not_finite(g)).reshape(prediction.shape[:-2])


def _smaller(p: Tensor, g: Tensor, p_shift: Tensor, p_factor: Tensor, g_shift: Tensor, g_factor: Tensor) -> Tensor:
    q, t = p.add_(p_shift).mul_(p_factor), g.add_(g_shift).mul_(g_factor)
    return torch.minimum(q, t, out=q).sum(1)
