"""The Lightning task: an integrator learns to predict where people looked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from gazenet.config.training import TrainerConfig
from gazenet.errors import UsageError
from gazenet.fusion.gasp import Gasp, build
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES, GaspConfig, published
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.integrator_files import NETWORK, SPEC
from gazenet.metrics.functional import cc, nss
from gazenet.metrics.saliency_metrics import ScoreMean
from gazenet.recipes.gasp.gasp_losses import dam_bce, logged, loss_terms
from gazenet.training.checkpoints import LAST
from gazenet.training.recipe_task import Batch, LossTerms, RecipeTask
from gazenet.training.validation_metrics import map_row

Judge = Callable[[Tensor, Tensor, Tensor], Mapping[str, Tensor]]
"""NSS and CC ``[B]`` of maps ``[B, h, w]`` of frames ``[B]`` of clips ``[B]``, against the whole ground truth."""
PICTURED = 0.1
"""Share of the validation batches that are shown in pictures, as published."""


class IntegratorTask(RecipeTask):
    """Optimises one member of the GASP family; validates with NSS and CC beside the loss.

    Batches are those of :class:`gazenet.data.window_samples.WindowSamples`. Logs ``train_*`` and ``val_*`` values
    under their published names.

    Args:
        steps: optimiser steps of the run, for schedules.
        declared: the declaration of the integrator, kept in checkpoints.
        judge: scores maps in validation; None: marks and density of the batch, on the cells of the target.
    """

    network: Gasp
    remedy = ", or set the weight of that loss to 0"

    def __init__(
        self,
        network: GaspConfig,
        trainer: TrainerConfig,
        steps: int,
        declared: GaspSpec | None = None,
        judge: Judge | None = None,
    ) -> None:
        super().__init__(build(network))
        self.settings, self.steps, self.declared = trainer, steps, declared
        # An attention module without a loss gets no gradient.
        self.unused_parameters = not trainer.loss.dam and network.front == "dam"
        self.val_nss, self.val_cc = ScoreMean(), ScoreMean()
        self._judge = judge
        self._batch_losses: list[Tensor] = []

    def forward(self, maps: Tensor) -> Tensor:
        """Return saliency logits or log densities ``[N, 1, H', W']`` of the (last) frames."""
        return self.network(maps)[0]

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return all weighted loss terms of a batch, the attention module's own included."""
        loss = self.settings.loss
        saliency, dam, _ = self.network(batch["maps"])
        terms = loss_terms(saliency, batch["salmap"], batch["fixmap"], loss, self.network.config.head)
        if dam is not None and loss.dam:
            truth = batch["seq_salmap"] if self.network.config.exhaustive else batch["salmap"]
            terms["dam"] = loss.dam * dam_bce(dam, truth)
        return terms

    def outcome(self, batch: Batch) -> LossTerms:
        """Return the loss terms; in validation also add to the scores of the epoch."""
        if self.training:
            return LossTerms(self._of_all_processes(self.terms(batch)))
        saliency = self(batch["maps"])
        head = self.network.config.head
        outcome = LossTerms(loss_terms(saliency, batch["salmap"], batch["fixmap"], self.settings.loss, head))
        self._batch_losses.append(outcome.loss.float())
        scores = self.scores(self.shown(saliency)[:, 0], batch)
        self.val_nss.update(scores["nss"])
        self.val_cc.update(scores["cc"])
        return outcome

    def logged(self, outcome: LossTerms) -> dict[str, float]:
        """Return the published values; NSS and CC of a validation are those of its whole epoch."""
        divisor = self.settings.batch_size if self.settings.loss.mode == "published" else 1
        values = logged(outcome.terms, self.settings.loss, divisor)
        return {name: value for name, value in values.items() if self.training or name not in ("nss", "cc")}

    def _of_all_processes(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scale sums: gradients of several processes are averaged, but published terms are sums over the batch."""
        world = self.trainer.world_size
        if world == 1 or self.settings.loss.mode != "published":
            return terms
        return {name: term if name == "dam" else term * world for name, term in terms.items()}

    def scores(self, shown: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Return NSS and CC ``[B]`` of maps ``[B, h, w]``."""
        if self._judge is not None:
            return self._judge(shown, batch["clip"], batch["frame"])
        return {"nss": nss(shown, batch["fixmap"][:, 0]), "cc": cc(shown, batch["salmap"][:, 0])}

    def shown(self, saliency: Tensor) -> Tensor:
        """Convert logits or log densities to maps that can be drawn and scored."""
        return saliency.exp() if self.network.config.head == "density" else saliency.sigmoid()

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation, and mean and deviation of the losses of its batches."""
        self.log_dict({"val_nss": self.val_nss.compute().float(), "val_cc": self.val_cc.compute().float()})
        self.val_nss.reset()
        self.val_cc.reset()
        losses = torch.stack(self._batch_losses)
        self.log_dict({"avg_val_loss": losses.mean(), "std_val_loss": losses.std(correction=0)})
        self._batch_losses.clear()

    def is_pictured(self, batch_index: int) -> bool:
        """Return whether a batch is among the tenth that a draw by seed, epoch and batch chooses."""
        draw = np.random.default_rng([self.settings.seed, self.current_epoch, batch_index]).random()
        return bool(draw < PICTURED)

    def pictures(self, batch: Batch) -> dict[str, NDArray[np.uint8]]:
        """Return prediction, density and fixations of the first sample in a row."""
        predicted = self.shown(self(batch["maps"][:1]))[0, 0]
        return {"maps": map_row(predicted, batch["salmap"][0, 0], batch["fixmap"][0, 0])}

    def configure_optimizers(self) -> Any:
        """Return Adam or AdamW with the schedule of the config, by steps."""
        settings = self.settings
        kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        if settings.schedule == "constant":
            return optimizer
        schedule: Any
        if settings.schedule == "cosine":
            schedule = CosineAnnealingLR(optimizer, self.steps)
        else:
            schedule = OneCycleLR(optimizer, settings.learning_rate, total_steps=self.steps + 1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store network and cues in the checkpoint, so that inference can take it as it is."""
        checkpoint[NETWORK] = self.network.config.as_dict()
        if self.declared is not None:
            checkpoint[SPEC] = self.declared.model_dump_json()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another network. Raises UsageError naming both."""
        wanted, stored = self.network.config, checkpoint.get(NETWORK)
        path = Path(self.trainer.default_root_dir) / LAST
        try:
            held = GaspConfig.from_dict(stored) if stored else wanted
        except (TypeError, ValueError) as error:
            raise UsageError(f"cannot read checkpoint {path}: {error}; delete it to start over") from None
        if held != wanted:
            raise UsageError(
                f"--resume: {path} holds {described(held, wanted)}, but the config asks for "
                f"{described(wanted, held)}: use the config of that run, or another output"
            )


def network_config(fields: Mapping[str, Any], cues: int) -> GaspConfig:
    """Return the network of a training config; ``class`` is a published class whose fields the others change.

    Raises ValueError or TypeError for unknown fields and classes.
    """
    wanted = {**dict(fields), "modalities": cues}
    name = wanted.pop("class", None)
    if name is None:
        return GaspConfig.from_dict(wanted)
    if name not in PUBLISHED_CLASSES:
        raise ValueError(f"class {name!r} is none of {', '.join(PUBLISHED_CLASSES)}")
    kwargs = {key: wanted.pop(key) for key in ("sequence_len", "sequence_norm") if key in wanted}
    return GaspConfig.from_dict({**published(name, **kwargs).as_dict(), **wanted})


def class_of(config: GaspConfig) -> str:
    """Return the published class of a network, or a description of one that has none."""
    for name in PUBLISHED_CLASSES:
        same = published(name)
        if (same.front, same.order, same.sequential) == (config.front, config.order, config.sequential):
            return name
    return (
        f"a {'sequential' if config.sequential else 'static'} network of {config.front}, {' and '.join(config.order)}"
    )


def described(config: GaspConfig, other: GaspConfig) -> str:
    """Return class, context and whatever else tells a network from another."""
    mine, theirs = config.as_dict(), other.as_dict()
    named = ("front", "order", "sequential", "sequence_len", "sequence_norm")
    rest = [f"{key} {mine[key]}" for key in mine if mine[key] != theirs[key] and key not in named]
    context = f"context {config.sequence_len}{'Norm' if config.sequence_norm else ''}"
    return ", ".join([f"{class_of(config)} with {context}", *rest])
