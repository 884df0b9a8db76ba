"""The log of finished chunks: a head line, then one line per chunk, each checked by its own CRC-32.

A line is the CRC in eight hex digits, a blank and JSON without line breaks. What was torn off or changed is recognised
and left out; what stays is true. Records are read again when asked for: a long video has too many to keep.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
Head = dict[str, Any]


@dataclass(frozen=True)
class ChunkLine:
    """Chunk ``index`` holds ``frames`` maps whose bytes have the CRC-32 ``crc``.

    Its line, with one record per frame, is at ``offset`` of the log and ``length`` bytes long.
    """

    index: int
    frames: int
    crc: int
    offset: int
    length: int


@dataclass(frozen=True)
class LogScan:
    """A log: ``head`` (None: absent or damaged), the last valid line per chunk, count of invalid lines."""

    head: Head | None
    lines: dict[int, ChunkLine]
    invalid: int
    size: int


def encode_head(head: Head) -> bytes:
    """Return the first line of a log."""
    return _encode(head)


def encode_chunk(index: int, frames: int, crc: int, records: Sequence[Record]) -> bytes:
    """Return the line of one chunk. Raises ValueError for records that are not JSON (NaN and infinity are not)."""
    try:
        return _encode({"chunk": index, "frames": frames, "crc": crc, "records": list(records)})
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"chunk {index}: records must be JSON: {error}") from None


def scan(raw_lines: Iterable[bytes]) -> LogScan:
    """Read the lines of a log, as iterating over a binary file gives them."""
    head: Head | None = None
    lines: dict[int, ChunkLine] = {}
    invalid = offset = 0
    for raw in raw_lines:
        value = _decode(raw)
        line = None if value is None else _chunk_line(value, offset, len(raw))
        if line is not None:
            lines[line.index] = line
        elif offset == 0 and value is not None:
            head = value
        else:
            invalid += 1
        offset += len(raw)
    return LogScan(head, lines, invalid, offset)


def records_of(raw: bytes) -> list[Record]:
    """Parse the records in one chunk's line. Raises ValueError where it is damaged."""
    value = _decode(raw)
    if value is None or _chunk_line(value, 0, len(raw)) is None:
        raise ValueError("damaged log line")
    return list(value["records"])


def _encode(value: dict[str, Any]) -> bytes:
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _decode(raw: bytes) -> dict[str, Any] | None:
    if len(raw) < 10 or raw[8:9] != b" " or raw[-1:] != b"\n":
        return None
    body = raw[9:-1]
    if raw[:8] != b"%08x" % zlib.crc32(body):
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _chunk_line(value: dict[str, Any], offset: int, length: int) -> ChunkLine | None:
    numbers = [value.get(name) for name in ("chunk", "frames", "crc")]
    if any(type(number) is not int or number < 0 for number in numbers):
        return None
    index, frames, crc = numbers
    records = value.get("records")
    if not isinstance(records, list) or len(records) != frames or not all(isinstance(r, dict) for r in records):
        return None
    return ChunkLine(index, frames, crc, offset, length) if frames else None  # type: ignore[arg-type]
