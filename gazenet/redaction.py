"""Removal of credentials, and escaping of bytes that are not text, in records and messages.

Everything that a run writes for people (``run.json``, ``live.json``, reports, tables, logs, error lines, names of
folders made from inputs) passes :func:`redact`; names in lines pass :func:`printable_name`.

Credentials: user info, query and fragment of a URL, and the values of keys and options named token, password, secret,
API key or the like, become ``***``.

Names: a byte that is not UTF-8 becomes a backslash, ``x`` and two hex digits (``bad\\xff.mp4``). Backslashes in a name
before what looks like such an escape are doubled, so that different names have different texts;
:func:`unescape_name` is the inverse.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "***"
"""Replacement of a credential."""
ESCAPING = "gazenet.escaped"
"""Name of a codec error handler with which text can be written in any encoding without an error."""

_SCHEMES = "https?|wss?|s?ftps?|rtsps?|rtspu|rtmp(?:s|e|t|te|ts)?|rtp|srt|udp|tcp|tls|mms[ht]?|hls|rist|s3|gs|smb"
_SLASHES = r"(?::/{1,3}|%3A(?:%2F){1,3})"
_END = r"\s'\"<>|\\"
_ADDRESS = re.compile(
    rf"(?P<scheme>(?<![A-Za-z0-9+.-])(?:(?:{_SCHEMES}){_SLASHES}"
    r"|[A-Za-z][A-Za-z0-9+.-]+(?::/{2,3}|%3A(?:%2F){2,3})))"
    rf"(?P<rest>[^{_END}]*)",
    re.IGNORECASE,
)
_QUERY = re.compile(r"[?#]|%3F|%23", re.IGNORECASE)
_TAIL = re.compile(r"[:;,.)\]}]*$")

_SECRET_WORDS = r"passwords?|passwds?|passphrases?|pwd|tokens?|secrets?|credentials?|api[-_]?keys?|apikeys?"
_SECRET_WORDS += r"|(?:access|private|secret|auth|account|licen[cs]e|subscription|comet|signing)[-_]?keys?"
_SECRET_WORDS += r"|authori[sz]ation|bearer|cookies?|auth"
_KEY = re.compile(rf"(?:^|.*[-_. ])(?:{_SECRET_WORDS})(?:[-_. ].*)?", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ASSIGNED = re.compile(
    rf"(?P<key>(?<![A-Za-z0-9])(?:[A-Za-z0-9]+[-_.])*(?:{_SECRET_WORDS})(?:[-_][A-Za-z0-9]+)*"
    r"[\"']?\s?[=:]\s?(?=[\"'=]|(?<==)))"
    r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s,;\"'&]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(
    rf"(?P<key>(?<!\S)--?(?:[A-Za-z0-9]+-)*(?:{_SECRET_WORDS})\s+)(?P<value>[^\s-]\S*)", re.IGNORECASE
)
_HEADER = re.compile(r"(?P<key>\b(?:Bearer|Basic)\s+)(?P<value>[A-Za-z0-9+/=._~-]{8,})")

_BYTE = re.compile(r"[\udc80-\udcff]")
_LIKE_BYTE = re.compile(r"(\\+)(?=[\udc80-\udcff]|x[89a-f][0-9a-f])")
_ESCAPED_BYTE = re.compile(r"(\\+)x([89a-f][0-9a-f])")


def redact(value: Any, config: bool = False) -> Any:
    """Return JSON-like data or a text with credentials hidden and bytes that are not text escaped.

    Paths become texts as by :func:`as_text`, tuples become lists; numbers and other JSON values stay as they are.

    Args:
        value: the data.
        config: whether texts are names or settings, which are escaped; else they are messages, in which names are
            already escaped.
    """
    if isinstance(value, Mapping):
        return {
            redact(key, config): HIDDEN if _is_credential(key, inner) else redact(inner, config)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        options = [None, *value]
        return [HIDDEN if hides_next(options[k]) else redact(inner, config) for k, inner in enumerate(value)]
    if isinstance(value, Path):
        return as_text(_addresses_only(str(value)))
    if config and isinstance(value, str):
        return as_text(without_secrets(value))
    return redact_text(value) if isinstance(value, str) else value


def redact_text(text: str) -> str:
    """Return a message with credentials hidden and bytes that are not text escaped."""
    return without_secrets(text).encode("utf-8", ESCAPING).decode("utf-8")


def printable_name(name: str | Path) -> str:
    """Return a name as one printable line: as :func:`as_text`, without credentials, control characters escaped too."""
    text = as_text(_addresses_only(str(name)))
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def as_text(name: str | Path) -> str:
    """Return a name as text that can be written as UTF-8; the module describes the escapes."""
    text = _LIKE_BYTE.sub(r"\1\1", str(name))
    text = _BYTE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # surrogates that no file name contains


def unescape_name(text: str) -> str:
    """Return the name whose :func:`as_text` is ``text``."""

    def unescape(match: re.Match[str]) -> str:
        slashes, byte = len(match[1]), match[2]
        return "\\" * (slashes // 2) + (chr(0xDC00 + int(byte, 16)) if slashes % 2 else f"x{byte}")

    return _ESCAPED_BYTE.sub(unescape, text)


def without_secrets(text: str) -> str:
    """Return a text with the credentials in its URLs, options and assignments hidden."""
    text = _addresses_only(text)
    if "=" in text or ":" in text:
        text = _ASSIGNED.sub(rf"\g<key>{HIDDEN}", text)
    text = _OPTION.sub(rf"\g<key>{HIDDEN}", text) if "-" in text else text
    return _HEADER.sub(rf"\g<key>{HIDDEN}", text)


def is_secret(key: str) -> bool:
    """Return whether the value of a key is a credential, by the name of the key."""
    return _KEY.fullmatch(_CAMEL.sub("_", key.strip())) is not None


def hides_next(item: object) -> bool:
    """Return whether an item of a list is an option such as ``--token``, whose value is the next item."""
    return isinstance(item, str) and item.startswith("-") and "=" not in item and is_secret(item.lstrip("-"))


def _addresses_only(text: str) -> str:
    """Return a text with the credentials in its URLs hidden; nothing else in a file name is changed."""
    return _ADDRESS.sub(_without_credentials, text) if ":" in text or "%" in text else text


def _is_credential(key: object, value: object) -> bool:
    return isinstance(value, str) and value != "" and is_secret(str(key))


def _without_credentials(match: re.Match[str]) -> str:
    """Turn ``rtsp://user:password@host/path?token=1`` to ``rtsp://***@host/path?***``; final punctuation stays."""
    tail = _TAIL.search(match["rest"])
    sentence = tail[0] if tail else ""
    rest = match["rest"].removesuffix(sentence)
    encoded = "/" not in match["scheme"]
    at, slash = ("%40", "%2[Ff]") if encoded or "@" not in rest else ("@", "/")
    place = re.split(r"[?#]" if at == "@" else _QUERY, rest, maxsplit=1)[0]
    authority = re.split(f"{slash}|/", place, maxsplit=1)[0]
    if at not in authority and at in rest and authority == place:
        return match["scheme"] + HIDDEN + sentence  # a query, or a password with a question mark: ambiguous
    if at not in authority and at in place and re.search(r":(?!\d*$)", authority):
        authority = place  # a password with a slash
    if at in authority:
        rest = HIDDEN + rest[authority.rindex(at) :]
    query = _QUERY.search(rest)
    return match["scheme"] + (f"{rest[: query.end()]}{HIDDEN}" if query else rest) + sentence


def _escaped_rest(error: UnicodeError) -> tuple[str, int]:
    """Handle :data:`ESCAPING`: escape bytes as :func:`as_text` does, and missing characters by their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(as_text(char) if _BYTE.match(char) else _escape(char) for char in text), error.end


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


codecs.register_error(ESCAPING, _escaped_rest)
