"""What every live source is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gazenet.media.live.sound_ring import SoundRing


@dataclass(frozen=True)
class LiveFrame:
    """``image`` uint8 ``[H, W, 3]`` RGB; ``taken``: when it was there, in seconds of ``time.monotonic``."""

    image: NDArray[np.uint8]
    taken: float


class LiveSource(Protocol):
    """Frames as they come. ``rate`` frames/s as declared; ``size`` (height, width); ``sound`` what was heard lately.

    ``read`` waits for the next frame; None is the end. It raises MediaError where the source is lost.
    """

    name: str
    rate: float
    size: tuple[int, int]
    sound: SoundRing | None

    def read(self) -> LiveFrame | None: ...

    def close(self) -> None: ...
