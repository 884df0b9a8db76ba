"""One run of a recipe: its folder, its steps, what is kept of the config, and what a resume passes over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gazenet.config.load import read_file, validate
from gazenet.cues.registry import Entry
from gazenet.errors import PluginError, UsageError
from gazenet.files import write_json
from gazenet.learning.config import FitConfig, RecipeConfig, differing
from gazenet.learning.fit import Fitted, Place, fit
from gazenet.learning.loggers import check_logger
from gazenet.learning.samples import Samples
from gazenet.learning.spec import RecipeSpec
from gazenet.learning.task import RecipeTask

CONFIG, RESULT, STEPS = "train_config.json", "result.json", "steps"


@dataclass(frozen=True)
class Finished:
    """What a recipe made: the file of its weights, and JSON-ready values that say how good they are."""

    weights: Path
    values: dict[str, Any] = field(default_factory=dict)


class Recipe(Protocol):
    """What the implementation of a recipe must offer. Its constructor takes the checked config.

    The constructor raises UsageError for what is wrong with the request, before anything is written.
    """

    def train(self, run: Run) -> Finished:
        """Do the work in ``run.folder``. Raises GazenetError."""


@dataclass(frozen=True)
class Run:
    """The bench that a recipe works on. ``resume``: continue what an earlier run of this folder left."""

    config: RecipeConfig
    folder: Path
    resume: bool = False

    def tell(self, text: str) -> None:
        """A line for the user."""
        print(text, flush=True)

    def fit(
        self,
        make: Callable[[], RecipeTask],
        training: Samples,
        validation: Samples | None = None,
        name: str = "",
        settings: FitConfig | None = None,
        weights: Callable[[int], Path | None] | None = None,
    ) -> Fitted:
        """Train one network in ``<folder>/<name>``; ``make`` builds its task after the seed is set.

        ``settings``: where they are others than the config's ``trainer``; ``weights``: path of the state dict after
        an epoch, or None where it is not kept. Raises UsageError and GazenetError.
        """
        place = Place(self.config, self.folder / name, self.resume, name, settings, weights, self.tell)
        return fit(place, make, training, validation)

    def step(self, name: str, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do a step of several and keep its values; on a resume a finished one is passed over.

        Within the step, :meth:`fit` continues its own checkpoint. Returns the values that ``action`` gave.
        """
        mark = self.folder / STEPS / f"{name}.json"
        if self.resume and mark.exists():
            self.tell(f"{name}: done before")
            return read_file(mark)
        mark.unlink(missing_ok=True)
        values = action()
        write_json(mark, values)
        return values


def train_recipe(entry: Entry[RecipeSpec], config: RecipeConfig, resume: bool = False) -> Finished:
    """Run a recipe in ``config.output``, which then holds ``train_config.json`` and ``result.json`` beside its files.

    Raises GazenetError.
    """
    check_cuda(config.device)
    check_logger(config.logger)
    made = entry.load()(config)
    if not callable(getattr(made, "train", None)):
        raise PluginError(f"recipe {entry.name}: {entry.spec.implementation} has no method train(run)")
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    remember(config, folder, resume)
    run = Run(config, folder, resume)
    recipe: Recipe = made
    finished = recipe.train(run)
    facts = {"recipe": entry.name, "weights": str(finished.weights), "values": finished.values}
    write_json(folder / RESULT, {**facts, "command": sys.argv, "config": config.model_dump(mode="json")})
    run.tell(f"{entry.name}: {finished.weights}")
    return finished


def remember(config: RecipeConfig, folder: Path, resume: bool) -> None:
    """Keeps the config; a resume under another one is refused, since it could not end in the same network."""
    path = folder / CONFIG
    if resume and path.exists():
        before = validate(type(config), read_file(path), str(path))
        changed = differing(before, config)
        if changed:
            raise UsageError(
                f"--resume: {', '.join(changed)} differs from {path}: use the same values or another output"
            )
    write_json(path, config.model_dump(mode="json"))


def check_cuda(device: str) -> None:
    """Raises UsageError where ``device`` (``cpu`` or ``cuda:N``) is not there."""
    import torch

    index = device.partition(":")[2]
    if index and int(index) >= torch.cuda.device_count():
        raise UsageError(f"device {device}: this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
