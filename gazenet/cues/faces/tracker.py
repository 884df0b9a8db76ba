"""Tracking of faces over time; between detection frames boxes and landmarks are interpolated."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face
from gazenet.cues.faces.detections import Detection

Box = tuple[float, float, float, float]


@dataclass
class _Track:
    id: int
    box: Box
    last_seen: int


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes (left, top, right, bottom), in 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def affinity(a: Box, b: Box) -> float:
    """Return how likely two boxes show the same face: their overlap, or the proximity of similar boxes without any."""
    shared = overlap(a, b)
    if shared > 0:
        return shared
    side = (a[2] - a[0] + a[3] - a[1] + b[2] - b[0] + b[3] - b[1]) / 4
    apart = np.hypot((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2)
    ratio = (a[3] - a[1]) / max(b[3] - b[1], 1e-6)
    return float(max(0.0, 0.15 * (1 - apart / (1.5 * side)))) if 0.6 < ratio < 1.7 else 0.0


class FaceTracker:
    """Links detections by box overlap, best pairs first, in the order of frames.

    Args:
        patience: a track ends after more than this many frames without a detection.
        least: the smallest affinity that links a detection to a track.
    """

    def __init__(self, patience: int = 20, least: float = 0.05) -> None:
        self._patience, self._least = patience, least
        self._live: list[_Track] = []
        self._next_id = 0
        self._indices: list[int] = []
        self._frames: list[dict[int, Face]] = []
        self._closed: int | None = None

    def push(self, index: int, detections: Sequence[dict[str, Any]]) -> None:
        """Add the detections (records of :class:`Detection`) of frame ``index``; frames must come in order."""
        if self._indices and index <= self._indices[-1]:
            raise ValueError(f"frame {index} comes after frame {self._indices[-1]}")
        faces = [Detection.from_record(record) for record in detections]
        self._live = [track for track in self._live if index - track.last_seen <= self._patience]
        self._indices.append(index)
        self._frames.append(self._link(index, faces))

    def _link(self, index: int, detections: list[Detection]) -> dict[int, Face]:
        pairs = [
            (affinity(track.box, face.box), -t, -d)
            for t, track in enumerate(self._live)
            for d, face in enumerate(detections)
        ]
        owner: dict[int, _Track] = {}
        linked: set[int] = set()
        for score, t, d in sorted(pairs, reverse=True):
            if score < self._least:
                break
            if -t not in linked and -d not in owner:
                linked.add(-t)
                owner[-d] = self._live[-t]
        faces = {}
        for d, face in enumerate(detections):
            track = owner.get(d) or self._start()
            track.box, track.last_seen = face.box, index
            faces[track.id] = Face(track.id, face.box, face.score, _read_only(face.mesh), face.presence)
        return faces

    def _start(self) -> _Track:
        track = _Track(self._next_id, (0.0, 0.0, 0.0, 0.0), 0)
        self._next_id += 1
        self._live.append(track)
        return track

    def close(self, last_index: int) -> None:
        """End the video with frame ``last_index``: no more detections will come."""
        self._closed = last_index

    def settled(self, index: int) -> bool:
        """Return whether the faces of frame ``index`` can be computed already."""
        return self._closed is not None or (bool(self._indices) and self._indices[-1] >= index)

    def faces(self, index: int) -> tuple[Face, ...]:
        """Return the faces of a frame, by track id. Raises LookupError if it is not settled or already dropped."""
        if not self.settled(index):
            raise LookupError(f"faces of frame {index} are not available yet")
        after = bisect_left(self._indices, index)
        before = bisect_right(self._indices, index) - 1
        if before < 0:
            if not self._indices:
                return ()
            raise LookupError(f"faces of frame {index} were dropped")
        if after >= len(self._indices) or after == before:
            return tuple(self._frames[before].values())
        start, end = self._indices[before], self._indices[after]
        return _between(self._frames[before], self._frames[after], (index - start) / (end - start))

    def drop_before(self, index: int) -> None:
        """Forget what no frame from ``index`` on needs."""
        keep = max(bisect_right(self._indices, index) - 1, 0)
        del self._indices[:keep], self._frames[:keep]


def _between(first: dict[int, Face], second: dict[int, Face], part: float) -> tuple[Face, ...]:
    faces = {}
    for track in sorted(first.keys() | second.keys()):
        a, b = first.get(track), second.get(track)
        if a is not None and b is not None:
            faces[track] = _blend(a, b, part)
        elif a is not None and part < 0.5:
            faces[track] = a
        elif b is not None and part >= 0.5:
            faces[track] = b
    return tuple(faces.values())


def _blend(a: Face, b: Face, part: float) -> Face:
    box = tuple(x + (y - x) * part for x, y in zip(a.box, b.box, strict=True))
    landmarks = (a if part < 0.5 else b).landmarks
    if a.landmarks is not None and b.landmarks is not None:
        landmarks = a.landmarks + (b.landmarks - a.landmarks) * np.float32(part)
    score = a.score + (b.score - a.score) * part
    presence = a.presence + (b.presence - a.presence) * part
    return Face(a.track, (box[0], box[1], box[2], box[3]), score, _read_only(landmarks), presence)


def _read_only(landmarks: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Freeze landmarks: several extractors share them, and none may change them."""
    if landmarks is not None:
        landmarks.flags.writeable = False
    return landmarks
