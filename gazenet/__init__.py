"""Predict where people look in social video.

The public face for Python: :func:`predict` runs a config over one file, :func:`load_config` reads and checks a config,
:func:`plugin_names` lists what is installed. Importing the package imports nothing heavy; every name below is imported
when it is first used.

>>> import gazenet
>>> "predict" in gazenet.__all__
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gazenet.version import __version__

if TYPE_CHECKING:
    from gazenet.config.inference import InferConfig
    from gazenet.config.load import config_names, load_config
    from gazenet.config.training import TrainConfig
    from gazenet.errors import CacheError, GazenetError, MediaError, PluginError, UsageError
    from gazenet.inference.predict import predict
    from gazenet.inference.results import Prediction
    from gazenet.plugin_registry import plugin_names

__all__ = [
    "CacheError",
    "GazenetError",
    "InferConfig",
    "MediaError",
    "PluginError",
    "Prediction",
    "TrainConfig",
    "UsageError",
    "__version__",
    "config_names",
    "load_config",
    "plugin_names",
    "predict",
]

_MODULES = {
    "config.inference": ("InferConfig",),
    "config.load": ("config_names", "load_config"),
    "config.training": ("TrainConfig",),
    "plugin_registry": ("plugin_names",),
    "errors": ("CacheError", "GazenetError", "MediaError", "PluginError", "UsageError"),
    "inference.predict": ("predict",),
    "inference.results": ("Prediction",),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
