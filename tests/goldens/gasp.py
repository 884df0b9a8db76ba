"""Goldens of the GASP family and its building blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gazenet.fusion import alstm, channel_attention, encoders, gmu
from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import GaspConfig, published
from gazenet.testing.goldens import Golden, difference, prepare
from tests.goldens import gated_units

MODULES = (alstm, channel_attention, encoders, gmu, gated_units)

NOT_ARGUMENTS = ("input_size",)
"""Published arguments that ours do without: the zero state follows the input."""
NETWORK = ("modalities", "sequence_len", "sequence_norm", "encoder", "in_channels")
DEFAULTS = {"modalities": 4, "sequence_len": 16}
"""Arguments that shape a published network, and what the release takes where nothing is said."""
TRAINING = ("learning_rate", "batch_size", "num_workers", "loss_weights", "dam_loss_weight")
SIZES = ("trg_img_height", "trg_img_width", "inp_img_height", "inp_img_width")
EVALUATION = ("eval_human_infinite", "eval_extra_metrics", "val_store_image_samples")


def member(config: Mapping[str, Any]) -> GaspConfig:
    """The network of a golden's class and published arguments.

    Those of training and evaluation, and the sizes of pictures, which follow the input, do not shape it. Raises
    ValueError for an argument that nothing here answers to.
    """
    kwargs = dict(config.get("kwargs", {}))
    unknown = kwargs.keys() - {*NETWORK, *TRAINING, *SIZES, *EVALUATION, "out_channels"}
    if unknown or kwargs.get("out_channels", 1) != 1:
        raise ValueError(f"arguments that nothing answers to: {', '.join(sorted(unknown)) or 'out_channels'}")
    return published(config["class"], **{**DEFAULTS, **{name: kwargs[name] for name in NETWORK if name in kwargs}})


def integrator(golden: Golden) -> float:
    """A published GASP class; outputs saliency, dam, hidden, gates."""
    network = prepare(build(member(golden.meta["config"])), golden)
    inputs = golden.inputs()
    before = {name: value.clone() for name, value in inputs.items()}
    saliency, dam, state = network(*inputs.values())
    if any(not value.equal(before[name]) for name, value in inputs.items()):
        raise ValueError("the network changed its input")
    hidden, gates = state if state is not None else (None, None)
    return difference(golden, {"saliency": saliency, "dam": dam, "hidden": hidden, "gates": gates})


def part(golden: Golden) -> float:
    """A building block; its outputs in the golden's order."""
    config = golden.meta["config"]
    kwargs = {k: v for k, v in config.get("kwargs", {}).items() if k not in NOT_ARGUMENTS and v is not None}
    if config["class"].endswith("Conv2d"):
        kwargs.setdefault("padding", 0)  # as released; inside the networks it is always given
    kind = next(getattr(module, config["class"]) for module in MODULES if hasattr(module, config["class"]))
    values = _flat(prepare(kind(**kwargs), golden)(*golden.inputs().values()))
    return difference(golden, dict(zip(golden.meta["outputs"], values, strict=False)))


def _flat(value: Any) -> list[Tensor]:
    """Nested tuples of tensors as one list."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for one in value for tensor in _flat(one)]
