"""Standard input, output and error that never fail, however a command was started.

A command may be started without streams (``2>&-``), the reader of its pipe may exit (``| head -1``), its output file
may be on a full disk, its terminal may be closed, its locale may lack characters. None of these ends the work.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gazenet.redaction import ESCAPING

NAMES = {1: "stdout", 2: "stderr"}


class RobustWriter(io.BufferedWriter):
    """A binary writer to a descriptor that is redirected to the null device once writing fails.

    Attributes:
        failure: the first error of writing, or None.
    """

    def __init__(self, descriptor: int, at_once: bool = False) -> None:
        # The descriptor is written by C code, which an interrupt cannot leave with a text partly counted.
        super().__init__(io.FileIO(descriptor, "wb", closefd=False))
        self._at_once = at_once
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all bytes and return their number; errors are recorded in ``failure``."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            try:
                rest = rest[super().write(rest) :]
            except BlockingIOError as error:
                rest = rest[error.characters_written :]
                self._wait()
            except OSError as error:
                self._lose(error)
        if self._at_once:
            self.flush()
        return size

    def flush(self) -> None:
        """Write buffered bytes; errors are recorded in ``failure``."""
        while True:
            try:
                return super().flush()
            except BlockingIOError:
                self._wait()
            except OSError as error:
                self._lose(error)

    def _wait(self) -> None:
        """Wait until the descriptor accepts bytes: a process that shares it may have set it to non-blocking."""
        select.select([], [self.fileno()], [])

    def _lose(self, error: OSError) -> None:
        self.failure = self.failure or error
        redirect_to_null(self.fileno())


class StandardStreams:
    """Standard output and error of a command while it runs."""

    def __init__(self) -> None:
        self.files: dict[str, RobustWriter] = {}

    @property
    def failure(self) -> OSError | None:
        """The error that ended standard output; None without one, and where the reader closed the pipe."""
        error = self.files["stdout"].failure if "stdout" in self.files else None
        return None if error is None or error.errno == errno.EPIPE else error

    def flush(self) -> None:
        """Flush standard output and error."""
        for name in NAMES.values():
            getattr(sys, name).flush()


def redirect_to_null(descriptor: int) -> None:
    """Redirect ``descriptor`` to the null device, for child processes too."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == descriptor:
        os.set_inheritable(descriptor, True)
        return
    os.dup2(opened, descriptor)
    os.close(opened)


def reserve_descriptors() -> None:
    """Open the descriptors 0 to 2 where they are closed: a file that got one of them would receive stderr output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            redirect_to_null(descriptor)


@contextmanager
def robust_streams(for_good: bool) -> Iterator[StandardStreams]:
    """Install standard streams that never raise within the block; texts that they cannot encode are escaped.

    Streams that other code has replaced stay as they are.

    Args:
        for_good: whether the process ends with the block; the streams then stay for its last output.
    """
    reserve_descriptors()
    streams, before = StandardStreams(), {name: getattr(sys, name) for name in ("stdin", *NAMES.values())}
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    for descriptor, name in NAMES.items():
        original = before[name]
        if original is getattr(sys, f"__{name}__"):
            streams.files[name] = _writer(descriptor, original)
            setattr(sys, name, _text(streams.files[name], original))
    try:
        yield streams
    finally:
        streams.flush()
        if not for_good:
            for name, original in before.items():
                setattr(sys, name, original)


def _writer(descriptor: int, like: Any) -> RobustWriter:
    """Return a writer to Python's stream, or to the null device without one: its number may be another file's."""
    if like is None:
        return RobustWriter(os.open(os.devnull, os.O_WRONLY))
    like.flush()
    return RobustWriter(descriptor, bool(getattr(like, "write_through", False)))


def _text(writer: RobustWriter, like: Any) -> io.TextIOWrapper:
    encoding = getattr(like, "encoding", "utf-8")
    return io.TextIOWrapper(
        writer,
        encoding,
        ESCAPING,
        line_buffering=bool(getattr(like, "line_buffering", True)),
        write_through=bool(getattr(like, "write_through", False)),
    )
