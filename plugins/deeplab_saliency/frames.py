"""Frames, or short windows of frames, with the density and the fixations of the last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.errors import UsageError
from gazenet.training.fixation_videos import FixatedVideo
from gazenet.training.seeded_samples import Sample
from gazenet_plugins.deeplab_saliency.network import normalised
from gazenet_plugins.deeplab_saliency.variant import Variant

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


@dataclass(frozen=True)
class SampleChanges:
    """The random changes of a training sample: ``flip`` left and right; ``photometric``: see :func:`recoloured`."""

    flip: bool = False
    photometric: float = 0.0

    def __call__(self, sample: Sample, random: np.random.Generator) -> Sample:
        """Change a sample; the frames of a window change alike."""
        frames = sample["frames"]
        if self.photometric:
            brightness, contrast, saturation = (1 + self.photometric * random.uniform(-1, 1, 3)).tolist()
            sample = {**sample, "frames": recoloured(frames, brightness, contrast, saturation)}
        if self.flip and random.random() < 0.5:
            sample = {name: value.flip(-1) for name, value in sample.items()}
        return sample


def recoloured(frames: Tensor, brightness: float, contrast: float, saturation: float) -> Tensor:
    """Scale brightness, contrast (about the mean grey) and saturation of uint8 ``[..., 3, h, w]``."""
    pixels = frames.float() * brightness
    grey = (pixels * torch.tensor(LUMA).view(3, 1, 1)).sum(-3, keepdim=True)
    pixels = grey + saturation * (pixels - grey)
    middle = grey.mean()
    return (middle + contrast * (pixels - middle)).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True)
class TrainingSource:
    """A video or picture with fixations in the frames ``targets`` (ascending); ``size`` is that of the labels."""

    video: FixatedVideo
    targets: NDArray[np.int64]
    size: tuple[int, int]
    variant: Variant

    def sample(self, frame: int) -> Sample:
        """Return ``frames`` uint8 ``[3, h, w]`` or ``[frames, 3, h, w]``; ``density``, ``fixations`` ``[h, w]``.

        Before a video begins its first frame is repeated.
        """
        before = self.variant.before
        window = self.video.clip(frame - before, before + 1)[:: self.variant.spacing]
        frames = torch.from_numpy(np.moveaxis(window, -1, 1).copy())
        labels = self.video.density(frame, *self.size), self.video.fixation_counts(frame, *self.size)
        density, fixations = (torch.from_numpy(np.ascontiguousarray(one, np.float32)) for one in labels)
        return {
            "frames": frames[0] if self.variant.frames == 1 else frames,
            "density": density,
            "fixations": fixations,
        }


def sources(
    videos: Sequence[FixatedVideo], size: tuple[int, int], variant: Variant, min_observers: int, part: str
) -> list[TrainingSource]:
    """Return the videos with enough observers. Raises UsageError that names ``part`` if there is none."""
    usable = [TrainingSource(video, video.targets(min_observers), size, variant) for video in videos]
    usable = [one for one in usable if len(one.targets)]
    if not usable:
        raise UsageError(f"data.{part}: no frame that {min_observers} or more people looked at")
    return usable


def _prepared(sample: Sample) -> Sample:
    return {**sample, "frames": normalised(sample["frames"])}


class RandomFrames:
    """Training samples: of every video ``repeats`` random frames in an epoch, every picture once.

    With ``draws`` an epoch has that many frames instead, each of a random video or picture.
    """

    def __init__(
        self,
        training_sources: Sequence[TrainingSource],
        changes: SampleChanges,
        repeats: int,
        draws: int | None = None,
    ) -> None:
        self.places = [one for one in training_sources for _ in range(1 if one.video.still else repeats)]
        self.changes, self.draws = changes, draws

    def __len__(self) -> int:
        return self.draws or len(self.places)

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        """Return a sample as :meth:`TrainingSource.sample` does, with ``frames`` normalised."""
        draw = random or np.random.default_rng(index)
        source = self.places[int(draw.integers(len(self.places))) if self.draws else index]
        frame = int(source.targets[draw.integers(len(source.targets))])
        return _prepared(self.changes(source.sample(frame), draw))


class FixedFrames:
    """Validation samples: every picture, and of every video the frames with fixations, ``stride`` apart."""

    def __init__(self, validation_sources: Sequence[TrainingSource], stride: int) -> None:
        self.places = [(one, frame) for one in validation_sources for frame in _apart(one.targets, stride)]

    def __len__(self) -> int:
        return len(self.places)

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        """Return a sample as :meth:`TrainingSource.sample` does, with ``frames`` normalised."""
        source, frame = self.places[index]
        return _prepared(source.sample(frame))


def _apart(targets: NDArray[np.int64], stride: int) -> list[int]:
    """Return the first target of every stretch of ``stride`` frames."""
    _, firsts = np.unique(targets // stride, return_index=True)
    return targets[firsts].tolist()
