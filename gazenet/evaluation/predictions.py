"""Predictions that are one grey picture per frame: ``<folder>/<video>/<frame>.png``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size
from gazenet.data.frame_sequences import named, size_of
from gazenet.errors import CacheError, UsageError
from gazenet.media.picture_file import read_grey


class PictureMaps:
    """Maps uint8 ``[T, h, w]`` that are read when asked for: those of a long video need not fit into memory."""

    ndim = 3

    def __init__(self, files: Sequence[Path], size: Size) -> None:
        self._files = tuple(files)
        self.shape = (len(self._files), *size)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        return read_grey(self._files[frame])


def pictured(folder: Path, names: Sequence[str], size: Size) -> PictureMaps:
    """The maps of a video's frames, by their names, in order; ``size`` is that of the frames.

    Raises CacheError for a frame without a map and for maps of another size than the frames, MediaError for maps of
    unequal sizes.
    """
    try:
        files = named(folder, names, "no map")
    except UsageError as error:
        raise CacheError(str(error)) from None
    found = size_of(files)
    if found != size:
        raise CacheError(
            f"{folder}: its maps are {found[0]} x {found[1]} (height x width), the frames {size[0]} x {size[1]}: "
            "write them at the size of the frames"
        )
    return PictureMaps(files, size)
