"""State of the process and its threads that a plugin may change: detection of changes and restoring."""

from __future__ import annotations

import contextlib
import fcntl
import io
import locale
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

HANDLED = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
)
KEPT_FROM = 100
"""Lowest number of the copies of the standard descriptors, above those that a careless plugin may close."""


@dataclass(frozen=True)
class ProcessSetting:
    """A part of the process state with functions that read it (None: unknown) and restore it; ``name`` in errors."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def restore_changed(settings: tuple[ProcessSetting, ...], before: Mapping[str, Any]) -> list[str]:
    """Restore settings that differ from ``before`` and return their names."""
    names = []
    for setting in settings:
        original = before.get(setting.name)
        if original is not None and setting.read() != original:
            names.append(setting.name)
            # A setting that cannot be restored (a deleted folder) is still reported.
            with contextlib.suppress(Exception):
                setting.write(original)
    return names


def read_settings(settings: tuple[ProcessSetting, ...]) -> dict[str, Any]:
    """Return the present values of settings, by name."""
    return {setting.name: setting.read() for setting in settings}


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _set_environment(values: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in values]:
        del os.environ[name]
    os.environ.update(values)


def _timer() -> str | None:
    """Return "off" for a timer that is not set; a running one cannot be restored."""
    return None if signal.getitimer(signal.ITIMER_REAL)[0] else "off"


def _stop_timer(value: str) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


_locale = partial(locale.setlocale, locale.LC_ALL)


class _Descriptors:
    """Standard input, output and error as descriptors, with copies from which they are put back."""

    def __init__(self) -> None:
        self._copies: dict[int, int] = {}
        self._open: tuple[int, ...] = ()
        self._watch = -1

    def read(self) -> dict[int, tuple[int, int] | None]:
        """Return the files of the descriptors that were open when they were copied (None: closed since)."""
        return {number: _file(number) for number in self._open}

    def copy(self) -> None:
        """Copy each open descriptor, and open a low-numbered one that shows whether a plugin closes others."""
        if _file(self._watch) is None:
            with contextlib.suppress(OSError):
                self._watch = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._open = tuple(number for number in range(3) if _file(number) is not None)
        for number in self._open:
            copy = self._copies.get(number)
            if copy is not None and _file(copy) == _file(number):
                continue
            with contextlib.suppress(OSError):
                self._copies[number] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, KEPT_FROM)
                if copy is not None and copy not in self._copies.values():
                    os.close(copy)

    def lost(self) -> bool:
        """Return whether a copy was closed, which only a plugin that closes foreign descriptors does."""
        return any(_file(copy) is None for copy in (*self._copies.values(), self._watch))

    def write(self, files: Mapping[int, tuple[int, int] | None]) -> None:
        """Reopen descriptors that were closed or replaced, on the null device where the copy is closed too."""
        for number, file in files.items():
            if _file(number) == file:
                continue
            copy = self._copies.get(number, -1)
            if _file(copy) == file:
                os.dup2(copy, number, inheritable=True)
            elif _file(number) is None:
                null = os.open(os.devnull, os.O_RDWR)
                if null != number:
                    os.dup2(null, number, inheritable=True)
                    os.close(null)
        for number in [number for number, copy in self._copies.items() if _file(copy) is None]:
            del self._copies[number]


def _file(number: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(number)
    except (OSError, OverflowError, ValueError):
        return None
    return status.st_dev, status.st_ino


DESCRIPTORS = _Descriptors()
Streams = list[tuple[str, TextIO | None, bool]]
"""Name, stream, and whether it is closed."""


def _streams() -> Streams:
    streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
    return [(name, stream, _closed(stream)) for name, stream in streams.items()]


def _closed(stream: TextIO | None) -> bool:
    return bool(getattr(stream, "closed", False))


def _set_streams(streams: Streams) -> None:
    for number, (name, stream, was_closed) in enumerate(streams):
        if _closed(stream) and not was_closed:
            stream = open(number, "r" if number == 0 else "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
            if isinstance(stream, io.TextIOWrapper) and number:
                stream.reconfigure(line_buffering=True)
        setattr(sys, name, stream)


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in HANDLED}


def _set_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        # None: not installed by Python, so Python cannot restore it.
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


HANDLERS = ProcessSetting("signal handlers", _handlers, _set_handlers)
"""A setting of the main thread, which alone can change it."""


def _call(library: str, function: str, *values: Any) -> Any:
    """Call a function of a library that has been imported; otherwise nothing can have changed its settings."""
    module = sys.modules.get(library)
    return getattr(module, function)(*values) if hasattr(module, function) else None


def _torch(function: str) -> Callable[..., Any]:
    return partial(_call, "torch", function)


def _set_device(value: Any) -> None:
    # An explicit default device "cpu" costs time in every call; no default device does not.
    _call("torch", "set_default_device", None if value.type == "cpu" else value)


PROCESS = (
    ProcessSetting("the working directory", _working_directory, os.chdir),
    ProcessSetting("the standard descriptors", DESCRIPTORS.read, DESCRIPTORS.write),
    ProcessSetting("sys.stdin, stdout or stderr", _streams, _set_streams),
    ProcessSetting("the environment", lambda: dict(os.environ), _set_environment),
    ProcessSetting("the locale", _locale, _locale),
    ProcessSetting("the alarm timer", _timer, _stop_timer),
    ProcessSetting("torch's default dtype", _torch("get_default_dtype"), _torch("set_default_dtype")),
    ProcessSetting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
)
"""Settings of the whole process, whichever thread changes them."""


def _set_numpy_errors(value: Any) -> None:
    sys.modules["numpy"].seterr(**value)


THREAD = (
    ProcessSetting("torch's default device", _torch("get_default_device"), _set_device),
    ProcessSetting("whether torch records gradients", _torch("is_grad_enabled"), _torch("set_grad_enabled")),
    ProcessSetting("torch's number of threads", _torch("get_num_threads"), _torch("set_num_threads")),
    ProcessSetting("how numpy treats errors", partial(_call, "numpy", "geterr"), _set_numpy_errors),
)
"""Settings of the thread that calls the plugin."""

LIBRARIES_SET = ("the environment",)
"""Settings that libraries change while they are imported, which is allowed."""
