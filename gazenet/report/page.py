"""The page around its data: one file, no request to anywhere, and text only ever as text."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any


def render(title: str, data: Mapping[str, Any]) -> str:
    """The complete HTML document.

    Text reaches the document as JSON in an inert element and is set as text by the script. A content security policy
    allows exactly this style and this script, and pictures from the page itself.
    """
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    parts = {
        "POLICY": policy,
        "TITLE": html.escape(title.encode("utf-8", "replace").decode("utf-8")),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": as_json(data),
    }
    # One pass: a title that looks like a mark is left alone.
    return re.sub(r"@(POLICY|TITLE|STYLE|SCRIPT|DATA)@", lambda mark: parts[mark[1]], _asset("report.html"))


def as_json(value: Any) -> str:
    """JSON that may stand inside a script element: "<" is written as an escape, numbers are finite."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")


def plain(value: Any) -> Any:
    """The value in JSON's types: NaN and infinity become null, numpy numbers numbers, the unknown its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) else str(value)


def _asset(name: str) -> str:
    return (resources.files("gazenet.report.assets") / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
