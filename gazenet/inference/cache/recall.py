"""The cues of a whole file from the cache, without decoding a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.errors import CacheError
from gazenet.inference.cache.cache_keys import cue_key, faces_key, frames_key, picture_name, pictures_key
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.maps.map_key import MapKey
from gazenet.maps.map_store import MapReader, MapStore


@dataclass(frozen=True)
class Recalled:
    """Maps uint8 ``[T, h, w]`` per cue, memory-mapped, frame times ``[T]`` in seconds, and the faces of every frame.

    ``pictures``: uint8 ``[T, 3, 120, 120]`` (RGB planes) of the cues that have coloured pictures.
    """

    maps: dict[str, NDArray[np.uint8]]
    times: NDArray[np.float64]
    faces: Sequence[tuple[Face, ...]] = ()
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


def recall(graph: StageGraph, source_id: str, store: MapStore) -> Recalled | None:
    """All cues of a file where every entry is finished and intact; None where something must be computed."""
    keys = {cue.name: cue_key(cue, source_id) for cue in graph.cues}
    pictured = {cue.name: picture_name(cue.name) for cue in graph.cues if cue.runner.makes_pictures}
    keys.update((pictured[cue.name], pictures_key(cue, source_id)) for cue in graph.cues if cue.name in pictured)
    clock = _finished(store, frames_key(source_id))
    maps = {name: _finished(store, key) for name, key in keys.items()}
    faces = _finished(store, faces_key(graph, source_id)) if graph.faces else None
    if clock is None or None in maps.values() or (graph.faces and faces is None):
        return None
    arrays = {name: reader.maps for name, reader in maps.items() if reader is not None}
    if any(len(array) != len(clock) for array in arrays.values()):
        return None
    times = np.array([record["time"] for record in clock.records])
    tracked = _tracked(faces.records, graph.config.faces.stride) if faces is not None else []
    pictures = {name: arrays.pop(entry) for name, entry in pictured.items()}
    return Recalled(arrays, times, tracked, pictures)


def _finished(store: MapStore, key: MapKey) -> MapReader | None:
    """A finished entry that passes its checksums, else None."""
    try:
        return store.reader(key, verify=True)
    except CacheError:
        return None


def _tracked(records: Sequence[dict[str, Any]], stride: int) -> list[tuple[Face, ...]]:
    """The faces of every frame, tracked as they were during the run."""
    tracker = FaceTracker()
    for anchor in range(0, len(records), stride):
        tracker.push(anchor, records[anchor].get("detections", []))
    tracker.close(len(records) - 1)
    return [tracker.faces(index) for index in range(len(records))]
