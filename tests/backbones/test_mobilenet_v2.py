"""MobileNetV2: reference values, sizes, the position of its strides."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gazenet.backbones.mobilenet_v2 import InvertedResidual, MobileNetV2
from gazenet.testing.goldens import find, judge

GOLDEN = Path(__file__).parents[1] / "data" / "goldens" / "cues" / "mobilenetv2.json"


def test_golden() -> None:
    (golden,) = find([GOLDEN])
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


def test_sizes() -> None:
    with torch.device("meta"):
        features = MobileNetV2()(torch.empty(2, 3, 64, 96))
    assert [tuple(one.shape[1:]) for one in features] == [(1280, 2, 3), (160, 4, 6), (64, 8, 12)]


@pytest.mark.parametrize(("outputs", "residual"), [(8, True), (8, False), (12, True)])
def test_the_input_is_added_only_where_nothing_changes(outputs: int, residual: bool) -> None:
    block = InvertedResidual(8, outputs, 6, residual=residual).double().eval()
    x = torch.randn(1, 8, 5, 7).double()
    with torch.no_grad():
        added = block(x) - block.conv(x)
    expected = x if outputs == 8 and residual else torch.zeros(1, outputs, 5, 7).double()
    torch.testing.assert_close(added, expected)


def test_strides_are_taken_after_the_block() -> None:
    network = MobileNetV2(None).double().eval()
    picture = torch.randn(1, 3, 64, 64).double()
    with torch.no_grad():
        features = network(picture)
        rest = features.feat_2x[..., ::2, ::2]
        for layer in network.features[15:]:
            rest = layer(rest)
    torch.testing.assert_close(rest, features.x)
