"""Similarity: histogram intersection of two densities (Judd et al., 2012)."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import as_density, mark_invalid, not_finite, pair


def sim(prediction: Tensor, density: Tensor) -> Tensor:
    """Sum of pixel-wise minima of both maps scaled to sum 1, 0..1.

    Both maps ``[..., H, W]``; they are scaled by their sum only, shifted only if negative. Returns float64 ``[...]``,
    NaN where the ground truth is empty or a map is not finite.
    """
    p, g = pair(prediction, density)
    score = torch.minimum(as_density(p), as_density(g)).sum(-1)
    return mark_invalid(score, (g == 0).all(-1), not_finite(p), not_finite(g))
