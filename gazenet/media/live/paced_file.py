"""Files played in real time, in the place of a camera and to measure live runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gazenet.media.audio import read_audio
from gazenet.media.frame_source import FrameSource, open_source
from gazenet.media.frames import Frame, Waveform
from gazenet.media.live.live_source import LiveFrame
from gazenet.media.live.sound_ring import RATE, SoundRing
from gazenet.media.media_files import display_name

SOUND_STEP = 0.02
"""Seconds of sound per block, as of a microphone."""


class PacedFile:
    """A live source that returns every frame of a file at its time; a frame that is decoded late is returned at once.

    Args:
        path: a video (a picture is one frame).
        max_side: largest longer side of the frames in pixels.
        loop: whether the file starts again at its end.
        clock, sleep: functions of time, which tests replace.

    Raises MediaError for unreadable files.
    """

    def __init__(
        self,
        path: Path,
        max_side: int | None = None,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = display_name(path.name)
        self._path, self._max_side, self._loop = path, max_side, loop
        self._clock, self._sleep = clock, sleep
        self._open()
        self.rate = float(self._source.info.rate)
        self.size = self._source.size
        self._track: Waveform | None = None
        self.sound: SoundRing | None = None
        if self._source.info.has_audio:
            self._track = read_audio(path, RATE, mono=True)
            self.sound = SoundRing() if self._track is not None else None
        self._began: float | None = None
        self._played = 0.0

    def _open(self) -> None:
        self._source: FrameSource = open_source(self._path, self._max_side)
        self._frames: Iterator[Frame] = iter(self._source)
        self._end = 0.0

    def read(self) -> LiveFrame | None:
        """Wait until the next frame is due and return it; return None at the end."""
        if self._began is None:
            self._began = self._clock()
        frame = next(self._frames, None)
        if frame is None:
            if not self._loop:
                return None
            self._restart()
            frame = next(self._frames, None)
            if frame is None:
                return None
        self._end = frame.time
        due = self._began + frame.time
        self._sleep(max(0.0, due - self._clock()))
        self._play_until(frame.time)
        return LiveFrame(frame.image, self._clock())

    def _restart(self) -> None:
        """Start again at the first frame, whose time follows that of the last one."""
        assert self._began is not None
        self._began += self._end + 1 / self.rate
        self._played = 0.0
        self._source.close()
        self._open()

    def _play_until(self, stop: float) -> None:
        if self._track is None or self.sound is None or self._began is None:
            return
        while self._played + SOUND_STEP <= stop:
            first = round((self._played - self._track.start) * RATE)
            block = self._track.samples[0, max(first, 0) : max(first + round(SOUND_STEP * RATE), 0)]
            self._played += SOUND_STEP
            if len(block):
                self.sound.push(block, self._began + self._played)

    def close(self) -> None:
        """Close the file."""
        self._source.close()
