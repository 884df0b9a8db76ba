"""The frames of a video at the size a network sees them, decoded once and kept, so that any of them is at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.files import atomic_write
from gazenet.media import open_source
from gazenet.media.decode import resize_image
from gazenet.media.source_id import source_id
from gazenet.npy import read_npy


@dataclass(frozen=True)
class CachedFrames:
    """``images`` uint8 ``[T, h, w, 3]`` RGB in a file, ``times`` ``[T]`` in seconds, as decoded."""

    images: NDArray[np.uint8]
    times: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)

    def clip(self, first: int, count: int = 1) -> NDArray[np.uint8]:
        """Frames ``[count, h, w, 3]`` from ``first`` on; beyond an end the first or last frame is repeated."""
        return np.asarray(self.images[np.clip(np.arange(first, first + count), 0, len(self) - 1)])


def frames_of(path: Path, size: tuple[int, int], folder: Path) -> CachedFrames:
    """The frames of a video or picture in (height, width), from ``folder`` where they are cached.

    They are named by the content of the file, so another one is never taken for it. A video takes 3 bytes per pixel
    and frame. Raises MediaError for what cannot be decoded.
    """
    height, width = size
    pixels = folder / f"{source_id(path)}-{height}x{width}.rgb"
    clock = pixels.with_suffix(".times.npy")
    # The times are written last: they say that the pixels are complete.
    if not (clock.is_file() and pixels.is_file()):
        _decode(path, size, pixels, clock)
    times = read_npy(clock)
    shape: Any = (len(times), height, width, 3)
    return CachedFrames(np.memmap(pixels, np.uint8, "r", shape=shape), times)


def _decode(path: Path, size: tuple[int, int], pixels: Path, clock: Path) -> None:
    source, times = open_source(path), []
    try:
        with atomic_write(pixels) as file:
            for frame in source:
                file.write(np.ascontiguousarray(resize_image(frame.image, *size)).tobytes())
                times.append(frame.time)
    finally:
        source.close()
    with atomic_write(clock) as file:
        np.save(file, np.array(times, np.float64))
