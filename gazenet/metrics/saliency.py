"""The metrics as ``torchmetrics`` objects: a mean over frames, and beside it how many frames could not be judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from gazenet.metrics import functional


class FrameMean(Metric):
    """Mean of a per-frame score over all frames seen so far; ``invalid`` counts those that gave NaN.

    Subclasses name the function. ``update`` takes what that function takes, batched ``[B, H, W]``. Works under DDP:
    the states are sums.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    score: Callable[..., Tensor]
    total: Tensor
    valid: Tensor
    invalid: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("valid", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("invalid", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, *maps: Tensor) -> None:
        """Add a batch of frames."""
        scores = type(self).score(*maps)
        judged = torch.isfinite(scores)
        self.total += torch.where(judged, scores, torch.zeros_like(scores)).sum()
        self.valid += judged.sum()
        self.invalid += (~judged).sum()

    def compute(self) -> Tensor:
        """The mean, NaN without a single valid frame."""
        return self.total / self.valid


class NSS(FrameMean):
    """See :func:`gazenet.metrics.functional.nss`; update(prediction, fixations)."""

    score = staticmethod(functional.nss)


class CC(FrameMean):
    """See :func:`gazenet.metrics.functional.cc`; update(prediction, density)."""

    score = staticmethod(functional.cc)


class SIM(FrameMean):
    """See :func:`gazenet.metrics.functional.sim`; update(prediction, density)."""

    score = staticmethod(functional.sim)


class KLD(FrameMean):
    """See :func:`gazenet.metrics.functional.kld`; update(prediction, density). Smaller is better."""

    higher_is_better = False
    score = staticmethod(functional.kld)


class AUCJudd(FrameMean):
    """See :func:`gazenet.metrics.functional.auc_judd`; update(prediction, fixations)."""

    score = staticmethod(functional.auc_judd)


class ShuffledAUC(FrameMean):
    """See :func:`gazenet.metrics.functional.auc_shuffled`; update(prediction, fixations, others)."""

    score = staticmethod(functional.auc_shuffled)


class InformationGain(FrameMean):
    """See :func:`gazenet.metrics.functional.information_gain`; update(prediction, fixations, baseline)."""

    score = staticmethod(functional.information_gain)
