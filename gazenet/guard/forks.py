"""A process that a plugin forks must never go on with the run: it would write the same files as its parent."""

from __future__ import annotations

import contextlib
import os
import select
from typing import Any, Protocol

WAIT_S = 2.0
"""Seconds in which a child that comes out of the plugin is noticed."""


class ForkedChildren:
    """The children that are forked within one call of a plugin."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._ends: tuple[int, int] | None = None

    @property
    def is_child(self) -> bool:
        """Whether this process was forked within the call."""
        return os.getpid() != self._pid

    def expect(self) -> None:
        """A child is about to be forked."""
        if self._ends is None and not self.is_child:
            self._ends = os.pipe()

    def end(self, error: BaseException | None) -> None:
        """In a child that came out of the plugin: ends it at once, and tells its parent unless it meant to end."""
        meant = isinstance(error, SystemExit)
        if self._ends is not None and not meant:
            with contextlib.suppress(OSError):
                os.write(self._ends[1], f"{os.getpid()} ".encode())
        code = error.code if isinstance(error, SystemExit) else 1
        os._exit(code if isinstance(code, int) else 1)

    def returned(self) -> bool:
        """In the parent: whether a child came out of the plugin. Waits a moment where children were forked at all."""
        if self._ends is None:
            return False
        reader, writer = self._ends
        self._ends = None
        with contextlib.suppress(OSError):
            os.close(writer)
            ready, _, _ = select.select([reader], [], [], WAIT_S)
            told = os.read(reader, 4096) if ready else b""
            os.close(reader)
            for pid in told.split():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(int(pid), 0)
            return bool(told)
        return False


class _Calls(Protocol):
    """Where the hooks find the calls of the thread that forks."""

    stack: list[Any]


def watch(calls: _Calls) -> None:
    """From now on a fork within a call of a plugin is known to the family of that call."""

    def before() -> None:
        stack = getattr(calls, "stack", None)
        if stack:
            stack[-1].family.expect()

    os.register_at_fork(before=before)
