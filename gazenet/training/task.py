"""The Lightning task: an integrator learns to predict where people looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from lightning import LightningModule
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from gazenet.config.train import TrainerConfig
from gazenet.errors import GazenetError
from gazenet.fusion.config import GaspConfig
from gazenet.fusion.gasp import build
from gazenet.metrics.saliency import CC, NSS
from gazenet.training.losses import dam_bce, logged, loss_terms

Batch = Mapping[str, Tensor]


class IntegratorTask(LightningModule):
    """Optimises one member of the GASP family; validates with NSS and CC beside the loss.

    Batches are those of :class:`gazenet.data.samples.WindowSamples`. Logs ``train_*`` and ``val_*`` values under their
    published names. ``steps``: optimiser steps of the run, for schedules. ``warm_start``: a state dict to begin with.
    Raises ValueError where losses and network do not go together.
    """

    def __init__(
        self, network: GaspConfig, trainer: TrainerConfig, steps: int, warm_start: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__()
        if trainer.loss.mode == "published" and network.head != "logits":
            raise ValueError("published losses are defined on logits: set trainer.loss.mode to corrected")
        self.network = build(network)
        if warm_start is not None:
            self.network.load_state_dict(warm_start)
        self.settings, self.steps = trainer, steps
        self.val_nss, self.val_cc = NSS(), CC()

    def forward(self, maps: Tensor) -> Tensor:
        """Saliency logits or log densities ``[N, 1, H', W']`` of the (last) frames."""
        return self.network(maps)[0]  # type: ignore[no-any-return]

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """All weighted loss terms of a batch, the attention module's own included."""
        loss = self.settings.loss
        saliency, dam, _ = self.network(batch["maps"])
        terms = loss_terms(saliency, batch["salmap"], batch["fixmap"], loss, self.network.config.head)
        if dam is not None and loss.dam:
            truth = batch["seq_salmap"] if self.network.config.exhaustive else batch["salmap"]
            terms["dam"] = loss.dam * dam_bce(dam, truth)
        return terms

    def training_step(self, batch: Batch, index: int) -> Tensor:
        terms = self.terms(batch)
        self._log("train_", terms)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            bad = ", ".join(name for name, value in terms.items() if not torch.isfinite(value))
            raise GazenetError(
                f"training diverged at step {self.global_step} ({bad} is not finite): lower trainer.learning_rate, "
                "clip gradients, or set the weight of that loss to 0"
            )
        return total

    def validation_step(self, batch: Batch, index: int) -> None:
        loss, head = self.settings.loss, self.network.config.head
        saliency = self(batch["maps"])
        terms = loss_terms(saliency, batch["salmap"], batch["fixmap"], loss, head)
        self._log("val_", terms, weight=len(saliency), skip=("nss", "cc"))
        shown = saliency.exp() if head == "density" else saliency.sigmoid()
        self.val_nss.update(shown[:, 0], batch["fixmap"][:, 0])
        self.val_cc.update(shown[:, 0], batch["salmap"][:, 0])

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"val_nss": self.val_nss.compute().float(), "val_cc": self.val_cc.compute().float()})
        self.val_nss.reset()
        self.val_cc.reset()

    def _log(
        self, prefix: str, terms: Mapping[str, Tensor], weight: int | None = None, skip: tuple[str, ...] = ()
    ) -> None:
        published = self.settings.loss.mode == "published"
        divisor = self.settings.batch_size if published else 1
        values = logged(terms, self.settings.loss, divisor)
        shown = {prefix + name: value for name, value in values.items() if name not in skip}
        training = weight is None
        self.log_dict(shown, on_step=training, on_epoch=not training, batch_size=weight)

    def configure_optimizers(self) -> Any:
        given = self.settings
        kind = torch.optim.AdamW if given.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(self.network.parameters(), lr=given.learning_rate, weight_decay=given.weight_decay)
        if given.schedule == "constant":
            return optimizer
        schedule: Any
        if given.schedule == "cosine":
            schedule = CosineAnnealingLR(optimizer, self.steps)
        else:
            schedule = OneCycleLR(optimizer, given.learning_rate, total_steps=self.steps + 1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def state(self) -> dict[str, Tensor]:
        """A copy of the network's weights on the CPU."""
        return {key: value.detach().cpu().clone() for key, value in self.network.state_dict().items()}


def network_config(fields: Mapping[str, Any], cues: int) -> GaspConfig:
    """The network of a training config. Raises ValueError or TypeError for fields it does not know."""
    return GaspConfig.from_dict({**cast(dict[str, Any], dict(fields)), "modalities": cues})
