"""The declaration of a recipe: data that can be read and checked without importing torch.

An entry point of group ``gazenet.recipes`` resolves to a :class:`RecipeSpec`. The implementation is named as a string
and imported on use.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from gazenet.plugin_registry import Members, PluginSpec
from gazenet.training.recipe_config import RecipeConfig

GROUP = "gazenet.recipes"
DEFAULT_RECIPE = "gasp"
"""The recipe of configs that name none."""


class RecipeSpec(PluginSpec):
    """The declaration of how a network is trained by ``gasp_train``.

    ``implementation`` names a class ``package.module:Class`` that is constructed with the config and has a method
    ``train(run)`` (see :class:`gazenet.training.recipe_run.Recipe`).
    """

    members: ClassVar[Members] = {"train": ("run",)}

    summary: str = Field(min_length=1, description="One sentence, shown by gasp_train --list.")
    config: type[RecipeConfig]
