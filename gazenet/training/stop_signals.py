"""Signals in a training: it ends after the step that is being done, with a checkpoint; a second one at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gazenet.errors import Terminated

ENDING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))


class TrainingStopped(Exception):
    """Ends a fit whose state is kept; the text says where. No KeyboardInterrupt: Lightning would exit with that."""


class StopSignals:
    """Receives the signals that end a training; ``received`` is the first of them."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._noting = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise what :meth:`interrupt` makes, or note it where someone asks; the second time end the process."""
        if self.received is not None:
            os._exit(128 + number)
        self.received = signal.Signals(number)
        if not self._noting:
            raise self.interrupt()

    def interrupt(self, where: str = "") -> KeyboardInterrupt:
        """The exception of the signal received; its text says where the training stands."""
        number = self.received or signal.SIGINT
        error = KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
        error.args = (where,) if where else ()
        return error

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within the block signals interrupt nothing: whoever works there asks :func:`asked` between two steps."""
        before, self._noting = self._noting, True
        try:
            yield
        finally:
            self._noting = before

    def install(self) -> dict[signal.Signals, Any]:
        """Becomes the handler of all signals that are not ignored (nohup); returns those before, by signal."""
        before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in ENDING}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self)
        return before


_active: StopSignals | None = None


@contextmanager
def stopping() -> Iterator[StopSignals]:
    """Within the block a :class:`StopSignals` has the signals of the process; inside another such block, that one's.

    Outside the main thread, where no handler can be set, it receives nothing.
    """
    global _active
    if _active is not None or threading.current_thread() is not threading.main_thread():
        yield _active or StopSignals()
        return
    _active = stop = StopSignals()
    before = stop.install()
    try:
        yield stop
    finally:
        _active = None
        for number, handler in before.items():
            signal.signal(number, handler)


def asked() -> bool:
    """Whether a signal asked this training to end."""
    return _active is not None and _active.received is not None
