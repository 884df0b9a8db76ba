"""Metrics: batches, limits, symmetries, frames that cannot be judged."""

from __future__ import annotations

import itertools

import pytest
import torch

from gazenet.metrics import functional as metric
from gazenet.metrics.saliency import CC, KLD, NSS, SIM, AUCJudd, InformationGain, ShuffledAUC

TRUTH = {"nss": False, "cc": True, "sim": True, "kld": True, "auc_judd": False, "auc_uniform": False}


def maps(seed: int = 0, batch: tuple[int, ...] = (4,)) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(*batch, 12, 16, generator=generator, dtype=torch.float64)
    return p, (torch.rand(p.shape, generator=generator) < 0.1).double(), torch.rand(p.shape, generator=generator)


@pytest.mark.parametrize("name", TRUTH)
def test_a_batch_is_its_maps_one_by_one(name: str) -> None:
    p, f, g = maps(batch=(2, 3))
    truth = g if TRUTH[name] else f
    score = getattr(metric, name)
    whole = score(p, truth)
    assert whole.shape == (2, 3)
    single = [[float(score(p[i, j], truth[i, j])) for j in range(3)] for i in range(2)]
    assert torch.allclose(whole, torch.tensor(single, dtype=torch.float64))


@pytest.mark.parametrize("name", TRUTH)
def test_bad_frames_give_nan_and_leave_the_others_alone(name: str) -> None:
    p, f, g = maps()
    truth = (g if TRUTH[name] else f).clone()
    expected = getattr(metric, name)(p, truth)
    p[1, 3, 3] = torch.nan
    truth[2] = 0
    found = getattr(metric, name)(p, truth)
    assert torch.isnan(found[1:3]).all()
    assert torch.equal(found[[0, 3]], expected[[0, 3]])


@pytest.mark.parametrize(("name", "worst"), [("nss", 0), ("cc", 0), ("auc_judd", 0.5), ("auc_uniform", 0.5)])
@pytest.mark.parametrize("value", [0.0, 0.1, 0.3])
def test_a_constant_map_scores_chance(name: str, worst: float, value: float) -> None:
    _, f, g = maps()
    p = torch.full(f.shape, value, dtype=torch.float32)
    assert getattr(metric, name)(p, g if TRUTH[name] else f).tolist() == [worst] * 4


def test_perfect_predictions() -> None:
    _, _, g = maps()
    assert metric.cc(g, g) == pytest.approx(1)
    assert metric.sim(g, g) == pytest.approx(1)
    assert metric.kld(g, g) == pytest.approx(0, abs=1e-12)
    single = torch.zeros(5, 5)
    single[2, 2] = 1
    assert metric.auc_judd(single, single) == 1
    assert metric.auc_shuffled(single, single, 1 - single) == 1


def test_scale_does_not_matter() -> None:
    p, f, g = maps()
    for name, by_density in TRUTH.items():
        truth = g if by_density else f
        assert torch.allclose(getattr(metric, name)(7 * p, truth), getattr(metric, name)(p, truth)), name


def test_inverting_a_map_mirrors_the_exact_area() -> None:
    p, f, _ = maps()
    assert torch.allclose(metric.auc_uniform(p, f) + metric.auc_uniform(-p, f), torch.ones(4, dtype=torch.float64))


def test_rank_area_counts_ties_half() -> None:
    assert metric.rank_auc(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0, 0.0, 2.0])) == (1 + 1 + 3.5) / 8
    assert metric.rank_auc(torch.tensor([]), torch.tensor([1.0])) != metric.rank_auc(torch.ones(1), torch.ones(1))


def test_judd_by_brute_force() -> None:
    p, f, _ = maps(3)
    p = (p * 6).round()
    for one, hit in zip(p, f > 0, strict=True):
        points = [(0.0, 0.0)]
        for t in sorted(set(one[hit].tolist()), reverse=True):
            tp, fp = (one[hit] >= t).double().mean(), (one[~hit] >= t).double().mean()
            points.append((float(fp), float(tp)))
        points.append((1.0, 1.0))
        area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(points))
        assert metric.auc_judd(one, hit) == pytest.approx(area)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        metric.nss(torch.rand(4, 4), torch.rand(4, 5))
    with pytest.raises(ValueError, match="at least one pixel"):
        metric.cc(torch.rand(0, 5), torch.rand(0, 5))


def test_objects_average_frames_and_count_invalid_ones() -> None:
    p, f, g = maps()
    f[1] = 0
    nss = NSS()
    nss.update(p[:2], f[:2])
    nss.update(p[2:], f[2:])
    scores = metric.nss(p, f)
    assert nss.compute() == pytest.approx(float(scores[torch.isfinite(scores)].mean()))
    assert (int(nss.valid), int(nss.invalid)) == (3, 1)
    nss.reset()
    nss.update(p[:1], 0 * f[:1])
    assert torch.isnan(nss.compute())
    for cls, other in ((CC, g), (SIM, g), (KLD, g), (AUCJudd, f)):
        tracked = cls()
        tracked.update(p[2:], other[2:])
        assert tracked.compute() == pytest.approx(float(cls.score(p[2:], other[2:]).mean()))
    for cls in (ShuffledAUC, InformationGain):
        tracked = cls()
        tracked.update(p[2:], f[2:], g[2:])
        assert tracked.compute() == pytest.approx(float(cls.score(p[2:], f[2:], g[2:]).mean()))
