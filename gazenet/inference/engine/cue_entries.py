"""Storing: the cache entries of one video, opened in one order everywhere and written in the background."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np

from gazenet.cues.colour_pictures import INTEGRATOR_SIZE
from gazenet.cues.extractor import Record
from gazenet.inference.cache.cache_keys import cue_key, faces_key, frames_key, pictures_key
from gazenet.inference.engine.frame_buffer import PassContext
from gazenet.inference.engine.stage_graph import CueStage
from gazenet.maps.map_key import MapKey
from gazenet.maps.map_store import MapStore, MapWriter


class BackgroundQueue:
    """Runs calls in order on a thread of its own; any thread may submit. See :func:`background_queue`."""

    def __init__(self, thread: ThreadPoolExecutor, limit: int) -> None:
        self._thread, self._limit, self._lock = thread, limit, threading.Lock()
        self._waiting: deque[Future[None]] = deque()

    def submit(self, call: Callable[[], None]) -> None:
        """Queue a call; where as many as the limit wait, wait for the oldest. Raises what an earlier call raised."""
        with self._lock:
            while self._waiting and (len(self._waiting) >= self._limit or self._waiting[0].done()):
                self._waiting.popleft().result()
            self._waiting.append(self._thread.submit(call))

    def finish(self) -> None:
        """Wait for all calls. Raises what one of them raised."""
        with self._lock:
            while self._waiting:
                self._waiting.popleft().result()


@contextmanager
def background_queue(limit: int = 16) -> Iterator[BackgroundQueue]:
    """A queue in which at most ``limit`` calls wait; an error in the block drops the calls that have not begun."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="gazenet-background")
    try:
        yield BackgroundQueue(thread, limit)
    except BaseException:
        thread.shutdown(cancel_futures=True)
        raise
    thread.shutdown()


class CueEntries:
    """The open cache entries of one video; made by :func:`open_entries`.

    Attributes:
        clock: entry of the frame times; its maps are empty.
        faces: entry of the face detections; None where no faces are detected.
    """

    def __init__(self, context: PassContext, writers: Mapping[MapKey, MapWriter], background: BackgroundQueue) -> None:
        self._context, self._writers, self._background = context, writers, background
        self.clock = writers[frames_key(context.source_id)]
        graph = context.graph
        self.faces = writers[faces_key(graph, context.source_id)] if graph.faces is not None else None

    def maps(self, cue: CueStage) -> MapWriter:
        """Entry of an extractor's maps."""
        return self._writers[cue_key(cue, self._context.source_id)]

    def pictures(self, cue: CueStage) -> MapWriter | None:
        """Entry of an extractor's coloured pictures, if it makes any."""
        return self._writers.get(pictures_key(cue, self._context.source_id))

    def store(self, writer: MapWriter, k: int, values: np.ndarray, records: list[Record]) -> None:
        """Write chunk ``k`` in the background, so that networks need not wait for the disk.

        A chunk that is stored already would be the same and is left alone: of the maps and the pictures of an
        extractor, one may have got further than the other.
        """
        if writer.has(k):
            return

        def write() -> None:
            with self._context.timings.stage("cache"):
                writer.write(k, values, records)

        self._background.submit(write)

    def store_times(self, k: int, times: list[float]) -> None:
        """Write the presentation times of the frames of chunk ``k``, in seconds."""
        self.store(self.clock, k, np.zeros((len(times), 1, 1), np.uint8), [{"time": time} for time in times])

    def flush(self) -> None:
        """Wait until everything is written. Raises what a write raised."""
        self._background.finish()


@contextmanager
def open_entries(context: PassContext, store: MapStore) -> Iterator[CueEntries]:
    """The entries of a video, locked in one order everywhere: two runs never wait for each other."""
    graph, source_id = context.graph, context.source_id
    sizes = {frames_key(source_id): (1, 1)}
    if graph.faces is not None:
        sizes[faces_key(graph, source_id)] = (1, 1)
    sizes.update((cue_key(cue, source_id), context.map_size) for cue in graph.cues)
    pictures = {pictures_key(cue, source_id) for cue in graph.cues if cue.runner.makes_pictures}
    sizes.update(dict.fromkeys(pictures, INTEGRATOR_SIZE))
    with ExitStack() as stack:
        writers = {}
        for key in sorted(sizes, key=lambda key: (key.extractor, key.version, key.fingerprint)):
            planes = 3 if key in pictures else 1
            writer = store.writer(key, *sizes[key], chunk=context.chunk, planes=planes)
            writers[key] = stack.enter_context(writer)
            context.warnings.extend(writer.notes)
        # Entered last, left first: nothing is written into an entry that is closed.
        yield CueEntries(context, writers, stack.enter_context(background_queue()))
