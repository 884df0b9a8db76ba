"""What the config of every recipe holds; a recipe adds its own keys by inheriting. Loads without heavy libraries."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from gazenet.config.model import ConfigModel, DeviceText, PathText
from gazenet.config.trainer import FitConfig, RunConfig
from gazenet.config.training import SourceConfig

__all__ = ["DeviceText", "FitConfig", "PathText", "RecipeConfig", "ConfigModel", "SourceConfig"]


class RecipeConfig(RunConfig):
    """Base of the config of a recipe. ``recipe`` is narrowed to the recipe's name by each of them."""

    one_device: ClassVar[bool] = False
    """Whether the recipe trains on one device only: set where it fits several networks one after the other."""

    @property
    def adds(self) -> bool:
        """Whether the run works on what others left in its output, as single steps of a chain do."""
        return False

    recipe: str = Field(description="Name of the recipe (gasp_train --list).")

    @model_validator(mode="after")
    def _devices_fit(self) -> RecipeConfig:
        if self.one_device and self.trainer.devices > 1:
            raise ValueError(f"trainer.devices: the recipe {self.recipe} trains on one device")
        return self
