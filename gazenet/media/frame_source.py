"""Where frames come from: a video, a picture as a video of one frame or of several, or a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from gazenet.media.animated import AnimatedReader, pictures_of
from gazenet.media.decode import VideoReader, resized
from gazenet.media.frames import Frame, VideoInfo
from gazenet.media.picture_file import read_image
from gazenet.media.picture_folder import PictureFolderReader
from gazenet.media.source_id import IMAGE_SUFFIXES, pictures_in


class FrameSource(Protocol):
    """Frames of one source, iterated once; ``size`` (height, width) of the frames delivered."""

    info: VideoInfo
    size: tuple[int, int]
    corrupt_frames: int
    warnings: list[str]

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class PictureReader:
    """A picture as a video of one frame at time 0; of several pictures in one file the first, and a line says so."""

    def __init__(self, path: str | Path, max_side: int | None = None, further: int = 0) -> None:
        image = read_image(path)
        height, width = image.shape[:2]
        self.info = VideoInfo(Path(path), width, height, Fraction(25), None, 1, 0, False, None, None)
        scale = min(1.0, (max_side or max(height, width)) / max(height, width))
        self._image = resized(image, max(1, round(height * scale)), max(1, round(width * scale)))
        self.size = (self._image.shape[0], self._image.shape[1])
        self.corrupt_frames = 0
        self.warnings: list[str] = []
        if further:
            self.warnings.append(f"the file holds {further + 1} pictures that are no frames; the first is taken")

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(0, 0.0, self._image)

    def close(self) -> None:
        """Nothing is held open."""


def open_source(path: str | Path, max_side: int | None = None) -> FrameSource:
    """A reader for a video or, by its suffix, a picture, or for a folder of pictures. Raises MediaError."""
    if Path(path).is_dir() and pictures_in(Path(path)):
        return PictureFolderReader(path, max_side)
    if Path(path).suffix.lower() in IMAGE_SUFFIXES:
        frames, further = pictures_of(path)
        return AnimatedReader(path, max_side) if frames > 1 else PictureReader(path, max_side, further)
    return VideoReader(path, max_side)
