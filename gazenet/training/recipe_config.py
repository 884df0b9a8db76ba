"""The base classes of the config of a recipe. Loads without heavy libraries."""

from __future__ import annotations

from gazenet.config.fit_config import FitConfig, RecipeConfig
from gazenet.config.model import ConfigModel, DeviceText, PathText
from gazenet.config.training import SourceConfig

__all__ = ["ConfigModel", "DeviceText", "FitConfig", "PathText", "RecipeConfig", "SourceConfig"]
