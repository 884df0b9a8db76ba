"""One network from its first to its last epoch; a resumed fit ends in the same weights as an uninterrupted one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from lightning import Callback

from gazenet.config.fit_config import FitConfig
from gazenet.data.data_module import data_module
from gazenet.errors import UsageError
from gazenet.training.callbacks import EpochTable, EpochWeights, StepSeed, StorePictures
from gazenet.training.checkpoints import check_readable
from gazenet.training.curves import Row, draw_curve
from gazenet.training.recipe_task import RecipeTask
from gazenet.training.seeded_samples import Samples, training_source, validation_source
from gazenet.training.state_saving import SaveState
from gazenet.training.trainer import FitRequest, optimise

__all__ = ["FitRequest", "FittedTask", "fit", "steps_per_epoch"]


@dataclass(frozen=True)
class FittedTask:
    """A finished task, whose network has the weights that the config keeps, and the table of its epochs."""

    task: RecipeTask
    rows: list[Row] = field(default_factory=list)

    @property
    def values(self) -> dict[str, float]:
        """The latest of every logged value; those that are not finite are left out."""
        latest = {name: value for row in self.rows for name, value in row.items()}
        return {name: value for name, value in latest.items() if math.isfinite(value)}


def steps_per_epoch(samples: int, settings: FitConfig) -> int:
    """Return how many optimiser steps an epoch of so many samples has."""
    size = min(settings.batch_size, samples)
    return samples // size if settings.drop_last else math.ceil(samples / size)


def fit(
    request: FitRequest, make: Callable[[], RecipeTask], training: Samples, validation: Samples | None = None
) -> FittedTask:
    """Train the task that ``make`` builds after the seed is set; leave checkpoints, ``epochs.csv``, logs and curve.

    Raises UsageError for an empty set and an unreadable checkpoint, GazenetError where the loss is not finite.
    """
    settings, validated = request.settings, validation is not None
    if not len(training):
        raise UsageError(f"{request.title}: there is no sample to learn from")
    if settings.keep == "best" and not validated:
        raise UsageError("trainer.keep is best, but there is no validation set: name one or keep the last")
    start = request.start()
    if start is not None:
        check_readable(start)
    request.seed()
    task, table = make(), EpochTable(request.folder, request.report)
    source = training_source(training, settings.seed)
    held = None if validation is None else validation_source(validation)
    data = data_module(source, held, settings.batch_size, settings.workers, settings.drop_last)
    callbacks = _callbacks(request, task, table, validated)
    steps = steps_per_epoch(len(training), settings)
    trainer = request.trainer(task, callbacks, start, steps, validated)
    optimise(trainer, task, data, start)
    if trainer.is_global_zero:
        draw_curve(request.folder, table.rows, request.title)
    request.take_best(trainer, task)
    return FittedTask(task, table.rows)


def _callbacks(request: FitRequest, task: RecipeTask, table: EpochTable, validated: bool) -> list[Callback]:
    callbacks: list[Callback] = [StepSeed(request.settings.seed), table]
    if request.weights is not None:
        callbacks.append(EpochWeights(request.weights))
    if validated and request.settings.val_store_image_samples:
        callbacks.append(StorePictures(request.folder / "samples"))
    if validated:
        callbacks += request.keep_best(task.maximised)
    # The last one: it stores what the others remember of the epoch.
    return [*callbacks, SaveState(request.folder, request.settings)]
