"""AViNet: reference values, its three fusions, the extractor from a published file to maps with and without sound."""

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
from gazenet.testing.goldens import Golden, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.avinet.extractor import AvinetSaliency
from gazenet_plugins.avinet.fusion import Bilinear, PositionalEncoding, attended
from gazenet_plugins.avinet.network import FUSIONS, AViNet, fusion_of
from gazenet_plugins.avinet.spec import SPEC
from tests.checkpoints import EXTRACTORS

SIZE = (32, 64)
BIG = ("avinet_bilinear", "avinet_transformer")
PARAMETERS = {"bilinear": 45_494_970, "transformer": 51_278_522, "bilinear_transformer": 47_603_770}
ENTRIES = {"bilinear": 525, "transformer": 566, "bilinear_transformer": 566}


@pytest.mark.parametrize("golden", goldens([*BIG, "post_avinet"], BIG))
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_has_its_published_size_and_is_told_by_its_keys(fusion: str) -> None:
    with torch.device("meta"):
        network = AViNet(fusion)
        assert network(torch.empty(1, 3, 32, 224, 384), torch.empty(1, 1, 70_560, 1)).shape == (1, 224, 384)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[fusion]
    assert len(network.state_dict()) == ENTRIES[fusion] and fusion_of(network.state_dict()) == fusion


@pytest.mark.parametrize(
    ("given", "reason"), [({"fusion": "sum"}, "choose from"), ({"size": (48, 64)}, "multiples of 32")]
)
def test_other_networks_are_refused(given: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AViNet(**given)


def test_a_clip_of_another_size_is_refused() -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=r"32, 64, 64.*32, 32, 64"):
        AViNet(size=SIZE)(torch.empty(1, 3, 32, 64, 64), torch.empty(1, 1, 70_560, 1))


def test_the_contraction_is_the_bilinear_layer() -> None:
    layer = Bilinear(6, 3, 5).double()
    a, b = torch.randn(2, 4, 6).double(), torch.randn(2, 4, 3).double()
    torch.testing.assert_close(layer(a, b), nn.Bilinear.forward(layer, a, b))


def test_positions_are_sines_and_cosines() -> None:
    table = PositionalEncoding(5, 6).get_buffer("pe")[:, 0]
    assert table[0].tolist() == [0, 1, 0, 1, 0, 1]
    angles = 3 / 10_000 ** (torch.tensor([0, 2, 4]) / 6)
    torch.testing.assert_close(table[3], torch.stack((angles.sin(), angles.cos()), 1).flatten())


def test_sound_is_laid_beside_every_place() -> None:
    visual, audio = torch.randn(1, 2, 4, 1, 2), torch.randn(1, 2, 3, 1)
    found = attended(nn.Identity(), visual, audio)
    torch.testing.assert_close(found[:, :2], visual)
    torch.testing.assert_close(found[:, 2:], audio.mean(2)[..., None, None].expand(1, 2, 4, 1, 2))


@torch.no_grad()
@pytest.mark.parametrize("fusion", FUSIONS)
def test_sound_changes_what_is_decoded_for_its_own_clip_only(fusion: str) -> None:
    network = AViNet(fusion, SIZE).double().eval()
    seen, heard = torch.rand(2, 1024, 4, 1, 2).double(), torch.rand(2, 1024, 3, 1).double()
    other = torch.stack((heard[0], heard[1] + 1))
    first, second = network.fused(seen, heard), network.fused(seen, other)
    assert first.shape == seen.shape
    torch.testing.assert_close(first[0], second[0])
    assert not torch.allclose(first[1], second[1])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["avinet"].save(tmp_path_factory.mktemp("avinet"), AViNet(size=SIZE))


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(AvinetSaliency, "size", SIZE)
    yield


def heard(sound: Waveform | None, anchor: int, weights: Path, mode: str = "corrected") -> np.ndarray:
    """What the network hears for the map of one frame."""
    cue = AvinetSaliency(mode=mode, weights=str(weights.parent))
    cue.load(torch.device("cpu"), torch.float32, no_assets)
    video = SyntheticVideo(frames=anchor + 1)
    context = replace(video.context(), waveform=sound)
    cue.begin(context)
    windows = WindowBuilder(SPEC, torch.device("cpu"), context, MAP_SIZE).build([anchor], anchor, video)
    return cue._sound(windows, 0).flatten().numpy()


def test_the_sound_of_a_clip_ends_with_its_frame(weights: Path) -> None:
    loud = Waveform(np.full((1, 16_000 * 3), 0.5, np.float32), 16_000)
    early, late = heard(loud, 3, weights), heard(loud, 50, weights)
    assert early.shape == late.shape == (70_560,)
    assert np.count_nonzero(early) == pytest.approx(3.5 * 640, abs=4)
    assert np.count_nonzero(late) == pytest.approx(32 * 640, abs=4)
    assert late.max() == pytest.approx(128, rel=1e-3), "256 times the sound under the top of the window"


@pytest.mark.parametrize(("sound", "mode"), [(None, "corrected"), (1.0, "published")])
def test_silence(sound: float | None, mode: str, weights: Path) -> None:
    track = None if sound is None else Waveform(np.full((1, 16_000), sound, np.float32), 16_000)
    found = heard(track, 3, weights, mode)
    assert not found.any() and len(found) == (48_000 if mode == "published" else 70_560)


def test_sound_matters_in_the_corrected_mode_only(weights: Path) -> None:
    videos = SyntheticVideo(frames=2), SyntheticVideo(frames=2, sound=False)
    for mode, same in (("corrected", False), ("published", True)):
        entry = with_parameters("avinet", weights=str(weights), mode=mode)
        loud, silent = (run(entry, video)[0] for video in videos)
        assert np.array_equal(loud, silent) is same


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: is not a checkpoint of AViNet"):
        AvinetSaliency(weights=str(tmp_path / "other.pt")).load(torch.device("cpu"), torch.float32, no_assets)
