"""What happens beside the optimisation: seeds that survive a resume, the table of epochs, weights and pictures."""

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
from gazenet.training.recipe_task import STEP, Batch, RecipeTask


class StepSeed(Callback):
    """Seeds torch at every step, so that what is random inside a network is the same after a resume.

    Not at every epoch: Lightning leaves that hook out for the epoch in which it resumes.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        torch.manual_seed(self.seed * 1_000_003 + trainer.global_step)


class EpochTable(Callback):
    """Means of all values over every epoch, in ``<folder>/epochs.csv``; a resume continues the table.

    Means of the training are taken here, since those of Lightning begin anew where an epoch is resumed. Loggers get
    them as ``<name>_epoch``.

    Attributes:
        rows: ``epoch`` (from 1) and the values by name, one row per epoch.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.folder, self.tell = folder, tell
        self.rows: list[Row] = []
        self._sums: dict[str, tuple[float, int]] = {}
        """Of this epoch so far, by name: sum over its samples, and their number."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, RecipeTask)
        size, found = len(next(iter(batch.values()))), trainer.callback_metrics
        for name in pl_module.stepped:
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + size * float(found[name]), count + size

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        means = {name.removesuffix(STEP): total / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        pl_module.log_dict({f"{name}_epoch": value for name, value in means.items()})
        pl_module.log_dict(means, logger=False)
        found = {name: float(value) for name, value in trainer.callback_metrics.items()} | means
        own = {name: value for name, value in found.items() if not name.endswith((STEP, "_epoch"))}
        row: Row = {"epoch": trainer.current_epoch + 1} | dict(sorted(own.items()))
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        write_table(self.folder, self.rows)
        shown = ", ".join(f"{name} {row[name]:.4f}" for name in ("train_loss", "val_loss") if name in row)
        self.tell(f"epoch {row['epoch']} of {trainer.max_epochs}: {shown}")

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "sums": dict(self._sums)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
        self._sums = dict(state_dict.get("sums", {}))


class EpochWeights(Callback):
    """The network's bare state dict after an epoch (counted from 1), at the path, if any, that ``place`` gives."""

    def __init__(self, place: Callable[[int], Path | None]) -> None:
        self.place = place

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, RecipeTask)
        path = self.place(trainer.current_epoch + 1)
        if path is not None and trainer.is_global_zero:
            save_whole(pl_module.state(), path)


class StorePictures(Callback):
    """What a task shows of the first batch of every validation: files, and images where the logger shows them."""

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
        assert isinstance(pl_module, RecipeTask)
        if batch_idx or not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch + 1
        with torch.no_grad():
            pictures = pl_module.pictures(batch)
        for name, image in pictures.items():
            path = self.folder / f"epoch-{epoch:03d}_{name}.png"
            write_png(path, image)
            show_picture(trainer, name, path, epoch)


def write_png(path: Path, image: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """A picture uint8 ``[H, W, 3]``, or grey ``[H, W]``, as a file that appears whole."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png")
    write_bytes(path, buffer.getvalue())
