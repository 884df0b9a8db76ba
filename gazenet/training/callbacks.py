"""Lightning callbacks of every fit: seeds that survive a resume, the table of epochs, weights and pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image

from gazenet.files import write_bytes
from gazenet.training.checkpoints import save_whole
from gazenet.training.curves import Row, write_table
from gazenet.training.loggers import show_picture
from gazenet.training.preflight import EPOCHS
from gazenet.training.recipe_task import Batch, RecipeTask
from gazenet.training.step_log import named

VALIDATION = ("val_", "avg_val_", "std_val_")
"""Beginnings of the names of values of a validation."""


class StepSeed(Callback):
    """Seed torch at every step, so that what is random inside a network is the same after a resume.

    Not at every epoch: Lightning leaves that hook out for the epoch in which it resumes.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seed by the number of the step."""
        torch.manual_seed(self.seed * 1_000_003 + trainer.global_step)


class EpochTable(Callback):
    """Means of all values over every epoch, in ``<folder>/epochs.csv``; a resume continues the table.

    Means of the training are taken here, since those of Lightning begin anew where an epoch is resumed. Loggers get
    them as ``<name>_epoch``. Values of a validation are in the rows of the epochs that had one.

    Attributes:
        rows: ``epoch`` (from 1) and the values by name, one row per epoch.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder, self.report = folder, report
        self.rows: list[Row] = []
        self._sums: dict[str, tuple[float, int]] = {}
        """Of this epoch so far, by name: sum over its samples, and their number."""
        self._validated = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Add the values of a step to the sums."""
        assert isinstance(pl_module, RecipeTask)
        size, metrics = len(next(iter(batch.values()))), trainer.callback_metrics
        for name in pl_module.stepped:
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + size * float(metrics[name]), count + size

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that this epoch has values of a validation."""
        self._validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the row of the epoch and report its losses."""
        means = {name: total / count for name, (total, count) in self._sums.items()}
        validated, self._sums, self._validated = self._validated, {}, False
        pl_module.log_dict({f"{name}_epoch": value for name, value in means.items()})
        pl_module.log_dict(means, logger=False)
        latest = {name: float(value) for name, value in trainer.callback_metrics.items()} | means
        own = {name: value for name, value in latest.items() if not name.endswith("_epoch")}
        own = {name: value for name, value in own.items() if validated or not name.startswith(VALIDATION)}
        row: Row = {"epoch": trainer.current_epoch + 1} | dict(sorted(own.items()))
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        try:
            write_table(self.folder, self.rows)
        except OSError as error:
            raise named(error, self.folder / EPOCHS) from None
        losses = ", ".join(f"{name} {row[name]:.4f}" for name in ("train_loss", "val_loss") if name in row)
        self.report(f"epoch {row['epoch']} of {trainer.max_epochs}: {losses}")

    def state_dict(self) -> dict[str, Any]:
        """Return the rows and the sums of the epoch."""
        return {"rows": self.rows, "sums": dict(self._sums)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the rows and the sums of a checkpoint."""
        self.rows = list(state_dict["rows"])
        self._sums = dict(state_dict.get("sums", {}))


class EpochWeights(Callback):
    """The network's bare state dict after an epoch (counted from 1), at the path, if any, that ``path_of`` returns."""

    def __init__(self, path_of: Callable[[int], Path | None]) -> None:
        self.path_of = path_of

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the weights."""
        assert isinstance(pl_module, RecipeTask)
        path = self.path_of(trainer.current_epoch + 1)
        if path is not None and trainer.is_global_zero:
            save_whole(pl_module.state(), path)


class StorePictures(Callback):
    """Pictures of validation batches, as files ``epoch-EEE_batch-BB_NAME.png`` and in loggers that show some."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Store what the task shows of a batch."""
        assert isinstance(pl_module, RecipeTask)
        if not trainer.is_global_zero or not pl_module.is_pictured(batch_idx):
            return
        epoch = trainer.current_epoch + 1
        with torch.no_grad():
            pictures = pl_module.pictures(batch)
        for name, image in pictures.items():
            path = self.folder / f"epoch-{epoch:03d}_batch-{batch_idx:02d}_{name}.png"
            write_png(path, image)
            show_picture(trainer, f"validation/batch-{batch_idx:02d}/{name}", path, epoch)


def write_png(path: Path, image: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """Write a picture RGB uint8 ``[H, W, 3]`` atomically. Raises OSError."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png")
    write_bytes(path, buffer.getvalue())
