"""Threads of faces and cues beside the main loop, each at its own pace."""

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
"""Seconds between two checks of a waiting stage whether it is to stop."""
HEARD_S = 1.5
"""Seconds of sound before the first frame of a window."""


class StageThread:
    """Calls ``work(anchor)`` for the newest frame, again and again, no more often than its pace allows.

    Args:
        name: of the stage, for the tables.
        pace_s: seconds from the start of one run to that of the next, before the controller stretches them.
        work: called with a frame; an error that it raises ends the stage.
        newest: waits for a frame after another, at most some seconds; -1 where none comes.
        failed: called with the error that ended the stage.
    """

    def __init__(
        self,
        name: str,
        pace_s: float,
        work: Callable[[int], None],
        newest: Callable[[int, float], int],
        controller: RateController,
        failed: Callable[[Exception], None],
    ) -> None:
        self.name, self.latency = name, LatencyHistogram()
        self._pace, self._work, self._newest = pace_s, work, newest
        self._controller, self._failed = controller, failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"gazenet-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; :meth:`join` waits."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds; returns whether it has ended."""
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
                self._stop.wait(max(0.0, self._pace * self._controller.factor - took))
        except Exception as error:
            self._failed(error)


def face_work(stage: FaceStage, history: FrameHistory, size: tuple[int, int]) -> Callable[[int], None]:
    """A call that detects the faces of a frame and puts them into the history."""

    def work(anchor: int) -> None:
        image = history.frame(anchor).image
        history.detected(anchor, stage.detect([image], size, [anchor])[0])

    return work


class CueWork:
    """One extractor on the window that ends at the newest frame, which stands in for the frames after it.

    Args:
        context: facts of the source; its waveform is replaced by the sound around each window.
        began: ``time.monotonic()`` at time 0 of the frames.
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
        self._has_begun = False

    @property
    def needs_faces(self) -> bool:
        """True where the extractor takes faces or crops of them."""
        return self._needs.faces or bool(self._needs.face_crops)

    def newest(self, after: int, timeout: float) -> int:
        """The newest frame after another, with its faces where they are needed; -1 where none comes in time."""
        anchor = self._history.wait_beyond(after, timeout, self.needs_faces)
        return anchor if anchor >= 0 and self._history.has(self._needs.maps) else -1

    def __call__(self, anchor: int) -> None:
        """Put the map of the window that ends at ``anchor`` into the history. Raises PluginError."""
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
        elif not self._has_begun:
            runner.begin(self._context, self._map_size)
            self._has_begun = True
        values, record, picture = runner.newest(anchor, view)
        self._history.put_map(self._cue.name, NewestMap(quantise(values), record, anchor, now, picture))


def as_text(error: Exception) -> str:
    """The error on one line."""
    kind = "" if isinstance(error, PluginError) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())
