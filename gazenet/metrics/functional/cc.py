"""Correlation of two maps."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import check_pair, flat, is_constant, mark_invalid, mean, not_finite, summed


def cc(prediction: Tensor, density: Tensor) -> Tensor:
    """Pearson's correlation over pixels, -1..1.

    Both maps ``[..., H, W]``. Returns float64 ``[...]``: 0 for a constant prediction, NaN where the ground truth is
    constant (nothing was fixated) or a map is not finite.
    """
    check_pair(prediction, density)
    p, g = flat(prediction), flat(density)
    ab, aa, bb = summed(_products, [p, g], [mean(p), mean(g)], terms=3).unbind(1)
    score = ab / (aa.sqrt() * bb.sqrt())
    score = torch.where(is_constant(p), torch.zeros_like(score), score)
    return mark_invalid(score, is_constant(g), not_finite(p), not_finite(g)).reshape(prediction.shape[:-2])


def _products(p: Tensor, g: Tensor, p_mean: Tensor, g_mean: Tensor) -> Tensor:
    a, b = p.sub_(p_mean), g.sub_(g_mean)
    return torch.stack([torch.linalg.vecdot(x, y) for x, y in ((a, b), (a, a), (b, b))], 1)
