"""Kullback-Leibler divergence of the prediction from the ground truth."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import (
    EPSILON,
    check_pair,
    flat,
    is_zero,
    mark_invalid,
    not_finite,
    scale_of,
    summed,
)


def kld(prediction: Tensor, density: Tensor, minimum: float | None = None) -> Tensor:
    """``sum g log(eps + g / (p + eps))`` in nats over maps scaled to sum 1, eps = 2.2204e-16 (MIT's constants).

    With ``minimum`` (pysaliency's own choice is 1e-20) that is added to every pixel before scaling, and the divergence
    is the plain ``sum g log(g / p)``: zeros of the prediction then cost much more.
    Both maps ``[..., H, W]``. Returns float64 ``[...]``, smaller is better, NaN where the ground truth is empty or a
    map is not finite. Raises ValueError for a minimum that is not positive.
    """
    if minimum is not None and not minimum > 0:
        raise ValueError(f"minimum must be positive, not {minimum}")
    check_pair(prediction, density)
    p, g = flat(prediction), flat(density)
    scales = [*scale_of(p, minimum or 0.0), *scale_of(g, minimum or 0.0)]
    score = summed(_regular if minimum is None else _plain, [p, g], scales)[:, 0]
    return mark_invalid(score, is_zero(g), not_finite(p), not_finite(g)).reshape(prediction.shape[:-2])


def _regular(p: Tensor, g: Tensor, p_shift: Tensor, p_factor: Tensor, g_shift: Tensor, g_factor: Tensor) -> Tensor:
    q, t = p.add_(p_shift).mul_(p_factor).add_(EPSILON), g.add_(g_shift).mul_(g_factor)
    return torch.linalg.vecdot(t, torch.div(t, q, out=q).add_(EPSILON).log_())


def _plain(p: Tensor, g: Tensor, p_shift: Tensor, p_factor: Tensor, g_shift: Tensor, g_factor: Tensor) -> Tensor:
    q, t = p.add_(p_shift).mul_(p_factor), g.add_(g_shift).mul_(g_factor)
    return torch.linalg.vecdot(t, t.log() - q.log_())
