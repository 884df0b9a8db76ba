"""The writer of a cache entry, chunk by chunk; a process killed at any byte loses no finished chunk.

While it grows an entry is ``maps.partial`` (room for the npy header, then the maps) beside ``chunks.log``. Per chunk:
space is taken, the maps are written and synced, then a line is appended to the log and synced. When all chunks are
there they are read back, the header is written, ``maps.partial`` becomes ``maps.npy`` and, last, ``manifest.json``
says so. A lock keeps two runs from doing the same work; that the result is right rests on order, checksums, renames.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from gazenet import files
from gazenet.errors import CacheError
from gazenet.maps.chunk_log import ChunkLine, Record, encode_chunk, encode_head, records_of
from gazenet.maps.entry_files import (
    FORMAT,
    HEADER,
    LOCK,
    LOG,
    MANIFEST,
    MAPS,
    PARTIAL,
    EntryLayout,
    disk_errors,
    npy_header,
    scan_log,
)
from gazenet.maps.map_key import MapKey
from gazenet.maps.map_reader import MapReader

Maps = NDArray[np.uint8]


class MapWriter:
    """A writer of the chunks of one entry in any order; a context manager, used by one thread at a time.

    Entering waits for the entry's lock, finds what is done and verifies it. Leaving keeps it for the next run.

    Attributes:
        layout: size of the maps and frames per chunk.
        notes: damaged or unfit parts that are made again, in plain lines.

    Raises:
        CacheError: on entering and from every member: lock not free within ``timeout`` seconds, disk full, no
            permission; the message names the entry.
    """

    def __init__(self, folder: Path, key: MapKey, layout: EntryLayout, timeout: float) -> None:
        self.folder, self.key, self.layout, self.timeout = folder, key, layout, timeout
        self.notes: list[str] = []
        # The thread that leaves need not be the one that entered.
        self._lock = FileLock(str(folder / LOCK), timeout=timeout, thread_local=False)
        self._reader: MapReader | None = None
        self._lines: dict[int, ChunkLine] = {}
        self._data = self._log = -1
        self._log_end = 0

    @property
    def complete(self) -> bool:
        """True where the entry is finished: nothing need be written, ``part`` reads it."""
        return self._reader is not None

    def __enter__(self) -> MapWriter:
        for name in (PARTIAL, LOG, MAPS, MANIFEST):
            if (self.folder / name).is_dir():
                self._remove(name)
        if (self.folder / MANIFEST).exists():
            self._open_finished()  # needs no lock and no permission to write
        if self._reader is None:
            self._acquire()
            try:
                with disk_errors(self.folder):
                    self._open()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the entry as it is: finished, or to be resumed. May be called twice."""
        for descriptor in (self._data, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._data = self._log = -1
        self._lock.release()

    def write(self, index: int, maps: Maps, records: Sequence[Record]) -> None:
        """Store chunk ``index`` durably.

        Args:
            maps: uint8 ``[n, *layout.shape]``, n = ``layout.chunk`` in every chunk but the last.
            records: one JSON-serialisable dict per map; floats keep every digit, tuples come back as lists.

        Raises:
            ValueError: maps or records do not fit, or are not JSON.
            CacheError: the disk is full or fails; chunks done before are kept, and writing can be tried again.
        """
        self._require_open(index, maps, records)
        data = np.ascontiguousarray(maps).tobytes()
        raw = encode_chunk(index, len(maps), zlib.crc32(data), records)
        self._lines.pop(index, None)
        with disk_errors(self.folder):
            # A sparse file on a full disk would later kill every process that maps it.
            files._os_fallocate(self._data, self.layout.offset(index), len(data))
            os.lseek(self._data, self.layout.offset(index), os.SEEK_SET)
            files.write_all(self._data, data)
            files._os_fsync(self._data)
            os.ftruncate(self._log, self._log_end)  # what an attempt that failed has left there
            files.write_all(self._log, raw)
            files._os_fsync(self._log)
        self._lines[index] = ChunkLine(index, len(maps), zlib.crc32(data), self._log_end, len(raw))
        self._log_end += len(raw)

    def has(self, index: int) -> bool:
        """Return whether a chunk is valid, so that it need not be computed."""
        return index in self._lines if self._reader is None else 0 <= index < self.layout.chunks(len(self._reader))

    def part(self, index: int) -> tuple[Maps, list[Record]]:
        """Return maps uint8 ``[n, *layout.shape]`` and records of a valid chunk. KeyError or IndexError for others."""
        if self._reader is not None:
            return self._reader.part(index)
        line = self._lines[index]
        with disk_errors(self.folder):
            data, raw = self._read(line), os.pread(self._log, line.length, line.offset)
        try:
            records = records_of(raw)
        except ValueError as error:
            raise CacheError(f"{self.folder / LOG}: chunk {index}: {error}; run again") from None
        maps = np.frombuffer(bytearray(data), np.uint8).reshape(-1, *self.layout.shape)
        return maps, records

    def finish(self, frames: int) -> MapReader:
        """Publish an entry of exactly ``frames`` maps (chunks beyond are dropped) and return its reader.

        Raises CacheError where chunks are missing, short or damaged, or the disk fails.
        """
        if self._reader is None:
            self._require_chunks(frames)
            with disk_errors(self.folder), contextlib.suppress(FileNotFoundError):
                # Without working locks another run may have published these maps meanwhile: they are checked below.
                self._publish(frames, self._statistics(frames))
            self._reader = MapReader(self.folder, self.key)
        elif len(self._reader) != frames:
            raise CacheError(f"{self.folder}: is finished with {len(self._reader)} maps, not {frames}")
        return self._reader

    # ---- opening

    def _acquire(self) -> None:
        with disk_errors(self.folder):
            if self.folder.is_file():
                self._discard(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            if (self.folder / LOCK).is_dir():
                self._discard(self.folder / LOCK)
            try:
                self._lock.acquire()
            except Timeout:
                raise CacheError(
                    f"{self.folder}: another run has been writing these maps for more than {self.timeout:g} seconds"
                ) from None
            except NotImplementedError:
                self.notes.append(f"{self.folder}: no locks on its file system; runs at the same time may repeat work")

    def _open_finished(self) -> None:
        try:
            reader = MapReader(self.folder, self.key, verify=True)
            if reader.layout != self.layout:
                raise CacheError(f"{self.folder / MANIFEST}: made with another map size or chunk")
            self._reader = reader
            self.notes.clear()
        except CacheError as error:
            self.notes = [f"{error}; it is made again"]

    def _open(self) -> None:
        if (self.folder / MANIFEST).exists():
            self._open_finished()  # another run may have made it while this one waited for the lock
            if self._reader is not None:
                return
            # The manifest goes first: without it the entry does not count, whatever else is left.
            self._remove(MANIFEST, MAPS, PARTIAL, LOG)
        self._remove(*(path.name for path in self.folder.glob(".*.tmp*")))
        if (self.folder / MAPS).exists() and not (self.folder / PARTIAL).exists():
            # Killed between the rename of the maps and the manifest: all that lacks is to finish.
            files._os_replace(self.folder / MAPS, self.folder / PARTIAL)
        self._remove(MAPS)
        self._recover()

    def _remove(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                self._discard(path)
            elif os.path.lexists(path):
                files._os_unlink(path)

    def _discard(self, path: Path) -> None:
        """Remove a file or folder that stands in the place of one of the cache's own."""
        there, wanted = ("a folder", "file") if path.is_dir() else ("a file", "folder")
        self.notes.append(f"{path}: {there} in the place of a {wanted} of the cache; it is made again")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            files._os_unlink(path)

    def _recover(self) -> None:
        """Keep the chunks that both log and data vouch for."""
        self._data = os.open(self.folder / PARTIAL, os.O_RDWR | os.O_CREAT, 0o666)
        self._open_log()
        log = scan_log(self.folder)
        self._log_end = log.size
        if log.head == self.layout.head(self.key):
            self._lines = {index: line for index, line in log.lines.items() if self._vouched(line)}
            lost = sorted(set(log.lines) - set(self._lines))
            if lost or log.invalid:
                text = f"chunks {lost}" if lost else "a line of the log"
                self.notes.append(f"{self.folder}: {text} of the unfinished entry damaged; made again")
        elif log.size:
            self.notes.append(f"{self.folder}: the unfinished entry does not fit these maps; begun again")
        self._tidy_log()

    def _vouched(self, line: ChunkLine) -> bool:
        if line.frames > self.layout.chunk:
            return False
        data = self._read(line)
        return len(data) == line.frames * self.layout.frame_bytes and zlib.crc32(data) == line.crc

    def _read(self, line: ChunkLine) -> bytes:
        return os.pread(self._data, line.frames * self.layout.frame_bytes, self.layout.offset(line.index))

    # ---- the log

    def _open_log(self) -> None:
        if self._log >= 0:
            os.close(self._log)
        self._log = os.open(self.folder / LOG, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)

    def _tidy_log(self) -> None:
        """Write the log again unless it is its head and the lines of the valid chunks in order, nothing else."""
        head = encode_head(self.layout.head(self.key))
        end, lines = len(head), {}
        for index, line in sorted(self._lines.items()):
            lines[index] = replace(line, offset=end)
            end += line.length
        path = self.folder / LOG
        if lines == self._lines and self._log_end == end and path.exists() and path.stat().st_size == end:
            return
        with files.atomic_write(path) as file:
            file.write(head)
            for _, line in sorted(self._lines.items()):
                file.write(os.pread(self._log, line.length, line.offset))
        self._lines, self._log_end = lines, end
        self._open_log()

    # ---- writing and publishing

    def _require_open(self, index: int, maps: Maps, records: Sequence[Record]) -> None:
        if self._data < 0:
            raise ValueError(f"{self.folder}: " + ("is finished" if self.complete else "is not open for writing"))
        size = self.layout.shape
        if index < 0 or maps.dtype != np.uint8 or maps.shape[1:] != size:
            raise ValueError(f"chunk {index}: {maps.dtype} {maps.shape} does not fit uint8 maps of {size}")
        if not 0 < len(maps) <= self.layout.chunk or len(records) != len(maps):
            raise ValueError(f"chunk {index}: {len(maps)} maps, {len(records)} records, at most {self.layout.chunk}")

    def _require_chunks(self, frames: int) -> None:
        if self._data < 0 or frames < 1:
            raise CacheError(f"{self.folder}: " + ("there are no maps to publish" if frames < 1 else "is not open"))
        wanted = {index: self.layout.frames_of(index, frames) for index in range(self.layout.chunks(frames))}
        lacking = [k for k, n in wanted.items() if k not in self._lines or self._lines[k].frames != n]
        if lacking:
            text = f"{lacking[:8]}{' and more' if len(lacking) > 8 else ''}"
            raise CacheError(f"{self.folder}: {frames} maps cannot be published, chunks {text} are missing or short")
        self._lines = {index: self._lines[index] for index in wanted}

    def _statistics(self, frames: int) -> dict[str, Any]:
        """Read every map back: published maps match the log."""
        low, high, total, black = 255, 0, 0, 0
        for index, line in sorted(self._lines.items()):
            data = self._read(line)
            if zlib.crc32(data) != line.crc:
                del self._lines[index]
                raise CacheError(f"{self.folder}: chunk {index} changed on disk while the entry was made; run again")
            maps = np.frombuffer(data, np.uint8).reshape(line.frames, -1)
            low, high = min(low, int(maps.min())), max(high, int(maps.max()))
            total += int(maps.sum(dtype=np.int64))
            black += int((maps.max(axis=1) == 0).sum())
        mean = total / (frames * self.layout.frame_bytes)
        return {"min": low, "max": high, "mean": mean, "black_maps": black}

    def _publish(self, frames: int, statistics: dict[str, Any]) -> None:
        shape = (frames, *self.layout.shape)
        os.ftruncate(self._data, HEADER + frames * self.layout.frame_bytes)
        os.lseek(self._data, 0, os.SEEK_SET)
        files.write_all(self._data, npy_header(shape))
        files._os_fsync(self._data)
        self._tidy_log()
        files.publish(self.folder / PARTIAL, self.folder / MAPS)
        manifest = {
            "format": FORMAT,
            "key": self.key.as_dict(),
            "shape": list(shape),
            "dtype": "uint8",
            "chunk": self.layout.chunk,
            "statistics": statistics,
        }
        files.write_json(self.folder / MANIFEST, manifest)
