"""Correlation of two maps."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import is_constant, mark_invalid, not_finite, pair


def cc(prediction: Tensor, density: Tensor) -> Tensor:
    """Pearson's correlation over pixels, -1..1.

    Both maps ``[..., H, W]``. Returns float64 ``[...]``: 0 for a constant prediction, NaN where the ground truth is
    constant (nothing was fixated) or a map is not finite.
    """
    p, g = pair(prediction, density)
    a, b = p - p.mean(-1, keepdim=True), g - g.mean(-1, keepdim=True)
    score = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))
    score = torch.where(is_constant(p), torch.zeros_like(score), score)
    return mark_invalid(score, is_constant(g), not_finite(p), not_finite(g))
