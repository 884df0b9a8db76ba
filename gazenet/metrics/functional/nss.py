"""Normalised scanpath saliency (Peters et al., Vision Research 2005)."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import (
    check_pair,
    flat,
    is_constant,
    mark_invalid,
    mean,
    not_finite,
    summed,
)
from gazenet.metrics.functional.ranks import ChosenPixels


def nss(prediction: Tensor, fixations: Tensor, counted: bool = False) -> Tensor:
    """Mean z-score of the prediction at fixations.

    ``prediction`` ``[..., H, W]``; ``fixations`` same shape, a pixel counts once if its value is positive or, if
    ``counted``, as often as its value says (whole numbers). Returns float64 ``[...]``: 0 for a constant prediction
    (its standard deviation, the population one, is 0), NaN where nothing is fixated or the prediction is not finite.
    """
    check_pair(prediction, fixations)
    p, chosen = flat(prediction), ChosenPixels.fixated(fixations, counted)
    average = mean(p)
    deviation = (summed(_squares, [p], [average])[:, 0] / p.shape[1]).sqrt()
    score = chosen.sums(chosen.of(p) - average[chosen.rows, 0]) / chosen.counts / deviation
    score = torch.where(is_constant(p), torch.zeros_like(score), score)
    return mark_invalid(score, chosen.counts == 0, not_finite(p)).reshape(prediction.shape[:-2])


def _squares(p: Tensor, average: Tensor) -> Tensor:
    above = p.sub_(average)
    return torch.linalg.vecdot(above, above)
