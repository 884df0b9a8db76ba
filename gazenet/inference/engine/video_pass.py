"""One video through all stages, in one pass, in chunks, with flat memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast

from gazenet.cues.faces.tracker import FaceTracker
from gazenet.guard import journal
from gazenet.inference.engine.chunk_fusion import ChunkFusion, Emit
from gazenet.inference.engine.cue_entries import CueEntries, open_entries
from gazenet.inference.engine.cue_scheduler import CueScheduler, wait_for_all
from gazenet.inference.engine.face_pass import FacePass
from gazenet.inference.engine.frame_buffer import FrameBuffer, PassContext
from gazenet.inference.engine.sound_buffer import SoundBuffer
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.engine.timing import Timings
from gazenet.maps.map_store import MapStore
from gazenet.media.frame_source import FrameSource
from gazenet.media.frames import Frame
from gazenet.media.media_files import IMAGE_SUFFIXES, display_name
from gazenet.media.prefetch import read_ahead


class VideoPass:
    """Runs a graph over one source: decoding, faces, extractors (scheduling), the cache (storing), the integrator.

    Args:
        graph: the loaded plugins.
        source: the frames; consumed once, left open.
        source_id: hash of the source's content, part of its cache keys.
        store: the cache.
        timings: receives the seconds of every stage.

    Attributes:
        frames: number of frames decoded so far.
        warnings: plain lines for the run record.
    """

    def __init__(
        self, graph: StageGraph, source: FrameSource, source_id: str, store: MapStore, timings: Timings
    ) -> None:
        self._context = PassContext(graph, source_id, source.info, timings)
        self._source, self._store = source, store
        self.map_size = self._context.map_size
        self.warnings = self._context.warnings
        self.skipped: list[str] = []
        """Names of the cues that failed and are neutral from some frame on."""
        self.frames = 0
        self._chunks = 0

    def run(self, emit: Emit, progress: Callable[[int], None] = lambda frames: None) -> None:
        """Work until the last frame.

        ``emit`` receives the results in order; ``progress`` is called with the number of frames decoded. Raises
        MediaError, CacheError, PluginError.
        """
        graph, chunk = self._context.graph, self._context.chunk
        input_name = display_name(self._context.info.path)
        with (
            ThreadPoolExecutor(graph.config.workers, "gazenet", journal.set_input, (input_name,)) as pool,
            open_entries(self._context, self._store) as entries,
        ):
            self._begin(entries, pool, emit)
            # The next chunk is decoded while one is worked on, so that no stage waits for frames. Closed here,
            # whatever happens: the reading thread must have ended before the caller closes the source.
            with closing(cast("Generator[Frame]", read_ahead(self._decode(), chunk))) as frames:
                for frame in frames:
                    self._buffer.add(frame)
                    self.frames = frame.index + 1
                    if self.frames % chunk == 0:
                        self._advance(entries, pool)
                        progress(self.frames)
            self._end(entries, pool)
            progress(self.frames)

    def _decode(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while True:
            with self._context.timings.stage("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _begin(self, entries: CueEntries, pool: Executor, emit: Emit) -> None:
        context = self._context
        stage, info, tracker = context.graph.faces, context.info, FaceTracker()
        self._buffer = FrameBuffer(tracker if stage is not None else None, context.chunk)
        self._face_pass = FacePass(context, stage, tracker, entries.faces) if stage and entries.faces else None
        moving = info.path.suffix.lower() not in IMAGE_SUFFIXES
        sound = SoundBuffer(info.path if info.has_audio else None, context.timings, context.warnings, expected=moving)
        self._scheduler = CueScheduler(context, self._buffer, entries, sound, pool)
        self._fusion = ChunkFusion(context, self._buffer, emit)

    def _advance(self, entries: CueEntries, pool: Executor) -> None:
        """Let every stage do what it can, now that a chunk has been decoded."""
        k, self._chunks = self._chunks, self._chunks + 1
        count = self._buffer.frames_in(k)
        first = k * self._context.chunk
        entries.store_times(k, [self._buffer.time(index) for index in range(first, first + count)])
        # The extractors first: one of them takes longer than the detection in one frame.
        calls = self._scheduler.start_first()
        if self._face_pass is not None:
            calls.insert(0, self._face_pass.submit(k, count, self._buffer, pool))
        wait_for_all(calls)
        self._scheduler.run_rest()
        self._fuse()

    def _fuse(self) -> None:
        self.skipped = self._scheduler.skipped
        self._fusion.advance()
        needed = self._scheduler.first_frame_needed()
        emitted = self._fusion.emitted
        self._buffer.drop_before(emitted if needed is None else min(emitted, needed))

    def _end(self, entries: CueEntries, pool: Executor) -> None:
        if self.frames % self._context.chunk:
            self._advance(entries, pool)
        self._buffer.last = self.frames - 1
        if self._face_pass is not None:
            self._face_pass.finish(self.frames)
        self._scheduler.run_all()
        self._fuse()
        self._fusion.finish()
        entries.flush()
        self._scheduler.finish(self.frames)
        entries.clock.finish(self.frames)


def default_store(root: str | Path) -> MapStore:
    """The cache below a folder."""
    return MapStore(Path(root) / "maps")
