"""Fusing: finished chunks of cue maps through the integrator, and out to the sinks in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gazenet.cues.colour_pictures import as_pictures
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.inference.cache.cache_keys import picture_name
from gazenet.inference.engine.frame_buffer import FrameBuffer, PassContext
from gazenet.inference.engine.integrator_stream import open_stream
from gazenet.inference.results import EMPTY_MAPS, ChunkResult

Emit = Callable[[ChunkResult], None]


class ChunkFusion:
    """Fuses the chunks of a video as they become whole.

    Args:
        context: the video.
        buffer: holds the frames, faces and maps.
        emit: receives every chunk of finished frames, in order.

    Attributes:
        emitted: number of frames emitted so far.
    """

    def __init__(self, context: PassContext, buffer: FrameBuffer, emit: Emit) -> None:
        self._context, self._buffer, self._emit = context, buffer, emit
        graph = context.graph
        self._cues = [cue.name for cue in graph.cues]
        self._with_pictures = [cue.name for cue in graph.cues if cue.runner.makes_pictures]
        self._stream = open_stream(graph.integrator) if graph.integrator else None
        self._next_chunk = 0
        self.emitted = 0

    def advance(self) -> None:
        """Fuse and emit the chunks that are whole."""
        while self._cues and self._whole(self._next_chunk):
            k, self._next_chunk = self._next_chunk, self._next_chunk + 1
            if self._stream is None:
                start = k * self._context.chunk
                self._send(start, start + self._buffer.frames_in(k), EMPTY_MAPS, np.zeros((0, 0), np.float32))
                continue
            with self._context.timings.stage("integrator", network=True):
                fused = self._stream.push(self._cue_maps(k))
            self._send_fused(fused)

    def finish(self) -> None:
        """Emit what the integrator holds back until the end of the video."""
        if self._stream is not None:
            self._send_fused(self._stream.finish())

    def _whole(self, k: int) -> bool:
        """Return whether chunk ``k`` has the maps of all cues, and the faces of its last frame are final."""
        if not all(self._buffer.has(name, k) for name in self._cues):
            return False
        return self._buffer.faces_known(k * self._context.chunk + self._buffer.frames_in(k) - 1)

    def _cue_maps(self, k: int) -> dict[str, np.ndarray]:
        """The integrator's input of chunk ``k``: maps ``[n, h, w]`` or pictures ``[n, 120, 120, 3]`` per cue."""
        assert self._context.graph.integrator is not None
        spec = self._context.graph.integrator.spec
        maps = {}
        for cue in spec.cues:
            pictured = cue in spec.pictured
            values, _ = self._buffer.chunk(picture_name(cue) if pictured else cue, k)
            maps[cue] = as_pictures(values) if pictured else values
        return maps

    def _send_fused(self, fused: FusedChunk) -> None:
        if len(fused):
            self._send(fused.start, fused.start + len(fused), fused.saliency, fused.gates)

    def _send(self, start: int, stop: int, saliency: np.ndarray, gates: np.ndarray) -> None:
        buffer, frames = self._buffer, range(start, stop)
        cues = {name: buffer.span(name, start, stop) for name in self._cues}
        self._emit(
            ChunkResult(
                start,
                [buffer.image(k) for k in frames],
                np.array([buffer.time(k) for k in frames]),
                saliency,
                gates,
                [buffer.faces(k) for k in frames],
                {name: maps for name, (maps, _) in cues.items()},
                {name: records for name, (_, records) in cues.items()},
                {name: buffer.span(picture_name(name), start, stop)[0] for name in self._with_pictures},
            )
        )
        self.emitted = stop
