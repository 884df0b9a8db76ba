"""Every metric against its definition written as a loop: random shapes, kinds of map, seeds, fixations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.metrics import functional as metric
from gazenet.metrics.functional import original
from gazenet.metrics.functional.checks import EPSILON

Map = np.ndarray[Any, np.dtype[Any]]


def fixated_values(p: Map, f: Map) -> list[float]:
    return [float(v) for v, hit in zip(p.ravel(), f.ravel(), strict=True) if hit]


def plain_nss(p: Map, f: Map, g: Map, b: Map) -> float:
    values = [float(v) for v in p.ravel()]
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
    hits = fixated_values(p, f)
    return math.fsum((v - mean) / deviation for v in hits) / len(hits)


def plain_cc(p: Map, f: Map, g: Map, b: Map) -> float:
    a, c = ([float(v) for v in x.ravel()] for x in (p, g))
    ma, mc = math.fsum(a) / len(a), math.fsum(c) / len(c)
    over = math.fsum((x - ma) * (y - mc) for x, y in zip(a, c, strict=True))
    return over / math.sqrt(math.fsum((x - ma) ** 2 for x in a) * math.fsum((y - mc) ** 2 for y in c))


def density(values: Map) -> list[float]:
    numbers = [float(v) for v in values.ravel()]
    shift = min(0.0, min(numbers))
    total = math.fsum(v - shift for v in numbers)
    return [(v - shift) / total for v in numbers]


def plain_sim(p: Map, f: Map, g: Map, b: Map) -> float:
    return math.fsum(min(x, y) for x, y in zip(density(p), density(g), strict=True))


def plain_kld(p: Map, f: Map, g: Map, b: Map) -> float:
    pairs = zip(density(p), density(g), strict=True)
    return math.fsum(y * math.log(EPSILON + y / (x + EPSILON)) for x, y in pairs)


def plain_gain(p: Map, f: Map, g: Map, b: Map) -> float:
    gains = [math.log2(EPSILON + x) - math.log2(EPSILON + y) for x, y in zip(density(p), density(b), strict=True)]
    return math.fsum(np.array(gains)[f.ravel()]) / int(f.sum())


def pairs_won(positives: list[float], negatives: list[float]) -> float:
    won = sum(2 * (x > y) + (x == y) for x in positives for y in negatives)
    return won / (2 * len(positives) * len(negatives))


def plain_uniform(p: Map, f: Map, g: Map, b: Map) -> float:
    return pairs_won(fixated_values(p, f), p.ravel().tolist())


def plain_shuffled(p: Map, f: Map, g: Map, b: Map) -> float:
    return pairs_won(fixated_values(p, f), fixated_values(p, b > 0))


def plain_judd(p: Map, f: Map, g: Map, b: Map) -> float:
    hits, misses = fixated_values(p, f), fixated_values(p, ~f)
    points = [(0.0, 0.0)]
    for t in sorted(set(hits), reverse=True):
        points.append((sum(v >= t for v in misses) / len(misses), sum(v >= t for v in hits) / len(hits)))
    points.append((1.0, 1.0))
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Map]] = {
    "float64": lambda rng, shape: rng.random(shape),
    "float32": lambda rng, shape: rng.normal(size=shape).astype(np.float32),
    "bytes": lambda rng, shape: rng.integers(0, 256, shape).astype(np.uint8),
    "few bytes": lambda rng, shape: rng.integers(0, 4, shape).astype(np.uint8) * 60,
    "background": lambda rng, shape: np.maximum(rng.random(shape) - 0.7, 0).astype(np.float32),
    "peaked": lambda rng, shape: (rng.random(shape) ** 40).astype(np.float32),
    "steps": lambda rng, shape: np.round(rng.random(shape), 1),
    "wide": lambda rng, shape: 10.0 ** rng.uniform(-30, 30, shape),
}
PLAIN = {
    "nss": (plain_nss, "f"),
    "cc": (plain_cc, "g"),
    "sim": (plain_sim, "g"),
    "kld": (plain_kld, "g"),
    "information_gain": (plain_gain, "fb"),
    "auc_uniform": (plain_uniform, "f"),
    "auc_shuffled": (plain_shuffled, "fb"),
    "auc_judd": (plain_judd, "f"),
}


def draw(kind: str, seed: int, maps: int = 1) -> dict[str, Map]:
    """Some maps ``[maps, H, W]`` with their fixations, density and baseline, of a shape that follows from the seed."""
    rng = np.random.default_rng([seed, *kind.encode()])
    shape = tuple(int(n) for n in rng.integers((1, 2), (24, 40)))
    p = np.stack([KINDS[kind](rng, shape) for _ in range(maps)])  # type: ignore[arg-type]
    f = rng.random(p.shape) < rng.choice([0.02, 0.3, 0.9])
    f[:, 0, 0], f[:, -1, -1] = True, False
    b = np.where(rng.random(p.shape) < 0.4, rng.random(p.shape), 0)
    b[:, 0, 0] = 1
    p[:, 0, 1 % shape[1]] = p.max() // 2 + 1  # no map is constant
    return {"p": p, "f": f, "g": rng.random(p.shape) + 0.01, "b": b}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_its_definition(name: str, kind: str) -> None:
    plain, needs = PLAIN[name]
    for seed in range(6):
        data = draw(kind, seed, maps=1 + seed % 3)
        tensors = {key: torch.from_numpy(value) for key, value in data.items()}
        found = getattr(metric, name)(tensors["p"], *(tensors[key] for key in needs))
        want = [plain(*(data[key][k] for key in "pfgb")) for k in range(len(data["p"]))]
        assert found.dtype == torch.float64
        assert found.tolist() == pytest.approx(want, rel=1e-9, abs=1e-9), (seed, data["p"].shape)


@pytest.mark.parametrize("name", PLAIN)
def test_the_shape_of_the_batch_does_not_matter(name: str) -> None:
    data = {key: torch.from_numpy(value) for key, value in draw("float32", 3, maps=6).items()}
    given = [data["p"], *(data[key] for key in PLAIN[name][1])]
    flat = getattr(metric, name)(*given)
    for batch in ((6,), (2, 3), (1, 3, 2)):
        assert torch.equal(getattr(metric, name)(*(x.view(*batch, *x.shape[1:]) for x in given)), flat.view(batch))
    assert [float(getattr(metric, name)(*(x[k] for x in given))) for k in range(6)] == pytest.approx(flat.tolist())


def plain_published_judd(p: Map, f: Map) -> float:
    p = (p - p.min()) / (p.max() - p.min())
    points = []
    for t in sorted(set(p[f].tolist()), reverse=True):
        above, hits = int((p >= t).sum()), int((p[f] >= t).sum())
        points.append((round(hits / int(f.sum()), 4), round((above - hits) / int((~f).sum()), 4)))
    points = [(0.0, 0.0), *points, (1.0, 1.0)]
    return sum((b[1] - a[1]) * (a[0] + b[0]) / 2 for a, b in itertools.pairwise(points))


def plain_published_shuffled(p: Map, f: Map, b: Map, seed: int) -> float:
    draws = np.random.RandomState(seed)
    p = (p - p.min()) / (p.max() - p.min())
    pool, areas = p[b > 0], []
    for _ in range(100):
        chosen = pool[draws.permutation(len(pool))[: min(int(f.sum()), len(pool))]]
        points = [(0.0, 0.0)]
        for t in reversed(np.arange(0, 1, 0.1)[1:].tolist()):
            points.append((float((p[f] >= t).mean()), float((chosen >= t).mean())))
        points.append((1.0, 1.0))
        areas.append(sum((c[1] - a[1]) * (a[0] + c[0]) / 2 for a, c in itertools.pairwise(points)))
    return float(np.mean(areas))


@pytest.mark.parametrize("kind", ["float64", "bytes", "background"])
def test_published_definitions_on_other_shapes_and_seeds(kind: str) -> None:
    for seed in range(3):
        data = {key: value[0] for key, value in draw(kind, seed).items()}
        p, f, b = data["p"].astype(np.float64), data["f"], data["b"]
        assert original.auc_judd(data["p"], f) == pytest.approx(plain_published_judd(p, f), abs=1e-12)
        found = original.auc_shuffled(data["p"], f, b, np.random.RandomState(seed))
        assert found == pytest.approx(plain_published_shuffled(p, f, b, seed), abs=1e-12)
        scaled, truth = ((x - x.min()) / (x.max() - x.min()) for x in (p, data["g"]))
        assert original.sim(data["p"], data["g"]) == pytest.approx(plain_sim(scaled, f, truth, b), abs=1e-12)
