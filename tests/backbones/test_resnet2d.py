"""Residual networks: reference values, sizes, dilation in the place of stride."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gazenet.backbones.resnet2d import FORMS, TwoLayerResNet, resnet
from gazenet.testing.goldens import Golden, find, judge

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"
NAMES = ("resnet18", "resnet50", "gaze_resnet18", "gaze_resnet50")


def sized(golden: Golden):
    marks = [pytest.mark.slow] if golden.path.stem == "gaze_resnet50" else []
    return pytest.param(golden, marks=marks, id=golden.path.stem)


@pytest.mark.parametrize("golden", [sized(golden) for golden in find([GOLDENS / f"{n}.json" for n in NAMES])])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        ("resnext50_32x4d", 25_028_904),
        ("resnext101_32x8d", 88_791_336),
        ("wide_resnet50_2", 68_883_240),
        ("wide_resnet101_2", 126_886_696),
    ],
)
def test_published_parameter_counts(name: str, parameters: int) -> None:
    with torch.device("meta"):
        network = resnet(name)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("name", "stride"), [("resnet18", 8), ("resnet50", 16), ("resnet18", 4)])
def test_a_dilated_network_computes_the_strided_one_between_its_cells(name: str, stride: int) -> None:
    strided, dilated = resnet(name, classes=0).eval(), resnet(name, classes=0, output_stride=stride).eval()
    dilated.load_state_dict(strided.state_dict())
    picture = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        coarse, fine = strided(picture), dilated(picture)
    step = 32 // stride
    assert fine.shape[2:] == (96 // stride, 64 // stride)
    torch.testing.assert_close(fine[..., ::step, ::step], coarse, rtol=1e-3, atol=1e-3 * float(coarse.abs().max()))


def test_dilation_of_output_stride_8_begins_one_block_late() -> None:
    layers = resnet("resnet50", classes=0, output_stride=8)
    dilations = [[block.conv2.dilation[0] for block in stage] for stage in (layers.layer3, layers.layer4)]
    assert dilations == [[1, 2, 2, 2, 2, 2], [2, 4, 4]]


def test_children_stand_in_order_of_computation_and_can_be_cut_by_position() -> None:
    network = resnet("resnet18", in_channels=1).eval()
    picture = torch.randn(1, 1, 81, 99)
    with torch.no_grad():
        x = picture
        for child in list(network.children())[:8]:
            x = child(x)
        torch.testing.assert_close(x, network.stages(picture)[-1])


def test_without_classes_there_are_neither_pool_nor_dense_layer() -> None:
    keys = resnet("resnet18", classes=0).state_dict().keys()
    assert not any(key.startswith(("fc", "avgpool")) for key in keys) and len(keys) == 120


def test_two_layers_end_in_the_asked_outputs() -> None:
    network = TwoLayerResNet(*FORMS["resnet18"], outputs=7).eval()
    assert network(torch.zeros(2, 3, 33, 40)).shape == (2, 7)


def test_refusals_name_what_is_known() -> None:
    with pytest.raises(ValueError, match="output stride 12"):
        resnet("resnet18", output_stride=12)
    with pytest.raises(ValueError, match="resnet101"):
        resnet("resnet19")
