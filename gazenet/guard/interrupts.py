"""Detection of interrupts by the user, as opposed to a KeyboardInterrupt that a plugin raises itself.

The C part of Python's signal handling writes the number of every signal to a descriptor, independent of handlers and
exceptions.
"""

from __future__ import annotations

import signal
import socket

from gazenet.ending_signals import ENDING, in_main_thread


class Interrupts:
    """A counter of ending signals, active while it listens.

    Listening is possible only in the main thread and may be nested.

    Attributes:
        last: number of the newest ending signal; 0 before the first.
    """

    def __init__(self) -> None:
        self._count = 0
        self._depth = 0
        self.last = 0
        self._before = -1
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def listen(self) -> int | None:
        """Start listening and return the count so far; None in another thread, which is never interrupted."""
        if not in_main_thread():
            return None
        if self._depth == 0:
            self._open()
        self._depth += 1
        return self.count()

    def count(self) -> int:
        """Return the number of ending signals so far."""
        if self._ends is not None:
            try:
                numbers = [number for number in self._ends[0].recv(4096) if number in ENDING]
                self._count += len(numbers)
                self.last = numbers[-1] if numbers else self.last
            except OSError:  # no signal, or a plugin closed the socket
                pass
        return self._count

    def leave(self) -> None:
        """Stop the listening that the last :meth:`listen` started."""
        self.count()
        self._depth -= 1
        if self._depth == 0:
            try:
                signal.set_wakeup_fd(self._before)
            except (OSError, ValueError):
                signal.set_wakeup_fd(-1)

    def forget(self) -> None:
        """Reset the counter in a process that was just forked."""
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
            except (OSError, ValueError):  # a plugin closed the socket
                for end in self._ends:
                    end.detach()
                self._ends = None


INTERRUPTS = Interrupts()
"""The counter of this process."""
