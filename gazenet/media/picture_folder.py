"""Videos stored as folders of pictures, one per frame, in natural order of their names (1, 2, 10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from gazenet.errors import MediaError
from gazenet.files import natural_order
from gazenet.media.decode import resize_image
from gazenet.media.frames import Frame, VideoInfo
from gazenet.media.media_files import FRAMES, display_name, pictures_in, sound_in
from gazenet.media.picture_file import read_image
from gazenet.media.sound_file import sound_form

RATE = Fraction(25)
"""Frames per second: folders of pictures do not declare a rate."""


def sequences(root: str | Path) -> dict[str, list[Path]]:
    """Return the frames of every video in a folder, by name: in ``root/VIDEO``, ``.../frames`` or ``.../images``.

    Raises MediaError for a missing folder, a folder without videos, or a video without frames.
    """
    root = Path(root)
    if not root.is_dir():
        raise MediaError(f"{display_name(root)}: no such folder")
    folders = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    videos = sorted(folders, key=natural_order)
    if not videos:
        raise MediaError(f"{display_name(root)}: has no folder with pictures; expected one folder of frames per video")
    return {video.name: frames_of_video(video) for video in videos}


def frames_of_video(video: Path) -> list[Path]:
    """Return the pictures of a video, in natural order of their names.

    Raises MediaError where there are none, and for pictures that differ only in their ending.
    """
    folders = (video, *(video / name for name in FRAMES))
    pictures = next((files for folder in folders if folder.is_dir() and (files := pictures_in(folder))), [])
    if not pictures:
        raise MediaError(f"{display_name(video)}: a video without frames; expected pictures in it or in its frames/")
    name, count = Counter(path.stem for path in pictures).most_common(1)[0]
    if count > 1:
        raise MediaError(f"{display_name(video)}: {count} pictures are named {name}; keep one of them")
    return pictures


class PictureFolderReader:
    """A reader of a folder of pictures as a video, 25 frames per second; a sound file in it is its sound.

    Attributes:
        info, size, corrupt_frames, warnings: as :class:`~gazenet.media.frame_source.FrameSource` declares them.

    Raises MediaError without pictures and for unreadable ones; while iterated, also for pictures of different sizes.
    """

    def __init__(self, folder: str | Path, max_side: int | None = None) -> None:
        self._files = frames_of_video(Path(folder))
        height, width = read_image(self._files[0]).shape[:2]
        count = len(self._files)
        sound = sound_in(Path(folder))
        audio = (None, None) if sound is None else sound_form(sound)
        self.info = VideoInfo(
            Path(folder), width, height, RATE, float(count / RATE), count, 0, sound is not None, *audio
        )
        scale = min(1.0, (max_side or max(height, width)) / max(height, width))
        self.size = (max(1, round(height * scale)), max(1, round(width * scale)))
        self.corrupt_frames = 0
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order."""
        first_size = (self.info.height, self.info.width)
        for k, file in enumerate(self._files):
            image = read_image(file)
            check_sizes(file, (image.shape[0], image.shape[1]), first_size)
            yield Frame(k, float(k / RATE), resize_image(image, *self.size))

    def close(self) -> None:
        """Do nothing: no file stays open."""


def check_sizes(file: Path, size: tuple[int, int], others: tuple[int, int]) -> None:
    """Raise MediaError where the size (height, width) of a picture differs from that of the pictures before it."""
    if size != others:
        raise MediaError(
            f"{display_name(file)}: different sizes in one sequence: {size[0]} x {size[1]} (height x width) after "
            f"{others[0]} x {others[1]}"
        )
