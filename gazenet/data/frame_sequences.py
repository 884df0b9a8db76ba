"""Videos as folders of frames with drawn ground truth, for networks that are judged on sequences of pictures.

Expected below ``root``, with one picture per frame and equal names (endings may differ):
``<video>/frames/`` (or ``images/``, or the frames in ``<video>/`` itself), ``<video>/maps/``, the density that people
left, and ``<video>/fixations/``, bright at fixated pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Behaviour, require
from gazenet.data.density import GaussianWidth, Points, Size
from gazenet.data.drawn_truth import PictureFixations
from gazenet.data.fixations import FrameFixations
from gazenet.data.reader_options import DatasetReader
from gazenet.errors import MediaError, UsageError
from gazenet.media.media_files import pictures_in
from gazenet.media.picture_file import picture_size, read_grey
from gazenet.media.picture_folder import check_sizes, sequences

MAPS, FIXATIONS = "maps", "fixations"
"""Folders of ground truth inside that of a video."""


@dataclass(frozen=True)
class SequenceVideo:
    """One folder of frames and the pictures of its ground truth.

    Every frame counts: one without a fixated pixel has no NSS and is counted as such.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    still: bool = False

    @property
    def path(self) -> Path:
        """The folder of frames; there is no media file."""
        return self.files[0].parent

    @property
    def frame_names(self) -> tuple[str, ...]:
        """The names of the frames without endings; their maps have the same names."""
        return tuple(file.stem for file in self.files)

    @cached_property
    def size(self) -> Size:
        """Height and width of the frames. Raises MediaError where one is unreadable or of another size."""
        return size_of(self.files)

    def fixations(self, times: NDArray[np.float64]) -> FrameFixations:
        """Return the ground truth of all frames; of ``times`` only their number matters.

        Raises UsageError where a frame has no map or no picture of fixations, and for another number of times;
        MediaError for unreadable pictures and pictures of different sizes.
        """
        if len(times) != len(self.files):
            raise UsageError(
                f"{self.folder}: has {len(self.files)} frames, not {len(times)}: it belongs to another video"
            )
        maps, fixated = self._truth(MAPS), self._truth(FIXATIONS)
        size_of(maps)
        scale = np.array(self.size[::-1]) / np.array(size_of(fixated)[::-1])
        points = [bright_points(file) * scale for file in fixated]
        observers = np.array([max(1, len(places)) for places in points], np.int64)
        return PictureFixations(self.size, points, observers, picture=lambda frame: read_grey(maps[frame]))

    def _truth(self, kind: str) -> list[Path]:
        """Return the pictures of one kind in the order of the frames."""
        folder = require(self.folder / kind, f"the folder of {kind}")
        return named(folder, self.frame_names, f"no picture in {kind}/")


class Sequences(DatasetReader[SequenceVideo]):
    """Every folder below the root is a video. Densities are stored as pictures, so sigma has no effect."""

    name = "sequences"
    usual_width = 384
    spreads: ClassVar[Mapping[Behaviour, GaussianWidth]] = {
        "corrected": GaussianWidth(384 / 32, reference_width=384),
        "published": GaussianWidth(384 / 32, reference_width=384),
    }

    @cached_property
    def _items(self) -> list[SequenceVideo]:
        """The videos by name. Raises UsageError where there is none, or one without frames."""
        root = require(self.root, "the folder of sequences")
        try:
            return [SequenceVideo(name, root / name, tuple(files)) for name, files in sequences(root).items()]
        except MediaError as error:
            raise UsageError(str(error)) from None


def named(folder: Path, names: Sequence[str], lacking: str) -> list[Path]:
    """Return the pictures of a folder that have these names, in order.

    Raises UsageError naming the first missing ones; ``lacking`` describes them.
    """
    there = {file.stem: file for file in pictures_in(folder)}
    missing = [name for name in names if name not in there]
    if missing:
        more = " ..." if len(missing) > 4 else ""
        listed = ", ".join(missing[:4])
        raise UsageError(f"{folder}: {len(missing)} of {len(names)} frames have {lacking}: {listed}{more}")
    return [there[name] for name in names]


def size_of(files: Sequence[Path]) -> Size:
    """Return the (height, width) that all pictures have. Raises MediaError for the first of another size."""
    sizes = [picture_size(file) for file in files]
    for file, size in zip(files, sizes, strict=True):
        check_sizes(file, size, sizes[0])
    return sizes[0]


def bright_points(file: Path) -> Points:
    """Middles ``[n, 2]`` (x, y) of the pixels at least half as bright as the brightest; none of a black picture."""
    grey = read_grey(file)
    rows, columns = np.nonzero(grey >= max(1, (int(grey.max()) + 1) // 2))
    return np.stack([columns, rows], axis=1).astype(np.float64) + 0.5
