"""A child process that is started, exchanges messages with deadlines, and is always ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import IO, Any

from gazenet.cues.external.protocol import LINE_LIMIT, ProtocolError, line, parse, payload_size
from gazenet.errors import UsageError
from gazenet.guard.exception_text import as_line

PIECE = 1 << 16
SAID_LIMIT = 2000
"""Bytes kept of the end of the program's standard error."""
WAIT = 'read -r line; [ -n "$line" ] || kill -s KILL -- "-$1"'
"""The watchdog's command: it reads until a line is written (the program has been dismissed) or the writing end is
closed (kill it)."""
GOODBYE_S = 2.0
"""Seconds a program has to exit by itself after its input is closed."""


class ProgramError(Exception):
    """The program ended, hung or broke the protocol; the message says which and quotes its standard error."""


class ProgramTimeout(ProgramError):
    """The program did not read or answer in time."""


class Program:
    """A running program that answers messages. After a ProgramError only :meth:`close` may be called.

    However this process ends, the program and its children end too (see :class:`Watchdog`).

    Args:
        command: as typed into a shell; it is split into words, but no shell runs it.
        called: the name of the program in errors; the first word of the command by default.
        environment: of the program; by default that of this process.

    Raises UsageError if the command cannot be run.
    """

    def __init__(self, command: str, called: str = "", environment: Mapping[str, str] | None = None) -> None:
        self._arguments = _arguments(command)
        self._called = called or self._arguments[0]
        try:
            self._child = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # In a session of its own, Ctrl-C reaches this process only, and the program is ended with all its
                # children.
                start_new_session=True,
                env=environment,
            )
        except OSError as error:
            raise UsageError(f"command {command!r}: cannot be run ({error.strerror or error})") from None
        assert self._child.stdin and self._child.stdout and self._child.stderr
        self._input, self._output = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._input, False)
        os.set_blocking(self._output, False)
        self._unread = bytearray()
        self._stderr = bytearray()
        self._listener = threading.Thread(target=_listen, args=(self._child.stderr, self._stderr), daemon=True)
        self._listener.start()
        self.close = weakref.finalize(self, _end, self._child, self._listener, Watchdog(self._child.pid))

    def send(self, message: Mapping[str, Any], data: bytes | memoryview = b"", timeout: float = 10.0) -> None:
        """Send a message that has no answer. Raises ProgramError."""
        self._through(line(message), data, timeout, complete=lambda: True)

    def exchange(
        self, message: Mapping[str, Any], data: bytes | memoryview = b"", timeout: float = 10.0, limit: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """Send a message and return the answer with its payload of at most ``limit`` bytes.

        Raises ProgramError if the program has ended, takes longer than ``timeout`` seconds, or breaks the protocol.
        """
        if self._unread:
            raise self._error(f"spoke without being asked ({len(self._unread)} bytes)")
        answer: list[tuple[dict[str, Any], bytes]] = []

        def complete() -> bool:
            answer.extend(self._parsed(limit))
            return bool(answer)

        self._through(line(message), data, timeout, complete)
        return answer[0]

    def _parsed(self, limit: int) -> list[tuple[dict[str, Any], bytes]]:
        """Take the first message off the bytes read so far, if it is complete."""
        head = self._unread.find(b"\n", 0, LINE_LIMIT)
        if head < 0:
            if len(self._unread) >= LINE_LIMIT:
                raise self._error(f"wrote {len(self._unread)} bytes without the end of a line")
            return []
        try:
            message = parse(bytes(self._unread[:head]))
            size = payload_size(message)
        except ProtocolError as error:
            raise self._error(str(error)) from None
        if size > limit:
            raise self._error(f"announced {size} bytes where {limit} were expected")
        if len(self._unread) < head + 1 + size:
            return []
        data = bytes(self._unread[head + 1 : head + 1 + size])
        del self._unread[: head + 1 + size]
        return [(message, data)]

    def _through(self, head: bytes, data: bytes | memoryview, timeout: float, complete: Callable[[], bool]) -> None:
        """Write and read as far as the program allows, until all is written and ``wanted()`` is true."""
        deadline = time.monotonic() + timeout
        waiting = [memoryview(head), memoryview(data)]
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._input, selectors.EVENT_WRITE)
            while True:
                while waiting and not waiting[0]:
                    waiting.pop(0)
                if not waiting:
                    if complete():
                        return
                    if self._input in selector.get_map():
                        selector.unregister(self._input)
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise self._error(
                        f"did not {'read' if waiting else 'answer'} within {timeout:g} s", ProgramTimeout
                    )
                for key, _ in selector.select(remaining):
                    self._move(key.fd, waiting)

    def _move(self, descriptor: int, waiting: list[memoryview]) -> None:
        try:
            if descriptor == self._input:
                waiting[0] = waiting[0][os.write(self._input, waiting[0][:PIECE]) :]
                return
            piece = os.read(self._output, PIECE)
        except BlockingIOError:
            return
        except BrokenPipeError:
            raise self._error(self._ending()) from None
        if not piece:
            raise self._error(self._ending())
        if waiting and len(self._unread) > LINE_LIMIT:
            raise self._error("floods its output while its input is unread")
        self._unread += piece

    def _ending(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._child.wait(GOODBYE_S)
            return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return "closed its output"

    def _error(self, problem: str, kind: type[ProgramError] = ProgramError) -> ProgramError:
        self._listener.join(0.2)
        words = as_line(self._stderr.decode("utf-8", "replace")[-300:])
        return kind(f"{self._called} {problem}" + (f"; it said: {words}" if words else ""))


class Watchdog:
    """A watchdog that ends the process group ``group`` when this process has ended, for whatever reason.

    A shell waits at a pipe whose other end only this process holds. When this process is gone, so is its end of the
    pipe, and the shell ends the program with all its children.
    """

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


def _arguments(command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"command {command!r}: {error}") from None
    if not arguments:
        raise UsageError("command is empty: name the program that makes the maps")
    return arguments


def _listen(stream: IO[bytes], tail: bytearray) -> None:
    """Keep the end of the program's standard error; reading all of it keeps the program from blocking."""
    with contextlib.suppress(OSError, ValueError):
        while piece := os.read(stream.fileno(), 4096):
            tail += piece
            del tail[:-SAID_LIMIT]


def _end(child: subprocess.Popen[bytes], listener: threading.Thread, watchdog: Watchdog) -> None:
    """Close the input, wait a moment, then end the program with all its children."""
    assert child.stdin and child.stdout and child.stderr
    with contextlib.suppress(OSError):
        child.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GOODBYE_S)
    # Before the kill: once the group is gone, its number may be reused and the watchdog would end others.
    watchdog.dismiss()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    listener.join(GOODBYE_S)
    child.stdout.close()
    child.stderr.close()
