"""TASED-Net: reference values, the extractor from a published file to maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from saliency_networks import goldens, no_assets, with_parameters

from gazenet.errors import UsageError
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.tased.extractor import TasedSaliency, smoothed
from gazenet_plugins.tased.network import TasedNet
from tests.checkpoints import EXTRACTORS


@pytest.mark.parametrize("golden", goldens(["tased", "clip_tased", "post_tased", "post_tased_upstream"]))
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["tased"].save(tmp_path_factory.mktemp("tased"))


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(TasedSaliency, "size", (32, 32))
    yield


def test_parameters() -> None:
    with torch.device("meta"):
        network = TasedNet()
    assert sum(p.numel() for p in network.parameters()) == 21_260_693


def test_a_clip_of_another_length_is_refused() -> None:
    with torch.device("meta"), pytest.raises(ValueError, match="16 frames: the network takes 32"):
        TasedNet()(torch.empty(1, 3, 16, 32, 32))


def test_smoothing_is_told_by_its_maximum() -> None:
    point = np.zeros((60, 60), np.float32)
    point[30, 30] = 5
    found = smoothed(point)
    assert found.max() == 1 and found[30, 37] == pytest.approx(np.exp(-0.5), abs=1e-3)


def test_modes_differ_in_their_clips(weights: Path) -> None:
    cue = {mode: TasedSaliency(mode=mode) for mode in ("published", "corrected")}
    assert list(cue["corrected"].offsets(40)) == list(range(-31, 1))
    assert list(cue["published"].offsets(40)) == [-14, -14, *range(-13, 1), *[0] * 16]
    assert list(TasedSaliency(mode="published", buffer=32).offsets(40)) == [-30, -30, *range(-29, 1)]
    video = SyntheticVideo(frames=3)
    maps = {mode: run(with_parameters("tased", weights=str(weights), mode=mode), video)[0] for mode in cue}
    assert not np.array_equal(maps["published"], maps["corrected"])


def test_a_folder_stands_for_its_checkpoint_and_a_wrong_file_is_named(weights: Path, tmp_path: Path) -> None:
    TasedSaliency(weights=str(weights.parent)).load(torch.device("cpu"), torch.float32, no_assets)
    torch.save({"module.fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: is not a checkpoint of TasedNet"):
        TasedSaliency(weights=str(tmp_path / "other.pt")).load(torch.device("cpu"), torch.float32, no_assets)


@pytest.mark.parametrize(
    ("given", "reason"), [({"mode": "legacy"}, "published, corrected"), ({"buffer": 0}, "buffer")]
)
def test_parameters_that_make_no_sense_are_refused(given: dict, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        TasedSaliency(**given)
