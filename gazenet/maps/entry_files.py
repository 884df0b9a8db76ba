"""The files of one cache entry and what they must look like; shared by the reader and the writer."""

from __future__ import annotations

import contextlib
import errno
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gazenet.errors import CacheError
from gazenet.maps.chunk_log import Head, LogScan, scan
from gazenet.maps.map_key import MapKey

FORMAT = 1
HEADER = 128
PARTIAL, MAPS, LOG, MANIFEST, LOCK = "maps.partial", "maps.npy", "chunks.log", "manifest.json", "lock"


@dataclass(frozen=True)
class EntryLayout:
    """The layout of the maps in the file: after 128 bytes of npy header, frame by frame, ``chunk`` frames at a time.

    A frame of several ``planes`` (three for coloured pictures) holds one after the other.
    """

    height: int
    width: int
    chunk: int
    planes: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one frame: (h, w), or (planes, h, w) where there are several."""
        return (self.height, self.width) if self.planes == 1 else (self.planes, self.height, self.width)

    @staticmethod
    def of(shape: Sequence[int], chunk: int) -> EntryLayout:
        """Return the layout of frames of ``shape``: (h, w) or (planes, h, w)."""
        return EntryLayout(shape[-2], shape[-1], chunk, shape[0] if len(shape) == 3 else 1)

    @property
    def frame_bytes(self) -> int:
        """The size of one frame in bytes."""
        return self.planes * self.height * self.width

    def offset(self, index: int) -> int:
        """Return the position of chunk ``index`` in the file."""
        return HEADER + index * self.chunk * self.frame_bytes

    def chunks(self, frames: int) -> int:
        """Return the number of chunks of ``frames`` maps."""
        return -(-frames // self.chunk)

    def frames_of(self, index: int, frames: int) -> int:
        """Return the number of maps in chunk ``index``, of ``frames`` in all."""
        return min(self.chunk, frames - index * self.chunk)

    def head(self, key: MapKey) -> Head:
        """Return the first line of the log: a log of other maps must never vouch for these."""
        return {
            "format": FORMAT,
            "key": key.as_dict(),
            "height": self.height,
            "width": self.width,
            "chunk": self.chunk,
            **({"planes": self.planes} if self.planes > 1 else {}),
        }


def npy_header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """Return the first 128 bytes of a C-ordered npy file (format 1.0) of that shape and numpy type string."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER:
        raise ValueError(f"an npy header of {len(header)} bytes does not fit {HEADER}")
    return header


def scan_log(folder: Path) -> LogScan:
    """Read the entry's log; an empty one where the file is missing or a folder."""
    try:
        with open(folder / LOG, "rb") as file:
            return scan(file)
    except (FileNotFoundError, IsADirectoryError):
        return scan(())


def read_manifest(folder: Path, key: MapKey) -> dict[str, Any]:
    """Read the manifest, checked for format, key and completeness. Raises CacheError in one line."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise CacheError(f"{path}: unreadable manifest of a cache entry") from None
    if version != FORMAT:
        raise CacheError(f"{path}: cache format {version}; this version of gazenet reads format {FORMAT}")
    if manifest.get("key") != key.as_dict():
        raise CacheError(f"{path}: belongs to other maps than {key.extractor} {key.version} of {key.source_id}")
    shape, chunk = manifest.get("shape"), manifest.get("chunk")
    sizes = [*shape, chunk] if isinstance(shape, list) and len(shape) in (3, 4) else [None]
    if any(type(size) is not int or size < 1 for size in sizes) or manifest.get("dtype") != "uint8":
        raise CacheError(f"{path}: the manifest lacks a valid shape, dtype or chunk")
    return manifest


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn OSError into a CacheError that names the entry and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = "disk full; free some space and run again: finished work is kept"
        else:
            text = error.strerror or str(error)
        raise CacheError(f"{folder}: {text}") from error
