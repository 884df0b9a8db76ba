"""File names that are not UTF-8, in the check of a config, which accepts only text.

Python represents such a byte as a lone surrogate, which JSON cannot contain. While a config is checked, a private-use
character replaces it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

_FIRST = 0x10FF80
_HIDE = {0xDC80 + k: _FIRST + k for k in range(128)}
_RESTORE = {stand_in: byte for byte, stand_in in _HIDE.items()}

_Model = TypeVar("_Model", bound=BaseModel)


def hide_bytes(text: str) -> str:
    """Return a text with private-use characters in the place of such bytes."""
    return text.translate(_HIDE)


def restore_bytes(model: _Model) -> _Model:
    """Return a copy of a checked config with the bytes restored."""
    return model.model_copy(update={name: _restore(getattr(model, name)) for name in type(model).model_fields})


def _restore(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_RESTORE)
    if isinstance(value, BaseModel):
        return restore_bytes(value)
    if isinstance(value, dict):
        return {_restore(key): _restore(item) for key, item in value.items()}
    return type(value)(_restore(item) for item in value) if type(value) in (list, tuple) else value
