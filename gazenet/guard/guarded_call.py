"""A guarded call of a plugin: it ends with a result or with an error of one line, and leaves no other trace."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import TracebackType
from typing import Any

from gazenet.errors import GazenetError, PluginError
from gazenet.guard import journal, process_state
from gazenet.guard.exception_text import as_line, first_line_of
from gazenet.guard.forks import ForkedChildren
from gazenet.guard.interrupts import INTERRUPTS


class _Calls(threading.local):
    """The calls in progress in this thread, innermost last."""

    def __init__(self) -> None:
        self.stack: list[guarded] = []


class _SharedState:
    """The state of the process before the first of the calls in progress, in any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: list[guarded] = []
        self.state: dict[str, Any] = {}

    def enter(self, call: guarded) -> dict[str, Any]:
        """Add a call; return the state of the process before the first call in progress."""
        with self.lock:
            if not self.running:
                process_state.DESCRIPTORS.copy()
                self.state = process_state.read_settings(process_state.PROCESS)
            elif all(other.lenient for other in self.running):
                # Calls in progress that may change the environment (a training) are no fault of this one.
                current = process_state.read_settings(process_state.PROCESS)
                self.state = self.state | {key: current[key] for key in process_state.LIBRARIES_SET if key in current}
            self.running.append(call)
            return self.state

    def leave(self, call: guarded) -> None:
        """Remove a call."""
        with self.lock:
            self.running.remove(call)


_calls, _shared = _Calls(), _SharedState()


def _expect_child() -> None:
    """Report a fork within a call of a plugin to the family of that call."""
    if _calls.stack:
        _calls.stack[-1].family.expect()


def _reset_in_child() -> None:
    """Replace the lock, which another thread may have held at the fork, and forget the parent's signals."""
    _shared.lock = threading.Lock()
    INTERRUPTS.forget()


os.register_at_fork(before=_expect_child, after_in_child=_reset_in_child)


class guarded:
    """A context manager around every call of a plugin.

    Any exception of the plugin (also an exit or an interrupt that it raises itself) becomes a PluginError of one line
    that names the plugin and the step. An interrupt of the user passes. Changes of process state (working directory,
    standard streams, environment, signal handlers, torch's defaults ...) are undone and are an error too. A forked
    process that leaves the plugin's code is ended.

    Args:
        plugin: its name in errors, for example ``saliency`` or ``sink maps``.
        where: the step of its work: ``frames 8 to 15``, ``loading``.
        own: types of errors that pass unchanged.
        lenient: whether changes of state only print a note and the environment may change, as while libraries are
            imported and networks trained.
    """

    def __init__(
        self, plugin: str, where: str, own: tuple[type[BaseException], ...] = (), lenient: bool = False
    ) -> None:
        self.plugin, self._where, self._own, self.lenient = plugin, where, own, lenient

    def __enter__(self) -> None:
        stack = _calls.stack
        self._nested = bool(stack)
        self._process = process_state.read_settings(process_state.PROCESS) if self._nested else _shared.enter(self)
        self._interrupts = INTERRUPTS.listen()
        # Only the main thread can change signal handlers; other threads would see its changes.
        self._own_state = (
            process_state.THREAD if self._interrupts is None else (*process_state.THREAD, process_state.HANDLERS)
        )
        self._thread = process_state.read_settings(self._own_state)
        self.family = ForkedChildren()
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
        changes = self._restore(interrupted)
        others = [] if self._nested else [call for call in _shared.running if call is not self]
        if self._interrupts is not None:
            INTERRUPTS.leave()
        if not self._nested:
            _shared.leave(self)
        if error is None:
            self._refuse_changes(changes, {f"{call.plugin}: {call._where}" for call in others})
        else:
            self._translate(error, changes, interrupted)

    def _restore(self, interrupted: bool) -> list[str]:
        """Restore what the plugin changed and return its names; an interrupt of the user changes handlers itself."""
        changes = ["descriptors of the run"] if process_state.DESCRIPTORS.lost() else []
        process = {k: v for k, v in self._process.items() if not (self.lenient and k in process_state.LIBRARIES_SET)}
        with _shared.lock:
            changes += process_state.restore_changed(process_state.PROCESS, process)
            process_state.DESCRIPTORS.copy() if changes else None
        return changes + process_state.restore_changed(
            process_state.THREAD if interrupted else self._own_state, self._thread
        )

    def _refuse_changes(self, changes: list[str], concurrent: set[str]) -> None:
        """Raise PluginError for a call that returned but changed process state, or forked a process."""
        if self.family.returned():
            raise PluginError(self._line("forked a process that continued the run; it was ended"))
        if not changes:
            return
        fault = f"changed {', '.join(changes)}, which belongs to the whole run and was restored"
        if concurrent:
            fault += f" (or it was {', '.join(sorted(concurrent))}, which ran at the same time)"
        if not self.lenient:
            raise PluginError(self._line(fault))
        print(f"note: {self._line(fault)}", file=sys.stderr)

    def _translate(self, error: BaseException, changes: list[str], interrupted: bool) -> None:
        """Raise PluginError in the place of an error that does not pass."""
        if interrupted and not isinstance(error, Exception):
            # A library may turn an interrupt into another exception; it is still the user's.
            if not isinstance(error, KeyboardInterrupt) and INTERRUPTS.last == signal.SIGINT:
                raise KeyboardInterrupt from error
            return
        names_plugin = isinstance(error, PluginError) and str(error).startswith(f"{self.plugin}: ")
        if isinstance(error, self._own) or names_plugin:
            return
        text = as_line(str(error)) if isinstance(error, GazenetError) else _exit_text(error)
        raise PluginError(self._line(text + (f" (and changed {', '.join(changes)})" if changes else ""))) from error

    def _line(self, text: str) -> str:
        return f"{self.plugin}: {self._where}: {text}"


def _exit_text(error: BaseException) -> str:
    """Return an error as one line, with a remark on an exit or interrupt."""
    if isinstance(error, SystemExit):
        return f"tried to end the program ({first_line_of(error)})"
    if isinstance(error, KeyboardInterrupt):
        return f"raised KeyboardInterrupt without an interrupt by the user ({first_line_of(error)})"
    return first_line_of(error)
