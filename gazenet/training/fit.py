"""One network from its first to its last epoch; a resumed fit ends in the same weights as an uninterrupted one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lightning import Callback

from gazenet.data.data_module import data_module
from gazenet.errors import UsageError
from gazenet.training.callbacks import EpochTable, EpochWeights, StepSeed, StorePictures
from gazenet.training.checkpoints import check_readable
from gazenet.training.curves import Row, draw_curve
from gazenet.training.recipe_config import FitConfig, RecipeConfig
from gazenet.training.recipe_task import RecipeTask
from gazenet.training.seeded_samples import OrderedSamples, SampleList, SeededSamples
from gazenet.training.trainer import FitContext, optimise


@dataclass(frozen=True)
class FittedTask:
    """A finished task, whose network has the weights that the config keeps, and the table of its epochs."""

    task: RecipeTask
    rows: list[Row] = field(default_factory=list)

    @property
    def values(self) -> dict[str, float]:
        """What the last epoch logged; values that are no numbers are left out."""
        last = self.rows[-1] if self.rows else {}
        return {name: value for name, value in last.items() if math.isfinite(value)}


@dataclass(frozen=True)
class FitRequest:
    """Where and how a fit runs.

    ``settings``: those of this network, by default the config's ``trainer``; ``weights``: path of the state dict after
    an epoch, counted from 1, or None where it is not kept.
    """

    config: RecipeConfig
    folder: Path
    resume: bool
    title: str = ""
    settings: FitConfig | None = None
    weights: Callable[[int], Path | None] | None = None
    tell: Callable[[str], None] = print

    @property
    def bench(self) -> FitContext:
        """The trainer's side of it."""
        return FitContext(self.config, self.settings or self.config.trainer, self.folder, tell=self.tell)


def fit(
    place: FitRequest, make: Callable[[], RecipeTask], training: SampleList, validation: SampleList | None = None
) -> FittedTask:
    """Train what ``make`` builds (after the seed is set), leaving checkpoints, ``epochs.csv``, logs and curve.

    Raises UsageError for an empty set and an unreadable checkpoint, GazenetError where the loss is not finite.
    """
    bench, title = place.bench, place.title or place.config.recipe
    settings = bench.settings
    if not len(training):
        raise UsageError(f"{title}: there is no sample to learn from")
    if settings.keep == "best" and validation is None:
        raise UsageError("trainer.keep is best, but there is no validation set: name one or keep the last")
    start = bench.last(place.resume)
    if start is not None:
        check_readable(start)
    bench.seed()
    task, table = make(), EpochTable(place.folder, lambda text: place.tell(f"{place.title} {text}".strip()))
    held = None if validation is None else OrderedSamples(validation)
    data = data_module(
        SeededSamples(training, settings.seed), held, settings.batch_size, settings.workers, settings.drop_last
    )
    steps = math.ceil(len(training) / settings.batch_size)
    callbacks = _callbacks(place, bench, validation is not None, table)
    trainer = bench.trainer(callbacks, start, validation is not None, steps)
    optimise(trainer, task, data, start)
    if trainer.is_global_zero:
        draw_curve(place.folder, table.rows, title)
    bench.take_best(trainer, task)
    return FittedTask(task, table.rows)


def _callbacks(place: FitRequest, bench: FitContext, validated: bool, table: EpochTable) -> list[Callback]:
    found: list[Callback] = [StepSeed(bench.settings.seed), table]
    if place.weights is not None:
        found.append(EpochWeights(place.weights))
    if validated and bench.settings.val_store_image_samples:
        found.append(StorePictures(place.folder / "samples"))
    if validated:
        found += bench.keep_best("best-{epoch:03d}")
    return [*found, bench.keep_last()]
