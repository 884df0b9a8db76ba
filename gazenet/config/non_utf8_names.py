"""Takes file names that are not UTF-8 through the check of a config, which knows text only.

Python holds such a byte as a lone surrogate, which no JSON can carry. While a config is checked a character that is
for private use stands for it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

_FIRST = 0x10FF80
_AWAY = {0xDC80 + k: _FIRST + k for k in range(128)}
_BACK = {stand_in: byte for byte, stand_in in _AWAY.items()}

_Model = TypeVar("_Model", bound=BaseModel)


def hide_bytes(text: str) -> str:
    """A text without such bytes: characters stand for them."""
    return text.translate(_AWAY)


def restore_bytes(model: _Model) -> _Model:
    """A checked config in which the bytes are back."""
    return model.model_copy(update={name: _back(getattr(model, name)) for name in type(model).model_fields})


def _back(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_BACK)
    if isinstance(value, BaseModel):
        return restore_bytes(value)
    if isinstance(value, dict):
        return {_back(key): _back(one) for key, one in value.items()}
    return type(value)(_back(one) for one in value) if type(value) in (list, tuple) else value
