"""Scheduling: which extractor works on which frames of a video, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from gazenet.cues.colour_pictures import INTEGRATOR_SIZE
from gazenet.cues.extractor import VideoContext
from gazenet.cues.runner import WindowSource, neutral_map
from gazenet.errors import PluginError
from gazenet.inference.cache.cache_keys import picture_name
from gazenet.inference.engine.cue_entries import CueEntries
from gazenet.inference.engine.frame_buffer import FaceCropView, FrameBuffer, PassContext
from gazenet.inference.engine.sound_buffer import SoundBuffer
from gazenet.inference.engine.stage_graph import CueStage
from gazenet.maps.map_store import MapWriter

ALL_CHUNKS = 1 << 40
"""More chunks than any video has."""


@dataclass
class CueProgress:
    """The progress of one extractor in a video.

    Attributes:
        maps, pictures: its cache entries; no ``pictures`` where it makes none.
        cached: leading chunks that were in the cache at the beginning.
        next_block: the block of anchors that is computed next.
        next_chunk: the chunk that is finished next.
        failed: whether neutral maps stand in for it from some frame on.
    """

    cue: CueStage
    maps: MapWriter
    pictures: MapWriter | None = None
    cached: int = 0
    next_block: int = 0
    next_chunk: int = 0
    failed: bool = False

    @property
    def entries(self) -> list[MapWriter]:
        """Its open cache entries."""
        return [self.maps, *([self.pictures] if self.pictures else [])]

    @property
    def complete(self) -> bool:
        """True where the cache has all of it."""
        return all(entry.complete for entry in self.entries)


class CueScheduler:
    """Runs the extractors of a video beside each other, as far as the frames, faces and maps in the buffer allow.

    Args:
        context: the video.
        buffer: receives the finished chunks of maps and, under :func:`picture_name`, of coloured pictures.
        entries: the cache entries, which receive the same.
        sound: gives every extractor the sound in the form that it asks for.
        pool: where extractors run.

    Raises PluginError where an extractor cannot begin the video, unless failing cues are skipped.
    """

    def __init__(
        self, context: PassContext, buffer: FrameBuffer, entries: CueEntries, sound: SoundBuffer, pool: Executor
    ) -> None:
        self._context, self._buffer, self._entries, self._pool = context, buffer, entries, pool
        self._cues = [self._begin(cue, sound) for cue in context.graph.cues]
        self._waves = waves(self._cues)

    def _begin(self, cue: CueStage, sound: SoundBuffer) -> CueProgress:
        progress = CueProgress(cue, self._entries.maps(cue), self._entries.pictures(cue))
        while not progress.complete and all(entry.has(progress.cached) for entry in progress.entries):
            progress.cached += 1
        if progress.complete:
            progress.cached = ALL_CHUNKS
            return progress
        context = self._context
        video = VideoContext(context.source_id, *context.size, float(context.info.rate), sound.wanted_by(cue.spec))
        try:
            with context.timings.stage(cue.name):
                cue.runner.begin(video, context.map_size)
        except PluginError as error:
            self._skip(progress, error)
        progress.next_block = cue.runner.first_block(progress.cached)
        return progress

    def start_first(self) -> list[Callable[[], None]]:
        """Start the extractors that need neither faces nor maps; the returned calls wait for them."""
        return self._start(self._waves[0])

    def run_rest(self) -> None:
        """Run the other extractors, each after those whose maps it needs."""
        for wave in self._waves[1:]:
            wait_for_all(self._start(wave))

    def run_all(self) -> None:
        """Run every extractor as far as it can go."""
        wait_for_all(self.start_first())
        self.run_rest()

    def _start(self, wave: Sequence[CueProgress]) -> list[Callable[[], None]]:
        return [self._pool.submit(self._advance, progress).result for progress in wave]

    def _advance(self, progress: CueProgress) -> None:
        """Compute the blocks that can be computed and finish the chunks that are final."""
        while self._buffer.chunk_decoded(progress.next_chunk) and (
            progress.next_chunk < progress.cached or progress.failed or self._compute(progress)
        ):
            self._finish_chunk(progress, progress.next_chunk)
            progress.next_chunk += 1

    def _compute(self, progress: CueProgress) -> bool:
        """Bring the runner as far as the next chunk needs; False where that must wait."""
        runner, spec, last = progress.cue.runner, progress.cue.spec, self._buffer.last
        try:
            while not runner.ready(progress.next_chunk, last):
                k = progress.next_block
                if not self._computable(progress, k):
                    return False
                calls = len(runner.anchors(k, last))
                with self._context.timings.stage(spec.name, network=bool(calls and spec.assets), calls=calls):
                    runner.compute_block(k, last, self._source_of(progress))
                progress.next_block += 1
        except PluginError as error:
            self._skip(progress, error)
        return True

    def _source_of(self, progress: CueProgress) -> WindowSource:
        side = progress.cue.spec.needs.face_crops
        return FaceCropView(self._buffer, side, self._context.size) if side else self._buffer

    def _computable(self, progress: CueProgress, k: int) -> bool:
        """Return whether frames, faces and maps that block ``k`` looks at are ready."""
        needs, chunk, decoded = progress.cue.spec.needs, self._context.chunk, self._buffer.decoded
        if k * chunk >= decoded:
            return False
        if self._buffer.last is None:
            horizon = progress.cue.runner.horizon(k)
            if horizon >= decoded or (k + 1) * chunk > decoded:
                return False
            if (needs.faces or needs.face_crops) and not self._buffer.faces_known(horizon):
                return False
        return all(self._buffer.has(name, k) for name in needs.maps)

    def _skip(self, progress: CueProgress, error: PluginError) -> None:
        if self._context.graph.config.on_error == "fail":
            raise error
        progress.failed = True
        self._context.warnings.append(f"skipped cue {progress.cue.name}: {error}; neutral maps stand in for it")

    @property
    def skipped(self) -> list[str]:
        """Names of the cues that failed and are neutral from some frame on."""
        return [progress.cue.name for progress in self._cues if progress.failed]

    def _tainted(self, progress: CueProgress) -> bool:
        """Return whether a cue failed or depends on one that did: its maps are not what its cache key promises."""
        needed = [other for other in self._cues if other.cue.name in progress.cue.spec.needs.maps]
        return progress.failed or any(self._tainted(other) for other in needed)

    def _finish_chunk(self, progress: CueProgress, k: int) -> None:
        """Put chunk ``k`` into the buffer, from the cache, the runner, or as the stand-in of a failed cue."""
        name, runner, last = progress.cue.name, progress.cue.runner, self._buffer.last
        if progress.pictures is not None:  # before the maps are taken, with which the runner drops its pictures
            self._finish_pictures(progress, progress.pictures, k)
        if k < progress.cached:
            self._buffer.keep(name, k, *progress.maps.part(k))
            return
        if progress.failed:
            count = self._buffer.frames_in(k)
            neutral = np.repeat(neutral_map(progress.cue.spec, self._context.map_size)[None], count, axis=0)
            self._buffer.keep(name, k, neutral, [{"skipped": True} for _ in range(count)])
            return
        maps, records = runner.take(k, last)
        if not self._tainted(progress):
            self._entries.store(progress.maps, k, maps, records)
        self._buffer.keep(name, k, maps, records)

    def _finish_pictures(self, progress: CueProgress, entry: MapWriter, k: int) -> None:
        """The coloured pictures of a chunk; black ones of a cue that failed."""
        count = self._buffer.frames_in(k)
        if k < progress.cached:
            planes = entry.part(k)[0]
        elif progress.failed:
            planes = np.zeros((count, 3, *INTEGRATOR_SIZE), np.uint8)
        else:
            planes = progress.cue.runner.pictures(k, self._buffer.last)
            if not self._tainted(progress):
                self._entries.store(entry, k, planes, [{}] * count)
        self._buffer.keep(picture_name(progress.cue.name), k, planes, [])

    def first_frame_needed(self) -> int | None:
        """The oldest frame that an extractor still looks at; None where none needs any."""
        waiting = [progress for progress in self._cues if not progress.complete and not progress.failed]
        return min((progress.cue.runner.earliest(progress.next_block) for progress in waiting), default=None)

    def finish(self, frames: int) -> None:
        """Mark the entries of a video of ``frames`` frames as complete, once all is written."""
        for progress in self._cues:
            if not self._tainted(progress):
                for entry in progress.entries:
                    entry.finish(frames)


def waves(cues: Sequence[CueProgress]) -> list[list[CueProgress]]:
    """Extractors that can run beside each other; first those that need neither faces nor maps (perhaps none)."""
    depth: dict[str, int] = {}
    for progress in cues:
        needs = progress.cue.spec.needs
        floor = 1 if needs.faces or needs.face_crops else 0
        depth[progress.cue.name] = max([floor, *(depth[name] + 1 for name in needs.maps)])
    return [[p for p in cues if depth[p.cue.name] == k] for k in range(max(depth.values(), default=0) + 1)]


def wait_for_all(calls: Iterable[Callable[[], object]]) -> None:
    """Call all of them, also those after an error, and raise the first error."""
    failure: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            failure = failure or error
    if failure is not None:
        raise failure
