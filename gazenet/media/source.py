"""The identity of a media file: its content, not its name."""

from __future__ import annotations

import stat
from pathlib import Path

from gazenet.errors import MediaError
from gazenet.files import sha256_file

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ts")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def checked_file(path: str | Path) -> Path:
    """The path, if it is a regular, readable, non-empty file. Raises MediaError with the reason otherwise."""
    file = Path(path)
    try:
        status = file.stat()
    except FileNotFoundError:
        raise MediaError(f"{file}: no such file") from None
    except OSError as error:
        raise MediaError(f"{file}: {error.strerror or error}") from None
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{file}: is a folder, not a video file")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{file}: is not a regular file (pipes and devices cannot be read twice)")
    if status.st_size == 0:
        raise MediaError(f"{file}: is empty (0 bytes)")
    return file


def source_id(path: str | Path) -> str:
    """The first 32 hex digits of the SHA-256 of the content. Raises MediaError where it cannot be read."""
    file = checked_file(path)
    try:
        return sha256_file(file)[:32]
    except OSError as error:
        raise MediaError(f"{file}: {error.strerror or error}") from None
