"""The program's side of the protocol, for programs in Python; it imports NumPy only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.external.protocol import LINE_LIMIT, PROTOCOL, ProtocolError, parse, payload_size, send


@dataclass(frozen=True)
class WindowBatch:
    """B windows: ``frames`` uint8 ``[B, L, h, w, 3]`` RGB; ``facts``: the message that came with them."""

    frames: NDArray[np.uint8]
    facts: Mapping[str, Any]

    @property
    def anchors(self) -> NDArray[np.uint8]:
        """The anchor frames, uint8 ``[B, h, w, 3]``."""
        return np.asarray(self.frames[:, self.facts["anchor"]])

    @property
    def map_size(self) -> tuple[int, int]:
        """(h, w) of the maps to return."""
        height, width = self.facts["map_size"]
        return height, width


Answer = NDArray[Any] | tuple[NDArray[Any], list[dict[str, Any]]]
"""Maps uint8 or float32 ``[B, h, w]``, alone or with one record per map."""


def serve(
    answer: Callable[[WindowBatch], Answer], begin: Callable[[Mapping[str, Any]], None] = lambda video: None
) -> None:
    """Answer batches until the platform closes the program's input.

    Args:
        answer: returns the maps of a batch, of the batch's ``map_size``. Its exceptions are reported to the platform.
        begin: called with the facts of every video before its first batch.

    While it runs, ``print`` writes to standard error: standard output carries the protocol. Print nothing before.
    Raises ProtocolError for input that breaks the protocol.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as replies:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        requests = sys.stdin.buffer
        while text := requests.readline(LINE_LIMIT):
            message = parse(text)
            payload = _exactly(requests, payload_size(message))
            if message["type"] == "hello":
                send(replies, {"type": "ready", "protocol": PROTOCOL})
            elif message["type"] == "video":
                begin(message)
            elif message["type"] == "windows":
                _reply(replies, message, payload, answer)


def _reply(
    replies: BinaryIO, message: dict[str, Any], payload: bytes, answer: Callable[[WindowBatch], Answer]
) -> None:
    frames = np.frombuffer(payload, np.uint8).reshape(message["frames"])
    try:
        result = answer(WindowBatch(frames, message))
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        send(replies, {"type": "error", "request": message["request"], "message": text})
        return
    maps, records = result if isinstance(result, tuple) else (result, None)
    dtype = "uint8" if maps.dtype == np.uint8 else "float32"
    data = np.ascontiguousarray(maps, "u1" if dtype == "uint8" else "<f4").tobytes()
    reply = {"type": "maps", "request": message["request"], "maps": list(maps.shape), "dtype": dtype}
    send(replies, reply | {"bytes": len(data)} | ({} if records is None else {"records": records}), data)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) != size:
        raise ProtocolError(f"ended after {len(data)} of {size} bytes")
    return data
