"""Binaural DAVE: reference values, its three ways to hear, ears from channels, the published file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from saliency_networks import goldens, no_assets, with_parameters
from torch import nn

from gazenet.backbones.clip_statistics import use_batch_statistics
from gazenet.cues.frame_clips import published_offsets
from gazenet.errors import UsageError
from gazenet.media.frames import Waveform
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.binauraldave.extractor import BinauralDave
from gazenet_plugins.binauraldave.network import HEARINGS, BinauralDaveNet
from tests.checkpoints import EXTRACTORS

NAMES = (
    "binauraldave_visual",
    "binauraldave_monaural",
    "binauraldave_both_ears",
    "binauraldave_batchnorm_stats",
)


@pytest.mark.parametrize("golden", goldens(NAMES, NAMES[1:]))
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize("option", [{"class": "TrinauralDAVE"}, {"batch_norm": "none"}, {"frames_len": 8}])
def test_options_that_cannot_be_run_are_failures(option: dict) -> None:
    golden = goldens(["binauraldave_visual"])[0].values[0]
    changed = replace(golden, meta={**golden.meta, "config": {**golden.meta["config"], **option}})
    assert judge(changed, 1e-4).state == "fail"


def test_published_size_whatever_is_heard() -> None:
    clip, ear = torch.empty(1, 3, 16, 256, 320, device="meta"), torch.empty(1, 3, 16, 64, 64, device="meta")
    for hearing in HEARINGS:
        with torch.device("meta"):
            network = BinauralDaveNet(hearing)
        assert network(clip, ear, ear).shape == network(clip, None, ear).shape == (1, 1, 32, 40)
        assert sum(p.numel() for p in network.parameters()) == 103_308_521 and len(network.state_dict()) == 332


@torch.no_grad()
def test_each_way_uses_the_ears_it_names() -> None:
    seen = torch.rand(1, 512, 1, 1)
    left, right = torch.rand(2, 1, 512, 1, 1, 1)
    found = {}
    for hearing in HEARINGS:
        with torch.device("meta"):
            network = BinauralDaveNet(hearing)
        network.audio_branch_left = network.audio_branch_right = nn.Identity()
        network.combinedAudioEmbedding = nn.Identity()
        found[hearing] = network._audio_features(seen, left, right)
        assert network._audio_features(seen, None, None) is None
        deaf = network._audio_features(seen, None, right)
        if hearing == "binaural":
            assert not deaf[:, :512].any() and torch.equal(deaf[:, 512:], right[:, :, 0])
    assert torch.equal(found["binaural"], torch.cat((left, right), 1)[:, :, 0])
    assert torch.equal(found["monaural"], left[:, :, 0]) and found["visual"] is None


def test_batch_statistics_change_nothing_that_is_stored() -> None:
    network = nn.Sequential(nn.BatchNorm3d(2), nn.Dropout()).eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    clip = 7 + 3 * torch.randn(1, 2, 4, 8, 8)
    with torch.no_grad():
        found = use_batch_statistics(network)(clip)
    assert float(found.mean()) == pytest.approx(0, abs=1e-5) and float(found.std()) == pytest.approx(1, abs=1e-2)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not network[1].training


def ears(samples: np.ndarray | None, mode: str, frame: int = 0) -> list[np.ndarray]:
    """The examples of each ear at a frame."""
    cue = BinauralDave(mode)
    sound = None if samples is None else Waveform(samples.astype(np.float32), 16_000)
    cue.begin(replace(SyntheticVideo().context(), waveform=sound))
    found = [one.at(frame) for one in cue._collected]
    found += [one.at(np.arange(frame - 15, frame + 1) / 25) for one in cue._aligned]
    return [one[0, 0].numpy() for one in found if one is not None]


@pytest.mark.parametrize("mode", ["published", "corrected"])
def test_channels_are_ears(mode: str) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (3, 32_000))
    noise[1] *= 0.01
    left, right = ears(noise, mode, 30)
    assert left.max() > right.max() + 3
    left, right = ears(noise[:1], mode, 30)
    assert np.array_equal(left, right), "one channel is in both ears"
    assert ears(None, mode) == [] and ears(np.zeros((2, 0)), mode) == []


def test_published_ears_hear_the_latest_second_only() -> None:
    sound = np.zeros((2, 64_000))
    sound[:, :8_000] = np.random.default_rng(0).uniform(-1, 1, 8_000)
    assert ears(sound, "published", 24)[0].max() > -4
    assert ears(sound, "published", 25)[0].max() < -4


def test_the_clip_does_not_depend_on_the_sound() -> None:
    cue = BinauralDave("published")
    cue.begin(SyntheticVideo().context())
    assert list(cue.offsets(3)) == published_offsets(3, 16)


def test_another_hearing_is_refused() -> None:
    with pytest.raises(UsageError, match="'hearing' must be one of binaural, monaural, visual, not 'stereo'"):
        BinauralDave(hearing="stereo")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = EXTRACTORS["binauraldave"].save(tmp_path_factory.mktemp("binauraldave"))
    yield path
    path.unlink()  # large


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(BinauralDave, "size", (64, 64))
    yield


@pytest.mark.slow
def test_modes_and_hearings_differ(weights: Path) -> None:
    video = SyntheticVideo(frames=2, sound_seconds=2.0)
    options = [{}, {"hearing": "monaural"}, {"hearing": "visual"}, {"mode": "published"}]
    found = [run(with_parameters("binauraldave", weights=str(weights.parent), **each), video)[0] for each in options]
    assert all(each.max() > 200 for each in found)
    assert all(not np.array_equal(a, b) for k, a in enumerate(found) for b in found[:k])


@pytest.mark.slow
def test_weights_of_other_networks_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: is not a checkpoint of BinauralDaveNet"):
        BinauralDave(weights=str(tmp_path / "other.pt")).load(torch.device("cpu"), torch.float32, no_assets)
