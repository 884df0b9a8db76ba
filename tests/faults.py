"""Makes the k-th change on disk fail: every write, fsync, rename, allocation and removal of gazenet.files counts.

Modes:
    error: OSError (disk full) once, the program goes on.
    torn: half of the bytes are written, then disk full; other operations fail as with ``error``.
    kill: the program is gone: neither this change nor any later one happens, nothing is cleaned up.
    torn_kill: half of the bytes are written, then as ``kill``.
    power: as ``kill``, and what was written but not synced is lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from gazenet import files

MODES = ("error", "torn", "kill", "torn_kill", "power")
OPERATIONS = ("write", "fsync", "replace", "fallocate", "unlink")


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Faults:
    """Counts the operations; the ``at``-th (from 1; 0: none) fails."""

    at: int
    mode: str
    seen: list[str] = field(default_factory=list)
    dead: bool = False
    _unsynced: dict[tuple[int, int], list[tuple[int, int, bytes, int]]] = field(default_factory=dict)

    @property
    def fired(self) -> bool:
        return 0 < self.at <= len(self.seen)

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any) -> Any:
            if self.dead:
                raise Killed
            self.seen.append(name)
            if len(self.seen) == self.at:
                self._fail(name, real, args)
            if self.mode == "power":
                self._remember(name, args)
            return real(*args)

        return operation

    def _fail(self, name: str, real: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if name == "write" and self.mode in ("torn", "torn_kill"):
            real(args[0], bytes(args[1])[: len(args[1]) // 2])
        if self.mode in ("error", "torn"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.dead = True
        for changes in self._unsynced.values():
            for descriptor, offset, before, size in reversed(changes):
                os.pwrite(descriptor, before, offset)
                os.ftruncate(descriptor, size)
        raise Killed

    def _remember(self, name: str, args: tuple[Any, ...]) -> None:
        if name not in ("write", "fsync"):
            return
        status = os.fstat(args[0])
        changes = self._unsynced.setdefault((status.st_dev, status.st_ino), [])
        if name == "fsync":
            self._forget(changes)
            return
        own = os.open(f"/proc/self/fd/{args[0]}", os.O_RDWR)
        appends = Path(os.readlink(f"/proc/self/fd/{args[0]}")).name == "chunks.log"
        offset = status.st_size if appends else os.lseek(args[0], 0, os.SEEK_CUR)
        changes.append((own, offset, os.pread(own, len(args[1]), offset), status.st_size))

    def _forget(self, changes: list[tuple[int, int, bytes, int]]) -> None:
        for descriptor, *_ in changes:
            os.close(descriptor)
        changes.clear()

    def close(self) -> None:
        for changes in self._unsynced.values():
            self._forget(changes)


@contextlib.contextmanager
def inject(at: int = 0, mode: str = "error") -> Iterator[Faults]:
    """Within the block the ``at``-th operation fails; the yielded object tells what was done."""
    assert mode in MODES
    faults = Faults(at, mode)
    with contextlib.ExitStack() as stack:
        stack.callback(faults.close)
        for name in OPERATIONS:
            real = getattr(files, f"_os_{name}")
            stack.enter_context(mock.patch.object(files, f"_os_{name}", faults.wrap(name, real)))
        yield faults
