"""Which unit of which video comes next: pure bookkeeping, without processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Video = int


class UnitTask(NamedTuple):
    """A unit of a video, by its place in the run."""

    video: Video
    unit: str


class Schedule:
    """Units become ready when those before them are done; few videos are under way at once.

    The oldest video goes first wherever there is a choice: results appear early, and the cache's open ends are few.

    Args:
        needs: units with what comes before each (see ``unit_needs``); the last one ends a video.
        videos: how many.
        under_way: how many videos may be begun and not finished: what holds the rest back.
    """

    def __init__(self, needs: Mapping[str, Sequence[str]], videos: int, under_way: int) -> None:
        self._needs, self._limit = needs, under_way
        self._last = list(needs)[-1]
        self._waiting = deque(range(videos))
        self._open: dict[Video, dict[str, str]] = {}

    @property
    def finished(self) -> bool:
        return not self._waiting and not self._open

    def ready(self) -> list[UnitTask]:
        """What can be started now, oldest video first; a task is told until :meth:`started`."""
        while self._waiting and len(self._open) < self._limit:
            self._open[self._waiting.popleft()] = dict.fromkeys(self._needs, "waiting")
        return [
            UnitTask(video, unit)
            for video, states in sorted(self._open.items())
            for unit, state in states.items()
            if state == "waiting" and all(states[other] == "done" for other in self._needs[unit])
        ]

    def started(self, task: UnitTask) -> None:
        self._open[task.video][task.unit] = "started"

    def done(self, task: UnitTask) -> bool:
        """Whether the video is finished with it."""
        self._open[task.video][task.unit] = "done"
        if task.unit != self._last:
            return False
        del self._open[task.video]
        return True

    def skip_to_end(self, video: Video) -> None:
        """A cue failed: the last unit is left, which knows what is to be done about that."""
        states = self._open[video]
        for unit in states:
            if unit != self._last and states[unit] == "waiting":
                states[unit] = "done"

    def forget(self, task: UnitTask) -> None:
        """A unit that failed counts as done: what it should have left is missed by the last one."""
        self._open[task.video][task.unit] = "done"
