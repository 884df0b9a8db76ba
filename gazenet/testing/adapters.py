"""What a golden's class or function name stands for here: a table that grows with the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from gazenet.fusion import alstm, attention, encoders, gmu
from gazenet.fusion.config import PUBLISHED_CLASSES, published
from gazenet.fusion.gasp import build
from gazenet.testing.goldens import Golden, prepare, relative_error

Runner = Callable[[Golden], float]

PARTS: Mapping[str, type[nn.Module]] = {
    "AttentiveLSTM": alstm.AttentiveLSTM,
    "SequenceAttentiveLSTM": alstm.SequenceAttentiveLSTM,
    "DAMLayer": attention.DAMLayer,
    "SELayer": attention.SELayer,
    "ModalityEncoder": encoders.ModalityEncoder,
    "GMUConv2d": gmu.GMUConv2d,
    "GBUConv2d": gmu.GBUConv2d,
    "RGMUConv2d": gmu.RGMUConv2d,
    "GMU": gmu.GMU,
    "GBU": gmu.GBU,
    "RGMU": gmu.RGMU,
}

NOT_ARGUMENTS = ("input_size",)
"""Published arguments that ours do without: the zero state follows the input."""


def error_of(golden: Golden) -> float:
    """The relative error of a golden. Raises LookupError for a class or function that the table lacks."""
    config = golden.meta.get("config", {}) if isinstance(golden.meta, dict) else {}
    name = config.get("class") or config.get("function") or config.get("part")
    if name in PUBLISHED_CLASSES:
        return integrator(golden)
    if name in PARTS:
        return part(golden)
    raise LookupError(f"nothing here answers to {name or 'a golden of this kind'}")


def integrator(golden: Golden) -> float:
    """A published GASP class; outputs saliency, dam, hidden, gates."""
    config = golden.meta["config"]
    network = prepare(build(published(config["class"], **config.get("kwargs", {}))), golden)
    saliency, dam, state = network(*golden.inputs().values())
    hidden, gates = state if state is not None else (None, None)
    return relative_error(golden, {"saliency": saliency, "dam": dam, "hidden": hidden, "gates": gates})


def part(golden: Golden) -> float:
    """A building block; its outputs in the golden's order."""
    config = golden.meta["config"]
    kwargs = {k: v for k, v in config.get("kwargs", {}).items() if k not in NOT_ARGUMENTS}
    network = prepare(PARTS[config["class"]](**kwargs), golden)
    values = flat(network(*golden.inputs().values()))
    return relative_error(golden, dict(zip(golden.meta["outputs"], values, strict=False)))


def flat(value: Any) -> list[Tensor]:
    """Nested tuples of tensors as one list."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for one in value for tensor in flat(one)]
