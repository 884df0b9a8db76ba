"""Video decoding with the container's own time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.media.source import checked_file
from gazenet.media.types import Frame, VideoInfo

FALLBACK_RATE = Fraction(25)
TOLERATED_SHORTAGE = 2
"""Containers round their duration: this many frames fewer than declared are no truncation."""


def open_container(path: str | Path) -> Any:
    """An opened container. Raises MediaError for whatever cannot be opened."""
    file = checked_file(path)
    try:
        return av.open(str(file), metadata_errors="ignore")
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{file}: not a readable video ({reason(error)})") from None


def reason(error: BaseException) -> str:
    """The short cause inside a decoder's message."""
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def video_stream(container: Any, path: str | Path) -> Any:
    """The first video stream that is not cover art."""
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        raise MediaError(f"{path}: has no video stream")
    return streams[0]


def _is_cover(stream: Any) -> bool:
    return bool(int(stream.disposition) & int(av.stream.Disposition.attached_pic))


def probe(path: str | Path) -> VideoInfo:
    """What the container declares. Raises MediaError where it cannot be opened or holds no video."""
    with open_container(path) as container:
        stream = video_stream(container, path)
        rotation = _first_rotation(container, stream, path)
        return _describe(Path(path), container, stream, rotation)


def _first_rotation(container: Any, stream: Any, path: str | Path) -> int:
    try:
        for frame in container.decode(stream):
            return int(frame.rotation) % 360
    except FFmpegError as error:
        raise MediaError(f"{path}: no frame can be decoded ({reason(error)})") from None
    raise MediaError(f"{path}: no frame can be decoded (the video stream is empty)")


def _describe(path: Path, container: Any, stream: Any, rotation: int) -> VideoInfo:
    context = stream.codec_context
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = max(1, round(context.width * aspect)), context.height
    if rotation in (90, 270):
        width, height = height, width
    duration = float(stream.duration * stream.time_base) if stream.duration else None
    if duration is None and container.duration:
        duration = container.duration / av.time_base
    sound = container.streams.audio[0] if container.streams.audio else None
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        rate=stream.average_rate or stream.guessed_rate or FALLBACK_RATE,
        duration=duration,
        declared_frames=stream.frames or None,
        rotation=rotation,
        has_audio=sound is not None,
        audio_rate=sound.rate if sound else None,
        audio_channels=sound.channels if sound else None,
    )


class VideoReader:
    """Iterates the upright RGB frames of a video once; use it as a context manager.

    Args:
        path: the file.
        max_side: the longer side is scaled down to at most this many pixels, inside the conversion to RGB.

    Attributes:
        info: what the container declares.
        decoded, corrupt_frames: frames delivered so far, and how many of them the decoder calls damaged.
        warnings: what users should know, in plain lines; complete after the last frame.
    """

    def __init__(self, path: str | Path, max_side: int | None = None) -> None:
        self.info = probe(path)
        self._path, self._max_side = Path(path), max_side
        self._container = open_container(path)
        self._stream = video_stream(self._container, path)
        self._stream.thread_type = "AUTO"
        self.decoded = self.corrupt_frames = 0
        self.warnings: list[str] = []
        self.size = self._target_size()
        self._last_time: float | None = None
        self._repaired = 0

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _target_size(self) -> tuple[int, int]:
        """(height, width) of the delivered frames."""
        height, width = self.info.height, self.info.width
        longer = max(height, width)
        if self._max_side is None or longer <= self._max_side:
            return height, width
        scale = self._max_side / longer
        return tuple(max(2, round(side * scale / 2) * 2) for side in (height, width))  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order of display. Raises MediaError only where not a single frame can be decoded."""
        start: float | None = None
        try:
            for raw in self._container.decode(self._stream):
                time = self._time_of(raw)
                start = time if start is None else start
                yield self._deliver(raw, time - start)
        except FFmpegError as error:
            if not self.decoded:
                raise MediaError(f"{self._path}: no frame can be decoded ({reason(error)})") from None
            self.warnings.append(f"decoding stopped after {self.decoded} frames: {reason(error)}")
        if not self.decoded:
            raise MediaError(f"{self._path}: no frame can be decoded (the video stream is empty)")
        self._conclude()

    def _time_of(self, raw: Any) -> float:
        if raw.pts is not None:
            return float(raw.pts * raw.time_base)
        return 0.0 if self._last_time is None else self._last_time + float(1 / self.info.rate)

    def _deliver(self, raw: Any, time: float) -> Frame:
        if self._last_time is not None and time <= self._last_time:
            time = self._last_time + min(1e-3, float(1 / self.info.rate) / 2)
            self._repaired += 1
        self._last_time = time
        self.corrupt_frames += bool(raw.is_corrupt)
        frame = Frame(self.decoded, time, self._rgb(raw))
        self.decoded += 1
        return frame

    def _rgb(self, raw: Any) -> NDArray[np.uint8]:
        turn = self.info.rotation
        height, width = self.size if turn not in (90, 270) else self.size[::-1]
        image = raw.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
        if turn:
            # FFmpeg's display matrix counts counter-clockwise.
            image = np.ascontiguousarray(np.rot90(image, turn // 90))
        return np.asarray(image, np.uint8)

    def _conclude(self) -> None:
        if self.corrupt_frames:
            self.warnings.append(f"{self.corrupt_frames} of {self.decoded} frames are damaged")
        if self._repaired:
            self.warnings.append(f"{self._repaired} time stamps did not increase and were moved")
        if self.info.duration and self._last_time is not None:
            missing = round((self.info.duration - self._last_time) * float(self.info.rate)) - 1
            if missing > TOLERATED_SHORTAGE + 0.005 * self.decoded:
                self.warnings.append(
                    f"the file declares {self.info.duration:.2f} s, frames end at {self._last_time:.2f} s "
                    f"(about {missing} missing): it may be truncated"
                )


def resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An image brought to a size, by area where it shrinks and linearly where it grows."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )
