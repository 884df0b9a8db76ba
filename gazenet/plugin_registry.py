"""Find what installed packages offer: entry points in, declarations and errors out.

A plugin of any kind is declared by a :class:`PluginSpec`: data, read and checked without importing torch, which names
its implementation as a string that is imported on use. An entry point leads to the declaration, or to a class that
carries it as ``spec``. One broken plugin never hides the others: what cannot be used is returned as a value with its
reason.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from typing_extensions import TypeVar

from gazenet.errors import GazenetError, PluginError, UsageError, quote
from gazenet.guard.guarded_call import guarded

API_VERSION = 1
"""Version of the contract between the platform and plugins of all kinds (docs/plugins.md)."""

Members = Mapping[str, tuple[str, ...]]
"""Methods by name, each with the names of its positional arguments."""


class PluginSpec(BaseModel):
    """The fields that the declarations of all kinds share.

    ``members``: the methods that an implementation of this kind must have; they are checked when it is imported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    members: ClassVar[Members] = {}

    api_version: int = API_VERSION
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = "1"
    summary: str = ""
    implementation: str = Field(description="'package.module:Class', imported on use.")
    licence: str = "unknown"
    paper: str = ""
    bibtex: str = ""

    @field_validator("implementation")
    @classmethod
    def _names_a_class(cls, value: str) -> str:
        module, colon, attribute = value.partition(":")
        if not (module and colon and attribute.isidentifier()):
            raise ValueError("implementation must read 'package.module:Class'")
        return value

    @classmethod
    def members_in(cls, group: str) -> Members:
        """The methods that an implementation must have whose entry point is in ``group``."""
        return cls.members


S = TypeVar("S", bound=PluginSpec, default=Any)


@dataclass(frozen=True)
class PluginEntry(Generic[S]):
    """A usable plugin. ``load()`` imports its class (PluginError); ``value`` is the target of the entry point."""

    name: str
    spec: S
    distribution: str
    load: Callable[[], type]
    value: str = ""


@dataclass(frozen=True)
class DiscoveryError:
    """The reason why something that a distribution offers cannot be used (or, as a warning, needs a look)."""

    name: str
    distribution: str
    message: str


@dataclass(frozen=True)
class Discovery(Generic[S]):
    """All plugins of one group by name: usable ones, those with errors, and those with warnings."""

    usable: dict[str, PluginEntry[S]]
    errors: list[DiscoveryError]
    warnings: list[DiscoveryError]


def discover(group: str, kind: type[S]) -> Discovery[S]:
    """Read all entry points of ``group``; each must lead to a ``kind`` or to a class whose ``spec`` is one.

    Never raises: errors are values. Names come sorted, so that every listing has the same order.
    """
    result: Discovery[S] = Discovery({}, [], [])
    for name, points in sorted(_by_name(entry_points(group=group)).items()):
        if len(points) > 1:
            result.errors.append(_duplicate(name, points))
            continue
        try:
            entry = resolve(points[0], kind)
        except PluginError as error:
            message = str(error).removeprefix(f"{name}: ")
            result.errors.append(DiscoveryError(name, distribution_of(points[0]), message))
            continue
        result.usable[name] = entry
        if warning := _version_warning(entry):
            result.warnings.append(DiscoveryError(name, entry.distribution, warning))
    return result


def get(name: str, group: str, kind: type[S]) -> PluginEntry[S]:
    """The plugin of that name. Only this plugin is imported, so that a broken neighbour does not matter.

    Raises UsageError for an unknown name (with the nearest and the installed ones), PluginError for a broken plugin.
    """
    named, noun = _by_name(entry_points(group=group)), noun_of(group)
    points = named.get(name)
    if points is None:
        near = get_close_matches(name, named, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"unknown {noun} {name!r}{hint} (known: {', '.join(sorted(named)) or 'none'})")
    owners = distribution_of(points[0])
    try:
        if len(points) > 1:
            owners, message = (duplicate := _duplicate(name, points)).distribution, duplicate.message
            raise PluginError(message)
        return resolve(points[0], kind)
    except PluginError as error:
        message = str(error).removeprefix(f"{name}: ")
        raise PluginError(f"{noun} {name!r} of {owners} cannot be used: {message}") from error


def installed_names(group: str) -> list[str]:
    """The names in a group, sorted; nothing is imported."""
    return sorted(_by_name(entry_points(group=group)))


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
    names = installed_names(f"gazenet.{kind}")
    if not names:
        groups = entry_points().groups
        kinds = sorted(group.removeprefix("gazenet.") for group in groups if group.startswith("gazenet."))
        raise UsageError(f"no plugins of kind {kind!r} are installed; the kinds are {', '.join(kinds)}")
    return names


def noun_of(group: str) -> str:
    """The word for a member of a group: ``gazenet.face_detectors`` -> ``face detector``."""
    return NOUNS.get(group) or group.rpartition(".")[2].removesuffix("s").replace("_", " ")


NOUNS = {"gazenet.datasets": "reader", "gazenet.face_landmarks": "landmark network"}
"""Words for members of groups that are not called as the group is."""


def import_object(path: str) -> Any:
    """The object that ``"package.module:Name"`` names; ImportError or AttributeError when there is none."""
    module, _, attributes = path.partition(":")
    target: Any = importlib.import_module(module)
    for attribute in attributes.split("."):
        target = getattr(target, attribute)
    return target


def _by_name(points: Iterable[EntryPoint]) -> dict[str, list[EntryPoint]]:
    """Entry points by name; one that a distribution repeats unchanged counts once."""
    named: dict[str, list[EntryPoint]] = defaultdict(list)
    for point in points:
        listed = [(other.value, distribution_of(other)) for other in named[point.name]]
        if (point.value, distribution_of(point)) not in listed:
            named[point.name].append(point)
    return named


def _duplicate(name: str, points: list[EntryPoint]) -> DiscoveryError:
    sources = sorted(f"{distribution_of(point)} ({point.value})" for point in points)
    owners = ", ".join(sorted({distribution_of(point) for point in points}))
    message = f"the name is claimed {len(points)} times: {' and '.join(sources)}; uninstall or rename all but one"
    return DiscoveryError(name, owners, message)


def distribution_of(point: EntryPoint) -> str:
    """The name and version of the distribution that declares the entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown distribution"


def resolve(point: EntryPoint, kind: type[S]) -> PluginEntry[S]:
    """The plugin that an entry point leads to. Raises PluginError."""
    with guarded(point.name, f"cannot import {point.value}", lenient=True):
        target = point.load()
    with guarded(point.name, "its declaration cannot be read", lenient=True):
        spec = _plain(target if isinstance(target, kind) else getattr(target, "spec", None), kind)
    if not isinstance(spec, kind):
        wanted = f"{_article(kind)} or a class whose attribute 'spec' is one"
        raise PluginError(f"{point.value} must be {wanted}, not {_describe(target)}")
    if spec.name != point.name:
        raise PluginError(f"the entry point is called {point.name!r}, but its spec says {spec.name!r}: use one name")
    owner = distribution_of(point)
    members = spec.members_in(point.group)
    return PluginEntry(point.name, spec, owner, _loader(owner, target, spec, members), point.value)


def _plain(spec: Any, kind: type[Any]) -> Any:
    """A declaration is data: one whose class is a plugin's own becomes one of ``kind``, and can do nothing later."""
    if isinstance(spec, kind) and type(spec) is not kind and type(spec).__module__.partition(".")[0] != "gazenet":
        return kind.model_validate({name: getattr(spec, name) for name in kind.model_fields})
    return spec


def _article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def _describe(target: object) -> str:
    return f"the class {target.__name__}" if isinstance(target, type) else _article(type(target))


def _loader(owner: str, target: object, spec: PluginSpec, members: Members) -> Callable[[], type]:
    """A function that imports the implementation, the class itself or what the spec names, and checks its methods."""

    def load() -> type:
        implementation: Any = target
        if not isinstance(target, type):
            with guarded(spec.name, f"cannot import {spec.implementation}", own=(GazenetError,), lenient=True):
                implementation = import_object(spec.implementation)
            if not isinstance(implementation, type):
                raise PluginError(f"{spec.name}: {spec.implementation} is not a class")
        with guarded(spec.name, f"cannot inspect {implementation.__name__}"):
            fault = member_fault(implementation, members)
        if fault:
            raise PluginError(f"{spec.name}: {implementation.__module__}:{implementation.__name__} of {owner} {fault}")
        return implementation

    return load


def member_fault(implementation: type, members: Members) -> str:
    """Return the fault of a class that lacks one of the methods, naming the first; empty where it has them all."""
    for name, arguments in members.items():
        method, text = getattr(implementation, name, None), f"{name}({', '.join(arguments)})"
        if not callable(method) or getattr(method, "__isabstractmethod__", False):
            return f"has no method {text}"
        bound = isinstance(inspect.getattr_static(implementation, name), (classmethod, staticmethod))
        try:
            inspect.signature(method).bind(*(() if bound else (None,)), *arguments)
        except TypeError:
            return f"has a method {name}{inspect.signature(method)}, which cannot be called as {text}"
        except ValueError:  # built in: it has no signature to look at
            continue
    return ""


def settings_in(model: type[BaseModel], values: object, key: str) -> BaseModel:
    """``values`` of a config as a plugin's own settings. Raises ValueError naming the key and the remedy."""
    try:
        return model.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join([key, *map(str, fault["loc"])])
        allowed = ", ".join(model.model_fields) or "none"
        if fault["type"] == "extra_forbidden":
            near = get_close_matches(str(fault["loc"][-1]), model.model_fields, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{place}: unknown setting{hint}; settings: {allowed}") from None
        if fault["type"] == "missing":
            raise ValueError(f"{place}: is required: add it") from None
        shown = quote(str(fault.get("input")))
        raise ValueError(f"{place}: {fault['msg'].removeprefix('Value error, ')}, not {shown}") from None


def _version_warning(entry: PluginEntry[Any]) -> str | None:
    if entry.spec.api_version <= API_VERSION:
        return None
    return (
        f"made for version {entry.spec.api_version} of the plugin contract, this gazenet knows {API_VERSION}: "
        "it may misbehave; upgrade gazenet"
    )
