"""Network streams (RTSP, HTTP, UDP), pictures and sound, through PyAV."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from gazenet.errors import MediaError
from gazenet.media.container import reason
from gazenet.media.decode import resized
from gazenet.media.live.live_source import LiveFrame
from gazenet.media.live.sound_ring import RATE, SoundRing
from gazenet.media.orient import fit_size
from gazenet.redaction import HIDDEN, without_secrets

RETRIES = 5
OPENING_S = 10.0


def stream_name(url: str) -> str:
    """What the results of a stream are called: host and path of its URL, nothing of its credentials."""
    place = without_secrets(url).split("://")[-1].replace(f"{HIDDEN}@", "")
    place = place.partition(f"?{HIDDEN}")[0].partition(f"#{HIDDEN}")[0]
    return re.sub(r"[/:\\*?\"<>|%\s]+", "_", place.strip("/")).strip("_.") or "stream"


class NetworkStream:
    """A stream by its URL. One that stalls or breaks off is opened again, after 1, 2, 4 ... seconds.

    Args:
        url: ``rtsp://...`` or what else FFmpeg reads.
        max_side: longer side of the frames in pixels.
        stall_s: seconds without data after which the connection counts as dead.

    Raises MediaError where it cannot be opened.
    """

    def __init__(self, url: str, max_side: int | None = None, stall_s: float = 5.0) -> None:
        self.name, self._shown = stream_name(url), without_secrets(url)
        self._url, self._max_side, self._stall = url, max_side, stall_s
        self._connect()
        video = self._container.streams.video[0]
        self.rate = float(video.average_rate or video.guessed_rate or 25)
        width, height = fit_size(video.width, video.height, max_side)
        self.size = (height, width)
        self.sound = SoundRing() if self._container.streams.audio else None

    def _connect(self) -> None:
        options = {"rtsp_transport": "tcp"}
        try:
            self._container: Any = av.open(self._url, options=options, timeout=(OPENING_S, self._stall))
        except (FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"{self._shown}: cannot be opened ({reason(error)})") from None
        if not self._container.streams.video:
            self._container.close()
            raise MediaError(f"{self._shown}: has no pictures")
        self._resampler = AudioResampler("fltp", "mono", RATE)
        self._frames: Iterator[Any] = self._decoded()

    def _decoded(self) -> Iterator[Any]:
        streams = [self._container.streams.video[0], *self._container.streams.audio[:1]]
        for packet in self._container.demux(streams):
            try:
                yield from packet.decode()
            except FFmpegError as error:
                if isinstance(error, (av.error.ExitError, av.error.TimeoutError)):
                    raise

    def read(self) -> LiveFrame | None:
        """The next picture; sound on the way goes to the ring. Raises MediaError when the stream is lost."""
        for attempt in range(RETRIES + 1):
            try:
                frame = self._next()
            except (FFmpegError, OSError) as error:
                last = reason(error)
            else:
                return frame
            if attempt < RETRIES:
                self._reconnect(2.0**attempt)
        raise MediaError(f"{self._shown}: lost ({last}), {RETRIES} attempts to open it again failed")

    def _next(self) -> LiveFrame | None:
        for frame in self._frames:
            taken = time.monotonic()
            if isinstance(frame, AudioFrame):
                for piece in self._resampler.resample(frame):
                    if self.sound is not None:
                        self.sound.push(np.asarray(piece.to_ndarray()[0], np.float32), taken)
                continue
            image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            return LiveFrame(resized(image, *self.size), taken)
        return None

    def _reconnect(self, pause: float) -> None:
        self.close()
        time.sleep(pause)
        try:
            self._connect()
        except MediaError:
            self._frames = _broken(self._shown)

    def close(self) -> None:
        self._container.close()


def _broken(name: str) -> Iterator[Any]:
    """The frames of a connection that could not be made."""
    raise OSError(f"{name}: no connection")
    yield
