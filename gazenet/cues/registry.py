"""Finds what installed packages offer: entry points in, specs and errors out.

One broken plugin never hides the others: what cannot be used is returned as a value with its reason. The registry
serves every group (``gazenet.extractors``, ``gazenet.face_detectors``, ``gazenet.integrators``, ``gazenet.datasets``,
``gazenet.sinks``); only the kind of spec differs. Importing it or listing extractors does not import torch.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, overload

from pydantic import BaseModel
from typing_extensions import TypeVar

from gazenet.cues.extractor_spec import API_VERSION, ExtractorSpec
from gazenet.errors import GazenetError, PluginError, UsageError
from gazenet.guard.guarded_call import guarded

EXTRACTORS = "gazenet.extractors"

S = TypeVar("S", default=ExtractorSpec)


@dataclass(frozen=True)
class PluginEntry(Generic[S]):
    """One usable plugin. ``load()`` imports its class (PluginError); ``value`` is where the entry point leads."""

    name: str
    spec: S
    distribution: str
    load: Callable[[], type]
    value: str = ""


@dataclass(frozen=True)
class DiscoveryError:
    """Why something that a distribution offers cannot be used (or, as a warning, should be looked at)."""

    name: str
    distribution: str
    message: str


@dataclass(frozen=True)
class Discovery(Generic[S]):
    """Everything of one group, by name: what can be used, what cannot, and what can with care."""

    found: dict[str, PluginEntry[S]]
    errors: list[DiscoveryError]
    warnings: list[DiscoveryError]


@overload
def discover(group: str = EXTRACTORS) -> Discovery[ExtractorSpec]: ...


@overload
def discover(group: str, kind: type[S]) -> Discovery[S]: ...


def discover(group: str = EXTRACTORS, kind: type[Any] = ExtractorSpec) -> Discovery[Any]:
    """Read all entry points of ``group``; each must lead to a ``kind`` or to a class whose ``spec`` is one.

    ``kind=type`` serves groups whose entry points are classes that speak for themselves: the class is its own spec.
    Never raises: errors are values. Names come sorted, so that every listing has the same order.
    """
    result: Discovery[Any] = Discovery({}, [], [])
    for name, points in sorted(_by_name(entry_points(group=group)).items()):
        if len(points) > 1:
            result.errors.append(_duplicate(name, points))
            continue
        try:
            entry = resolve(points[0], kind)
        except PluginError as error:
            message = str(error).removeprefix(f"{name}: ")
            result.errors.append(DiscoveryError(name, _distribution(points[0]), message))
            continue
        result.found[name] = entry
        if warning := _version_warning(entry):
            result.warnings.append(DiscoveryError(name, entry.distribution, warning))
    return result


@overload
def get(name: str, group: str = EXTRACTORS) -> PluginEntry[ExtractorSpec]: ...


@overload
def get(name: str, group: str, kind: type[S]) -> PluginEntry[S]: ...


def get(name: str, group: str = EXTRACTORS, kind: type[Any] = ExtractorSpec) -> PluginEntry[Any]:
    """The plugin of that name. UsageError: unknown (with the nearest and the known); PluginError: there but broken."""
    discovery = discover(group, kind)
    if name in discovery.found:
        return discovery.found[name]
    noun = noun_of(group)
    for error in discovery.errors:
        if error.name == name:
            raise PluginError(f"{noun} {name!r} of {error.distribution} cannot be used: {error.message}")
    near = get_close_matches(name, discovery.found, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"unknown {noun} {name!r}{hint} (known: {', '.join(discovery.found) or 'none'})")


def plugin_names(kind: str = "extractors") -> list[str]:
    """List the installed plugins of a kind (``extractors``, ``integrators``, ``sinks`` ...) by name, sorted.

    Nothing is imported: a plugin that is listed may still be broken. Raises UsageError for a kind of which nothing is
    installed, naming the kinds there are.

    >>> import gazenet
    >>> gazenet.plugin_names("face_landmarks")
    ['facemesh']
    >>> "gaze_following" in gazenet.plugin_names()
    True
    """
    names = sorted({point.name for point in entry_points(group=f"gazenet.{kind}")})
    if not names:
        groups = entry_points().groups
        kinds = sorted(group.removeprefix("gazenet.") for group in groups if group.startswith("gazenet."))
        raise UsageError(f"no plugins of kind {kind!r} are installed; the kinds are {', '.join(kinds)}")
    return names


def noun_of(group: str) -> str:
    """What one member of a group is called: ``gazenet.face_detectors`` -> ``face detector``."""
    return group.rpartition(".")[2].removesuffix("s").replace("_", " ")


def import_object(path: str) -> Any:
    """The object that ``"package.module:Name"`` names; ImportError or AttributeError when there is none."""
    module, _, attributes = path.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def _by_name(points: Iterable[EntryPoint]) -> dict[str, list[EntryPoint]]:
    """Entry points by name; one that a distribution repeats unchanged counts once."""
    named: dict[str, list[EntryPoint]] = defaultdict(list)
    for point in points:
        known = [(other.value, _distribution(other)) for other in named[point.name]]
        if (point.value, _distribution(point)) not in known:
            named[point.name].append(point)
    return named


def _duplicate(name: str, points: list[EntryPoint]) -> DiscoveryError:
    sources = sorted(f"{_distribution(point)} ({point.value})" for point in points)
    owners = ", ".join(sorted({_distribution(point) for point in points}))
    message = f"the name is claimed {len(points)} times: {' and '.join(sources)}; uninstall or rename all but one"
    return DiscoveryError(name, owners, message)


def _distribution(point: EntryPoint) -> str:
    """The name and version of the distribution that declares the entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown distribution"


def resolve(point: EntryPoint, kind: type[S]) -> PluginEntry[S]:
    """What an entry point leads to: a declaration, or a class that carries one. Raises PluginError."""
    with guarded(point.name, f"cannot import {point.value}", lenient=True):
        target = point.load()
    with guarded(point.name, "its declaration cannot be read", lenient=True):
        spec = _plain(target if isinstance(target, kind) else getattr(target, "spec", None), kind)
        own_name = None if isinstance(spec, type) else getattr(spec, "name", None)
    if not isinstance(spec, kind):
        wanted = f"{_article(kind)} or a class whose attribute 'spec' is one"
        raise PluginError(f"{point.value} must be {wanted}, not {_describe(target)}")
    if isinstance(own_name, str) and own_name != point.name:
        raise PluginError(f"the entry point is called {point.name!r}, but its spec says {own_name!r}: use one name")
    return PluginEntry(point.name, spec, _distribution(point), _loader(point.name, target, spec), point.value)


def _plain(spec: Any, kind: type[Any]) -> Any:
    """A declaration is data: one whose class is the plugin's own becomes one of ``kind``, and can do nothing later."""
    if isinstance(spec, kind) and issubclass(kind, BaseModel) and type(spec) is not kind:
        return kind.model_validate({name: getattr(spec, name) for name in kind.model_fields})
    return spec


def _article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def _describe(target: object) -> str:
    return f"the class {target.__name__}" if isinstance(target, type) else _article(type(target))


def _loader(name: str, target: object, spec: object) -> Callable[[], type]:
    """A function that imports the implementation: the class itself, or what the spec's string names."""
    implementation = getattr(spec, "implementation", None)

    def load() -> type:
        if isinstance(target, type):
            return target
        if not isinstance(implementation, str):
            raise PluginError(f"{name}: the spec names no implementation")
        with guarded(name, f"cannot import {implementation}", own=(GazenetError,), lenient=True):
            loaded = import_object(implementation)
        if not isinstance(loaded, type):
            raise PluginError(f"{name}: {implementation} is not a class")
        return loaded

    return load


def _version_warning(entry: PluginEntry[Any]) -> str | None:
    version = getattr(entry.spec, "api_version", API_VERSION)
    if not isinstance(version, int) or version <= API_VERSION:
        return None
    return (
        f"made for version {version} of the plugin contract, this gazenet knows {API_VERSION}: "
        "it may misbehave; upgrade gazenet"
    )
