"""A ring buffer with the last seconds of live sound."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform
from gazenet.media.resample import resample

RATE = 16000
"""Samples per second of live sound, as of speech networks; frequencies above 8 kHz are lost."""
SECONDS = 12.0
"""Length of the ring."""


class SoundRing:
    """A ring buffer of mono sound, float32 in -1..1, written by one thread and read by others, of constant size.

    Times are those of ``time.monotonic``. Gaps and the time before the first sample are silence.

    Args:
        rate: samples per second.
        seconds: length of the ring.
    """

    def __init__(self, rate: int = RATE, seconds: float = SECONDS) -> None:
        self.rate = rate
        self._samples = np.zeros(round(rate * seconds), np.float32)
        self._end = 0.0
        self._empty = True
        self._lock = threading.Lock()

    def push(self, samples: NDArray[np.float32], end: float) -> None:
        """Add a block ``[N]`` whose last sample was at time ``end``; small deviations of the clock are ignored."""
        with self._lock:
            if not self._empty:
                gap = round((end - self._end) * self.rate) - len(samples)
                if gap > self.rate // 10:
                    self._append(np.zeros(min(gap, len(self._samples)), np.float32))
                    self._end = end
                else:
                    self._end += len(samples) / self.rate
            else:
                self._end, self._empty = end, False
            self._append(samples)

    def _append(self, samples: NDArray[np.float32]) -> None:
        samples = samples[-len(self._samples) :]
        old = len(self._samples) - len(samples)
        self._samples[:old] = self._samples[len(samples) :]
        self._samples[old:] = samples

    def recent(self, start: float, stop: float, rate: int | None = None) -> Waveform:
        """Return the sound between two times, ``[1, N]``, resampled to ``rate`` if given; its ``start`` is 0."""
        count = max(1, round((stop - start) * self.rate))
        excerpt = np.zeros(count, np.float32)
        with self._lock:
            if not self._empty:
                last = len(self._samples) - round((self._end - stop) * self.rate)
                first = last - count
                low, high = max(first, 0), min(last, len(self._samples))
                if low < high:
                    excerpt[low - first : high - first] = self._samples[low:high]
        sound = Waveform(excerpt[None], self.rate)
        return sound if rate in (None, self.rate) else resample(sound, int(rate or self.rate))
