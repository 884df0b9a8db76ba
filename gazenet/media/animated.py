"""Pictures of which one file holds several: animations, and the pages of a TIFF."""

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
"""Pillow's names of formats whose pictures follow each other in time."""
PAGED = ("TIFF",)
"""Formats whose pictures are pages, which count as frames where all have one size."""
PAGE_RATE = Fraction(25)
"""Pages per second: nobody says it of pages, and folders of pictures have the same rate."""
SHORTEST = 0.01
"""Seconds: pictures that are to be shown for no longer than this are shown for :data:`INSTEAD`, as browsers do."""
INSTEAD = 0.1
DAMAGE = (OSError, ValueError, SyntaxError, EOFError)
"""What Pillow raises for pictures that it cannot read."""


def count_pictures(path: str | Path) -> tuple[int, int]:
    """How many frames a picture file holds, and how many further pictures that are no frames.

    Those are previews, second views, and pages of unequal sizes. Raises MediaError.
    """
    with open_picture(path) as picture:
        several = int(getattr(picture, "n_frames", 1)) if picture.format in (*ANIMATED, *PAGED, "MPO") else 1
        frames = len(_frames(picture))
        return frames, several - frames if picture.format not in ANIMATED else 0


def _frames(picture: Image) -> range:
    """The numbers of the pictures that are frames."""
    count = int(getattr(picture, "n_frames", 1))
    if picture.format in ANIMATED:
        # A PNG may hold a picture for programs that know no animations, which is no part of it.
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
    """The frames of an animated WebP, PNG, GIF or AVIF with their times, or the pages of a TIFF at 25 per second.

    Attributes:
        info, size, corrupt_frames, warnings: as :class:`~gazenet.media.frame_source.FrameSource` asks for.

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
            self.warnings.append(f"its {count} pages are taken as frames, {PAGE_RATE} per second")

    def _seconds(self, picture: Image) -> list[Fraction]:
        """For how long each picture is shown; the first ones of a file that ends too early."""
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
        """Seconds for which a picture is shown."""
        if self._paged:
            return 1 / PAGE_RATE
        picture.seek(number)
        if picture.format in ("WEBP", "AVIF"):  # they tell it only once a picture is decoded
            picture.load()
        told = Fraction(float(picture.info.get("duration") or 0)).limit_denominator(1_000_000) / 1000
        return told if told > SHORTEST else Fraction(INSTEAD).limit_denominator(100)

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order; behind a damaged one nothing can be read, and a line says so."""
        time = Fraction(0)
        with open_picture(self._path) as picture:
            for index, (number, shown) in enumerate(zip(self._numbers, self._durations, strict=False)):
                try:
                    picture.seek(number)
                    image = upright(picture)
                except DAMAGE as error:
                    if not index:
                        raise
                    self._note_end(index, error)
                    return
                yield Frame(index, float(time), resize_image(image, *self.size))
                time += shown

    def close(self) -> None:
        """Nothing is held open."""
