"""Scores do not depend on how finely maps are stored, and every fixation counts, as in pysaliency."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gazenet.data.density import density
from gazenet.data.findwho import FindWho
from gazenet.data.fixations import FrameFixations
from gazenet.evaluation.ground_truth import FixationSet, OtherVideos
from gazenet.evaluation.score import ScoringOptions, score_frames
from gazenet.evaluation.scoring_grid import on_grid, scoring_grid
from gazenet.metrics import functional

SIZE = (720, 1280)
STORED = [(54, 96), (270, 480), (720, 1280)]
ROOT = Path(os.environ.get("GAZENET_TEST_DATA", "absent")) / "findwho"


def centred(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.arange(n) + 0.5 for n in shape)
    down, across = ((values / n - 0.5) / 0.25 for values, n in ((rows, shape[0]), (columns, shape[1])))
    return np.exp(-0.5 * (down[:, None] ** 2 + across**2))


def shuffled_of_the_centre(looks: dict[str, FixationSet], shape: tuple[int, int]) -> float:
    """Mean over videos of the shuffled AUC of a centred Gaussian, all fixations of a video in one frame."""
    others, scores = OtherVideos(looks), []
    for name, one in looks.items():
        truth = FrameFixations(one.size, [one.points], np.array([1]))
        negatives = others.of(name, scoring_grid(one.size))
        options = ScoringOptions(("auc_shuffled",))
        found = score_frames(centred(shape)[None], truth, np.zeros(1, np.int64), 40.0, options, negatives)
        scores.append(found.values["auc_shuffled"][0])
    return float(np.mean(scores))


@pytest.mark.parametrize("shape", STORED)
def test_the_shuffled_area_takes_the_centre_bias_away(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    looks = {
        str(k): FixationSet(np.clip(rng.normal((640, 360), (160, 90), (4000, 2)), 0, 719), SIZE) for k in range(4)
    }
    assert shuffled_of_the_centre(looks, shape) == pytest.approx(0.5, abs=0.02)


@pytest.mark.skipif(not ROOT.is_dir(), reason="GAZENET_TEST_DATA does not hold findwho")
@pytest.mark.parametrize("shape", STORED)
def test_the_shuffled_area_takes_the_centre_bias_of_real_fixations_away(shape: tuple[int, int]) -> None:
    looks = {item.name: FixationSet(item.table.points, item.size) for item in FindWho(ROOT).items()}
    assert len(looks) == 7
    assert shuffled_of_the_centre(looks, shape) == pytest.approx(0.5, abs=0.02)


def test_a_map_scores_alike_however_finely_it_is_stored() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal((500, 300), 40, (30, 2))
    truth = FrameFixations(SIZE, [points], np.array([30]))
    full = cv2.GaussianBlur(density(points + rng.normal(0, 30, points.shape), SIZE, SIZE, 40.0), (0, 0), 20)
    scores = []
    for shape in ((54, 96), (108, 192), SIZE):
        stored = cv2.resize(full, shape[::-1], interpolation=cv2.INTER_AREA)
        scores.append(score_frames(stored[None], truth, np.zeros(1, np.int64), 40.0).values["nss"][0])
    assert max(scores) < 1.02 * min(scores) and min(scores) > 4


def test_the_grid_is_the_frames_own_up_to_a_side() -> None:
    assert scoring_grid((720, 1280)) == (270, 480) and scoring_grid((1280, 720)) == (480, 270)
    assert scoring_grid((90, 160)) == (90, 160) and scoring_grid((720, 1280), 96) == (54, 96)
    assert scoring_grid((2, 4000), 480) == (1, 480)
    with pytest.raises(ValueError, match="at least 1"):
        scoring_grid((9, 9), 0)


def test_cells_cover_equal_shares_when_stretched() -> None:
    ramp = torch.arange(8, dtype=torch.float64).expand(1, 6, 8) + 0.5
    for shape in ((6, 16), (6, 4), (12, 24), (3, 2)):
        found = on_grid(ramp, shape)[0].mean(0)
        want = (torch.arange(shape[1], dtype=torch.float64) + 0.5) * 8 / shape[1]
        inner = slice(shape[1] // 4, -(shape[1] // 4) or None) if shape[1] > 2 else slice(0, 0)
        assert torch.allclose(found[inner], want[inner])
    checks = (torch.arange(64).view(8, 8) + torch.arange(8)[:, None]).remainder(2).double()[None]
    assert torch.allclose(on_grid(checks, (3, 3))[0], torch.full((3, 3), 0.5, dtype=torch.float64), atol=0.06)


def several_in_a_cell(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A map, numbers of fixations per pixel, and those of others."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.random((13, 17)), rng.integers(1, 4))
    fixations, others = (rng.poisson(rate, p.shape) for rate in (0.15, 0.8))
    fixations[3, 4], others[5, 6] = 4, 9
    return p, fixations, others


def listed(values: np.ndarray, counts: np.ndarray) -> list[float]:
    return [float(v) for v, n in zip(values.ravel(), counts.ravel(), strict=True) for _ in range(n)]


def won(positives: list[float], negatives: list[float]) -> float:
    return sum((a > b) + (a == b) / 2 for a in positives for b in negatives) / len(positives) / len(negatives)


def judd(positives: list[float], negatives: list[float]) -> float:
    points = [(0.0, 0.0)]
    for t in sorted(set(positives), reverse=True):
        points.append((np.mean([v >= t for v in negatives]), np.mean([v >= t for v in positives])))
    points.append((1.0, 1.0))
    return float(np.trapezoid(*zip(*((y, x) for x, y in points), strict=True)))


@pytest.mark.parametrize("seed", range(8))
def test_every_fixation_counts(seed: int) -> None:
    p, fixations, others = several_in_a_cell(seed)
    tp, tf, to = (torch.from_numpy(x)[None] for x in (p, fixations, others))
    positives, rest = listed(p, fixations), p[fixations == 0].tolist()
    uniform = np.full_like(p, 1 / p.size)
    want = {
        "nss": np.mean([(v - p.mean()) / p.std() for v in positives]),
        "auc_judd": judd(positives, rest),
        "auc_uniform": won(positives, p.ravel().tolist()),
        "auc_shuffled": won(positives, listed(p, others)),
        "information_gain": np.mean(np.log2(np.array(positives) / p.sum() + 2.2204e-16) + np.log2(p.size)),
    }
    more = {"auc_shuffled": [to], "information_gain": [torch.from_numpy(uniform)[None]]}
    for name, value in want.items():
        score = getattr(functional, name)
        for kind in (tp, torch.cat([tp, tp.flip(1)])):
            given = [x.expand(len(kind), -1, -1) for x in (tf, *more.get(name, []))]
            assert float(score(kind, *given, counted=True)[0]) == pytest.approx(value, rel=1e-9), name
        marks = [x.clamp(max=1) for x in given[:1]] + given[1:]
        assert torch.equal(score(kind, *marks, counted=False), score(kind, *given)), "marks count once"


@pytest.mark.skipif(importlib.util.find_spec("pysaliency") is None, reason="pysaliency is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_pysaliency_counts_alike(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    from pysaliency.metrics import NSS  # type: ignore[import-not-found]
    from pysaliency.roc import general_roc  # type: ignore[import-not-found]

    p, fixations, others = several_in_a_cell(seed)
    ys, xs = np.repeat(np.nonzero(fixations), fixations[fixations > 0], axis=1)
    tp, tf, to = (torch.from_numpy(x) for x in (p, fixations, others))
    assert float(functional.nss(tp, tf, counted=True)) == pytest.approx(float(np.mean(NSS(p, xs, ys))), rel=1e-9)
    for found, negatives, kind in (
        (functional.auc_uniform(tp, tf, counted=True), p.ravel(), 0),
        (functional.auc_shuffled(tp, tf, to, counted=True), np.array(listed(p, others)), 0),
        (functional.auc_judd(tp, tf, counted=True), p[fixations == 0], 1),
    ):
        assert float(found) == pytest.approx(general_roc(p[ys, xs], negatives, judd=kind)[0], rel=1e-9)
