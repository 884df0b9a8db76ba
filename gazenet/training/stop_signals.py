"""Signals in a training: it ends after the step that is being done, with a checkpoint; at a second one at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from gazenet.ending_signals import EndingSignals, in_main_thread, install, restore


class TrainingStopped(Exception):
    """Ends a fit whose state is kept; the text says where. No KeyboardInterrupt: Lightning would exit with that."""


class StopSignals(EndingSignals):
    """Receives the signals that end a training."""

    def __init__(self) -> None:
        super().__init__()
        self._deferred = False

    def react(self) -> None:
        """Raise the interrupt, unless signals are deferred."""
        if not self._deferred:
            raise self.interrupt()

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let signals interrupt nothing within the block; the fit calls :func:`stop_requested` between two steps."""
        before, self._deferred = self._deferred, True
        try:
            yield
        finally:
            self._deferred = before


_active: StopSignals | None = None


@contextmanager
def stopping() -> Iterator[StopSignals]:
    """Let a :class:`StopSignals` receive the signals of the process; within another such block, yield that one.

    Outside the main thread, where no handler can be set, it receives nothing.
    """
    global _active
    if _active is not None or not in_main_thread():
        yield _active or StopSignals()
        return
    _active = stop = StopSignals()
    before = install(stop, lambda handler: handler is not signal.SIG_IGN)
    try:
        yield stop
    finally:
        _active = None
        stop.stop_waiting()
        restore(before)


def stop_requested() -> bool:
    """Return whether a signal requested the end of this training."""
    return _active is not None and _active.received is not None
