"""Losses of the classifiers and of the saliency network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

EPS = 2.220446e-16

ClassLoss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross entropy of logits ``[N, C]`` and class ids ``[N]``: the loss of the re-implementation."""
    return F.cross_entropy(logits, classes)


def soft_margin(logits: Tensor, classes: Tensor) -> Tensor:
    """Multi-label soft margin of logits ``[N, C]`` and class ids ``[N]``: the loss of the authors."""
    return F.multilabel_soft_margin_loss(logits, F.one_hot(classes, logits.shape[1]).to(logits.dtype))


def classifier_loss(pooled: Tensor, fused: Tensor, classes: Tensor, loss: ClassLoss = cross_entropy) -> Tensor:
    """Compute the loss of both logits ``[N, C]`` of S and SA."""
    return loss(pooled, classes) + loss(fused, classes)


def sequence_loss(
    pooled: Sequence[Tensor],
    fused: Sequence[Tensor],
    classes: Tensor,
    loss: ClassLoss = cross_entropy,
    weights: tuple[float, float] | None = None,
) -> Tensor:
    """ST: logits of three frames. ``weights`` of pooled and fused: 0.4 and 0.6, with the soft margin 0.4 and 1."""
    first, second = weights or ((0.4, 1.0) if loss is soft_margin else (0.4, 0.6))
    return first * _total(pooled, classes, loss) + second * _total(fused, classes, loss)


def _total(logits: Sequence[Tensor], classes: Tensor, loss: ClassLoss) -> Tensor:
    return torch.stack([loss(one, classes) for one in logits]).sum()


def divergence(prediction: Tensor, target: Tensor, eps: float = EPS) -> Tensor:
    """Kullback-Leibler divergence of non-negative maps, both normalised over the complete batch tensor, as published.

    A scalar; the samples of a batch share one distribution.
    """
    p, q = prediction / prediction.sum(), target / target.sum()
    return (q * torch.log(eps + q / (p + eps))).sum()


def map_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy plus divergence of one saliency map ``[N, 1, H, W]``, given as logits; target in 0..1."""
    return F.binary_cross_entropy_with_logits(logits, target) + divergence(torch.sigmoid(logits), target)


def saliency_loss(logits: Sequence[Sequence[Tensor]], targets: Sequence[Tensor]) -> Tensor:
    """STA: ``map_loss`` summed over frames and, within a frame, over the scales of its prediction."""
    pairs = [(one, target) for scales, target in zip(logits, targets, strict=True) for one in scales]
    return torch.stack([map_loss(one, target) for one, target in pairs]).sum()
