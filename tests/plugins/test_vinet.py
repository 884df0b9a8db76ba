"""ViNet: reference values, all published variants, the extractor from a published file to maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from saliency_networks import goldens, no_assets, with_parameters

from gazenet.backbones.vinet import ViNet, variant
from gazenet.errors import UsageError
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.vinet.extractor import VinetSaliency
from tests.checkpoints import EXTRACTORS

VARIANTS = {
    (32, 3): 31_099_585,
    (48, 3): 31_100_641,
    (16, 3): 31_097_537,
    (8, 3): 31_079_105,
    (32, 2): 30_657_217,
    (32, 1): 27_339_457,
    (32, 0): 20_150_977,
}
"""Published parameter counts by length of the clip and levels."""


@pytest.mark.parametrize(
    "golden",
    goldens(["vinet_16", "vinet_32", "vinet_32_hier1", "post_vinet_upstream"], ("vinet_32", "vinet_32_hier1")),
)
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(("clips", "levels"), VARIANTS)
def test_every_variant_has_its_published_size_and_is_told_by_its_keys(clips: int, levels: int) -> None:
    with torch.device("meta"):
        network = ViNet(clips, levels)
        assert network(torch.empty(2, 3, clips, 64, 32)).shape == (2, 64, 32)
    assert sum(p.numel() for p in network.parameters()) == VARIANTS[clips, levels]
    assert variant(network.state_dict()) == (clips, levels)


@pytest.mark.parametrize(("clips", "levels"), [(24, 3), (16, 2), (32, 4), (32, -1)])
def test_other_variants_are_refused(clips: int, levels: int) -> None:
    with pytest.raises(ValueError, match="no ViNet"):
        ViNet(clips, levels)


def test_a_clip_of_another_length_is_refused() -> None:
    with torch.device("meta"), pytest.raises(ValueError, match="16 frames: the network takes 32"):
        ViNet()(torch.empty(1, 3, 16, 32, 32))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["vinet"].save(tmp_path_factory.mktemp("vinet"), ViNet(8))


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(VinetSaliency, "size", (32, 32))
    yield


def test_the_clip_has_the_length_of_the_weights(weights: Path) -> None:
    cue = VinetSaliency(weights=str(weights.parent))
    cue.load(torch.device("cpu"), torch.float32, no_assets)
    assert cue.offsets(20) == list(range(-7, 1))


def test_modes_differ_in_clip_and_finish(weights: Path) -> None:
    video = SyntheticVideo(frames=3)
    published, corrected = (
        run(with_parameters("vinet", weights=str(weights), mode=mode), video)[0] for mode in ("published", "corrected")
    )
    assert published.max(axis=(1, 2)).min() > 200 and corrected.max(axis=(1, 2)).min() > 200
    assert not np.array_equal(published, corrected)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: is not a checkpoint of ViNet"):
        VinetSaliency(weights=str(tmp_path / "other.pt")).load(torch.device("cpu"), torch.float32, no_assets)
