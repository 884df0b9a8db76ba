"""Face detections of a video: cached chunk by chunk, tracked from the first frame on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.inference.engine.frame_buffer import FrameBuffer, PassContext
from gazenet.maps.map_store import MapWriter

Detections = list[dict[str, Any]]


class FacePass:
    """Detects the faces of one video and feeds its tracker; chunks that are in the cache are not detected again."""

    def __init__(self, context: PassContext, stage: FaceStage, tracker: FaceTracker, writer: MapWriter) -> None:
        self._context, self._stage, self._tracker, self._writer = context, stage, tracker, writer
        self._stride, self._chunk = context.graph.config.faces.stride, context.chunk

    def anchors(self, k: int, frames: int) -> range:
        """Frames of chunk ``k``, which has ``frames`` frames, on which faces are detected."""
        first = -(-k * self._chunk // self._stride) * self._stride
        return range(first, k * self._chunk + frames, self._stride)

    def submit(self, k: int, frames: int, buffer: FrameBuffer, pool: Executor) -> Callable[[], None]:
        """Start the detection of chunk ``k``; the returned call waits for it, stores it and feeds the tracker."""
        anchors = self.anchors(k, frames)
        if self._writer.has(k):
            return lambda: self._push(anchors, self._cached(k, anchors))
        futures = [pool.submit(self._detect, anchor, buffer.image(anchor)) for anchor in anchors]

        def collect() -> None:
            detections = [future.result() for future in futures]
            records: list[dict[str, Any]] = [{} for _ in range(frames)]
            for anchor, faces in zip(anchors, detections, strict=True):
                records[anchor - k * self._chunk] = {"detections": faces}
            self._writer.write(k, np.zeros((frames, 1, 1), np.uint8), records)
            self._push(anchors, detections)

        return collect

    def _cached(self, k: int, anchors: range) -> list[Detections]:
        _, records = self._writer.part(k)
        return [records[anchor - k * self._chunk].get("detections", []) for anchor in anchors]

    def _detect(self, anchor: int, image: Any) -> Detections:
        with self._context.timings.stage("faces", network=True):
            return self._stage.detect([image], self._context.size, [anchor])[0]

    def _push(self, anchors: Sequence[int], detections: Sequence[Detections]) -> None:
        for anchor, faces in zip(anchors, detections, strict=True):
            self._tracker.push(anchor, faces)

    def finish(self, frames: int) -> None:
        """Close tracks and cache entry of a video of exactly ``frames`` frames."""
        self._tracker.close(frames - 1)
        self._writer.finish(frames)
