"""A training clip: the cue maps of a video or picture beside the fixations of the people who watched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gazenet.data.dataset import Item
from gazenet.data.density import Size, inside
from gazenet.data.fixations import FrameFixations


@dataclass(frozen=True)
class CueClip:
    """Maps uint8 ``[T, h, w]`` (or RGB pictures ``[T, h, w, 3]``) per cue, and the item they belong to.

    ``times`` ``[T]``: of the frames, in seconds. ``sigma``: standard deviation of the ground-truth Gaussian in pixels
    of the item's own frames. ``source``: the number of the training config's entry it comes from; samples are divided
    between sources.
    """

    dataset: str
    item: Item
    maps: Mapping[str, NDArray[np.uint8]]
    times: NDArray[np.float64]
    sigma: float
    source: int = 0

    def __post_init__(self) -> None:
        for cue, maps in self.maps.items():
            if maps.ndim not in (3, 4) or maps.shape[3:] not in ((), (3,)) or len(maps) != len(self.times):
                raise ValueError(f"{self.name}: cue {cue} has maps {maps.shape} for {len(self.times)} frames")

    @property
    def name(self) -> str:
        """Data set and item: ``diem/video``."""
        return f"{self.dataset}/{self.item.name}"

    def __len__(self) -> int:
        return len(self.times)

    @property
    def size(self) -> Size:
        """Height and width of the frames on which people fixated."""
        return self.item.size

    @property
    def still(self) -> bool:
        """True for a single picture."""
        return self.item.still

    @cached_property
    def truth(self) -> FrameFixations:
        """The fixations of every frame, computed once."""
        return self.item.fixations(self.times)

    def targets(self, stride: int, min_observers: int) -> NDArray[np.int64]:
        """Return every ``stride``-th frame with at least ``min_observers`` people and a fixation inside the frame."""
        chosen = [
            frame
            for frame in range(0, len(self), stride)
            if self.truth.observers[frame] >= min_observers and len(inside(self.truth[frame], self.size))
        ]
        return np.array(chosen, np.int64)
