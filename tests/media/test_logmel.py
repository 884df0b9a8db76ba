"""Features of sound against stored reference values, and their properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.media.frames import Waveform
from gazenet.media.logmel import log_mel, log_mel_at, log_mel_examples, mel_matrix, windowed

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "saliency"


def noise(seed: int, shape: list[int], scale: float) -> np.ndarray:
    return (scale * np.random.RandomState(seed).standard_normal(shape)).astype(np.float32)


def wave(spec: dict[str, Any]) -> Waveform:
    rate, n = spec["rate"], spec["samples"]
    t = np.arange(n) / rate
    if spec["kind"] == "noise":
        samples = noise(spec["seed"], [n], spec["scale"])
    elif spec["kind"] == "sine":
        samples = sum(a * np.sin(2 * np.pi * f * t + p) for f, a, p in spec["partials"])
    else:
        f0, f1, last = spec["f0"], spec["f1"], (n - 1) / rate
        samples = spec["amplitude"] * np.sin(2 * np.pi * (f0 * t + 0.5 * (f1 - f0) / last * t**2))
    return Waveform(np.asarray(samples)[None].astype(np.float64), rate)


def error(name: str, outputs: dict[str, np.ndarray]) -> float:
    """The largest difference, relative to the largest stored magnitude."""
    spec, stored = json.loads((GOLDENS / f"{name}.json").read_text())["outputs"], np.load(GOLDENS / f"{name}.npz")
    worst = 0.0
    for key, output in outputs.items():
        assert list(output.shape) == spec[key]["shape"]
        difference = np.abs(output.ravel()[:: spec[key]["stride"]] - stored[key]).max()
        worst = max(worst, float(difference / np.abs(stored[key]).max()))
    return worst


def config(name: str) -> dict[str, Any]:
    meta = json.loads((GOLDENS / f"{name}.json").read_text())
    return {**meta["config"], "inputs": meta["inputs"]}


def test_the_mel_matrix_is_the_reference() -> None:
    assert error("audio_logmel_noise", {"mel_matrix": mel_matrix()}) < 1e-6


@pytest.mark.parametrize("name", ["audio_logmel_noise", "audio_logmel_sine"])
def test_log_mel_equals_the_reference(name: str) -> None:
    spec = config(name)
    sound = wave(spec["waveform"])
    features = {"log_mel": log_mel(sound), "examples": log_mel_examples(sound, 1 / spec["hop_len_sec"])}
    assert error(name, features) < 1e-5


def test_resampled_sound_equals_the_reference() -> None:
    spec = config("audio_logmel_resampled")
    assert error("audio_logmel_resampled", {"examples": log_mel_examples(wave(spec["waveform"]), 25)}) < 1e-3


def test_two_channels_are_two_calls() -> None:
    spec = config("audio_logmel_stereo")
    both = np.stack([log_mel_examples(wave(channel), 25) for channel in spec["waveform"]])[None]
    assert error("audio_logmel_stereo", {"examples": both}) < 1e-5


def test_windowed_rows_equal_the_reference() -> None:
    spec = config("audio_windowed_16k")
    waveform = spec["inputs"]["waveform"]
    rows = noise(waveform["seed"], waveform["shape"], waveform["scale"])
    assert error("audio_windowed_16k", {"windowed": windowed(rows, spec["rate"])}) < 1e-3


@pytest.mark.parametrize(("rate", "count"), [(24, 9), (25, 9), (29, 12), (30, 12), (60, 18)])
def test_examples_in_one_second(rate: int, count: int) -> None:
    assert log_mel_examples(Waveform(noise(1, [1, 16_000], 0.1), 16_000), rate).shape == (count, 64, 64)


def test_short_sound_has_no_frames() -> None:
    assert log_mel(Waveform(np.zeros((1, 399), np.float32), 16_000)).shape == (0, 64)
    assert log_mel_examples(Waveform(np.zeros((1, 8_000), np.float32), 16_000), 25).shape == (0, 64, 64)
    assert log_mel_examples(Waveform(np.zeros((1, 100), np.float32), 8_000), 25).shape == (9, 64, 64)


def test_examples_at_times_follow_the_start_of_the_sound() -> None:
    frames = log_mel(Waveform(noise(3, [1, 32_000], 0.1), 16_000))
    examples = log_mel_at(frames, 0.5, np.array([0.0, 0.5, 1.5]))
    silence = np.log(0.01)
    assert (examples[0] == silence).all()
    assert (examples[1, :-1] == silence).all() and np.array_equal(examples[1, -1], frames[0])
    assert np.array_equal(examples[2], frames[37:101])
    assert (log_mel_at(frames[:0], 0.0, np.array([1.0])) == silence).all()
