"""``--set key.path=value``: a dotted path into a config and a JSON value."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from gazenet.config.strict_json import parse
from gazenet.errors import UsageError


@dataclass(frozen=True)
class Override:
    """One value to set: ``key`` is the dotted path, list positions are numbers (``extractors.0.stride``)."""

    key: str
    value: Any


def parse_set(text: str, option: str = "--set", example: str = "faces.score=0.5") -> Override:
    """Read ``key.path=value``; what is not JSON is a string. Raises UsageError for anything without a key.

    ``option`` and ``example`` appear in errors.
    """
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key or not all(key.split(".")):
        raise UsageError(f"{option} {text}: write key.path=value, for example {option} {example}")
    try:
        return Override(key, parse(raw, option))
    except UsageError:
        return Override(key, raw)


def apply(data: dict[str, Any], change: Override) -> dict[str, Any]:
    """A copy of ``data`` with the value set; missing objects on the way are made. Raises UsageError."""
    result = copy.deepcopy(data)
    *parents, last = change.key.split(".")
    place: Any = result
    for done, part in enumerate(parents):
        place = _step(place, part, change.key, ".".join(parents[:done]))
    if isinstance(place, list):
        place[_index(place, last, change.key)] = change.value
    elif isinstance(place, dict):
        place[last] = change.value
    else:
        raise UsageError(f"--set {change.key}: {'.'.join(parents)} is {json.dumps(place)}, it has no key '{last}'")
    return result


def _step(place: Any, part: str, key: str, done: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, key)]
    if isinstance(place, dict):
        if place.get(part) is None:
            place[part] = {}
        return place[part]
    raise UsageError(f"--set {key}: {done} is {json.dumps(place)}, it has no key '{part}'")


def _index(place: list[Any], part: str, key: str) -> int:
    if not part.isdecimal() or int(part) >= len(place):
        raise UsageError(f"--set {key}: '{part}' is no position of a list of {len(place)}: use 0 to {len(place) - 1}")
    return int(part)
