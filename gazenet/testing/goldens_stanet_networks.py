"""Goldens of STANet's networks: their outputs, values inside, and unscaled outputs of single modules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn

from gazenet.testing.goldens import Golden, difference, prepare
from gazenet.testing.goldens_stanet import known, module

Inputs = Sequence[Tensor]
Calls = Mapping[str, Sequence[Tensor]]


@dataclass(frozen=True)
class Case:
    """A network, how it is called, and the names under which the outputs of its modules are compared."""

    network: nn.Module
    call: Callable[[Inputs], Mapping[str, Tensor]]
    inside: Mapping[str, str] = field(default_factory=dict)


def network(golden: Golden) -> float:
    """Builds what the config names, runs it, compares its outputs and those of the modules that the golden lists."""
    return run(golden, CASES[golden.meta["config"]["network"]](golden))


def run(golden: Golden, case: Case) -> float:
    """The error of a network that is given the golden's weights and inputs.

    Outputs ``raw_MODULE`` (``raw_MODULE_CALL`` of a module that is called several times) are those before
    ``config.output_scale`` is applied. Raises ValueError for another number of parameters.
    """
    config = golden.meta["config"]
    count = sum(value.numel() for value in case.network.parameters())
    if count != config.get("params", count):
        raise ValueError(f"{count} parameters, the golden has {config['params']}")
    raw = _recorded(case.network, config.get("output_scale", {}))
    prepare(case.network, golden)
    inside = _recorded(case.network, case.inside)
    outputs = dict(case.call(list(golden.inputs().values())))
    outputs.update({case.inside[name]: values[0] for name, values in inside.items()})
    return difference(golden, {**outputs, **_by_call(raw)})


def _recorded(built: nn.Module, names: Mapping[str, Any]) -> Calls:
    """The outputs of modules from now on, call by call."""
    calls: defaultdict[str, list[Tensor]] = defaultdict(list)
    for name in names:
        built.get_submodule(name).register_forward_hook(partial(_keep, calls[name]))
    return calls


def _keep(calls: list[Tensor], _module: nn.Module, _inputs: Any, output: Tensor) -> None:
    calls.append(output.clone())


def _by_call(raw: Calls) -> dict[str, Tensor]:
    found = {}
    for name, values in raw.items():
        suffixes = [""] if len(values) == 1 else [f"_{k}" for k in range(len(values))]
        found.update({f"raw_{name}{suffix}": value for suffix, value in zip(suffixes, values, strict=True)})
    return found


def _sized(golden: Golden, options: frozenset[str]) -> Mapping[str, Any]:
    """The config. Raises ValueError where pictures are not of the size that it names."""
    config = known(golden, options | {"input_size"})
    sides = {side for value in golden.inputs().values() if value.ndim == 4 for side in value.shape[2:] if side > 1}
    if sides != {config["input_size"]}:
        raise ValueError(f"pictures of {sorted(sides)}, the config says {config['input_size']}")
    return config


def _spatial(golden: Golden) -> Case:
    built = module("classifiers").S(_sized(golden, frozenset({"classes"}))["classes"])

    def call(inputs: Inputs) -> Mapping[str, Tensor]:
        found = built(*inputs)
        return {**found._asdict(), "attended": built.attention(found.map1)}

    return Case(built, call)


def _spatial_audio(golden: Golden) -> Case:
    config = _sized(golden, frozenset({"classes", "stage"}))
    built = module("classifiers").SA(config["classes"], config["stage"])
    inside = {"audio_model": "audio_vlad", "Aup": "audio_up", "extra_convs": "audio_gate"}
    return Case(built, lambda inputs: built(*inputs)._asdict(), inside)


def _spatial_temporal(golden: Golden) -> Case:
    built = module("classifiers").ST(_sized(golden, frozenset({"classes"}))["classes"])
    return Case(built, lambda inputs: built(*inputs)._asdict())


def _saliency(golden: Golden) -> Case:
    """Thirty-two channels: six inputs; twenty-eight: nine, the last three thresholded into switches."""
    config = _sized(golden, frozenset({"channels", "checkpoint_prefix"}))
    if config["checkpoint_prefix"] not in module("checkpoints").PREFIXES:
        raise ValueError(f"no published checkpoint has the prefix {config['checkpoint_prefix']!r}")
    switched = len(golden.meta["inputs"]) == 9
    kinds = module("sta")
    built = kinds.STA28(switched) if config["channels"] == 28 else kinds.STA32(config["channels"])

    def call(inputs: Inputs) -> Mapping[str, Tensor]:
        switches = [[(value > 0.5).float() for value in inputs[6:]]] if switched else []
        return dict(zip(golden.meta["outputs"], built(inputs[:3], inputs[3:6], *switches), strict=False))

    return Case(built, call)


def _switch(golden: Golden) -> Case:
    kinds = module("switch")
    built = kinds.AudioSwitch(known(golden, {"dim"})["dim"])

    def call(inputs: Inputs) -> Mapping[str, Tensor]:
        score = built(*inputs)
        return {"score": score, "switch": kinds.decided(score)}

    return Case(built, call, {"extra_bilinear": "bilinear"})


def _sound(golden: Golden) -> Case:
    config = known(golden, {"pool", "classes"})
    built = module("switch").VGGSound(config["pool"], config["classes"])
    inside = {"audnet.layer4": "layer4", "audnet.avgpool": "pooled"}
    case = Case(built, lambda inputs: {"logits": built(*inputs)}, inside)
    built.audnet.avgpool.register_forward_hook(lambda _module, _inputs, output: output.flatten(1).clone())
    return case


CASES: Mapping[str, Callable[[Golden], Case]] = {
    "S": _spatial,
    "SA": _spatial_audio,
    "ST": _spatial_temporal,
    "STA": _saliency,
    "AudioSwitch": _switch,
    "VGGSound": _sound,
}
