"""Areas under ROC curves that no run computes: those of the released training and of an older script, for goldens."""

from __future__ import annotations

import math

import numpy as np

from gazenet.metrics.functional.original import TENTHS, Map, area, area_by_hits, min_max


def auc_shuffled_older(prediction: Map, fixations: Map, baseline: Map) -> float:
    """The shuffled AUC of the script that the published evaluation grew from; it can leave 0..1.

    False alarms are counted over all baseline pixels but divided by the number of fixations, and baseline pixels are
    looked up where the script looked for them. NaN where that look-up leaves the map, 0.5 for a constant prediction.
    """
    if np.ptp(prediction) == 0:
        return 0.5
    p, hit = min_max(prediction), np.asarray(fixations) > 0
    height, width = p.shape
    row, column = np.nonzero(np.asarray(baseline) > 0)
    # Numbered as if rows were as long as columns, then read as if columns came first.
    number = row * height + column
    if number.size and number.max() // height >= width:
        return math.nan
    negatives = p[number % height - 1, number // height]
    tp = np.round((p[hit][:, None] >= TENTHS).mean(0), 4)
    fp = np.round((negatives[:, None] > TENTHS).sum(0) / hit.sum(), 4)
    return area_by_hits(tp, fp)


def auc_judd_training(logits: Map, fixations: Map, draws: np.random.RandomState | None = None) -> float:
    """The AUC-Judd that the released training logs, on raw logits ``[H, W]``; with ``draws`` jittered by up to 1e-7.

    One false alarm too many per threshold, and equal values at fixations are thresholds of their own, so it lies below
    the evaluation's. NaN without fixations.
    """
    p, hit = np.asarray(logits, np.float64), np.asarray(fixations) > 0
    if not hit.any():
        return math.nan
    if draws is not None:
        p = p + draws.random_sample(p.shape) / 1e7
    p = min_max(p)
    thresholds = np.sort(p[hit])[::-1]
    rank = np.arange(len(thresholds))
    above = p.size - np.searchsorted(np.sort(p, axis=None), thresholds)
    return float(area((rank + 1) / len(rank), (above - rank) / (p.size - len(rank))))
