"""The state of a training, kept so that a resume ends in the same weights: after epochs, after minutes, when asked."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from gazenet.config.fit_config import FitConfig
from gazenet.errors import GazenetError
from gazenet.training.checkpoints import LAST
from gazenet.training.step_log import logged_rows
from gazenet.training.stop_signals import TrainingStopped, stop_requested

COURSE = "course"
"""Key of a checkpoint: what Lightning does not keep of the course of a training."""


class SaveState(Checkpoint):
    """Keep ``last.ckpt``: after epochs, after minutes, and where the training is asked to stop.

    Between two steps and before a validation, Lightning's own checkpoints are not exact. Here they are: the counters
    stand where the next step, or the whole validation, begins; random states and the length of the log are kept
    beside them. To be listed last: it stores what other callbacks remember of the epoch.
    """

    def __init__(self, folder: Path, settings: FitConfig) -> None:
        self.path, self.settings = folder / LAST, settings
        self._where: Literal["step", "validation", "epoch"] | None = None
        self._states: dict[str, Any] = {}
        self._kept_step, self._kept_at = 0, time.monotonic()

    @property
    def state_key(self) -> str:
        """The name under which checkpoints keep this state."""
        return type(self).__qualname__

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random states of the checkpoint."""
        if self._states:
            _set_random_states(self._states)
        self._kept_step, self._kept_at = trainer.global_step, time.monotonic()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Keep the state before a step where it is time to."""
        # Lightning would go on to treat the whole epoch as restarted.
        trainer.fit_loop.restarting = False
        self._between(trainer, "step")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state before a validation where it is time to."""
        trainer.fit_loop.restarting = False
        self._states = _random_states()
        self._between(trainer, "validation")

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Stop within a validation where a signal asked for it."""
        if _decided(trainer, stop_requested()):
            self._between(trainer, "validation")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state after an epoch."""
        done, stop = trainer.current_epoch + 1, _decided(trainer, stop_requested())
        if stop or done % self.settings.checkpoint_save_every_n_epoch == 0 or done == trainer.max_epochs:
            self._save(trainer, "epoch")
        if stop:
            # Not at once: the values of the epoch are yet to be logged.
            trainer.should_stop = True

    def _between(self, trainer: Trainer, where: Literal["step", "validation"]) -> None:
        """Keep the state where it is time to, and stops where a signal asked for it."""
        stop = _decided(trainer, stop_requested())
        due = time.monotonic() - self._kept_at >= 60 * self.settings.checkpoint_save_every_minutes
        new = trainer.global_step > self._kept_step
        if new and (stop or _decided(trainer, due)):
            self._save(trainer, where)
        if stop:
            raise TrainingStopped(place_of(trainer, trainer.current_epoch + 1))

    def _save(self, trainer: Trainer, where: Literal["step", "validation", "epoch"]) -> None:
        _check_finite(trainer, self.path)
        self._where = where
        try:
            trainer.save_checkpoint(self.path, weights_only=False)
        finally:
            self._where = None
        self._kept_step, self._kept_at = trainer.global_step, time.monotonic()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add random states and the length of the log, and set the counters to where the resume begins."""
        states = self._states if self._where == "validation" else _random_states()
        place, rows = logged_rows(self.path.parent)
        checkpoint[COURSE] = {
            "random": states,
            "log": {"place": place, "rows": rows, "epoch_ends": self._where == "epoch"},
        }
        loops = checkpoint["loops"]["fit_loop"]
        if self._where == "step":
            _before_a_step(loops["epoch_loop.batch_progress"])
        elif self._where == "validation":
            _before_a_validation(loops["epoch_loop.val_loop.batch_progress"])

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take the random states of a checkpoint, and follow a folder that was renamed."""
        course = checkpoint.get(COURSE, {})
        self._states = course.get("random", {})
        _follow(checkpoint.get("callbacks", {}), self.path.parent)


def place_of(trainer: Trainer, epoch: int) -> str:
    """Return where a training stands in words; ``epoch`` counts from 1."""
    return f"step {trainer.global_step} (epoch {epoch} of {trainer.max_epochs})"


def _decided(trainer: Trainer, here: bool) -> bool:
    """Return whether any process of a training decided so: they go on and stop together."""
    return trainer.strategy.reduce_boolean_decision(here, all=False) if trainer.world_size > 1 else here


def _before_a_step(progress: dict[str, Any]) -> None:
    """Set the counters of batches back to before the present one was fetched."""
    for counter in (progress["total"], progress["current"]):
        counter["ready"] = counter["started"] = counter["processed"] = counter["completed"]
    progress["is_last_batch"] = False


def _before_a_validation(progress: dict[str, Any]) -> None:
    """Set counters that let Lightning repeat a validation from its first batch on."""
    begun = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
    progress |= {"total": dict(begun), "current": dict(begun), "is_last_batch": False}


def _random_states() -> dict[str, Any]:
    """Return the states of Python's, numpy's and torch's generators, of types that are read without running code."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    numbers = torch.from_numpy(np.asarray(keys).astype(np.int64))
    numpy = [str(name), numbers, int(position), int(has_gauss), float(gauss)]
    states: dict[str, Any] = {"python": random.getstate(), "numpy": numpy, "torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    name, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])


def _check_finite(trainer: Trainer, path: Path) -> None:
    """Raise GazenetError where weights are not finite: they must not take the place of the last good ones."""
    for name, value in trainer.lightning_module.named_parameters():
        if not bool(torch.isfinite(value).all()):
            raise GazenetError(
                f"training diverged: {name} is not finite after step {trainer.global_step}; {path} holds the state "
                "before: lower trainer.learning_rate, clip gradients (trainer.gradient_clip)"
            )


def _follow(callbacks: dict[str, Any], folder: Path) -> None:
    """Correct the names of the best checkpoints in the states of callbacks after the folder was renamed."""
    here = str(folder.resolve())
    for state in callbacks.values():
        before = state.get("dirpath") if isinstance(state, dict) else None
        if not before or before == here:
            continue

        def moved(path: str, before: str = before) -> str:
            """Return a path within the folder as it is named now."""
            return here + path.removeprefix(before) if path.startswith(before) else path

        state["dirpath"] = here
        for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[name] = moved(state.get(name, ""))
        state["best_k_models"] = {moved(path): value for path, value in state.get("best_k_models", {}).items()}
