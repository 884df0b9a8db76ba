"""The protocol of live sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gazenet.media.live.sound_ring import SoundRing


@dataclass(frozen=True)
class LiveFrame:
    """A live frame: ``image`` RGB uint8 ``[H, W, 3]``; ``taken``: its time of arrival, by ``time.monotonic``."""

    image: NDArray[np.uint8]
    taken: float


class LiveSource(Protocol):
    """A source of frames in real time.

    Attributes:
        name: name of the results.
        rate: declared frames per second.
        size: (height, width) of the frames.
        sound: the most recent seconds of sound, or None.
    """

    name: str
    rate: float
    size: tuple[int, int]
    sound: SoundRing | None

    def read(self) -> LiveFrame | None:
        """Wait for the next frame; return None at the end. Raises MediaError where the source is lost."""
        ...

    def close(self) -> None:
        """Close the source."""
        ...
