"""Orderly end of a command by SIGINT, SIGTERM and SIGHUP: finished work is kept; a second signal ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gazenet.errors import Terminated

ENDING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))
AS_PYTHON_STARTS = (signal.SIG_DFL, signal.default_int_handler)
"""Default handlers, which are replaced. Ignored signals (nohup, background jobs) stay ignored."""


class EndingSignals:
    """The handler of the signals that end a command.

    Attributes:
        received: the first signal received, or None.
        over: whether the command has ended; a signal then ends the process at once.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.over = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt for SIGINT, Terminated for another signal; end the process on a second signal."""
        if self.over or self.received is not None:
            os._exit(128 + number)
        self.received = signal.Signals(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(self.received)


@contextmanager
def ending_signals(for_good: bool) -> Iterator[EndingSignals]:
    """Make ending signals raise a KeyboardInterrupt in the main thread within the block, so that clean-up code runs.

    Args:
        for_good: whether the process ends with the block; a later signal then ends it silently.
    """
    signals = EndingSignals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    ours = [number for number, handler in before.items() if handler in AS_PYTHON_STARTS]
    for number in ours:
        signal.signal(number, signals)
    try:
        yield signals
    finally:
        signals.over = True
        if not for_good:
            for number in ours:
                signal.signal(number, before[number])
