"""S3D: sizes, keys, parts that can be computed once per frame."""

from __future__ import annotations

import copy

import pytest
import torch

from gazenet.backbones.s3d import MIXED, S3D, Mixed
from gazenet.testing.goldens import filled_state


@pytest.fixture(scope="module")
def network() -> S3D:
    built = S3D().eval()
    built.load_state_dict(filled_state(built))
    return built


def test_sizes_and_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        levels = S3D()(torch.empty(1, 3, 32, 224, 384))
        assert sum(p.numel() for p in S3D().parameters()) == 7_910_048
    assert [tuple(level.shape[1:]) for level in levels] == [
        (1024, 4, 7, 12),
        (832, 8, 14, 24),
        (480, 16, 28, 48),
        (192, 16, 56, 96),
    ]


@pytest.mark.parametrize("name", MIXED)
def test_blocks_follow_each_other(name: str) -> None:
    outputs = MIXED[name][1] + MIXED[name][3] + MIXED[name][5] + MIXED[name][6]
    with torch.device("meta"):
        assert Mixed(name)(torch.empty(1, MIXED[name][0], 2, 3, 4)).shape == (1, outputs, 2, 3, 4)


def test_stems_of_single_frames_make_up_that_of_a_window(network: S3D) -> None:
    network, clip = copy.deepcopy(network).double(), torch.randn(1, 3, 8, 32, 32).double()
    with torch.no_grad():
        stems = torch.cat([network.frame_stem(clip[:, :, t : t + 1]) for t in range(8)], 2)
        torch.testing.assert_close(network.levels(stems).y0, network(clip).y0)


def test_the_fourth_level_sees_the_whole_clip(network: S3D) -> None:
    clip = torch.randn(1, 3, 8, 32, 32, requires_grad=True)
    network(clip).y0.sum().backward()
    assert clip.grad is not None and (clip.grad.abs().amax((1, 3, 4)) > 0).all()
