"""The Lightning data module: training draws that depend on nothing but seed and epoch, validation in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Sampler

from gazenet.config.train import DataConfig
from gazenet.data.clips import CueClip
from gazenet.data.samples import Draws, Render, Sample, SampleShape, WindowSamples

if TYPE_CHECKING:
    from lightning import LightningDataModule


class EpochSampler(Sampler[int]):
    """Draw numbers of one epoch in order; Lightning tells the epoch, also after a resume."""

    def __init__(self, length: int) -> None:
        self.length, self.epoch = length, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.epoch * self.length, (self.epoch + 1) * self.length))


def training_samples(
    clips: Sequence[CueClip],
    cues: Sequence[str],
    shape: SampleShape,
    render: Render,
    config: DataConfig,
    seed: int,
    samples_per_epoch: int | None,
) -> WindowSamples:
    """Augmented samples of the frames that enough people looked at. Raises UsageError where there is none."""
    targets = [clip.targets(1 if clip.item.still else config.frame_stride, config.min_observers) for clip in clips]
    weights = [source.weight for source in config.train]
    draws = Draws(clips, targets, seed, samples_per_epoch, weights)
    return WindowSamples(clips, cues, shape, render, draws, config.augment)


def validation_samples(
    clips: Sequence[CueClip], cues: Sequence[str], shape: SampleShape, render: Render, config: DataConfig
) -> WindowSamples:
    """All validation frames in order, unchanged. Raises UsageError where there is none."""
    targets = [
        clip.targets(1 if clip.item.still else config.frame_stride, config.validation_min_observers) for clip in clips
    ]
    return WindowSamples(clips, cues, shape, render, Draws(clips, targets, 0))


def training_loader(samples: WindowSamples, batch_size: int, workers: int = 0) -> DataLoader[Sample]:
    """Batches of one epoch; a set smaller than the batch is one batch, an incomplete last batch is left out."""
    size = min(batch_size, len(samples))
    sampler = EpochSampler(len(samples))
    return DataLoader(samples, batch_size=size, sampler=sampler, num_workers=workers, drop_last=True)


def validation_loader(samples: WindowSamples, batch_size: int, workers: int = 0) -> DataLoader[Sample]:
    """Batches of all validation frames in order."""
    return DataLoader(samples, batch_size=batch_size, num_workers=workers)


def data_module(
    training: WindowSamples, validation: WindowSamples | None, batch_size: int, workers: int = 0
) -> LightningDataModule:
    """Both loaders as a ``LightningDataModule``."""
    from lightning import LightningDataModule

    class CueData(LightningDataModule):
        """Windows of cue maps with the fixations of their last frame."""

        def train_dataloader(self) -> DataLoader[Sample]:
            return training_loader(training, batch_size, workers)

        def val_dataloader(self) -> DataLoader[Sample] | list[Any]:
            return [] if validation is None else validation_loader(validation, batch_size, workers)

    return CueData()
