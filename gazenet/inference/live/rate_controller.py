"""Holding the frame rate: when frames are dropped, the cues run less often."""

from __future__ import annotations

MOST = 8.0
SLOWER, FASTER = 1.25, 0.9
SHORT, ENOUGH = 0.93, 0.98
PATIENCE = 3


class RateController:
    """Adapts ``factor``, by which the pauses between two runs of every cue are stretched.

    It grows by a quarter for every second in which fewer than 93 % of the target rate were shown, and falls by a tenth
    after three good seconds in a row: it yields fast and recovers slowly.

    Args:
        target: frames per second to hold.
        adaptive: false leaves the factor at 1.

    Attributes:
        slower, faster: number of steps up and down.
    """

    def __init__(self, target: float, adaptive: bool = True) -> None:
        self.target, self.factor = target, 1.0
        self.slower = self.faster = 0
        self._adaptive, self._good = adaptive, 0

    def observe(self, rate: float) -> None:
        """Take the frames per second that were shown; called once a second."""
        if not self._adaptive:
            return
        if rate < SHORT * self.target:
            self._good = 0
            self._step(min(MOST, self.factor * SLOWER))
        elif rate >= ENOUGH * self.target:
            self._good += 1
            if self._good >= PATIENCE:
                self._good = 0
                self._step(max(1.0, self.factor * FASTER))
        else:
            self._good = 0

    def _step(self, factor: float) -> None:
        self.slower += factor > self.factor
        self.faster += factor < self.factor
        self.factor = factor
