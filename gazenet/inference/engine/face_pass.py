"""Face detections of a video: cached chunk by chunk, tracked from the first frame on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.inference.engine.frame_buffer import FrameBuffer
from gazenet.inference.engine.timing import Timings
from gazenet.maps.map_store import MapWriter

Detections = list[dict[str, Any]]


class FaceFeed:
    """Feeds the tracker of one video; what a finished chunk of the cache tells is not detected again."""

    def __init__(
        self,
        stage: FaceStage,
        tracker: FaceTracker,
        writer: MapWriter,
        stride: int,
        chunk: int,
        size: tuple[int, int],
        timings: Timings,
    ) -> None:
        self._stage, self._tracker, self._writer = stage, tracker, writer
        self._stride, self._chunk, self._size, self._timings = stride, chunk, size, timings

    def anchors(self, k: int, frames: int) -> range:
        """Frames of chunk k (of ``frames`` frames) on which faces are looked for."""
        first = -(-k * self._chunk // self._stride) * self._stride
        return range(first, k * self._chunk + frames, self._stride)

    def submit(self, k: int, frames: int, buffer: FrameBuffer, pool: Executor) -> Callable[[], None]:
        """Starts the detection of chunk k; the returned function waits for it, stores it and feeds the tracker."""
        anchors = self.anchors(k, frames)
        if self._writer.has(k):
            return lambda: self._push(anchors, self._known(k, anchors))
        futures = [pool.submit(self._detect, anchor, buffer.image(anchor)) for anchor in anchors]

        def collect() -> None:
            found = [future.result() for future in futures]
            told: list[dict[str, Any]] = [{} for _ in range(frames)]
            for anchor, detections in zip(anchors, found, strict=True):
                told[anchor - k * self._chunk] = {"detections": detections}
            self._writer.write(k, np.zeros((frames, 1, 1), np.uint8), told)
            self._push(anchors, found)

        return collect

    def _known(self, k: int, anchors: range) -> list[Detections]:
        _, records = self._writer.part(k)
        return [records[anchor - k * self._chunk].get("detections", []) for anchor in anchors]

    def _detect(self, anchor: int, image: Any) -> Detections:
        with self._timings.stage("faces", network=True):
            return self._stage.detect([image], self._size, [anchor])[0]

    def _push(self, anchors: Sequence[int], found: Sequence[Detections]) -> None:
        for anchor, detections in zip(anchors, found, strict=True):
            self._tracker.push(anchor, detections)

    def finish(self, frames: int) -> None:
        """The video has exactly ``frames`` frames."""
        self._tracker.close(frames - 1)
        self._writer.finish(frames)
