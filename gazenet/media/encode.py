"""Video encoding with the frames' time stamps and the original sound."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.files import atomic_path
from gazenet.media.container import open_container, reason

TIME_BASE = Fraction(1, 90_000)
CODECS = ("libx264", "libopenh264", "mpeg4")
"""In order of preference; the first one that this FFmpeg build has."""


class VideoWriter:
    """An MP4 that appears under its name only when it is complete. Use it as a context manager.

    Args:
        path: the file.
        width, height: of the frames in pixels; odd sizes are padded by repeating the last row or column.
        rate: nominal frames per second; the real times go with each frame.
        sound_from: a file whose first sound track is carried over, unchanged where MP4 allows, else as AAC.
        crf, preset: quality and effort of x264.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        rate: Fraction,
        sound_from: Path | None = None,
        crf: int = 23,
        preset: str = "veryfast",
    ) -> None:
        self._path, self._size = Path(path), (height, width)
        self._rate, self._sound_from = Fraction(rate).limit_denominator(10_000), sound_from
        self._options: dict[str, Any] = {"crf": str(crf), "preset": preset}
        self._last_pts = -1

    def __enter__(self) -> VideoWriter:
        self._file: AbstractContextManager[Path] = atomic_path(self._path, suffix=".mp4")
        temporary = self._file.__enter__()
        try:
            self._container = av.open(str(temporary), "w", options={"movflags": "+faststart"})
            self._stream = self._add_stream()
            self._source, self._sound = self._open_sound()
        except BaseException as error:
            self._file.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _add_stream(self) -> Any:
        codec = next((name for name in CODECS if name in av.codecs_available), None)
        if codec is None:
            raise MediaError(f"{self._path}: this FFmpeg build has none of the encoders {', '.join(CODECS)}")
        stream: Any = self._container.add_stream(codec, rate=self._rate)
        stream.height, stream.width = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        if codec == "libx264":
            stream.options = self._options
        else:
            stream.bit_rate = 4_000_000
        return stream

    def _open_sound(self) -> tuple[Any, Any]:
        """The container to read sound from and the stream to write it to."""
        if self._sound_from is None:
            return None, None
        source = open_container(self._sound_from)
        if not source.streams.audio:
            source.close()
            return None, None
        stream = source.streams.audio[0]
        if stream.codec_context.name in ("aac", "mp3", "ac3"):
            return source, self._container.add_stream_from_template(stream)
        return source, self._container.add_stream("aac", rate=stream.rate)

    def write(self, image: NDArray[np.uint8], time: float) -> None:
        """Appends a frame, RGB uint8 ``[H, W, 3]``, shown from ``time`` (seconds) on. Raises MediaError."""
        height, width = self._size
        if image.shape != (height, width, 3):
            raise ValueError(f"frame is {image.shape}, the video is {(height, width, 3)}")
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._last_pts = max(self._last_pts + 1, round(time / TIME_BASE))
        frame.pts, frame.time_base = self._last_pts, TIME_BASE
        self._guarded(lambda: self._container.mux(self._stream.encode(frame)))

    def _guarded(self, action: Any) -> None:
        try:
            action()
        except (FFmpegError, OSError) as error:
            raise MediaError(f"{self._path}: cannot be written: {reason(error)}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._guarded(lambda: self._container.mux(self._stream.encode(None)))
                self._guarded(self._carry_sound)
        except BaseException as failure:
            self._abandon(failure)
            raise
        if kind is not None:
            self._abandon(error)
            return
        self._close_source()
        self._guarded(self._container.close)
        self._file.__exit__(None, None, None)

    def _abandon(self, error: BaseException | None) -> None:
        self._close_source()
        with suppress(FFmpegError, OSError):
            self._container.close()
        if error is not None:
            try:
                self._file.__exit__(type(error), error, error.__traceback__)
            except type(error):
                pass

    def _close_source(self) -> None:
        if self._source is not None:
            self._source.close()

    def _carry_sound(self) -> None:
        if self._source is None:
            return
        stream = self._source.streams.audio[0]
        if self._sound.codec_context is None or self._sound.codec_context.name == stream.codec_context.name:
            self._copy_packets(stream)
            return
        resampler = av.AudioResampler(self._sound.format, self._sound.layout, self._sound.rate)
        for frame in self._source.decode(stream):
            for piece in resampler.resample(frame):
                self._container.mux(self._sound.encode(piece))
        self._container.mux(self._sound.encode(None))

    def _copy_packets(self, stream: Any) -> None:
        for packet in self._source.demux(stream):
            if packet.dts is not None:
                packet.stream = self._sound
                self._container.mux(packet)
