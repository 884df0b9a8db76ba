"""The loss of STSANet: divergence minus correlation (paper section III-D; arithmetic of the released training)."""

from __future__ import annotations

from torch import Tensor

EPS = 2.2204e-16


def divergence(prediction: Tensor, target: Tensor) -> Tensor:
    """Compute the Kullback-Leibler divergence of maps ``[B, H, W]``, each normalised to sum 1; batch mean."""
    p, g = (one / one.sum((1, 2), keepdim=True) for one in (prediction, target))
    return (g * (EPS + g / (p + EPS)).log()).sum((1, 2)).mean()


def correlation(prediction: Tensor, target: Tensor) -> Tensor:
    """Compute Pearson's correlation of maps ``[B, H, W]``, from their z-scores; batch mean."""
    p, g = (_standardised(one) for one in (prediction, target))
    return ((p * g).sum((1, 2)) / ((p * p).sum((1, 2)) * (g * g).sum((1, 2))).sqrt()).mean()


def _standardised(maps: Tensor) -> Tensor:
    return (maps - maps.mean((1, 2), keepdim=True)) / maps.std((1, 2), keepdim=True)


def terms(prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return the terms whose sum is minimised."""
    return {"kld": divergence(prediction, target), "cc": -correlation(prediction, target)}
