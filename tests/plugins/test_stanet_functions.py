"""STANet's functions: equal to the goldens, and right at their edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.media.frames import Waveform
from gazenet.testing.goldens import Golden, find, judge
from gazenet_plugins.stanet import losses, maps, scam, sound
from tests.goldens import matlab_scripts as matlab

FOLDER = Path(__file__).parents[1] / "data" / "goldens" / "stanet"
GOLDENS = {golden.path.stem: golden for golden in find([FOLDER]) if "part" in golden.meta["config"]}


@pytest.mark.parametrize("name", sorted(GOLDENS))
def test_golden(name: str) -> None:
    verdict = judge(GOLDENS[name], 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("scam_a", {"alpha0": 1.0}),
        ("scam_e", {"alpha_step": 0.5}),
        ("scam_a", {"min_extent": 300}),
        ("scam_a", {"grid": 355}),
        ("cam_overlay_a", {"heat": 0.4}),
        ("cam_overlay_a", {"image": 0.4}),
        ("cam_overlay_a", {"size": 220}),
        ("matlab_a", {"power": 4}),
        ("matlab_a", {"recover_box": [5, 40, 7, 70]}),
        ("scam_a", {"threshold": 1}),
        ("losses_a", {"reduction": "sum"}),
        ("spectrogram_a", {"window": "hann"}),
    ],
)
def test_every_option_of_a_golden_counts(name: str, options: dict[str, Any]) -> None:
    golden = GOLDENS[name]
    changed = Golden(golden.path, {**golden.meta, "config": {**golden.meta["config"], **options}})
    assert judge(changed, 1e-4).state == "fail"


def test_class_maps_are_those_of_each_samples_class() -> None:
    first, fused = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    found = maps.class_maps(first, fused, torch.tensor([2, 0]))
    assert torch.equal(found[0], (first[0, 2] + fused[0, 2]) / 2)
    assert torch.equal(found[1], (first[1, 0] + fused[1, 0]) / 2)


def test_a_map_without_evidence_is_black() -> None:
    assert not maps.cam_image(-np.ones((4, 4), np.float32)).any()
    assert maps.eight_bit(np.array([[-1.0, 0.0, 2.0]])).tolist() == [[0, 0, 255]]


def test_fusion_takes_any_number_of_sources_and_trusts_the_confident() -> None:
    rng = np.random.default_rng(0)
    sources = [rng.random((6, 7)) for _ in range(11)]
    confident = maps.fused(sources, [0.0] * 10 + [1.0])
    np.testing.assert_allclose(confident, maps.normalised(sources[-1]), atol=1e-12)
    with pytest.raises(ValueError, match="zip"):
        maps.fused(sources, [1.0] * 10)


def test_the_box_grows_until_it_is_large_enough() -> None:
    blob = np.zeros((60, 60))
    blob[10:15, 20:25] = 1
    blob[5:30, 15:40] += 0.2
    small, alpha = scam.crop_box(blob, scam.BoxRule(extent=3))
    large, lower = scam.crop_box(blob, scam.BoxRule(extent=20))
    assert (small, large) == ((5, 29, 15, 39), (5, 29, 15, 39)) and alpha == lower == 2.0
    tight, _ = scam.crop_box(blob, scam.BoxRule(alpha=8.0, extent=3))
    assert tight == (10, 14, 20, 24)
    everything, last = scam.crop_box(blob, scam.BoxRule(extent=40))
    assert everything == (0, 59, 0, 59) and last < 0


def test_a_black_map_and_a_small_one_end_the_search() -> None:
    assert scam.crop_box(np.zeros((120, 110)))[0] == (0, 119, 0, 109)
    with pytest.raises(ValueError, match="holds no box of extent 100"):
        scam.crop_box(np.ones((120, 100)))


def test_boxes_are_smoothed_with_their_neighbours_in_time() -> None:
    boxes = {3: (0, 100, 0, 100), 4: (3, 106, 6, 109), 6: (10, 200, 10, 200)}
    assert scam.smoothed_boxes(boxes) == {3: (1, 102, 2, 103), 4: (2, 104, 4, 106), 6: (10, 200, 10, 200)}


def test_a_crop_holds_both_ends_of_its_box() -> None:
    frame = np.zeros((356, 356, 3), np.uint8)
    frame[100:201, 50:71] = 255
    crop = scam.cropped(frame, (100, 200, 50, 70))
    assert crop.shape == (101, 21, 3) and crop.min() == 255


def test_pseudo_fixations_lie_in_their_box() -> None:
    rng = np.random.default_rng(1)
    found = scam.pseudo_fixations([rng.random((9, 9))] * 3, [0.2, 0.3, 0.4], (10, 40, 20, 60), size=80)
    assert found.shape == (80, 80) and found.max() > 200
    found[10:41, 20:61] = 0
    assert not found.any()


def test_a_matlab_box_counts_from_one() -> None:
    image = np.zeros((10, 10))
    image[2:4, 5:8] = 1
    assert matlab.crop_box(image) == (3, 4, 6, 8)
    assert matlab.crop_box(np.ones((4, 4))) is None


def test_resizing_keeps_constants_and_size_one_is_the_identity() -> None:
    image = np.random.default_rng(2).random((7, 9))
    np.testing.assert_allclose(matlab.imresize(image, 7, 9), image, atol=1e-12)
    for size in ((3, 20), (14, 2), (1, 1)):
        np.testing.assert_allclose(matlab.imresize(np.full((7, 9), 0.3), *size), np.full(size, 0.3))


def test_smoothing_needs_frames_on_both_sides() -> None:
    rng = np.random.default_rng(3)
    frames = [rng.random((5, 5)) ** 6 for _ in range(12)]
    assert matlab.smoothed(frames[:4]) == {} and list(matlab.smoothed(frames[:8])) == [4]
    found = matlab.smoothed(frames)
    assert list(found) == [4, 5, 6, 7, 8]
    again = matlab.smoothed([*frames[:9], frames[0], *frames[10:]])
    assert np.array_equal(found[7], again[7]) and not np.array_equal(found[8], again[8])


def test_loud_samples_are_cut_and_short_ones_refused() -> None:
    rng = np.random.default_rng(4)
    samples = rng.standard_normal(16_000)
    assert np.array_equal(sound.spectrogram(samples), sound.spectrogram(np.clip(samples, -1, 1)))
    assert np.abs(sound.spectrogram(np.zeros(16_000))).max() < 1e-5
    assert sound.spectrogram(rng.standard_normal(160_000), length=512, overlap=353).shape == (257, 1004)
    with pytest.raises(ValueError, match="159 samples"):
        sound.spectrogram(samples[:159])


def test_seconds_of_a_sound() -> None:
    track = Waveform(np.arange(40_000, dtype=np.float32)[None] / 40_000, 16_000, start=0.25)
    assert [len(piece) for piece in sound.seconds(track.samples[0])] == [16_000, 16_000]
    piece = sound.second_at(track, 0.5)
    assert np.array_equal(piece, track.samples[0, 4_000:20_000])
    early, late = sound.second_at(track, -0.5), sound.second_at(track, 2.0)
    assert not early[:12_000].any() and np.array_equal(early[12_000:], track.samples[0, :4_000])
    assert np.array_equal(late[:12_000], track.samples[0, 28_000:]) and not late[12_000:].any()
    assert not sound.second_at(track, 99.0).any() and not sound.second_at(None, 0.0).any()


def test_sound_is_mixed_and_resampled() -> None:
    stereo = Waveform(np.stack([np.ones(8_000), np.zeros(8_000)]).astype(np.float32), 8_000, start=1.0)
    found = sound.mono(stereo)
    assert (found.rate, found.start, found.samples.shape) == (16_000, 1.0, (1, 16_000))
    assert found.samples[0, 4_000:12_000] == pytest.approx(0.5, abs=1e-3)


def test_the_divergence_shares_one_distribution_over_the_batch() -> None:
    target = torch.rand(2, 1, 4, 4) + 0.1
    assert float(losses.divergence(5 * target, target)) == pytest.approx(0, abs=1e-6)
    louder = target * torch.tensor([1.0, 9.0]).view(2, 1, 1, 1)
    assert float(losses.divergence(louder, target)) > 0.1


def test_weights_of_the_sequence_loss_follow_its_kind() -> None:
    x, y, classes = torch.rand(3, 2, 5), torch.rand(3, 2, 5), torch.tensor([1, 4])
    for kind, weight in ((losses.cross_entropy, 0.6), (losses.soft_margin, 1.0)):
        own = losses.sequence_loss(list(x), list(y), classes, kind)
        assert torch.equal(own, losses.sequence_loss(list(x), list(y), classes, kind, (0.4, weight)))
        assert own != losses.sequence_loss(list(x), list(y), classes, kind, (0.5, 0.5))
