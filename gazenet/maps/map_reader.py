"""The reader of a finished cache entry."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazenet.errors import CacheError
from gazenet.maps.chunk_log import ChunkLine, Record, records_of
from gazenet.maps.entry_files import HEADER, LOG, MAPS, EntryLayout, npy_header, read_manifest, scan_log
from gazenet.maps.map_key import MapKey
from gazenet.npy import map_numbers


class MapReader:
    """The maps and records of one video by one extractor.

    Opening checks manifest, size and header of the file; the CRC of every chunk is checked once, when ``maps``,
    ``records`` or ``part`` is first used, or at once with ``verify=True``. It can be pickled: the copy opens the
    files anew. The records of a chunk are read from the log when asked for.

    Raises:
        CacheError: (also from the members) damaged, of another format, or of something else.
    """

    def __init__(self, folder: Path, key: MapKey, verify: bool = False) -> None:
        self.folder, self.key = folder, key
        self.manifest = read_manifest(folder, key)
        self.frames: int
        self.frames, *shape = self.manifest["shape"]
        self.layout = EntryLayout.of(shape, self.manifest["chunk"])
        self._check_file()
        self._lines: dict[int, ChunkLine] | None = None
        self._maps: NDArray[np.uint8] | None = None
        self._records: list[Record] | None = None
        if verify:
            self.verify()

    def __len__(self) -> int:
        return self.frames

    def __reduce__(self) -> tuple[type[MapReader], tuple[Path, MapKey]]:
        return MapReader, (self.folder, self.key)

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, h, w), or (T, planes, h, w) of an entry with several; known without reading any map."""
        return self.frames, *self.layout.shape

    @property
    def maps(self) -> NDArray[np.uint8]:
        """Read-only memory map uint8 ``[T, h, w]``, or ``[T, planes, h, w]``."""
        self.verify()
        if self._maps is None:
            try:
                # The header was compared with the manifest: no parser reads it a second time.
                self._maps = map_numbers(self.folder / MAPS, HEADER, self.shape, np.uint8)
            except (OSError, ValueError) as error:
                raise self._damaged(str(error)) from None
        return self._maps

    @property
    def records(self) -> list[Record]:
        """One record per frame."""
        if self._records is None:
            chunks = range(self.layout.chunks(self.frames))
            self._records = [record for index in chunks for record in self._records_of(index)]
        return self._records

    def part(self, index: int) -> tuple[NDArray[np.uint8], list[Record]]:
        """A copy of the maps ``[n, *layout.shape]`` of one chunk, and its records. IndexError beyond the end."""
        if not 0 <= index < self.layout.chunks(self.frames):
            raise IndexError(f"chunk {index}: there are {self.layout.chunks(self.frames)}")
        start = index * self.layout.chunk
        return np.array(self.maps[start : start + self.layout.chunk]), self._records_of(index)

    def verify(self) -> None:
        """Compare every chunk with its CRC, once per reader. Raises CacheError naming the first damaged chunk."""
        if self._lines is not None:
            return
        if (self.folder / LOG).is_dir():
            raise self._damaged(f"{LOG} is a folder")
        log = scan_log(self.folder)
        if log.head != self.layout.head(self.key):
            raise self._damaged("its log has no valid head")
        try:
            with open(self.folder / MAPS, "rb", buffering=0) as file:
                file.seek(HEADER)
                for index in range(self.layout.chunks(self.frames)):
                    frames = self.layout.frames_of(index, self.frames)
                    data = file.read(frames * self.layout.frame_bytes)
                    line = log.lines.get(index)
                    if line is None or line.frames != frames or zlib.crc32(data) != line.crc:
                        raise self._damaged(f"chunk {index} fails its checksum")
        except OSError as error:
            raise self._damaged(error.strerror or str(error)) from None
        self._lines = log.lines

    def _check_file(self) -> None:
        size = HEADER + self.frames * self.layout.frame_bytes
        try:
            with open(self.folder / MAPS, "rb") as file:
                header, actual = file.read(HEADER), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise self._damaged(error.strerror or str(error)) from None
        if actual != size:
            raise self._damaged(f"{actual} bytes instead of {size}")
        if header != npy_header(self.shape):
            raise self._damaged("its header does not match its manifest")

    def _records_of(self, index: int) -> list[Record]:
        self.verify()
        assert self._lines is not None
        line = self._lines[index]
        try:
            with open(self.folder / LOG, "rb") as file:
                file.seek(line.offset)
                return records_of(file.read(line.length))
        except (OSError, ValueError) as error:
            raise self._damaged(f"the records of chunk {index}: {error}") from None

    def _damaged(self, what: str) -> CacheError:
        return CacheError(f"{self.folder / MAPS}: damaged cache entry of {self.key.extractor}: {what}")
