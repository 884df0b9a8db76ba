"""The recipe that a config belongs to, and the config as that recipe's own type. Loads without heavy libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazenet.config.load import NO_PLACEHOLDERS, Placeholders, read_config, validate
from gazenet.cues.registry import Discovery, PluginEntry, discover, get
from gazenet.errors import UsageError
from gazenet.training.recipe_config import RecipeConfig
from gazenet.training.recipe_spec import DEFAULT_RECIPE, GROUP, RecipeSpec


@dataclass(frozen=True)
class RecipeRequest:
    """A training config that was read and is not checked yet: its recipe, its data, and the words that name it."""

    entry: PluginEntry[RecipeSpec]
    data: dict[str, Any]
    where: str

    def config(self, sets: Sequence[str] = ()) -> RecipeConfig:
        """Return the data with ``--set`` texts applied, checked. Raises UsageError naming file, key and remedy."""
        return validate(self.entry.spec.config, self.data, self.where, sets)


def installed_recipes() -> Discovery[RecipeSpec]:
    """Return the recipes that installed packages offer; broken ones are among the errors."""
    return discover(GROUP, RecipeSpec)


def find_recipe(name: str | Path, placeholders: Placeholders = NO_PLACEHOLDERS) -> RecipeRequest:
    """Read a training config by name or file and find its recipe, the integrator's where it names none.

    Raises UsageError; PluginError where the recipe is installed but broken.
    """
    data, where = read_config("train", name, placeholders)
    recipe = data.get("recipe", DEFAULT_RECIPE)
    if not isinstance(recipe, str) or not recipe:
        raise UsageError(f"{where}: recipe: write the name of a recipe (gasp_train --list shows them)")
    try:
        return RecipeRequest(get(recipe, GROUP, RecipeSpec), data, where)
    except UsageError as error:
        raise UsageError(f"{where}: recipe: {error}; a recipe comes with the package that offers it") from None
