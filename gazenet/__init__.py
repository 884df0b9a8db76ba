"""gazenet: predict where people look in social video.

``gazenet.predict(path)`` is :func:`gazenet.inference.predict.predict`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "predict"]


def __getattr__(name: str) -> Any:
    # By name and on first use: the package itself stays light, torch comes with the first prediction.
    if name == "predict":
        return importlib.import_module("gazenet.inference.predict").predict
    raise AttributeError(f"module 'gazenet' has no attribute {name!r}")
