"""SIGINT, SIGTERM and SIGHUP end a command in order: once, with what was done kept; a second one ends it at once."""

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
"""Handlers that nobody chose. One that is ignored (nohup, a job in the background) stays ignored."""


class EndingSignals:
    """Receives the signals that end a command; ``received`` is the first of them."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.over = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, of another signal than SIGINT Terminated; the second time end the process."""
        if self.over or self.received is not None:
            os._exit(128 + number)
        self.received = signal.Signals(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(self.received)


@contextmanager
def ending_signals(for_good: bool) -> Iterator[EndingSignals]:
    """Within the block a signal raises, in the main thread, what KeyboardInterrupt is: cleaning up happens as usual.

    Args:
        for_good: the process ends with the block; a signal that comes still later ends it without a word.
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
