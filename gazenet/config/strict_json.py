"""A strict JSON parser whose errors name line, column, fault and remedy."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from gazenet.errors import UsageError

_TOKEN = re.compile(r'(?P<string>"(?:\\.|[^"\\])*")(?P<colon>[ \t\r\n]*:)?|NaN|-?Infinity|[{}\[\]]|-?\d[\d.eE+-]*')
_FAULTS = {
    r"//|/\*|#": "comments are not part of JSON: remove it (the key 'summary' can hold a remark)",
    r",\s*[}\]]": "trailing comma: remove the comma",
    "'": "single quotes are not JSON: use double quotes",
    r"(True|False|None)\b": "Python words are not JSON: write true, false or null",
}
"""Beginning of what is not JSON, and what to do."""
MAX_DEPTH = 100
"""Levels of nested objects and lists: no config needs more, and later steps recurse into them."""


def parse(text: str, where: str) -> Any:
    """Parse strict JSON. ``where`` names the file in errors.

    Raises UsageError for anything that is not plain JSON: syntax errors, trailing commas, comments, a byte order mark,
    duplicate keys in one object, NaN and infinite numbers, nesting that is too deep.
    """
    if text.startswith("\ufeff"):
        raise UsageError(f"{where}: begins with a byte order mark: save it as UTF-8 without BOM")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        _explain(text, where, error)
    except RecursionError:
        raise UsageError(f"{where}: nested too deeply to be a config") from None
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None
    _check_tokens(text, where)
    return data


def parse_or_text(text: str) -> Any:
    """Return the value of strict JSON, else the text itself."""
    try:
        return parse(text, "")
    except UsageError:
        return text


def _fail(text: str, where: str, position: int, message: str) -> NoReturn:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    raise UsageError(f"{where}: line {line} column {column}: {message}")


def _explain(text: str, where: str, error: json.JSONDecodeError) -> NoReturn:
    rest = text[error.pos :].lstrip()
    before = text[: error.pos].rstrip()
    if not text.strip():
        raise UsageError(f"{where}: is empty: write at least {{}} (an empty object)")
    if rest[:1] in ("}", "]") and before.endswith(","):
        _fail(text, where, len(before) - 1, f"trailing comma before '{rest[0]}': remove the comma")
    for pattern, message in _FAULTS.items():
        if re.match(pattern, rest):
            _fail(text, where, len(text) - len(rest), message)
    _fail(text, where, error.pos, f"not JSON: {error.msg[0].lower() + error.msg[1:]}")


def _check_tokens(text: str, where: str) -> None:
    """Find faults that :mod:`json` accepts: duplicate keys, numbers that are not finite, deep nesting.

    ``text`` is valid JSON. The time is linear in its length.
    """
    keys: list[set[str]] = []  # of the objects around a token; sets of lists stay empty
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in "{[":
            if len(keys) == MAX_DEPTH:
                _fail(text, where, token.start(), f"nested too deeply: more than {MAX_DEPTH} levels")
            keys.append(set())
        elif word in "}]":
            keys.pop()
        elif token["colon"]:
            key = json.loads(token["string"])
            if key in keys[-1]:
                _fail(text, where, token.start(), f"key '{key}' appears twice in this object: keep one")
            keys[-1].add(key)
        elif word[0] != '"' and (word[-1] in "Ny" or math.isinf(_number(word))):
            _fail(text, where, token.start(), f"{word} is not a finite number")


def _number(word: str) -> float:
    try:
        return float(word)
    except OverflowError:
        return math.inf
