"""The loss that the model was trained with."""

from __future__ import annotations

from torch import Tensor

EPS = 1e-7


def divergence(prediction: Tensor, target: Tensor, eps: float = EPS) -> Tensor:
    """Kullback-Leibler divergence of maps ``[N, 1, H, W]``, each normalised to sum 1; the mean over the batch.

    Its formula was lost; this reading is chosen.
    """
    p, q = (maps.flatten(1) / (maps.flatten(1).sum(1, keepdim=True) + eps) for maps in (prediction, target))
    return (q * (eps + q / (p + eps)).log()).sum(1).mean()
