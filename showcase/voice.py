"""Speech-like sound from formulas: harmonics shaped by formants, with bursts of noise between the syllables.

The source-filter model of vowels is G. Fant's (Acoustic Theory of Speech Production, 1960); formants of the vowels
after G. E. Peterson and H. L. Barney (Control methods used in a study of the vowels, JASA 24, 1952). It says nothing,
but a detector of voice activity takes it for speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
RATE = 48_000
CONTROL = 200
"""Settings of the vocal tract per second."""
VOWELS = {
    "a": ((850, 1220, 2810, 3900), 1.0),
    "e": ((610, 2330, 2990, 4000), 0.6),
    "i": ((310, 2790, 3310, 4100), 0.3),
    "o": ((590, 920, 2710, 3800), 0.7),
    "u": ((370, 950, 2670, 3700), 0.35),
    "ae": ((860, 2050, 2850, 4000), 0.85),
}
"""Formants in Hz and how far the mouth is open, 0..1."""
BANDWIDTHS = (80.0, 100.0, 140.0, 220.0)


@dataclass(frozen=True)
class Voice:
    """``pitch`` in Hz; ``tract`` scales the formants; ``seed`` decides what is said."""

    pitch: float
    tract: float
    seed: int


@dataclass(frozen=True)
class Speech:
    """``samples`` ``[N]`` at ``RATE`` in -1..1; ``mouth`` ``[seconds * CONTROL]``, 0 closed .. 1 wide open."""

    samples: Samples
    mouth: Samples


def speak(voice: Voice, turns: list[tuple[float, float]], seconds: float) -> Speech:
    """A voice that speaks during ``turns`` (start, end in seconds) and is silent between them."""
    generator = np.random.default_rng(voice.seed)
    count = round(seconds * CONTROL)
    formants = np.tile(np.array(VOWELS["e"][0], float) * voice.tract, (count, 1))
    loudness, mouth, pitch = np.zeros(count), np.zeros(count), np.full(count, voice.pitch)
    bursts: list[tuple[float, float]] = []
    for start, end in turns:
        time = start
        while time < end - 0.1:
            length = min(generator.uniform(0.15, 0.25), end - time)
            tones, opening = VOWELS[str(generator.choice(list(VOWELS)))]
            here = slice(round(time * CONTROL), min(count, round((time + length) * CONTROL)))
            bell = np.sin(np.linspace(0, np.pi, here.stop - here.start)) ** 0.5
            formants[here] = np.array(tones) * voice.tract
            loudness[here] = bell * generator.uniform(0.7, 1)
            mouth[here] = bell * opening
            # Pitch falls over a sentence and jumps a little from syllable to syllable.
            pitch[here] = voice.pitch * (1.15 - 0.3 * (time - start) / (end - start)) * generator.uniform(0.93, 1.08)
            if generator.random() < 0.6:
                bursts.append((time, generator.uniform(2500, 6500)))
            time += length + (0.02 if generator.random() < 0.8 else 0.09)
    formants = np.stack([_smooth(column, 9) for column in formants.T], axis=1)
    voiced = _harmonics(_smooth(pitch, 25), formants, _smooth(loudness, 7), generator)
    samples = voiced + _noise(bursts, voiced.size, generator)
    return Speech(0.5 * samples / max(float(np.abs(samples).max()), 1e-9), _smooth(mouth, 11))


def _smooth(values: Samples, width: int) -> Samples:
    window = np.hanning(width + 2)
    return np.convolve(np.pad(values, width, mode="edge"), window / window.sum(), mode="same")[width:-width]


def _harmonics(pitch: Samples, formants: Samples, loudness: Samples, generator: np.random.Generator) -> Samples:
    """The sum over multiples of the pitch, each as loud as the vocal tract lets it through at that moment."""
    control = np.arange(pitch.size) / CONTROL
    at = np.arange(round(pitch.size / CONTROL * RATE)) / RATE
    flutter = 1 + 0.012 * _smooth(generator.standard_normal(pitch.size), 15)
    phase = 2 * np.pi * np.cumsum(np.interp(at, control, pitch * flutter)) / RATE
    total = np.zeros(at.size)
    for k in range(1, int(5500 / pitch.min()) + 1):
        level = _transfer(k * pitch, formants) * loudness * (k * pitch < 5500) / k
        total += np.interp(at, control, level) * np.sin(k * phase)
    return total / max(float(np.abs(total).max()), 1e-9)


def _transfer(frequency: Samples, formants: Samples) -> Samples:
    """Amplification of a frequency by resonators in a row; everything ``[n]``, formants ``[n, 4]``."""
    result = np.ones(frequency.size)
    for k, width in enumerate(BANDWIDTHS):
        ratio = frequency / formants[:, k]
        result /= np.hypot(1 - ratio**2, ratio * width / formants[:, k])
    return result


def _noise(bursts: list[tuple[float, float]], count: int, generator: np.random.Generator) -> Samples:
    """Short hisses at (time in seconds, centre in Hz)."""
    total = np.zeros(count)
    length = round(0.06 * RATE)
    for time, centre in bursts:
        spectrum = np.fft.rfft(generator.standard_normal(length))
        spectrum *= np.exp(-(((np.fft.rfftfreq(length, 1 / RATE) - centre) / 900) ** 2))
        hiss = np.fft.irfft(spectrum, length) * np.hanning(length)
        start = max(0, round(time * RATE) - length // 2)
        part = total[start : start + length]
        part += 0.12 * hiss[: part.size] / np.abs(hiss).max()
    return total
