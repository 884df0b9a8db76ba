"""Where the time goes: seconds per stage, and how much of the wall clock some network was at work."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator


class Timings:
    """Collects spans of named stages from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start = time.perf_counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._busy: list[tuple[float, float]] = []

    @contextlib.contextmanager
    def stage(self, name: str, network: bool = False) -> Iterator[None]:
        """Times a block; ``network`` marks it as network inference."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            with self._lock:
                self._seconds[name] += end - begin
                if network:
                    self._busy.append((begin, end))

    def summary(self, frames: int) -> dict[str, float | dict[str, float]]:
        """Seconds per stage, wall seconds, frames per second, and the overhead 1 - (network-busy union) / wall."""
        wall = time.perf_counter() - self._start
        busy = union_length(self._busy)
        return {
            "wall_s": round(wall, 3),
            "frames_per_s": round(frames / wall, 3) if wall else 0.0,
            "network_busy_s": round(busy, 3),
            "overhead": round(1 - busy / wall, 4) if wall else 0.0,
            "stages_s": {name: round(seconds, 3) for name, seconds in sorted(self._seconds.items())},
        }


def union_length(spans: list[tuple[float, float]]) -> float:
    """Total length covered by possibly overlapping spans."""
    covered, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        if end > until:
            covered += end - max(begin, until)
            until = end
    return covered
