"""The metrics as the published GASP evaluation computed them, for comparison with its tables only.

They differ from the standard definitions next door: NaN instead of 0 for constant maps, SIM and information gain on
min-max scaled maps, AUC-Judd rounded to four decimals, AUC-Borji and shuffled AUC from random draws with coarse
thresholds. Random ones draw from the ``numpy.random.RandomState`` they are given, so that a seed reproduces a value.
Maps are numpy ``[H, W]``, fixations are pixels > 0.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.metrics.functional import cc as standard_cc
from gazenet.metrics.functional import kld as standard_kld
from gazenet.metrics.functional import nss as standard_nss
from gazenet.metrics.functional.checks import EPSILON

Map = NDArray[np.floating] | NDArray[np.uint8]
TENTHS = np.arange(1, 10) / 10
_STEPPED = np.arange(0, 1, 0.1)[1:]
"""Tenths as a running step makes them: 0.30000000000000004; with 8-bit maps the last digit decides over ties."""
_NAN = float("nan")


def nss(prediction: Map, fixations: Map) -> float:
    """Compute the standard NSS, but NaN for a constant prediction."""
    return _NAN if np.ptp(prediction) == 0 else float(standard_nss(_tensor(prediction), _tensor(fixations)))


def cc(prediction: Map, density: Map) -> float:
    """Compute the standard CC, but NaN for a constant prediction."""
    return _NAN if np.ptp(prediction) == 0 else float(standard_cc(_tensor(prediction), _tensor(density)))


def kld(prediction: Map, density: Map) -> float:
    """Compute the standard KLD."""
    return float(standard_kld(_tensor(prediction), _tensor(density)))


def sim(prediction: Map, density: Map) -> float:
    """Sum of minima after both maps are min-max scaled, then scaled to sum 1; 1 for a constant prediction."""
    if np.ptp(prediction) == 0:
        return 1.0
    return float(np.minimum(_unit_sum(min_max(prediction)), _unit_sum(min_max(density))).sum())


def information_gain(prediction: Map, fixations: Map, baseline: Map) -> float:
    """Bits per fixation; the prediction is min-max scaled before it is scaled to sum 1, the baseline is not."""
    if np.ptp(prediction) == 0:
        return _NAN
    p, b = _unit_sum(min_max(prediction)), _unit_sum(np.asarray(baseline, np.float64))
    hit = np.asarray(fixations) > 0
    return float((np.log2(EPSILON + p[hit]) - np.log2(EPSILON + b[hit])).mean())


def auc_judd(prediction: Map, fixations: Map) -> float:
    """Rates rounded to four decimals before the area is taken; NaN for a constant prediction."""
    if np.ptp(prediction) == 0:
        return _NAN
    p, hit = min_max(prediction), np.asarray(fixations) > 0
    thresholds = np.unique(p[hit])[::-1]
    order, everywhere = np.sort(p[hit]), np.sort(p.ravel())
    hits = len(order) - np.searchsorted(order, thresholds)
    above = len(everywhere) - np.searchsorted(everywhere, thresholds)
    tp = np.round(hits / len(order), 4)
    fp = np.round((above - hits) / (p.size - len(order)), 4)
    return float(area(tp, fp))


def auc_borji(prediction: Map, fixations: Map, draws: np.random.RandomState, splits: int = 100) -> float:
    """Negatives are as many random pixels as there are fixations, ``splits`` times."""
    p, hit = min_max(prediction), np.asarray(fixations) > 0
    rows = p.shape[0]
    k = draws.randint(p.size, size=(splits, int(hit.sum())))
    # The published look-up treats the pixel number as if columns came first, and shifts the row by one.
    return _thresholded(p[hit], p[k % rows - 1, k // rows], borji=True)


def auc_shuffled(
    prediction: Map, fixations: Map, baseline: Map, draws: np.random.RandomState, splits: int = 100
) -> float:
    """Negatives are drawn from the pixels where the baseline is positive; NaN for a constant prediction."""
    if np.ptp(prediction) == 0:
        return _NAN
    # Only the pixels that are looked at are scaled.
    p, hit = np.asarray(prediction, np.float64), np.asarray(fixations) > 0
    low, span = p.min(), np.ptp(p)
    pool = (p[np.asarray(baseline) > 0] - low) / span
    count = min(int(hit.sum()), len(pool))
    negatives = np.stack([pool[draws.permutation(len(pool))[:count]] for _ in range(splits)])
    return _thresholded((p[hit] - low) / span, negatives, borji=False)


def min_max(values: Map) -> NDArray[np.float64]:
    """Scale a map to 0..1; a constant map stays as it is."""
    floats = np.asarray(values, np.float64)
    span = np.ptp(floats)
    scaled: NDArray[np.float64] = (floats - floats.min()) / span if span > 0 else floats
    return scaled


def _thresholded(positives: NDArray[np.float64], negatives: NDArray[np.float64], borji: bool) -> float:
    """Mean area over splits: ``positives`` [n], ``negatives`` [splits, m], thresholds 0.1 to 0.9."""
    thresholds = TENTHS if borji else _STEPPED
    tp = (positives[:, None] >= thresholds).mean(0)
    if not borji:
        fp = np.stack([(negatives >= threshold).mean(1) for threshold in thresholds], 1)
        return float(area(tp[::-1], fp[:, ::-1]).mean())
    tp, fp = np.round(tp, 4), np.round(np.stack([(negatives > threshold).mean(1) for threshold in thresholds], 1), 4)
    return float(np.mean([area_by_hits(tp, row) for row in fp]))


def area_by_hits(tp: NDArray[np.float64], fp: NDArray[np.float64]) -> float:
    """Compute the area of a curve sorted by hits alone, as some published ones are: equal hits keep their order."""
    order = np.argsort(tp, kind="stable")
    return float(area(tp[order], fp[order]))


def area(tp: NDArray[np.float64], fp: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the areas below curves through (0, 0) and (1, 1): ``tp`` ``[n]``, ``fp`` ``[n]`` or ``[splits, n]``."""
    rows = np.pad(fp, [(0, 0)] * (fp.ndim - 1) + [(1, 1)])
    rows[..., -1] = 1
    return np.asarray(np.trapezoid(np.r_[0, tp, 1], rows))


def _unit_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = values / values.sum()
    return scaled


def _tensor(values: Map) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float64))
