"""Sources of frames: files, and videos in the published per-frame layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.data.grouped_frames import CAPTURED, PUBLISHED_RATE, RATES
from gazenet.maps.frame_folders import FrameFolderReader
from gazenet.media.decode import resize_image
from gazenet.media.frame_source import FrameSource, open_source
from gazenet.media.frames import Frame, VideoInfo
from gazenet.media.source_id import source_id

BLOCK = 32


def is_frame_folder(path: Path) -> bool:
    """Return whether a folder is a video in the published layout."""
    return (path / "1" / f"{CAPTURED}_1.jpg").is_file()


class CapturedFrames:
    """The pictures ``captured`` of one video in the published layout, at the nominal rate of its data set.

    Attributes:
        reader: all pictures of the video.
        info, size, corrupt_frames, warnings: see :class:`~gazenet.media.frame_source.FrameSource`.

    Raises:
        CacheError: the folder is damaged.
    """

    def __init__(self, folder: Path, max_side: int | None = None) -> None:
        dataset, video = folder.parent.name, folder.name
        self.reader = FrameFolderReader(folder.parent.parent, dataset, video, strict=False)
        height, width = self.reader.read(CAPTURED, 0, 1).shape[1:3]
        rate, count = Fraction(RATES.get(dataset, PUBLISHED_RATE)), self.reader.frames
        self.info = VideoInfo(folder, width, height, rate, float(count / rate), count, 0, False, None, None)
        scale = min(1.0, (max_side or max(height, width)) / max(height, width))
        self.size = (max(1, round(height * scale)), max(1, round(width * scale)))
        self.corrupt_frames = 0
        self.warnings = list(self.reader.notes)

    def images(self, start: int, stop: int) -> list[NDArray[np.uint8]]:
        """RGB uint8 ``[H, W, 3]`` of the frames ``start`` .. ``stop - 1``."""
        return [resize_image(image, *self.size) for image in self.reader.read(CAPTURED, start, stop)]

    def __iter__(self) -> Iterator[Frame]:
        for start in range(0, self.reader.frames, BLOCK):
            for k, image in enumerate(self.images(start, min(start + BLOCK, self.reader.frames)), start):
                yield Frame(k, float(k / self.info.rate), image)

    def close(self) -> None:
        """Do nothing: no file is held open."""


def open_frames(path: Path, max_side: int | None = None) -> FrameSource:
    """Open a video, a picture, or a folder of frames. Raises MediaError, CacheError."""
    return CapturedFrames(path, max_side) if is_frame_folder(path) else open_source(path, max_side)


def identity(path: Path, pictures: bool = False) -> str:
    """Hash (32 hex digits) of the content of a source; of a folder, of its frames or of all its ``pictures``.

    Raises MediaError where it cannot be read.
    """
    if not is_frame_folder(path):
        return source_id(path)
    digest = hashlib.sha256()
    frames = (entry for entry in path.iterdir() if entry.name.isdecimal())
    folders = sorted(frames, key=lambda entry: int(entry.name))
    for folder in folders:
        files = sorted(folder.glob("*_1.jpg")) if pictures else [folder / f"{CAPTURED}_1.jpg"]
        for file in files:
            data = file.read_bytes() if file.is_file() else b""
            digest.update(f"{folder.name}/{file.name} {len(data)} ".encode())
            digest.update(data)
    return digest.hexdigest()[:32]
