"""Voice activity and loudness of a whole sound track."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.backbones.onnx_graph import OnnxNetwork
from gazenet.media.frames import Waveform

RATE = 16_000
BLOCK, CONTEXT = 512, 64
"""Samples in a block of silero-vad, and samples of the previous block that precede it in the input."""

LEVEL_STEP = 400
"""Samples per value of loudness."""
SPAN = 4096 * LEVEL_STEP
"""Samples whose loudness is computed at once, which bounds the memory for hours of sound."""


@dataclass(frozen=True)
class VoiceTrack:
    """Curves over video time in seconds: voice activity in 0..1, and log loudness with mean 0 and deviation 1.

    Voice activity is zero before the first and after the last sample of the sound.
    """

    voice_times: NDArray[np.float64]
    voice: NDArray[np.float64]
    level_times: NDArray[np.float64]
    levels: NDArray[np.float64]

    def activity(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate voice activity, 0..1, at ``times`` in seconds."""
        return np.asarray(np.interp(times, self.voice_times, self.voice, left=0.0, right=0.0))

    def level(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate normalised log loudness at ``times`` in seconds."""
        return np.asarray(np.interp(times, self.level_times, self.levels))


SILENCE = VoiceTrack(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1))


def voice_track(sound: Waveform | None, weights: Path) -> VoiceTrack:
    """Compute the voice in a sound of any rate and channel count; none for None or for less than one block."""
    if sound is None:
        return SILENCE
    samples = _at_rate(sound)
    if len(samples) < BLOCK:
        return SILENCE
    voice = _silero(samples, OnnxNetwork(weights))
    # A probability belongs to the middle of its block; the ends of the sound take the value of the nearest block.
    voice_times = sound.start + np.concatenate(
        [[0.0], (np.arange(len(voice)) + 0.5) * BLOCK / RATE, [len(samples) / RATE]]
    )
    voice = np.concatenate([voice[:1], voice, voice[-1:]])
    starts = np.arange(0, len(samples), LEVEL_STEP)
    power = np.concatenate([_power(samples[k : k + SPAN]) for k in range(0, len(samples), SPAN)])
    level = 0.5 * np.log(power + 1e-8)
    level = (level - level.mean()) / (level.std() + 1e-6)
    return VoiceTrack(voice_times, voice, sound.start + (starts + LEVEL_STEP / 2) / RATE, level)


def _power(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    starts = np.arange(0, len(samples), LEVEL_STEP)
    return np.asarray(np.add.reduceat(samples.astype(np.float64) ** 2, starts) / LEVEL_STEP)


def _at_rate(sound: Waveform) -> NDArray[np.float32]:
    samples = sound.mono().samples[0]
    if sound.rate == RATE:
        return samples
    from scipy.signal import resample_poly

    common = int(np.gcd(RATE, sound.rate))
    return np.asarray(resample_poly(samples, RATE // common, sound.rate // common), np.float32)


def _silero(samples: NDArray[np.float32], network: OnnxNetwork) -> NDArray[np.float64]:
    state = np.zeros((2, 1, 128), np.float32)
    context = np.zeros(CONTEXT, np.float32)
    rate = np.array(RATE, np.int64)
    voice = []
    for start in range(0, len(samples) - BLOCK + 1, BLOCK):
        block = np.concatenate([context, samples[start : start + BLOCK]])
        context = block[-CONTEXT:]
        probability, state = network.run(input=block[None], state=state, sr=rate)
        voice.append(float(probability[0, 0]))
    return np.array(voice)
