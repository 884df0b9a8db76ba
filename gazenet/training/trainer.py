"""Lightning's trainer as every fit uses it: checkpoints, logs that survive a resume, devices, an end in order."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning import Callback, LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from gazenet.config.trainer import FitConfig, RunConfig
from gazenet.errors import GazenetError, UsageError
from gazenet.folder_lock import remove_unfinished
from gazenet.training.checkpoints import LAST, AtomicCheckpointIO, check_readable
from gazenet.training.loggers import make_logger
from gazenet.training.state_saving import COURSE, SaveState, place_of
from gazenet.training.step_log import LOG, RESUMED, forget_later, log_folders
from gazenet.training.stop_signals import TrainingStopped, stopping

NOISE = (
    "Checkpoint directory .* exists and is not empty",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "The '(train|val)_dataloader' does not have many workers",
    "It is recommended to use `self.log.*sync_dist=True",
    "You're resuming from a checkpoint that ended before the epoch ended",
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
)
"""Warnings of Lightning about what is meant so: among them that every process validates everything.

An epoch that is resumed goes on where it was: the sampler is told, not the loader that Lightning asks.
"""


@dataclass(frozen=True)
class FitContext:
    """Where one network is fitted and by which settings: the config's ``trainer``, or others for this network."""

    config: RunConfig
    settings: FitConfig
    folder: Path
    quiet: bool = False
    tell: Callable[[str], None] = print

    def last(self, resume: bool) -> Path | None:
        """The checkpoint to continue. Without one what an earlier run left here goes away."""
        last = self.folder / LAST
        if first_process():
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.folder)
        if resume and last.exists():
            return last
        if first_process():
            for stale in (last, *self.folder.glob("best-*.ckpt")):
                stale.unlink(missing_ok=True)
            for old in (self.folder / LOG.parent, *self.folder.glob(f"{RESUMED}*")):
                shutil.rmtree(old, ignore_errors=True)
        return None

    def seed(self) -> None:
        """Seeds what draws initial weights, and sets the threads. Samples are drawn from their numbers."""
        seed_everything(self.settings.seed, workers=True, verbose=False)
        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)

    def trainer(
        self, callbacks: Sequence[Callback], start: Path | None, validated: bool, steps: int, unused: bool = False
    ) -> Trainer:
        """A trainer of epochs of ``steps`` steps, from the checkpoint ``start``, if any.

        ``unused``: some parameters get no gradient.
        """
        settings, index = self.settings, self.config.device.partition(":")[2]
        for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
            logging.getLogger(name).setLevel(logging.WARNING)
        logs = self.folder if start is None else self._resumed_logs(start)
        logger, message = make_logger("" if self.quiet else self.config.logger, logs, self.config.project)
        if message:
            self.tell(message)
        several = settings.devices > 1
        # Several devices: a process each, whose gradients are averaged.
        strategy = ("ddp_find_unused_parameters_true" if unused else "ddp") if several else "auto"
        return Trainer(
            default_root_dir=self.folder,
            max_epochs=settings.max_epochs,
            accelerator="gpu" if index else "cpu",
            devices=[int(index)] if index and not several else settings.devices,
            strategy=strategy,
            sync_batchnorm=bool(index) and several,
            logger=logger,
            callbacks=list(callbacks),
            plugins=[AtomicCheckpointIO()],
            gradient_clip_val=settings.gradient_clip,
            check_val_every_n_epoch=settings.check_val_every_n_epoch,
            limit_val_batches=None if validated else 0,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=max(1, min(10, steps // 10)),
            use_distributed_sampler=False,
        )

    def _resumed_logs(self, start: Path) -> Path:
        """Where a resume logs, after what was logged later than the checkpoint is gone."""
        kept = check_readable(start)
        if COURSE in kept and first_process():
            forget_later(self.folder, kept[COURSE]["log"], kept["global_step"])
        return self.folder / f"{RESUMED}{len(log_folders(self.folder))}"

    def keep_last(self) -> SaveState:
        """Keeps the state as ``last.ckpt``; to be listed after :meth:`keep_best`."""
        return SaveState(self.folder, self.settings)

    def keep_best(self, name: str, mode: Literal["min", "max"] = "min") -> list[ModelCheckpoint]:
        """Keeps the best epochs, by the config's monitor, as ``name``; none where the config keeps none."""
        count, monitor = self.settings.checkpoint_save_n_top, self.settings.checkpoint_monitor
        return [ModelCheckpoint(self.folder, name, monitor=monitor, mode=mode, save_top_k=count)] if count else []

    def take_best(self, trainer: Trainer, task: LightningModule) -> None:
        """Gives ``task`` its best weights where the config wants them. Raises UsageError where none were kept."""
        if self.settings.keep != "best":
            return
        path = best_checkpoint(trainer)
        if not path:
            raise UsageError("trainer.keep is best, but no checkpoint was kept: set trainer.checkpoint_save_n_top")
        task.load_state_dict(check_readable(Path(path))["state_dict"])


def best_checkpoint(trainer: Trainer) -> str:
    """The checkpoint of the best epoch so far; empty where there is none."""
    kept = [one for one in trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint) and one.monitor]
    return kept[0].best_model_path if kept else ""


def optimise(trainer: Trainer, task: LightningModule, data: LightningDataModule, start: Path | None) -> None:
    """Lightning's fit from the checkpoint ``start``, if any.

    A signal ends it after the step that is being done, with a checkpoint: raises KeyboardInterrupt (of SIGTERM
    Terminated) that says where. Raises GazenetError where a process that makes samples died.
    """
    # Lightning's own handler of SIGTERM knows no checkpoint.
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    handler = signal.getsignal(signal.SIGINT)
    with stopping() as stop, stop.deferred():
        try:
            with _quietly():
                trainer.fit(task, datamodule=data, ckpt_path=start, weights_only=True)
        except TrainingStopped as stopped:
            raise stop.interrupt(str(stopped)) from None
        except SystemExit:
            # Lightning turns an interrupt into an exit of its own, after which nothing can be interrupted any more.
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise GazenetError(
                f"a process that makes samples died ({str(error).splitlines()[0].rstrip('. ')}): its memory or "
                "/dev/shm is too small: set trainer.workers to 0 or less than now, then --resume continues"
            ) from None
        if stop.received is not None:
            raise stop.interrupt(place_of(trainer, trainer.current_epoch))


def first_process() -> bool:
    """Whether this is the process that writes results; the others of a distributed run only train."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        for text in NOISE:
            warnings.filterwarnings("ignore", message=text)
        yield
