"""Metrics and pictures of predicted maps, for the validation of recipes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.metrics import functional


def map_scores(prediction: Tensor, density: Tensor, fixations: Tensor) -> dict[str, Tensor]:
    """Return NSS, CC, SIM, KLD and AUC-Judd of maps ``[B, h, w]``, means over the frames that can be scored.

    Args:
        density: ``[B, h, w]``, not negative.
        fixations: ``[B, h, w]``, positive at fixated pixels.
    """
    scores = {
        "nss": functional.nss(prediction, fixations),
        "cc": functional.cc(prediction, density),
        "sim": functional.sim(prediction, density),
        "kld": functional.kld(prediction, density),
        "auc_judd": functional.auc_judd(prediction, fixations),
    }
    return {name: values.nanmean().float() for name, values in scores.items()}


def map_row(*maps: Tensor) -> NDArray[np.uint8]:
    """Return maps ``[h, w]``, each scaled to its peak, side by side as a picture RGB uint8 ``[h, N * w, 3]``."""
    row = torch.cat([255 * values.float() / values.max().clamp(min=1e-12) for values in maps], 1)
    grey = row.clamp(0, 255).to(torch.uint8).cpu().numpy()
    return np.repeat(grey[..., None], 3, 2)
