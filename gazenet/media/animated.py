"""Files with several pictures: animations, and the pages of a TIFF."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from gazenet.media.decode import resize_image
from gazenet.media.frames import Frame, VideoInfo
from gazenet.media.orient import fit_size
from gazenet.media.picture_file import open_picture, upright

if TYPE_CHECKING:
    from PIL.Image import Image

ANIMATED = ("WEBP", "PNG", "GIF", "AVIF")
"""Pillow's names of formats with animations."""
PAGED = ("TIFF",)
"""Pillow's names of formats with pages, which are frames where all have the same size."""
PAGE_RATE = Fraction(25)
"""Pages per second, as of folders of pictures: files do not declare it."""
SHORTEST = 0.01
"""Seconds: pictures with at most this duration are shown for :data:`DEFAULT_DURATION`, as browsers do."""
DEFAULT_DURATION = 0.1
DAMAGE = (OSError, ValueError, SyntaxError, EOFError)
"""Errors of Pillow for pictures that it cannot read."""


def count_pictures(path: str | Path) -> tuple[int, int]:
    """Return the number of frames in a picture file, and of further pictures that are not frames.

    The latter are previews, second views, and pages of different sizes. Raises MediaError.
    """
    with open_picture(path) as picture:
        total = int(getattr(picture, "n_frames", 1)) if picture.format in (*ANIMATED, *PAGED, "MPO") else 1
        frames = len(_frames(picture))
        return frames, total - frames if picture.format not in ANIMATED else 0


def _frames(picture: Image) -> range:
    """Return the numbers of the pictures that are frames."""
    count = int(getattr(picture, "n_frames", 1))
    if picture.format in ANIMATED:
        # A PNG may have a default picture for programs without animation support, which is not a frame.
        return range(1 if count > 1 and picture.info.get("default_image") else 0, count)
    if picture.format in PAGED and count > 1 and len({_size(picture, page) for page in range(count)}) == 1:
        picture.seek(0)
        return range(count)
    picture.seek(0)
    return range(1)


def _size(picture: Image, page: int) -> tuple[int, int]:
    picture.seek(page)
    return picture.size


class AnimatedReader:
    """A reader of an animated WebP, PNG, GIF or AVIF with its times, or of the pages of a TIFF at 25 per second.

    Attributes:
        info, size, corrupt_frames, warnings: as :class:`~gazenet.media.frame_source.FrameSource` declares them.

    Raises MediaError where the first picture cannot be read.
    """

    def __init__(self, path: str | Path, max_side: int | None = None) -> None:
        self._path = Path(path)
        self.corrupt_frames = 0
        self.warnings: list[str] = []
        with open_picture(path) as picture:
            self._numbers = _frames(picture)
            self._paged = picture.format in PAGED
            picture.seek(self._numbers[0])
            height, width = upright(picture).shape[:2]
            seconds = self._seconds(picture)
        self._durations = seconds
        count, total = len(seconds), sum(seconds, Fraction(0))
        rate = (count / total).limit_denominator(1001)
        self.info = VideoInfo(self._path, width, height, rate, float(total), count, 0, False, None, None)
        scaled = fit_size(width, height, max_side)
        self.size = (scaled[1], scaled[0])
        if self._paged:
            self.warnings.append(f"its {count} pages are read as frames, {PAGE_RATE} per second")

    def _seconds(self, picture: Image) -> list[Fraction]:
        """Return the duration of each readable picture, in seconds."""
        seconds: list[Fraction] = []
        for number in self._numbers:
            try:
                seconds.append(self._duration(picture, number))
            except DAMAGE as error:
                if not seconds:
                    raise
                self._note_end(len(seconds), error)
                break
        return seconds

    def _note_end(self, index: int, error: BaseException) -> None:
        cause = " ".join(str(error).split()) or "damaged"
        line = f"frame {index} of {len(self._numbers)} cannot be read ({cause}): the animation ends there"
        self.warnings += [line] if line not in self.warnings else []

    def _duration(self, picture: Image, number: int) -> Fraction:
        """Return the duration of a picture, in seconds."""
        if self._paged:
            return 1 / PAGE_RATE
        picture.seek(number)
        if picture.format in ("WEBP", "AVIF"):  # their durations are known only after decoding
            picture.load()
        duration = Fraction(float(picture.info.get("duration") or 0)).limit_denominator(1_000_000) / 1000
        return duration if duration > SHORTEST else Fraction(DEFAULT_DURATION).limit_denominator(100)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order; a damaged one ends the animation with a warning."""
        time = Fraction(0)
        with open_picture(self._path) as picture:
            for index, (number, duration) in enumerate(zip(self._numbers, self._durations, strict=False)):
                try:
                    picture.seek(number)
                    image = upright(picture)
                except DAMAGE as error:
                    if not index:
                        raise
                    self._note_end(index, error)
                    return
                yield Frame(index, float(time), resize_image(image, *self.size))
                time += duration

    def close(self) -> None:
        """Do nothing: no file stays open."""
