"""The Lightning task: an integrator learns to predict where people looked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from lightning import LightningModule
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from gazenet.config.training import TrainerConfig
from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES, GaspConfig, published
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.integrator_files import NETWORK, SPEC
from gazenet.metrics.functional import cc, nss
from gazenet.metrics.torchmetrics_objects import ScoreMean
from gazenet.recipes.gasp.gasp_losses import dam_bce, logged, loss_terms
from gazenet.training.recipe_task import stop

Batch = Mapping[str, Tensor]
Judge = Callable[[Tensor, Tensor, Tensor], Mapping[str, Tensor]]
"""NSS and CC ``[B]`` of maps ``[B, h, w]`` of frames ``[B]`` of clips ``[B]``, against all that is known of them."""


class IntegratorTask(LightningModule):
    """Optimises one member of the GASP family; validates with NSS and CC beside the loss.

    Batches are those of :class:`gazenet.data.window_samples.WindowSamples`. Logs ``train_*`` and ``val_*`` values
    under their published names. ``steps``: optimiser steps of the run, for schedules. ``warm_start``: a state dict to
    begin with.
    ``judge``: who scores maps in validation; None: marks and density of the batch, on the cells of the target. Raises
    ValueError where losses and network do not go together.
    """

    def __init__(
        self,
        network: GaspConfig,
        trainer: TrainerConfig,
        steps: int,
        warm_start: Mapping[str, Tensor] | None = None,
        declared: GaspSpec | None = None,
        judge: Judge | None = None,
    ) -> None:
        super().__init__()
        if trainer.loss.mode == "published" and network.head != "logits":
            raise ValueError("published losses are defined on logits: set trainer.loss.mode to corrected")
        self.network = build(network)
        if warm_start is not None:
            self.network.load_state_dict(warm_start)
        self.settings, self.steps, self.declared = trainer, steps, declared
        self.val_nss, self.val_cc = ScoreMean(), ScoreMean()
        self._judge = judge
        self._batch_losses: list[Tensor] = []

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
        terms = self._shared(self.terms(batch))
        self._log("train_", terms)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            stop(self, batch, terms, ", or set the weight of that loss to 0")
        return total

    def _shared(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Gradients of several processes are averaged, but published terms are sums over the whole batch."""
        world = self.trainer.world_size
        if world == 1 or self.settings.loss.mode != "published":
            return terms
        return {name: term if name == "dam" else term * world for name, term in terms.items()}

    def validation_step(self, batch: Batch, index: int) -> None:
        loss, head = self.settings.loss, self.network.config.head
        saliency = self(batch["maps"])
        terms = loss_terms(saliency, batch["salmap"], batch["fixmap"], loss, head)
        self._log("val_", terms, weight=len(saliency), skip=("nss", "cc"))
        self._batch_losses.append(torch.stack(list(terms.values())).sum().float())
        found = self.scores(self.shown(saliency)[:, 0], batch)
        self.val_nss.update(found["nss"])
        self.val_cc.update(found["cc"])

    def scores(self, shown: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """NSS and CC ``[B]`` of maps ``[B, h, w]``."""
        if self._judge is not None:
            return self._judge(shown, batch["clip"], batch["frame"])
        return {"nss": nss(shown, batch["fixmap"][:, 0]), "cc": cc(shown, batch["salmap"][:, 0])}

    def shown(self, saliency: Tensor) -> Tensor:
        """Logits or log densities as maps that can be looked at and scored."""
        return saliency.exp() if self.network.config.head == "density" else saliency.sigmoid()

    def on_validation_epoch_end(self) -> None:
        self.log_dict({"val_nss": self.val_nss.compute().float(), "val_cc": self.val_cc.compute().float()})
        self.val_nss.reset()
        self.val_cc.reset()
        losses = torch.stack(self._batch_losses)
        self.log_dict({"avg_val_loss": losses.mean(), "std_val_loss": losses.std(correction=0)})
        self._batch_losses.clear()

    def _log(
        self, prefix: str, terms: Mapping[str, Tensor], weight: int | None = None, skip: tuple[str, ...] = ()
    ) -> None:
        published = self.settings.loss.mode == "published"
        divisor = self.settings.batch_size if published else 1
        values = logged(terms, self.settings.loss, divisor)
        shown = {prefix + name: value for name, value in values.items() if name not in skip}
        training = weight is None
        several = training and self.trainer.world_size > 1
        self.log_dict(shown, on_step=training, on_epoch=not training, batch_size=weight, sync_dist=several)

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

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checkpoints say which network they hold, and which cues it is for: inference can take them as they are."""
        checkpoint[NETWORK] = self.network.config.as_dict()
        if self.declared is not None:
            checkpoint[SPEC] = self.declared.model_dump_json()

    def state(self) -> dict[str, Tensor]:
        """A copy of the network's weights on the CPU."""
        return {key: value.detach().cpu().clone() for key, value in self.network.state_dict().items()}


def network_config(fields: Mapping[str, Any], cues: int) -> GaspConfig:
    """The network of a training config; ``class`` is a published class whose fields the others change.

    Raises ValueError or TypeError for fields and classes it does not know.
    """
    given = {**cast(dict[str, Any], dict(fields)), "modalities": cues}
    name = given.pop("class", None)
    if name is None:
        return GaspConfig.from_dict(given)
    if name not in PUBLISHED_CLASSES:
        raise ValueError(f"class {name!r} is none of {', '.join(PUBLISHED_CLASSES)}")
    kwargs = {key: given.pop(key) for key in ("sequence_len", "sequence_norm") if key in given}
    return GaspConfig.from_dict({**published(name, **kwargs).as_dict(), **given})


def class_of(config: GaspConfig) -> str:
    """The published class of a network, or a description of one that has none."""
    for name in PUBLISHED_CLASSES:
        same = published(name)
        if (same.front, same.order, same.sequential) == (config.front, config.order, config.sequential):
            return name
    return (
        f"a {'sequential' if config.sequential else 'static'} network of {config.front}, {' and '.join(config.order)}"
    )
