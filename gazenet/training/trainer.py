"""The request of a fit and Lightning's trainer for it: checkpoints, logs that survive a resume, devices, signals."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning import Callback, LightningDataModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from gazenet.config.fit_config import FitConfig, RecipeConfig
from gazenet.errors import GazenetError, UsageError
from gazenet.folder_lock import remove_unfinished
from gazenet.training.checkpoints import LAST, AtomicCheckpointIO, best_checkpoint, check_readable
from gazenet.training.loggers import make_logger
from gazenet.training.recipe_task import RecipeTask
from gazenet.training.state_saving import COURSE, place_of
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
"""Lightning's warnings about what is intended here, such as every process validating everything.

An epoch that is resumed goes on where it was: the sampler knows, not the loader that Lightning asks.
"""


@dataclass(frozen=True)
class FitRequest:
    """The folder and the settings of the fit of one network.

    ``name``: stands before its lines on the terminal; empty where a run fits one network only. ``own_settings``: where
    they are others than the config's ``trainer``. ``weights``: path of the state dict after an epoch, counted from 1,
    or None where it is not kept.
    """

    config: RecipeConfig
    folder: Path
    resume: bool = False
    name: str = ""
    own_settings: FitConfig | None = None
    weights: Callable[[int], Path | None] | None = None

    @property
    def settings(self) -> FitConfig:
        """The settings of this network."""
        return self.own_settings or self.config.trainer

    @property
    def title(self) -> str:
        """The name of the fit, of a nameless one that of the recipe."""
        return self.name or self.config.recipe

    def report(self, text: str) -> None:
        """Print a line about this fit."""
        print(f"{self.name} {text}".strip(), flush=True)

    def start(self) -> Path | None:
        """Return the checkpoint to continue. Where there is none, delete what an earlier run left here."""
        last = self.folder / LAST
        if first_process():
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.folder)
        if self.resume and last.exists():
            return last
        if first_process():
            for stale in (last, *self.folder.glob("best-*.ckpt")):
                stale.unlink(missing_ok=True)
            for old in (self.folder / LOG.parent, *self.folder.glob(f"{RESUMED}*")):
                shutil.rmtree(old, ignore_errors=True)
        return None

    def seed(self) -> None:
        """Seed the generators of initial weights, and set the threads. Samples are drawn by their numbers."""
        seed_everything(self.settings.seed, workers=True, verbose=False)
        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)

    def trainer(
        self, task: RecipeTask, callbacks: Sequence[Callback], start: Path | None, steps: int, validated: bool
    ) -> Trainer:
        """Make a trainer of epochs of ``steps`` steps, which continues the checkpoint ``start``, if any."""
        settings, index = self.settings, self.config.device.partition(":")[2]
        for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
            logging.getLogger(name).setLevel(logging.WARNING)
        logs = self.folder if start is None else self._resumed_logs(start)
        logger, message = make_logger(self.config.logger, logs, self.config.project)
        if message:
            self.report(message)
        several = settings.devices > 1
        # Several devices: a process each, whose gradients are averaged.
        strategy = ("ddp_find_unused_parameters_true" if task.unused_parameters else "ddp") if several else "auto"
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
        """Return where a resume logs, after deleting what was logged later than the checkpoint."""
        content = check_readable(start)
        if COURSE in content and first_process():
            forget_later(self.folder, content[COURSE]["log"], content["global_step"])
        return self.folder / f"{RESUMED}{len(log_folders(self.folder))}"

    def keep_best(self, maximised: Collection[str]) -> list[ModelCheckpoint]:
        """Keep the best epochs by the config's monitor; none where the config keeps none.

        ``maximised``: the monitors whose largest value is the best one.
        """
        count, monitor = self.settings.checkpoint_save_n_top, self.settings.checkpoint_monitor
        mode: Literal["min", "max"] = "max" if monitor in maximised else "min"
        best = ModelCheckpoint(self.folder, "best-{epoch:03d}", monitor=monitor, mode=mode, save_top_k=count)
        return [best] if count else []

    def take_best(self, trainer: Trainer, task: RecipeTask) -> None:
        """Give ``task`` its best weights where the config wants them. Raises UsageError where none were kept."""
        if self.settings.keep != "best":
            return
        path = best_checkpoint(trainer)
        if not path:
            raise UsageError("trainer.keep is best, but no checkpoint was kept: set trainer.checkpoint_save_n_top")
        task.load_state_dict(check_readable(Path(path))["state_dict"])


def optimise(trainer: Trainer, task: RecipeTask, data: LightningDataModule, start: Path | None) -> None:
    """Run Lightning's fit from the checkpoint ``start``, if any.

    A signal ends it after the step that is being done, with a checkpoint: raises KeyboardInterrupt (of SIGTERM
    Terminated) that says where. Raises GazenetError where a process that makes samples died.
    """
    # Lightning's own handler of SIGTERM saves no checkpoint.
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    handler = signal.getsignal(signal.SIGINT)
    with stopping() as stop, stop.deferred(), warnings.catch_warnings():
        for text in NOISE:
            warnings.filterwarnings("ignore", message=text)
        try:
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
    """Return whether this process writes results; the others of a distributed run only train."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"
