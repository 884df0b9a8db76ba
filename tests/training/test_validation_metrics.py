"""Scores in the validation of recipes are those of an evaluation on the same grid: every fixation counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gazenet.data.fixations import FrameFixations
from gazenet.evaluation.score import ScoringOptions, score_frames
from gazenet.training.validation_metrics import map_scores

SIZE = (24, 32)
NAMES = ("nss", "cc", "sim", "kld", "auc_judd")


def test_validation_scores_are_those_of_an_evaluation() -> None:
    rng = np.random.default_rng(3)
    points = [rng.uniform((4, 4), (12, 10), (9, 2)) for _ in range(2)]
    points[0][:5] = (20.5, 12.5)
    truth = FrameFixations(SIZE, points, np.array([9, 9]))
    maps = rng.random((2, *SIZE))
    counts = np.stack([truth.fixation_counts(k, *SIZE) for k in range(2)])
    assert counts.max() == 5
    density = np.stack([truth.density(k, *SIZE, 2.0) for k in range(2)])
    found = map_scores(*(torch.from_numpy(np.asarray(part, np.float32)) for part in (maps, density, counts)))
    expected = score_frames(maps.astype(np.float32), truth, np.arange(2), 2.0, ScoringOptions(NAMES))
    for name in NAMES:
        assert float(found[name]) == pytest.approx(expected.values[name].mean(), rel=1e-5), name
