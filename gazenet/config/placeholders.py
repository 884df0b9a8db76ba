"""The option ``--@NAME VALUE``: values that replace ``@NAME`` in the texts of a config.

No text is ever evaluated. A text that consists of ``@NAME`` becomes the value with its type (number, true, list);
inside a longer text the value is inserted as written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gazenet.config.strict_json import parse_or_text
from gazenet.errors import UsageError

PREFIX = "--@"


def split_placeholders(argv: Sequence[str]) -> tuple[list[str], dict[str, str | None]]:
    """Split arguments into those without ``--@NAME VALUE`` (or ``--@NAME=VALUE``) and those pairs.

    The value is None where the command line ends after the name.
    """
    rest: list[str] = []
    values: dict[str, str | None] = {}
    words = iter(argv)
    for word in words:
        if not word.startswith(PREFIX):
            rest.append(word)
            continue
        name, equals, value = word.removeprefix(PREFIX).partition("=")
        values[name] = value if equals else next(words, None)
    return rest, values


def substitute(data: dict[str, Any], values: Mapping[str, str | None]) -> dict[str, Any]:
    """Return ``data`` with every ``@NAME`` replaced in texts at any depth (not in keys), longest names first.

    Raises UsageError for a name without a value and for a name that no text contains.
    """
    used: set[str] = set()
    for name, value in values.items():
        if not name or value is None:
            raise UsageError(f"{PREFIX}{name}: write {PREFIX}NAME VALUE; VALUE replaces @NAME in the config")
    texts = {name: value for name, value in values.items() if value is not None}
    result: dict[str, Any] = _replace(data, dict(sorted(texts.items(), key=lambda pair: -len(pair[0]))), used)
    for name in texts:
        if name not in used:
            raise UsageError(f"{PREFIX}{name}: no text of the config contains @{name}: check the name")
    return result


def _replace(value: Any, texts: Mapping[str, str], used: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _replace(item, texts, used) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, texts, used) for item in value]
    if not isinstance(value, str) or "@" not in value:
        return value
    for name, text in texts.items():
        if value == f"@{name}":
            used.add(name)
            return parse_or_text(text)
        if f"@{name}" in value:
            used.add(name)
            value = value.replace(f"@{name}", text)
    return value
