"""Kullback-Leibler divergence of the prediction from the ground truth."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import EPSILON, as_density, mark_invalid, not_finite, pair


def kld(prediction: Tensor, density: Tensor) -> Tensor:
    """``sum g log(eps + g / (p + eps))`` in nats over maps scaled to sum 1, eps = 2.2204e-16 (MIT's constants).

    Both maps ``[..., H, W]``. Returns float64 ``[...]``, smaller is better, NaN where the ground truth is empty or a
    map is not finite.
    """
    p, g = pair(prediction, density)
    q, t = as_density(p), as_density(g)
    score = (t * torch.log(EPSILON + t / (q + EPSILON))).sum(-1)
    return mark_invalid(score, (g == 0).all(-1), not_finite(p), not_finite(g))
