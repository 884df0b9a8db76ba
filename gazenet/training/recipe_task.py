"""The Lightning task that recipes share: loss terms in, logged values out, an end where a loss is not finite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from lightning import LightningModule
from numpy.typing import NDArray
from torch import Tensor, nn

from gazenet.errors import GazenetError
from gazenet.training.checkpoints import save_whole
from gazenet.training.trainer import best_checkpoint

Batch = Mapping[str, Tensor]
STEP = "_step"
"""Ending of the name under which a value of a single training step is logged."""
DIVERGED = "diverged_batch.pt"
"""File of a batch without a finite loss."""


class LossTerms(NamedTuple):
    """What a network makes of a batch: weighted loss terms, whose sum is the loss, and values that are only logged."""

    terms: Mapping[str, Tensor]
    values: Mapping[str, Tensor] = {}


class RecipeTask(LightningModule):
    """A network and how it learns. A recipe inherits and says :meth:`outcome` and ``configure_optimizers``.

    Logs ``train_<name>`` and ``val_<name>`` for every term and value and, as their sum, ``train_loss``, ``val_loss``.
    Everything beside the network that a resume must restore belongs into buffers or ``on_save_checkpoint``.
    """

    stepped: tuple[str, ...] = ()
    """Names under which the last training step logged its values."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def outcome(self, batch: Batch) -> LossTerms:
        """The loss terms of a batch."""
        raise NotImplementedError

    def pictures(self, batch: Batch) -> Mapping[str, NDArray[np.uint8]]:
        """Pictures ``[H, W, 3]`` by name that show how the network does on a batch; none by default."""
        return {}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        return self._shared(batch, "train_")

    def validation_step(self, batch: Batch, index: int) -> None:
        self._shared(batch, "val_")

    def _shared(self, batch: Batch, prefix: str) -> Tensor:
        found = self.outcome(batch)
        total = torch.stack(list(found.terms.values())).sum()
        if self.trainer.training and not torch.isfinite(total):
            stop(self, batch, found.terms)
        named = {**found.terms, **found.values} if len(found.terms) > 1 else found.values
        training = prefix == "train_"
        ending = STEP if training else ""
        shown = {prefix + name + ending: value for name, value in {**named, "loss": total}.items()}
        size = len(next(iter(batch.values())))
        # Every process validates everything, but trains on its share.
        several = training and self.trainer.world_size > 1
        if training:
            self.stepped = tuple(shown)
        self.log_dict(shown, on_step=training, on_epoch=not training, batch_size=size, sync_dist=several)
        return total

    @property
    def best(self) -> str:
        """The checkpoint of the best epoch so far, by ``trainer.checkpoint_monitor``; empty where there is none."""
        return best_checkpoint(self.trainer)

    def state(self) -> dict[str, Tensor]:
        """A copy of the network's weights on the CPU."""
        return {key: value.detach().cpu().clone() for key, value in self.network.state_dict().items()}


def stop(task: LightningModule, batch: Batch, terms: Mapping[str, Tensor], remedy: str = "") -> NoReturn:
    """Saves the batch that has no finite loss. Raises GazenetError naming it."""
    path = Path(task.trainer.default_root_dir) / DIVERGED
    kept: dict[str, Any] = {name: value.detach().cpu() for name, value in batch.items()}
    try:
        save_whole(kept, path)
        where = f"is kept in {path}"
    except OSError as error:
        where = f"could not be kept in {path} ({error.strerror})"
    bad = ", ".join(name for name, value in terms.items() if not torch.isfinite(value))
    raise GazenetError(
        f"training diverged at step {task.global_step} ({bad} is not finite); its batch {where}: lower "
        f"trainer.learning_rate, clip gradients (trainer.gradient_clip){remedy}"
    )
