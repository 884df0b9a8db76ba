"""Log-mel examples as the pipeline behind released DAVE maps collects them: by the second, ahead of the pictures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gazenet.media.logmel import EXAMPLE_FRAMES, HOP, MEL_BANDS, RATE, WINDOW, log_mel_examples
from gazenet.media.resample import resample
from gazenet.media.types import Waveform

_BLOCKS_KNOWN = 4


class MelBlocks:
    """Examples of one channel, in blocks of as many frames as there are whole ones in a second.

    A block is read with its first frame and holds the sound of the second that then begins; one that is too short for
    an example adds none.

    Args:
        samples: ``[N]``; sample 0 sounds at the time of frame 0.
        rate: samples per second; converted to 16 kHz where it is another.
        fps: frames per second.
    """

    def __init__(self, samples: NDArray[np.floating], rate: int, fps: float) -> None:
        sound = resample(Waveform(np.asarray(samples, np.float32)[None], rate), RATE)
        self._samples = sound.samples[0]
        self._frames = max(1, int(fps))
        self._length = self._frames * int(RATE / fps)
        self._block = lru_cache(_BLOCKS_KNOWN)(self._made)

    def buffered(self, frame: int) -> NDArray[np.float64]:
        """The examples known at frame ``frame`` (from 0), at most one per frame of a second: ``[n, 64, 64]``."""
        found: list[NDArray[np.float64]] = []
        block = self._last(frame)
        while block >= 0 and sum(map(len, found)) < self._frames:
            found.insert(0, self._block(block))
            block -= 1
        return np.concatenate([_NONE, *found])[-self._frames :]

    def newest(self, frame: int) -> NDArray[np.float64]:
        """Those of the latest block known at frame ``frame`` that has any."""
        return self._block(max(0, self._last(frame)))

    def _last(self, frame: int) -> int:
        """The latest block with examples that is read by frame ``frame``; -1: none."""
        shortest = (EXAMPLE_FRAMES - 1) * HOP + WINDOW
        whole, rest = divmod(len(self._samples), self._length)
        return min(frame // self._frames, whole - (rest < shortest))

    def _made(self, block: int) -> NDArray[np.float64]:
        start = block * self._length
        return log_mel_examples(Waveform(self._samples[None, start : start + self._length], RATE), self._frames)


_NONE = np.zeros((0, EXAMPLE_FRAMES, MEL_BANDS))
