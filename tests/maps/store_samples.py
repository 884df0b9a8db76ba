"""A small cache entry that tests of the store write, damage and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gazenet.maps.map_store import MapKey, MapStore, MapWriter

KEY = MapKey("0123456789abcdef", "gaze_direction", "1.2", "f" * 40)
FRAMES, HEIGHT, WIDTH, CHUNK = 11, 5, 7, 4
MAPS = np.random.default_rng(0).integers(0, 256, (FRAMES, HEIGHT, WIDTH), dtype=np.uint8)
RECORDS = [{"frame": k, "faces": [{"yaw": 0.1 * k, "name": "ж"}] * (k % 3)} for k in range(FRAMES)]


def write(writer: MapWriter, index: int) -> None:
    part = slice(index * CHUNK, (index + 1) * CHUNK)
    writer.write(index, MAPS[part], RECORDS[part])


def write_all(writer: MapWriter) -> None:
    for index in range(3):
        write(writer, index)


def opened(store: MapStore, key: MapKey = KEY) -> MapWriter:
    return store.writer(key, HEIGHT, WIDTH, CHUNK)


def fill(store: MapStore, key: MapKey = KEY) -> list[str]:
    with opened(store, key) as writer:
        for index in range(3):
            if not writer.has(index):
                write(writer, index)
        writer.finish(FRAMES)
        return writer.notes


def done(writer: MapWriter) -> set[int]:
    return {index for index in range(100) if writer.has(index)}


def folder(store: MapStore) -> Path:
    return KEY.folder(store.root)


def assert_whole(store: MapStore) -> None:
    reader = store.reader(KEY)
    assert reader is not None and np.array_equal(reader.maps, MAPS) and reader.records == RECORDS
