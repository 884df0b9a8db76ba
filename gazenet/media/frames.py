"""What media hands to everyone else: frames, clips and sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VideoInfo:
    """What a container declares about its first video and audio stream.

    ``width`` and ``height`` are as displayed (rotation and pixel aspect applied). ``declared_frames`` may lie:
    only decoding tells the exact count.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    duration: float | None
    declared_frames: int | None
    rotation: int
    has_audio: bool
    audio_rate: int | None
    audio_channels: int | None


@dataclass(frozen=True)
class Frame:
    """One decoded frame: ``image`` uint8 ``[H, W, 3]`` RGB, upright; ``time`` in seconds from the container."""

    index: int
    time: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Waveform:
    """Sound: ``samples`` float32 ``[channels, N]`` in -1..1; sample 0 sounds at video time ``start`` (seconds)."""

    samples: NDArray[np.float32]
    rate: int
    start: float = 0.0

    @property
    def duration(self) -> float:
        return self.samples.shape[1] / self.rate

    def mono(self) -> Waveform:
        """The mean over channels, ``[1, N]``; of one channel the same memory."""
        if self.samples.shape[0] == 1:
            return self
        return Waveform(self.samples.mean(axis=0, keepdims=True), self.rate, self.start)


@dataclass(frozen=True)
class Clip:
    """A stretch of video: ``frames`` uint8 ``[T, H, W, 3]`` RGB, ``times`` float64 ``[T]`` in seconds."""

    frames: NDArray[np.uint8]
    times: NDArray[np.float64]
    source_id: str
    waveform: Waveform | None = None
