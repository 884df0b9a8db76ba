"""Time per stage, and the part of the wall clock in which a network was at work."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any


class Timings:
    """Sums up spans of named stages from any thread; memory does not grow with their number.

    The overhead is the part of the wall clock in which no network was at work: spans that overlap count once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start = time.perf_counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._calls: dict[str, int] = defaultdict(int)
        self._busy, self._at_work, self._busy_since = 0.0, 0, 0.0

    @contextlib.contextmanager
    def stage(self, name: str, network: bool = False, calls: int = 1) -> Iterator[None]:
        """Time a block; ``network`` marks it as network inference on ``calls`` windows."""
        begin = self._enter(network)
        try:
            yield
        finally:
            self._leave(name, begin, network, calls)

    def _enter(self, network: bool) -> float:
        with self._lock:
            now = time.perf_counter()
            if network:
                if not self._at_work:
                    self._busy_since = now
                self._at_work += 1
            return now

    def _leave(self, name: str, begin: float, network: bool, calls: int) -> None:
        with self._lock:
            now = time.perf_counter()
            self._seconds[name] += now - begin
            if network:
                self._calls[name] += calls
                self._at_work -= 1
                if not self._at_work:
                    self._busy += now - self._busy_since

    def summary(self, frames: int) -> dict[str, float | dict[str, float] | dict[str, int]]:
        """Seconds per stage, windows per network, wall seconds, frames per second, and the overhead.

        The overhead is 1 - (seconds in which some network was at work) / (wall seconds).
        """
        with self._lock:
            now = time.perf_counter()
            wall = now - self._start
            busy = self._busy + (now - self._busy_since if self._at_work else 0.0)
            seconds = dict(self._seconds)
            calls = {name: count for name, count in self._calls.items() if count}
        return {
            "wall_s": round(wall, 3),
            "frames_per_s": round(frames / wall, 3) if wall else 0.0,
            "network_busy_s": round(busy, 3),
            "overhead": round(1 - busy / wall, 4) if wall else 0.0,
            "calls": dict(sorted(calls.items())),
            "stages_s": {name: round(seconds, 3) for name, seconds in sorted(seconds.items())},
        }


def network_text(summary: Mapping[str, Any]) -> str:
    """A :meth:`Timings.summary` in one line: seconds with a network at work, windows and milliseconds of each."""
    seconds, calls = summary.get("stages_s", {}), summary["calls"]
    means = (f"{name} {count} x {1000 * seconds[name] / count:.0f} ms" for name, count in calls.items())
    return f"networks {summary['network_busy_s']:.1f} s: {', '.join(means) or 'none ran, all is from the cache'}"
