"""Strictly increasing presentation times from time stamps in any order."""

from __future__ import annotations

import heapq

DEPTH = 8
"""Frames whose stamps are read before the first of them gets its time."""

REPAIR_STEP = 1e-3


class RisingTimeStamps:
    """A queue that gives strictly increasing times to frames, which the decoder returns in order of display.

    Some files have the right times at the wrong frames, because their writer confused the order of B-frames. The order
    of the decoder is right, so the k-th frame gets the k-th smallest stamp; stamps that are at most ``DEPTH`` frames
    out of place keep their values. Duplicates move by a millisecond; missing stamps are derived from the rate.

    Args:
        step: seconds per frame.

    Attributes:
        sorted, moved, missing: number of stamps that were out of order, changed, or absent.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._heap: list[float] = []
        self._newest: float | None = None
        self._last = -float("inf")
        self.sorted = self.moved = self.missing = 0

    def push(self, stamp: float | None) -> None:
        """Add the stamp of the next frame in seconds, or None."""
        if stamp is None:
            self.missing += 1
            stamp = 0.0 if self._newest is None else self._newest + self._step
        if self._newest is not None and stamp < self._newest:
            self.sorted += 1
        self._newest = stamp
        heapq.heappush(self._heap, stamp)

    def pop(self) -> float:
        """Return the time of the oldest frame without one, in seconds."""
        time = heapq.heappop(self._heap)
        if time <= self._last:
            self.moved += 1
            time = self._last + min(REPAIR_STEP, self._step / 2)
        self._last = time
        return time

    def remarks(self, rate: float) -> list[str]:
        """Return lines for the user; ``rate``: frames per second assumed for missing stamps."""
        lines = []
        if self.sorted:
            lines.append(f"{self.sorted} time stamps were out of order and were sorted")
        if self.moved:
            lines.append(f"{self.moved} time stamps did not increase and were moved")
        if self.missing:
            lines.append(f"{self.missing} frames had no time stamp; {rate:.3f} frames per second were assumed")
        return lines
