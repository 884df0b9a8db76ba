"""A journal of the plugin calls in progress: after a crash, the file names the plugins that were running.

Every call has a line of fixed length in the file, which is blanked when the call is over. The file is locked by the
process that writes it and removed at its end; a file that can be locked belongs to a dead process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gazenet.guard.exception_text import as_line

PREFIX = ".at-work-"
WIDTH = 512
"""Bytes per line."""


@dataclass(frozen=True)
class ActiveCall:
    """A call that did not end: its input ("": none yet), the plugin, and the step of its work."""

    input: str
    plugin: str
    where: str


class CallJournal:
    """The journal of this process, a file in ``folder``. Raises OSError where it cannot be created."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{PREFIX}{os.getpid()}"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._free: list[int] = []
        self._lines = 0

    def begin(self, text: str) -> int:
        """Write a line and return its number."""
        with self._lock:
            number = self._free.pop() if self._free else self._lines
            self._lines = max(self._lines, number + 1)
        self._write(number, text.encode("utf-8", "replace")[: WIDTH - 1])
        return number

    def end(self, number: int) -> None:
        """Blank a line."""
        self._write(number, b"")
        with self._lock:
            self._free.append(number)

    def _write(self, number: int, text: bytes) -> None:
        # A journal that cannot be written must not end the run: it only helps after a crash.
        with contextlib.suppress(OSError):
            os.pwrite(self._file, text.ljust(WIDTH - 1) + b"\n", number * WIDTH)

    def close(self) -> None:
        """Remove the file; does nothing in a forked process."""
        if os.getpid() != self._pid:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._file)


class _ThreadInput(threading.local):
    """The input that this thread works on."""

    name = ""


_thread_input = _ThreadInput()
_open: list[CallJournal] = []


@contextlib.contextmanager
def note_calls(folder: Path) -> Iterator[None]:
    """Note calls of plugins in a file of ``folder`` within the block, if it can be written."""
    try:
        journal = CallJournal(folder)
    except OSError:
        yield
        return
    _open.append(journal)
    try:
        yield
    finally:
        _open.remove(journal)
        journal.close()


def set_input(input_name: str) -> None:
    """Set the input that this thread works on."""
    _thread_input.name = input_name


def begin(plugin: str, where: str) -> tuple[CallJournal, int] | None:
    """Note the beginning of a call; return the mark for :func:`end`."""
    if not _open:
        return None
    journal = _open[-1]
    return journal, journal.begin("\t".join(as_line(part, 150) for part in (_thread_input.name, plugin, where)))


def end(mark: tuple[CallJournal, int] | None) -> None:
    """Note the end of a call."""
    if mark is not None:
        mark[0].end(mark[1])


def read_unfinished_calls(folder: Path) -> list[ActiveCall]:
    """Return the calls in progress of dead processes, and remove their files."""
    calls: list[ActiveCall] = []
    for path in sorted(folder.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lines = os.read(file, 1 << 20).decode("utf-8", "replace").splitlines()
                calls += [ActiveCall(*parts) for line in lines if len(parts := line.rstrip().split("\t")) == 3]
                path.unlink()
            finally:
                os.close(file)
    return calls
