"""Ends a program when the process that started it has ended, in whatever way: by a signal, by a crash, by itself.

A shell waits at a pipe whose other end only that process holds. When the process is gone, so is its end of the pipe,
and the shell ends the program with everything that the program started.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

WAIT = 'read -r line; [ -n "$line" ] || kill -s KILL -- "-$1"'
"""Reads until somebody writes a line (then nothing is to be done) or nobody is there any more."""


class Watchdog:
    """Keeps the process group ``group`` from outliving this process."""

    def __init__(self, group: int) -> None:
        reader, self._writer = os.pipe()
        self._shell: subprocess.Popen[bytes] | None = None
        # A machine without a shell has programs that end with the run as far as they notice the end of their input.
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
        """The program has ended, or is ended by somebody else."""
        with contextlib.suppress(OSError):
            os.write(self._writer, b"done\n")
        with contextlib.suppress(OSError):
            os.close(self._writer)
        if self._shell is not None:
            self._shell.wait()
