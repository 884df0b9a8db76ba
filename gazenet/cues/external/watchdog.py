"""A watchdog that ends a program when the process that started it has ended, for whatever reason.

A shell waits at a pipe whose other end only the starting process holds. When that process is gone, so is its end of
the pipe, and the shell ends the program with all its children.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

WAIT = 'read -r line; [ -n "$line" ] || kill -s KILL -- "-$1"'
"""Reads until a line is written (the program has been dismissed) or the writing end is closed (kill it)."""


class Watchdog:
    """Ends the process group ``group`` together with this process."""

    def __init__(self, group: int) -> None:
        reader, self._writer = os.pipe()
        self._shell: subprocess.Popen[bytes] | None = None
        # Without a shell, programs end with the run only if they notice the end of their input.
        with contextlib.suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", WAIT, "sh", str(group)],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        os.close(reader)

    def dismiss(self) -> None:
        """Stop watching: the program has ended, or is being ended."""
        with contextlib.suppress(OSError):
            os.write(self._writer, b"done\n")
        with contextlib.suppress(OSError):
            os.close(self._writer)
        if self._shell is not None:
            self._shell.wait()
