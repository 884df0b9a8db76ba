"""One run of a recipe: its folder, its fits and steps, and its result."""

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
from gazenet.training.preflight import RESULT, check_request, remember
from gazenet.training.recipe_config import FitConfig, RecipeConfig
from gazenet.training.recipe_spec import RecipeSpec
from gazenet.training.recipe_task import RecipeTask
from gazenet.training.seeded_samples import Samples
from gazenet.training.trainer import first_process

STEPS = "steps"


@dataclass(frozen=True)
class RecipeResult:
    """The file of the weights that a recipe trained, and JSON-ready values that say how good they are."""

    weights: Path
    values: dict[str, Any] = field(default_factory=dict)


class Recipe(Protocol):
    """The implementation of a recipe. Its constructor takes the checked config.

    The constructor raises UsageError for what is wrong with the request, before anything is written.
    """

    def train(self, run: RecipeRun) -> RecipeResult:
        """Train in ``run.folder``. Raises GazenetError."""


class OnlyTrains(Exception):
    """Ends a process that has helped another one to train, which alone goes on to the result."""


@dataclass(frozen=True)
class RecipeRun:
    """The folder and the tools that a recipe works with.

    ``resume``: continue what an earlier run of this folder left.
    """

    config: RecipeConfig
    folder: Path
    resume: bool = False

    def tell(self, text: str) -> None:
        """Print a line for the user."""
        print(text, flush=True)

    def fit(
        self,
        make: Callable[[], RecipeTask],
        training: Samples,
        validation: Samples | None = None,
        name: str = "",
        settings: FitConfig | None = None,
        weights: Callable[[int], Path | None] | None = None,
    ) -> FittedTask:
        """Train one network in ``<folder>/<name>``; ``make`` builds its task after the seed is set.

        ``settings``: where they are others than the config's ``trainer``; ``weights``: path of the state dict after
        an epoch, or None where it is not kept. Raises UsageError and GazenetError.
        """
        fitted = fit(self.request(name, settings, weights), make, training, validation)
        self.only_first_process()
        return fitted

    def request(
        self,
        name: str = "",
        settings: FitConfig | None = None,
        weights: Callable[[int], Path | None] | None = None,
    ) -> FitRequest:
        """Return the request of a fit in ``<folder>/<name>``, for :func:`gazenet.training.fit.fit` in all processes.

        Raises UsageError where that folder holds a training that this run does not continue.
        """
        self._check_begins(name)
        return FitRequest(self.config, self.folder / name, self.resume, name, settings, weights)

    def only_first_process(self) -> None:
        """End the processes that only help to train. Raises OnlyTrains there."""
        if not first_process():
            raise OnlyTrains

    def record(self) -> dict[str, Any]:
        """Return the command and the config of the run, without secrets."""
        return redact({"command": sys.argv, "config": self.config.model_dump(mode="json")}, config=True)

    def _check_begins(self, name: str) -> None:
        last = self.folder / name / LAST
        if not self.resume and first_process() and last.exists():
            raise UsageError(
                f"{last.parent}: holds a training: --resume continues it; to train it anew move that folder away"
            )

    def step(self, name: str, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do a step of several and keep its values; on a resume a finished one is passed over.

        Within the step, :meth:`fit` continues its own checkpoint. Returns the values of ``action``.
        """
        mark = self.folder / STEPS / f"{name}.json"
        if self.resume and mark.exists():
            self.tell(f"{name}: done before")
            return read_file(mark)
        self._check_begins(name)
        mark.unlink(missing_ok=True)
        values = action()
        write_json(mark, values)
        return values


def train_recipe(
    entry: PluginEntry[RecipeSpec], config: RecipeConfig, resume: bool = False, set_aside: bool = False
) -> RecipeResult | None:
    """Run a recipe in ``config.output``, which then holds ``train_config.json`` and ``result.json`` beside its files.

    ``set_aside``: an earlier training is kept under a numbered name. None in the other processes of a training
    on several devices. Raises GazenetError, and KeyboardInterrupt where a signal ended it.
    """
    check_request(config)
    name, implementation = f"recipe {entry.name}", entry.load()
    with guarded(name, "loading", own=(GazenetError,), lenient=True):
        recipe = implementation(config)
        if not callable(getattr(recipe, "train", None)):
            raise PluginError(f"{name}: {entry.spec.implementation} has no method train(run)")
    run = RecipeRun(config, Path(config.output), resume)
    with own_output(run.folder, resume, set_aside, config.adds):
        run.folder.mkdir(parents=True, exist_ok=True)
        remember(config, run.folder, resume)
        return _trained(entry, recipe, run)


def _trained(entry: PluginEntry[RecipeSpec], recipe: Recipe, run: RecipeRun) -> RecipeResult | None:
    name = f"recipe {entry.name}"
    try:
        with guarded(name, "training", own=(GazenetError, OnlyTrains), lenient=True):
            result = _checked(name, recipe.train(run))
    except OnlyTrains:
        return None
    facts = {"recipe": entry.name, "weights": str(result.weights), "values": result.values}
    write_json(run.folder / RESULT, redact(facts) | run.record())
    run.tell(f"{entry.name}: {result.weights}")
    return result


def _checked(name: str, result: object) -> RecipeResult:
    """Return a result; raise PluginError for anything but an existing file and values that JSON can hold."""
    if not isinstance(result, RecipeResult):
        raise PluginError(f"{name}: train must return RecipeResult, not {type(result).__name__}")
    if not isinstance(result.weights, Path) or not result.weights.exists():
        raise PluginError(f"{name}: its weights {str(result.weights)[:200]} are not there")
    try:
        json.dumps(result.values)
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginError(f"{name}: its values are not JSON: {first_line_of(error)}") from error
    return result
