"""Media files: their kinds by suffix, their names in messages, checks of paths, pictures and sound of a folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gazenet.errors import MediaError
from gazenet.files import natural_order
from gazenet.redaction import printable_name

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mj2", ".mkv", ".webm", ".avi", ".divx", ".wmv", ".asf"),
    *(".ts", ".mts", ".m2ts", ".m2t", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".flv", ".f4v", ".ogv", ".ogm"),
    *(".h264", ".264", ".h265", ".hevc", ".265", ".ivf", ".obu", ".y4m", ".mjpeg", ".mjpg", ".mxf", ".nut", ".rm"),
    *(".rmvb", ".dv", ".wtv", ".gif"),
)
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif"),
    *(".avifs", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
)
SOUND_SUFFIXES = (".wav", ".flac", ".aif", ".aiff")
FRAMES = ("frames", "images")
"""Names of a folder of frames that lies in the folder of its video, beside other folders."""


def display_name(path: str | Path) -> str:
    """Return a path as one printable line: control characters and undecodable bytes escaped, credentials hidden."""
    return printable_name(path)


def checked_file(path: str | Path) -> Path:
    """Return the path of a regular, readable, non-empty file; links are followed.

    Raises MediaError with the reason for other paths. Pipes and devices are refused, because reading them may never
    end and they cannot be read twice.
    """
    name = display_name(path)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise MediaError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot open ({getattr(error, 'strerror', None) or error})") from None
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{name}: is a folder; name the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{name}: is not a regular file (a pipe or a device); copy its content to a file first")
    if status.st_size == 0:
        raise MediaError(f"{name}: is empty (0 bytes)")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{name}: cannot open (no permission to read)")
    return Path(path)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder, by their endings, in natural order of their names (1, 2, 10)."""
    pictures = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted(pictures, key=natural_order)


def sound_in(folder: Path) -> Path | None:
    """Return the sound file of a folder of pictures: in it, or beside it where it is called ``frames`` or ``images``.

    None where there is none, and for what is not a folder. Raises MediaError for several.
    """
    places = [folder, folder.parent] if folder.name in FRAMES else [folder]
    files = [path for place in places if folder.is_dir() for path in place.iterdir()]
    sounds = sorted(path for path in files if path.suffix.lower() in SOUND_SUFFIXES and path.is_file())
    if len(sounds) > 1:
        raise MediaError(f"{display_name(folder)}: {len(sounds)} sound files; keep one of them")
    return sounds[0] if sounds else None
