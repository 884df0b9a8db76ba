"""Areas under ROC curves. They differ in what counts as a negative and in how the curve is drawn: name the one you
show.

================  =====================  ==========================================================
function          negatives              curve
================  =====================  ==========================================================
``auc_judd``      unfixated pixels       polyline through the thresholds found at fixations, and (1, 1)
``auc_uniform``   all pixels             exact ROC: rank statistic, ties count 1/2
``auc_shuffled``  others' fixations      exact ROC: rank statistic, ties count 1/2
================  =====================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gazenet.metrics.functional.common import flat, pair

_NAN = float("nan")


def auc_judd(prediction: Tensor, fixations: Tensor) -> Tensor:
    """AUC-Judd without jitter and without rounding (Judd et al., ICCV 2009).

    Thresholds are the distinct values at fixated pixels; at each, hits are the fixated and false alarms the unfixated
    pixels not below it. ``prediction`` and ``fixations`` ``[..., H, W]`` (positive = fixated). Returns float64
    ``[...]``, NaN where nothing or everything is fixated or the prediction is not finite.
    """
    return _over_maps(_judd, *pair(prediction, fixations))


def auc_uniform(prediction: Tensor, fixations: Tensor) -> Tensor:
    """Probability that a fixated pixel is brighter than a pixel drawn from the complete map, ties counting 1/2."""
    p, f = pair(prediction, fixations)
    return _over_maps(lambda values, hit: rank_auc(values[hit], values), p, f)


def auc_shuffled(prediction: Tensor, fixations: Tensor, others: Tensor) -> Tensor:
    """Probability that a fixated pixel is brighter than a pixel fixated in other frames or images, ties counting 1/2.

    Shapes ``[..., H, W]``; ``others`` marks the negatives and is broadcast. It takes away the credit for a centre bias
    (Zhang et al., Journal of Vision 2008). NaN where there are no positives or no negatives.
    """
    p, f = pair(prediction, fixations)
    o = flat(others.expand_as(prediction))
    shape = p.shape[:-1]
    rows = zip(p.reshape(-1, p.shape[-1]), f.reshape(-1, p.shape[-1]), o.reshape(-1, p.shape[-1]), strict=True)
    scores = [_guard(values, lambda v, a, b: rank_auc(v[a], v[b]), hit > 0, other > 0) for values, hit, other in rows]
    return torch.tensor(scores, dtype=torch.float64, device=p.device).reshape(shape)


def rank_auc(positives: Tensor, negatives: Tensor) -> float:
    """Mann-Whitney statistic over its maximum for value vectors; NaN where one is empty."""
    if not len(positives) or not len(negatives):
        return _NAN
    order = positives.contiguous().sort().values
    below = torch.searchsorted(order, negatives.contiguous(), right=False)
    up_to = torch.searchsorted(order, negatives.contiguous(), right=True)
    beaten = (below + up_to).double().sum() / 2
    return float(1 - beaten / (len(positives) * len(negatives)))


def _judd(values: Tensor, hit: Tensor) -> float:
    fixated, pixels = int(hit.sum()), len(values)
    if not 0 < fixated < pixels:
        return _NAN
    thresholds = torch.unique(values[hit])
    # Only the few fixation values are sorted; every pixel is binned among them once.
    tp = _at_least(values[hit], thresholds) / fixated
    fp = (_at_least(values, thresholds) - _at_least(values[hit], thresholds)) / (pixels - fixated)
    one = tp.new_ones(1)
    y = torch.cat([tp.new_zeros(1), tp.flip(0), one])
    x = torch.cat([fp.new_zeros(1), fp.flip(0), one])
    return float(torch.trapezoid(y, x))


def _at_least(values: Tensor, thresholds: Tensor) -> Tensor:
    """How many values reach each of the ascending thresholds."""
    bins = torch.searchsorted(thresholds, values, right=True)
    counts = torch.bincount(bins, minlength=len(thresholds) + 1).double()
    return counts.flip(0).cumsum(0).flip(0)[1:]


def _over_maps(score: Callable[[Tensor, Tensor], float], p: Tensor, f: Tensor) -> Tensor:
    rows = zip(p.reshape(-1, p.shape[-1]), f.reshape(-1, p.shape[-1]), strict=True)
    scores = [_guard(values, score, hit > 0) for values, hit in rows]
    return torch.tensor(scores, dtype=torch.float64, device=p.device).reshape(p.shape[:-1])


def _guard(values: Tensor, score: Callable[..., float], *masks: Tensor) -> float:
    return score(values, *masks) if bool(torch.isfinite(values).all()) else _NAN
