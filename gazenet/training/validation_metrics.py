"""Metrics and pictures of predicted maps, for the validation of recipes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.metrics.saliency_metrics import METRICS


def map_scores(prediction: Tensor, density: Tensor, fixations: Tensor) -> dict[str, Tensor]:
    """Score maps ``[B, h, w]`` by NSS, CC, SIM, KLD and AUC-Judd: means over the frames that can be scored.

    Every fixation counts, also several in a cell, as in an evaluation; the grid is that of the labels.

    Args:
        density: ``[B, h, w]``, not negative.
        fixations: ``[B, h, w]``, how many fixations lie in each cell.
    """
    truth = {"density": density, "fixations": fixations}
    scores = {}
    for name in ("nss", "cc", "sim", "kld", "auc_judd"):
        metric = METRICS[name](counted=True)
        scores[name] = metric.scores(prediction, *(truth[part] for part in metric.truth)).nanmean().float()
    return scores


def map_row(*maps: Tensor) -> NDArray[np.uint8]:
    """Return maps ``[h, w]``, each scaled to its peak, side by side as a picture RGB uint8 ``[h, N * w, 3]``."""
    row = torch.cat([255 * values.float() / values.max().clamp(min=1e-12) for values in maps], 1)
    grey = row.clamp(0, 255).to(torch.uint8).cpu().numpy()
    return np.repeat(grey[..., None], 3, 2)
