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
from gazenet.training.checkpoints import best_checkpoint, save_whole

Batch = Mapping[str, Tensor]
DIVERGED = "diverged_batch.pt"
"""File of a batch without a finite loss."""


class LossTerms(NamedTuple):
    """The weighted loss terms of a batch, whose sum is the loss, and values that are only logged."""

    terms: Mapping[str, Tensor]
    values: Mapping[str, Tensor] = {}

    @property
    def loss(self) -> Tensor:
        """The sum of the terms."""
        return torch.stack(list(self.terms.values())).sum()


class RecipeTask(LightningModule):
    """A network and how it learns. A recipe inherits and defines :meth:`outcome` and ``configure_optimizers``.

    Logs ``train_<name>`` at every step and ``val_<name>`` for every value of :meth:`logged`. Everything beside the
    network that a resume must restore belongs into buffers or ``on_save_checkpoint``.
    """

    maximised: frozenset[str] = frozenset({"val_nss", "val_cc", "val_sim", "val_auc_judd"})
    """Values of which the largest is the best, where ``trainer.checkpoint_monitor`` names one."""
    unused_parameters: bool = False
    """Whether some parameters get no gradient, which several devices have to be told."""
    remedy: str = ""
    """A further remedy for a loss that is not finite, with a comma before it."""
    stepped: tuple[str, ...] = ()
    """Names under which the last training step logged its values."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def outcome(self, batch: Batch) -> LossTerms:
        """Return the loss terms of a batch."""
        raise NotImplementedError

    def logged(self, outcome: LossTerms) -> Mapping[str, Tensor | float]:
        """Return the values that are logged of an outcome: terms, where there are several, values and ``loss``."""
        terms = outcome.terms if len(outcome.terms) > 1 else {}
        return {**terms, **outcome.values, "loss": outcome.loss}

    def pictures(self, batch: Batch) -> Mapping[str, NDArray[np.uint8]]:
        """Return pictures RGB ``[H, W, 3]`` by name that show how the network does on a batch; none by default."""
        return {}

    def is_pictured(self, batch_index: int) -> bool:
        """Return whether a validation batch is shown in pictures; by default the first one of every validation."""
        return batch_index == 0

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a batch and log its values. Raises GazenetError where it is not finite."""
        outcome = self.outcome(batch)
        loss = outcome.loss
        if not torch.isfinite(loss):
            self._stop(batch, outcome)
        values = {f"train_{name}": value for name, value in self.logged(outcome).items()}
        self.stepped = tuple(values)
        self.log_dict(values, on_step=True, on_epoch=False, sync_dist=self.trainer.world_size > 1)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Log the values of a batch. Every process validates everything."""
        values = {f"val_{name}": value for name, value in self.logged(self.outcome(batch)).items()}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(next(iter(batch.values()))))

    @property
    def best(self) -> str:
        """The checkpoint of the best epoch so far, by ``trainer.checkpoint_monitor``; empty before the first."""
        return best_checkpoint(self.trainer)

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the network's weights on the CPU."""
        return {key: value.detach().cpu().clone() for key, value in self.network.state_dict().items()}

    def _stop(self, batch: Batch, outcome: LossTerms) -> NoReturn:
        """Save the batch that has no finite loss. Raises GazenetError naming it."""
        path = Path(self.trainer.default_root_dir) / DIVERGED
        content: dict[str, Any] = {name: value.detach().cpu() for name, value in batch.items()}
        try:
            save_whole(content, path)
            where = f"is kept in {path}"
        except OSError as error:
            where = f"could not be kept in {path} ({error.strerror})"
        bad = ", ".join(name for name, value in outcome.terms.items() if not torch.isfinite(value))
        raise GazenetError(
            f"training diverged at step {self.global_step} ({bad} is not finite); its batch {where}: lower "
            f"trainer.learning_rate, clip gradients (trainer.gradient_clip){self.remedy}"
        )
