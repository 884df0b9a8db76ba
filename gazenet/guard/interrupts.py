"""Tells an interrupt of the user from a KeyboardInterrupt that a plugin raises itself.

The C part of Python's signal handling writes the number of every signal to a descriptor, whoever handles it later and
whatever becomes of the exception.
"""

from __future__ import annotations

import signal
import socket
import threading

from gazenet.ending_signals import ENDING


class Interrupts:
    """Counts the ending signals while it listens; ``last`` is the newest. Listening, in the main thread only, may be
    nested.
    """

    def __init__(self) -> None:
        self._count = 0
        self._depth = 0
        self.last = 0
        self._before = -1
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def listen(self) -> int | None:
        """Begins to listen; the count so far, or None in another thread, where nothing is ever interrupted."""
        if threading.current_thread() is not threading.main_thread():
            return None
        if self._depth == 0:
            self._open()
        self._depth += 1
        return self.count()

    def count(self) -> int:
        """How many ending signals have come."""
        if self._ends is not None:
            try:
                come = [number for number in self._ends[0].recv(4096) if number in ENDING]
                self._count += len(come)
                self.last = come[-1] if come else self.last
            except OSError:  # nothing there, or a plugin closed it
                pass
        return self._count

    def leave(self) -> None:
        """Ends what :meth:`listen` began."""
        self.count()
        self._depth -= 1
        if self._depth == 0:
            try:
                signal.set_wakeup_fd(self._before)
            except (OSError, ValueError):
                signal.set_wakeup_fd(-1)

    def forget(self) -> None:
        """In a process that was just forked: begins anew."""
        self._ends, self._depth, self._before = None, 0, -1
        signal.set_wakeup_fd(-1)

    def _open(self) -> None:
        for _ in range(2):
            if self._ends is None:
                self._ends = socket.socketpair()
                for end in self._ends:
                    end.setblocking(False)
            try:
                self._before = signal.set_wakeup_fd(self._ends[1].fileno(), warn_on_full_buffer=False)
                return
            except (OSError, ValueError):  # a plugin closed it
                for end in self._ends:
                    end.detach()
                self._ends = None


INTERRUPTS = Interrupts()
"""Of this process."""
