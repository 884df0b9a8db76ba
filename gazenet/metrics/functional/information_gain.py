"""Information gain over a baseline (Kuemmerer et al., PNAS 2015)."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.metrics.functional.checks import (
    EPSILON,
    check_pair,
    flat,
    mark_invalid,
    not_finite,
    scale_of,
)
from gazenet.metrics.functional.ranks import ChosenPixels


def information_gain(prediction: Tensor, fixations: Tensor, baseline: Tensor, counted: bool = False) -> Tensor:
    """Mean over fixations of ``log2(eps + p) - log2(eps + b)``, in bits per fixation.

    ``prediction`` and ``fixations`` ``[..., H, W]``, ``baseline`` (for example the centre bias) broadcast to them;
    prediction and baseline are scaled to sum 1. ``counted``: ``fixations`` are numbers, each of which counts. Returns
    float64 ``[...]``, NaN where nothing is fixated or a map is not finite.
    """
    check_pair(prediction, fixations)
    p, b = flat(prediction), flat(baseline.expand_as(prediction))
    chosen = ChosenPixels.fixated(fixations, counted)
    gain = torch.log2(EPSILON + _density_at(chosen, p)) - torch.log2(EPSILON + _density_at(chosen, b))
    score = chosen.sums(gain) / chosen.counts
    return mark_invalid(score, chosen.counts == 0, not_finite(p), not_finite(b)).reshape(prediction.shape[:-2])


def _density_at(chosen: ChosenPixels, maps: Tensor) -> Tensor:
    shift, factor = scale_of(maps)
    return (chosen.of(maps) + shift[chosen.rows, 0]) * factor[chosen.rows, 0]
