"""The sinks of one video on a thread of their own, fed through a bounded queue."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from gazenet.errors import GazenetError
from gazenet.guard import journal
from gazenet.guard.guarded_call import guarded
from gazenet.inference.engine.timing import Timings
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink
from gazenet.media.media_files import display_name

OWN = (GazenetError,)
"""Errors of sinks that pass as they are: they name the file and the remedy."""


class SinkThread:
    """Gives every chunk to every sink, in order. The first error stops all and is raised in the caller's thread.

    Args:
        sinks: opened here; what they raise is raised.
        context: the facts of the video.
        timings: receives the seconds of every sink.
        depth: chunks that may wait.
    """

    def __init__(self, sinks: Sequence[Sink], context: SinkContext, timings: Timings, depth: int = 1) -> None:
        self._sinks, self._timings = list(sinks), timings
        self._queue: queue.Queue[ChunkResult | None] = queue.Queue(maxsize=depth)
        self._failure: BaseException | None = None
        self._opened: list[Sink] = []
        try:
            for sink in self._sinks:
                self._opened.append(sink)  # first: a sink that fails while it opens has to clean up as well
                with guarded(f"sink {sink.name}", "opening", own=OWN):
                    sink.open(context)
        except BaseException:
            self._abort()
            raise
        self._input = display_name(context.source)
        self._thread = threading.Thread(target=self._work, name="gazenet-sinks", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        journal.set_input(self._input)
        while (chunk := self._queue.get()) is not None:
            if self._failure is not None:
                continue
            try:
                for sink in self._sinks:
                    frames = f"frames {chunk.start} to {chunk.start + len(chunk) - 1}"
                    with self._timings.stage(f"sink {sink.name}"), guarded(f"sink {sink.name}", frames, own=OWN):
                        sink.write(chunk)
            except BaseException as error:
                self._failure = error

    def put(self, chunk: ChunkResult) -> None:
        """Queue a chunk; waits where the queue is full. Raises what a sink raised."""
        if self._failure is not None:
            raise self._failure
        _make_read_only(chunk)
        self._queue.put(chunk)

    def finish(self, summary: dict[str, object]) -> None:
        """Wait for the queue and close all sinks; after an error no output looks finished."""
        self._queue.put(None)
        self._thread.join()
        try:
            if self._failure is not None:
                raise self._failure
            for sink in self._sinks:
                with self._timings.stage(f"sink {sink.name}"), guarded(f"sink {sink.name}", "closing", own=OWN):
                    sink.close(summary)
        except BaseException:
            self._abort()
            raise

    def abort(self) -> None:
        """End the thread and have the sinks remove what they have begun."""
        if self._thread.is_alive():
            self._failure = self._failure or RuntimeError("aborted")
            self._queue.put(None)
            self._thread.join()
        self._abort()

    def _abort(self) -> None:
        for sink in self._opened:
            # The error that led here is the one to report.
            with contextlib.suppress(Exception), guarded(f"sink {sink.name}", "aborting", own=OWN):
                sink.abort()
        self._opened = []


def _make_read_only(chunk: ChunkResult) -> None:
    """Make the arrays read-only, so that every sink sees the same values."""
    arrays: list[NDArray[Any]] = [*chunk.images, *chunk.cues.values(), *chunk.pictures.values()]
    for values in [*arrays, chunk.times, chunk.saliency, chunk.gates]:
        values.flags.writeable = False
