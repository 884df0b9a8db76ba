"""The installed extractors: :mod:`gazenet.plugin_registry` for the kind that is asked for most."""

from __future__ import annotations

from typing import Any, overload

from gazenet import plugin_registry
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.plugin_registry import Discovery, PluginEntry, S, import_object, noun_of

__all__ = ["EXTRACTORS", "Discovery", "PluginEntry", "discover", "get", "import_object", "noun_of"]

EXTRACTORS = "gazenet.extractors"


@overload
def discover(group: str = EXTRACTORS) -> Discovery[ExtractorSpec]: ...


@overload
def discover(group: str, kind: type[S]) -> Discovery[S]: ...


def discover(group: str = EXTRACTORS, kind: type[Any] = ExtractorSpec) -> Discovery[Any]:
    """Return the installed extractors, or the plugins of another group and kind."""
    return plugin_registry.discover(group, kind)


@overload
def get(name: str, group: str = EXTRACTORS) -> PluginEntry[ExtractorSpec]: ...


@overload
def get(name: str, group: str, kind: type[S]) -> PluginEntry[S]: ...


def get(name: str, group: str = EXTRACTORS, kind: type[Any] = ExtractorSpec) -> PluginEntry[Any]:
    """Return an installed extractor, or a plugin of another group and kind. Raises UsageError, PluginError."""
    return plugin_registry.get(name, group, kind)
