"""Extractors whose windows share work give the maps of windows that share nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from saliency_networks import no_assets
from torch import nn

from gazenet.backbones.sliding_windows import SlidingNetwork
from gazenet.backbones.vinet import ViNet
from gazenet.cues.extractor import Windows
from gazenet.cues.windows import WindowBuilder
from gazenet.testing.goldens import filled_state
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.stsanet.extractor import STSANetSaliency
from gazenet_plugins.stsanet.network import STSANet
from gazenet_plugins.tased.extractor import TasedSaliency
from gazenet_plugins.tased.network import TasedNet
from gazenet_plugins.vinet.extractor import VinetSaliency

SIZE = (32, 32)
CPU = torch.device("cpu")
EXTRACTORS: dict[str, tuple[Callable[[], nn.Module], Any, str]] = {
    "tased": (TasedNet, TasedSaliency, "run"),
    "vinet": (lambda: ViNet(16), VinetSaliency, "run"),
    "stsanet": (lambda: STSANet(SIZE), STSANetSaliency, "_run"),
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name == "stsanet")) for name in EXTRACTORS])
def pair(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The extractor as it is, and one that calls the whole network on every clip."""
    network, kind, run = EXTRACTORS[request.param]
    if hasattr(kind, "size"):
        monkeypatch.setattr(kind, "size", SIZE)
    weights = tmp_path / "weights.pt"
    torch.save(filled_state(network()), weights)
    made = [kind(weights=str(weights)) for _ in range(2)]
    for one in made:
        one.load(CPU, torch.float32, no_assets)
    weights.unlink()
    sliding, plain = made
    assert isinstance(getattr(sliding, run), SlidingNetwork)
    setattr(plain, run, plain.exportable().network)
    return sliding, plain


def windows(extractor: Any, video: SyntheticVideo, anchors: list[int]) -> Windows:
    builder = WindowBuilder(extractor.spec, CPU, video.context(), SIZE)
    return builder.build(anchors, video.frames - 1, video)


@pytest.mark.parametrize(
    ("frames", "batches"),
    [
        (3, [[0, 1, 2]]),
        (40, [[30, 31, 32], [33, 34], [38, 39]]),
        (60, [[2], [40, 41], [58], [5, 6]]),
    ],
    ids=["short", "end", "jumps"],
)
def test_maps_are_those_of_windows_by_themselves(frames: int, batches: list[list[int]], pair: tuple[Any, Any]) -> None:
    video = SyntheticVideo(frames=frames)
    for one in pair:
        one.begin(video.context())
    for anchors in batches:
        found, want = (one.extract(windows(one, video, anchors)).maps for one in pair)
        assert np.ptp(want.numpy()) > 0.02, "a map that shows nothing proves nothing"
        # Where two maxima differ by rounding only, un-pooling moves a value to the next pixel.
        difference = (found - want).abs()
        assert difference.max() < 1e-2 and difference.mean() < 2e-4
