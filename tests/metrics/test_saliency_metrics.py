"""Metric objects: means, counts of frames that cannot be judged, both modes, several processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from gazenet.metrics import functional as metric
from gazenet.metrics.functional import original
from gazenet.metrics.saliency_metrics import (
    CC,
    KLD,
    NSS,
    SIM,
    AUCBorji,
    AUCJudd,
    AUCUniform,
    FrameMean,
    InformationGain,
    ShuffledAUC,
)

BY_FIXATIONS = (NSS, AUCJudd, AUCUniform, AUCBorji)
BY_DENSITY = (CC, SIM, KLD)
BY_THREE = (ShuffledAUC, InformationGain)


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    p, g = (torch.rand(4, 12, 16, generator=generator, dtype=torch.float64) for _ in range(2))
    return p, torch.rand(p.shape, generator=generator) < 0.1, g


def inputs(cls: type[FrameMean], seed: int = 0) -> tuple[torch.Tensor, ...]:
    p, f, g = maps(seed)
    return (p, g) if cls in BY_DENSITY else (p, f, g > 0.5) if cls in BY_THREE else (p, f)


@pytest.mark.parametrize("cls", [*BY_FIXATIONS, *BY_DENSITY, *BY_THREE])
def test_the_mean_of_frames_in_any_batches(cls: type[FrameMean]) -> None:
    given = inputs(cls)
    tracked = cls()
    tracked.update(*(x[:1] for x in given))
    tracked.update(*(x[1:] for x in given))
    assert tracked.compute() == pytest.approx(float(cls.score(*given).mean()))
    assert (int(tracked.valid), int(tracked.invalid)) == (4, 0)


def test_frames_that_cannot_be_judged_are_counted() -> None:
    p, f, _ = maps()
    f[1] = False
    nss = NSS()
    nss.update(p, f)
    scores = metric.nss(p, f)
    assert nss.compute() == pytest.approx(float(scores[torch.isfinite(scores)].mean()))
    assert (int(nss.valid), int(nss.invalid)) == (3, 1)
    nss.reset()
    nss.update(p[1:2], f[1:2])
    assert torch.isnan(nss.compute())


@pytest.mark.parametrize("cls", [c for c in (*BY_FIXATIONS, *BY_DENSITY, *BY_THREE) if c is not AUCUniform])
def test_the_published_definitions(cls: type[FrameMean]) -> None:
    given = inputs(cls)
    tracked = cls(mode="original", seed=3)
    tracked.update(*given)
    random = [np.random.RandomState(3)] if cls.draws else []
    first = cls.published(*(x[0].numpy() for x in given), *random)
    again = cls(mode="original", seed=3)
    again.update(*(x[:1] for x in given))
    assert float(again.compute()) == pytest.approx(first)
    assert int(tracked.valid) == 4 and float(tracked.compute()) != pytest.approx(first)


def test_a_constant_map_tells_the_modes_apart() -> None:
    _, f, _ = maps()
    flat = torch.full(f.shape, 0.5)
    standard, published = NSS(), NSS(mode="original")
    for tracked in (standard, published):
        tracked.update(flat, f)
    assert standard.compute() == 0 and int(published.invalid) == 4
    assert original.sim(flat[0].numpy(), f[0].numpy()) == 1


def test_modes_that_are_none() -> None:
    with pytest.raises(ValueError, match="AUCUniform has no mode 'original'"):
        AUCUniform(mode="original")
    with pytest.raises(ValueError, match="NSS has no mode 'older'"):
        NSS(mode="older")


def one_of_two(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    p, f, _ = maps()
    f[1] = False
    nss = NSS()
    mine = slice(0, 3) if rank == 0 else slice(3, 4)
    nss.update(p[mine], f[mine])
    torch.save((nss.compute(), nss.invalid), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_agree_on_the_mean_of_all_frames(tmp_path: Path) -> None:
    multiprocessing.spawn(one_of_two, (str(tmp_path),), nprocs=2)
    p, f, _ = maps()
    f[1] = False
    scores = metric.nss(p, f)
    want = float(scores[torch.isfinite(scores)].mean())
    for rank in range(2):
        mean, _ = torch.load(tmp_path / f"{rank}.pt")
        assert float(mean) == pytest.approx(want)
