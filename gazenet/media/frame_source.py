"""Sources of frames: videos, pictures and animations, and folders of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from gazenet.media.animated import AnimatedReader, count_pictures
from gazenet.media.decode import VideoReader, resize_image
from gazenet.media.frames import Frame, VideoInfo
from gazenet.media.media_files import IMAGE_SUFFIXES, pictures_in
from gazenet.media.picture_file import read_image
from gazenet.media.picture_folder import PictureFolderReader


class FrameSource(Protocol):
    """The frames of a source, in order of display.

    Attributes:
        info: declarations of the file.
        size: (height, width) of the frames.
        corrupt_frames: number of damaged frames so far.
        warnings: lines for the user; complete after the last frame.
    """

    info: VideoInfo
    size: tuple[int, int]
    corrupt_frames: int
    warnings: list[str]

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames from the first on."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class PictureReader:
    """A reader of a picture as a video of one frame at time 0.

    Args:
        path: the file.
        max_side: largest longer side of the frame in pixels.
        further: number of further pictures in the file, which are ignored with a warning.
    """

    def __init__(self, path: str | Path, max_side: int | None = None, further: int = 0) -> None:
        image = read_image(path)
        height, width = image.shape[:2]
        self.info = VideoInfo(Path(path), width, height, Fraction(25), None, 1, 0, False, None, None)
        scale = min(1.0, (max_side or max(height, width)) / max(height, width))
        self._image = resize_image(image, max(1, round(height * scale)), max(1, round(width * scale)))
        self.size = (self._image.shape[0], self._image.shape[1])
        self.corrupt_frames = 0
        self.warnings: list[str] = []
        if further:
            self.warnings.append(f"the file has {further + 1} pictures that are not frames; only the first is used")

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frame."""
        yield Frame(0, 0.0, self._image)

    def close(self) -> None:
        """Do nothing: no file stays open."""


def open_source(path: str | Path, max_side: int | None = None) -> FrameSource:
    """Return the reader of a video, a picture (by its suffix) or a folder of pictures. Raises MediaError."""
    if Path(path).is_dir() and pictures_in(Path(path)):
        return PictureFolderReader(path, max_side)
    if Path(path).suffix.lower() in IMAGE_SUFFIXES:
        frames, further = count_pictures(path)
        return AnimatedReader(path, max_side) if frames > 1 else PictureReader(path, max_side, further)
    return VideoReader(path, max_side)
