"""The declaration of a sink: its key in a config's ``outputs``, its settings, and the files that it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field, JsonValue, field_validator

from gazenet.errors import UsageError
from gazenet.plugin_registry import Members, PluginSpec, get, settings_in

SINKS = "gazenet.sinks"


class SinkSpec(PluginSpec):
    """The declaration of a sink, read before its implementation is imported.

    The implementation is constructed with the settings, an instance of ``settings``, or without arguments.
    """

    members: ClassVar[Members] = {
        "open": ("context",),
        "write": ("chunk",),
        "close": ("summary",),
        "abort": (),
        "kept": ("folder",),
    }

    files: tuple[str, ...] = Field(description="Names of the files in the folder of an input's results.")
    settings: type[BaseModel] | None = Field(default=None, description="Model of the settings; None: there are none.")
    saliency: bool = Field(default=True, description="It writes the integrator's maps: no use in a run without one.")
    live: bool = Field(default=True, description="It can follow a live run.")

    @field_validator("files")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in value if not name or "/" in name or name.startswith(".")]:
            raise ValueError(f"files: {wrong[0]!r} is not the plain name of a file")
        return value

    def settings_from(self, value: object) -> BaseModel | None:
        """Return this sink's settings from ``outputs.NAME``, true or settings. Raises ValueError naming the key."""
        key = f"outputs.{self.name}"
        values: object = {} if value is True else value
        if not isinstance(values, (Mapping, BaseModel)):
            raise ValueError(f"{key}: write true, false or {{settings}}, not {value!r}")
        if self.settings is not None:
            return values if isinstance(values, self.settings) else settings_in(self.settings, values, key)
        if values:
            raise ValueError(f"{key}: the sink has no settings: write true")
        return None


def installed_settings(name: str, value: JsonValue) -> dict[str, Any]:
    """Settings of an installed sink, complete and checked (JSON). Raises ValueError naming the key and the remedy."""
    try:
        spec = get(name, SINKS, SinkSpec).spec
    except UsageError as error:
        raise ValueError(f"outputs.{name}: {error}; gasp_plugins list shows them") from None
    settings = spec.settings_from(value)
    return settings.model_dump(mode="json") if settings is not None else {}
