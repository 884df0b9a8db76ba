"""Scores of maps in the validation of recipes, by the standard definitions of :mod:`gazenet.metrics`."""

from __future__ import annotations

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
