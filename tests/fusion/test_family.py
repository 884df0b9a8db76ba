"""The composed family: equal to the published networks, refuses what makes no sense, leaves its input alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gazenet.fusion.gasp import build, gate_scores
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES, GaspConfig, published
from gazenet.testing.goldens import Golden, find, judge

GOLDENS = sorted(find([Path(__file__).parents[1] / "data" / "goldens" / "gasp"]), key=lambda golden: golden.name)


def marked(golden: Golden) -> object:
    """The released checkpoints' own sizes take long; their classes and their ten frames stand in smaller goldens."""
    slow = [pytest.mark.slow] if golden.path.stem.startswith("published_") else []
    return pytest.param(golden, id=golden.path.stem, marks=slow)


@pytest.mark.parametrize("golden", [marked(golden) for golden in GOLDENS])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


def test_all_published_classes_have_a_golden() -> None:
    assert len(PUBLISHED_CLASSES) == 17
    assert {golden.meta["config"]["class"] for golden in GOLDENS} >= set(PUBLISHED_CLASSES)


@pytest.mark.parametrize("name", ["GASPDAMEncGMUConv", "SequenceGASPDAMEncGMUALSTMConv", "SequenceGASPDAMEncRGMUConv"])
def test_the_input_is_not_modified(name: str) -> None:
    config = published(name, modalities=2, sequence_len=3)
    shape = (1, 3, 6, 16, 16) if config.sequential else (1, 6, 16, 16)
    x = torch.rand(shape)
    before = x.clone()
    build(config)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", PUBLISHED_CLASSES)
def test_every_state_is_on_the_device_of_the_input(name: str) -> None:
    config = published(name, modalities=2, sequence_len=3, sequence_norm=True)
    shape = (1, 3, 6, 16, 16) if config.sequential else (1, 6, 16, 16)
    saliency, dam, state = build(config).to("meta")(torch.empty(shape, device="meta"))
    found = [value for value in (saliency, dam, *(state or ())) if value is not None]
    assert {value.device.type for value in found} == {"meta"}
    assert saliency.shape == (1, 1, 8, 8)


def test_gate_scores_are_one_per_modality_for_flat_states_too() -> None:
    network = build(published("SequenceGASPEncRGMUConv", modalities=3, sequence_len=2)).eval()
    scores = gate_scores(network(torch.rand(2, 2, 9, 16, 16))[2], 3)
    assert scores is not None and scores.shape == (2, 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"order": ("alstm", "alstm")},
        {"sequential": True, "order": ("alstm",)},
        {"sequence_len": 4},
        {"order": ("rgmu",)},
        {"sequential": True, "sequence_len": 4},
        {"sequence_norm": True},
        {"modalities": 0},
        {"modalities": "5"},
        {"latent": True},
        {"sequence_len": 1.0},
        {"target": (60, 0)},
        {"front": "damm"},
        {"encoder": "MobileNet"},
        {"head": "softmax"},
        {"front": "dam", "modalities": 1, "in_channels": 1},
    ],
)
def test_impossible_members_are_refused(fields: dict) -> None:
    with pytest.raises(ValueError):
        GaspConfig(**fields)


def test_a_config_survives_json() -> None:
    config = GaspConfig(encoder="Light", head="density", in_channels=1, latent=8, own_encoders=True)
    assert GaspConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


def test_unknown_fields_are_named_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"unknown field 'modality'; did you mean 'modalities'\?"):
        GaspConfig.from_dict({"modality": 3})


def test_configs_need_no_torch() -> None:
    code = "import sys, gazenet.fusion.gasp_config, gazenet.fusion.gasp_spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_density_head_ends_in_a_density() -> None:
    config = GaspConfig(encoder="Light", head="density", in_channels=1, latent=4, modalities=3, own_encoders=True)
    out = build(config).eval()(torch.rand(2, 3, 18, 32))[0]
    assert out.shape == (2, 1, 18, 32)
    assert out.exp().sum((1, 2, 3)).tolist() == pytest.approx([1, 1], abs=1e-3)
