"""Standard input, output and error that a command can rely on, whatever it was started with.

A command may be started without any of them (``2>&-``), its reader may leave (``| head -1``), the file that it is
led to may be on a full disk, its terminal may be closed, its locale may know no umlauts. None of that ends work.
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


class LastingWriter(io.BufferedWriter):
    """What is written to a descriptor; once that fails, the descriptor leads nowhere and ``failure`` says why."""

    def __init__(self, descriptor: int, at_once: bool = False) -> None:
        # The descriptor is written by C code, which an interrupt cannot leave with a text half counted.
        super().__init__(io.FileIO(descriptor, "wb", closefd=False))
        self._at_once = at_once
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
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
        while True:
            try:
                return super().flush()
            except BlockingIOError:
                self._wait()
            except OSError as error:
                self._lose(error)

    def _wait(self) -> None:
        """Until there is room: whoever shares the terminal or pipe with us has set it not to block."""
        select.select([], [self.fileno()], [])

    def _lose(self, error: OSError) -> None:
        self.failure = self.failure or error
        lead_nowhere(self.fileno())


class StandardStreams:
    """Standard output and error of a command while it runs; ``failure`` of what could not be said on stdout."""

    def __init__(self) -> None:
        self.files: dict[str, LastingWriter] = {}

    @property
    def failure(self) -> OSError | None:
        """Why standard output was lost; None where it was not, or where its reader wanted no more."""
        found = self.files["stdout"].failure if "stdout" in self.files else None
        return None if found is None or found.errno == errno.EPIPE else found

    def flush(self) -> None:
        """Brings everything out that was said."""
        for name in NAMES.values():
            getattr(sys, name).flush()


def lead_nowhere(descriptor: int) -> None:
    """Makes ``descriptor`` lead to the null device, for child processes too."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == descriptor:
        os.set_inheritable(descriptor, True)
        return
    os.dup2(opened, descriptor)
    os.close(opened)


def reserve_descriptors() -> None:
    """Makes the descriptors 0 to 2 exist: a file that got one of them would receive what others write to stderr."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            lead_nowhere(descriptor)


@contextmanager
def lasting_streams(for_good: bool) -> Iterator[StandardStreams]:
    """Within the block the standard streams exist and never raise; texts that they cannot encode are escaped.

    Streams that somebody else put in their place are left alone.

    Args:
        for_good: the process ends with the block, and what is said on the way out is said through them too.
    """
    reserve_descriptors()
    streams, before = StandardStreams(), {name: getattr(sys, name) for name in ("stdin", *NAMES.values())}
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    for descriptor, name in NAMES.items():
        given = before[name]
        if given is getattr(sys, f"__{name}__"):
            streams.files[name] = _writer(descriptor, given)
            setattr(sys, name, _text(streams.files[name], given))
    try:
        yield streams
    finally:
        streams.flush()
        if not for_good:
            for name, given in before.items():
                setattr(sys, name, given)


def _writer(descriptor: int, like: Any) -> LastingWriter:
    """Writes where the stream of Python does; where it made none, nowhere, for the number may be somebody's file."""
    if like is None:
        return LastingWriter(os.open(os.devnull, os.O_WRONLY))
    like.flush()
    return LastingWriter(descriptor, bool(getattr(like, "write_through", False)))


def _text(writer: LastingWriter, like: Any) -> io.TextIOWrapper:
    encoding = getattr(like, "encoding", "utf-8")
    return io.TextIOWrapper(
        writer,
        encoding,
        ESCAPING,
        line_buffering=bool(getattr(like, "line_buffering", True)),
        write_through=bool(getattr(like, "write_through", False)),
    )
