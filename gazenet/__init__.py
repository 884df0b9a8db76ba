"""gazenet: predict where people look in social video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["__version__", "predict"]

if TYPE_CHECKING:
    from gazenet.inference.predict import predict


def __getattr__(name: str) -> Any:
    # The package itself stays light: torch comes with the first prediction.
    if name == "predict":
        from gazenet.inference.predict import predict

        return predict
    raise AttributeError(f"module 'gazenet' has no attribute {name!r}")
