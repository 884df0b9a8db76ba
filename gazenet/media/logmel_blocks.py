"""Log-mel examples in blocks of a second, read ahead of the frames, as by the pipeline of the released DAVE maps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform
from gazenet.media.logmel import EXAMPLE_FRAMES, MEL_BANDS, log_mel_examples

_CACHED_BLOCKS = 4
_NONE = np.zeros((0, EXAMPLE_FRAMES, MEL_BANDS))


class MelBlocks:
    """The examples of one channel in blocks of one second, rounded down to whole frames.

    A block is read with its first frame and holds the sound of the second that begins there; a block that is too short
    for an example has none. Every block is resampled to 16 kHz separately, padded to a second where it is shorter.

    Args:
        samples: ``[N]``; sample 0 is at the time of frame 0.
        rate: samples per second.
        fps: frames per second.
    """

    def __init__(self, samples: NDArray[np.floating], rate: int, fps: float) -> None:
        self._samples, self._rate = np.asarray(samples, np.float32), rate
        self._frames = max(1, int(fps))
        self._length = self._frames * max(1, int(rate / fps))
        self._blocks = -(-len(self._samples) // self._length)
        self._block = lru_cache(_CACHED_BLOCKS)(self._compute)

    def buffered(self, frame: int) -> NDArray[np.float64]:
        """Return the examples read by frame ``frame`` (from 0), at most one per frame of a second: ``[n, 64, 64]``."""
        blocks: list[NDArray[np.float64]] = []
        block = self._last(frame)
        while block >= 0 and sum(map(len, blocks)) < self._frames:
            blocks.insert(0, self._block(block))
            block -= 1
        return np.concatenate([_NONE, *blocks])[-self._frames :]

    def newest(self, frame: int) -> NDArray[np.float64]:
        """Return the examples ``[n, 64, 64]`` of the latest non-empty block read by frame ``frame``."""
        block = self._last(frame)
        return self._block(block) if block >= 0 else _NONE

    def _last(self, frame: int) -> int:
        """Return the latest non-empty block read by frame ``frame``, or -1."""
        block = min(frame // self._frames, self._blocks - 1)
        while block >= 0 and not len(self._block(block)):
            block -= 1
        return block

    def _compute(self, block: int) -> NDArray[np.float64]:
        start = block * self._length
        return log_mel_examples(Waveform(self._samples[None, start : start + self._length], self._rate), self._frames)
