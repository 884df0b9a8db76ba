"""Log-mel examples as the pipeline behind released DAVE maps collects them: by the second, ahead of the pictures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gazenet.media.frames import Waveform
from gazenet.media.logmel import EXAMPLE_FRAMES, MEL_BANDS, log_mel_examples

_BLOCKS_KNOWN = 4
_NONE = np.zeros((0, EXAMPLE_FRAMES, MEL_BANDS))


class MelBlocks:
    """Examples of one channel, in blocks of as many frames as there are whole ones in a second.

    A block is read with its first frame and holds the sound of the second that then begins; one that is too short for
    an example adds none. Every block is converted to 16 kHz by itself, filled up to a second where it is shorter.

    Args:
        samples: ``[N]``; sample 0 sounds at the time of frame 0.
        rate: samples per second.
        fps: frames per second.
    """

    def __init__(self, samples: NDArray[np.floating], rate: int, fps: float) -> None:
        self._samples, self._rate = np.asarray(samples, np.float32), rate
        self._frames = max(1, int(fps))
        self._length = self._frames * max(1, int(rate / fps))
        self._blocks = -(-len(self._samples) // self._length)
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
        block = self._last(frame)
        return self._block(block) if block >= 0 else _NONE

    def _last(self, frame: int) -> int:
        """The latest block with examples that is read by frame ``frame``; -1: none."""
        block = min(frame // self._frames, self._blocks - 1)
        while block >= 0 and not len(self._block(block)):
            block -= 1
        return block

    def _made(self, block: int) -> NDArray[np.float64]:
        start = block * self._length
        return log_mel_examples(Waveform(self._samples[None, start : start + self._length], self._rate), self._frames)
