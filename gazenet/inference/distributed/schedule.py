"""The order of the units of all videos: bookkeeping only, without processes."""

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
    """Units become ready when those before them are done; few videos are in progress at once.

    The oldest video goes first: results appear early, and few cache entries are unfinished.

    Args:
        needs: each unit with the units before it (see ``unit_needs``); the last unit ends a video.
        videos: number of videos.
        limit: the largest number of videos in progress.
    """

    def __init__(self, needs: Mapping[str, Sequence[str]], videos: int, limit: int) -> None:
        self._needs, self._limit = needs, limit
        self._last = list(needs)[-1]
        self._waiting = deque(range(videos))
        self._open: dict[Video, dict[str, str]] = {}

    @property
    def finished(self) -> bool:
        """True where all videos have ended."""
        return not self._waiting and not self._open

    def ready(self) -> list[UnitTask]:
        """The tasks that can start now, oldest video first; a task is listed until :meth:`started`."""
        while self._waiting and len(self._open) < self._limit:
            self._open[self._waiting.popleft()] = dict.fromkeys(self._needs, "waiting")
        return [
            UnitTask(video, unit)
            for video, states in sorted(self._open.items())
            for unit, state in states.items()
            if state == "waiting" and all(states[other] == "done" for other in self._needs[unit])
        ]

    def started(self, task: UnitTask) -> None:
        """Note that a task has started."""
        self._open[task.video][task.unit] = "started"

    def done(self, task: UnitTask) -> bool:
        """Note that a task is done; returns whether its video has ended."""
        self._open[task.video][task.unit] = "done"
        if task.unit != self._last:
            return False
        del self._open[task.video]
        return True

    def skip_to_end(self, failed: UnitTask) -> None:
        """Leave out all but the last unit of a video, which misses the result of the failed one and handles that."""
        states = self._open[failed.video]
        states[failed.unit] = "done"
        for unit in states:
            if unit != self._last and states[unit] == "waiting":
                states[unit] = "done"
