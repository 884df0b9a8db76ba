"""3D residual networks: published numbers, shapes, both shortcuts."""

from __future__ import annotations

import pytest
import torch

from gazenet.backbones.resnet3d import PaddedChannels, ResNet3d, basic

PARAMETERS = {18: 33_293_166, 34: 63_602_798, 50: 46_555_502, 101: 85_601_646, 152: 117_760_366}


@pytest.mark.parametrize("depth", PARAMETERS)
def test_published_numbers_of_parameters(depth: int) -> None:
    with torch.device("meta"):
        network = ResNet3d(depth, classes=174)
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS[depth]


def test_stages_halve_time_and_space() -> None:
    with torch.device("meta"):
        network, clip = ResNet3d(50), torch.empty(1, 3, 32, 224, 224)
        stem = network.stem(clip)
        stages = network.stages(network.maxpool(stem))
    assert stem.shape == (1, 64, 32, 112, 112)
    assert [tuple(one.shape[1:]) for one in stages] == [
        (256, 16, 56, 56),
        (512, 8, 28, 28),
        (1024, 4, 14, 14),
        (2048, 2, 7, 7),
    ]


def test_fewer_stages_and_no_classes_give_the_last_map() -> None:
    with torch.device("meta"):
        network = ResNet3d(18, stages=3)
        assert network(torch.empty(2, 3, 16, 64, 64)).shape == (2, 256, 2, 4, 4)
    assert not any(key.startswith(("layer4", "fc")) for key in network.state_dict())


def test_classes_are_for_clips_of_one_size() -> None:
    with torch.device("meta"):
        network = ResNet3d(18, classes=7, clip=(16, 100))
        assert network(torch.empty(2, 3, 16, 100, 100)).shape == (2, 7)
        with pytest.raises(ValueError, match=r"\[2, 4, 4\] cells, clips for fc give \[1, 4, 4\]"):
            network(torch.empty(2, 3, 32, 100, 100))


def test_padding_keeps_every_other_cell_and_adds_zeros() -> None:
    x = torch.arange(2 * 4 * 4 * 4.0).view(1, 2, 4, 4, 4)
    found = PaddedChannels(3, (2, 2, 2))(x)
    assert torch.equal(found[:, :2], torch.nn.functional.avg_pool3d(x, 1, 2))
    assert found.shape == (1, 5, 2, 2, 2) and found[:, 2:].abs().max() == 0


def test_blocks_without_weights_beside_them_add_no_keys() -> None:
    with_weights, without = (basic(4, 8, (2, 2, 2), kind) for kind in ("projection", "padding"))
    added = with_weights.state_dict().keys() - without.state_dict().keys()
    assert added and all(key.startswith("downsample.") for key in added)
    assert without(torch.rand(1, 4, 4, 4, 4)).shape == (1, 8, 2, 2, 2)


def test_unknown_depths_are_refused() -> None:
    with pytest.raises(ValueError, match="depth 20"):
        ResNet3d(20)
