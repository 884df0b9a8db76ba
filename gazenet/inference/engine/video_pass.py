"""One video through all stages, in one pass, in chunks, with flat memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import cast

import numpy as np

from gazenet.cues.colour_pictures import TAKEN, as_pictures
from gazenet.cues.extractor import Record, VideoContext
from gazenet.cues.faces.tracker import FaceTracker
from gazenet.cues.runner import WindowSource, neutral_map
from gazenet.errors import PluginError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.inference.cache.cache_keys import cue_key, faces_key, frames_key, picture_name, pictures_key
from gazenet.inference.engine.background import BackgroundQueue
from gazenet.inference.engine.extractor_progress import CueState, wait_for_all, waves
from gazenet.inference.engine.face_pass import FaceFeed
from gazenet.inference.engine.frame_buffer import FrameBuffer, WithCrops
from gazenet.inference.engine.integrator_stream import open_stream
from gazenet.inference.engine.sound_buffer import SoundBuffer
from gazenet.inference.engine.stage_graph import CueStage, StageGraph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.results import EMPTY_MAPS, ChunkResult
from gazenet.inference.sizes import map_size
from gazenet.maps.map_store import MapKey, MapStore, MapWriter
from gazenet.media.frame_source import FrameSource
from gazenet.media.frames import Frame
from gazenet.media.prefetch import read_ahead
from gazenet.media.source_id import IMAGE_SUFFIXES

Emit = Callable[[ChunkResult], None]


class VideoPass:
    """Runs the graph over one source; results leave through ``emit`` in order.

    Args:
        graph: the loaded plugins.
        source: the frames; consumed once.
        store: the cache.
        pool: where detection and extractors run beside each other.
        emit: receives every chunk of finished frames.
    """

    def __init__(
        self,
        graph: StageGraph,
        source: FrameSource,
        source_id: str,
        store: MapStore,
        pool: Executor,
        emit: Emit,
        timings: Timings,
    ) -> None:
        self._graph, self._source, self._source_id = graph, source, source_id
        self._store, self._pool, self._emit, self._timings = store, pool, emit, timings
        self._chunk = graph.config.chunk
        self.size = (source.info.height, source.info.width)
        self.map_size = map_size(self.size, graph.config.map_size)
        self.warnings: list[str] = []
        self.frames = 0
        self._last: int | None = None
        self._chunks = 0
        self._fused = 0
        self._sent = 0

    def run(self, progress: Callable[[int], None] = lambda frames: None) -> None:
        """Works until the last frame; ``progress`` is told the number of frames decoded."""
        with ExitStack() as stack:
            self._begin(stack)
            # While a chunk is worked on the next one is decoded, so that no stage waits for frames. Closed here,
            # whatever happens: the reading thread must be gone before the caller closes the source.
            ahead = cast("Generator[Frame]", read_ahead(self._decode(), self._chunk))
            for frame in stack.enter_context(closing(ahead)):
                self._buffer.add(frame)
                self.frames = frame.index + 1
                if self.frames % self._chunk == 0:
                    self._advance()
                    progress(self.frames)
            self._end()
            progress(self.frames)

    def _decode(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while True:
            with self._timings.stage("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _begin(self, stack: ExitStack) -> None:
        config = self._graph.config
        writers = self._open_writers(stack)
        self._clock = writers[frames_key(self._source_id)]
        self._behind = stack.enter_context(BackgroundQueue())  # left before the writers are closed
        tracker = FaceTracker()
        self._buffer = FrameBuffer(tracker if self._graph.faces else None, self._chunk)
        self._feed: FaceFeed | None = None
        if self._graph.faces is not None:
            writer = writers[faces_key(self._graph, self._source_id)]
            stride, stage = config.faces.stride, self._graph.faces
            self._feed = FaceFeed(stage, tracker, writer, stride, self._chunk, self.size, self._timings)
        info = self._source.info
        moving = info.path.suffix.lower() not in IMAGE_SUFFIXES
        sound = SoundBuffer(info.path if info.has_audio else None, self._timings, self.warnings, expected=moving)
        self._states = [self._state(cue, sound, writers) for cue in self._graph.cues]
        self._waves = waves(self._states)
        self._stream = open_stream(self._graph.integrator) if self._graph.integrator else None

    def _open_writers(self, stack: ExitStack) -> dict[MapKey, MapWriter]:
        """The cache entries of this pass, locked in one order everywhere: two runs never wait for each other."""
        sizes = {frames_key(self._source_id): (1, 1)}
        if self._graph.faces is not None:
            sizes[faces_key(self._graph, self._source_id)] = (1, 1)
        sizes.update((cue_key(cue, self._source_id), self.map_size) for cue in self._graph.cues)
        drawn = {pictures_key(cue, self._source_id) for cue in self._graph.cues if cue.runner.makes_pictures}
        sizes.update(dict.fromkeys(drawn, TAKEN))
        writers = {}
        for key in sorted(sizes, key=lambda key: (key.extractor, key.version, key.fingerprint)):
            planes = 3 if key in drawn else 1
            opened = self._store.writer(key, *sizes[key], chunk=self._chunk, planes=planes)
            writers[key] = stack.enter_context(opened)
            self.warnings += opened.notes
        return writers

    def _state(self, cue: CueStage, sound: SoundBuffer, writers: Mapping[MapKey, MapWriter]) -> CueState:
        pictures = writers[pictures_key(cue, self._source_id)] if cue.runner.makes_pictures else None
        state = CueState(cue, writers[cue_key(cue, self._source_id)], pictures)
        while not state.complete and all(writer.has(state.cached) for writer in state.writers):
            state.cached += 1
        if state.complete:
            state.cached = 1 << 40
            return state
        heard = sound.wanted_by(cue.spec)
        context = VideoContext(self._source_id, *self.size, float(self._source.info.rate), heard)
        try:
            with self._timings.stage(cue.name):
                cue.runner.begin(context, self.map_size)
        except PluginError as error:
            self._skip(state, error)
        state.next_block = cue.runner.first_block(state.cached)
        return state

    def _advance(self) -> None:
        """A chunk has been decoded: let every stage do what it now can."""
        k, self._chunks = self._chunks, self._chunks + 1
        count = self.frames - k * self._chunk
        self._note_times(k, count)
        # The extractors first: one of them takes longer than the detection in one frame.
        free = self._start(self._waves[0])
        collect = self._feed.submit(k, count, self._buffer, self._pool) if self._feed else lambda: None
        wait_for_all([collect, *free])
        self._rest(self._waves[1:])

    def _note_times(self, k: int, count: int) -> None:
        if not self._clock.has(k):
            times = [{"time": self._buffer.time(k * self._chunk + step)} for step in range(count)]
            self._store_behind(self._clock, k, np.zeros((count, 1, 1), np.uint8), times)

    def _start(self, states: list[CueState]) -> list[Callable[[], None]]:
        return [self._pool.submit(self._step, state).result for state in states]

    def _rest(self, later: list[list[CueState]]) -> None:
        for wave in later:
            wait_for_all(self._start(wave))
        self._fuse()
        self._forget()

    def _end(self) -> None:
        if self.frames % self._chunk:
            self._advance()
        self._last = self.frames - 1
        if self._feed is not None:
            self._feed.finish(self.frames)
        self._rest(self._waves)
        if self._stream is not None:
            self._send(self._stream.finish())
        self._behind.finish()
        for state in self._states:
            if not self._unfit(state):
                for writer in state.writers:
                    writer.finish(self.frames)
        self._clock.finish(self.frames)

    def _step(self, state: CueState) -> None:
        """Computes the blocks that can be computed and stores the chunks that are final."""
        while self._available(state, state.next_take) and (
            state.next_take < state.cached or state.failed or self._compute(state)
        ):
            self._store_chunk(state, state.next_take)
            state.next_take += 1

    def _available(self, state: CueState, k: int) -> bool:
        frames = self._count(k)
        return frames > 0 and (frames == self._chunk or self._last is not None)

    def _compute(self, state: CueState) -> bool:
        """Brings the runner as far as chunk ``next_take`` needs; False where that must wait."""
        runner = state.cue.runner
        try:
            while not runner.ready(state.next_take, self._last):
                k = state.next_block
                if not self._computable(state, k):
                    return False
                calls = len(runner.anchors(k, self._last))
                with self._timings.stage(state.cue.name, network=bool(calls and state.cue.spec.assets), calls=calls):
                    runner.compute_block(k, self._last, self._view(state))
                state.next_block += 1
        except PluginError as error:
            self._skip(state, error)
        return True

    def _view(self, state: CueState) -> WindowSource:
        side = state.cue.spec.needs.face_crops
        return WithCrops(self._buffer, side, self.size) if side else self._buffer

    def _computable(self, state: CueState, k: int) -> bool:
        runner, spec = state.cue.runner, state.cue.spec
        if k * self._chunk >= self.frames:
            return False
        horizon = runner.horizon(k)
        if self._last is None:
            if horizon >= self.frames or (k + 1) * self._chunk > self.frames:
                return False
            tracker = self._buffer.tracker if spec.needs.faces or spec.needs.face_crops else None
            if tracker is not None and not tracker.settled(horizon):
                return False
        return all(self._buffer.has(name, k) for name in spec.needs.maps)

    def _skip(self, state: CueState, error: PluginError) -> None:
        if self._graph.config.on_error == "fail":
            raise error
        state.failed = True
        self.warnings.append(f"skipped cue {state.cue.name}: {error}; neutral maps stand in for it")

    @property
    def skipped(self) -> list[str]:
        """Names of the cues that failed and are neutral from some frame on."""
        return [state.cue.name for state in self._states if state.failed]

    def _unfit(self, state: CueState) -> bool:
        """Whether a cue failed or rests on the neutral maps of one that did: that is not what its key promises."""
        needed = [other for other in self._states if other.cue.name in state.cue.spec.needs.maps]
        return state.failed or any(self._unfit(other) for other in needed)

    def _store_chunk(self, state: CueState, k: int) -> None:
        name = state.cue.name
        if state.pictures is not None:
            self._store_pictures(state, state.pictures, k)
        if k < state.cached:
            self._buffer.keep(name, k, *state.writer.part(k))
            return
        if state.failed:
            count = self._count(k)
            neutral = np.repeat(neutral_map(state.cue.spec, self.map_size)[None], count, axis=0)
            self._buffer.keep(name, k, neutral, [{"skipped": True} for _ in range(count)])
            return
        maps, records = state.cue.runner.take(k, self._last)
        self._write(state, state.writer, k, maps, records)
        self._buffer.keep(name, k, maps, records)

    def _store_pictures(self, state: CueState, writer: MapWriter, k: int) -> None:
        """The coloured pictures of a chunk whose maps are not taken yet; black ones of a cue that failed."""
        count = self._count(k)
        if k < state.cached:
            planes = writer.part(k)[0]
        elif state.failed:
            planes = np.zeros((count, 3, *TAKEN), np.uint8)
        else:
            planes = state.cue.runner.pictures(k, self._last)
            self._write(state, writer, k, planes, [{}] * count)
        self._buffer.keep(picture_name(state.cue.name), k, planes, [])

    def _write(self, state: CueState, writer: MapWriter, k: int, values: np.ndarray, records: list[Record]) -> None:
        """What is there already would be the same: of maps and pictures, one may have got further than the other."""
        if not self._unfit(state) and not writer.has(k):
            self._store_behind(writer, k, values, records)

    def _store_behind(self, writer: MapWriter, k: int, values: np.ndarray, records: list[Record]) -> None:
        """Networks need not wait for the disk."""

        def store() -> None:
            with self._timings.stage("cache"):
                writer.write(k, values, records)

        self._behind.do(store)

    def _count(self, k: int) -> int:
        """Frames of chunk k."""
        return min((k + 1) * self._chunk, self.frames) - k * self._chunk

    def _fuse(self) -> None:
        while self._states and self._whole(self._fused):
            k, self._fused = self._fused, self._fused + 1
            if self._stream is None:
                start = k * self._chunk
                self._send_frames(start, start + self._count(k), EMPTY_MAPS, np.zeros((0, 0), np.float32))
                continue
            with self._timings.stage("integrator", network=True):
                fused = self._stream.push(self._given(k))
            self._send(fused)

    def _given(self, k: int) -> dict[str, np.ndarray]:
        """What the integrator takes of chunk k: maps ``[n, h, w]``, or pictures ``[n, 120, 120, 3]``, per cue."""
        assert self._graph.integrator is not None
        spec = self._graph.integrator.spec
        names = {cue: picture_name(cue) if cue in spec.pictured else cue for cue in spec.cues}
        found = {cue: self._buffer.chunk(name, k)[0] for cue, name in names.items()}
        return {cue: as_pictures(one) if cue in spec.pictured else one for cue, one in found.items()}

    def _whole(self, k: int) -> bool:
        """Whether all that is to be said of chunk k is known: every cue's maps, and the faces of its last frame."""
        if not all(self._buffer.has(state.cue.name, k) for state in self._states):
            return False
        tracker, end = self._buffer.tracker, min((k + 1) * self._chunk, self.frames) - 1
        return tracker is None or tracker.settled(end)

    def _send(self, fused: FusedChunk) -> None:
        if len(fused):
            self._send_frames(fused.start, fused.start + len(fused), fused.saliency, fused.gates)

    def _send_frames(self, start: int, stop: int, saliency: np.ndarray, gates: np.ndarray) -> None:
        frames = range(start, stop)
        cues = {s.cue.name: self._buffer.span(s.cue.name, start, stop) for s in self._states}
        drawn = [s.cue.name for s in self._states if s.pictures]
        self._emit(
            ChunkResult(
                start,
                [self._buffer.image(k) for k in frames],
                np.array([self._buffer.time(k) for k in frames]),
                saliency,
                gates,
                [self._buffer.faces(k) for k in frames],
                {name: maps for name, (maps, _) in cues.items()},
                {name: records for name, (_, records) in cues.items()},
                {name: self._buffer.span(picture_name(name), start, stop)[0] for name in drawn},
            )
        )
        self._sent = stop

    def _forget(self) -> None:
        oldest = self._sent
        for state in self._states:
            if not state.complete and not state.failed:
                oldest = min(oldest, state.cue.runner.earliest(state.next_block))
        self._buffer.drop_before(oldest)


def default_store(root: str | Path) -> MapStore:
    """The cache below a folder."""
    return MapStore(Path(root) / "maps")
