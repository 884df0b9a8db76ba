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
"""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.common import check_pair, extremes, flat, mark_invalid, not_finite, positive
from gazenet.metrics.functional.ranks import Chosen, count_darker

_STEPS = 10


def auc_judd(prediction: Tensor, fixations: Tensor) -> Tensor:
    """AUC-Judd without jitter and without rounding (Judd et al., ICCV 2009).

    Thresholds are the distinct values at fixated pixels; at each, hits are the fixated and false alarms the unfixated
    pixels not below it. ``prediction`` and ``fixations`` ``[..., H, W]`` (positive = fixated). Returns float64
    ``[...]``, NaN where nothing or everything is fixated or the prediction is not finite.
    """
    p, chosen, bad = _prepared(prediction, fixations)
    pixels, fixated = p.shape[1], chosen.counts.double()
    order = _brightest_first(chosen, chosen.of(p))
    darker = count_darker(p, chosen, ties=False)[0][order]
    missed = _darker_of_own_row(chosen, chosen.of(p))[order]
    rows = chosen.rows[order]
    hits = (chosen.counts[rows] - missed).double()
    tp = hits / fixated[rows]
    fp = ((pixels - darker).double() - hits) / (pixels - fixated)[rows]
    starts = torch.ones_like(rows, dtype=torch.bool)
    starts[1:] = rows[1:] != rows[:-1]
    width, height = fp - _previous(fp, starts), (tp + _previous(tp, starts)) / 2
    # Behind the last threshold, where every hit is counted, the curve runs level to (1, 1).
    widest = torch.zeros(len(p), dtype=torch.float64, device=p.device).scatter_reduce_(0, rows, fp, "amax")
    area = torch.zeros_like(widest).index_add_(0, rows, width * height) + (1 - widest)
    area = mark_invalid(area, bad, chosen.counts == 0, chosen.counts == pixels)
    return area.reshape(prediction.shape[:-2])


def auc_uniform(prediction: Tensor, fixations: Tensor) -> Tensor:
    """Probability that a fixated pixel is brighter than a pixel drawn from the complete map, ties counting 1/2.

    Shapes and invalid frames as in :func:`auc_judd`, but everything may be fixated.
    """
    p, chosen, bad = _prepared(prediction, fixations)
    return _exact(p, chosen, None, bad).reshape(prediction.shape[:-2])


def auc_shuffled(prediction: Tensor, fixations: Tensor, others: Tensor) -> Tensor:
    """Probability that a fixated pixel is brighter than a pixel fixated in other frames or images, ties counting 1/2.

    Shapes ``[..., H, W]``; ``others`` marks the negatives and is broadcast. It takes away the credit for a centre bias
    (Zhang et al., Journal of Vision 2008). NaN where there are no positives or no negatives.
    """
    p, chosen, bad = _prepared(prediction, fixations)
    among = Chosen.where(positive(others.expand_as(prediction)))
    return _exact(p, chosen, among, bad).reshape(prediction.shape[:-2])


def auc_borji(prediction: Tensor, fixations: Tensor, splits: int = 100, seed: int = 0) -> Tensor:
    """Mean area over ``splits`` draws of as many random pixels as there are fixations (Borji et al., TIP 2013).

    Thresholds lie a tenth of the map's range apart; both rates count pixels not below them. The draws follow from
    ``seed`` and the number of fixations, so a map scores the same in any batch and on any device. Shapes and
    invalid frames as in :func:`auc_uniform`; a constant map gives 0.5. An approximation of :func:`auc_uniform`, which
    needs no draws.
    """
    p, chosen, bad = _prepared(prediction, fixations)
    p = p.double()
    low, high = extremes(p)
    p = (p - low) / torch.where(high > low, high - low, torch.ones_like(low))
    position = torch.arange(len(chosen.rows), device=p.device) - (chosen.counts.cumsum(0) - chosen.counts)[chosen.rows]
    draws = torch.rand(
        int(chosen.counts.max()) if len(p) else 0, splits, generator=torch.Generator().manual_seed(seed)
    ).double()
    pixels = (draws.to(p.device)[position] * p.shape[1]).long().clamp_(max=p.shape[1] - 1)
    negatives = p[chosen.rows[:, None], pixels]
    count = chosen.counts[:, None].double()
    one = torch.ones(len(p), splits, dtype=torch.float64, device=p.device)
    last_tp, last_fp, area = 0 * one[:, :1], 0 * one, 0 * one
    for step in reversed(range(_STEPS + 1)):
        tp = chosen.sums(chosen.of(p) >= step / _STEPS)[:, None] / count
        fp = torch.zeros_like(one).index_add_(0, chosen.rows, (negatives >= step / _STEPS).double()) / count
        area = area + (fp - last_fp) * (tp + last_tp) / 2
        last_tp, last_fp = tp, fp
    area = mark_invalid(area.mean(1), bad, chosen.counts == 0)
    return area.reshape(prediction.shape[:-2])


def _prepared(prediction: Tensor, fixations: Tensor) -> tuple[Tensor, Chosen, Tensor]:
    """Maps ``[B, P]``, what is fixated in them, and bool ``[B]``: the prediction is not finite (and now 0)."""
    check_pair(prediction, fixations)
    p = flat(prediction)
    bad = not_finite(p)
    if bool(bad.any()):
        p = torch.where(bad[:, None], torch.zeros_like(p), p)
    return p, Chosen.where(positive(fixations)), bad


def _exact(p: Tensor, chosen: Chosen, among: Chosen | None, bad: Tensor) -> Tensor:
    darker, not_brighter = count_darker(p, chosen, among)
    negatives = torch.full_like(chosen.counts, p.shape[1]) if among is None else among.counts
    beaten = chosen.sums(darker + not_brighter) / 2
    return mark_invalid(beaten / (chosen.counts * negatives), bad, chosen.counts == 0, negatives == 0)


def _brightest_first(chosen: Chosen, values: Tensor) -> Tensor:
    """The order ``[Q]`` that goes through the maps one by one, and through each from its brightest chosen pixel."""
    falling = values.argsort(descending=True, stable=True)
    return falling[chosen.rows[falling].argsort(stable=True)]


def _darker_of_own_row(chosen: Chosen, values: Tensor) -> Tensor:
    """For each chosen pixel, how many other chosen pixels of its map are darker; ``[Q]``."""
    levels, place = values.unique(return_inverse=True)
    key = chosen.rows * len(levels) + place
    starts = chosen.counts.cumsum(0) - chosen.counts
    return torch.searchsorted(key.sort().values, key) - starts[chosen.rows]


def _previous(values: Tensor, starts: Tensor) -> Tensor:
    """The value before each, 0 at the start of a curve."""
    shifted = torch.zeros_like(values)
    shifted[1:] = values[:-1]
    return torch.where(starts, torch.zeros_like(values), shifted)
