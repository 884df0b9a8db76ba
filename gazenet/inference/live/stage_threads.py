"""Faces and cues at work beside the frames, each in a thread of its own, each at its own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from gazenet.cues.extractor import VideoContext
from gazenet.cues.faces.face_stage import FaceStage
from gazenet.cues.interpolate import quantise
from gazenet.errors import PluginError
from gazenet.inference.engine.stage_graph import CueStage
from gazenet.inference.live.frame_history import FrameHistory, NewestMap
from gazenet.inference.live.latency_histogram import LatencyHistogram
from gazenet.inference.live.rate_controller import RateController
from gazenet.media.live.sound_ring import SoundRing

WAIT_S = 0.1
"""How often a waiting stage looks whether it shall stop."""
HEARD_S = 1.5
"""Seconds of sound before the first frame of a window."""


class StageThread:
    """Calls ``work(anchor)`` for the newest frame, again and again, no more often than its pace allows.

    Args:
        name: for the tables.
        pace_s: seconds from the beginning of one run to that of the next, before the governor stretches them.
        work: what to do; it raises what ends the stage.
        newest: waits for a frame after the given one; -1 in vain.
        failed: told how the stage ended, if not by ``stop``.
    """

    def __init__(
        self,
        name: str,
        pace_s: float,
        work: Callable[[int], None],
        newest: Callable[[int, float], int],
        governor: RateController,
        failed: Callable[[Exception], None],
    ) -> None:
        self.name, self.latency = name, LatencyHistogram()
        self._pace, self._work, self._newest = pace_s, work, newest
        self._governor, self._failed = governor, failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"gazenet-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks it to end; :meth:`join` waits."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        last = -1
        try:
            while not self._stop.is_set():
                anchor = self._newest(last, WAIT_S)
                if anchor < 0:
                    continue
                begin = time.monotonic()
                self._work(anchor)
                took = time.monotonic() - begin
                self.latency.add(took)
                last = anchor
                self._stop.wait(max(0.0, self._pace * self._governor.factor - took))
        except Exception as error:
            self._failed(error)


def face_work(stage: FaceStage, history: FrameHistory, size: tuple[int, int]) -> Callable[[int], None]:
    """Looks for the faces of a frame."""

    def work(anchor: int) -> None:
        image = history.frame(anchor).image
        history.detected(anchor, stage.detect([image], size, [anchor])[0])

    return work


class CueWork:
    """One extractor on the window that ends at the newest frame; the future is the newest frame repeated.

    Args:
        context: what is known of the source; its waveform is replaced by what was heard around each window.
        began: ``time.monotonic`` of time 0 of the frames.
    """

    def __init__(
        self,
        cue: CueStage,
        history: FrameHistory,
        context: VideoContext,
        map_size: tuple[int, int],
        sound: SoundRing | None,
        began: float,
    ) -> None:
        self._cue, self._history, self._context = cue, history, context
        self._map_size, self._sound, self._began = map_size, sound, began
        self._needs = cue.spec.needs
        self._begun = False

    @property
    def needs_faces(self) -> bool:
        return self._needs.faces or bool(self._needs.face_crops)

    def newest(self, after: int, timeout: float) -> int:
        """The frame to work on: the newest whose faces are known, where faces are needed."""
        anchor = self._history.wait_beyond(after, timeout, self.needs_faces)
        return anchor if anchor >= 0 and self._history.has(self._needs.maps) else -1

    def __call__(self, anchor: int) -> None:
        spec, runner = self._cue.spec, self._cue.runner
        view = self._history.view(anchor, spec.window.before, self._needs.faces, self._needs.face_crops)
        now = view.time(anchor)
        if spec.audio is not None:
            start = view.time(max(0, anchor - spec.window.before)) - HEARD_S
            view = replace(view, origin=start)
            heard = None
            if self._sound is not None:
                heard = self._sound.recent(self._began + start, self._began + now, spec.audio.rate)
            runner.begin(replace(self._context, waveform=heard), self._map_size)
        elif not self._begun:
            runner.begin(self._context, self._map_size)
            self._begun = True
        found, record, picture = runner.newest(anchor, view)
        self._history.made(self._cue.name, NewestMap(quantise(found), record, anchor, now, picture))


def as_text(error: Exception) -> str:
    """The error on one line."""
    kind = "" if isinstance(error, PluginError) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())
