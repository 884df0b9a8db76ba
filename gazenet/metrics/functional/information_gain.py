"""Information gain over a baseline (Kuemmerer et al., PNAS 2015)."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import EPSILON, as_density, flat, mark_invalid, not_finite, pair


def information_gain(prediction: Tensor, fixations: Tensor, baseline: Tensor) -> Tensor:
    """Mean over fixated pixels of ``log2(eps + p) - log2(eps + b)``, in bits per fixation.

    ``prediction`` and ``fixations`` ``[..., H, W]``, ``baseline`` (for example the centre bias) broadcast to them;
    prediction and baseline are scaled to sum 1. Returns float64 ``[...]``, NaN where nothing is fixated or a map is
    not finite.
    """
    p, f = pair(prediction, fixations)
    b = flat(baseline.expand_as(prediction))
    hit = (f > 0).double()
    gain = torch.log2(EPSILON + as_density(p)) - torch.log2(EPSILON + as_density(b))
    score = (gain * hit).sum(-1) / hit.sum(-1)
    return mark_invalid(score, hit.sum(-1) == 0, not_finite(p), not_finite(b))
