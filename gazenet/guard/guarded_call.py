"""The border: a call of a plugin, from which nothing but a result or one line comes back."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import TracebackType
from typing import Any

from gazenet.errors import GazenetError, PluginError
from gazenet.guard import forks, journal, process_state
from gazenet.guard.exception_text import as_line, first_line_of
from gazenet.guard.interrupts import INTERRUPTS


class _Calls(threading.local):
    """The calls that this thread is in, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[guarded] = []


class _Shared:
    """The state of the process as it was before the first of the calls that run now, in whatever thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: list[guarded] = []
        self.state: dict[str, Any] = {}

    def enter(self, call: guarded) -> dict[str, Any]:
        with self.lock:
            if not self.running:
                process_state.DESCRIPTORS.keep()
                self.state = process_state.read_settings(process_state.PROCESS)
            self.running.append(call)
            return self.state

    def leave(self, call: guarded) -> None:
        with self.lock:
            self.running.remove(call)


_calls, _shared = _Calls(), _Shared()
forks.watch(_calls)


def _in_child() -> None:
    """Locks that another thread held at the fork are held for ever; signals of a child are its own."""
    _shared.lock = threading.Lock()
    INTERRUPTS.forget()


os.register_at_fork(after_in_child=_in_child)


class guarded:
    """A context manager around everything that a plugin does.

    Whatever the plugin raises (exits and interrupts of its own included) becomes a PluginError of one line that names
    it and where it was. A real interrupt of the user passes. A plugin that changes what belongs to the whole process
    (working directory, standard streams, environment, signal handlers, torch's defaults ...) finds it put back, and
    that is an error too. A process that it forked and that comes out of it is ended.

    Args:
        plugin: what it is called, for example ``saliency`` or ``sink maps``.
        where: the place in its work: ``frames 8 to 15``, ``loading``.
        own: errors that speak for themselves and pass as they are.
        lenient: while libraries are imported and networks trained: what was changed is put back with a note, and the
            environment is left alone.
    """

    def __init__(
        self, plugin: str, where: str, own: tuple[type[BaseException], ...] = (), lenient: bool = False
    ) -> None:
        self.plugin, self._where, self._own, self._lenient = plugin, where, own, lenient

    def __enter__(self) -> None:
        stack = _calls.stack
        self._nested = bool(stack)
        self._process = process_state.read_settings(process_state.PROCESS) if self._nested else _shared.enter(self)
        self._interrupts = INTERRUPTS.listen()
        # Only the main thread can change handlers of signals; others would see what it does.
        self._own_state = (
            process_state.THREAD if self._interrupts is None else (*process_state.THREAD, process_state.HANDLERS)
        )
        self._thread = process_state.read_settings(self._own_state)
        self.family = forks.ForkedChildren()
        self._mark = journal.begin(self.plugin, self._where)
        stack.append(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.family.is_child:
            self.family.end(error)
        _calls.stack.remove(self)
        journal.end(self._mark)
        interrupted = self._interrupts is not None and INTERRUPTS.count() > self._interrupts
        changes = self._put_back(interrupted)
        beside = [one.plugin for one in _shared.running if one is not self and not self._nested]
        if self._interrupts is not None:
            INTERRUPTS.leave()
        if not self._nested:
            _shared.leave(self)
        if error is None:
            self._judge(changes, beside)
        else:
            self._translate(error, changes, interrupted)

    def _put_back(self, interrupted: bool) -> list[str]:
        """What the plugin changed, which is as before now; an interrupt of the user changes handlers by itself."""
        changes = ["descriptors that are not its own"] if process_state.DESCRIPTORS.lost() else []
        process = {k: v for k, v in self._process.items() if not (self._lenient and k in process_state.LIBRARIES_SET)}
        with _shared.lock:
            changes += process_state.restore_changed(process_state.PROCESS, process)
            process_state.DESCRIPTORS.keep() if changes else None
        return changes + process_state.restore_changed(
            process_state.THREAD if interrupted else self._own_state, self._thread
        )

    def _judge(self, changes: list[str], beside: list[str]) -> None:
        """Raises PluginError for a call that ended well but left something changed."""
        told = [f"changed {', '.join(changes)}: that belongs to the whole run and is put back"] if changes else []
        if told and beside:
            told = [f"{told[0]} (or it was {', '.join(sorted(set(beside)))}, at work beside it)"]
        if self.family.returned():
            raise PluginError(self._line("forked a process that went on as if it were the run; it was ended"))
        if told and self._lenient:
            print(f"note: {self._line(told[0])}", file=sys.stderr)
        elif told:
            raise PluginError(self._line(told[0]))

    def _translate(self, error: BaseException, changes: list[str], interrupted: bool) -> None:
        """Raises PluginError in the place of an error that does not pass."""
        if interrupted and not isinstance(error, Exception):
            # Whatever a library makes of an interrupt, it is the user's.
            if not isinstance(error, KeyboardInterrupt) and INTERRUPTS.last == signal.SIGINT:
                raise KeyboardInterrupt from error
            return
        if isinstance(error, self._own) or (isinstance(error, PluginError) and self._names_it(error)):
            return
        text = as_line(str(error)) if isinstance(error, GazenetError) else _exit_text(error)
        raise PluginError(self._line(text + (f" (and changed {', '.join(changes)})" if changes else ""))) from error

    def _names_it(self, error: PluginError) -> bool:
        return str(error).startswith(f"{self.plugin}: ")

    def _line(self, text: str) -> str:
        return f"{self.plugin}: {self._where}: {text}"


def _exit_text(error: BaseException) -> str:
    """An error as one line; of those that end programs, that they do."""
    if isinstance(error, SystemExit):
        return f"it tried to end the program ({first_line_of(error)})"
    if isinstance(error, KeyboardInterrupt):
        return f"it raised an interrupt that nobody asked for ({first_line_of(error)})"
    return first_line_of(error)
