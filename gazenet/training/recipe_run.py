"""One run of a recipe: its folder, its steps, what is kept of the config, and what a resume passes over."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gazenet.config.load import read_file
from gazenet.cues.registry import PluginEntry
from gazenet.errors import GazenetError, PluginError, UsageError
from gazenet.files import write_json
from gazenet.guard.exception_text import first_line_of
from gazenet.guard.guarded_call import guarded
from gazenet.redaction import redact
from gazenet.training.checkpoints import LAST
from gazenet.training.fit import FitRequest, FittedTask, fit
from gazenet.training.output_folder import own_output
from gazenet.training.preflight import check_request, remember
from gazenet.training.recipe_config import FitConfig, RecipeConfig
from gazenet.training.recipe_spec import RecipeSpec
from gazenet.training.recipe_task import RecipeTask
from gazenet.training.seeded_samples import SampleList
from gazenet.training.trainer import first_process

RESULT, STEPS = "result.json", "steps"


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe made: the file of its weights, and JSON-ready values that say how good they are."""

    weights: Path
    values: dict[str, Any] = field(default_factory=dict)


class Recipe(Protocol):
    """What the implementation of a recipe must offer. Its constructor takes the checked config.

    The constructor raises UsageError for what is wrong with the request, before anything is written.
    """

    def train(self, run: RecipeRun) -> RecipeResult:
        """Do the work in ``run.folder``. Raises GazenetError."""


class OnlyTrains(Exception):
    """Ends a process that has helped another one to train; what is made of the network is that one's work."""


@dataclass(frozen=True)
class RecipeRun:
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
        training: SampleList,
        validation: SampleList | None = None,
        name: str = "",
        settings: FitConfig | None = None,
        weights: Callable[[int], Path | None] | None = None,
    ) -> FittedTask:
        """Train one network in ``<folder>/<name>``; ``make`` builds its task after the seed is set.

        ``settings``: where they are others than the config's ``trainer``; ``weights``: path of the state dict after
        an epoch, or None where it is not kept. Raises UsageError and GazenetError.
        """
        self.begins(name)
        place = FitRequest(self.config, self.folder / name, self.resume, name, settings, weights, self.tell)
        made = fit(place, make, training, validation)
        if not first_process():
            raise OnlyTrains
        return made

    def begins(self, name: str) -> None:
        """Raises UsageError where ``<folder>/<name>`` holds a training that this run does not continue."""
        last = self.folder / name / LAST
        if not self.resume and first_process() and last.exists():
            raise UsageError(
                f"{last.parent}: holds a training: --resume continues it; to train it anew move that folder away"
            )

    def step(self, name: str, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do a step of several and keep its values; on a resume a finished one is passed over.

        Within the step, :meth:`fit` continues its own checkpoint. Returns the values that ``action`` gave.
        """
        mark = self.folder / STEPS / f"{name}.json"
        if self.resume and mark.exists():
            self.tell(f"{name}: done before")
            return read_file(mark)
        self.begins(name)
        mark.unlink(missing_ok=True)
        values = action()
        write_json(mark, values)
        return values


def train_recipe(
    entry: PluginEntry[RecipeSpec], config: RecipeConfig, resume: bool = False, set_aside: bool = False
) -> RecipeResult | None:
    """Run a recipe in ``config.output``, which then holds ``train_config.json`` and ``result.json`` beside its files.

    ``set_aside``: a training that is there is kept under a numbered name. None in the other processes of a training
    on several devices. Raises GazenetError, and KeyboardInterrupt where a signal ended it.
    """
    check_request(config)
    name, implementation = f"recipe {entry.name}", entry.load()
    with guarded(name, "loading", own=(GazenetError,), lenient=True):
        made = implementation(config)
        if not callable(getattr(made, "train", None)):
            raise PluginError(f"{name}: {entry.spec.implementation} has no method train(run)")
    with own_output(Path(config.output), resume, set_aside, config.adds):
        return _trained(entry, config, made, resume)


def _trained(
    entry: PluginEntry[RecipeSpec], config: RecipeConfig, recipe: Recipe, resume: bool
) -> RecipeResult | None:
    name = f"recipe {entry.name}"
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    remember(config, folder, resume)
    run = RecipeRun(config, folder, resume)
    try:
        with guarded(name, "training", own=(GazenetError, OnlyTrains), lenient=True):
            finished = _checked(name, recipe.train(run))
    except OnlyTrains:
        return None
    facts = {"recipe": entry.name, "weights": str(finished.weights), "values": finished.values}
    told = redact({"command": sys.argv, "config": config.model_dump(mode="json")}, config=True)
    write_json(folder / RESULT, redact(facts) | told)
    run.tell(f"{entry.name}: {finished.weights}")
    return finished


def _checked(name: str, made: object) -> RecipeResult:
    """Raises PluginError for anything but a file that is there and values that JSON can hold."""
    if not isinstance(made, RecipeResult):
        raise PluginError(f"{name}: train must return Finished, not {type(made).__name__}")
    if not isinstance(made.weights, Path) or not made.weights.exists():
        raise PluginError(f"{name}: its weights {str(made.weights)[:200]} are not there")
    try:
        json.dumps(made.values)
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginError(f"{name}: its values are not JSON: {first_line_of(error)}") from error
    return made
