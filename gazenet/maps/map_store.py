"""The packed cache: one uint8 array per (video, extractor), read as a memory map; a kill while writing loses nothing.

``<root>/<source_id[:2]>/<source_id>/<extractor>-<version>-<fingerprint[:16]>/`` holds ``maps.npy``, ``chunks.log`` (a
checksum and the records of every chunk) and ``manifest.json``; without the manifest an entry is unfinished.
"""

from __future__ import annotations

from pathlib import Path

from gazenet.maps.entry_files import HEADER, MANIFEST, EntryLayout, npy_header
from gazenet.maps.map_key import MapKey
from gazenet.maps.map_reader import MapReader
from gazenet.maps.map_writer import MapWriter

__all__ = ["HEADER", "MapKey", "MapReader", "MapStore", "MapWriter", "npy_header"]


class MapStore:
    """All cache entries below the folder ``root``; safe for several processes at once."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def reader(self, key: MapKey, verify: bool = False) -> MapReader | None:
        """Return the finished entry, or None.

        Args:
            verify: check every chunk's CRC now instead of on first use.

        Raises:
            CacheError: damaged, of another format, or of other maps; ``writer`` makes such an entry again.
        """
        folder = key.folder(self.root)
        return MapReader(folder, key, verify) if (folder / MANIFEST).exists() else None

    def writer(
        self, key: MapKey, height: int, width: int, chunk: int = 32, timeout: float = 600, planes: int = 1
    ) -> MapWriter:
        """Open a writer (context manager) of maps ``[T, height, width]``; of a new, unfinished or damaged entry.

        Args:
            chunk: frames written and made durable together; a half-finished entry of another chunk begins anew.
            timeout: seconds to wait for another run that writes the same entry; 0 does not wait.
            planes: more than 1: maps are ``[T, planes, height, width]``; 3 for coloured pictures.

        Raises:
            ValueError: a size, chunk or number of planes below 1.
        """
        if min(height, width, chunk, planes) < 1:
            raise ValueError(f"{planes} planes of {height} x {width} in chunks of {chunk}: all must be at least 1")
        return MapWriter(key.folder(self.root), key, EntryLayout(height, width, chunk, planes), timeout)
