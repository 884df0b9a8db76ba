"""The published per-frame cache as a data set: pictures of frames, cues and ground truth, one folder per frame.

Expected below ``root`` (or below ``root/Grouped_frames``): ``<dataset>/<video>/<frame, from 1>/<picture>_1.jpg``. An
item is a folder of frames, named ``<dataset>/<video>``; its ground truth is drawn, not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Points, Size
from gazenet.data.drawn_truth import PictureFixations
from gazenet.data.fixations import FrameFixations
from gazenet.data.reader_options import DatasetReader
from gazenet.errors import UsageError
from gazenet.files import natural_order
from gazenet.maps.frame_folders import FrameFolderReader, Picture

SALMAP, FIXMAP, CAPTURED = "transformed_salmap", "transformed_fixmap", "captured"
CUE_PREFIX = "det_transformed_"
EXTRACTORS = {"vidgaze": "videogaze"}
"""Pictures whose extractor has another name."""
RATES = {"diem": 30.0, "findwho": 30.0, "mvva": 30.0, "fairplay": 60.0}
"""Nominal frames per second of what the pictures were taken from; the layout does not contain it. Others: 25."""
PUBLISHED_RATE = 25.0
HALF = 128


@dataclass(frozen=True)
class CachedVideo:
    """The frames of one video in the cache.

    ``size`` is that of the pictures, whatever the shape of the video. Corrected: frames must be numbered without gaps;
    a fixation is a spot of at least half brightness; a frame without ground truth has no observers. Published: gaps
    are filled with the frame before, every pixel above zero is a fixation, all videos have 25 frames per second.
    """

    name: str
    root: Path
    behaviour: Behaviour = "corrected"
    still: bool = False

    @property
    def path(self) -> Path:
        """The folder of frames; there is no media file."""
        return self.root / self.name

    @cached_property
    def reader(self) -> FrameFolderReader:
        """Access to all pictures. Raises CacheError for gaps and stray files."""
        dataset, video = self.name.split("/")
        return FrameFolderReader(self.root, dataset, video, strict=self.behaviour == "corrected")

    @property
    def rate(self) -> float:
        """Nominal frames per second."""
        if self.behaviour == "published":
            return PUBLISHED_RATE
        return RATES.get(self.name.split("/")[0], PUBLISHED_RATE)

    @property
    def times(self) -> NDArray[np.float64]:
        """The presentation time of each frame, ``[T]`` seconds, by the nominal rate."""
        return np.arange(len(self.reader)) / self.rate

    @cached_property
    def size(self) -> Size:
        """Height and width of the pictures. Raises UsageError without ``captured``, CacheError for damaged files."""
        height, width = self.pictures(CAPTURED, 0, 1).shape[1:3]
        return height, width

    def pictures(self, picture: str, start: int = 0, stop: int | None = None) -> Picture:
        """RGB uint8 ``[T, h, w, 3]`` of the frames ``start <= index < stop`` (from 0); a missing one repeats the last.

        Raises UsageError saying what makes it, where no frame has it; CacheError for damaged files.
        """
        self.need([picture])
        return self.reader.read(picture, start, stop)

    def need(self, pictures: Sequence[str]) -> None:
        """Raise UsageError for the first of ``pictures`` that no frame has, saying what makes it."""
        for picture in pictures:
            if picture not in self.reader.pictures:
                raise UsageError(f"{self.path}: no frame has {picture}_1.jpg; {maker(picture)}")

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return the drawn ground truth of the first ``len(times)`` frames; points are counted as observers.

        Raises UsageError without any ground truth, or for more ``times`` than frames; CacheError for damaged files.
        """
        self.need([SALMAP, FIXMAP])
        if len(times) > len(self.reader):
            raise UsageError(
                f"{self.path}: has {len(self.reader)} frames, not {len(times)}: it belongs to another video"
            )
        points = [np.empty((0, 2)) if k in self._without_truth else self._points(k) for k in range(len(times))]
        observers = np.array([len(places) for places in points], np.int64)
        return PictureFixations(self.size, points, observers, picture=self._salmap)

    @cached_property
    def _without_truth(self) -> frozenset[int]:
        """Frames that lack either picture of the ground truth."""
        return frozenset([*self.reader.missing(FIXMAP), *self.reader.missing(SALMAP)])

    def _salmap(self, frame: int) -> NDArray[np.uint8] | None:
        return None if frame in self._without_truth else self._grey(SALMAP, frame)

    def _points(self, frame: int) -> Points:
        picture = self._grey(FIXMAP, frame)
        scale = np.array([self.size[1] / picture.shape[1], self.size[0] / picture.shape[0]])
        if self.behaviour == "published":
            rows, columns = np.nonzero(picture)
            return (np.stack([columns, rows], axis=1) + 0.5) * scale
        _, _, _, centres = cv2.connectedComponentsWithStats((picture >= HALF).astype(np.uint8), connectivity=8)
        places: Points = (centres[1:] + 0.5) * scale
        return places

    def _grey(self, picture: str, frame: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.cvtColor(self.reader.read(picture, frame, frame + 1)[0], cv2.COLOR_RGB2GRAY), np.uint8)


class GroupedFrames(DatasetReader[CachedVideo]):
    """Every video of every data set in the cache. Sigma is that of pictures 500 wide; it has no effect here."""

    name = "processed"
    usual_width = 500
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(500 / 32, reference_width=500),
        "published": GaussianWidth(500 / 32, reference_width=500),
    }

    @cached_property
    def _items(self) -> list[CachedVideo]:
        """The videos by name (``coutrot1/clip_1``); their frames are looked at on use. Raises UsageError."""
        root = require(self.root, "the per-frame cache")
        below = root / "Grouped_frames"
        root = below if below.is_dir() else root
        folders = sorted((path for path in root.glob("*/*") if path.is_dir()), key=natural_order)
        names = [f"{video.parent.name}/{video.name}" for video in folders]
        if not names:
            raise UsageError(f"{root}: has no <dataset>/<video> folder; the data set's README says what is expected")
        return [CachedVideo(name, root, self.behaviour) for name in names]


def maker(picture: str) -> str:
    """Return a sentence on how to make the pictures of a name."""
    if picture.startswith(CUE_PREFIX):
        short = picture.removeprefix(CUE_PREFIX)
        return f"run the first stage with the extractor {EXTRACTORS.get(short, short)}, or download the cache again"
    if picture in (SALMAP, FIXMAP):
        return "download the cache again, or run: gasp_scripts --scripts postprocess_get_from_stavis"
    return "download the cache again"
