"""One network from its first to its last epoch; a resumed fit ends in the same weights as an uninterrupted one."""

from __future__ import annotations

import logging
import math
import shutil
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning import Callback, LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from gazenet.data.module import data_module
from gazenet.errors import UsageError
from gazenet.learning.callbacks import EpochTable, EpochWeights, StepSeed, StorePictures
from gazenet.learning.checkpoints import LAST, AtomicCheckpointIO, check_readable
from gazenet.learning.config import FitConfig, RecipeConfig
from gazenet.learning.curves import Row, draw_curve
from gazenet.learning.loggers import make_logger
from gazenet.learning.samples import Drawn, InOrder, Samples
from gazenet.learning.task import RecipeTask

RESUMED = "resumed-"
"""Loggers would write over the beginning of a run: every resume logs to a folder of its own."""
NOISE = (
    "Checkpoint directory .* exists and is not empty",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "The '(train|val)_dataloader' does not have many workers",
)
"""Warnings of Lightning about what is meant so."""


@dataclass(frozen=True)
class Fitted:
    """A finished task, whose network has the weights that the config keeps, and the table of its epochs."""

    task: RecipeTask
    rows: list[Row] = field(default_factory=list)

    @property
    def values(self) -> dict[str, float]:
        """What the last epoch logged; values that are no numbers are left out."""
        last = self.rows[-1] if self.rows else {}
        return {name: value for name, value in last.items() if math.isfinite(value)}


@dataclass(frozen=True)
class Place:
    """Where and how a fit runs.

    ``settings``: those of this network, by default the config's ``trainer``; ``weights``: path of the state dict after
    an epoch, counted from 1, or None where it is not kept.
    """

    config: RecipeConfig
    folder: Path
    resume: bool
    title: str = ""
    settings: FitConfig | None = None
    weights: Callable[[int], Path | None] | None = None
    tell: Callable[[str], None] = print

    @property
    def trainer(self) -> FitConfig:
        return self.settings or self.config.trainer


def fit(place: Place, make: Callable[[], RecipeTask], training: Samples, validation: Samples | None = None) -> Fitted:
    """Train what ``make`` builds (after the seed is set), leaving checkpoints, ``epochs.csv``, logs and curve.

    Raises UsageError for an empty set and an unreadable checkpoint, GazenetError where the loss is not finite.
    """
    settings = place.trainer
    if not len(training):
        raise UsageError(f"{place.title or place.config.recipe}: there is no sample to learn from")
    if settings.keep == "best" and validation is None:
        raise UsageError("trainer.keep is best, but there is no validation set: name one or keep the last")
    start = _start(place)
    seed_everything(settings.seed, workers=True, verbose=False)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task, table = make(), EpochTable(place.folder, lambda text: place.tell(f"{place.title} {text}".strip()))
    held = None if validation is None else InOrder(validation)
    data = data_module(Drawn(training, settings.seed), held, settings.batch_size, settings.workers, settings.drop_last)
    with warnings.catch_warnings():
        for text in NOISE:
            warnings.filterwarnings("ignore", message=text)
        trainer = _trainer(place, validation is not None, start is not None, len(training), table)
        optimise(trainer, task, data, start)
    draw_curve(place.folder, table.rows, place.title or place.config.recipe)
    _take_best(settings, task)
    return Fitted(task, table.rows)


def optimise(trainer: Trainer, task: LightningModule, data: LightningDataModule, start: str | None) -> None:
    """Lightning's fit from the checkpoint ``start``, if any. An interrupt stays one: raises KeyboardInterrupt."""
    try:
        trainer.fit(task, datamodule=data, ckpt_path=start, weights_only=True)
    except SystemExit:
        # Lightning turns an interrupt into an exit of its own, after which nothing can be interrupted any more.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from None


def _start(place: Place) -> str | None:
    last = place.folder / LAST
    if place.resume and last.exists():
        check_readable(last)
        return str(last)
    place.folder.mkdir(parents=True, exist_ok=True)
    for stale in (last, *place.folder.glob("best-*.ckpt")):
        stale.unlink(missing_ok=True)
    for old in place.folder.glob(f"{RESUMED}*"):
        shutil.rmtree(old)
    return None


def _trainer(place: Place, validated: bool, resumed: bool, count: int, table: EpochTable) -> Trainer:
    settings, folder = place.trainer, place.folder
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logs = folder / f"{RESUMED}{len(list(folder.glob(f'{RESUMED}*'))) + 1}" if resumed else folder
    logger, message = make_logger(place.config.logger, logs, place.config.project)
    if message:
        place.tell(message)
    index = place.config.device.partition(":")[2]
    return Trainer(
        default_root_dir=folder,
        max_epochs=settings.max_epochs,
        accelerator="gpu" if index else "cpu",
        devices=[int(index)] if index else 1,
        logger=logger,
        callbacks=_callbacks(place, validated, table),
        plugins=[AtomicCheckpointIO()],
        gradient_clip_val=settings.gradient_clip,
        check_val_every_n_epoch=settings.check_val_every_n_epoch,
        limit_val_batches=None if validated else 0,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=max(1, min(10, count // settings.batch_size)),
        use_distributed_sampler=False,
    )


def _callbacks(place: Place, validated: bool, table: EpochTable) -> list[Callback]:
    settings = place.trainer
    found: list[Callback] = [StepSeed(settings.seed), table]
    if place.weights is not None:
        found.append(EpochWeights(place.weights))
    if validated and settings.val_store_image_samples:
        found.append(StorePictures(place.folder / "samples"))
    if validated and settings.checkpoint_save_n_top:
        monitor, count = settings.checkpoint_monitor, settings.checkpoint_save_n_top
        found.append(ModelCheckpoint(place.folder, "best-{epoch:03d}", monitor=monitor, mode="min", save_top_k=count))
    # After the best one, whose memory of what was best it stores.
    last = ModelCheckpoint(
        place.folder,
        LAST.removesuffix(".ckpt"),
        every_n_epochs=settings.checkpoint_save_every_n_epoch,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    found.append(last)
    return found


def _take_best(settings: FitConfig, task: RecipeTask) -> None:
    if settings.keep != "best":
        return
    if not task.best:
        raise UsageError("trainer.keep is best, but no checkpoint was kept: set trainer.checkpoint_save_n_top")
    task.load_state_dict(check_readable(Path(task.best))["state_dict"])
