"""Videos and pictures of the installed data sets with where people looked, for networks that learn from frames."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import sigma_of
from gazenet.data.fixations import FrameFixations
from gazenet.data.source_items import source_items
from gazenet.errors import UsageError
from gazenet.training.frame_cache import CachedFrames, frames_of
from gazenet.training.recipe_config import SourceConfig

Size = tuple[int, int]


@dataclass(frozen=True)
class FixatedVideo:
    """One video (or picture: ``still``) at the network's size with the fixations of its frames.

    ``sigma``: Gaussian of the density in pixels of the full frame.
    """

    name: str
    frames: CachedFrames
    truth: FrameFixations
    sigma: float
    still: bool = False

    def __len__(self) -> int:
        return len(self.frames)

    def clip(self, first: int, count: int = 1) -> NDArray[np.uint8]:
        """RGB ``[count, h, w, 3]`` from frame ``first`` on; beyond an end the first or last frame is repeated."""
        return self.frames.clip(first, count)

    def density(self, frame: int, height: int, width: int) -> NDArray[np.float32]:
        """The density of fixations, ``[height, width]``, largest value 1; zeros without fixations."""
        return self.truth.density(frame, height, width, self.sigma)

    def fixation_counts(self, frame: int, height: int, width: int) -> NDArray[np.int64]:
        """int64 ``[height, width]``: how many fixations lie in each cell."""
        return self.truth.fixation_counts(frame, height, width)

    def targets(self, min_observers: int = 1) -> NDArray[np.int64]:
        """The frames that so many people looked at, ascending; at least one fixation lies on each."""
        return np.flatnonzero(self.truth.observers >= max(1, min_observers))


def open_videos(
    sources: Sequence[SourceConfig], root: str | Path, size: Size, cache: str | Path
) -> list[FixatedVideo]:
    """Open all videos that the sources of a config name, frames brought to ``size`` (height, width).

    All names are looked up before anything is decoded; what ``cache`` lacks is decoded then and said on stderr.

    Args:
        sources: as in the config of the integrator; ``root`` of a source wins over ``<root>/<dataset>``.

    Raises UsageError for names that are not there, MediaError for what cannot be decoded.
    """
    for source in sources:
        _check(source)
    chosen = source_items(sources, root)
    if sources and not chosen:
        raise UsageError(f"data set {sources[0].dataset}: no item is left to learn from")
    videos = []
    for number, entry in enumerate(chosen, 1):
        item = entry.item
        print(f"frames {number}/{len(chosen)} {item.path.name}", file=sys.stderr, flush=True)
        frames = frames_of(item.path, size, Path(cache) / "frames")
        truth, sigma = item.fixations(frames.times), sigma_of(entry.collection, item)
        videos.append(FixatedVideo(entry.name, frames, truth, sigma, item.still))
    return videos


def _check(source: SourceConfig) -> None:
    """Raises UsageError for keys of a source that only the integrator's training acts on."""
    for key in ("weight", "field_of_view"):
        if getattr(source, key) != SourceConfig.model_fields[key].default:
            raise UsageError(f"data set {source.dataset}: {key} is for the integrator's training; leave it out here")


def normalised(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB uint8 ``[..., h, w, 3]`` as float32 ``[..., 3, h, w]``, scaled to 0..1, mean and deviation of ImageNet."""
    mean, std = np.array((0.485, 0.456, 0.406), np.float32), np.array((0.229, 0.224, 0.225), np.float32)
    scaled = (images.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(np.moveaxis(scaled, -1, -3))
