"""Which recipe a config belongs to, and the config as that recipe's own type. Loads without heavy libraries."""

from __future__ import annotations

import types
from collections.abc import Sequence
from pathlib import Path

from gazenet.config.load import Placeholders, read_config, validate
from gazenet.cues.registry import Discovery, PluginEntry, discover, get
from gazenet.errors import UsageError
from gazenet.training.recipe_config import RecipeConfig
from gazenet.training.recipe_spec import GROUP, INTEGRATOR, RecipeSpec

_NONE: Placeholders = types.MappingProxyType({})


def installed_recipes() -> Discovery[RecipeSpec]:
    """The recipes that installed packages offer, beside the integrator's; what is broken is among the errors."""
    return discover(GROUP, RecipeSpec)


def recipe_of(name: str | Path, placeholders: Placeholders = _NONE) -> str:
    """The recipe that a train config names; the integrator's where it names none. Raises UsageError."""
    data, where = read_config("train", name, placeholders)
    recipe = data.get("recipe", INTEGRATOR)
    if not isinstance(recipe, str) or not recipe:
        raise UsageError(f"{where}: recipe: write the name of a recipe (gasp_train --list shows them)")
    return recipe


def load_recipe(
    name: str | Path, sets: Sequence[str] = (), placeholders: Placeholders = _NONE
) -> tuple[PluginEntry[RecipeSpec], RecipeConfig]:
    """A recipe and its checked config, with ``--set`` texts applied.

    Raises UsageError naming file, key and remedy; PluginError where the recipe is installed but broken.
    """
    data, where = read_config("train", name, placeholders)
    recipe = recipe_of(name, placeholders)
    try:
        entry = get(recipe, GROUP, RecipeSpec)
    except UsageError as error:
        raise UsageError(f"{where}: recipe: {error}; a recipe comes with the package that offers it") from None
    return entry, validate(entry.spec.config, data, where, sets)
