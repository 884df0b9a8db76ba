"""The declaration of a recipe: data that can be read and checked without importing torch.

An entry point of group ``gazenet.recipes`` resolves to a :class:`RecipeSpec`. The implementation is named as a string
and imported on use.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gazenet.training.recipe_config import RecipeConfig

API_VERSION = 1
GROUP = "gazenet.recipes"
DEFAULT_RECIPE = "gasp"
"""The recipe of configs that name none."""


class RecipeSpec(BaseModel):
    """The declaration of how a network is trained by ``gasp_train``.

    ``implementation`` names a class ``package.module:Class`` that is constructed with the config and has a method
    ``train(run)`` (see :class:`gazenet.training.recipe_run.Recipe`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: int = API_VERSION
    name: str = Field(pattern="^[a-z][a-z0-9_]*$")
    summary: str = Field(min_length=1, description="One sentence, shown by gasp_train --list.")
    config: type[RecipeConfig]
    implementation: str
    paper: str = ""

    @field_validator("implementation")
    @classmethod
    def _names_a_class(cls, value: str) -> str:
        module, colon, attribute = value.partition(":")
        if not (module and colon and attribute.isidentifier()):
            raise ValueError("implementation must read 'package.module:Class'")
        return value
