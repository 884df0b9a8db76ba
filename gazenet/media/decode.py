"""Decoding of video with the time stamps of the container."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.media.clock import ContainerClock, read_clock
from gazenet.media.container import audio_stream, open_container, stream_end, video_stream
from gazenet.media.frames import Frame, VideoInfo
from gazenet.media.media_files import display_name
from gazenet.media.orient import Orientation, display_size, fit_size, orientation_of
from gazenet.media.packets import FrameDecoder, frame_rate
from gazenet.media.pixels import over_black
from gazenet.media.time_stamps import DEPTH, RisingTimeStamps

TOLERATED_SHORTAGE = 2
"""Missing frames that do not count as truncation: containers round their duration."""


def probe(path: str | Path) -> VideoInfo:
    """Return the declarations of a container after decoding one frame. Raises MediaError without a decodable frame."""
    return _inspect(path)[0]


def is_video(path: str | Path) -> bool:
    """Return whether a file is a decodable video, by its content rather than its name."""
    try:
        probe(path)
    except MediaError:
        return False
    return True


def probe_and_count(path: str | Path) -> VideoInfo:
    """Return the declarations of a container as :func:`probe` does, and count frames that it does not declare.

    Reads the whole file without decoding it, and corrects the duration of a file whose clock jumps. Raises MediaError.
    """
    info, _, stream = _inspect(path)
    clock = read_clock(path)
    count = clock.packets.get(stream)
    if not info.declared_frames and count:
        info = replace(info, declared_frames=count)
    return _on_clock(info, clock, stream)


def _on_clock(info: VideoInfo, clock: ContainerClock, stream: int) -> VideoInfo:
    """Return the declarations of a video without the duration of its clock's jumps."""
    seconds, count = clock.seconds.get(stream, 0.0), clock.packets.get(stream, 0)
    if not clock.jumps or not seconds or not count:
        return info
    rate = Fraction(count / seconds).limit_denominator(1001)
    # A declared rate is kept where it is right within rounding; an average over the jumps is wrong.
    close = abs(info.rate - rate) <= rate / 20
    return replace(info, duration=seconds, rate=info.rate if close else rate or info.rate)


def _inspect(path: str | Path) -> tuple[VideoInfo, VideoFrame, int]:
    """Return the declarations, the first frame, and the index of its stream."""
    with open_container(path) as container:
        stream = video_stream(container, path)
        first = next(FrameDecoder(container, stream).frames(), None)
        if first is None:
            raise MediaError(f"{display_name(path)}: no frame can be decoded; the file is damaged or incomplete")
        return _describe(Path(path), container, stream, first), first, stream.index


def _describe(path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame) -> VideoInfo:
    orientation = orientation_of(first)
    width, height = display_size(first.width, first.height, stream.sample_aspect_ratio, orientation)
    duration: float | None = None
    if stream.duration and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif (end := stream_end(stream)) is not None:
        duration = float(end)
    elif container.duration:
        duration = container.duration / av.time_base
    sound = audio_stream(container)
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        rate=frame_rate(stream),
        duration=duration,
        declared_frames=stream.frames or None,
        rotation=orientation.rotation,
        has_audio=sound is not None,
        audio_rate=sound.rate if sound else None,
        audio_channels=sound.channels if sound else None,
    )


class VideoReader:
    """A reader of the upright RGB frames of a video in order of display; a context manager.

    Every iteration decodes the file from its start. Closing is safe while another thread iterates: its iteration ends.

    Args:
        path: the file.
        max_side: largest longer side of the frames in pixels; larger frames are scaled down.

    Attributes:
        info: declarations of the container.
        size: (height, width) of the frames as displayed; even where scaled. It is constant: after a change of
            resolution, shape or orientation, frames are scaled to fit, with black bars where their shape differs.
        decoded, corrupt_frames: number of frames so far, and of those that the decoder reports as damaged.
        warnings: lines for the user; complete after the last frame.

    Raises MediaError where no frame can be decoded.
    """

    def __init__(self, path: str | Path, max_side: int | None = None) -> None:
        if max_side is not None and max_side < 2:
            raise ValueError("max_side must be at least 2")
        self._path = Path(path)
        declared, first, stream = _inspect(path)
        self.info = _on_clock(declared, read_clock(path), stream)
        width, height = fit_size(self.info.width, self.info.height, max_side)
        self.size = (height, width)
        self._orientation: Orientation = orientation_of(first)
        self._stored_size = (first.width, first.height)
        self._aspect: Fraction | None = None
        self._coded_aspect: tuple[Fraction, ...] = ()
        self._container: InputContainer | None = None
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self.decoded = self.corrupt_frames = 0
        self.warnings: list[str] = []
        self._fitted, self._change = 0, ""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, after the frame that another thread is decoding."""
        with self._lock:
            container, self._container = self._container, None
            if container is not None:
                container.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in order of display; their times strictly increase from the start of the container."""
        self.close()
        self._reset()
        identity = _identity(self._path)
        container = open_container(self._path)
        self._container = container
        stream = video_stream(container, self._path)
        stream.thread_type = "AUTO"
        self._aspect, self._coded_aspect = stream.sample_aspect_ratio, ()
        clock = read_clock(self._path)
        decoder, stamps = FrameDecoder(container, stream, clock), RisingTimeStamps(float(1 / self.info.rate))
        zero = clock.origin(container)
        end = None if clock.jumps else _declared_end(container, stream, zero)
        self.warnings += clock.remarks()
        if stream_end(stream) is None and (sound := audio_stream(container)) is not None:
            decoder.watch(sound)
        waiting: deque[NDArray[np.uint8]] = deque()
        try:
            for image in self._images(container, decoder, stamps, zero):
                waiting.append(image)
                if len(waiting) > DEPTH:
                    yield self._frame(waiting.popleft(), stamps)
            while waiting and self._container is container:
                yield self._frame(waiting.popleft(), stamps)
            if self._container is container:
                self._conclude(decoder, stamps, end, zero, identity)
        finally:
            if self._container is container:
                self.close()

    def _images(
        self, container: InputContainer, decoder: FrameDecoder, stamps: RisingTimeStamps, zero: Fraction
    ) -> Iterator[NDArray[np.uint8]]:
        frames = decoder.frames()
        while True:
            with self._lock:
                raw = next(frames, None) if self._container is container else None
                if raw is None:
                    return
                stamp = decoder.time_of(raw)
                stamps.push(None if stamp is None else float(stamp - zero))
                image = self._rgb(raw, decoder.aspect)
            yield image

    def _rgb(self, raw: VideoFrame, coded_aspect: Fraction) -> NDArray[np.uint8]:
        self.corrupt_frames += bool(raw.is_corrupt)
        self._coded_aspect = self._coded_aspect or (coded_aspect,)
        # The pixel aspect of the container takes precedence over that of the stream while the latter is constant.
        aspect = self._aspect if coded_aspect == self._coded_aspect[0] else coded_aspect
        orientation, sized = orientation_of(raw), (raw.width, raw.height) == self._stored_size
        same = sized and orientation == self._orientation and aspect == self._aspect
        if not same:
            self._fitted += 1
            turned = "orientation" if orientation != self._orientation else "shape of the pixels"
            self._change = "resolution" if not sized else self._change or turned
        height, width = self.size if same else self._fitting(raw, orientation, aspect)
        image = orientation.apply(_pixels(raw, *((width, height) if orientation.swap else (height, width))))
        return image if same else _pad_to_centre(image, *self.size)

    def _fitting(self, raw: VideoFrame, orientation: Orientation, aspect: Fraction | None) -> tuple[int, int]:
        """Return the largest (height, width) of a frame of another shape that fits into the size of the first."""
        width, height = display_size(raw.width, raw.height, aspect, orientation)
        scale = min(self.size[0] / height, self.size[1] / width)
        return max(1, min(self.size[0], round(height * scale))), max(1, min(self.size[1], round(width * scale)))

    def _frame(self, image: NDArray[np.uint8], stamps: RisingTimeStamps) -> Frame:
        self.decoded += 1
        return Frame(self.decoded - 1, stamps.pop(), image)

    def _conclude(
        self, decoder: FrameDecoder, stamps: RisingTimeStamps, declared: float | None, zero: Fraction, identity: object
    ) -> None:
        if not self.decoded:
            cause = decoder.last_error or "the video stream is empty"
            raise MediaError(f"{display_name(self._path)}: no frame can be decoded ({cause})")
        lines = []
        if decoder.errors:
            lines.append(
                f"{decoder.errors} packets could not be decoded ({decoder.last_error}): frames may be missing"
            )
        if self.corrupt_frames:
            lines.append(f"{self.corrupt_frames} of {self.decoded} frames are damaged")
        if self._fitted:
            lines.append(
                f"the {self._change} changes; {self._fitted} frames were scaled to fit the size of the first, "
                f"{self.size[1]} x {self.size[0]}"
            )
        if _identity(self._path) not in (identity, None):
            lines.append("the file changed while it was read; results may mix both versions")
        self.warnings += lines + stamps.remarks(float(self.info.rate))
        self.warnings += self._shortage(declared, float(decoder.end - zero))

    def _shortage(self, declared: float | None, end: float) -> list[str]:
        missing = 0 if declared is None else round((declared - end) * float(self.info.rate))
        if missing <= TOLERATED_SHORTAGE:
            return []
        return [
            f"the file declares {declared:.2f} s, but its frames end at {end:.2f} s (about {missing} missing): "
            "it may be truncated"
        ]


def _pixels(raw: VideoFrame, height: int, width: int) -> NDArray[np.uint8]:
    """Convert a decoded frame to RGB uint8 ``[height, width, 3]``; transparency becomes black."""
    if not (raw.format.has_palette or any(component.is_alpha for component in raw.format.components)):
        image = raw.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
        return image.astype(np.uint8, copy=False)
    # Scaled last: otherwise hidden colours would bleed into visible ones.
    return resize_image(over_black(raw.to_ndarray(format="rgba").astype(np.uint8, copy=False)), height, width)


def _pad_to_centre(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return an image in the middle of a black one of at least its size."""
    if image.shape[:2] == (height, width):
        return image
    padded = np.zeros((height, width, 3), np.uint8)
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    padded[top : top + image.shape[0], left : left + image.shape[1]] = image
    return padded


def _declared_end(container: InputContainer, stream: VideoStream, zero: Fraction) -> float | None:
    """Return the declared end of the frames, in seconds after the origin."""
    end = stream_end(stream)
    if end is not None:
        return float(end - zero)
    return container.duration / av.time_base if container.duration else None


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return inode, size and modification time of a file; None after its deletion, which harms no open reader."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def frame_at(times: Sequence[float], time: float) -> int:
    """Return the index of the frame displayed at ``time``; 0 before the first.

    Args:
        times: presentation times in seconds, increasing.
        time: seconds.

    Raises ValueError without frames.
    """
    if not times:
        raise ValueError("there are no frames")
    return max(0, bisect_right(times, time) - 1)


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize an image ``[H, W]`` or ``[H, W, C]``: by area where it shrinks, bilinearly where it grows."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )
