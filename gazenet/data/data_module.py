"""The Lightning data module: training draws that depend only on seed and epoch, validation frames in order."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from gazenet.config.training import DataConfig
from gazenet.data.window_samples import ClipTargets, DrawOrder, Sample
from gazenet.ending_signals import ENDING

if TYPE_CHECKING:
    from lightning import LightningDataModule

SHARED = "/dev/shm"
AHEAD = 3
"""Finished batches of a process that wait to be taken, and the one in progress."""


class SampleSource(Protocol):
    """Samples by draw number; ``len`` is the number of draws in an epoch."""

    def __getitem__(self, draw: int) -> Sample: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class EpochShare:
    """The share of the process ``rank`` of ``world`` in an epoch.

    ``begun``: an epoch, and how many batches (in a sampler: draws) of it this process has had already.
    """

    rank: int = 0
    world: int = 1
    begun: tuple[int, int] = (0, 0)


class EpochSampler(Sampler[int]):
    """Draw numbers of one epoch in order; Lightning sets the epoch, also after a resume.

    A process gets every world-th draw, so that the batches of all together are those of a single process. What cannot
    be shared out evenly at the end is left out. The length is that of a whole epoch, also of one that was begun.
    """

    def __init__(self, length: int, share: EpochShare = EpochShare()) -> None:
        # Processes that make samples ask for the first draws before Lightning sets the epoch.
        self.length, self.share, self.epoch = length, share, share.begun[0]

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length // self.share.world

    def __iter__(self) -> Iterator[int]:
        start, (epoch, done), world = self.epoch * self.length, self.share.begun, self.share.world
        draws = range(start + self.share.rank, start + len(self) * world, world)
        return iter(draws[done:] if epoch == self.epoch else draws)


def training_draws(
    clips: Sequence[ClipTargets], config: DataConfig, seed: int, samples_per_epoch: int | None = None
) -> DrawOrder:
    """Return draws of the frames that enough people looked at. Raises UsageError where there are none."""
    targets = [clip.targets(1 if clip.still else config.frame_stride, config.min_observers) for clip in clips]
    weights = [source.weight for source in config.train]
    return DrawOrder(clips, targets, seed, samples_per_epoch, weights, config.sampling == "videos")


def validation_draws(clips: Sequence[ClipTargets], config: DataConfig) -> DrawOrder:
    """Return the validation frames in order: all, or ``validation_windows`` evenly spread ones of each video.

    Where an epoch has one window per video, the default is one frame per video, the middle one.
    """
    targets = [
        clip.targets(1 if clip.still else config.frame_stride, config.validation_min_observers) for clip in clips
    ]
    count = config.validation_windows or (1 if config.sampling == "videos" else None)
    if count is not None:
        targets = [frames[_spread(len(frames), count)] for frames in targets]
    return DrawOrder(clips, targets, 0)


def _spread(length: int, count: int) -> NDArray[np.int64]:
    """Return the middles of ``count`` equal parts of ``length`` places; all places where there are not more."""
    if length <= count:
        return np.arange(length)
    return ((np.arange(count) + 0.5) * length / count).astype(np.int64)


def training_loader(
    samples: SampleSource,
    batch_size: int,
    workers: int = 0,
    drop_last: bool = True,
    share: EpochShare = EpochShare(),
) -> DataLoader[Sample]:
    """Return batches of one epoch for one of several processes, which share ``batch_size`` out between them.

    A set smaller than the batch is one batch; an incomplete last batch is left out unless ``drop_last`` is False.
    """
    size, (epoch, done) = max(1, min(batch_size, len(samples)) // share.world), share.begun
    sampler = EpochSampler(len(samples), replace(share, begun=(epoch, done * size)))
    return SampleLoader(
        _as_dataset(samples),
        batch_size=size,
        sampler=sampler,
        num_workers=workers,
        drop_last=drop_last,
        worker_init_fn=outlive_the_group,
    )


def validation_loader(samples: SampleSource, batch_size: int, workers: int = 0) -> DataLoader[Sample]:
    """Return batches of all validation frames in order; every process sees all of them."""
    return SampleLoader(
        _as_dataset(samples), batch_size=batch_size, num_workers=workers, worker_init_fn=outlive_the_group
    )


class SampleLoader(DataLoader[Sample]):
    """A loader whose worker processes outlive a signal to their group from their first moment on."""

    def __iter__(self) -> Iterator[Sample]:  # type: ignore[override]
        # Workers inherit the mask: a signal waits until they have handlers.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            return super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def outlive_the_group(worker: int) -> None:
    """Prepare a worker process, which only the training ends.

    Ctrl-C, a closed terminal and many a SIGTERM go to a whole group of processes, and the training has yet to finish
    its step. The second SIGTERM is meant for this process. Its generators are seeded as Lightning would do it.
    """
    from lightning.fabric.utilities.seed import pl_worker_init_function

    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    pl_worker_init_function(worker)


def fitting_workers(workers: int, sample: Sample, batch_size: int) -> int:
    """Return ``workers``, or 0 with a note where the shared memory is too small for their batches.

    A process that finds it full is killed by the system in mid-batch. ``sample``: any one of the samples.
    """
    needed = workers * AHEAD * batch_size * sum(v.nbytes for v in sample.values() if isinstance(v, Tensor))
    try:
        room = os.statvfs(SHARED)
    except OSError:  # no shared memory: batches go elsewhere
        return workers
    free = room.f_bavail * room.f_frsize
    if needed <= free:
        return workers
    print(
        f"{SHARED}: {free / 2**20:.0f} MiB are free, {workers} processes that make samples need {needed / 2**20:.0f}: "
        "samples are made in this process (trainer.workers 0)",
        file=sys.stderr,
    )
    return 0


def _as_dataset(samples: SampleSource) -> Dataset[Sample]:
    # A loader calls only the two methods of the protocol.
    return samples  # type: ignore[return-value]


def _epochs(trainer: Any) -> Any:
    """Return the counts of begun and finished epochs; Lightning's types lack the latter."""
    return trainer.fit_loop.epoch_progress.current


def data_module(
    training: SampleSource, validation: SampleSource | None, batch_size: int, workers: int = 0, drop_last: bool = True
) -> LightningDataModule:
    """Return both loaders as a ``LightningDataModule``."""
    from lightning import LightningDataModule

    if workers:
        workers = fitting_workers(workers, training[0], batch_size)

    class CueData(LightningDataModule):
        """Samples in batches; a checkpoint within an epoch records how many batches are done."""

        _begun: tuple[int, int] | None = None

        def train_dataloader(self) -> DataLoader[Sample]:
            """Return the batches of this process, from where a resume continues."""
            if self.trainer is None:
                return training_loader(training, batch_size, workers, drop_last)
            begun = self._begun or (_epochs(self.trainer).processed, 0)
            share = EpochShare(self.trainer.global_rank, self.trainer.world_size, begun)
            return training_loader(training, batch_size, workers, drop_last, share)

        def state_dict(self) -> dict[str, Any]:
            """Return the epoch and how many of its batches are done."""
            assert self.trainer is not None
            loop = self.trainer.fit_loop
            epochs, batches = _epochs(self.trainer), loop.epoch_loop.batch_progress.current
            return {
                "epoch": epochs.processed,
                "batches": batches.completed if epochs.processed == epochs.completed else 0,
            }

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            """Continue where a checkpoint was saved."""
            self._begun = state_dict["epoch"], state_dict["batches"]

        def val_dataloader(self) -> DataLoader[Sample] | list[Any]:
            """Return the batches of the validation."""
            return [] if validation is None else validation_loader(validation, batch_size, workers)

    return CueData()
