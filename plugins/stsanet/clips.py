"""Clips of 32 frames with the density and the fixations of their target frame, for training STSANet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.training.fixation_videos import FixatedVideo, normalised
from gazenet.training.seeded_samples import Sample
from gazenet_plugins.stsanet.network import CLIP, TARGET
from gazenet_plugins.stsanet.published_sets import PictureVideo

Label = tuple[NDArray[np.float32], NDArray[np.integer]]
TRIES = 64
"""Random starts that are tried for a target frame that somebody looked at."""


@dataclass(frozen=True)
class InstalledVideo:
    """A video of an installed data set as a source of clips; ``size``: (height, width) of the labels."""

    video: FixatedVideo
    size: tuple[int, int]
    stride: int
    min_observers: int

    @property
    def starts(self) -> int:
        """The number of frames at which a training clip may begin."""
        return max(1, len(self.video) - CLIP)

    @property
    def validation_starts(self) -> range:
        """Return the first frames of the validation clips."""
        return range(0, max(1, len(self.video) - CLIP + 1), self.stride)

    def clip(self, first: int, count: int = 1) -> NDArray[np.uint8]:
        """Return ``count`` frames from ``first`` on."""
        return self.video.clip(first, count)

    def label(self, start: int) -> Label:
        """Return density and fixations; both are empty where too few people looked."""
        frame = min(start + TARGET, len(self.video) - 1)
        if self.video.truth.observers[frame] < self.min_observers:
            return np.zeros(self.size, np.float32), np.zeros(self.size, np.uint8)
        return self.video.density(frame, *self.size), self.video.fixation_counts(frame, *self.size)


ClipSource = InstalledVideo | PictureVideo
"""A video that clips are taken from: training clips at starts below ``starts``, validation clips at fixed ones."""


def _judged(label: Label) -> bool:
    """Return whether a label is usable: it has fixations, and its density is not constant."""
    return bool(label[1].any() and label[0].max() > label[0].min())


def _sample(source: ClipSource, start: int, label: Label) -> Sample:
    clip = normalised(source.clip(start, CLIP))
    density, fixations = (torch.from_numpy(np.ascontiguousarray(one, np.float32)) for one in label)
    return {"clip": torch.from_numpy(clip).transpose(0, 1), "density": density, "fixations": fixations}


def _probes(source: ClipSource) -> list[int]:
    """Return starts spread over a video."""
    return [int(start) for start in np.linspace(0, source.starts - 1, min(source.starts, 64))]


def learnable(source: ClipSource) -> bool:
    """Return whether the target frame of some clip has fixations; other videos are useless for training."""
    return any(_judged(source.label(start)) for start in _probes(source))


class RandomClips:
    """Training clips: of every (learnable) video ``repeats`` clips in an epoch, at random starts.

    Starts whose target frame has no fixations are drawn again; the published training skipped their batches.
    """

    def __init__(self, sources: Sequence[ClipSource], repeats: int = 1) -> None:
        self.sources, self.repeats = sources, repeats

    def __len__(self) -> int:
        return self.repeats * len(self.sources)

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        """Return ``clip`` ``[3, 32, h, w]`` normalised; ``density`` and ``fixations`` ``[h, w]``."""
        source = self.sources[index % len(self.sources)]
        draw = random or np.random.default_rng(index)
        for _ in range(TRIES):
            start = int(draw.integers(source.starts))
            label = source.label(start)
            if _judged(label):
                return _sample(source, start, label)
        start = next(start for start in _probes(source) if _judged(source.label(start)))
        return _sample(source, start, source.label(start))


class FixedClips:
    """Validation clips at fixed starts, without those whose target frame has no fixations."""

    def __init__(self, sources: Sequence[ClipSource]) -> None:
        pairs = ((source, start) for source in sources for start in source.validation_starts)
        self.clips = [(source, start) for source, start in pairs if _judged(source.label(start))]

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        """Return a sample as :class:`RandomClips` does."""
        source, start = self.clips[index]
        return _sample(source, start, source.label(start))
