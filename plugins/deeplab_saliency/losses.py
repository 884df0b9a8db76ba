"""The training loss, and two of the metrics as losses."""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-7


def divergence(prediction: Tensor, target: Tensor, eps: float = EPS) -> Tensor:
    """Compute the Kullback-Leibler divergence of maps ``[N, 1, H, W]``, each normalised to sum 1; batch mean.

    The published formula was lost; this one was chosen.
    """
    p, q = (maps.flatten(1) / (maps.flatten(1).sum(1, keepdim=True) + eps) for maps in (prediction, target))
    return (q * (eps + q / (p + eps)).log()).sum(1).mean()


def decorrelation(prediction: Tensor, target: Tensor, eps: float = EPS) -> Tensor:
    """Compute one minus Pearson's correlation of maps ``[N, 1, H, W]``; batch mean in 0..2."""
    p, q = (_standardised(maps, eps) for maps in (prediction, target))
    return 1 - (p * q).mean(1).mean()


def missed_fixations(prediction: Tensor, fixations: Tensor, eps: float = EPS) -> Tensor:
    """Compute minus the normalised scanpath saliency: standardised maps at the fixations; batch mean.

    Args:
        fixations: ``[N, 1, H, W]``, positive at fixations.
    """
    hit = (fixations.flatten(1) > 0).to(prediction.dtype)
    return -((_standardised(prediction, eps) * hit).sum(1) / hit.sum(1).clamp_min(1)).mean()


def _standardised(maps: Tensor, eps: float) -> Tensor:
    flat = maps.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    # The square root has no slope at 0, where a map is the same everywhere.
    return centred / torch.sqrt(centred.square().mean(1, keepdim=True) + eps**2)
