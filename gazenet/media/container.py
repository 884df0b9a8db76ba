"""Open a container safely and choose its streams: what every reader of media shares."""

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
from gazenet.media.source_id import checked_file, display_name

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,vc1,flv,"
    "asf,ogg,gif,apng,yuv4mpegpipe,mjpeg,nut,mxf,rm,dv,wtv,dhav,wav,w64,rf64,aiff,mp3,flac,aac,ac3,eac3,amr,caf,au,"
    "dts,tta,ape,wv,voc"
)
"""Containers that hold their own data. Left out: playlists (HLS, DASH, concat), which make the decoder open other
files or addresses, and picture sequences, where a name with ``%d`` stands for many files."""

COVER = Disposition.attached_pic | Disposition.timed_thumbnails
_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")


def reason(error: BaseException) -> str:
    """The short cause inside a library's message, on one line."""
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def open_container(path: str | Path) -> InputContainer:
    """An opened container. Raises MediaError for what is no regular file or no known container."""
    file = checked_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        # The prefix keeps a name such as ``http:x.mp4`` from being read as an address.
        return av.open(f"file:{os.path.abspath(file)}", metadata_errors="replace", container_options=options)
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{display_name(file)}: not a readable video or sound file ({reason(error)}); "
            "it may be incomplete or of another type"
        ) from None


def video_stream(container: InputContainer, path: str | Path) -> VideoStream:
    """The default video stream, else the first; cover pictures do not count. Raises MediaError without one."""
    streams = [s for s in container.streams.video if not s.disposition & COVER]
    if not streams:
        cover = " (only a cover picture)" if container.streams.video else ""
        raise MediaError(f"{display_name(path)}: has no video stream{cover}")
    chosen = next((s for s in streams if s.disposition & Disposition.default), streams[0])
    if chosen.codec_context is None:
        raise MediaError(f"{display_name(path)}: its video codec is unknown; convert it to H.264")
    return chosen


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The default sound track among those whose codec is known, else the first of them, else None."""
    streams = [s for s in container.streams.audio if s.codec_context is not None]
    return next((s for s in streams if s.disposition & Disposition.default), streams[0] if streams else None)


def stream_start(stream: Stream) -> Fraction | None:
    """When the stream declares to begin, in seconds of the container's own clock."""
    if stream.start_time is None or stream.time_base is None:
        return None
    return stream.start_time * stream.time_base


def stream_end(stream: Stream) -> Fraction | None:
    """When the stream declares to end, in seconds of the container's own clock; None where only the file says."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base + (stream_start(stream) or 0)
    found = _CLOCK.fullmatch(stream.metadata.get("DURATION", "").strip())  # Matroska keeps it as a tag
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)


def origin(container: InputContainer) -> Fraction:
    """The moment of the container's clock that is time 0, in seconds; one for video and sound, so offsets are kept.

    A container that starts late (transport streams do) is shifted to 0. Sound that starts before 0 is no reason to
    shift the pictures: its start is then negative.
    """
    start = Fraction(container.start_time or 0, av.time_base)
    if start >= 0:
        return start
    starts = [stream_start(s) for s in container.streams.video if not s.disposition & COVER]
    return min([Fraction(0), *(s for s in starts if s is not None)])
