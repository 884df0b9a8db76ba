"""Gaze targets for robots: one point in the picture and in angles, at a steady rate."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.config.sink_spec import SinkSpec
from gazenet.cues.external.middleware import Publisher
from gazenet.inference.person_attention import peak
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing


@dataclass(frozen=True)
class GazeTarget:
    """``x``, ``y``: 0..1 from the top left of the picture. ``yaw_deg`` grows to the right, ``pitch_deg`` upwards, both
    0 in the middle. ``strength``: the share of attention within a tenth of the picture's width around the point."""

    frame: int
    time_s: float
    x: float
    y: float
    yaw_deg: float
    pitch_deg: float
    strength: float


def angles(x: float, y: float, size: tuple[int, int], field_of_view: float) -> tuple[float, float]:
    """(yaw, pitch) in degrees of a point 0..1 of a picture of ``size`` (height, width), seen through a pinhole camera
    of a horizontal field of view in degrees."""
    reach = math.tan(math.radians(field_of_view) / 2)
    yaw = math.atan((2 * x - 1) * reach)
    pitch = math.atan((1 - 2 * y) * reach * size[0] / size[1])
    return math.degrees(yaw), math.degrees(pitch)


def find_target(
    saliency: NDArray[np.float32], frame: int, time: float, size: tuple[int, int], field_of_view: float
) -> GazeTarget:
    """The peak of a map ``[h, w]`` that covers a picture of ``size`` (height, width)."""
    x, y = peak(saliency, size)
    x, y = x / size[1], y / size[0]
    height, width = saliency.shape
    rows, columns = np.mgrid[:height, :width]
    near = np.hypot((columns + 0.5) - x * width, (rows + 0.5) - y * height) <= width / 10
    total = float(saliency.sum())
    strength = float(saliency[near].sum()) / total if total > 0 else 0.0
    yaw, pitch = angles(x, y, size, field_of_view)
    return GazeTarget(frame, *(round(float(value), 4) for value in (time, x, y, yaw, pitch, strength)))


class TargetFile:
    """One JSON object per line, flushed at once, so that other programs can follow the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            self._file = path.open("w", encoding="utf-8", buffering=1)

    def publish(self, message: dict[str, Any]) -> None:
        """Write a line. Raises GazenetError."""
        with writing(self._path):
            self._file.write(json.dumps(message) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TargetSink(Sink):
    """Sends a target for the newest frame to ``receivers`` and a file, at most ``rate`` times a second."""

    spec = SinkSpec(name="target", files=("targets.jsonl",), implementation=f"{__name__}:TargetSink")

    def __init__(self, rate: float, field_of_view: float, *receivers: Publisher) -> None:
        self._pause, self._field_of_view = 1 / rate, field_of_view
        self._receivers: list[Publisher] = list(receivers)
        self._due = -math.inf

    def open(self, context: SinkContext) -> None:
        """Open ``targets.jsonl``. Raises GazenetError."""
        self._size = context.frame_size
        self._receivers.append(TargetFile(context.folder / self.files[0]))

    def write(self, chunk: ChunkResult) -> None:
        """Send the target of the last frame, if one is due and some cue has a map."""
        without_maps = not any("age_s" in records[-1] for records in chunk.records.values())
        if not len(chunk.saliency) or without_maps or chunk.times[-1] < self._due:
            return
        time = float(chunk.times[-1])
        # From the time it was due: the rate holds on average although frames come at their own times.
        self._due = max(self._due, time - self._pause) + self._pause
        frame = chunk.start + len(chunk) - 1
        target = find_target(chunk.saliency[-1], frame, time, self._size, self._field_of_view)
        for receiver in self._receivers:
            receiver.publish(asdict(target))

    def close(self, summary: dict[str, Any]) -> None:
        """Close the receivers."""
        self.abort()

    def abort(self) -> None:
        """Close the receivers; what was sent stays."""
        while self._receivers:
            self._receivers.pop().close()
