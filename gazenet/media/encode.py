"""Encoding of video with the time stamps of its frames and the original sound."""

from __future__ import annotations

import errno
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from gazenet.errors import MediaError
from gazenet.files import atomic_path
from gazenet.media.container import reason
from gazenet.media.media_files import display_name
from gazenet.media.sound_copy import SoundCopy, open_sound

TIME_BASE = Fraction(1, 60_000)
"""Seconds per time step: finer than all frame rates, and below the 65535 steps per second of MPEG-4 part 2."""

CODECS = ("libx264", "libopenh264", "mpeg4")
"""Encoders in order of preference; the first one in this FFmpeg build is used."""


@dataclass(frozen=True)
class X264Settings:
    """Settings of the encoder x264.

    Attributes:
        crf: constant rate factor, 0 (lossless) to 51 (worst).
        preset: speed, "ultrafast" to "veryslow".
    """

    crf: int = 23
    preset: str = "veryfast"


DEFAULT_X264 = X264Settings()


class VideoWriter:
    """A writer of an MP4 file that gets its name only when it is complete; a context manager.

    Args:
        path: the file.
        width, height: of the frames in pixels; odd sizes are padded by repeating the last row or column.
        rate: nominal frames per second; every frame has its own time.
        sound_from: a file whose sound track is copied up to the end of the last frame, unchanged where MP4 allows,
            else as AAC. Sound and frames share the time line of that file.
        x264: settings of the encoder, where it is x264.

    Attributes:
        warnings: lines for the user; complete after the end of the block.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        rate: Fraction,
        sound_from: Path | None = None,
        x264: X264Settings = DEFAULT_X264,
    ) -> None:
        if width < 1 or height < 1 or rate <= 0:
            raise ValueError(f"a video of {width} x {height} at {rate} frames per second cannot be written")
        self._path, self._size = Path(path), (height, width)
        self._rate, self._sound_from = Fraction(rate).limit_denominator(10_000), sound_from
        self._options: dict[str, str] = {"crf": str(x264.crf), "preset": x264.preset}
        self._step = max(1, round(1 / (self._rate * TIME_BASE)))
        self._pending: av.VideoFrame | None = None
        self._stack = ExitStack()
        self.warnings: list[str] = []

    def __enter__(self) -> VideoWriter:
        try:
            with ExitStack() as stack:
                temporary = stack.enter_context(atomic_path(self._path, suffix=".mp4"))
                self._container: OutputContainer = av.open(
                    f"file:{temporary.absolute()}", "w", format="mp4", options={"movflags": "+faststart"}
                )
                stack.callback(self._release)
                self._stream = self._add_stream()
                self._sound: SoundCopy | None = None
                if self._sound_from is not None:
                    self._sound = open_sound(self._sound_from, self._container, self.warnings)
                if self._sound is not None:
                    stack.callback(self._sound.close)
                self._stack = stack.pop_all()
        except (FFmpegError, OSError) as error:
            raise self._failure(error) from error
        return self

    def _add_stream(self) -> Any:
        codec = next((name for name in CODECS if name in av.codecs_available), None)
        if codec is None:
            raise MediaError(f"{self._path}: this FFmpeg build has none of the encoders {', '.join(CODECS)}")
        stream: Any = self._container.add_stream(codec, rate=self._rate)
        stream.height, stream.width = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = TIME_BASE
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        if codec == "libx264":
            stream.options = self._options
        else:
            stream.bit_rate = max(500_000, int(stream.width * stream.height * self._rate / 6))
        return stream

    def write(self, image: NDArray[np.uint8], time: float) -> None:
        """Append a frame.

        Args:
            image: RGB uint8 ``[H, W, 3]``.
            time: seconds from which the frame is displayed, at least 0; a time that does not increase is moved by
                the smallest step.

        Raises MediaError where the file cannot be written.
        """
        height, width = self._size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(f"frame is {image.dtype} {image.shape}, the video is uint8 {(height, width, 3)}")
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24")  # reformat copies it
        frame = picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        earliest = 0 if self._pending is None else int(self._pending.pts or 0) + 1
        frame.pts, frame.time_base = max(earliest, round(time / TIME_BASE)), TIME_BASE
        # A frame is encoded once the time of the next one gives its duration.
        if self._pending is not None:
            self._encode(self._pending, int(frame.pts - (self._pending.pts or 0)))
        self._pending = frame

    def _encode(self, frame: av.VideoFrame, duration: int) -> None:
        frame.duration = duration
        try:
            self._container.mux(self._stream.encode(frame))
            if self._sound is not None:
                self._sound.carry_until(float((int(frame.pts or 0) + duration) * TIME_BASE))
        except (FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: BaseException) -> MediaError:
        name = display_name(self._path)
        if getattr(error, "errno", None) == errno.ENOSPC:
            return MediaError(f"{name}: disk full; free some space and run again")
        return MediaError(f"{name}: cannot write ({reason(error)})")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with suppress(_Abandoned):
            self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        try:
            with self._stack:
                if error is not None:
                    raise _Abandoned
                self._finish()
        except (FFmpegError, OSError) as failure:
            raise self._failure(failure) from failure

    def _finish(self) -> None:
        if self._pending is None:
            raise MediaError(f"{display_name(self._path)}: cannot write a video without frames")
        self._encode(self._pending, self._step)
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish()
        self._container.close()

    def _release(self) -> None:
        """Close the file after a failure; after success it is already closed."""
        with suppress(FFmpegError, OSError):
            self._container.close()


class _Abandoned(Exception):
    """Signal that the caller failed: unwind and remove the temporary file."""
