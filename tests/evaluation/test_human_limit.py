"""How well people predict people: against maps that are added up one by one, and scored like any prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.data.density import density
from gazenet.data.findwho import FindWho
from gazenet.data.fixations import FrameFixations
from gazenet.evaluation.human_limit import HALF, ITSELF, ONE_BY_OTHERS, human_scores
from gazenet.evaluation.score import ScoringOptions
from gazenet.media.decode import VideoReader
from gazenet.metrics import functional

SIZE, SIGMA = (90, 160), 9.0
OPTIONS = ScoringOptions(("nss", "auc_judd", "cc", "sim"))


def crowd(seed: int, people: int = 7, frames: int = 3) -> FrameFixations:
    """Most people look at one place, some far away from it, some twice, one beside the frame."""
    rng = np.random.default_rng(seed)
    subjects = [np.r_[np.arange(people), 0, 1, people] for _ in range(frames)]
    points = []
    for who in subjects:
        found = rng.normal((50, 40), 8, (len(who), 2))
        found[2], found[-1] = (155, 85), (-3, 5)
        points.append(found)
    return FrameFixations(SIZE, points, np.full(frames, people + 1), subjects=subjects)


def others_and_own(truth: FrameFixations, frame: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each person in the frame the density of the others, as float64, and a map of the person's fixations."""
    points, who = truth.points[frame], truth.subjects[frame]
    inside = ((points >= 0) & (points < SIZE[::-1])).all(1)
    rows, columns = np.arange(SIZE[0])[:, None] + 0.5, np.arange(SIZE[1]) + 0.5
    found = []
    for person in np.unique(who[inside]):
        smooth, hit = np.zeros(SIZE), np.zeros(SIZE, np.int64)
        for (x, y), one, ok in zip(points, who, inside, strict=True):
            if ok and one == person:
                hit[int(y), int(x)] += 1
            elif ok:
                smooth += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * SIGMA**2))
        found.append((smooth, hit))
    return found


@pytest.mark.parametrize("metric", ["nss", "auc_judd"])
@pytest.mark.parametrize("seed", range(4))
def test_one_observer_by_the_others_is_a_prediction_for_each_left_out(metric: str, seed: int) -> None:
    truth = crowd(seed)
    found = human_scores(truth, np.arange(3), SIGMA, OPTIONS)
    for frame in range(3):
        pairs = others_and_own(truth, frame)
        score = getattr(functional, metric)
        want = [float(score(torch.from_numpy(p), torch.from_numpy(f), counted=True)) for p, f in pairs]
        assert len(want) == 7
        assert found[ONE_BY_OTHERS].values[metric][frame] == pytest.approx(np.mean(want), rel=1e-9)


@pytest.mark.parametrize("metric", ["cc", "sim"])
def test_halves_of_two_people_are_one_against_the_other(metric: str) -> None:
    rng = np.random.default_rng(1)
    points = rng.normal((80, 45), 12, (4, 2))
    who = np.array([3, 9, 9, 3])
    truth = FrameFixations(SIZE, [points], np.array([2]), subjects=[who])
    a, b = (density(points[who == one], SIZE, SIZE, SIGMA) for one in (3, 9))
    want = float(getattr(functional, metric)(torch.from_numpy(a), torch.from_numpy(b)))
    found = human_scores(truth, np.arange(1), SIGMA, OPTIONS)
    assert found[HALF].values[metric][0] == pytest.approx(want, rel=1e-5)


def test_halves_are_random_seeded_and_below_the_truth_itself() -> None:
    truth = crowd(0, people=21)
    first, again, other = (human_scores(truth, np.arange(3), SIGMA, OPTIONS, seed=seed) for seed in (0, 0, 1))
    for metric in ("cc", "sim"):
        assert (first[HALF].values[metric] == again[HALF].values[metric]).all()
        assert (first[HALF].values[metric] != other[HALF].values[metric]).all()
        assert (first[HALF].values[metric] < 1).all()
        assert first[ITSELF].values[metric] == pytest.approx(np.ones(3))
        assert np.isnan(first[ONE_BY_OTHERS].values[metric]).all()
    assert (first[ITSELF].values["nss"] > first[ONE_BY_OTHERS].values["nss"]).all()


def test_frames_of_one_person_and_truths_without_people_have_no_limit() -> None:
    truth = crowd(0)
    points, who = [*truth.points[:2], np.array([[5.0, 5.0]])], [*truth.subjects[:2], np.array([4])]
    mixed = FrameFixations(SIZE, points, np.array([8, 8, 1]), subjects=who)
    found = human_scores(mixed, np.arange(3), SIGMA, OPTIONS)
    assert np.isfinite(found[ONE_BY_OTHERS].values["nss"]).tolist() == [True, True, False]
    assert human_scores(mixed, np.array([2]), SIGMA, OPTIONS) is None
    assert human_scores(FrameFixations(SIZE, points, np.array([8, 8, 1])), np.arange(3), SIGMA, OPTIONS) is None


@pytest.mark.slow
@pytest.mark.data
def test_the_limits_of_real_fixations(test_data: Path) -> None:
    """Known of the seven FindWho videos on the container's clock, every 5th frame of at least eight observers."""
    limits: dict[str, list[float]] = {}
    for item in FindWho(test_data / "findwho").items():
        with VideoReader(item.path, max_side=16) as reader:
            truth = item.fixations(np.array([frame.time for frame in reader]))
        frames = np.array([k for k in range(0, len(truth), 5) if truth.observers[k] >= 8], np.int64)
        found = human_scores(truth, frames, 40.0, ScoringOptions(("nss", "cc"), grid=320))
        assert found is not None
        for name, metric in ((ONE_BY_OTHERS, "nss"), (HALF, "cc"), (ITSELF, "nss")):
            limits.setdefault(name, []).append(float(np.nanmean(found[name].values[metric])))
    assert np.mean(limits[ONE_BY_OTHERS]) == pytest.approx(5.95, abs=0.1)
    assert np.mean(limits[HALF]) == pytest.approx(0.881, abs=0.005)
    assert np.mean(limits[ITSELF]) == pytest.approx(6.43, abs=0.05)
