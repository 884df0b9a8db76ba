"""The metrics as ``torchmetrics`` objects: a mean over frames, and how many frames could not be scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from gazenet.metrics import functional
from gazenet.metrics.functional import original

Mode = Literal["standard", "original"]
Truth = Literal["fixations", "density", "others", "prior"]


class ScoreMean(Metric):
    """Mean of scores that were computed before, one per frame; ``invalid`` counts those that are NaN.

    Works under DDP: the states are sums.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    total: Tensor
    valid: Tensor
    invalid: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("valid", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("invalid", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, *scores: Tensor) -> None:
        """Add the scores ``[B]`` of a batch of frames."""
        for batch in scores:
            finite = torch.isfinite(batch)
            self.total += torch.where(finite, batch, torch.zeros_like(batch)).sum()
            self.valid += finite.sum()
            self.invalid += (~finite).sum()

    def compute(self) -> Tensor:
        """Return the mean, NaN without a single valid frame."""
        return self.total / self.valid


class FrameMean(ScoreMean):
    """Mean of a per-frame score over all frames seen so far; ``invalid`` counts those that gave NaN.

    Subclasses name the functions. ``update`` takes what the standard one takes, batched ``[B, H, W]``, on any device.

    Args:
        mode: ``original`` computes what the published GASP evaluation did, one frame after the other; see
            :mod:`gazenet.metrics.functional.original`.
        seed: of every frame's random draws, where the metric has any.
        counted: fixations are numbers, each of which counts; else marks. The published evaluation knows marks only.

    Raises:
        ValueError: an unknown mode, or ``original`` for a metric that the published evaluation did not have.
    """

    truth: tuple[Truth, ...] = ("fixations",)
    """What ``update`` takes after the prediction."""
    score: Callable[..., Tensor]
    published: Callable[..., float] | None = None
    draws = False

    def __init__(self, mode: Mode = "standard", seed: int = 0, counted: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("standard", "original") or (mode == "original" and type(self).published is None):
            raise ValueError(f"{type(self).__name__} has no mode {mode!r}")
        self.mode, self.seed, self.counted = mode, seed, counted

    def update(self, *maps: Tensor) -> None:
        """Add a batch of frames."""
        super().update(self.scores(*maps))

    def scores(self, *maps: Tensor) -> Tensor:
        """One score per frame, float64 ``[B]``, NaN where a frame cannot be scored; the state does not change."""
        if self.mode == "original":
            return self._as_published(*maps)
        counted = {"counted": True} if self.counted and "fixations" in self.truth else {}
        return type(self).score(*maps, **counted)

    def _as_published(self, prediction: Tensor, *others: Tensor) -> Tensor:
        published = type(self).published
        assert published is not None
        maps = [one.expand_as(prediction).cpu().flatten(0, -3).numpy() for one in (prediction, *others)]
        scores = []
        for frame in zip(*maps, strict=True):
            random = (np.random.RandomState(self.seed),) if self.draws else ()
            scores.append(published(*frame, *random))
        return torch.tensor(scores, dtype=torch.float64, device=prediction.device)


class NSS(FrameMean):
    """See :func:`gazenet.metrics.functional.nss`; update(prediction, fixations)."""

    score = staticmethod(functional.nss)
    published = staticmethod(original.nss)


class CC(FrameMean):
    """See :func:`gazenet.metrics.functional.cc`; update(prediction, density)."""

    truth = ("density",)
    score = staticmethod(functional.cc)
    published = staticmethod(original.cc)


class SIM(FrameMean):
    """See :func:`gazenet.metrics.functional.sim`; update(prediction, density)."""

    truth = ("density",)
    score = staticmethod(functional.sim)
    published = staticmethod(original.sim)


class KLD(FrameMean):
    """See :func:`gazenet.metrics.functional.kld`; update(prediction, density). Smaller is better."""

    truth = ("density",)
    higher_is_better = False
    score = staticmethod(functional.kld)
    published = staticmethod(original.kld)


class AUCJudd(FrameMean):
    """See :func:`gazenet.metrics.functional.auc_judd`; update(prediction, fixations)."""

    score = staticmethod(functional.auc_judd)
    published = staticmethod(original.auc_judd)


class AUCUniform(FrameMean):
    """See :func:`gazenet.metrics.functional.auc_uniform`; update(prediction, fixations)."""

    score = staticmethod(functional.auc_uniform)


class AUCBorji(FrameMean):
    """See :func:`gazenet.metrics.functional.auc_borji`; update(prediction, fixations)."""

    score = staticmethod(functional.auc_borji)
    published = staticmethod(original.auc_borji)
    draws = True


class ShuffledAUC(FrameMean):
    """See :func:`gazenet.metrics.functional.auc_shuffled`; update(prediction, fixations, others)."""

    truth = ("fixations", "others")
    score = staticmethod(functional.auc_shuffled)
    published = staticmethod(original.auc_shuffled)
    draws = True


class InformationGain(FrameMean):
    """See :func:`gazenet.metrics.functional.information_gain`; update(prediction, fixations, baseline)."""

    truth = ("fixations", "prior")
    score = staticmethod(functional.information_gain)
    published = staticmethod(original.information_gain)


METRICS: dict[str, type[FrameMean]] = {
    "nss": NSS,
    "cc": CC,
    "sim": SIM,
    "kld": KLD,
    "auc_judd": AUCJudd,
    "auc_uniform": AUCUniform,
    "auc_borji": AUCBorji,
    "auc_shuffled": ShuffledAUC,
    "information_gain": InformationGain,
}
"""By the names that tables use."""
