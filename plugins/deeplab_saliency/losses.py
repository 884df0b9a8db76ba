"""The loss that the model was trained with, and two of the scores it is judged by as losses."""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-7


def divergence(prediction: Tensor, target: Tensor, eps: float = EPS) -> Tensor:
    """Kullback-Leibler divergence of maps ``[N, 1, H, W]``, each normalised to sum 1; the mean over the batch.

    Its formula was lost; this reading is chosen.
    """
    p, q = (maps.flatten(1) / (maps.flatten(1).sum(1, keepdim=True) + eps) for maps in (prediction, target))
    return (q * (eps + q / (p + eps)).log()).sum(1).mean()


def decorrelation(prediction: Tensor, target: Tensor, eps: float = EPS) -> Tensor:
    """One minus Pearson's correlation of maps ``[N, 1, H, W]``; the mean over the batch, in 0..2."""
    p, q = (_standardised(maps, eps) for maps in (prediction, target))
    return 1 - (p * q).mean(1).mean()


def missed_fixations(prediction: Tensor, fixations: Tensor, eps: float = EPS) -> Tensor:
    """Minus the normalised scanpath saliency: standardised maps where somebody looked; the mean over the batch.

    Args:
        fixations: ``[N, 1, H, W]``, positive where somebody looked.
    """
    hit = (fixations.flatten(1) > 0).to(prediction.dtype)
    return -((_standardised(prediction, eps) * hit).sum(1) / hit.sum(1).clamp_min(1)).mean()


def _standardised(maps: Tensor, eps: float) -> Tensor:
    flat = maps.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    # The square root has no slope at 0, where a map is the same everywhere.
    return centred / torch.sqrt(centred.square().mean(1, keepdim=True) + eps**2)
