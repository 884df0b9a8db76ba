"""DAVE: reference values, the published file, what it sees and hears at each frame in both modes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from saliency_networks import goldens, no_assets, with_parameters

from gazenet.cues.windows import WindowBuilder
from gazenet.errors import UsageError
from gazenet.media.frames import Waveform
from gazenet.testing.conformance import MAP_SIZE, run
from gazenet.testing.goldens import Golden, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.dave.extractor import DaveSaliency
from gazenet_plugins.dave.network import DaveNet
from gazenet_plugins.dave.spec import SPEC
from tests.checkpoints import EXTRACTORS

NAMES = (
    "dave_visual_only",
    "dave_audiovisual",
    "dave_audio_packet_exact",
    "dave_audio_packet_full",
    "dave_audio_packet_short",
    "clip_dave",
    "clip_dave_start",
    "post_dave",
    "audio_logmel_noise",
    "audio_logmel_sine",
    "audio_logmel_resampled",
    "audio_logmel_stereo",
    "audio_windowed_16k",
)


@pytest.mark.parametrize("golden", goldens(NAMES, ("dave_audiovisual",)))
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-5 if "function" in golden.meta["config"] else 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("dave_audio_packet_full", {"frames_len": 8}),
        ("dave_audio_packet_full", {"valid_frame_number": 9}),
        ("audio_logmel_noise", {"mel_bins": 96}),
        ("audio_logmel_noise", {"centred": True}),
        ("dave_visual_only", {"variant": "audio-visual"}),
    ],
)
def test_options_that_cannot_be_run_are_failures(name: str, option: dict) -> None:
    golden = goldens([name])[0].values[0]
    changed = replace(golden, meta={**golden.meta, "config": {**golden.meta["config"], **option}})
    assert judge(changed, 1e-4).state == "fail"


def test_published_size_and_output() -> None:
    with torch.device("meta"):
        network = DaveNet()
        found = network(torch.empty(2, 3, 16, 256, 320), torch.empty(2, 3, 16, 64, 64))
    assert sum(p.numel() for p in network.parameters()) == 69_747_485 and len(network.state_dict()) == 226
    assert found.shape == (2, 1, 32, 40)


def test_longer_clips_are_refused() -> None:
    with torch.device("meta"), pytest.raises(ValueError, match="17 frames: the network takes up to 16"):
        DaveNet()(torch.empty(1, 3, 17, 32, 32))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = EXTRACTORS["dave"].save(tmp_path_factory.mktemp("dave"))
    yield path
    path.unlink()  # large


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(DaveSaliency, "size", (32, 32))
    yield


def begun(sound: Waveform | None, mode: str, ahead: float = 0.0) -> DaveSaliency:
    cue = DaveSaliency(mode, ahead=ahead)
    cue.begin(replace(SyntheticVideo().context(), waveform=sound))
    return cue


def heard(cue: DaveSaliency, anchor: int) -> np.ndarray:
    """The examples of one frame, ``[16, 64, 64]``."""
    video = SyntheticVideo(frames=anchor + 1)
    windows = WindowBuilder(SPEC, torch.device("cpu"), video.context(), MAP_SIZE).build([anchor], anchor, video)
    found = cue._sound(windows, 0)
    assert found is not None and found.shape == (1, 3, 16, 64, 64) and torch.equal(found[:, 0], found[:, 2])
    return found[0, 0].numpy()


def click(at: float, seconds: float = 4.0) -> Waveform:
    """A short noise in silence."""
    samples = np.zeros((1, int(16_000 * seconds)), np.float32)
    samples[0, int(16_000 * at) : int(16_000 * at) + 800] = np.random.default_rng(0).uniform(-1, 1, 800)
    return Waveform(samples, 16_000)


def test_corrected_sound_ends_with_each_frame() -> None:
    cue = begun(click(2.0), "corrected")
    levels = [heard(cue, frame).max(axis=(1, 2)) for frame in (49, 53, 66)]
    assert levels[0].max() < -4, "nothing of what comes after the frame at 1.96 s"
    assert (levels[1] > -4).tolist() == [False] * 12 + [True] * 4, "frames from 2.03 s on hear it"
    assert (levels[2] > -4).all(), "and forget it after 0.64 s"


def test_sound_ahead_is_that_of_training() -> None:
    cue = begun(click(2.0), "corrected", ahead=0.64)
    assert heard(cue, 40)[-1].max() > -4


def test_published_sound_is_the_coming_second_and_limits_the_clip() -> None:
    cue = begun(click(2.5), "published")
    assert list(cue.offsets(10)) == [-10] * 7 + list(range(-10, -1))
    assert list(cue.offsets(30)) == [-14, *range(-14, 1)]
    assert heard(cue, 49).max() < -4 < heard(cue, 50).max(), "refreshed once a second"
    assert np.array_equal(heard(cue, 50), heard(cue, 74))


def test_clips_without_sound_are_whole() -> None:
    assert list(begun(None, "published").offsets(10))[-6:] == [0] * 6
    assert list(begun(None, "corrected").offsets(10)) == list(range(-15, 1))


@pytest.mark.slow
def test_sound_matters_and_is_not_needed(weights: Path) -> None:
    for mode in ("corrected", "published"):
        entry = with_parameters("dave", weights=str(weights.parent), mode=mode)
        loud, none = (
            run(entry, SyntheticVideo(frames=2, sound=sound, sound_seconds=2.0))[0] for sound in (True, False)
        )
        assert loud.max() > 200 and none.max() > 200 and not np.array_equal(loud, none)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: is not a checkpoint of DaveNet"):
        DaveSaliency(weights=str(tmp_path / "other.pt")).load(torch.device("cpu"), torch.float32, no_assets)
