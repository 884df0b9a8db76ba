"""Goldens of the networks that look and listen: DAVE, binaural DAVE, STAViS; of log-mel features and their packets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gazenet.backbones.clip_statistics import use_batch_statistics
from gazenet.backbones.dave import CLIP
from gazenet.cues.postprocess import sigmoid, stretched, truncated
from gazenet.media.frames import Waveform
from gazenet.media.logmel import log_mel, log_mel_examples, mel_matrix, packet, windowed
from gazenet.testing.goldens import Golden, difference, draw, prepare
from gazenet_plugins.binauraldave.network import BinauralDaveNet
from gazenet_plugins.dave.network import DaveNet
from gazenet_plugins.stavis.network import StavisNet
from tests.goldens.hooks import ModuleTaps

HEARING = {"BinauralDAVE": "binaural", "MonauralDAVE": "monaural", "VisDAVE": "visual"}
"""How published classes of one state dict hear."""

STREAMS = {
    "video_stream": "video_branch",
    "audio_stream": "audio_branch",
    "left_stream": "audio_branch_left",
    "right_stream": "audio_branch_right",
}
NORMS = ("running", "batch")
"""Statistics that batch norms use: those of training, those of the clip."""

SIDES = ("side1", "side2", "side3", "side4")

CONSTANTS = {
    "sample_rate_target": 16_000,
    "window_sec": 0.025,
    "hop_sec": 0.01,
    "example_window_sec": 0.64,
    "mel_bins": 64,
    "mel_range_hz": [125, 7500],
    "log_offset": 0.01,
}
"""Of the log-mel features: no network asks for others."""

RESAMPLERS = (None, "resampy kaiser_best")


def dave(golden: Golden) -> float:
    """DAVE with and without sound."""
    config = golden.options("variant", "frames_len")
    _require(config, "variant", ("audio-visual" if "a" in golden.meta["inputs"] else "visual-only",))
    return _streams(golden, ("v", "a"), DaveNet)


def binauraldave(golden: Golden) -> float:
    """Binaural DAVE as each of its classes, with either kind of batch norm."""
    config = golden.options("frames_len", "batch_norm")
    return _streams(golden, ("v", "a_left", "a_right"), BinauralDaveNet, HEARING[config["class"]])


def _streams(golden: Golden, names: Sequence[str], kind: Callable[..., Any], *options: str) -> float:
    """The map and what comes out of the branches. Inputs that are not given are None."""
    inputs = _only(golden.inputs(), names)
    _require(golden.meta["config"], "frames_len", (inputs["v"].shape[2],))
    _require(golden.meta["config"], "batch_norm", NORMS)
    network = kind(*options)
    taps = ModuleTaps(network, {name: place for name, place in STREAMS.items() if name in golden.meta["outputs"]})
    _with_norms(prepare(network, golden), golden)
    saliency = network(*(inputs.get(name) for name in names))
    vectors = {name: value if name == "video_stream" else value.flatten(1) for name, value in taps.values.items()}
    return difference(golden, {**vectors, "saliency": saliency})


def stavis(golden: Golden) -> float:
    """STAViS with and without sound, with either kind of batch norm."""
    config = golden.options("audiovisual", "sample_size", "sample_duration", "batch_norm")
    inputs = _only(golden.inputs(), ("x", "aud"))
    _require(config, "sample_size", (inputs["x"].shape[-1],))
    _require(config, "sample_duration", (inputs["x"].shape[2],))
    if config["audiovisual"] and "aud" not in inputs:
        raise ValueError("audiovisual, but without sound")
    _require(config, "batch_norm", NORMS)
    network = StavisNet()
    taps = ModuleTaps(network, {"layer3": "layer3", "sound": "soundnet8", "fusion": ">fuseav"})
    _with_norms(prepare(network, golden), golden)
    values = network(inputs["x"], inputs["aud"] if config["audiovisual"] else None)
    outputs: dict[str, Any] = {**taps.values, **dict(zip(SIDES, values.sides, strict=True)), "logits": values.logits}
    if config["audiovisual"]:
        outputs |= {"sound": outputs["sound"].flatten(1), "fusion": outputs["fusion"][:, 64:]}
    return difference(golden, outputs)


def _only(inputs: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    unknown = sorted(inputs.keys() - set(names))
    if unknown:
        raise ValueError(f"unknown inputs: {', '.join(unknown)}")
    return inputs


def _require(config: Mapping[str, Any], name: str, allowed: Sequence[Any]) -> None:
    """Raises ValueError where an option has another value than those that can be run."""
    if name in config and config[name] not in allowed:
        raise ValueError(f"{name} {config[name]!r} (known here: {', '.join(map(repr, allowed))})")


def _with_norms(network: Any, golden: Golden) -> None:
    if golden.meta["config"].get("batch_norm") == NORMS[1]:
        use_batch_statistics(network)


def features(golden: Golden) -> float:
    """Log-mel features of a described waveform of one channel, and their matrix."""
    config = golden.options("waveform", "hop_len_sec", "resampler", *CONSTANTS)
    _check_features(config)
    sound = _wave(config["waveform"])
    outputs = {"examples": log_mel_examples(sound, 1 / config["hop_len_sec"]), "mel_matrix": mel_matrix()}
    return difference(golden, {**outputs, "log_mel": log_mel(sound)})


def features_of_two(golden: Golden) -> float:
    """Log-mel examples of two channels, each by itself."""
    config = golden.options("waveform", "hop_len_sec", "layout_in", "resampler", *CONSTANTS)
    _check_features(config)
    both = [log_mel_examples(_wave(one), 1 / config["hop_len_sec"]) for one in config["waveform"]]
    return difference(golden, {"examples": np.stack(both)[None]})


def _check_features(config: Mapping[str, Any]) -> None:
    for name, value in CONSTANTS.items():
        _require(config, name, (value,))
    _require(config, "resampler", RESAMPLERS)


def _wave(spec: Mapping[str, Any]) -> Waveform:
    """A waveform from its formula, in double precision. Raises ValueError for an unknown kind."""
    rate, count = spec["rate"], spec["samples"]
    t = np.arange(count) / rate
    if spec["kind"] == "noise":
        samples = draw(spec["seed"], [count], "normal", spec["scale"]).double().numpy()
    elif spec["kind"] == "sine":
        samples = np.sum([a * np.sin(2 * np.pi * f * t + p) for f, a, p in spec["partials"]], axis=0)
    elif spec["kind"] == "chirp":
        low, high = spec["f0"], spec["f1"]
        samples = spec["amplitude"] * np.sin(2 * np.pi * (low * t + 0.5 * (high - low) / t[-1] * t**2))
    else:
        raise ValueError(f"unknown waveform {spec['kind']!r}")
    return Waveform(samples[None], rate)


def rows(golden: Golden) -> float:
    """Sound of single frames under a window of their own."""
    config = golden.options("rate", "fps", "rate_target", "resampler")
    _require(config, "rate_target", (48_000,))
    _require(config, "resampler", RESAMPLERS)
    sound = golden.inputs()["waveform"].numpy()
    if abs(config["rate"] / config["fps"] - sound.shape[1]) >= 1:
        raise ValueError(f"{sound.shape[1]} samples a frame are not {config['rate']} Hz at {config['fps']} frames/s")
    return difference(golden, {"windowed": windowed(sound, config["rate"])})


def examples_of_a_frame(golden: Golden) -> float:
    """Which examples belong to a frame. Raises ValueError where the golden states another number of valid frames."""
    config = golden.options("frame_number", "frames_len", "valid_frame_number")
    _require(config, "frames_len", (CLIP,))
    values = packet(golden.inputs()["features"].numpy(), config["frame_number"])
    _require(config, "valid_frame_number", (values.valid,))
    return difference(golden, {"packet": np.stack([values.examples] * 3)})


def finished_dave(golden: Golden) -> float:
    """From the minimum at 0 to the maximum at 1."""
    golden.options()
    return difference(golden, {"map": stretched(golden.inputs()["saliency"].numpy())})


def finished_stavis(golden: Golden) -> float:
    """Logits to bytes; one step of 255 is rounding, hence no error."""
    golden.options()
    values = 255 * truncated(stretched(sigmoid(golden.inputs()["saliency"].numpy())))
    want = golden.reference()["map"].reshape(values.shape)
    steps = np.abs(np.rint(values) - want)
    return float(steps.max() / 255) if steps.max() > 1 else 0.0
