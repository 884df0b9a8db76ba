"""Metrics: batches, limits, symmetries, frames that cannot be judged."""

from __future__ import annotations

import itertools

import pytest
import torch

from gazenet.metrics import functional as metric
from gazenet.metrics.functional import ranks

TRUTH = {
    "nss": False,
    "cc": True,
    "sim": True,
    "kld": True,
    "auc_judd": False,
    "auc_uniform": False,
    "auc_borji": False,
}


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


@pytest.mark.parametrize(
    ("name", "worst"), [("nss", 0), ("cc", 0), ("auc_judd", 0.5), ("auc_uniform", 0.5), ("auc_borji", 0.5)]
)
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


KINDS = {
    "smooth": lambda g: torch.rand(3, 9, 14, generator=g, dtype=torch.float64),
    "single": lambda g: torch.randn(3, 9, 14, generator=g),
    "half": lambda g: torch.randn(3, 9, 14, generator=g).half(),
    "few levels": lambda g: torch.randint(-2, 3, (3, 9, 14), generator=g).double(),
    "bytes": lambda g: torch.randint(0, 7, (3, 9, 14), generator=g).to(torch.uint8),
    "background": lambda g: torch.randn(3, 9, 14, generator=g).clamp(min=0.5),
    "nearly equal": lambda g: 1 + 1e-15 * torch.randint(0, 9, (3, 9, 14), generator=g).double(),
    "huge": lambda g: 1e300 * torch.randn(3, 9, 14, generator=g, dtype=torch.float64) ** 9,
    "widest": lambda g: 1.7e308 * torch.randint(-1, 2, (3, 9, 14), generator=g).double(),
    "widest single": lambda g: 3e38 * torch.randint(-1, 2, (3, 9, 14), generator=g).float(),
    "tiny": lambda g: 5e-324 * torch.randint(0, 5, (3, 9, 14), generator=g).double(),
}


def by_pairs(positives: torch.Tensor, negatives: torch.Tensor) -> float:
    a, b = positives[:, None], negatives[None]
    return float((a > b).double().mean() + (a == b).double().mean() / 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.95])
def test_exact_areas_are_those_of_all_pairs(kind: str, share: float) -> None:
    generator = torch.Generator().manual_seed(len(kind))
    p = KINDS[kind](generator)
    f, others = (torch.rand(p.shape, generator=generator) < share for _ in range(2))
    f[:, 2, 3] = others[:, 5, 5] = True
    want = [by_pairs(one[hit], one.flatten()) for one, hit in zip(p, f, strict=True)]
    assert metric.auc_uniform(p, f).tolist() == pytest.approx(want, rel=1e-12)
    want = [by_pairs(one[hit], one[other]) for one, hit, other in zip(p, f, others, strict=True)]
    assert metric.auc_shuffled(p, f, others).tolist() == pytest.approx(want, rel=1e-12)
    same = [by_pairs(one[hit], one[others[0]]) for one, hit in zip(p, f, strict=True)]
    assert metric.auc_shuffled(p, f, others[0]).tolist() == pytest.approx(same, rel=1e-12)


def test_areas_count_the_same_in_coarse_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    p, f, g = maps()
    want = metric.auc_uniform(p, f), metric.auc_judd(p, f), metric.auc_shuffled(p, f, g > 0.7)
    for bins in (2, 3, 5):
        monkeypatch.setattr(ranks, "BINS", bins)
        found = metric.auc_uniform(p, f), metric.auc_judd(p, f), metric.auc_shuffled(p, f, g > 0.7)
        for a, b in zip(found, want, strict=True):
            assert torch.allclose(a, b, rtol=1e-13)


def test_without_fixated_others_nothing_is_known() -> None:
    p, f, _ = maps()
    others = torch.zeros_like(f)
    others[1, 4, 4] = 1
    assert torch.isfinite(metric.auc_shuffled(p, f, others)).tolist() == [False, True, False, False]
    assert torch.isnan(metric.auc_judd(p, torch.ones_like(p))).all()


def test_random_negatives_approximate_all_pixels() -> None:
    generator = torch.Generator().manual_seed(5)
    p = torch.rand(3, 40, 50, generator=generator, dtype=torch.float64)
    f = (torch.rand(p.shape, generator=generator) < 0.1) & (p > 0.3)
    found = metric.auc_borji(p, f)
    assert torch.allclose(found, metric.auc_uniform(p, f), atol=0.02)
    assert torch.equal(found, metric.auc_borji(p, f))
    assert torch.equal(found[1:2], metric.auc_borji(p[1:2], f[1:2]))
    assert not torch.equal(found, metric.auc_borji(p, f, seed=1))
    assert torch.allclose(metric.auc_borji(p.float(), f, splits=1).isfinite(), torch.ones(3, dtype=torch.bool))


def test_divergence_with_a_smallest_value() -> None:
    p, _, g = maps()
    q, t = (x + 1e-3 for x in (p, g.double()))
    q, t = (x / x.sum((1, 2), keepdim=True) for x in (q, t))
    assert torch.allclose(metric.kld(p, g, minimum=1e-3), (t * (t / q).log()).sum((1, 2)))
    with pytest.raises(ValueError, match="minimum must be positive"):
        metric.kld(p, g, minimum=0.0)


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", ["single", "smooth", "bytes"])
def test_a_gpu_gives_what_the_cpu_gives(kind: str) -> None:
    p = KINDS[kind](torch.Generator().manual_seed(0))
    _, f, g = maps(batch=(3,))
    p, f, g = (x[:, :9, :14] for x in (p, f, g))
    for name, by_density in TRUTH.items():
        given = p, g if by_density else f
        found = getattr(metric, name)(*(x.cuda() for x in given))
        assert torch.allclose(found.cpu(), getattr(metric, name)(*given), rtol=1e-9), name
    shuffled = metric.auc_shuffled(p.cuda(), f.cuda(), (g > 0.5).cuda())
    assert torch.allclose(shuffled.cpu(), metric.auc_shuffled(p, f, g > 0.5), rtol=1e-12)
