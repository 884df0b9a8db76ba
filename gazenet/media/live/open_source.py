"""Opening of live sources by the text on the command line."""

from __future__ import annotations

import re
from pathlib import Path

from gazenet.errors import UsageError
from gazenet.media.live.live_source import LiveSource
from gazenet.media.media_files import checked_file
from gazenet.redaction import printable_name

SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "tcp://", "srt://")


def is_live(text: str) -> bool:
    """Return whether a text names a camera or a network stream rather than a file."""
    return text.startswith(("camera:", *SCHEMES))


def open_live(text: str, max_side: int | None = None, loop: bool = False, stall_s: float = 5.0) -> LiveSource:
    """Open a live source.

    Args:
        text: ``camera:N``, a URL, or a file (played in real time).
        max_side: largest longer side of the frames in pixels.
        loop: whether a file starts again at its end.
        stall_s: seconds without data after which a stream counts as broken.

    Raises UsageError for a text of another form, and MediaError for a source that cannot be opened.
    """
    if text.startswith("camera:"):
        number = re.fullmatch(r"camera:(\d+)", text)
        if number is None:
            raise UsageError(f"{printable_name(text)}: not a camera; write camera:0, camera:1, ...")
        from gazenet.media.live.camera import Camera

        return Camera(int(number[1]), max_side)
    if text.startswith(SCHEMES):
        from gazenet.media.live.network_stream import NetworkStream

        return NetworkStream(text, max_side, stall_s)
    from gazenet.media.live.paced_file import PacedFile

    return PacedFile(checked_file(Path(text)), max_side, loop)
