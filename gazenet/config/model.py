"""The base of every config model: unknown keys are refused, objects are immutable, paths are expanded in one place."""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)(?=/|$)")
_DEVICE = re.compile(r"cpu|cuda:\d+")

Scalar = bool | int | float | str


class ConfigModel(BaseModel):
    """The base of every config object: frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


def expand_path(value: str) -> str:
    """Expand a leading ``~`` or ``$NAME/`` of a path; a ``$`` anywhere else is an ordinary character.

    Raises ValueError for an empty path, a NUL character or a variable that is not set.
    """
    if not value or "\0" in value:
        raise ValueError("a path must be a non-empty text without NUL characters")
    match = _VARIABLE.match(value)
    if match is None:
        return os.path.expanduser(value)
    name = match.group(1)
    if not os.environ.get(name):
        raise ValueError(f"environment variable {name} is not set: export {name}=FOLDER or write the path itself")
    return os.environ[name] + value[match.end() :]


def check_device(value: str) -> str:
    """Accept ``cpu`` and ``cuda:N``; the existence of the device is checked when the run begins."""
    if not _DEVICE.fullmatch(value):
        raise ValueError("write 'cpu' or 'cuda:N', for example 'cuda:0'")
    return value


PathText = Annotated[str, AfterValidator(expand_path), Field(json_schema_extra={"format": "path"})]
DeviceText = Annotated[str, AfterValidator(check_device), Field(json_schema_extra={"pattern": "^(cpu|cuda:[0-9]+)$"})]
