"""Identity of media files by content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gazenet.errors import MediaError
from gazenet.files import sha256_file
from gazenet.media.animated import count_pictures
from gazenet.media.media_files import IMAGE_SUFFIXES, checked_file, display_name, pictures_in, sound_in


def _frames_in(picture: Path) -> int:
    """Return the number of frames in a picture file; 1 for an unreadable one, which its reader reports later."""
    try:
        return count_pictures(picture)[0]
    except MediaError:
        return 1


def source_id(path: str | Path) -> str:
    """Return the first 32 hex digits of the SHA-256 of a file's content.

    Of a folder of pictures, their names and contents and its sound file are hashed; of an animation, also its number
    of frames. Raises MediaError where the file cannot be read.
    """
    files = pictures_in(Path(path)) if Path(path).is_dir() else []
    if files:
        sound = sound_in(Path(path))
        listing = "".join(f"{file.name} {source_id(file)}\n" for file in [*files, *([sound] if sound else [])])
        return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    file = checked_file(path)
    try:
        frames = _frames_in(file) if file.suffix.lower() in IMAGE_SUFFIXES else 1
        content = sha256_file(file)
        # Older caches hold maps of the first frame only: with the number of frames they belong to another source.
        return (content if frames == 1 else hashlib.sha256(f"{content} {frames} frames".encode()).hexdigest())[:32]
    except OSError as error:
        raise MediaError(f"{display_name(file)}: {error.strerror or error}") from None
