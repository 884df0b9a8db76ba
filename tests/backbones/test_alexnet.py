"""AlexNet: reference values, sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gazenet.backbones.alexnet import alexnet_features
from gazenet.testing.goldens import find, judge
from tests.goldens.whole_alexnet import AlexNet

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"


def test_golden() -> None:
    (golden,) = find([GOLDENS / "alexnet.json"])
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(("last_pool", "side"), [(True, 6), (False, 13)])
def test_sizes_at_227_pixels(last_pool: bool, side: int) -> None:
    with torch.no_grad():
        assert alexnet_features(last_pool)(torch.zeros(1, 3, 227, 227)).shape == (1, 256, side, side)


def test_any_size_reaches_the_classifier() -> None:
    with torch.no_grad():
        assert AlexNet(5).eval()(torch.zeros(1, 3, 64, 99)).shape == (1, 5)
