"""What belongs to the process or to a thread of it, and what a plugin may have changed: noticed, and put back."""

from __future__ import annotations

import contextlib
import fcntl
import io
import locale
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

HANDLED = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None
)
KEPT_FROM = 100
"""Copies of the standard descriptors get numbers from here on: a plugin that closes some numbers misses them."""


@dataclass(frozen=True)
class Setting:
    """Something that can be read (None: it cannot be told) and put back; ``name`` as it is told."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


def changed(settings: tuple[Setting, ...], before: Mapping[str, Any]) -> list[str]:
    """Puts back what is not as it was. Returns the names of what was changed."""
    found = []
    for setting in settings:
        then = before.get(setting.name)
        if then is not None and setting.read() != then:
            found.append(setting.name)
            # What cannot be put back (a folder that is gone) is at least told.
            with contextlib.suppress(Exception):
                setting.write(then)
    return found


def read(settings: tuple[Setting, ...]) -> dict[str, Any]:
    """What the settings are now."""
    return {setting.name: setting.read() for setting in settings}


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _to_environment(values: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in values]:
        del os.environ[name]
    os.environ.update(values)


def _timer() -> str | None:
    """Only a timer that nobody has set can be put back."""
    return None if signal.getitimer(signal.ITIMER_REAL)[0] else "off"


def _timer_off(value: str) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


def _to_locale(name: str) -> None:
    locale.setlocale(locale.LC_ALL, name)


class _Descriptors:
    """Standard input, output and error as descriptors, with copies from which they are put back."""

    def __init__(self) -> None:
        self._copies: dict[int, int] = {}
        self._open: tuple[int, ...] = ()
        self._watch = -1

    def read(self) -> dict[int, tuple[int, int] | None]:
        """The files behind the descriptors that were open when they were kept (None: closed since)."""
        return {number: _file(number) for number in self._open}

    def keep(self) -> None:
        """Has a copy of each that is open, and another one among the low numbers, to see whether it is left alone."""
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
        """Whether copies were closed: by somebody who closes what is not his own."""
        return any(_file(copy) is None for copy in (*self._copies.values(), self._watch))

    def write(self, files: Mapping[int, tuple[int, int] | None]) -> None:
        """Opens again what was closed or replaced; where the copy is gone too, on the null device."""
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
    return [(name, one, _closed(one)) for name in ("stdin", "stdout", "stderr") for one in [getattr(sys, name)]]


def _closed(stream: TextIO | None) -> bool:
    return bool(getattr(stream, "closed", False))


def _to_streams(streams: Streams) -> None:
    for number, (name, stream, was_closed) in enumerate(streams):
        if _closed(stream) and not was_closed:
            stream = open(number, "r" if number == 0 else "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
            if isinstance(stream, io.TextIOWrapper) and number:
                stream.reconfigure(line_buffering=True)
        setattr(sys, name, stream)


def _handlers() -> dict[int, Any] | None:
    """Only the main thread can change them."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return {number: signal.getsignal(number) for number in HANDLED}


def _to_handlers(handlers: dict[int, Any] | None) -> None:
    for number, handler in (handlers or {}).items():
        # None: not installed by Python, so it cannot be put back either.
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


HANDLERS = Setting("signal handlers", _handlers, _to_handlers)


def _torch() -> Any:
    """The library where somebody has imported it: nobody else can have changed it."""
    return sys.modules.get("torch")


def _of_torch(reader: str) -> Callable[[], Any]:
    def value() -> Any:
        torch = _torch()
        return getattr(torch, reader)() if hasattr(torch, reader) else None

    return value


def _to_device(value: Any) -> None:
    # The CPU without having been asked for is not the CPU that was asked for: that one costs time in every call.
    _torch().set_default_device(None if value.type == "cpu" else value)


def _to_torch(writer: str) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        getattr(_torch(), writer)(value)

    return put


PROCESS = (
    Setting("the working directory", _folder, os.chdir),
    Setting("the standard descriptors", DESCRIPTORS.read, DESCRIPTORS.write),
    Setting("sys.stdin, stdout or stderr", _streams, _to_streams),
    Setting("the environment", lambda: dict(os.environ), _to_environment),
    Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), _to_locale),
    Setting("the alarm timer", _timer, _timer_off),
    Setting("torch's default dtype", _of_torch("get_default_dtype"), _to_torch("set_default_dtype")),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
)
"""Of the whole process, whichever thread changes it."""


def _numpy_errors() -> Any:
    numpy = sys.modules.get("numpy")
    return numpy.geterr() if numpy is not None and hasattr(numpy, "geterr") else None


def _to_numpy_errors(value: Any) -> None:
    sys.modules["numpy"].seterr(**value)


THREAD = (
    Setting("torch's default device", _of_torch("get_default_device"), _to_device),
    Setting("whether torch records gradients", _of_torch("is_grad_enabled"), _to_torch("set_grad_enabled")),
    Setting("torch's number of threads", _of_torch("get_num_threads"), _to_torch("set_num_threads")),
    Setting("how numpy treats errors", _numpy_errors, _to_numpy_errors),
)
"""As the thread sees it that calls the plugin."""

LIBRARIES_SET = ("the environment",)
"""What libraries set for themselves while they are imported: left alone then."""
