"""A cache entry is read by many threads at once, as the pool of a run does."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gazenet.maps.map_store import MapReader, MapStore
from tests.compiled import compiling_threads
from tests.maps.store_samples import KEY, MAPS, fill, folder

THREADS, TIMES = 6, 40


class _LetsGo:
    """An object whose end, whenever the collector comes by, lets other threads run."""

    def __init__(self, path: Path) -> None:
        self.path, self.me = path, self

    def __del__(self) -> None:
        self.path.read_bytes()


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """The collector comes by all the time."""
    before = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    yield
    gc.set_threshold(*before)


def test_no_thread_disturbs_another(tmp_path: Path, eager_collector: None) -> None:
    fill(MapStore(tmp_path))
    manifest = folder(MapStore(tmp_path)) / "manifest.json"

    def read(_: int) -> int:
        right = 0
        for _ in range(TIMES):
            _LetsGo(manifest)
            reader = MapReader(manifest.parent, KEY)
            right += bool(np.array_equal(reader.maps, MAPS)) and np.array_equal(reader.part(2)[0], MAPS[8:])
        return right

    with ThreadPoolExecutor(THREADS) as pool, compiling_threads() as compiled:
        assert sum(pool.map(read, range(THREADS))) == THREADS * TIMES
    assert compiled == [], "headers are evaluated: on CPython 3.11 threads that do so at once disturb each other"


def test_maps_are_mapped_read_only(tmp_path: Path) -> None:
    fill(MapStore(tmp_path))
    reader = MapStore(tmp_path).reader(KEY)
    assert reader is not None and reader.maps.dtype == np.uint8 and not reader.maps.flags.writeable
    assert isinstance(reader.maps.base, np.memmap) or isinstance(reader.maps, np.memmap)
