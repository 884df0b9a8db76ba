"""Which plugins are at work, in a small file: what is left of it after a crash names who was at work then.

Every call has a line of fixed length in the file, which is blank again when the call is over. The file is locked by
the process that writes it and removed at its end; a file that can be locked was left by a process that is dead.
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
"""Bytes of a line."""


@dataclass(frozen=True)
class ActiveCall:
    """A call that was not over: the input ("": none yet), the plugin, and where it was."""

    input: str
    plugin: str
    where: str


class CallJournal:
    """The file of this process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{PREFIX}{os.getpid()}"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._free: list[int] = []
        self._lines = 0

    def begin(self, text: str) -> int:
        """Writes a line; returns its number."""
        with self._lock:
            number = self._free.pop() if self._free else self._lines
            self._lines = max(self._lines, number + 1)
        self._write(number, text.encode("utf-8", "replace")[: WIDTH - 1])
        return number

    def end(self, number: int) -> None:
        """Blanks a line."""
        self._write(number, b"")
        with self._lock:
            self._free.append(number)

    def _write(self, number: int, text: bytes) -> None:
        # A journal that cannot be written is no reason to fail: it only helps after a crash.
        with contextlib.suppress(OSError):
            os.pwrite(self._file, text.ljust(WIDTH - 1) + b"\n", number * WIDTH)

    def close(self) -> None:
        """Removes the file."""
        if os.getpid() != self._pid:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._file)


class _Here(threading.local):
    """The input that this thread works on."""

    input = ""


_here = _Here()
_open: list[CallJournal] = []


@contextlib.contextmanager
def note_calls(folder: Path) -> Iterator[None]:
    """Within the block calls of plugins are noted in a file of ``folder``, if it can be written."""
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
    """From now on this thread works on that input."""
    _here.input = input_name


def begin(plugin: str, where: str) -> tuple[CallJournal, int] | None:
    """Notes the beginning of a call; to be given to :func:`end`."""
    if not _open:
        return None
    journal = _open[-1]
    return journal, journal.begin("\t".join(as_line(part, 150) for part in (_here.input, plugin, where)))


def end(mark: tuple[CallJournal, int] | None) -> None:
    """Notes the end of a call."""
    if mark is not None:
        mark[0].end(mark[1])


def read_unfinished_calls(folder: Path) -> list[ActiveCall]:
    """What dead processes were at work on; their files are removed."""
    found: list[ActiveCall] = []
    for path in sorted(folder.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lines = os.read(file, 1 << 20).decode("utf-8", "replace").splitlines()
                found += [ActiveCall(*parts) for line in lines if len(parts := line.rstrip().split("\t")) == 3]
                path.unlink()
            finally:
                os.close(file)
    return found
