"""The log of finished chunks: one line each, checked by its own CRC, so that a torn tail is recognised."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ChunkLine:
    """Chunk ``index`` holds ``frames`` maps whose bytes have the CRC-32 ``crc``, with one record per frame."""

    index: int
    frames: int
    crc: int
    records: Sequence[dict[str, Any]]

    def encode(self) -> bytes:
        """One line ending in a newline: CRC-32 of the JSON in hex, a blank, the JSON."""
        body = json.dumps(
            {"chunk": self.index, "frames": self.frames, "crc": self.crc, "records": list(self.records)},
            separators=(",", ":"),
            allow_nan=False,
        ).encode("utf-8")
        return b"%08x " % zlib.crc32(body) + body + b"\n"


def parse(data: bytes) -> Iterator[ChunkLine]:
    """The lines that are whole and whose CRC is right, in order; everything else is left out."""
    for line in data.split(b"\n"):
        parsed = _parse_line(line)
        if parsed is not None:
            yield parsed


def _parse_line(line: bytes) -> ChunkLine | None:
    checksum, blank, body = line.partition(b" ")
    if not blank or checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        fields = json.loads(body)
        return ChunkLine(int(fields["chunk"]), int(fields["frames"]), int(fields["crc"]), fields["records"])
    except (ValueError, KeyError, TypeError):
        return None
