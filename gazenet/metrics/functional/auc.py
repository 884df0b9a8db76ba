"""Areas under ROC curves. They differ in what counts as a negative and in how the curve is drawn: name the one you
show.

================  =====================  ==========================================================
function          negatives              curve
================  =====================  ==========================================================
``auc_judd``      unfixated pixels       polyline through the thresholds found at fixations, and (1, 1)
``auc_uniform``   all pixels             exact ROC: rank statistic, ties count 1/2
``auc_shuffled``  others' fixations      exact ROC: rank statistic, ties count 1/2
``auc_borji``     random pixels          polyline through steps of a tenth of the map's range, mean of splits
================  =====================  ==========================================================

Fixations are marks, a pixel counting once if its value is positive, or, ``counted``, numbers of fixations, of which
each one counts: those of the frame as positives, those of others as negatives. As in pysaliency, an unfixated pixel of
``auc_judd`` and a pixel of ``auc_uniform`` is one negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import check_pair, extremes, flat, mark_invalid, positive
from gazenet.metrics.functional.ranks import ChosenPixels, beaten

_STEPS = 10


def auc_judd(prediction: Tensor, fixations: Tensor, counted: bool = False) -> Tensor:
    """AUC-Judd without jitter and without rounding (Judd et al., ICCV 2009).

    Thresholds are the distinct values at fixated pixels; at each, hits are the fixated and false alarms the unfixated
    pixels not below it. ``prediction`` and ``fixations`` ``[..., H, W]`` (positive = fixated). Returns float64
    ``[...]``, NaN where nothing or everything is fixated or the prediction is not finite.
    """
    p, limits, chosen, bad = _prepared(prediction, fixations, counted)
    fixated, pixels = chosen.counts, chosen
    # Of their own pixels the fixated ones beat or equal each other once.
    own = fixated**2
    if counted:
        pixels = ChosenPixels.where(positive(fixations))
        own = beaten(p, limits, chosen, pixels)
    others = p.shape[1] - pixels.counts
    area = (beaten(p, limits, chosen, level_steps=True) - own).double() / (2 * fixated * others)
    return mark_invalid(area, bad, fixated == 0, others == 0).reshape(prediction.shape[:-2])


def auc_uniform(prediction: Tensor, fixations: Tensor, counted: bool = False) -> Tensor:
    """Probability that a fixated pixel is brighter than a pixel drawn from the complete map, ties counting 1/2.

    Shapes and invalid frames as in :func:`auc_judd`, but everything may be fixated.
    """
    p, limits, chosen, bad = _prepared(prediction, fixations, counted)
    area = beaten(p, limits, chosen).double() / (2 * chosen.counts * p.shape[1])
    return mark_invalid(area, bad, chosen.counts == 0).reshape(prediction.shape[:-2])


def auc_shuffled(prediction: Tensor, fixations: Tensor, others: Tensor, counted: bool = False) -> Tensor:
    """Probability that a fixated pixel is brighter than a pixel fixated in other frames or images, ties counting 1/2.

    Shapes ``[..., H, W]``; ``others`` marks the negatives and is broadcast. It takes away the credit for a centre bias
    (Zhang et al., Journal of Vision 2008). NaN where there are no positives or no negatives.
    """
    p, limits, chosen, bad = _prepared(prediction, fixations, counted)
    among = ChosenPixels.weighted(others.expand_as(prediction), counted)
    area = beaten(p, limits, chosen, among).double() / (2 * chosen.counts * among.counts)
    return mark_invalid(area, bad, chosen.counts == 0, among.counts == 0).reshape(prediction.shape[:-2])


def auc_borji(
    prediction: Tensor, fixations: Tensor, splits: int = 100, seed: int = 0, counted: bool = False
) -> Tensor:
    """Mean area over ``splits`` draws of as many random pixels as there are fixations (Borji et al., TIP 2013).

    Thresholds lie a tenth of the map's range apart; both rates count pixels not below them. The draws follow from
    ``seed`` and the number of fixations, so a map scores the same in any batch and on any device. Shapes and
    invalid frames as in :func:`auc_uniform`; a constant map gives 0.5. An approximation of :func:`auc_uniform`, which
    needs no draws.
    """
    p, limits, chosen, bad = _prepared(prediction, fixations, counted)
    p, low, high = p.double(), *(limit.double() for limit in limits)
    p = (p - low) / torch.where(high > low, high - low, torch.ones_like(low))
    position = torch.arange(len(chosen.rows), device=p.device) - (chosen.counts.cumsum(0) - chosen.counts)[chosen.rows]
    draws = torch.rand(
        int(chosen.counts.max()) if len(p) else 0, splits, generator=torch.Generator().manual_seed(seed)
    ).double()
    pixels = (draws.to(p.device)[position] * p.shape[1]).long().clamp_(max=p.shape[1] - 1)
    negatives = p[chosen.rows[:, None], pixels]
    count = chosen.counts[:, None].double()
    ones = torch.ones(len(p), splits, dtype=torch.float64, device=p.device)
    last_tp, last_fp, area = 0 * ones[:, :1], 0 * ones, 0 * ones
    for step in reversed(range(_STEPS + 1)):
        tp = chosen.sums(chosen.of(p) >= step / _STEPS)[:, None] / count
        fp = torch.zeros_like(ones).index_add_(0, chosen.rows, (negatives >= step / _STEPS).double()) / count
        area = area + (fp - last_fp) * (tp + last_tp) / 2
        last_tp, last_fp = tp, fp
    area = mark_invalid(area.mean(1), bad, chosen.counts == 0)
    return area.reshape(prediction.shape[:-2])


def _prepared(
    prediction: Tensor, fixations: Tensor, counted: bool
) -> tuple[Tensor, tuple[Tensor, Tensor], ChosenPixels, Tensor]:
    """Maps ``[B, P]``, their limits, what is fixated, and bool ``[B]``: a prediction is not finite (and now 0)."""
    check_pair(prediction, fixations)
    p = flat(prediction)
    limits = extremes(p)
    bad = ~(torch.isfinite(limits[0]) & torch.isfinite(limits[1]))[:, 0]
    if bool(bad.any()):
        p = torch.where(bad[:, None], torch.zeros_like(p), p)
        limits = extremes(p)
    return p, limits, ChosenPixels.fixated(fixations, counted), bad
