"""The protocol between the platform and an external program.

A message is one line of JSON (UTF-8, ended by a newline, at most :data:`LINE_LIMIT` bytes), followed by exactly as
many raw bytes as its key ``bytes`` says (none if the key is absent). The platform writes to the program's standard
input and reads its standard output; standard error is free for anything and is quoted when the program fails.

============  ==========================================================================================  =============
from          message                                                                                     answer
============  ==========================================================================================  =============
platform      ``{"type": "hello", "protocol": 1, "name": ...}``                                           ``ready``
program       ``{"type": "ready", "protocol": 1}``
platform      ``{"type": "video", "source": ..., "height": H, "width": W, "rate": frames per second}``    none
platform      ``{"type": "windows", "request": n, "index": [B], "times": [B][L], "anchor": a,
              "size": [H, W], "map_size": [h, w], "frames": [B, L, y, x, 3], "faces": [B][...],
              "bytes": B * L * y * x * 3}`` and the frames, uint8 RGB, rows from the top                  ``maps``
program       ``{"type": "maps", "request": n, "maps": [B, h, w], "dtype": "uint8" or "float32",
              "bytes": ..., "records": [B objects], optional}`` and the maps: uint8 0..255 or
              little-endian float32 0..1
program       ``{"type": "error", "request": n, "message": ...}`` instead of maps
============  ==========================================================================================  =============

``faces`` holds, for the anchor frame of each window, objects ``{"track", "box": [left, top, right, bottom] in pixels
of the full frame, "score"}``. The program should exit when its input ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

PROTOCOL = 1
LINE_LIMIT = 1 << 20
"""Largest number of bytes in a line."""


class ProtocolError(Exception):
    """The other side broke the protocol; the message says how."""


def line(message: Mapping[str, Any]) -> bytes:
    """Encode a message as its line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def send(stream: BinaryIO, message: Mapping[str, Any], data: bytes = b"") -> None:
    """Write a message and its payload, at once."""
    stream.write(line(message) + data)
    stream.flush()


def parse(text: bytes) -> dict[str, Any]:
    """Decode the message of a line. Raises ProtocolError for anything but an object with a ``type``."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(f"wrote {shown(text)} where a line of JSON was expected") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(f"wrote {shown(text)} where an object with a 'type' was expected")
    return message


def payload_size(message: Mapping[str, Any]) -> int:
    """Return how many bytes follow a message. Raises ProtocolError for anything but a count."""
    size = message.get("bytes", 0)
    if type(size) is not int or size < 0:
        raise ProtocolError(f"announced {size!r} bytes")
    return size


def shown(text: bytes) -> str:
    """Return the beginning of a line, fit for an error message."""
    start = text[:60].decode("utf-8", "backslashreplace").strip()
    return repr(start + ("..." if len(text) > 60 else ""))
