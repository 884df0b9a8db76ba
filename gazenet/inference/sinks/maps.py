"""``saliency.npy``: the maps themselves, one per frame."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy as np

from gazenet import files
from gazenet.errors import GazenetError
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.maps.store import HEADER, npy_header


class MapsSink:
    """Float16 ``[frames, h, w]``, each frame divided by its maximum; the sums before scaling in ``saliency_sums.npy``.

    Frames are appended as they come: memory does not grow with the video.
    """

    name = "maps"
    files = ("saliency.npy", "saliency_sums.npy")

    def open(self, context: SinkContext) -> None:
        self._target = context.folder / self.files[0]
        self._temporary = context.folder / f".saliency.{os.getpid()}.tmp"
        self._descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._sums: list[np.ndarray] = []
        self._shape = context.map_size
        files.write_all(self._descriptor, bytes(HEADER))

    def write(self, chunk: ChunkResult) -> None:
        if not len(chunk.saliency):
            return
        peak = chunk.saliency.max(axis=(1, 2), keepdims=True)
        scaled = chunk.saliency / np.where(peak > 0, peak, 1)
        self._shape = (scaled.shape[1], scaled.shape[2])
        self._sums.append(np.asarray(scaled.sum(axis=(1, 2)), np.float32))
        try:
            files.write_all(self._descriptor, np.ascontiguousarray(scaled, np.float16).tobytes())
        except OSError as error:
            raise GazenetError(f"{self._target}: {error.strerror or error}") from error

    def close(self, summary: dict[str, Any]) -> None:
        sums = np.concatenate(self._sums) if self._sums else np.zeros(0, np.float32)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        try:
            files.write_all(self._descriptor, npy_header((len(sums), *self._shape), "<f2"))
            files._os_fsync(self._descriptor)
            self._close()
            files.publish(self._temporary, self._target)
            with files.atomic_write(self._target.with_name(self.files[1])) as file:
                np.save(file, sums)
        except OSError as error:
            raise GazenetError(f"{self._target}: {error.strerror or error}") from error

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def abort(self) -> None:
        self._close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)
