"""Golden runners of stage two: what the options of a golden do, other shapes than the known ones, unknown options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES
from gazenet.testing.goldens import Golden
from tests.goldens.gasp import member
from tests.goldens.training import steps

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"


def test_defaults_are_those_of_the_release() -> None:
    static, sequence = (member({"class": name}) for name in ("GASPEncGMUConv", "SequenceGASPEncGMUALSTMConv"))
    assert (static.modalities, static.sequence_len, static.sequence_norm) == (4, 1, False)
    assert (sequence.modalities, sequence.sequence_len, sequence.sequence_norm) == (4, 16, False)
    sized = {"trg_img_height": 20, "trg_img_width": 24, "batch_size": 3, "learning_rate": 0.1, "encoder": None}
    assert member({"class": "SequenceGASPEncRGMUConv", "kwargs": sized}).encoder is None


@pytest.mark.parametrize("kwargs", [{"modalites": 2}, {"out_channels": 2}])
def test_an_unknown_option_is_an_error(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"nothing answers to: (modalites|out_channels)"):
        member({"class": "GASPEncGMUConv", "kwargs": kwargs})


@pytest.mark.parametrize("name", PUBLISHED_CLASSES)
@pytest.mark.parametrize(("batch", "modalities", "frames", "size"), [(1, 3, 2, (16, 26)), (3, 2, 5, (22, 12))])
def test_every_class_takes_other_shapes(
    name: str, batch: int, modalities: int, frames: int, size: tuple[int, int]
) -> None:
    kwargs = {"modalities": modalities, "sequence_len": frames, "sequence_norm": True}
    config = member({"class": name, "kwargs": kwargs})
    time = (frames,) if config.sequential else ()
    with torch.no_grad():
        saliency, dam, _ = build(config).eval()(torch.randn(batch, *time, 3 * modalities, *size) * 0.1)
    half = (size[0] // 2, size[1] // 2)
    assert saliency.shape == (batch, 1, *half) and torch.isfinite(saliency).all()
    assert (dam is None) == (config.front != "dam")
    if dam is not None:
        assert dam.shape == (batch, *time, 1, *half)


def changed(tmp_path: Path, name: str, count: int = 1, **members: Any) -> Golden:
    """The first ``count`` steps of a golden with other members."""
    meta = json.loads((GOLDENS / "gasp_train" / f"{name}.json").read_text())
    meta["config"]["kwargs"].update(members.pop("kwargs", {}))
    meta |= {key: meta[key][:count] for key in ("inputs", "steps")}
    return Golden(tmp_path / f"{name}.json", {**meta, **members})


@pytest.mark.parametrize(
    "kwargs",
    [{"loss_weights": [0.5, 2, 1, 0.1, 0]}, {"loss_weights": [1, 2, 1, 0, 0]}, {"dam_loss_weight": 5}],
)
def test_weights_of_losses_are_heard(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    name = "train_seq_dam_largmu" if "dam_loss_weight" in kwargs else "train_gmu"
    assert steps(changed(tmp_path, name, kwargs=kwargs)) > 1e-3


def test_the_optimiser_is_read_and_another_refused(tmp_path: Path) -> None:
    words = "Adam, lr {}, betas (0.9, 0.999), eps 1e-8, no weight decay"
    assert steps(changed(tmp_path, "train_gmu", 2, optimizer=words.format("1.4e-4"))) < 1e-3
    assert steps(changed(tmp_path, "train_gmu", 2, optimizer=words.format("0.01"))) > 1e-3
    with pytest.raises(ValueError, match="nothing here answers to the optimiser 'SGD"):
        steps(changed(tmp_path, "train_gmu", optimizer="SGD, lr 0.1"))
