"""The loop of a live run: frames in, the newest one through all stages, results out, until it is stopped.

::

    grabber ──LatestValue──> main loop ─────────────────────────> sinks (recording, table, target, window)
                               │  ^ newest maps, with their age
                               v  │
                          FrameHistory <──> faces, cues: a thread each, at its own pace (RateController)

The main loop never waits for a cue. The delay is bounded, because one frame waits in ``LatestValue`` and one is in the
loop. The memory is bounded by ``FrameHistory``, the sound ring and histograms of durations; only a row of figures per
minute grows.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.colour_pictures import INTEGRATOR_SIZE, as_pictures
from gazenet.cues.extractor import Record, VideoContext
from gazenet.cues.runner import neutral_map
from gazenet.errors import GazenetError, MediaError
from gazenet.guard.guarded_call import guarded
from gazenet.inference.engine.integrator_stream import open_stream
from gazenet.inference.engine.stage_graph import CueStage, StageGraph
from gazenet.inference.live.frame_history import FrameHistory, LatestValue, NewestMap, SourceEnded, SourceStalled
from gazenet.inference.live.live_sinks import WindowClosed
from gazenet.inference.live.rate_controller import RateController
from gazenet.inference.live.run_statistics import ROW_S, Durations, MinuteRows, RunStatistics
from gazenet.inference.live.stage_threads import CueWork, StageThread, as_text, face_work
from gazenet.inference.results import ChunkResult
from gazenet.inference.sinks.sink import Sink
from gazenet.media.live.live_source import LiveFrame, LiveSource
from gazenet.media.live.sound_ring import SoundRing

PATIENCE_S = 5.0
"""Seconds to wait for a stage to end."""
LEAST_DENSITY = 1e-12


class CausalSmoother:
    """A running mean of log densities; the weight of a frame falls to 1/e after ``seconds``.

    It sees the past only; the offline smoothing of an integrator looks ahead as well.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._mean: NDArray[np.float32] | None = None
        self._time = 0.0

    def push(self, density: NDArray[np.float32], time: float) -> NDArray[np.float32]:
        """The smoothed density ``[h, w]``, whose cells sum to 1, at a time in seconds."""
        logs = np.log(np.maximum(density, LEAST_DENSITY))
        if self._mean is None or self._seconds <= 0:
            self._mean = logs
        else:
            self._mean += (1 - math.exp(-max(0.0, time - self._time) / self._seconds)) * (logs - self._mean)
        self._time = time
        smoothed = np.exp(self._mean - self._mean.max())
        return np.asarray(smoothed / smoothed.sum(), np.float32)


class LiveLoop:
    """Runs a loaded graph on a live source.

    Args:
        graph: the plugins; ``graph.config.realtime`` has the target rate and limits.
        source: the frames; closed at the end.
        sinks: opened already; each gets chunks of one frame, whose records have ``age_s`` per cue.
        sound: the sound beside the pictures, if there is any.
        row_s: seconds of a row of ``stats.rows``.
    """

    def __init__(
        self,
        graph: StageGraph,
        source: LiveSource,
        sinks: Sequence[Sink],
        sound: SoundRing | None,
        row_s: float = ROW_S,
    ) -> None:
        self._graph, self._source, self._sinks, self._sound = graph, source, sinks, sound
        self._settings = graph.config.realtime
        self._map_size = graph.config.map_shape(source.size)
        before = max((cue.spec.window.before for cue in graph.cues), default=0)
        self._history = FrameHistory(before, source.size)
        target = min(self._settings.target_rate or source.rate, source.rate)
        self._controller = RateController(target, self._settings.adaptive)
        self._latest: LatestValue[LiveFrame] = LatestValue()
        self._smoother = CausalSmoother(self._settings.smoothing_s)
        self._failure: Exception | None = None
        self._cut_off = 0
        self.stats = RunStatistics(Durations(cue.name for cue in graph.cues))
        self._rows = MinuteRows(self.stats, self._controller, row_s)
        self._stop = threading.Event()

    def stop(self) -> None:
        """End the run after the current frame; safe to call from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> RunStatistics:
        """Work until the source ends, :meth:`stop` is called, the window is closed, or the time is over.

        Raises MediaError where the source is lost, PluginError where a cue fails (unless failing cues are skipped);
        all frames until then have reached the sinks.
        """
        self._began = time.monotonic()
        stages = self._stages()
        grabber = threading.Thread(target=self._grab, name="gazenet-grabber", daemon=True)
        grabber.start()
        for stage in stages:
            stage.start()
        try:
            self._loop()
        finally:
            self._stop.set()
            for stage in stages:
                stage.stop()
            slow = [stage.name for stage in stages if not stage.join(PATIENCE_S)]
            self.stats.notes += [f"{name} did not end within {PATIENCE_S:g} s and was abandoned" for name in slow]
            grabber.join(PATIENCE_S)
            self.stats.runs = {stage.name: stage.latency for stage in stages}
            self._count(last=True)
        return self.stats

    def _count(self, last: bool = False) -> float:
        """Bring the counts up to date between two frames; returns the seconds since the beginning."""
        counts = self.stats.counts
        counts.captured, counts.replaced, waiting = self._latest.counted()
        counts.unfinished = self._cut_off + waiting
        counts.seconds = time.monotonic() - self._began
        self._rows.observe(counts.seconds, {"waiting": waiting, "history": self._history.held()}, last)
        return counts.seconds

    def _grab(self) -> None:
        """Read the source as fast as it delivers, then close it."""
        try:
            while not self._stop.is_set():
                frame = self._source.read()
                if frame is None:
                    break
                self._latest.put(frame)
            self._latest.end()
        except Exception as error:
            self._latest.end(error)
        finally:
            self._source.close()

    def _stages(self) -> list[StageThread]:
        config, rate = self._graph.config, self._source.rate
        context = VideoContext(self._source.name, *self._source.size, rate, None)
        stages = []
        if self._graph.faces is not None:
            detect = face_work(self._graph.faces, self._history, self._source.size)
            newest = self._history.wait_beyond
            stages.append(
                StageThread("faces", config.faces.stride / rate, detect, newest, self._controller, self._fail)
            )
        for cue in self._graph.cues:
            work = CueWork(cue, self._history, context, self._map_size, self._sound, self._began)
            pace = cue.runner.stride / rate
            failed = self._failing(cue)
            stages.append(StageThread(cue.name, pace, work, work.newest, self._controller, failed))
        return stages

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._stop.set()

    def _failing(self, cue: CueStage) -> Any:
        def failed(error: Exception) -> None:
            if self._graph.config.on_error == "fail":
                self._fail(error)
                return
            self.stats.notes.append(f"skipped cue {cue.name}: {as_text(error)}; neutral maps stand in for it")
            neutral = neutral_map(cue.spec, self._map_size)
            self._history.put_map(cue.name, NewestMap(neutral, {"skipped": True}, self._history.newest, 0.0))

        return failed

    def _loop(self) -> None:
        integrator = self._graph.integrator
        # Without its own smoothing, which would wait for later frames.
        stream = open_stream(integrator, live=True) if integrator is not None else None
        pace, due = 1 / self._controller.target, 0.0
        second, shown_then, status = 1.0, 0, self._settings.status_s
        while not self._stop.is_set():
            frame = self._next()
            if frame is None:
                break
            now = frame.taken - self._began
            # A frame that is less than half a period early is not worth dropping.
            if now < due - pace / 2:
                self.stats.counts.early += 1
                continue
            due = max(due, now - pace) + pace
            self._cut_off = 1
            try:
                self._show(frame, now, stream)
            except WindowClosed:
                break
            self._cut_off = 0
            elapsed = time.monotonic() - self._began
            if elapsed >= second:
                shown = self.stats.counts.shown
                self._controller.observe((shown - shown_then) / (elapsed - second + 1))
                self._count()
                second, shown_then = elapsed + 1, shown
            if elapsed >= status:
                status += self._settings.status_s
                print(self.status(elapsed), file=sys.stderr, flush=True)
            if self._settings.seconds is not None and elapsed >= self._settings.seconds:
                break
        if self._failure is not None:
            raise self._failure

    def _next(self) -> LiveFrame | None:
        try:
            return self._latest.take(self._settings.stall_s)
        except SourceEnded:
            return None
        except SourceStalled:
            if self._stop.is_set():
                return None
            raise MediaError(
                f"{self._source.name}: no frame for {self._settings.stall_s:g} s (unplugged, or the stream stalls)"
            ) from None

    def _show(self, frame: LiveFrame, now: float, stream: Any) -> None:
        index = self._history.add(frame.image, now)
        people, newest = self._history.now()
        maps, records = self._cues(newest, now)
        saliency, gates = np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32)
        if stream is not None:
            fused = stream.push({**maps, **self._pictures(newest)})
            saliency, gates = self._smoother.push(fused.saliency[0], now)[None], fused.gates
        result = ChunkResult(index, [frame.image], np.array([now]), saliency, gates, [people], maps, records)
        for sink in self._sinks:
            with guarded(f"sink {sink.name}", f"frame {index}", own=(GazenetError, WindowClosed)):
                sink.write(result)
        self._rows.shown(time.monotonic() - frame.taken)

    def _cues(
        self, newest: dict[str, NewestMap], now: float
    ) -> tuple[dict[str, NDArray[np.uint8]], dict[str, list[Record]]]:
        """The newest map of every cue ``[1, h, w]``, and its record with the age in seconds."""
        maps: dict[str, NDArray[np.uint8]] = {}
        records: dict[str, list[Record]] = {}
        for cue in self._graph.cues:
            cue_map = newest.get(cue.name)
            if cue_map is None:
                maps[cue.name] = neutral_map(cue.spec, self._map_size)[None]
                records[cue.name] = [{}]
                continue
            age = now - cue_map.time
            self._rows.age(cue.name, age)
            maps[cue.name] = cue_map.map[None]
            records[cue.name] = [{**cue_map.record, "age_s": round(age, 3)}]
        return maps, records

    def _pictures(self, newest: dict[str, NewestMap]) -> dict[str, NDArray[np.uint8]]:
        """The newest coloured pictures ``[1, h, w, 3]`` that the integrator takes, black before the first."""
        assert self._graph.integrator is not None
        planes = {cue: newest[cue].picture if cue in newest else None for cue in self._graph.integrator.spec.pictured}
        empty = np.zeros((3, *INTEGRATOR_SIZE), np.uint8)
        return {cue: as_pictures(empty if picture is None else picture)[None] for cue, picture in planes.items()}

    def status(self, elapsed: float) -> str:
        """One line: rate, dropped frames, delays, ages of the cues, and how far their pace is stretched."""
        stats, latency = self.stats, self.stats.whole.latency
        dropped = self._latest.counted()[1] + stats.counts.early
        ages = ", ".join(f"{name} {1000 * age.percentile(50):.0f}" for name, age in stats.whole.ages.items())
        stretched = f", cues at 1/{self._controller.factor:.1f} of their pace" if self._controller.factor > 1 else ""
        return (
            f"{elapsed:.0f} s: {stats.counts.shown / elapsed:.1f} of {self._controller.target:.1f} frames/s, "
            f"{dropped} dropped, delay {1000 * latency.percentile(50):.0f} ms (95 %: "
            f"{1000 * latency.percentile(95):.0f}){stretched}; age in ms: {ages}"
        )
