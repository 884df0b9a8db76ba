"""STAViS: reference values, parts, the published files, what it sees and hears at each frame in both modes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from saliency_networks import goldens, no_assets, with_parameters
from torch import nn

from gazenet.cues.windows import WindowBuilder
from gazenet.errors import UsageError
from gazenet.media.frames import Waveform
from gazenet.testing.conformance import MAP_SIZE, run
from gazenet.testing.goldens import Golden, filled_state, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.stavis.extractor import StavisSaliency
from gazenet_plugins.stavis.network import TRUNK, AudioVisualFusion, SideBranch, StavisNet, cropped
from gazenet_plugins.stavis.spec import SPEC
from tests.checkpoints import EXTRACTORS

NAMES = (
    "stavis_visual_only",
    "stavis_audiovisual",
    "stavis_audiovisual_batchnorm_stats",
    "post_stavis",
    "excerpt_stavis_middle",
)


@pytest.mark.parametrize("golden", goldens(NAMES, NAMES[2:3]))
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-5 if "function" in golden.meta["config"] else 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize("option", [{"sample_size": 112}, {"sample_duration": 8}, {"audiovisual": True}])
def test_options_that_cannot_be_run_are_failures(option: dict) -> None:
    golden = goldens(["stavis_visual_only"])[0].values[0]
    changed = replace(golden, meta={**golden.meta, "config": {**golden.meta["config"], **option}})
    assert judge(changed, 1e-4).state == "fail"


@pytest.mark.parametrize("network", ["stavis", "binauraldave"])
def test_released_code_feeds_it_the_clips_of_dave(network: str) -> None:
    golden = goldens(["clip_dave"])[0].values[0]
    changed = replace(golden, meta={**golden.meta, "config": {**golden.meta["config"], "network": network}})
    assert judge(changed, 1e-5).state == "pass"


def test_published_size_and_output() -> None:
    with torch.device("meta"):
        network = StavisNet()
        found = network(torch.empty(2, 3, 16, 112, 112), torch.empty(2, 1, 1, 35_280))
    assert sum(p.numel() for p in network.parameters()) == 21_815_398 and len(network.state_dict()) == 341
    heard = sum(p.numel() for part in ("soundnet8", "fusion3", "fuseav") for p in getattr(network, part).parameters())
    assert 21_815_398 - heard == 17_695_445, "what only sees"
    assert {found.logits.shape, *(side.shape for side in found.sides)} == {(2, 1, 112, 112)}


def test_the_contraction_is_the_bilinear_layer() -> None:
    fusion = AudioVisualFusion().double()
    seen, heard = torch.randn(2, TRUNK[2], 3, 4).double(), torch.randn(2, 1024).double()
    places = fusion.affine_rgb(seen.permute(0, 2, 3, 1)).relu()
    sound = fusion.affine_audio(heard).relu()[:, None, None].expand(2, 3, 4, -1)
    layer = nn.Bilinear.forward(fusion.w_a_rgb, places.contiguous(), sound.contiguous())
    torch.testing.assert_close(fusion(seen, heard), layer.permute(0, 3, 1, 2))


def test_the_middle_is_kept_and_the_odd_row_falls_away_at_the_end() -> None:
    assert cropped(torch.arange(7.0).expand(1, 1, 7, 7), (4, 4))[0, 0, 0].tolist() == [1, 2, 3, 4]


def test_side_branches_enlarge_bilinearly_and_do_not_overflow() -> None:
    branch = SideBranch(4, 2)
    even = branch.upscale_(torch.full((1, 1, 4, 4), 3.0))[0, 0, 4:-4, 4:-4]
    torch.testing.assert_close(even, torch.full_like(even, 3.0))
    with torch.no_grad():
        branch.score_dsn.bias.fill_(500)
        side = branch(torch.randn(1, 4, 2, 5, 5), (18, 18))
    assert float(side.attention.sum()) == pytest.approx(1) and side.features.shape == (1, 16, 18, 18)
    kept = {name for name, value in branch.named_parameters() if not value.requires_grad}
    assert kept == {"upscale.weight", "upscale_.weight"}


@torch.no_grad()
def test_each_clip_of_a_batch_hears_its_own_sound() -> None:
    network = StavisNet().eval()
    network.load_state_dict(filled_state(network))
    network.double()
    sound = torch.randn(2, 1, 1, 35_280).double()
    level = torch.rand(2, TRUNK[2], 4, 4, 4).double()
    both = network._fused(level, sound, (32, 32))
    torch.testing.assert_close(both[1:], network._fused(level[1:], sound[1:], (32, 32)))
    assert not torch.allclose(both[1:], network._fused(level[1:], sound[:1], (32, 32)))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as published, with one file in it."""
    folder = tmp_path_factory.mktemp("stavis")
    replace(EXTRACTORS["stavis"], file="audiovisual_split2_save_60.pth").save(folder / "stavis_audiovisual")
    return folder


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(StavisSaliency, "size", (32, 32))
    yield


def test_files_are_found_by_parameters(weights: Path) -> None:
    StavisSaliency(weights=str(weights), split=2).load(torch.device("cpu"), torch.float32, no_assets)
    for parameters, name in (({"split": 3}, "audiovisual_split3"), ({"sound": False}, "only/visual_split1")):
        with pytest.raises(UsageError, match=name):
            StavisSaliency(weights=str(weights), **parameters).load(torch.device("cpu"), torch.float32, no_assets)
    with pytest.raises(UsageError, match="'split' must be 1, 2 or 3, not 4"):
        StavisSaliency(split=4)


def heard(sound: Waveform | None, anchor: int, mode: str = "corrected") -> np.ndarray:
    """What the network hears for the map of one frame."""
    cue = StavisSaliency(mode)
    cue.device, cue.dtype = torch.device("cpu"), torch.float32
    video = SyntheticVideo(frames=anchor + 1)
    context = replace(video.context(), waveform=sound)
    cue.begin(context)
    windows = WindowBuilder(SPEC, torch.device("cpu"), context, MAP_SIZE).build([anchor], anchor, video)
    return cue._sound(windows, 0).numpy()


def test_the_frame_is_in_the_middle_of_its_sound() -> None:
    loud = Waveform(np.full((1, 16_000 * 3), 0.5, np.float32), 16_000)
    early, late = heard(loud, 3), heard(loud, 30)
    assert early.shape == late.shape == (1, 1, 1, 35_280)
    assert np.count_nonzero(early) == pytest.approx(10.5 * 640, abs=4), "frames 0 to 10, half of the first"
    assert np.count_nonzero(late) == pytest.approx(16 * 640, abs=4)
    assert late.max() == pytest.approx(128, rel=1e-3), "256 times the sound under the top of the window"
    click = np.zeros((1, 48_000), np.float32)
    click[0, 15_000] = 1
    assert [frame for frame in range(15, 36) if heard(Waveform(click, 16_000), frame).any()] == list(range(16, 32))


@pytest.mark.parametrize(("sound", "mode"), [(None, "corrected"), (1.0, "published")])
def test_silence(sound: float | None, mode: str) -> None:
    track = None if sound is None else Waveform(np.full((1, 16_000), sound, np.float32), 16_000)
    found = heard(track, 3, mode)
    assert not found.any() and found.shape[-1] == (48_000 if mode == "published" else 35_280)


def test_clips_and_scales_of_the_modes() -> None:
    published, corrected = StavisSaliency("published"), StavisSaliency()
    assert list(corrected.offsets(100)) == list(range(-8, 8))
    assert list(published.offsets(100)) == [-14, *range(-14, 1)]
    for cue, values in ((published, (-2.85463, 3.96488)), (corrected, (-114.7748, 155.525))):
        cue.device, cue.dtype = torch.device("cpu"), torch.float32
        dark, bright = (cue._prepared(np.full((9, 9, 3), value, np.uint8)) for value in (0, 255))
        assert [float(dark[0].mean()), float(bright[2].mean())] == pytest.approx(values, rel=1e-4)


@pytest.mark.slow
def test_modes_differ_and_sound_matters_in_the_corrected_one(weights: Path) -> None:
    videos = SyntheticVideo(frames=2, sound_seconds=2.0), SyntheticVideo(frames=2, sound=False)
    found = {}
    for mode, same in (("corrected", False), ("published", True)):
        entry = with_parameters("stavis", weights=str(weights), split=2, mode=mode)
        found[mode], silent = (run(entry, video)[0] for video in videos)
        assert found[mode].max() > 200 and np.array_equal(found[mode], silent) is same
    assert not np.array_equal(found["corrected"], found["published"])


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth: is not a checkpoint of StavisNet"):
        StavisSaliency(weights=str(tmp_path / "other.pth")).load(torch.device("cpu"), torch.float32, no_assets)
