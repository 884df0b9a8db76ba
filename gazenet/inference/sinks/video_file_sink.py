"""Base of the two video outputs: an encoder that publishes its file when all went well."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing
from gazenet.media.encode import VideoWriter


class VideoSink(Sink):
    """Encodes one picture per frame; subclasses draw it."""

    with_sound = True

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.notes = ()

    def open(self, context: SinkContext) -> None:
        """Begin the file."""
        self.context = context
        height, width = context.frame_size
        sound = context.source if self.with_sound and context.info.has_audio else None
        path = context.folder / self.files[0]
        with writing(path):
            self._writer = self._stack.enter_context(VideoWriter(path, width, height, context.info.rate, sound))

    def draw(self, chunk: ChunkResult, k: int) -> NDArray[np.uint8]:
        """Return the picture of the chunk's k-th frame, RGB uint8 of the context's frame size."""
        raise NotImplementedError

    def write(self, chunk: ChunkResult) -> None:
        """Encode the pictures of the next frames."""
        for k in range(len(chunk)):
            self._writer.write(self.draw(chunk, k), float(chunk.times[k]))

    def close(self, summary: dict[str, Any]) -> None:
        """Finish the file and give it its name; warnings of the encoder become notes."""
        with writing(self.context.folder / self.files[0]):
            self._stack.close()
        self.notes = [f"{self.files[0]}: {line}" for line in self._writer.warnings]

    def abort(self) -> None:
        """Remove the unfinished file."""
        self._stack.__exit__(RuntimeError, RuntimeError("aborted"), None)
