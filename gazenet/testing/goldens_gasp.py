"""Goldens of the GASP family and its building blocks."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gazenet.fusion import alstm, attention, encoders, gmu
from gazenet.fusion.config import published
from gazenet.fusion.gasp import build
from gazenet.testing.goldens import Golden, difference, prepare

ROOMS = (alstm, attention, encoders, gmu)

NOT_ARGUMENTS = ("input_size",)
"""Published arguments that ours do without: the zero state follows the input."""


def integrator(golden: Golden) -> float:
    """A published GASP class; outputs saliency, dam, hidden, gates."""
    config = golden.meta["config"]
    network = prepare(build(published(config["class"], **config.get("kwargs", {}))), golden)
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
    kwargs = {k: v for k, v in config.get("kwargs", {}).items() if k not in NOT_ARGUMENTS}
    kind = next(getattr(room, config["class"]) for room in ROOMS if hasattr(room, config["class"]))
    values = _flat(prepare(kind(**kwargs), golden)(*golden.inputs().values()))
    return difference(golden, dict(zip(golden.meta["outputs"], values, strict=False)))


def _flat(value: Any) -> list[Tensor]:
    """Nested tuples of tensors as one list."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for one in value for tensor in _flat(one)]
