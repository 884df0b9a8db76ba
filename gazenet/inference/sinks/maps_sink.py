"""``saliency.npy``: the maps themselves, one per frame."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from gazenet import files
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing
from gazenet.inference.sinks.sink_specs import MAPS
from gazenet.maps.map_store import HEADER, npy_header


class MapsSink(Sink):
    """Float16 ``[frames, h, w]``, each frame divided by its maximum; the sums before scaling in ``saliency_sums.npy``.

    Frames are appended as they come: memory does not grow with the video. A frame of zeros stays zero.
    """

    spec = MAPS

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._sums: list[np.ndarray] = []

    def open(self, context: SinkContext) -> None:
        """Begin a video: write an empty header, to be filled in at the end."""
        self._target, self._shape = context.folder / self.files[0], context.map_size
        with writing(self._target):
            self._file = self._stack.enter_context(files.atomic_write(self._target))
            self._file.write(bytes(HEADER))

    def write(self, chunk: ChunkResult) -> None:
        """Append the maps of the next frames; nothing without saliency."""
        if not len(chunk.saliency):
            return
        peak = chunk.saliency.max(axis=(1, 2), keepdims=True)
        scaled = chunk.saliency / np.where(peak > 0, peak, 1)
        self._shape = (scaled.shape[1], scaled.shape[2])
        self._sums.append(chunk.saliency.sum(axis=(1, 2), dtype=np.float64).astype(np.float32))
        with writing(self._target):
            self._file.write(np.ascontiguousarray(scaled, np.float16).tobytes())

    def close(self, summary: dict[str, Any]) -> None:
        """Write the header and the sums, and give the files their names."""
        sums = np.concatenate(self._sums) if self._sums else np.zeros(0, np.float32)
        with writing(self._target):
            self._file.seek(0)
            self._file.write(npy_header((len(sums), *self._shape), "<f2"))
            self._stack.close()
            with files.atomic_write(self._target.with_name(self.files[1])) as file:
                np.save(file, sums)

    def abort(self) -> None:
        """Close and remove the unfinished file."""
        self._stack.__exit__(RuntimeError, RuntimeError("aborted"), None)
