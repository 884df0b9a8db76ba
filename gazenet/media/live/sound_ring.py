"""The last seconds of a sound that goes on."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform
from gazenet.media.resample import resample

RATE = 16000
"""Samples per second of live sound: what speech networks want; music above 8 kHz is lost."""
SECONDS = 12.0


class SoundRing:
    """Mono sound float32 in -1..1; written by one thread, read by others; memory does not grow.

    Times are those of ``time.monotonic``. What never came (a gap, a time before the first sample) is silence.
    """

    def __init__(self, rate: int = RATE, seconds: float = SECONDS) -> None:
        self.rate = rate
        self._samples = np.zeros(round(rate * seconds), np.float32)
        self._end = 0.0
        self._empty = True
        self._lock = threading.Lock()

    def push(self, samples: NDArray[np.float32], end: float) -> None:
        """Adds a block ``[N]`` whose last sample sounded at ``end``; small slips of the clock are ignored."""
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
        kept = len(self._samples) - len(samples)
        self._samples[:kept] = self._samples[len(samples) :]
        self._samples[kept:] = samples

    def recent(self, start: float, stop: float, rate: int | None = None) -> Waveform:
        """The sound between two times, ``[1, N]``, resampled where another rate is wanted; ``start`` of it is 0."""
        count = max(1, round((stop - start) * self.rate))
        found = np.zeros(count, np.float32)
        with self._lock:
            if not self._empty:
                last = len(self._samples) - round((self._end - stop) * self.rate)
                first = last - count
                low, high = max(first, 0), min(last, len(self._samples))
                if low < high:
                    found[low - first : high - first] = self._samples[low:high]
        sound = Waveform(found[None], self.rate)
        return sound if rate in (None, self.rate) else resample(sound, int(rate or self.rate))
