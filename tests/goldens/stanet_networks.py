"""Goldens of STANet's networks: their outputs, values inside, and unscaled outputs of single modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from gazenet.testing.goldens import Golden
from gazenet_plugins.stanet import classifiers, switch
from gazenet_plugins.stanet.sta import STA28, STA32
from tests.goldens.hooks import Inputs, NetworkCase, run
from tests.goldens.vggsound import VGGSound

PREFIX = "module."
"""The prefix of keys in published files."""


def network(golden: Golden) -> float:
    """Builds what the config names, runs it, compares its outputs and those of the modules that the golden lists."""
    return run(golden, CASES[golden.meta["config"]["network"]](golden))


def _sized(golden: Golden, *options: str) -> Mapping[str, Any]:
    """The config. Raises ValueError where pictures are not of the size that it names."""
    config = golden.options("input_size", *options)
    sides = {side for value in golden.inputs().values() if value.ndim == 4 for side in value.shape[2:] if side > 1}
    if sides != {config["input_size"]}:
        raise ValueError(f"pictures of {sorted(sides)}, the config says {config['input_size']}")
    return config


def _spatial(golden: Golden) -> NetworkCase:
    built = classifiers.SpatialClassifier(_sized(golden, "classes")["classes"])

    def call(inputs: Inputs) -> Mapping[str, Tensor]:
        outputs = built(*inputs)
        return {**outputs._asdict(), "attended": built.attention(outputs.map1)}

    return NetworkCase(built, call)


def _spatial_audio(golden: Golden) -> NetworkCase:
    config = _sized(golden, "classes", "stage")
    built = classifiers.SpatialAudioClassifier(config["classes"], config["stage"])
    inside = {"audio_vlad": "audio_model", "audio_up": "Aup", "audio_gate": "extra_convs"}
    return NetworkCase(built, lambda inputs: built(*inputs)._asdict(), inside)


def _spatial_temporal(golden: Golden) -> NetworkCase:
    built = classifiers.SpatialTemporalClassifier(_sized(golden, "classes")["classes"])
    return NetworkCase(built, lambda inputs: built(*inputs)._asdict())


def _saliency(golden: Golden) -> NetworkCase:
    """Thirty-two channels: six inputs; twenty-eight: nine, the last three thresholded into switches."""
    config = _sized(golden, "channels", "checkpoint_prefix")
    if config["checkpoint_prefix"] != PREFIX:
        raise ValueError(f"no published checkpoint has the prefix {config['checkpoint_prefix']!r}")
    switched = len(golden.meta["inputs"]) == 9
    built = STA28(switched) if config["channels"] == 28 else STA32(config["channels"])

    def call(inputs: Inputs) -> Mapping[str, Tensor]:
        switches = [[(value > 0.5).float() for value in inputs[6:]]] if switched else []
        return dict(zip(golden.meta["outputs"], built(inputs[:3], inputs[3:6], *switches), strict=False))

    return NetworkCase(built, call)


def _switch(golden: Golden) -> NetworkCase:
    built = switch.AudioSwitch(golden.options("dim")["dim"])

    def call(inputs: Inputs) -> Mapping[str, Tensor]:
        score = built(*inputs)
        return {"score": score, "switch": switch.decided(score)}

    return NetworkCase(built, call, {"bilinear": "extra_bilinear"})


def _sound(golden: Golden) -> NetworkCase:
    config = golden.options("pool", "classes")
    built = VGGSound(config["pool"], config["classes"])
    inside = {"layer4": "audnet.layer4", "pooled": "audnet.avgpool"}
    case = NetworkCase(built, lambda inputs: {"logits": built(*inputs)}, inside)
    built.audnet.avgpool.register_forward_hook(lambda _module, _inputs, output: output.flatten(1).clone())
    return case


CASES: Mapping[str, Callable[[Golden], NetworkCase]] = {
    "S": _spatial,
    "SA": _spatial_audio,
    "ST": _spatial_temporal,
    "STA": _saliency,
    "AudioSwitch": _switch,
    "VGGSound": _sound,
}
