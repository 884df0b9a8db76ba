"""SoundNet: published keys, sizes and lengths; both layouts compute the same."""

from __future__ import annotations

import pytest
import torch

from gazenet.backbones.soundnet import STAGES, SoundNet, numbered

CONVOLUTIONS = (0, 4, 8, 11, 14, 18, 21)
NORMS = (1, 5, 9, 12, 15, 19, 22)


def test_published_size_and_keys_by_name() -> None:
    with torch.device("meta"):
        network = SoundNet()
    assert sum(value.numel() for value in network.parameters()) == 14_352_713
    modules = {key.rpartition(".")[0] for key in network.state_dict()}
    assert modules == {f"{kind}{k}" for kind in ("conv", "batchnorm") for k in range(1, 8)} | {
        "conv8_objs",
        "conv8_scns",
    }


def test_published_keys_by_number() -> None:
    with torch.device("meta"):
        network = numbered()
    assert {int(key.split(".")[0]) for key in network.state_dict()} == {*CONVOLUTIONS, *NORMS}
    shapes = [tuple(network[k].weight.shape[2:]) for k in CONVOLUTIONS]
    assert shapes == [(1, stage.kernel) for stage in STAGES] and len(network) == 25


@pytest.mark.parametrize(("samples", "steps"), [(35_280, 2), (48_000, 3), (70_560, 3)])
def test_lengths(samples: int, steps: int) -> None:
    with torch.device("meta"):
        assert SoundNet()(torch.empty(2, 1, samples, 1)).shape == (2, 1024, steps, 1)
        assert numbered()(torch.empty(2, 1, 1, samples)).shape == (2, 1024, 1, steps // 2)


@torch.no_grad()
def test_both_layouts_compute_the_same() -> None:
    named, row = SoundNet().double().eval(), numbered(last_pool=1).double().eval()
    for k, (conv, norm) in enumerate(zip(CONVOLUTIONS, NORMS, strict=True), 1):
        first = named.get_submodule(f"conv{k}")
        row[conv].weight.copy_(first.weight.transpose(2, 3))
        row[conv].bias.copy_(first.bias)
        row[norm].load_state_dict(named.get_submodule(f"batchnorm{k}").state_dict())
    sound = torch.randn(1, 1, 12_000, 1).double()
    torch.testing.assert_close(row(sound.transpose(2, 3)), named(sound).transpose(2, 3))
