"""What happens beside the optimisation: pictures of validation samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from gazenet.recipes.gasp.gasp_task import IntegratorTask
from gazenet.training.callbacks import write_png
from gazenet.training.loggers import show_picture

STORED = 0.1
"""Share of the validation batches whose first sample is stored, as published."""


class StoreImages(Callback):
    """Stores validation samples as ``<folder>/epoch-EE_batch-BB.png``: prediction, density and fixations in a row.

    A tenth of the batches, by a draw that follows from seed, epoch and batch. TensorBoard and Comet show them too.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, IntegratorTask)
        epoch = trainer.current_epoch
        if not trainer.is_global_zero or np.random.default_rng([self.seed, epoch, batch_idx]).random() >= STORED:
            return
        with torch.no_grad():
            predicted = pl_module.shown(pl_module(batch["maps"][:1]))[0, 0].float()
        row = [_peak_one(one) for one in (predicted, batch["salmap"][0, 0], batch["fixmap"][0, 0])]
        path = self.folder / f"epoch-{epoch:02d}_batch-{batch_idx:02d}.png"
        write_png(path, np.concatenate(row, 1))
        show_picture(trainer, f"validation/batch-{batch_idx:02d}", path, epoch)


def _peak_one(values: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """uint8 ``[h, w]`` whose largest value is 255."""
    scaled = values.cpu() / values.max().clamp(min=1e-12).cpu()
    return np.asarray((255 * scaled).clamp(0, 255).to(torch.uint8).numpy())
