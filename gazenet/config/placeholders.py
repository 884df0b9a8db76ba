"""``--@NAME VALUE``: values that a command line puts in place of ``@NAME`` in the texts of a config.

No text is ever evaluated. A text that is nothing but ``@NAME`` becomes the value with its type (number, true, list);
inside a longer text the value is put in as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gazenet.config.strict_json import parse
from gazenet.errors import UsageError

PREFIX = "--@"


def split_placeholders(argv: Sequence[str]) -> tuple[list[str], dict[str, str | None]]:
    """Arguments without the pairs ``--@NAME VALUE`` (or ``--@NAME=VALUE``), and those pairs; None: no value given."""
    rest: list[str] = []
    found: dict[str, str | None] = {}
    words = iter(argv)
    for word in words:
        if not word.startswith(PREFIX):
            rest.append(word)
            continue
        name, equals, value = word.removeprefix(PREFIX).partition("=")
        found[name] = value if equals else next(words, None)
    return rest, found


def substitute(data: dict[str, Any], values: Mapping[str, str | None]) -> dict[str, Any]:
    """``data`` with every ``@NAME`` replaced in texts at any depth (not in keys), longest names first.

    Raises UsageError for a name without a value and for one that no text holds.
    """
    used: set[str] = set()
    for name, value in values.items():
        if not name or value is None:
            raise UsageError(f"{PREFIX}{name}: write {PREFIX}NAME VALUE; VALUE takes the place of @NAME in the config")
    given = {name: value for name, value in values.items() if value is not None}
    result: dict[str, Any] = _replace(data, dict(sorted(given.items(), key=lambda pair: -len(pair[0]))), used)
    for name in given:
        if name not in used:
            raise UsageError(f"{PREFIX}{name}: no text of the config holds @{name}: check the name")
    return result


def _replace(value: Any, given: Mapping[str, str], used: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _replace(item, given, used) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, given, used) for item in value]
    if not isinstance(value, str) or "@" not in value:
        return value
    for name, text in given.items():
        if value == f"@{name}":
            used.add(name)
            return _typed(text)
        if f"@{name}" in value:
            used.add(name)
            value = value.replace(f"@{name}", text)
    return value


def _typed(text: str) -> Any:
    try:
        return parse(text, PREFIX)
    except UsageError:
        return text
