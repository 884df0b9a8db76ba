"""Forked processes of plugins: a child must never continue the run, because it would write the files of its parent."""

from __future__ import annotations

import contextlib
import os
import select

WAIT_S = 2.0
"""Seconds to wait for a child that leaves the plugin's code."""


class ForkedChildren:
    """The child processes that are forked within one call of a plugin."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._ends: tuple[int, int] | None = None

    @property
    def is_child(self) -> bool:
        """True if this process was forked within the call."""
        return os.getpid() != self._pid

    def expect(self) -> None:
        """Prepare for a child that is about to be forked."""
        if self._ends is None and not self.is_child:
            self._ends = os.pipe()

    def end(self, error: BaseException | None) -> None:
        """End this process, a child that left the plugin's code; inform its parent unless the child called exit."""
        if self._ends is not None and not isinstance(error, SystemExit):
            with contextlib.suppress(OSError):
                os.write(self._ends[1], f"{os.getpid()} ".encode())
        code = error.code if isinstance(error, SystemExit) else 1
        os._exit(code if isinstance(code, int) else 1)

    def returned(self) -> bool:
        """Return, in the parent, whether a child left the plugin's code; waits a moment if there were children."""
        if self._ends is None:
            return False
        reader, writer = self._ends
        self._ends = None
        with contextlib.suppress(OSError):
            os.close(writer)
            ready, _, _ = select.select([reader], [], [], WAIT_S)
            pids = os.read(reader, 4096) if ready else b""
            os.close(reader)
            for pid in pids.split():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(int(pid), 0)
            return bool(pids)
        return False
