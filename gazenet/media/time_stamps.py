"""Presentation times that always increase, from time stamps that do not."""

from __future__ import annotations

import heapq

DEPTH = 8
"""Frames whose stamps are known before the first of them is given its time."""

REPAIR_STEP = 1e-3


class RisingTimeStamps:
    """Gives frames, which leave the decoder in order of display, times that strictly increase.

    Some files hold the right times with the wrong frames (writers that mix up the order of B-frames). The decoder's
    order is right there, so the k-th frame gets the k-th smallest stamp: as long as a stamp is at most ``DEPTH``
    frames out of place, none is changed. Duplicates move by a millisecond; what is missing follows from the rate.

    Attributes:
        sorted, moved, missing: how many stamps were out of order, changed, or absent.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._heap: list[float] = []
        self._newest: float | None = None
        self._last = -float("inf")
        self.sorted = self.moved = self.missing = 0

    def push(self, stamp: float | None) -> None:
        """The next frame's own stamp in seconds, None where it has none."""
        if stamp is None:
            self.missing += 1
            stamp = 0.0 if self._newest is None else self._newest + self._step
        if self._newest is not None and stamp < self._newest:
            self.sorted += 1
        self._newest = stamp
        heapq.heappush(self._heap, stamp)

    def pop(self) -> float:
        """The time of the oldest frame that has none yet, in seconds."""
        time = heapq.heappop(self._heap)
        if time <= self._last:
            self.moved += 1
            time = self._last + min(REPAIR_STEP, self._step / 2)
        self._last = time
        return time

    def remarks(self, rate: float) -> list[str]:
        """What users should know, in plain lines."""
        found = []
        if self.sorted:
            found.append(f"{self.sorted} time stamps were out of order and were sorted")
        if self.moved:
            found.append(f"{self.moved} time stamps did not increase and were moved")
        if self.missing:
            found.append(f"{self.missing} frames had no time stamp; {rate:.3f} frames per second were assumed")
        return found
