"""Spectrograms: the input of the audio networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform

RATE = 16_000


LENGTH, OVERLAP = 160, 80
"""Samples per column of a spectrogram, and how many of them neighbouring columns share: a second is ``[81, 199]``."""


def spectrogram(
    samples: NDArray[np.floating], rate: int = RATE, length: int = LENGTH, overlap: int = OVERLAP
) -> NDArray[np.float64]:
    """Compute the log power of samples ``[N]`` in -1..1, with mean 0 and deviation 1: float64 ``[rows, columns]``.

    Raises ValueError for fewer samples than one column needs.
    """
    from scipy.signal import spectrogram as power

    if len(samples) < length:
        raise ValueError(f"{len(samples)} samples are fewer than the {length} of one column")
    clipped = np.clip(samples.astype(np.float64), -1, 1)
    spectrum = power(clipped, fs=rate, nperseg=length, noverlap=overlap)[2]
    log = np.log(spectrum + 1e-7)
    return np.asarray((log - log.mean()) / (log.std() + 1e-9), np.float64)


def mono(sound: Waveform, rate: int = RATE) -> Waveform:
    """Return the mean of all channels at another rate."""
    from gazenet.media.resample import resample

    return resample(sound.mono(), rate)


def seconds(samples: NDArray[np.floating], rate: int = RATE) -> list[NDArray[np.floating]]:
    """Cut samples ``[N]`` into whole seconds; a remainder is dropped."""
    return [samples[start : start + rate] for start in range(0, len(samples) - rate + 1, rate)]


def second_at(sound: Waveform | None, start: float, rate: int = RATE) -> NDArray[np.float32]:
    """Return the second of a mono waveform that begins at video time ``start``; silence outside the sound."""
    out = np.zeros(rate, np.float32)
    if sound is None:
        return out
    first = round((start - sound.start) * rate)
    track = sound.samples[0]
    low, high = max(first, 0), min(first + rate, len(track))
    if low < high:
        out[low - first : high - first] = track[low:high]
    return out
