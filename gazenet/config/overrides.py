"""The option ``--set key.path=value``: a dotted path into a config and a JSON value."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from gazenet.config.strict_json import parse_or_text
from gazenet.errors import UsageError


@dataclass(frozen=True)
class Override:
    """A value to set; ``key`` is a dotted path with list positions as numbers (``extractors.0.stride``)."""

    key: str
    value: Any


def parse_set(text: str, option: str = "--set", example: str = "faces.score=0.5") -> Override:
    """Parse ``key.path=value``; a value that is not JSON is a string. Raises UsageError for a text without a key.

    ``option`` and ``example`` appear in errors.
    """
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key or not all(key.split(".")):
        raise UsageError(f"{option} {text}: write key.path=value, for example {option} {example}")
    return Override(key, parse_or_text(raw))


def apply(data: dict[str, Any], change: Override) -> dict[str, Any]:
    """Return a copy of ``data`` with the value set; missing parent objects are created. Raises UsageError."""
    result = copy.deepcopy(data)
    *parents, last = change.key.split(".")
    target: Any = result
    for depth, part in enumerate(parents):
        target = _step(target, part, change.key, ".".join(parents[:depth]))
    if isinstance(target, list):
        target[_index(target, last, change.key)] = change.value
    elif isinstance(target, dict):
        target[last] = change.value
    else:
        raise UsageError(f"--set {change.key}: {'.'.join(parents)} is {json.dumps(target)}, it has no key '{last}'")
    return result


def _step(target: Any, part: str, key: str, path: str) -> Any:
    if isinstance(target, list):
        return target[_index(target, part, key)]
    if isinstance(target, dict):
        if target.get(part) is None:
            target[part] = {}
        return target[part]
    raise UsageError(f"--set {key}: {path} is {json.dumps(target)}, it has no key '{part}'")


def _index(items: list[Any], part: str, key: str) -> int:
    if not part.isdecimal() or int(part) >= len(items):
        raise UsageError(
            f"--set {key}: '{part}' is not a position in a list of {len(items)}: use 0 to {len(items) - 1}"
        )
    return int(part)
