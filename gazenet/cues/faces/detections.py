"""Detections of faces in one frame, and their form in the cache."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MESH_POINTS = 478
_STEPS = 8192.0
"""Steps per longer side of the box, to which stored landmarks are rounded."""


@dataclass(frozen=True)
class Detection:
    """A face without identity.

    ``box`` (left, top, right, bottom) and ``mesh`` float32 ``[478, 3]`` are in full-size pixels; ``score`` and
    ``presence`` (the confidence in the mesh) in 0..1.
    """

    box: tuple[float, float, float, float]
    score: float
    mesh: NDArray[np.float32] | None = None
    presence: float = 0.0

    def to_record(self) -> dict[str, Any]:
        """Return a JSON-serialisable record.

        The mesh is stored as little-endian int16 steps of 1/8192 of the longer side, from the centre of the box.
        """
        record: dict[str, Any] = {"box": [round(v, 2) for v in self.box], "score": round(self.score, 4)}
        if self.mesh is not None:
            origin, side = _frame_of(tuple(record["box"]))
            steps = np.clip(np.round((self.mesh - origin) / side * _STEPS), -32767, 32767).astype("<i2")
            record["presence"] = round(self.presence, 4)
            record["mesh"] = base64.b64encode(steps.tobytes()).decode("ascii")
        return record

    @staticmethod
    def from_record(record: dict[str, Any]) -> Detection:
        """Read a record; the inverse of :meth:`to_record` up to its rounding."""
        box = tuple(float(v) for v in record["box"])
        mesh = None
        if "mesh" in record:
            steps = np.frombuffer(base64.b64decode(record["mesh"]), "<i2").reshape(MESH_POINTS, 3)
            origin, side = _frame_of(box)
            mesh = (steps.astype(np.float32) / _STEPS * side + origin).astype(np.float32)
        return Detection(
            (box[0], box[1], box[2], box[3]), float(record["score"]), mesh, float(record.get("presence", 0))
        )


def _frame_of(box: tuple[float, ...]) -> tuple[NDArray[np.float32], float]:
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 0], np.float32)
    return centre, max(box[2] - box[0], box[3] - box[1], 1e-3)
