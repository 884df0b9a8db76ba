"""Normalised scanpath saliency (Peters et al., Vision Research 2005)."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import is_constant, mark_invalid, not_finite, pair


def nss(prediction: Tensor, fixations: Tensor) -> Tensor:
    """Mean z-score of the prediction at fixated pixels.

    ``prediction`` ``[..., H, W]``; ``fixations`` same shape, a pixel counts once if its value is positive. Returns
    float64 ``[...]``: 0 for a constant prediction (its standard deviation, the population one, is 0), NaN where
    nothing is fixated or the prediction is not finite.
    """
    p, f = pair(prediction, fixations)
    hit = (f > 0).double()
    deviation = p.std(-1, correction=0)
    score = ((p - p.mean(-1, keepdim=True)) * hit).sum(-1) / hit.sum(-1) / deviation
    score = torch.where(is_constant(p), torch.zeros_like(score), score)
    return mark_invalid(score, hit.sum(-1) == 0, not_finite(p))
