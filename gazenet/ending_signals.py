"""SIGINT, SIGTERM and SIGHUP end a command in order: once, with what was done kept; a second one ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gazenet.errors import Terminated

ENDING = tuple(number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)))
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

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the first signal by :meth:`react`; end the process at the second one."""
        if self.over and self.exit_code is not None:
            os._exit(self.exit_code)
        if self.over or self.received is not None:
            os._exit(128 + number)
        self.received = signal.Signals(number)
        self.react()

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
        if not until_exit:
            restore(before)
