"""Kullback-Leibler divergence of the prediction from the ground truth."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import EPSILON, as_density, mark_invalid, not_finite, pair


def kld(prediction: Tensor, density: Tensor, minimum: float | None = None) -> Tensor:
    """``sum g log(eps + g / (p + eps))`` in nats over maps scaled to sum 1, eps = 2.2204e-16 (MIT's constants).

    With ``minimum`` (pysaliency's own choice is 1e-20) that is added to every pixel before scaling, and the divergence
    is the plain ``sum g log(g / p)``: zeros of the prediction then cost much more.
    Both maps ``[..., H, W]``. Returns float64 ``[...]``, smaller is better, NaN where the ground truth is empty or a
    map is not finite. Raises ValueError for a minimum that is not positive.
    """
    p, g = pair(prediction, density)
    if minimum is None:
        q, t = as_density(p), as_density(g)
        score = (t * torch.log(EPSILON + t / (q + EPSILON))).sum(-1)
    elif minimum > 0:
        q, t = as_density(p, minimum), as_density(g, minimum)
        score = (t * (t.log() - q.log())).sum(-1)
    else:
        raise ValueError(f"minimum must be positive, not {minimum}")
    return mark_invalid(score, (g == 0).all(-1), not_finite(p), not_finite(g))
