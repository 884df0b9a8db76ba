"""Holds the frame rate: when frames are dropped, the cues run less often."""

from __future__ import annotations

MOST = 8.0
SLOWER, FASTER = 1.25, 0.9
SHORT, ENOUGH = 0.93, 0.98
PATIENCE = 3


class Governor:
    """One number, ``factor``: the pauses between two runs of every cue are stretched by it.

    It grows by a quarter for every second in which fewer than 93 % of the target rate were shown, and falls by a tenth
    after three good seconds in a row: fast to yield, slow to take back.

    Args:
        target: frames per second to hold.
        adaptive: false leaves the factor at 1.
    """

    def __init__(self, target: float, adaptive: bool = True) -> None:
        self.target, self.factor = target, 1.0
        self._adaptive, self._good = adaptive, 0

    def observe(self, rate: float) -> None:
        """Told once a second how many frames per second were shown."""
        if not self._adaptive:
            return
        if rate < SHORT * self.target:
            self.factor, self._good = min(MOST, self.factor * SLOWER), 0
        elif rate >= ENOUGH * self.target:
            self._good += 1
            if self._good >= PATIENCE:
                self.factor, self._good = max(1.0, self.factor * FASTER), 0
        else:
            self._good = 0
