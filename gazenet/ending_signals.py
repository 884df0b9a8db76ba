"""SIGINT, SIGTERM and SIGHUP end a command in order: once, with what was done kept; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gazenet.errors import Terminated

ENDING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))
LONGEST_IMPORT_S = 10.0
"""Seconds for which a signal waits for the end of an import."""
AGAIN_S = 0.02
"""Seconds after which a signal that waits is looked at again."""
Handler = Callable[[int, FrameType | None], object] | int | None
"""What ``signal.getsignal`` returns."""


class EndingSignals:
    """Receives the signals that end a command.

    Attributes:
        received: the first of them, or None.
        over: whether the command has ended; a signal that comes later ends the process without a word.
        exit_code: that of the command once it has ended, which a later signal does not change.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.over = False
        self.exit_code: int | None = None
        self._waiting: threading.Timer | None = None
        self._latest = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the first signal by :meth:`react`; end the process at the second one."""
        if self.over and self.exit_code is not None:
            os._exit(self.exit_code)
        if self.over or (self.received is not None and self._waiting is None):
            os._exit(128 + number)
        if self.received is None:
            self.received, self._latest = signal.Signals(number), time.monotonic() + LONGEST_IMPORT_S
        self.stop_waiting()
        if importing(frame) and time.monotonic() < self._latest:
            self._wait()
        else:
            self.react()

    def _wait(self) -> None:
        """Ask for the signal again soon.

        Libraries in C++ import modules while they are imported themselves: some take an exception there for a missing
        module and carry on, others abort.
        """
        thread = threading.main_thread().ident
        self._waiting = threading.Timer(AGAIN_S, lambda: signal.pthread_kill(thread or 0, self.received or 0))
        self._waiting.daemon = True
        self._waiting.start()

    def stop_waiting(self) -> None:
        """Forget a signal that waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def react(self) -> None:
        """Raise what :meth:`interrupt` returns."""
        raise self.interrupt()

    def leave(self) -> None:
        """End the process where a signal has ended the command.

        Threads of libraries may still be at work then, and the process would abort while it destroys them.
        """
        if self.received is not None and self.exit_code is not None:
            os._exit(self.exit_code)

    def interrupt(self, where: str = "") -> KeyboardInterrupt:
        """Return the exception of the signal received: KeyboardInterrupt, Terminated for all but SIGINT.

        ``where`` becomes its text.
        """
        number = self.received or signal.SIGINT
        error = KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
        error.args = (where,) if where else ()
        return error


def importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported where a signal interrupted the main thread."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def in_main_thread() -> bool:
    """Return whether this is the thread in which handlers of signals can be set."""
    return threading.current_thread() is threading.main_thread()


def install(receiver: Handler, replaces: Callable[[Handler], bool]) -> dict[signal.Signals, Handler]:
    """Make ``receiver`` the handler of each ending signal whose present one ``replaces`` accepts; return those."""
    before = {number: handler for number in ENDING if replaces(handler := signal.getsignal(number))}
    for number in before:
        signal.signal(number, receiver)
    return before


def restore(before: dict[signal.Signals, Handler]) -> None:
    """Put the handlers back that :func:`install` returned."""
    for number, handler in before.items():
        signal.signal(number, handler)


def chosen_by_nobody(handler: Handler) -> bool:
    """Return whether a handler is Python's own; ignored signals (nohup, a job in the background) stay ignored."""
    return handler in (signal.SIG_DFL, signal.default_int_handler)


@contextmanager
def ending_signals(until_exit: bool) -> Iterator[EndingSignals]:
    """Raise KeyboardInterrupt (or Terminated) in the main thread at a signal, so that cleaning up happens as usual.

    Args:
        until_exit: the process ends with the block; a signal that comes still later ends it without a word.
    """
    signals = EndingSignals()
    if not in_main_thread():
        yield signals
        return
    before = install(signals, chosen_by_nobody)
    try:
        yield signals
    finally:
        signals.over = True
        signals.stop_waiting()
        if not until_exit:
            restore(before)
