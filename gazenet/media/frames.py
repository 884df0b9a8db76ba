"""Data types of media: frames, clips and sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VideoInfo:
    """The declarations of a container about its video and audio stream.

    Attributes:
        path: the file.
        width, height: in pixels as displayed, with rotation and pixel aspect applied.
        rate: frames per second.
        duration: seconds, or None.
        declared_frames: number of frames, or None; only decoding gives the exact number.
        rotation: clockwise turn in degrees: 0, 90, 180 or 270.
        has_audio: whether there is a sound track.
        audio_rate, audio_channels: samples per second and channels of the sound track, or None.
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
    """A decoded frame: ``image`` upright RGB uint8 ``[H, W, 3]``; ``time`` in seconds since the container's start."""

    index: int
    time: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Waveform:
    """Sound: ``samples`` float32 ``[channels, N]`` in -1..1, ``rate`` per second; sample 0 is at ``start`` seconds."""

    samples: NDArray[np.float32]
    rate: int
    start: float = 0.0

    @property
    def duration(self) -> float:
        """Seconds of sound."""
        return self.samples.shape[1] / self.rate

    def mono(self) -> Waveform:
        """Return the mean over channels, ``[1, N]``; of one channel the same memory."""
        if self.samples.shape[0] == 1:
            return self
        return Waveform(self.samples.mean(axis=0, keepdims=True), self.rate, self.start)
