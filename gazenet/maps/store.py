"""The packed cache: one memory-mapped uint8 array per (video, extractor), killed at any byte without loss.

While it grows an entry is ``maps.partial`` (room for the npy header, then the maps) beside ``chunks.log``. Per chunk:
space is taken, the maps are written and synced, then a line is appended to the log and synced. When all chunks are
there the header is written, ``maps.partial`` becomes ``maps.npy`` and, last, ``manifest.json`` says that it is so.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from gazenet import files
from gazenet.errors import CacheError
from gazenet.maps.keys import MapKey
from gazenet.maps.log import ChunkLine, parse

__all__ = ["MapKey", "MapReader", "MapStore", "MapWriter"]

FORMAT = 1
HEADER = 128
PARTIAL, MAPS, LOG, MANIFEST = "maps.partial", "maps.npy", "chunks.log", "manifest.json"

Maps = NDArray[np.uint8]


class MapStore:
    """All entries below a folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def reader(self, key: MapKey) -> MapReader | None:
        """The finished entry, or None where there is none. Raises CacheError where it is damaged."""
        folder = key.folder(self.root)
        return MapReader(folder, key) if (folder / MANIFEST).exists() else None

    def writer(self, key: MapKey, height: int, width: int, chunk: int = 32, timeout: float = 600) -> MapWriter:
        """A writer for a new, half-finished or finished entry of maps ``[T, height, width]``."""
        return MapWriter(key.folder(self.root), key, (height, width), chunk, timeout)


class MapReader:
    """A finished entry: ``maps`` is a read-only memory map uint8 ``[T, h, w]``, ``records`` one dict per frame."""

    def __init__(self, folder: Path, key: MapKey) -> None:
        self._folder = folder
        self.manifest = _read_manifest(folder, key)
        self.chunk = int(self.manifest["chunk"])
        try:
            self.maps: Maps = np.load(folder / MAPS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CacheError(f"{folder / MAPS}: damaged cache entry ({error}); it will be made again") from None
        if list(self.maps.shape) != self.manifest["shape"] or self.maps.dtype != np.uint8:
            raise CacheError(f"{folder / MAPS}: shape {self.maps.shape} is not that of its manifest")
        self._lines = {line.index: line for line in parse(_read_log(folder))}
        self._verify()

    def _verify(self) -> None:
        for index in range(-(-len(self.maps) // self.chunk)):
            line = self._lines.get(index)
            part = self.maps[index * self.chunk : (index + 1) * self.chunk]
            if line is None or line.frames != len(part) or zlib.crc32(np.ascontiguousarray(part)) != line.crc:
                raise CacheError(f"{self._folder / MAPS}: chunk {index} is damaged; the entry will be made again")

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def records(self) -> list[dict[str, Any]]:
        """One record per frame."""
        return [record for index in sorted(self._lines) for record in self._lines[index].records]

    def part(self, index: int) -> tuple[Maps, list[dict[str, Any]]]:
        """Maps ``[n, h, w]`` and records of one chunk."""
        return np.array(self.maps[index * self.chunk : (index + 1) * self.chunk]), list(self._lines[index].records)


class MapWriter:
    """Appends chunks in any order; use it as a context manager, which takes the entry's lock.

    Attributes:
        done: the chunks that are already there and valid.
        complete: whether the entry is finished (then ``part`` reads it and nothing need be written).
        notes: what was found damaged and is made again, in plain lines.
    """

    def __init__(self, folder: Path, key: MapKey, size: tuple[int, int], chunk: int, timeout: float) -> None:
        self._folder, self._key, self._size, self._size_chunk = folder, key, size, chunk
        self._lock = FileLock(str(folder) + ".lock", timeout=timeout)
        self.done: dict[int, ChunkLine] = {}
        self.notes: list[str] = []
        self._reader: MapReader | None = None
        self._data = self._log = -1

    def __enter__(self) -> MapWriter:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise CacheError(f"{self._folder}: another process has been writing it for too long") from None
        except OSError as error:
            raise CacheError(f"{self._folder}: {_why(error)}") from None
        try:
            self._open()
        except OSError as error:
            self.close()
            raise CacheError(f"{self._folder}: {_why(error)}") from None
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the entry as it is: finished, or to be resumed."""
        for descriptor in (self._data, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._data = self._log = -1
        self._lock.release()

    @property
    def complete(self) -> bool:
        return self._reader is not None

    def _open(self) -> None:
        if (self._folder / MANIFEST).exists():
            try:
                self._reader = MapReader(self._folder, self._key)
                if self._reader.maps.shape[1:] == self._size and self._reader.chunk == self._size_chunk:
                    return
                raise CacheError(f"{self._folder}: made with another map size or chunk")
            except CacheError as error:
                self._reader = None
                self.notes.append(str(error))
                self._discard()
        elif (self._folder / MAPS).exists() and not (self._folder / PARTIAL).exists():
            # Killed between the rename of the maps and the manifest: the maps are whole, finishing is all that lacks.
            files._os_replace(self._folder / MAPS, self._folder / PARTIAL)
        self._data = os.open(self._folder / PARTIAL, os.O_RDWR | os.O_CREAT, 0o666)
        self._recover()

    def _discard(self) -> None:
        # The manifest goes first: without it the entry does not count, whatever else is left.
        for name in (MANIFEST, MAPS, PARTIAL, LOG):
            (self._folder / name).unlink(missing_ok=True)

    def _recover(self) -> None:
        """Keeps what both log and data vouch for and starts a clean log of it."""
        height, width = self._size
        raw = _read_log(self._folder)
        for line in parse(raw):
            data = os.pread(self._data, line.frames * height * width, self._offset(line.index))
            if len(data) == line.frames * height * width and zlib.crc32(data) == line.crc:
                self.done[line.index] = line
        clean = b"".join(self.done[index].encode() for index in sorted(self.done))
        if clean != raw:
            files.write_bytes(self._folder / LOG, clean)
        self._log = os.open(self._folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def _offset(self, index: int) -> int:
        return HEADER + index * self._size_chunk * self._size[0] * self._size[1]

    def write(self, index: int, maps: Maps, records: Sequence[dict[str, Any]]) -> None:
        """Stores chunk ``index``: maps uint8 ``[n, h, w]``, one record each. Raises CacheError, e.g. on a full disk."""
        if maps.dtype != np.uint8 or maps.shape[1:] != self._size or not 0 < len(maps) <= self._size_chunk:
            raise ValueError(f"chunk {index}: {maps.dtype} {maps.shape} does not fit maps of {self._size}")
        if len(records) != len(maps):
            raise ValueError(f"chunk {index}: {len(records)} records for {len(maps)} maps")
        data = np.ascontiguousarray(maps).tobytes()
        line = ChunkLine(index, len(maps), zlib.crc32(data), list(records))
        try:
            # A sparse file that meets a full disk later would kill whoever maps it.
            files._os_fallocate(self._data, self._offset(index), len(data))
            os.lseek(self._data, self._offset(index), os.SEEK_SET)
            files.write_all(self._data, data)
            files._os_fsync(self._data)
            files.write_all(self._log, line.encode())
            files._os_fsync(self._log)
        except OSError as error:
            raise CacheError(f"{self._folder}: {_why(error)}") from error
        self.done[index] = line

    def part(self, index: int) -> tuple[Maps, list[dict[str, Any]]]:
        """Maps and records of a chunk that is done."""
        if self._reader is not None:
            return self._reader.part(index)
        line = self.done[index]
        height, width = self._size
        data = os.pread(self._data, line.frames * height * width, self._offset(index))
        return np.frombuffer(data, np.uint8).reshape(line.frames, height, width).copy(), list(line.records)

    def has(self, index: int) -> bool:
        """Whether a chunk need not be computed."""
        if self._reader is not None:
            return index * self._size_chunk < len(self._reader)
        return index in self.done

    def finish(self, frames: int) -> None:
        """Publishes an entry of exactly ``frames`` maps. Raises CacheError where chunks are missing or the disk fails."""
        if self._reader is not None:
            return
        wanted = range(-(-frames // self._size_chunk))
        missing = [index for index in wanted if index not in self.done]
        if missing or sum(self.done[index].frames for index in wanted) != frames:
            raise CacheError(f"{self._folder}: chunks {missing} are missing, {frames} frames cannot be published")
        try:
            self._publish(frames)
        except OSError as error:
            raise CacheError(f"{self._folder}: {_why(error)}") from error
        self._reader = MapReader(self._folder, self._key)

    def _publish(self, frames: int) -> None:
        height, width = self._size
        os.ftruncate(self._data, HEADER + frames * height * width)
        os.lseek(self._data, 0, os.SEEK_SET)
        files.write_all(self._data, npy_header((frames, height, width)))
        files._os_fsync(self._data)
        files.publish(self._folder / PARTIAL, self._folder / MAPS)
        manifest = {
            "format": FORMAT,
            "key": self._key.as_dict(),
            "shape": [frames, height, width],
            "dtype": "uint8",
            "chunk": self._size_chunk,
        }
        files.write_json(self._folder / MANIFEST, manifest)


def npy_header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """The first 128 bytes of a C-ordered npy file of that shape."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER:
        raise ValueError(f"an npy header of {len(header)} bytes does not fit {HEADER}")
    return header


def _read_log(folder: Path) -> bytes:
    try:
        return (folder / LOG).read_bytes()
    except FileNotFoundError:
        return b""


def _read_manifest(folder: Path, key: MapKey) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        version, stored = manifest["format"], manifest["key"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CacheError(f"{path}: unreadable manifest; the entry will be made again") from None
    if version != FORMAT:
        raise CacheError(f"{path}: cache format {version}, this version reads {FORMAT}")
    if stored != key.as_dict():
        raise CacheError(f"{path}: belongs to something else")
    return manifest  # type: ignore[no-any-return]


def _why(error: OSError) -> str:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk full; free some space and run again, what is done is kept"
    return error.strerror or str(error)
