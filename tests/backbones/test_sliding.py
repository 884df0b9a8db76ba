"""Sliding windows: equal to windows by themselves, at ends, after jumps; lean networks equal to the networks."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gazenet.backbones.conv3d_as_2d import (
    MirroredSpatialConv,
    PointwiseConv,
    SpatialConv,
    TemporalConv,
    TimeFoldingConv,
    concatenated,
    max_pool,
)
from gazenet.backbones.fold_batch_norm import inference_copy
from gazenet.backbones.s3d import S3D
from gazenet.backbones.sliding_windows import (
    FramewiseLayers,
    ParallelChains,
    SlidingLayers,
    SlidingNetwork,
    TemporalLayers,
    WindowFrames,
    is_slidable,
)
from gazenet.backbones.vinet import ViNet
from gazenet.testing.goldens import filled_state
from tests.exactness import assert_as_exact


def with_weights(network: nn.Module) -> nn.Module:
    network.load_state_dict(filled_state(network))
    return network.eval()


@pytest.fixture(scope="module")
def encoder() -> S3D:
    built = with_weights(S3D())
    assert isinstance(built, S3D)
    return built


@pytest.fixture(scope="module")
def frames() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 1, 32, 32, generator=generator) * 2 - 1 for _ in range(48)]


def window(stems: list[Tensor], first: int, length: int = 32) -> WindowFrames:
    """Of a video that holds still before its first frame and after its last one."""
    return WindowFrames(first, [stems[min(max(k, 0), len(stems) - 1)] for k in range(first, first + length)])


@pytest.fixture(scope="module")
def doubled(encoder: S3D, frames: list[Tensor]) -> tuple[S3D, list[Tensor]]:
    """The encoder in double precision, and its first layers of every frame."""
    network = copy.deepcopy(encoder).double()
    with torch.inference_mode():
        return network, [network.frame_stem(frame.double()) for frame in frames]


def assert_equal_to_windows(
    made: S3D, plain: S3D, doubled: tuple[S3D, list[Tensor]], frames: list[Tensor], firsts: list[int]
) -> None:
    """What slides adds up in another order: it is as exact as the plain network on one window by itself."""
    exact, exact_stems = doubled
    with torch.inference_mode():
        stems, plain_stems = ([network.frame_stem(frame) for frame in frames] for network in (made, plain))
        sliding = SlidingLayers(made.chains())
        for first in firsts:
            wanted = plain.near(torch.cat(window(plain_stems, first).frames, 2))
            best = exact.near(torch.cat(window(exact_stems, first).frames, 2))
            for level, values in enumerate(zip(sliding(window(stems, first)), wanted, best, strict=True)):
                assert_as_exact(*values, what=f"level {level} of the window at {first}")


@pytest.mark.parametrize(
    "firsts",
    [[0, 1, 2, 3], [-31, -30, -29, -15], [15, 16, 17, 40], [0, 7, 8, 12], [9, 3, 4]],
    ids=["one after the other", "before the video", "behind the video", "jumps", "back"],
)
@pytest.mark.parametrize("made", [inference_copy, lambda network: network], ids=["lean", "plain"])
def test_a_sliding_encoder_gives_what_each_window_gives(made, firsts, encoder: S3D, doubled, frames) -> None:
    assert_equal_to_windows(made(encoder), encoder, doubled, frames, firsts)


def test_a_sliding_encoder_with_a_weight_that_is_off_by_a_hundredth_is_found(encoder: S3D, doubled, frames) -> None:
    wrong = copy.deepcopy(encoder)
    first = next(value for value in wrong.parameters() if value.ndim == 5)
    with torch.no_grad():
        first[:, 0] *= 1.01
    with pytest.raises(AssertionError, match=r"level \d of the window at 0 is"):
        assert_equal_to_windows(wrong, encoder, doubled, frames, [0])


def test_what_windows_share_is_computed_once() -> None:
    seen: list[int] = []

    def counted(x: Tensor) -> Tensor:
        seen.append(x.shape[2])
        return x[:, :, 2:] + x[:, :, 1:-1] + x[:, :, :-2]

    sliding = SlidingLayers([(TemporalLayers(counted, 3, 1, 1), FramewiseLayers(torch.relu))])
    cells = [torch.full((1, 1, 1, 1, 1), float(k)) for k in range(40)]
    found = [sliding(window(cells, first, 8))[0].flatten().tolist() for first in (0, 1, 2)]
    assert found[2] == [2.0 + 3, *[3.0 * k for k in range(3, 9)], 8.0 + 9]
    # Two ends and six cells between them; then the ends and the one cell that is new.
    assert seen == [3, 3, *[3] * 6, 3, 3, 3, 3, 3, 3]


def test_chains_beside_each_other_share_what_all_of_them_share() -> None:
    wide = TemporalLayers(lambda x: x[:, :, 2:] + x[:, :, :-2], 3, 1, 1)
    sliding = SlidingLayers([(ParallelChains(((FramewiseLayers(torch.neg),), (wide,))), FramewiseLayers(torch.neg))])
    cells = [torch.full((1, 1, 1, 1, 1), float(k)) for k in range(9)]
    for first in (0, 1, 2):
        found = sliding(window(cells, first, 6))[0][0, :, :, 0, 0]
        plain = torch.arange(first, first + 6).float()
        padded = torch.cat((torch.zeros(1), plain, torch.zeros(1)))
        assert torch.equal(found, torch.stack((plain, -(padded[2:] + padded[:-2]))))


def test_what_is_kept_does_not_grow(encoder: S3D, frames: list[Tensor]) -> None:
    network = inference_copy(encoder)
    sliding = SlidingLayers(network.chains())
    kept = []
    with torch.inference_mode():
        stems = [network.frame_stem(frame) for frame in frames]
        for first in range(6):
            sliding(window(stems, first))
            kept.append(sum(len(cells) for cells in sliding._cells.values()))
    assert kept[3:] == kept[3:4] * 3
    sliding.clear()
    assert not sliding._cells


def test_a_cell_does_not_depend_on_the_windows_before(encoder: S3D, frames: list[Tensor]) -> None:
    """A resumed run gives the bytes of a complete one."""
    network = inference_copy(encoder)
    with torch.inference_mode():
        stems = [network.frame_stem(frame) for frame in frames]
        running, resumed = SlidingLayers(network.chains()), SlidingLayers(network.chains())
        for first in range(6):
            of_all = running(window(stems, first))
        assert all(torch.equal(a, b) for a, b in zip(of_all, resumed(window(stems, 5)), strict=True))


def test_frames_that_do_not_follow_each_other_share_nothing(frames: list[Tensor]) -> None:
    network = with_weights(ViNet(16)).double()
    run = SlidingNetwork(network, torch.float64)
    clip = [frames[k].double() for k in (3, 3, *range(4, 10), *[9] * 8)]
    with torch.inference_mode():
        found = run(WindowFrames(None, [run.stem(frame) for frame in clip]))
        torch.testing.assert_close(found, network(torch.cat(clip, 2)))
    assert not any(run._shared._cells.values())


def test_only_networks_that_say_what_windows_share_slide() -> None:
    assert is_slidable(ViNet(8)) and not is_slidable(nn.Conv3d(3, 3, 1))


LAYERS = [
    (nn.Conv3d(6, 5, 1), PointwiseConv),
    (nn.Conv3d(6, 5, (1, 3, 3), (1, 2, 2), (0, 1, 1)), SpatialConv),
    (nn.Conv3d(6, 5, (3, 1, 1), (2, 1, 1), (1, 0, 0)), TemporalConv),
    (nn.Conv3d(6, 5, (2, 3, 3), (2, 1, 1), (0, 1, 1)), TimeFoldingConv),
    (nn.ConvTranspose3d(6, 5, (1, 3, 3), 1, (0, 1, 1)), MirroredSpatialConv),
    (nn.ConvTranspose3d(6, 5, (1, 4, 4), (1, 2, 2), (0, 1, 1)), None),
    (nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear"), None),
    (nn.MaxPool3d(3, 1, 1), None),
    (nn.MaxPool3d(3, 2, 1), None),
    (nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), None),
]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("layer", "kind"), LAYERS, ids=lambda one: one.__name__ if isinstance(one, type) else "")
def test_layers_of_pictures_equal_those_over_space_and_time(layer: nn.Module, kind: type | None, batch: int) -> None:
    x, layer = torch.randn(batch, 6, 7, 8, 10).double(), copy.deepcopy(layer).double()
    with torch.inference_mode():
        want = layer(x)
        made = inference_copy(nn.Sequential(layer))
        assert type(made[0]) is not type(layer) and (kind is None or type(made[0]) is kind)
        for given in (x, x.contiguous(memory_format=torch.channels_last_3d)):
            torch.testing.assert_close(made(given), want)
        torch.testing.assert_close(layer(x), want, msg="the layer it was made of has changed")


def test_other_layers_stay_as_they_are() -> None:
    layers = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1), nn.Conv3d(4, 4, 1, groups=2), nn.MaxPool3d(2, dilation=2))
    assert [type(layer) for layer in inference_copy(layers)] == [type(layer) for layer in layers]


def test_norms_are_folded_and_weights_shared() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, 1, bias=False), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 2, 1))
    network[1].running_mean.uniform_()
    network[1].running_var.uniform_(0.5, 2)
    network.double().eval()
    made = inference_copy(network)
    assert isinstance(made[1], nn.Identity) and made[3].weight is network[3].weight
    x = torch.randn(2, 3, 4, 5, 6).double()
    with torch.inference_mode():
        torch.testing.assert_close(made(x), network(x))


def test_pools_and_joints_keep_the_layout_they_find() -> None:
    x = torch.randn(1, 4, 5, 6, 8)
    last = x.contiguous(memory_format=torch.channels_last_3d)
    for kernel, stride, padding in ((3, 2, 1), ((4, 1, 1), (4, 1, 1), 0), (2, 2, 0)):
        pooled = max_pool(last, kernel, stride, padding)
        assert torch.equal(pooled, max_pool(x, kernel, stride, padding))
    for axis in (1, 2):
        joined = concatenated((last, last), axis)
        assert joined.is_contiguous(memory_format=torch.channels_last_3d)
        assert torch.equal(joined, torch.cat((x, x), axis))
