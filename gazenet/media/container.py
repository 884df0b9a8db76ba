"""Safe opening of containers and selection of their streams, shared by all readers."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from gazenet.errors import MediaError
from gazenet.media.media_files import checked_file, display_name

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,vc1,flv,"
    "asf,ogg,gif,apng,yuv4mpegpipe,mjpeg,nut,mxf,rm,dv,wtv,dhav,wav,w64,rf64,aiff,mp3,flac,aac,ac3,eac3,amr,caf,au,"
    "dts,tta,ape,wv,voc"
)
"""Demuxers of containers that hold their own data. Excluded are playlists (HLS, DASH, concat), which make the decoder
open other files or addresses, and picture sequences, where a name with ``%d`` means many files."""

COVER = Disposition.attached_pic | Disposition.timed_thumbnails
_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")


def reason(error: BaseException) -> str:
    """Return the short cause of a library's error, on one line."""
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def open_container(path: str | Path) -> InputContainer:
    """Open a container. Raises MediaError for a path that is not a regular file or not a known container."""
    file = checked_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        # With the prefix, a name such as ``http:x.mp4`` is not read as an address.
        return av.open(f"file:{os.path.abspath(file)}", metadata_errors="replace", container_options=options)
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{display_name(file)}: not a readable video or sound file ({reason(error)}); "
            "it may be incomplete or of another type"
        ) from None


def video_stream(container: InputContainer, path: str | Path) -> VideoStream:
    """Return the default video stream, else the first; cover pictures do not count. Raises MediaError without one."""
    streams = [s for s in container.streams.video if not s.disposition & COVER]
    if not streams:
        cover = " (only a cover picture)" if container.streams.video else ""
        raise MediaError(f"{display_name(path)}: has no video stream{cover}")
    stream = next((s for s in streams if s.disposition & Disposition.default), streams[0])
    if stream.codec_context is None:
        raise MediaError(f"{display_name(path)}: its video codec is unknown; convert it to H.264")
    return stream


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the default sound track among those with a known codec, else the first of them, else None."""
    streams = [s for s in container.streams.audio if s.codec_context is not None]
    return next((s for s in streams if s.disposition & Disposition.default), streams[0] if streams else None)


def stream_start(stream: Stream) -> Fraction | None:
    """Return the declared start of a stream, in seconds of the container's own clock."""
    if stream.start_time is None or stream.time_base is None:
        return None
    return stream.start_time * stream.time_base


def stream_end(stream: Stream) -> Fraction | None:
    """Return the declared end of a stream, in seconds of the container's own clock; None without a declaration."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base + (stream_start(stream) or 0)
    match = _CLOCK.fullmatch(stream.metadata.get("DURATION", "").strip())  # Matroska keeps it as a tag
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)


def origin(container: InputContainer) -> Fraction:
    """Return the moment of the container's clock that is time 0, in seconds, for both video and sound.

    A container that starts late, as transport streams do, is shifted to 0. Sound that starts before 0 does not shift
    the pictures; its start is negative.
    """
    start = Fraction(container.start_time or 0, av.time_base)
    if start >= 0:
        return start
    starts = [stream_start(s) for s in container.streams.video if not s.disposition & COVER]
    return min([Fraction(0), *(s for s in starts if s is not None)])
